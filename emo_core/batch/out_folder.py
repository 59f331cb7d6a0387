"""The folder of one batch: held by one process, and taken up again by the same batch only.

`batch.json` says what is asked of which clips; `names.arrow` has their names, in shards of equal
size; `rows/shard-NNNNNNN.parquet` has the rows of one shard, there as a whole or not at all, so
that what is missing is known by name whatever is killed. `attempts/` is of a run that goes on.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from emo_core.batch.names import AskedRow, BatchError
from emo_core.io.atomic import SUFFIX, atomic_path, remove_unfinished, sole_writer

SETTINGS, NAMES, ROWS, ATTEMPTS = "batch.json", "names.arrow", "rows", "attempts"
LARGEST_SHARD = 100  # rows: what is lost at most where a worker is killed
LARGEST_WITH_FEATURES = 20  # rows of a few MB each, where clips last minutes
SHARDS_A_WORKER = 4  # at least, so that all have work until the end


@dataclass(frozen=True)
class BatchFolder:
    """Where each shard of a batch is read and written."""

    root: Path

    def rows(self, shard: int) -> Path:
        """The Parquet file of a shard."""
        return self.root / ROWS / f"shard-{shard:07d}.parquet"

    def attempts(self, shard: int) -> Path:
        """What was begun of a shard that is not written."""
        return self.root / ATTEMPTS / f"{shard:07d}"

    def names(self, shard: int) -> list[AskedRow]:
        """The clips of a shard."""
        import pyarrow as pa

        with pa.memory_map(str(self.root / NAMES)) as source:
            found = pa.ipc.open_file(source).get_batch(shard).to_pydict()
        clips = map(os.fsdecode, found.pop("clip"))
        return [AskedRow(*row) for row in zip(clips, *found.values(), strict=True)]


@dataclass(frozen=True)
class OpenBatch:
    """A batch that is held by this process."""

    folder: BatchFolder
    clips: int
    shard_rows: int

    @property
    def shards(self) -> int:
        return -(-self.clips // self.shard_rows)

    def rows_of(self, shards: Iterable[int]) -> int:
        """How many clips some shards have."""
        last = self.shards - 1
        return sum(
            self.clips - last * self.shard_rows if shard == last else self.shard_rows
            for shard in shards
        )

    def missing(self) -> list[int]:
        """The shards that are not written."""
        written = set(os.listdir(self.folder.root / ROWS))
        return [i for i in range(self.shards) if self.folder.rows(i).name not in written]


@contextmanager
def open_batch(
    out: Path,
    settings: dict[str, Any],
    rows: Iterable[AskedRow],
    resume: bool,
    workers: int,
    largest: int = LARGEST_SHARD,
) -> Iterator[OpenBatch]:
    """Make or reopen the folder of a batch, and hold it.

    settings: whatever a row depends on; largest: shard of a new batch, rows. Raises BatchError
    where the folder holds something else, or rows without `resume`; FolderInUseError where another
    process writes into it.
    """
    if out.exists() and not out.is_dir():
        raise BatchError("{out} is a file; expected a new or empty folder; name another.", out=out)
    new, before = not out.exists(), _read_settings(out)
    if before is not None and not resume and any(out.glob(f"{ROWS}/*.parquet")):
        raise BatchError(
            "{out} holds rows already; expected a new folder; add --resume to go on with them, or "
            "choose another --out.",
            out=out,
        )
    try:
        (out / ROWS).mkdir(parents=True, exist_ok=True)
        with sole_writer(out):
            remove_unfinished(out / ROWS)
            shutil.rmtree(out / ATTEMPTS, ignore_errors=True)
            (out / ATTEMPTS).mkdir()
            most = (largest, workers * SHARDS_A_WORKER)
            yield _written_names(out, settings, rows, before if resume else None, *most)
            remove_unfinished(out / ROWS)  # of workers that were killed
            shutil.rmtree(out / ATTEMPTS, ignore_errors=True)
    except OSError as error:
        raise cant_write(out, error) from error
    finally:
        if before is None:
            _give_back(out, new)


def cant_write(out: Path, error: OSError) -> BatchError:
    """Why rows can't be written, as on a full disk."""
    return BatchError(
        "{out} can't be written ({reason}); expected a folder with room; make some and go on with "
        "--resume, or choose another --out.",
        out=out,
        reason=error.strerror or str(error),
    )


def _read_settings(out: Path) -> dict[str, Any] | None:
    """What the folder's batch was asked; None where there is none."""
    path = out / SETTINGS
    if not path.is_file():
        ours = {ROWS, ATTEMPTS, NAMES}  # of a batch that was killed while it began
        found = sorted(one.name for one in out.iterdir()) if out.is_dir() else []
        strange = [name for name in found if name not in ours and not name.endswith(SUFFIX)]
        if strange or any(out.glob(f"{ROWS}/*.parquet")):
            raise BatchError(
                "{out} holds something that is no batch; expected a new or empty folder; name "
                "another.",
                out=out,
            )
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"settings": dict(found["settings"]), **{k: found[k] for k in DESCRIBED}}
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise BatchError(
            "{path} can't be read; expected what a batch wrote there; choose another --out.",
            path=path,
        ) from error


DESCRIBED = ("clips", "shard_rows", "names_sha256")


def _written_names(
    out: Path,
    settings: dict[str, Any],
    rows: Iterable[AskedRow],
    before: dict[str, Any] | None,
    largest: int,
    fewest: int,
) -> OpenBatch:
    """Write the names and what is asked; raise BatchError where rows are of something else.

    largest: shard, in rows; fewest: shards, where there are as many names.
    """
    if before is not None:
        _refuse_other_settings(out, settings, before["settings"])
    rows = iter(rows)
    first = list(islice(rows, fewest * largest))
    shard_rows = min(largest, -(-len(first) // fewest)) or 1
    shard_rows = before["shard_rows"] if before is not None else shard_rows
    with atomic_path(out / NAMES) as shard:
        clips, digest = _write_names(shard, chain(first, rows), shard_rows)
        if before is not None and before["names_sha256"] != digest:
            raise BatchError(
                "{out} holds rows of {before} other clips, or of the same in another order; "
                "expected the names that it began with; repeat them, or choose another --out.",
                out=out,
                before=before["clips"],
            )
    described = {"clips": clips, "shard_rows": shard_rows, "names_sha256": digest}
    with atomic_path(out / SETTINGS) as shard:
        text = json.dumps({**described, "settings": settings}, indent=1)
        shard.write_text(text + "\n", encoding="utf-8")
    return OpenBatch(BatchFolder(out), clips, shard_rows)


def _refuse_other_settings(out: Path, now: dict[str, Any], before: dict[str, Any]) -> None:
    differing = [
        f"{name} was {before.get(name, 'not asked')}, is {now.get(name, 'not asked')}"
        for name in sorted(now.keys() | before.keys())
        if now.get(name) != before.get(name)
    ]
    if differing:
        raise BatchError(
            "{out} holds rows of another model or other settings: {differing}; expected what it "
            "began with; repeat that, or choose another --out.",
            out=out,
            differing="; ".join(differing),
        )


def _write_names(path: Path, rows: Iterable[AskedRow], shard_rows: int) -> tuple[int, str]:
    """Write the names in shards; return how many there are and their digest."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.binary() if name == "clip" else pa.string()) for name in FIELDS])
    digest, clips = hashlib.sha256(), 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as table:
        rows = iter(rows)
        while shard := list(islice(rows, shard_rows)):
            columns: list[list] = [[os.fsencode(row.clip) for row in shard]]
            columns += [[row.id for row in shard], [row.error for row in shard]]
            table.write_batch(pa.record_batch(columns, schema=schema))
            digest.update(repr([tuple(row) for row in shard]).encode())
            clips += len(shard)
    if not clips:
        raise BatchError("no clip is named; expected some; give files, a folder or a manifest.")
    return clips, digest.hexdigest()


FIELDS = AskedRow._fields


def _give_back(out: Path, new: bool) -> None:
    """Free a folder in which nothing was written; a new one goes."""
    with suppress(OSError):
        if not (out / SETTINGS).is_file():
            (out / NAMES).unlink(missing_ok=True)
            shutil.rmtree(out / ATTEMPTS, ignore_errors=True)
            (out / ROWS).rmdir()
            if new:
                out.rmdir()
