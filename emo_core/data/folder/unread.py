"""What of a folder and its table is not read: each kind is said once, in one sentence."""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from emo_core.data.corpus import name_list
from emo_core.data.folder.columns import TableKind
from emo_core.data.folder.files import ClipIndex, ending, folded
from emo_core.data.tables.aliases import SPLIT_WORDS, seconds_in
from emo_core.data.tables.cells import is_blank, shown
from emo_core.data.tables.rows import Row, Table
from emo_core.messages import say

SHEETS = ("csv", "tsv", "xlsx", "xls", "ods", "numbers")  # endings of tables
BESIDE = (*SHEETS, "txt", "json", "jsonl", "srt", "vtt", "textgrid", "eaf", "xml")  # clips
ABOUT = ("readme", "data", "license", "licence", "citation")  # names of files for people
SAME_S = 0.1  # seconds that two ways to state a time may differ by
_ALWAYS = ("file", "group", "split", "rater", "text")
_SPAN = ("start_s", "start_ms", "end_s", "end_ms", "duration_s", "duration_ms")
_OF_KIND = {
    "single_label": ("label",),
    "multi_label": (),
    "valence_arousal": ("valence", "arousal", "time_s", "time_ms"),
}


def by_ending(files: Sequence[Path]) -> str:
    """Files counted by ending, for a sentence: "3 .vob, 1 .zip"."""
    counts = Counter(f".{ending(p.name)}" if "." in p.name else say("no ending") for p in files)
    return name_list([f"{count} {kind}" for kind, count in counts.most_common()], 5)


def file_notes(index: ClipIndex, table: Path | None, moments: Collection[Path] = ()) -> list[str]:
    """Sentences on files that are no clips and are not read.

    table: the folder's table of labels. moments: files beside clips that are read.
    """
    left = [
        path
        for path in index.others
        if path != table and path not in moments and folded(path.stem) not in ABOUT
    ]
    clips = {(path.parent, folded(path.stem)) for path in index.paths}
    beside = [p for p in left if ending(p.name) in BESIDE and (p.parent, folded(p.stem)) in clips]
    left = [path for path in left if path not in beside and ending(path.name) != "md"]
    sheets = [p for p in left if ending(p.name) in SHEETS or folded(p.stem) == "labels"]
    rest = [path for path in left if path not in sheets]
    notes: list[str] = []
    if sheets:
        notes.append(_about_tables(index, table, sheets))
    if beside:
        notes.append(
            say(
                "Files that have the name of a clip are not read: {names}; labels "
                "and transcripts belong in the table.",
                names=_names(index, beside),
            )
        )
    if rest:
        notes.append(
            say(
                "Files with endings other than those of clips are not read: "
                "{names}; convert videos to mp4.",
                names=by_ending(rest),
            )
        )
    return notes


def _names(index: ClipIndex, files: Sequence[Path]) -> str:
    return name_list([shown(index.name(path)) for path in files])


def _about_tables(index: ClipIndex, table: Path | None, others: Sequence[Path]) -> str:
    names = _names(index, others)
    if table:
        return say(
            "Tables other than {table} are not read: {names}; copy the rows you need into {table}.",
            table=table.name,
            names=names,
        )
    return say(
        "These tables are not read: {names}; expected labels.csv in the "
        "folder itself; move or rename the right one.",
        names=names,
    )


def split_folder_notes(index: ClipIndex, table: Table) -> list[str]:
    """A sentence where clips lie in train, val and test and the table has no column split."""
    tops = {Path(index.name(path)).parts[0] for path in index.paths}
    if "split" in table.headers or not {folded(top) for top in tops} <= SPLIT_WORDS.keys():
        return []
    return [
        say(
            "The sub-folders {names} are not used as splits because there is a "
            "table; add a column 'split' to {table}.",
            names=name_list(sorted(tops)),
            table=table.name,
        )
    ]


def empty_folder_notes(index: ClipIndex, level: int) -> list[str]:
    """A sentence on sub-folders that could name a label and hold no clip.

    level: how many folders stand above them.
    """
    full = {Path(index.name(path)).parts[: level + 1] for path in index.paths}
    places = [folder.relative_to(index.root).parts for folder in index.folders]
    empty = [parts for parts in places if len(parts) == level + 1 and parts not in full]
    if not empty:
        return []
    names = name_list([shown("/".join(parts)) for parts in sorted(empty)])
    return [say("Sub-folders without a clip: {names}; no label is made of them.", names=names)]


def column_notes(table: Table, kind: TableKind, more: Sequence[str] = ()) -> list[str]:
    """Sentences on columns that mean nothing here. more: headers of others."""
    used = {*_ALWAYS, *_SPAN, *_OF_KIND[kind.kind], *kind.several}
    classes = kind.kind == "single_label" and {"valence", "arousal"} <= table.headers.keys()
    used |= {"valence", "arousal"} if classes else set()
    unread = (*more, *(header for name, header in table.headers.items() if name not in used))
    notes: list[str] = []
    if unread := tuple(dict.fromkeys(name for name in unread if name)):
        notes.append(
            say(
                "Columns that are not read: {names}.",
                names=name_list([shown(n) for n in unread], 8),
            )
        )
    if classes:
        notes.append(
            say(
                "The table has classes as well as valence and arousal; the classes "
                "are read; --corpus folder-affect reads valence and arousal."
            )
        )
    return notes


def time_notes(table: Table) -> list[str]:
    """Sentences on durations without a start, and on times of one row that differ."""
    no_start = [row for row in table.rows if _lacks_start(row)]
    notes: list[str] = []
    if no_start:
        notes.append(
            say(
                "Rows with a duration but no start or end: {count} (first: line "
                "{line}); the whole clip is read; add a start to read a part.",
                count=len(no_start),
                line=no_start[0].line,
            )
        )
    apart = [row for row in table.rows if _differs(table, row)]
    if apart:
        notes.append(
            say(
                "Rows whose start, end and duration disagree: {count} (first: line "
                "{line}); start and end are used, and seconds rather than "
                "milliseconds.",
                count=len(apart),
                line=apart[0].line,
            )
        )
    return notes


def _lacks_start(row: Row) -> bool:
    said = {name[:3] for name in _SPAN if not is_blank(row.cells.get(name, ""))}
    return said == {"dur"}


def _differs(table: Table, row: Row) -> bool:
    """Whether a row states one time in two ways that differ; what can't be read is told apart."""
    with suppress(ValueError):
        for name in ("start", "end", "duration"):
            seconds, milliseconds = (row.cells.get(f"{name}_{unit}", "") for unit in ("s", "ms"))
            if not is_blank(seconds) and not is_blank(milliseconds):
                only = Row(row.line, {f"{name}_ms": milliseconds})
                both = seconds_in(table, row, name), seconds_in(table, only, name)
                if abs((both[0] or 0.0) - (both[1] or 0.0)) > SAME_S:
                    return True
        start_s, end_s, lasts_s = (
            seconds_in(table, row, name) for name in ("start", "end", "duration")
        )
        if end_s is not None and lasts_s is not None:
            return abs(end_s - (start_s or 0.0) - lasts_s) > SAME_S
    return False
