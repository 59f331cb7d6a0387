"""Rows of a folder's table -> which part of which file each is about, and what it says of it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from emo_core.clip import ClipError, load_clip
from emo_core.data.corpus import CorpusError
from emo_core.data.folder.columns import TableKind
from emo_core.data.folder.files import ClipIndex, folded
from emo_core.data.tables.aliases import seconds_in, split_word
from emo_core.data.tables.cells import is_blank, parse_number, parse_yes, shown
from emo_core.data.tables.rows import Row, Table
from emo_core.errors import EmoError
from emo_core.messages import say

_FEW_OUTSIDE = 0.1  # of rows, which may be slips; of more, the rows inside mean something else too
_SCALES = say(
    "convert a scale of 1 to 9 with (x - 5) / 4, of 1 to 5 with (x - 3) / 2, of 0 to 1 with "
    "2 x - 1, of 0 to 100 with x / 50 - 1"
)
Label = str | tuple[str, ...]
Pair = tuple[float, float]  # valence and arousal
_MOST_LETTERS = 200  # of a label; a longer cell is free text or rows that ran together
_OUTSIDE = say("rows with values outside -1 to 1")
_MARK, _LOOSE_MARKS = "|", (",", "+", "/", "&")  # between several labels in one cell


@dataclass(frozen=True)
class Rating:
    """One row: a part of a clip, and what one rater says of it."""

    line: int
    path: Path
    span_s: tuple[float, float] | None  # None = the whole file
    label: Label | None
    values: Pair | None = None  # None = classes, or only said in a file beside the clip
    time_s: float | None = None  # of the moment that is meant; None = the whole part
    rater: str = ""
    group: str = ""
    split: str = ""
    text: str = ""


@dataclass
class Ratings:
    """All usable rows of a table."""

    kind: str  # a key of TASKS
    rows: list[Rating] = field(default_factory=list)
    labels: tuple[str, ...] = ()  # columns of yes and no, in their order


@lru_cache(maxsize=65_536)
def clip_seconds(path: Path) -> float:
    """How long a file lasts; infinity where it can't be opened, which checking tells."""
    try:
        return load_clip(path).duration_s
    except ClipError:
        return math.inf


def ratings_of(table: Table, kind: TableKind, index: ClipIndex) -> Ratings:
    """Rows that name a clip and say something of it; every other becomes a finding."""
    ratings = Ratings(kind.kind, labels=kind.several)
    for row in table.rows:
        try:
            ratings.rows.append(_rating(table, row, kind, index))
        except _RowError as error:
            table.findings.add(
                error.kind, say("{error}; the row is left out.", error=error), row.line
            )
    outside = table.findings.count(_OUTSIDE)
    rated = outside + len(ratings.rows)
    if ratings.rows and outside > max(2, rated * _FEW_OUTSIDE):
        raise CorpusError(
            "{name} has values outside -1 to 1 in {outside} of {rated} rows, so it uses another "
            "scale; expected -1 to 1 throughout; {scales}.",
            name=table.name,
            outside=outside,
            rated=rated,
            scales=_SCALES,
        )
    return ratings


class _RowError(EmoError):
    """Why a row is left out, and which kind of fault that is."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def _rating(table: Table, row: Row, kind: TableKind, index: ClipIndex) -> Rating:
    try:
        path = index.find(row.cells["file"])
    except ValueError as error:
        raise _RowError(
            say("rows without a matching clip"),
            say("{where}: {error}", where=table.where(row, "file"), error=error),
        ) from None
    affect = kind.kind == "valence_arousal"
    try:
        span_s = _span(table, row, path)
        time_s = seconds_in(table, row, "time") if affect else None
    except ValueError as error:
        raise _RowError(say("rows with wrong times"), str(error)) from None
    split = row.cells.get("split", "")
    word = split_word(split)
    if not word and not is_blank(split):
        raise _RowError(
            say("rows with an unknown split"),
            say(
                "{where}: found {shown}, expected train, val or test",
                where=table.where(row, "split"),
                shown=shown(split),
            ),
        )
    group, rater, text = (row.cells.get(name, "") for name in ("group", "rater", "text"))
    group = "" if is_blank(group) else group
    values = _values(table, row) if affect else None
    label = None if affect else _label(table, row, kind)
    return Rating(row.line, path, span_s, label, values, time_s, folded(rater), group, word, text)


def _label(table: Table, row: Row, kind: TableKind) -> Label:
    return _several(table, row, kind.several) if kind.several else _class(table, row)


def _span(table: Table, row: Row, path: Path) -> tuple[float, float] | None:
    """The part of a file that a row means; None = all of it. Raises ValueError in words."""
    start_s, end_s = seconds_in(table, row, "start"), seconds_in(table, row, "end")
    if start_s is None and end_s is None:
        return None
    start_s = start_s or 0.0
    if end_s is None:
        lasts_s = seconds_in(table, row, "duration")
        end_s = clip_seconds(path) if lasts_s is None else start_s + lasts_s
    if not start_s < end_s:
        raise ValueError(
            say(
                "{where}: the part runs from {start_s:g} to {end_s:g} s; expected "
                "its start before its end",
                where=table.where(row),
                start_s=start_s,
                end_s=end_s,
            )
        )
    return start_s, end_s


def _class(table: Table, row: Row) -> Label:
    cell = row.cells.get("label", "")
    where = table.where(row, "label")
    if is_blank(cell) or not cell.strip("-–—"):
        said = say("{cell} means no label", cell=shown(cell)) if cell else say("the cell is empty")
        raise _RowError(
            say("rows without a label"),
            say("{where}: {said}; expected a label", where=where, said=said),
        )
    if cell.startswith("=") and "(" in cell:
        raise _RowError(
            say("rows with a formula"),
            say(
                "{where}: found the formula {shown}, expected its result; save the table with "
                "values instead of formulas",
                where=where,
                shown=shown(cell),
            ),
        )
    if len(cell) > _MOST_LETTERS:
        raise _RowError(
            say("rows whose label is too long"),
            say(
                "{where}: found {count:,} characters ({shown}), expected a class name",
                where=where,
                count=len(cell),
                shown=shown(cell),
            ),
        )
    return " ".join(cell.split())


def _several(table: Table, row: Row, columns: Sequence[str]) -> Label:
    present, known = [], False
    for column in columns:
        try:
            said = parse_yes(row.cells.get(column, ""))
        except ValueError as error:
            raise _RowError(
                say("rows with values other than yes and no"),
                say("{where}: {error}", where=table.where(row, column), error=error),
            ) from None
        known = known or said is not None
        present += [column] * bool(said)
    if not known:
        raise _RowError(
            say("rows without a label"),
            say(
                "{where}: all label columns are empty; expected 1 or 0 in each",
                where=table.where(row),
            ),
        )
    return tuple(present)


def _values(table: Table, row: Row) -> Pair | None:
    cells = [row.cells.get(name, "") for name in ("valence", "arousal")]
    if all(map(is_blank, cells)):
        return None
    values = []
    for column, cell in zip(("valence", "arousal"), cells, strict=True):
        try:
            value = parse_number(cell)
        except ValueError as error:
            raise _RowError(
                say("rows without both valence and arousal"),
                say("{where}: {error}", where=table.where(row, column), error=error),
            ) from None
        if abs(value) > 1:
            raise _RowError(
                _OUTSIDE,
                say(
                    "{where}: found {shown}, expected -1 to 1; {scales}",
                    where=table.where(row, column),
                    shown=shown(cell),
                    scales=_SCALES,
                ),
            )
        values.append(value)
    return values[0], values[1]


def as_several(ratings: Ratings, labels: Counter) -> Ratings:
    """Cells that hold several labels become several labels.

    Bars and semicolons always part them; commas, plus signs and slashes where every part of such a
    cell also stands alone in another. labels: how often each cell occurs. The same ratings where
    no cell holds several.
    """
    lists = {str(label): _listed(str(label)) for label in labels}
    mark = _MARK if any(_MARK in cell for cell in lists.values()) else ""
    mark = mark or next(
        (m for m in _LOOSE_MARKS if _every_label_occurs_singly(lists.values(), m)), ""
    )
    if not mark:
        return ratings
    split = {label: _split(cell, mark) for label, cell in lists.items()}
    rows = [replace(row, label=split[str(row.label)]) for row in ratings.rows]
    return Ratings("multi_label", rows)


def _listed(cell: str) -> str:
    """A cell with bars in place of semicolons, and of commas in a list as Python writes it."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return cell.replace(";", _MARK)
    return "|".join(part.strip(" '\"") for part in cell[1:-1].split(",")) + "|"


def _split(cell: str, mark: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split(mark) if part.strip()))


def _every_label_occurs_singly(cells: Iterable[str], mark: str) -> bool:
    known = set(cells)
    several = [cell for cell in known if mark in cell]
    return bool(several) and all(set(_split(cell, mark)) <= known for cell in several)
