"""What frozen towers saw of each window, on disk: computed once, so that training is quick.

A file holds CHUNK windows and appears under its name only when it is whole; a killed run goes on
with the first chunk that is missing. Values are kept in 16 bits and read through a memory map.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from emo_core.distributed import on_rank_zero
from emo_core.errors import EmoError, os_reason
from emo_core.io.atomic import atomic_path, remove_unfinished
from emo_core.io.environment import cache_folder
from emo_core.models.interface import Features, SupportsFeatures
from emo_core.models.layers.towers import Tokens
from emo_core.models.precision import for_inference, model_device
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import Sample

CHUNK = 64  # windows a file
REVISION = 2  # raised when towers of the same weights make something else of a window
AT_ONCE = 16  # windows that go through the towers together
TENSORS = ("values", "mask", "times_s")  # of Tokens
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}  # by recipe's precision
Progress = Callable[[str, int, int], None]


class FeatureCacheError(EmoError):
    """Features that can't be kept or read back; the message says what to do."""


def tower_digest(model: Any, streams: Sequence[str]) -> str:
    """Changes with any weight of a backbone of these streams, and with what its repr states."""
    prefixes = tuple(
        f"{name}.backbone." for stream in streams for name in model.kept_towers(stream)
    )
    digest = hashlib.blake2b(digest_size=8)
    for name, value in sorted(model.state_dict().items()):
        if name.startswith(prefixes):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    for name in prefixes:
        digest.update(model.get_submodule(name[:-1]).extra_repr().encode())
    return digest.hexdigest()


def cached_features(
    model: Any,
    windows: Any,
    key: Sequence[object],
    streams: Sequence[str],
    workers: int = 0,
    progress: Progress | None = None,
    precision: str = "float16",
) -> list[Features]:
    """Features of every window of a data set, in order, each without a batch axis.

    windows: of a known length; (0, index) -> (Sample, target). key: everything that decides what
    they show; the streams and the weights of their towers are added. precision: one of DTYPES.
    Streams without a tower whose features may be kept are left out. Raises FeatureCacheError.
    """
    streams = [stream for stream in streams if model.kept_towers(stream)]
    if not streams:
        return [{} for _ in range(len(windows))]
    rounded = [] if precision == "float16" else [precision]  # as until 0.2: caches stay valid
    text = "|".join(map(str, (REVISION, *key, *streams, tower_digest(model, streams), *rounded)))
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    files = chunk_files(cache_folder() / "features" / digest, len(windows))

    def fill() -> None:
        missing = [number for number, path in enumerate(files) if not path.is_file()]
        done = len(files) - len(missing)
        remove_unfinished(cache_folder() / "features" / digest)
        computed = _computed(model, windows, streams, missing, workers, DTYPES[precision])
        for number, rows in zip(missing, computed, strict=True):
            _write(files[number], rows)
            done += 1
            if progress:
                progress("features", min(done * CHUNK, len(windows)), len(windows))

    on_rank_zero(fill)
    return [row for path in files for row in _read(path)]


def chunk_files(folder: Path, count: int) -> list[Path]:
    """The files of `count` windows; a chunk's name says how many of them it holds."""
    sizes = [min(CHUNK, count - first) for first in range(0, count, CHUNK)]
    return [folder / f"{number:05d}-{size}.safetensors" for number, size in enumerate(sizes)]


class _AtEpochZero:
    """A data set of (epoch, index) as one of indices."""

    def __init__(self, windows: Any) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        return self.windows[0, index][0]


def _computed(
    model: Any,
    windows: Any,
    streams: Sequence[str],
    chunks: Sequence[int],
    workers: int,
    precision: torch.dtype,
) -> Iterator[list[Features]]:
    """Features of the windows of some chunks, chunk by chunk."""
    names = [name for stream in streams for name in model.kept_towers(stream)]
    count = len(windows)
    sizes = [min(CHUNK, count - number * CHUNK) for number in chunks]
    places = [n * CHUNK + i for n, size in zip(chunks, sizes, strict=True) for i in range(size)]
    part = Subset(cast(Any, _AtEpochZero(windows)), places)
    loader = DataLoader(part, AT_ONCE, collate_fn=collate, num_workers=workers)
    cast("nn.Module", model).eval()
    rows: list[Features] = []
    for batch in loader:
        rows += batch_features(model, cast(Batch, batch), streams, names, precision)
        while sizes and len(rows) >= sizes[0]:
            yield rows[: sizes[0]]
            rows = rows[sizes.pop(0) :]


def batch_features(
    model: Any,
    batch: Batch,
    streams: Sequence[str],
    names: Sequence[str],
    precision: torch.dtype = DTYPES["float16"],
) -> list[Features]:
    """What some towers of some streams see of a batch, one a window, rounded, on the CPU."""
    assert isinstance(model, SupportsFeatures)
    device = model_device(cast("nn.Module", model))
    with torch.inference_mode(), for_inference(cast("nn.Module", model), device):
        seen = model.features(batch.to(device), streams)
        return _rows({name: seen[name] for name in names}, precision)


def _rows(features: Features, precision: torch.dtype) -> list[Features]:
    """A batch's features -> one a window, on the CPU."""
    count = len(next(iter(features.values())).mask)
    return [
        {
            name: Tokens(
                seen.values[i].to(precision).cpu(), seen.mask[i].cpu(), seen.times_s[i].cpu()
            )
            for name, seen in features.items()
        }
        for i in range(count)
    ]


def _write(path: Path, rows: Sequence[Features]) -> None:
    from safetensors.torch import save

    stacked = {
        f"{name}.{field}": torch.stack([getattr(row[name], field) for row in rows]).contiguous()
        for name in rows[0]
        for field in TENSORS
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as whole:
            whole.write_bytes(save(stacked))
    except OSError as error:
        raise FeatureCacheError(
            "the cache in {parent} can't be written ({reason}); free some space or set EMO_CACHE.",
            parent=path.parent,
            reason=os_reason(error),
        ) from error


def _read(path: Path) -> list[Features]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FeatureCacheError(
            "{path} is damaged; expected features that were kept there; delete {parent}.",
            path=path,
            parent=path.parent,
        ) from error
    names = sorted({name.rpartition(".")[0] for name in stored})
    count = len(next(iter(stored.values())))

    def tokens(name: str, row: int) -> Tokens:
        values, mask, times_s = (stored[f"{name}.{field}"][row] for field in TENSORS)
        return Tokens(values, mask, times_s)

    return [{name: tokens(name, row) for name in names} for row in range(count)]
