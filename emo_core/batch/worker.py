"""What every worker does, whoever starts it: names of one shard -> predictions -> rows on disk."""

import errno
import hashlib
import json
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from emo_core.batch.names import AskedRow, is_url, store_of, unreadable
from emo_core.batch.out_folder import BatchFolder
from emo_core.errors import EmoError, failure_sentence
from emo_core.io.atomic import atomic_path, scratch_folder
from emo_core.schema import DEFAULT_METHOD

if TYPE_CHECKING:
    from emo_core.checkpoint import Checkpoint

MOST_DEATHS = 3  # of workers, over one clip; then it is a row with an error
COPIES, COPY_BYTES = "emo-clip-", 1 << 20  # of clips in object stores
LONGEST_NAME = 60  # letters; files' names have at most 255 bytes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NoRoomError(EmoError):
    """The disk for copies of clips is full, which is no clip's fault."""


class DeviceError(EmoError):
    """A GPU that can't be used, or no longer, which is no clip's fault."""


@dataclass(frozen=True)
class BatchJob:
    """What every row of a batch is made by."""

    out: Path
    model: Path  # the checkpoint's folder
    weights: str  # SHA-256
    version: str
    max_windows: int
    explain: str | None = None  # preset
    features: bool = False
    device: str = "cpu"  # of the worker, as torch names it
    method: str = DEFAULT_METHOD  # of explanations


@dataclass(frozen=True)
class ShardDone:
    """What became of one shard."""

    shard: int
    rows: int = 0
    failed: int = 0
    why: str = ""  # it could not be written


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Worker:
    """Answers shards of a batch in one thread; loads the model with the first."""

    def __init__(self, job: BatchJob) -> None:
        self.job = job
        self.folder = BatchFolder(job.out)
        self.checkpoint: Checkpoint | None = None

    def answer(self, shard: int) -> ShardDone:
        """Write the rows of a shard, unless they are there already."""
        try:
            if not self.folder.rows(shard).is_file():
                self._write(shard)
            return self._count(shard)
        except OSError as error:
            return ShardDone(shard, why=error.strerror or str(error))
        except EmoError as error:
            return ShardDone(shard, why=str(error))

    def _write(self, shard: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from emo_core.batch.rows import row_schema

        with _attempt(self.folder.attempts(shard)) as attempt:
            checkpoint = self._loaded()
            names = self.folder.names(shard)
            rows = [self._row(attempt, index, name) for index, name in enumerate(names)]
            first = shard * json.loads((self.job.out / "batch.json").read_text())["shard_rows"]
            for index, row in enumerate(rows):
                row["row"] = first + index
            schema = row_schema(checkpoint, self.job.explain, self.job.features)
            table = pa.Table.from_pylist(rows, schema)
            with atomic_path(self.folder.rows(shard)) as path:
                pq.write_table(table, path, compression="zstd")

    def _loaded(self) -> "Checkpoint":
        if self.checkpoint is None:
            import cv2
            import torch

            torch.set_num_threads(1)
            cv2.setNumThreads(1)
            checkpoint = self._load()
            try:
                checkpoint.model.to(self.job.device)
            except (RuntimeError, AssertionError) as error:  # the latter: torch without CUDA
                raise _device_error(self.job.device, error) from error
            self.checkpoint = checkpoint
        return self.checkpoint

    def _load(self) -> "Checkpoint":
        """The checkpoint that the batch began with: a worker may start days later."""
        from emo_core.checkpoint import WEIGHTS, load_checkpoint

        checkpoint, folder = load_checkpoint(self.job.model), self.job.model
        if file_sha256(folder / WEIGHTS) != self.job.weights:
            raise EmoError(
                "{folder} holds other weights than when the batch began; expected the same to the "
                "end; put them back.",
                folder=folder,
            )
        return checkpoint

    def _row(self, attempt: "Attempt", index: int, asked: AskedRow) -> dict[str, Any]:
        """The row of one clip; whatever goes wrong with it is its error."""
        job = self.job
        row: dict[str, Any] = {"id": asked.id, "clip": _as_text(asked.clip)}
        row |= {"model": self._loaded().name, "weights": job.weights, "version": job.version}
        if asked.error:
            return row | {"status": "failed", "error": _as_text(asked.error)}
        if attempt.deaths[index] >= MOST_DEATHS:
            why = (
                f"{asked.clip} ended the process that read it {MOST_DEATHS} times; expected a clip "
                "that can be read; look at it alone, with emo predict."
            )
            return row | {"status": "failed", "error": _as_text(why)}
        attempt.begin(index)
        return row | self._answer(asked.clip)

    def _answer(self, name: str) -> dict[str, Any]:
        import torch

        from emo_core.batch.rows import add_asked, answered
        from emo_core.clip import load_clip
        from emo_core.inference.predict import predict_clip

        row: dict[str, Any] = {}
        checkpoint, job = self._loaded(), self.job
        try:
            with _on_disk(name) as path:
                found = predict_clip(load_clip(path), checkpoint, job.max_windows)
            row |= answered(found)
            add_asked(row, checkpoint, found, job.explain, job.features, job.method)
        except NoRoomError:
            raise
        except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
            raise _device_error(job.device, error) from error
        except Exception as error:  # an answer that is known stays, though its explanation failed
            row |= {"status": "failed", "error": _as_text(failure_sentence(error))}
        return row

    def _count(self, shard: int) -> ShardDone:
        import pyarrow.parquet as pq

        status = pq.read_table(self.folder.rows(shard), columns=["status"]).column(0)
        return ShardDone(shard, len(status), status.to_pylist().count("failed"))


def _device_error(device: str, error: Exception) -> DeviceError:
    return DeviceError(
        "{device} can't compute ({why}); expected a GPU that torch drives, with room for every "
        "worker's model; give fewer --workers, or set CUDA_VISIBLE_DEVICES to nothing.",
        device=device,
        why=" ".join(str(error).split())[:160] or type(error).__name__,
    )


def _as_text(name: str) -> str:
    """A name as it can be written; bytes that are no text are spelled."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _on_disk(name: str) -> Iterator[str]:
    """A clip's file; one of an object store is copied for as long as it is read."""
    if not is_url(name):
        yield _spelled_here(name)
        return
    with ExitStack() as held:
        try:
            copy = held.enter_context(scratch_folder(COPIES)) / _file_name(name)
            store, path = store_of(name)
            with store.open(path, "rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, COPY_BYTES)
        except Exception as error:  # libraries of object stores raise errors of their own
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise NoRoomError(
                    "{folder} has no room for a copy of {name} ({reason}); expected some; make "
                    "some, or set TMPDIR.",
                    folder=gettempdir(),
                    name=name,
                    reason=error.strerror,
                ) from error
            raise EmoError(unreadable(name, error)) from error
        yield str(copy)


def _spelled_here(name: str) -> str:
    """A name as its file has it: other systems' tables write backslashes and compose letters."""
    plain = name.replace("\\", "/")
    forms = (name, plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD")))
    return next((one for one in forms if os.path.exists(one)), name)


def _file_name(url: str) -> str:
    """The last part of an address as a file's name, which sentences about the clip repeat."""
    name = url.rstrip("/").rpartition("/")[2].replace("\0", "")[-LONGEST_NAME:]
    return name if name.strip(".") else "clip"


class Attempt:
    """One worker's turn at a shard: says before each clip which it is, for those who come after."""

    def __init__(self, file: int, deaths: Counter) -> None:
        self.file, self.deaths = file, deaths  # deaths: of workers, by the clip's index

    def begin(self, index: int) -> None:
        os.write(self.file, f" {index}".encode())


@contextmanager
def _attempt(path: Path) -> Iterator[Attempt]:
    """A line of `path` per worker that had a shard; the last number in it is of its last clip."""
    path.parent.mkdir(exist_ok=True)
    deaths: Counter[int | None] = Counter()
    with suppress(FileNotFoundError):
        for line in path.read_text(encoding="ascii").split("\n")[1:]:
            indices = line.split()
            deaths[int(indices[-1]) if indices else None] += 1
    if deaths[None] >= MOST_DEATHS:
        raise EmoError(
            "{count} workers ended before they read a clip; expected room for the model in memory; "
            "give fewer --workers.",
            count=deaths[None],
        )
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(file, b"\n")
        yield Attempt(file, deaths)
        path.unlink(missing_ok=True)
    finally:
        os.close(file)
