"""Names of clips out of manifests and object stores, read as a stream."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from emo_core.errors import EmoError

CLIP_COLUMNS, ID_COLUMN = ("clip", "path", "file"), "id"
MANIFESTS = (".csv", ".tsv", ".parquet")
AT_ONCE = 4096  # rows of a Parquet manifest in memory


class BatchError(EmoError):
    """Many clips can't be answered, or not here; the message says why and what to do."""


class AskedRow(NamedTuple):
    """One row that is to be written: the clip's name, or what stands for one that can't be."""

    clip: str
    id: str | None = None  # of the manifest
    error: str = ""


def is_manifest(word: str) -> bool:
    """Whether a word names a table of clips."""
    return word.lower().endswith(MANIFESTS)


def is_url(word: str) -> bool:
    """Whether a word names something in an object store, as s3://bucket/folder."""
    return "://" in word


def read_manifest(name: str) -> Iterator[AskedRow]:
    """The rows of a CSV, TSV or Parquet table with a column `clip`, in order, one each.

    Relative names are meant from the table's folder. A column `id` is kept, as text. Raises
    BatchError where the table can't be read.
    """
    path = Path(name)
    try:
        read = _parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows
        for number, (clip, own) in enumerate(read(path), 1):
            if not clip:
                error = f"row {number} of {name} names no clip; expected a name; correct it."
                yield AskedRow("", own, error)
            else:
                yield AskedRow(clip if is_url(clip) else str(path.parent / clip), own)
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise BatchError(
            "{name} can't be read as a table of clips ({why}); expected CSV, TSV or Parquet with a "
            "column named clip; correct it.",
            name=name,
            why=why,
        ) from error


def _columns(names: list[str], path: Path) -> tuple[str, str | None]:
    """The column with the clips, and the one with ids."""
    clip = next((name for name in CLIP_COLUMNS if name in names), None)
    if clip is None:
        raise BatchError(
            "{path} has the columns {names}; expected one named clip; rename the one with the "
            "names of the clips.",
            path=path,
            names=", ".join(names) or "none",
        )
    return clip, ID_COLUMN if ID_COLUMN in names else None


def _csv_rows(path: Path) -> Iterator[tuple[str, str | None]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        clip, own = _columns(list(table.fieldnames or []), path)
        for row in table:
            yield (row[clip] or "").strip(), row[own] if own else None


def _parquet_rows(path: Path) -> Iterator[tuple[str, str | None]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        clip, own = _columns(table.schema_arrow.names, path)
        for batch in table.iter_batches(AT_ONCE, columns=[clip, own] if own else [clip]):
            clips = batch.column(clip).to_pylist()
            ids = batch.column(own).to_pylist() if own else [None] * len(clips)
            for name, one in zip(clips, ids, strict=True):
                yield str(name or ""), None if one is None else str(one)


def list_url(url: str) -> Iterator[AskedRow]:
    """The clips at an address of an object store: one, those of a pattern or below a folder.

    An address that can't be listed is one row with its error, and so is a folder below it.
    """
    try:
        found = _listed(url)
    except Exception as error:  # libraries of object stores raise errors of their own
        yield AskedRow(url, error=unreadable(url, error))
        return
    if not found:
        why = f"{url} holds no clips; expected a clip, a pattern or a folder of some; correct it."
        yield AskedRow(url, error=why)
    yield from found


def _listed(url: str) -> list[AskedRow]:
    import fsspec

    from emo_core.data.folder.columns import MEDIA
    from emo_core.data.folder.files import ending

    files, path = fsspec.core.url_to_fs(url)
    hidden: list[tuple[str, OSError]] = []
    if "*" in url:
        found = files.glob(path)
        if not found:
            files.ls(path.partition("*")[0].rpartition("/")[0])  # raises where it can't be read
    elif files.isdir(path):
        found = _below(files, path, hidden) if _walks(files) else files.find(path)
    else:
        return [AskedRow(url)]
    names = sorted(name for name in found if ending(name) in MEDIA)
    urls = [(files.unstrip_protocol(name), error) for name, error in hidden]
    rows = [AskedRow(folder, error=unreadable(folder, error)) for folder, error in urls]
    return rows + [AskedRow(files.unstrip_protocol(name)) for name in names]


def _below(files: Any, folder: str, hidden: list[tuple[str, OSError]]) -> Iterator[str]:
    """Files below a folder of a store; a folder that can't be listed comes into `hidden`.

    fsspec's own walk leaves it out in silence.
    """
    try:
        entries = files.ls(folder, detail=True)
    except OSError as error:
        hidden.append((folder, error))
        return
    for entry in entries:
        name = entry["name"].rstrip("/")
        if entry["type"] != "directory":
            yield name
        elif name != folder.rstrip("/"):  # some stores list a folder in itself
            yield from _below(files, name, hidden)


def _walks(files: Any) -> bool:
    """Whether a store is listed folder by folder; others list all in one go, or fail."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    if isinstance(files, AsyncFileSystem):
        return type(files)._find is AsyncFileSystem._find
    return type(files).find is AbstractFileSystem.find


def unreadable(url: str, error: Exception) -> str:
    """Why an address can't be read, for people."""
    why: Any = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
    return (
        f"{url} can't be read ({type(error).__name__}: {why}); expected an address that fsspec "
        "opens; correct it, or install what its protocol needs."
    )
