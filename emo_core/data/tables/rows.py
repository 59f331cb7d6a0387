"""Rows of a table: which delimiter, which line is the header, which column means what."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from emo_core.data.corpus import CorpusError, name_list
from emo_core.data.tables.cells import clean_cell, shown
from emo_core.data.tables.findings import Findings
from emo_core.data.tables.text import MAX_BYTES, DecodedText, possible_texts, read_bytes
from emo_core.messages import say, say_list

DELIMITERS = (",", ";", "\t", "|", " ")
HEAD = 12  # lines among which the header is looked for; titles may stand above it
WORDS = {
    ",": say("commas"),
    ";": say("semicolons"),
    "\t": say("tabs"),
    "|": say("vertical bars"),
    " ": say("spaces"),
}
_BRACKET = re.compile(r"[(\[]\s*([^)\]]*?)\s*[)\]]")
_MILLI = ("ms", "msec", "milliseconds")


class Row(NamedTuple):
    """One row: the line it ends on, and its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Columns:
    """What a kind of table may hold.

    aliases: column -> normalised header words, the best first. anchor: the column that makes a row
    a row. is_anchor: whether a cell is such a thing, by which a table without header is known.
    bare: the columns of a table without header.
    """

    aliases: Mapping[str, Sequence[str]]
    anchor: str
    is_anchor: Callable[[str], bool]
    bare: tuple[str, ...]
    example: str


@dataclass
class Table:
    """A table as read: rows by column, what was noticed, what is wrong."""

    name: str
    headers: dict[str, str]  # column -> its header as written; other columns under that
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def where(self, row: Row, column: str = "") -> str:
        """Row and column for a sentence: "labels.csv line 7, column 'Start'"."""
        if not column:
            return say("{table} line {line}", table=self.name, line=row.line)
        header = shown(self.headers.get(column, column))
        return say(
            "{table} line {line}, column {column}", table=self.name, line=row.line, column=header
        )


def normalized(header: str) -> str:
    """A header in one form: "Start (ms)" -> "start_ms", " File Name" -> "file_name"."""
    text = unicodedata.normalize("NFKC", clean_cell(header)).casefold()
    unit = "_ms" if any(word in _MILLI for word in _BRACKET.findall(text)) else ""
    return re.sub(r"\W+", "_", _BRACKET.sub(" ", text)).strip("_") + unit


@contextmanager
def _long_cells() -> Iterator[None]:
    """A cell may be as long as its table; the limit is the process's, so that it is put back."""
    usual = csv.field_size_limit(MAX_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


@_long_cells()
def read_people_table(
    path: Path,
    columns: Columns,
    expected: str,
    count_known: Callable[[Sequence[str]], int] | None = None,
) -> Table:
    """A table with the delimiter, encoding and header that its program chose.

    expected: where it belongs, in words. count_known: how many of the anchor's cells name something
    that is there, which settles the encoding. Raises CorpusError where it can't be read as a whole;
    a row that can't stands in the table's findings.
    """
    texts = possible_texts(read_bytes(path, expected), path.name)
    tables = [_parsed(text, path.name, columns) for text in texts[:1] if text.text.strip()]
    if not tables:
        raise CorpusError(
            "{name} is empty; expected rows such as {example}.",
            name=path.name,
            example=columns.example,
        )
    best, encoding = tables[0], texts[0].encoding
    if len(texts) > 1 and count_known:
        scores = []
        for text in texts:
            try:
                table = _parsed(text, path.name, columns)
            except CorpusError:
                continue
            names = [row.cells.get(columns.anchor, "") for row in table.rows]
            scores.append((count_known(names), table, text.encoding))
        _, best, encoding = max(scores, key=lambda one: one[0])  # the first of equals
    if len(texts) > 1:
        best.notes.append(
            say(
                "{name} is not in UTF-8; it is read as {encoding}; check that "
                "accented letters are right, or save it as UTF-8.",
                name=path.name,
                encoding=encoding,
            )
        )
    return best


def _parsed(decoded: DecodedText, name: str, columns: Columns) -> Table:
    """One reading of a table."""
    text, delimiter = _delimiter(decoded.text, columns)
    lines = _lines(text, delimiter, name)
    header = _header_index(lines, columns)
    if header is None and all(len(cells) == 1 for _, cells in lines):
        inner = "\n".join(cells[0].replace("\n", " ") for _, cells in lines)  # quoted as a whole
        _, delimiter = _delimiter(inner, columns)
        unwrapped = [cells for _, cells in _lines(inner, delimiter, name)]
        if len(unwrapped) == len(lines):
            lines = [(number, cells) for (number, _), cells in zip(lines, unwrapped, strict=True)]
        header = _header_index(lines, columns)
    if header is None:
        return _headerless(lines, name, columns, delimiter)
    keys, headers = _named_columns(lines[header][1], name, columns)
    table = Table(name, headers, [])
    if header:
        table.notes.append(
            say(
                "Lines above the header of {name}, which are not read: {header}.",
                name=name,
                header=header,
            )
        )
    _fill(table, keys, lines[header + 1 :], columns)
    return table


def _delimiter(text: str, columns: Columns) -> tuple[str, str]:
    """(text, delimiter): the one that Excel's `sep=` names, else that gives most known columns."""
    first, _, rest = text.partition("\n")
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) <= 5:
        return "\n" + rest, first.strip("\r\n").strip('"')[4:5] or ","

    def known(delimiter: str) -> tuple[int, int]:
        head = list(islice(_reader(text, delimiter, False), HEAD))
        marks = [_marks(row, columns) for row in head]
        widths = [len(row) for row in head if any(row)]
        common = max(map(widths.count, widths)) if widths and max(widths) > 1 else 0
        return max(marks, default=0), common

    return text, max(DELIMITERS, key=known)  # the first of equals


def _marks(cells: Sequence[str], columns: Columns) -> int:
    """How many cells of a line are headers that are known, or anchors where there is no header."""
    words = {normalized(cell) for cell in cells}
    found = sum(not words.isdisjoint(names) for names in columns.aliases.values())
    bare = len(cells) in (len(columns.bare), 1) and any(
        columns.is_anchor(clean_cell(cell)) for cell in cells
    )
    return 10 * found + (len(cells) if bare else 0)


def _reader(text: str, delimiter: str, strict: bool = True, escape: str | None = None):
    return csv.reader(
        io.StringIO(text.replace("\0", ""), newline=""),
        delimiter=delimiter,
        strict=strict,
        skipinitialspace=True,
        escapechar=escape,
    )


def _lines(text: str, delimiter: str, name: str) -> list[tuple[int, list[str]]]:
    """All lines that are not blank: (number, cells); raises CorpusError at an open quotation."""
    lines: list[tuple[int, list[str]]] = []
    failed: tuple[int, csv.Error] | None = None
    for escape in (None, "\\"):  # some programs write \" for a mark inside
        reader, last = _reader(text, delimiter, True, escape), 0
        lines.clear()
        try:
            for cells in reader:
                number, last = last + 1, reader.line_num
                cells = [clean_cell(cell) for cell in cells]
                if any(cells):
                    lines.append((number, cells))
            return lines
        except csv.Error as error:
            failed = failed or (last + 1, error)
    assert failed  # else it has returned
    raise CorpusError(
        "{name} line {line}: a quotation mark opens there and is not closed properly "
        '({why}); expected "text", every mark inside doubled (""); correct that row.',
        name=name,
        line=failed[0],
        why=failed[1],
    ) from failed[1]


def _header_index(lines: list[tuple[int, list[str]]], columns: Columns) -> int | None:
    """Index of the header among the first lines; None = there is none."""
    names = columns.aliases[columns.anchor]
    for index, (_, cells) in enumerate(lines[:HEAD]):
        if any(columns.is_anchor(cell) for cell in cells):
            return None
        if any(normalized(cell) in names for cell in cells):
            return index
    return None


def _headerless(
    lines: list[tuple[int, list[str]]], name: str, columns: Columns, delimiter: str
) -> Table:
    """A table that starts with its first row; raises CorpusError where its columns are unclear."""
    width = max((len(cells) for _, cells in lines[:HEAD]), default=0)
    first = lines[0][1] if lines else []
    if width != len(columns.bare) or not columns.is_anchor(first[0]):
        raise CorpusError(
            "{name} starts with {shown}; expected a header with the column {anchor!r}, such as "
            "{example}; add one.",
            name=name,
            shown=shown(delimiter.join(first)),
            anchor=columns.anchor,
            example=columns.example,
        )
    table = Table(name, {column: column for column in columns.bare}, [])
    table.notes.append(
        say(
            "{name} has no header; its columns are read as {columns}.",
            name=name,
            columns=say_list(columns.bare, say(" and ")),
        )
    )
    _fill(table, list(columns.bare), lines, columns)
    return table


def _named_columns(
    cells: list[str], name: str, columns: Columns
) -> tuple[list[str], dict[str, str]]:
    """(column of each cell of the header, {column: header}); "" = a cell without a header."""
    words = [normalized(cell) for cell in cells]
    keys = list(cells)
    for column, names in columns.aliases.items():
        at = next((words.index(word) for word in names if word in words), None)
        if at is not None:
            keys[at] = column
    doubled = sorted(key for key, count in Counter(keys).items() if key and count > 1)
    if doubled:
        raise CorpusError(
            "{name} has more than one column {name_list}; expected each column once; rename or "
            "delete the others.",
            name=name,
            name_list=name_list([shown(key) for key in doubled]),
        )
    return keys, {key: cell for key, cell in zip(keys, cells, strict=True) if key}


def _has_row_names(keys: list[str], lines: list, columns: Columns) -> bool:
    """Whether rows start with R's names, which have no header; else a delimiter may end each."""
    if columns.anchor not in keys or any(len(cells) != len(keys) + 1 for _, cells in lines):
        return False
    at = keys.index(columns.anchor) + 1
    return any(cells[-1] or columns.is_anchor(cells[at]) for _, cells in lines)


def _fill(table: Table, keys: list[str], lines: list, columns: Columns) -> None:
    """Puts the rows into a table; those that do not fit its header become findings."""
    anchor = columns.anchor
    if _has_row_names(keys, lines, columns):
        keys = ["", *keys]
    _note_nameless(table, keys, lines)
    for number, cells in _but_headers(table, keys, lines):
        extra = [cell for cell in cells[len(keys) :] if cell]
        other = _other_delimiter(cells, keys)
        row = Row(number, {key: cell for key, cell in zip(keys, cells, strict=False) if key})
        if other:
            table.findings.add(
                say("rows with another delimiter"),
                say(
                    "{table} line {number}: found {cell}, delimited by {delimiter}; "
                    "expected {count} cells, delimited as in the header; the row is "
                    "left out.",
                    table=table.name,
                    number=number,
                    cell=shown(cells[0]),
                    delimiter=WORDS[other],
                    count=len(keys),
                ),
                number,
            )
        elif extra:
            table.findings.add(
                say("rows with too many cells"),
                say(
                    "{table} line {number} has {count} cells, the header {wanted}; "
                    "expected as many, with quotation marks around a cell that contains "
                    "a delimiter; the row is left out (it starts with {cell}).",
                    table=table.name,
                    number=number,
                    count=len(cells),
                    wanted=len(keys),
                    cell=shown(cells[0]),
                ),
                number,
            )
        elif not row.cells.get(anchor) and any(row.cells.values()):
            table.findings.add(
                say("rows without {anchor}", anchor=anchor),
                say(
                    "{where}: the cell is empty; expected a {anchor}; the row is left out.",
                    where=table.where(row, anchor),
                    anchor=anchor,
                ),
                number,
            )
        elif broken := [key for key, cell in row.cells.items() if "\n" in cell or "\r" in cell]:
            _add_broken(table, row, broken[0])
        elif row.cells.get(anchor):
            table.rows.append(row)


def _note_nameless(table: Table, keys: list[str], lines: list) -> None:
    """A note on cells below an empty header, which no row takes."""
    nameless = [at for at, key in enumerate(keys) if not key]
    cells = (row[at] for _, row in lines for at in nameless if at < len(row))
    if first := next(filter(None, cells), ""):
        table.notes.append(
            say("A column without a header is not read (it contains {first}).", first=shown(first))
        )


def _but_headers(table: Table, keys: list[str], lines: list) -> Iterator[tuple[int, list[str]]]:
    """The lines that do not repeat the header, as those of tables put together do."""
    header = [table.headers.get(key, "") for key in keys]
    for number, cells in lines:
        if cells == header:
            table.findings.add(
                say("lines that repeat the header"),
                say(
                    "{table} line {number} repeats the header; expected a row; it is left out.",
                    table=table.name,
                    number=number,
                ),
                number,
            )
        else:
            yield number, cells


def _other_delimiter(cells: list[str], keys: list[str]) -> str:
    """Another delimiter that a row of one cell holds as often as the header needs; "" = none."""
    if len(keys) < 2 or any(cells[1:]):
        return ""
    return next((m for m in DELIMITERS[:4] if cells[0].count(m) == len(keys) - 1), "")


def _add_broken(table: Table, row: Row, column: str) -> None:
    """A cell over several lines is free text, or a quotation mark that swallowed rows."""
    cell = row.cells[column]
    swallowed = any(
        line.count(mark) >= len(table.headers) - 1 > 0
        for line in cell.splitlines()[1:]
        for mark in DELIMITERS[:4]
    )
    if column == "text" and not swallowed:
        row.cells[column] = " ".join(cell.split())
        table.rows.append(row)
        return
    table.findings.add(
        say("rows over several lines"),
        say(
            "{where}: the cell spans {count} lines; expected one line per cell "
            "and every quotation mark closed; the row is left out.",
            where=table.where(row, column),
            count=len(cell.splitlines()),
        ),
        row.line,
    )
