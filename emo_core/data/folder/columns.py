"""Columns of a folder's table, in the words of the programs that write such tables."""

import re
from dataclasses import dataclass

from emo_core.data.corpus import CorpusError, name_list
from emo_core.data.tables.aliases import ALIASES
from emo_core.data.tables.cells import is_blank, parse_yes, shown
from emo_core.data.tables.rows import Columns, Table, normalized

VIDEO = (  # endings of clips, without the dot
    *("mp4", "m4v", "mov", "avi", "mkv", "webm", "mpg", "mpeg", "wmv", "flv", "3gp", "ts", "mts"),
    *("m2ts", "ogv", "mxf", "gif"),
)
SOUND = ("wav", "mp3", "m4a", "flac", "ogg", "opus", "aac", "aif", "aiff", "wma")
MEDIA = VIDEO + SOUND
_MEDIA_NAME = re.compile(rf".+\.({'|'.join(MEDIA)})", re.I)
EXAMPLE = "'file,label' and below it 'anna_01.mp4,happy'"


def is_media_name(text: str) -> bool:
    """Whether a cell is the name of a clip with its ending."""
    return _MEDIA_NAME.fullmatch(text) is not None


FOLDER = Columns(ALIASES, "file", is_media_name, ("file", "label"), EXAMPLE)
MOMENTS = Columns(  # of a file beside a clip
    {name: ALIASES[name] for name in ("time_s", "time_ms", "valence", "arousal")},
    "valence",
    lambda text: False,
    ("time_s", "valence", "arousal"),
    "'time_s,valence,arousal' and below it '0.5,0.2,-0.1'",
)


@dataclass(frozen=True)
class TableKind:
    """What a table's columns say of its labels."""

    kind: str  # a key of TASKS: "single_label", "multi_label" or "valence_arousal"
    several: tuple[str, ...] = ()  # columns of yes and no


def kind_of(table: Table, values: bool = False) -> TableKind:
    """Whether a table has classes, several labels a clip, or valence and arousal.

    values: whether valence and arousal are wanted where a table has classes as well. Raises
    CorpusError where it has neither.
    """
    others = tuple(name for name in table.headers if name not in ALIASES)
    both = {"valence", "arousal"} <= table.headers.keys()
    if both and (values or "label" not in table.headers):
        return TableKind("valence_arousal")
    if "label" in table.headers and not values:
        return TableKind("single_label")
    if {"text", "tier"} <= {normalized(name) for name in table.headers} and not values:
        table.headers["label"] = table.headers.pop("text")  # Praat's tables
        for row in table.rows:
            row.cells["label"] = row.cells.pop("text", "")
        return kind_of(table)
    several = () if values else tuple(name for name in others if _is_yes_or_no(table, name))
    if several:
        return TableKind("multi_label", several)
    wanted = (
        "columns valence and arousal"
        if values
        else (
            "a column 'label', columns 'valence' and 'arousal', or one column of 1 and 0 per label"
        )
    )
    found = name_list([shown(header) for header in table.headers.values()], 12)
    raise CorpusError(
        "{name} has the columns {found}; expected {wanted}; add or rename one.",
        name=table.name,
        found=found,
        wanted=wanted,
    )


def _is_yes_or_no(table: Table, name: str) -> bool:
    """Whether two of three cells that are not blank say yes or no; the others are told."""
    good = bad = 0
    for row in table.rows:
        cell = row.cells.get(name, "")
        if is_blank(cell):
            continue
        try:
            parse_yes(cell)
            good += 1
        except ValueError:
            bad += 1
    return good > 2 * bad
