"""Tables of clips, in files or object stores, as people's programs write them: read as a stream."""

import codecs
import csv
import io
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_core.batch.names import AskedRow, BatchError, is_url, store_of

if TYPE_CHECKING:
    import pyarrow as pa

CLIP_COLUMNS, ID_COLUMN = ("clip", "path", "file"), "id"
MANIFESTS = (".csv", ".tsv", ".parquet")
AT_ONCE = 4096  # rows of a Parquet manifest in memory
DELIMITERS = (",", ";", "\t", "|")
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # how text in UTF-16 begins

Cells = Iterator[tuple[str, str | None, str]]  # clip, id, what is wrong with the row


def is_manifest(word: str) -> bool:
    """Whether a word names a table of clips."""
    return word.lower().endswith(MANIFESTS) and "*" not in word


def read_manifest(name: str) -> Iterator[AskedRow]:
    """The rows of a CSV, TSV or Parquet table with a column `clip`, in order, one each.

    name: a path or an address. Relative names are meant from the table's folder. A column `id` is
    kept, as text. Raises BatchError where the table can't be read.
    """
    try:
        with _opened(name) as file:
            read = _parquet_cells if name.lower().endswith(".parquet") else _csv_cells
            for number, (clip, own, wrong) in enumerate(read(file, name), 1):
                if wrong or not clip:
                    wrong = wrong or "names no clip; expected a name"
                    error = f"row {number} of {name} {wrong}; correct it."
                    yield AskedRow(_from_folder_of(name, clip) if clip else "", own, error)
                else:
                    yield AskedRow(_from_folder_of(name, clip), own)
    except (BatchError, GeneratorExit):
        raise
    except Exception as error:  # libraries of object stores raise errors of their own
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise BatchError(
            "{name} can't be read as a table of clips ({why}); expected CSV, TSV or Parquet with a "
            "column named clip; correct it.",
            name=name,
            why=why or type(error).__name__,
        ) from error


def _opened(name: str) -> Any:
    """The bytes of a table, to be closed."""
    if not is_url(name):
        return open(name, "rb")
    store, path = store_of(name)
    return store.open(path, "rb")


def _from_folder_of(name: str, clip: str) -> str:
    """A clip's name as it is meant in the table of that name."""
    if is_url(clip) or os.path.isabs(clip):
        return clip
    if not is_url(name):
        return str(Path(name).parent / clip)
    if {".", ".."} & set(clip.split("/")):  # keys of a store are spelled in one way
        protocol, _, path = name.partition("://")
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), clip))
        return f"{protocol}://{inside}"
    return f"{posixpath.dirname(name)}/{clip}"


def _columns(names: list[str], table: str) -> tuple[int, int | None]:
    """Where the clips stand, and the ids."""
    known = [str(name).strip().casefold() for name in names]
    clip = next((name for name in CLIP_COLUMNS if name in known), None)
    if clip is None:
        raise BatchError(
            "{path} has the columns {names}; expected one named clip; rename the one with the "
            "names of the clips.",
            path=table,
            names=", ".join(names) or "none",
        )
    for column in (clip, ID_COLUMN):
        if known.count(column) > 1:
            raise ValueError(f"two columns are named {column}")
    return known.index(clip), known.index(ID_COLUMN) if ID_COLUMN in known else None


def _csv_cells(file: io.BufferedReader, name: str) -> Cells:
    wide = file.read(2) in WIDE
    file.seek(0)
    encoding, errors = ("utf-16", "strict") if wide else ("utf-8-sig", "surrogateescape")
    with io.TextIOWrapper(file, encoding, errors, newline="") as lines:
        start = lines.tell()
        delimiter, said = _delimiter(lines.readline())
        if not said:
            lines.seek(start)
        table = csv.reader(lines, delimiter=delimiter)
        header = next(table, [])
        at, own = _columns(header, name)
        for cells in table:
            if not cells:  # an empty line
                continue
            clip, one = (
                _plain(cells[i]) if i is not None and i < len(cells) else "" for i in (at, own)
            )
            wrong = ""
            if any(cells[len(header) :]):
                wrong = (
                    f"has {len(cells)} cells, the header {len(header)}; expected as many, with "
                    "quotation marks around a name that holds the delimiter"
                )
            yield clip.strip(), None if own is None else one, wrong


def _delimiter(line: str) -> tuple[str, bool]:
    """What delimits the cells of a table by its first line, and whether that says it alone.

    Some write "sep=;" there, for Excel.
    """
    if line.lower().startswith("sep=") and len(line.strip("\r\n")) == 5:
        return line[4], True
    for mark in DELIMITERS:
        header = next(csv.reader([line], delimiter=mark), [])
        if any(name.strip().casefold() in CLIP_COLUMNS for name in header):
            return mark, False
    return "\t" if line.count("\t") > line.count(",") else ",", False


def _plain(cell: str) -> str:
    """A cell as text; one that is no UTF-8 is of Windows' Western letters, as Excel writes them."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return cell.encode("utf-8", "surrogateescape").decode("cp1252")
    return cell


def _parquet_cells(file: io.BufferedReader, name: str) -> Cells:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        schema = table.schema_arrow
        at, own = _columns(schema.names, name)
        kind = schema.types[at]
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind):
            raise ValueError(f"its column {schema.names[at]} holds {kind}"[:100])
        asked = [schema.names[i] for i in (at, own) if i is not None]
        for batch in table.iter_batches(AT_ONCE, columns=asked):
            clips, ids = (_texts(batch, name) for name in (asked[0], asked[-1]))
            for clip, one in zip(clips, ids, strict=True):
                yield clip or "", None if own is None else one, ""


def _texts(batch: "pa.RecordBatch", name: str) -> list[str | None]:
    """A column as text; bytes are the names of files."""
    return [
        os.fsdecode(value) if isinstance(value, bytes) else None if value is None else str(value)
        for value in batch.column(name).to_pylist()
    ]
