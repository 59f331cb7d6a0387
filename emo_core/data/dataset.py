"""Labelled windows of any corpus as a torch data set, through the cache.

The order of an epoch and every augmentation follow from (seed, epoch, index) alone, so a resumed
run sees what an uninterrupted one would have seen, whatever the number of loader workers.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from emo_core.clip import ClipError, load_clip
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, CorpusError, Item
from emo_core.distributed import rank_slice, world_size
from emo_core.faces.detection import face_detector
from emo_core.faces.tracking import Tracks, track_faces
from emo_core.io.processes import processes
from emo_core.preprocess.augment import NONE, Augment, augment_window, hide_stripes
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import DecodedWindow, Sample, SampleConfig, decode_window, to_sample

MEMORY_SHARE = 0.25  # of the machine's, that a data set may fill with windows it has read
FEW = 64  # windows; below this, starting worker processes costs more than it saves

Target = Callable[[Any], Any]  # what a task makes of an item's label


class Window(Protocol):
    """One labelled window that can be decoded."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> Any: ...  # what the task expects
    @property
    def group(self) -> str: ...
    @property
    def regime(self) -> str | None: ...
    @property
    def processes(self) -> bool: ...  # True where decoding holds Python's lock: threads don't help
    def key(self, cache: Cache) -> str: ...
    def decode(self, config: SampleConfig) -> DecodedWindow: ...


@dataclass(frozen=True)
class FileWindow:
    """The first window of a clip on disk, or of a part of it."""

    name: str
    path: Path
    target: Any  # what the task expects: a class index, ...
    group: str
    regime: str | None = None
    text: str = ""
    span_s: tuple[float, float] | None = None
    longest_s: float = math.inf  # seconds that are read at most
    processes = False

    def key(self, cache: Cache) -> str:
        decisive: list[object] = [self.span_s] if self.span_s else []
        decisive += [self.longest_s] if self.longest_s < cache.config.window_s else []
        decisive += [self.text] if self.text and cache.config.text_length else []
        decisive += [self.faces_by()] if cache.config.people else []
        content = cache.key(self.path)
        return key_digest(content, *decisive) if decisive else content

    def faces_by(self) -> str:
        """Which detector finds faces: another one finds others."""
        return face_detector().name

    def decode(self, config: SampleConfig) -> DecodedWindow:
        clip = load_clip(self.path)
        start_s, end_s = resolve_span(clip.duration_s, self.span_s, self.path)
        end_s = min(end_s, start_s + self.longest_s)
        own = self.follow if config.face_size else track_faces  # eyes are the detector's
        follow = partial(own, every=config.face_every)
        decoded = decode_window(clip, config, start_s, end_s, follow)
        return replace(decoded, text=self.text)

    def follow(self, frames: np.ndarray, times_s: np.ndarray, every: int = 1) -> Tracks:
        """The people in frames (T, H, W, 3) of the clip; see `track_faces`."""
        return track_faces(frames, times_s, every)


def resolve_span(
    duration_s: float, span_s: tuple[float, float] | None, path: Path, slack_s: float = math.inf
) -> tuple[float, float]:
    """Start and end of the part of a file; None = all of it.

    Raises ClipError where it starts after the file's end, or ends more than `slack_s` after it.
    """
    if span_s is None:
        return 0.0, duration_s
    start_s, end_s = span_s
    known = math.isfinite(start_s) and math.isfinite(end_s)
    if not known or start_s >= duration_s or end_s > duration_s + slack_s:
        raise ClipError(
            "it lasts from {start_s:.1f} to {end_s:.1f} s, but {name} ends at {duration_s:.1f} s; "
            "expected a part of it; correct the times, or copy the file again if it is cut short.",
            start_s=start_s,
            end_s=end_s,
            name=path.name,
            duration_s=duration_s,
        )
    return start_s, end_s


def key_digest(*parts: object) -> str:
    """A cache key made of everything that decides what a window decodes to."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def file_windows(items: Sequence[Item], target: Target) -> list[Window]:
    """Labelled items -> windows of whole files or of the part that is meant."""
    return [
        FileWindow(
            i.name, i.path, target(i.label), i.group, i.regime, i.text, i.span_s, i.longest_s
        )
        for i in items
        if i.label is not None
    ]


def corpus_windows(corpus: Corpus, items: Sequence[Item], target: Target) -> list[Window]:
    """The windows of labelled items: what the corpus's reader makes of them, else one a file."""
    if corpus.windows is None:
        return file_windows(items, target)
    return list(corpus.windows(corpus, items, target))


def _store(window: Window, cache: Cache) -> str | None:
    """Put one window into the cache; return a sentence if it can't be decoded."""
    try:
        cache.get(window.key(cache), partial(window.decode, cache.config))
    except (ClipError, OSError) as error:
        return f"{window.name}: {error}"
    return None


def prepare(
    windows: Sequence[Window],
    cache: Cache,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Window], list[str]]:
    """Decode what the cache lacks: (windows that can be used, a sentence for each other one)."""
    problems: dict[int, str] = {}
    cache.remove_unfinished()
    missing = [i for i, window in enumerate(windows) if not _is_stored(window, cache)]
    pool = _pool([windows[i] for i in missing], workers or os.cpu_count() or 1)
    try:
        jobs = {pool.submit(_store, windows[i], cache): i for i in missing}
        for done, job in enumerate(as_completed(jobs), start=len(windows) - len(missing) + 1):
            sentence = job.result()
            if sentence:
                problems[jobs[job]] = sentence
            if progress:
                progress(done, len(windows))
    except BrokenProcessPool as error:
        raise CorpusError(
            "a process that was decoding clips was ended from outside (often for want of memory); "
            "run the same command again: what is in the cache is not decoded again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)  # who stops it does not wait for all the rest
    usable = [window for i, window in enumerate(windows) if i not in problems]
    return usable, [problems[i] for i in sorted(problems)]


def _is_stored(window: Window, cache: Cache) -> bool:
    try:
        return cache.has(window.key(cache))
    except OSError:
        return False  # the file can't be read; decoding it says why


def _pool(windows: Sequence[Window], workers: int) -> Executor:
    if len(windows) >= FEW and any(window.processes for window in windows):
        return processes(workers)
    return ThreadPoolExecutor(workers)


def machine_bytes() -> int:
    """Physical memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class ClipDataset(Dataset):
    """Windows by (epoch, index); augmented unless `augment` is NONE.

    What has been read stays in memory as far as KEEP allows: the system may drop a file's pages
    between two epochs, and a slow disk then costs more than the training step.
    """

    def __init__(
        self, windows: Sequence[Window], cache: Cache, augment: Augment = NONE, seed: int = 0
    ) -> None:
        self.windows, self.cache, self.augment, self.seed = list(windows), cache, augment, seed
        self._in_memory: dict[int, DecodedWindow] = {}
        self._room = MEMORY_SHARE * machine_bytes() / world_size()

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, Any]:
        epoch, index = position
        window, config, decoded = self.windows[index], self.cache.config, self._load_window(index)
        if self.augment is not NONE:
            rng = np.random.default_rng([self.seed, epoch, index])
            sample = to_sample(augment_window(decoded, self.augment, rng), config)
            return hide_stripes(sample, self.augment.spec_stripes, rng), window.target
        return to_sample(decoded, config), window.target

    def _load_window(self, index: int) -> DecodedWindow:
        if index in self._in_memory:
            return self._in_memory[index]
        window = self.windows[index]
        found = self.cache.get(window.key(self.cache), partial(window.decode, self.cache.config))
        large = {name: getattr(found, name) for name in ("pixels", "wave", "faces")}
        size = sum(values.nbytes for values in large.values() if values is not None)
        if self._room >= size:
            self._room -= size
            copied = {name: v.copy() for name, v in large.items() if v is not None}
            found = self._in_memory[index] = replace(found, **copied)
        return found

    @property
    def groups(self) -> np.ndarray:
        return np.array([window.group for window in self.windows])


class ConcatDataset(Dataset):
    """Several data sets of one SampleConfig, one after the other."""

    def __init__(self, datasets: Sequence[ClipDataset]) -> None:
        self.datasets = [part for part in datasets if len(part)]
        self.windows = [window for part in self.datasets for window in part.windows]
        self.cache = datasets[0].cache

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def groups(self) -> np.ndarray:
        return np.array([window.group for window in self.windows])

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, Any]:
        epoch, index = position
        for part in self.datasets:
            if index < len(part):
                return part[epoch, index]
            index -= len(part)
        raise IndexError(f"place {position[1]} of {len(self)}")


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index): shuffled by (seed, epoch) for training, in order otherwise.

    Where several processes train, each gets its share of batches that are as many times larger.
    """

    def __init__(self, size: int, batch: int, shuffle: bool, seed: int = 0) -> None:
        self.size, self.shuffle, self.seed, self.epoch = size, shuffle, seed, 0
        self.batch = batch * world_size()

    def __len__(self) -> int:
        return -(-self.size // self.batch)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(self.size) if self.shuffle else np.arange(self.size)
        for start in range(0, self.size, self.batch):
            batch: list[int] = order[start : start + self.batch].tolist()
            yield [(self.epoch, index) for index in rank_slice(batch)]


def _collate(rows: list[tuple[Sample, int]]) -> Batch:
    samples, targets = zip(*rows, strict=True)
    return collate(samples, targets)


class Loader:
    """Batches of a data set, epoch by epoch; every clip is in exactly one batch of an epoch."""

    def __init__(
        self,
        dataset: Any,
        batch: int,
        shuffle: bool,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        """dataset: a ClipDataset, or another with `windows`, `groups` and its own `collate`."""
        if not len(dataset):
            raise CorpusError("there are no clips to load; expected at least one usable clip.")
        self.dataset = dataset
        self.batches = EpochBatches(len(dataset), batch, shuffle, seed)
        self._loader = DataLoader(
            dataset,
            batch_sampler=self.batches,
            collate_fn=getattr(dataset, "collate", _collate),
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
        )

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def sizes(self) -> list[int]:
        """Clips of each batch, over all processes."""
        size, batch = self.batches.size, self.batches.batch
        return [min(batch, size - start) for start in range(0, size, batch)]

    @property
    def indices(self) -> list[int]:
        """Which windows this process reads, in the order of an epoch."""
        return [index for batch in self.batches for _, index in batch]

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of epoch `index`, the same at every call."""
        self.batches.epoch = index
        return iter(self._loader)
