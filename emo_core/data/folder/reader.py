"""Your own clips: a folder with labels.csv, or with one sub-folder a label.

`labels.csv` has a row a clip: file,label and, where there are such, start_s, end_s, group, split,
rater, text. Several rows of one clip are several raters. In place of `label` there may be one
column of 1 and 0 for each label, or valence and arousal (a clip's, a moment's with time_s, or in a
file beside the clip). What was noticed is a note, what is left out or stands in the way a problem.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emo_core.data.corpus import Corpus, CorpusError, name_list
from emo_core.data.folder.assembly import assemble
from emo_core.data.folder.columns import FOLDER, kind_of
from emo_core.data.folder.files import ClipIndex, folded, without_ending
from emo_core.data.folder.merging import VALUES, LabelledSpan, merge_ratings
from emo_core.data.folder.moments import beside
from emo_core.data.folder.ratings import Label, Ratings, as_several, ratings_of
from emo_core.data.folder.spellings import (
    alike_remarks,
    label_remarks,
    one_spelling,
    ordered,
)
from emo_core.data.folder.unread import (
    by_ending,
    column_notes,
    empty_folder_notes,
    file_notes,
    split_folder_notes,
    time_notes,
)
from emo_core.data.tables.aliases import SPLIT_WORDS, split_word
from emo_core.data.tables.cells import is_blank, shown
from emo_core.data.tables.findings import Findings
from emo_core.data.tables.rows import Row, Table, normalized, read_people_table
from emo_core.messages import say

TABLE = "labels.csv"
NAMES = ("labels", "labels.csv", "labels.tsv", "labels.txt", "labels.csv.txt", "labels.csv.csv")
_RATER_COLUMN = re.compile(
    r"(rater|annotator|coder|judge|labell?er|worker|label|emotion|rating)_?\d+"
)
OTHER_FORMATS = ("labels.xlsx", "labels.xls", "labels.ods", "labels.numbers")
ALL_CLIPS = ("clips", "videos", "video", "data", "media", "files")  # sub-folders that say no label


def read_folder(root: Path, values: bool = False) -> Corpus:
    """Reads a folder of clips; raises CorpusError where no clip of it has a label.

    values: take valence and arousal where the table has classes as well.
    """
    index, findings = ClipIndex(root), Findings()
    findings.extend(say("files that can't be clips"), index.skipped)
    if not index.paths:
        raise CorpusError(_no_clip(index))
    table = find_table(root, index)
    notes: list[str] = []
    if table:
        kind, labels, parts = _from_table(table, index, values, findings, notes)
    else:
        notes += file_notes(index, None)
        kind, labels, parts = "single_label", (), _from_folders(index, findings, notes)
    if not parts:
        first = (
            *findings.sentences(),
            say("it has no {table} and no sub-folder with clips.", table=TABLE),
        )[0]
        raise CorpusError(
            "{name} has no clip with a label; the first problem: {first}",
            name=root.name,
            first=first,
        )
    labels = labels or ordered(name for part in parts for name in label_names(part.label))
    items, leak, wrong = assemble(kind, parts, index, notes)
    problems = (*findings.sentences(), *wrong)
    name = "folder-affect" if values else "folder"
    return Corpus(name, root, labels, items, problems, tuple(notes), {"task": kind}, leak)


def _no_clip(index: ClipIndex) -> str:
    """Why a folder without a clip can't be used."""
    there = by_ending(index.others)
    what = say("{folder} contains no clips", folder=index.root.name)
    if there:
        what = say("{what}, only other files ({files})", what=what, files=there)
    expected = say("{what}; expected files such as anna_01.mp4 in it", what=what)
    if index.skipped:
        return say("{what}; the first problem: {first}", what=expected, first=index.skipped[0])
    return say("{what}; copy them there.", what=expected)


def read_folder_affect(root: Path) -> Corpus:
    """The same folder, of whose table valence and arousal are read."""
    return read_folder(root, values=True)


def find_table(root: Path, index: ClipIndex) -> Path | None:
    """The table of a folder; None = it has none. Raises CorpusError where several may be meant."""
    files = [p for p in sorted(root.iterdir()) if p.is_file() and p.name[0] != "."]
    by_name = {name: [p for p in files if folded(p.name) == name] for name in NAMES + OTHER_FORMATS}
    for found in by_name.values():
        if len(found) > 1:
            raise CorpusError(
                "{name} contains {name_list}; expected one table; remove the others.",
                name=root.name,
                name_list=name_list([p.name for p in found]),
            )
        if found:
            return found[0]
    stems = {without_ending(path.name) for path in index.paths}
    others = [p for p in files if p.suffix.lower() in (".csv", ".tsv") and p.stem not in stems]
    if len(others) > 1:
        raise CorpusError(
            "{name} has no {table}, but {name_list}; expected one table; rename the right one to "
            "{table}.",
            name=root.name,
            table=TABLE,
            name_list=name_list([p.name for p in others]),
        )
    return others[0] if others else None


def _from_folders(index: ClipIndex, findings: Findings, notes: list[str]) -> list[LabelledSpan]:
    """Labels from the names of sub-folders; train, val and test may stand above them."""
    places = {path: Path(index.name(path)).parts for path in index.paths}
    tops = {folded(parts[0]) for parts in places.values() if len(parts) > 1}
    splits = bool(tops) and tops <= SPLIT_WORDS.keys()
    if splits and not any(len(parts) > 2 for parts in places.values()):
        raise CorpusError(
            "{name} has sub-folders for splits ({name_list}) but no labels; expected a table "
            "{table}, or one sub-folder per label inside each; if it is a corpus that was "
            "made or published, name it with --corpus.",
            name=index.root.name,
            name_list=name_list(sorted(tops)),
            table=TABLE,
        )
    parts_found = []
    for path, parts in places.items():
        at = int(splits)
        if len(parts) < at + 2:
            findings.add(
                say("clips in no sub-folder"),
                say(
                    "{name} is not in a sub-folder that names its label; it is left out.",
                    name=index.name(path),
                ),
            )
            continue
        split = SPLIT_WORDS[folded(parts[0])] if splits else ""
        group = "/".join(parts[at + 1 : -1])
        label = " ".join(unicodedata.normalize("NFC", parts[at]).split())
        parts_found.append(LabelledSpan(path, None, label, group, split, ""))
    labels = {part.label for part in parts_found}
    if len(labels) == 1 and folded(str(next(iter(labels)))) in ALL_CLIPS:
        raise CorpusError(
            "{name} has all its clips in {folder} and no {table} beside that folder; expected a "
            "table {table} there with the columns file and label, or one sub-folder per "
            "label{inside}.",
            name=index.root.name,
            folder=next(iter(labels)),
            table=TABLE,
            inside=_table_inside(index),
        )
    notes += empty_folder_notes(index, int(splits))
    notes += _deeper_notes(index, parts_found)
    spelling, alike = one_spelling(Counter(str(part.label) for part in parts_found))
    notes += alike
    notes += alike_remarks(spelling.values())
    names = name_list([shown(name) for name in sorted(set(spelling.values()))], 8)
    below = say("; folders inside them are sources") if any(p.group for p in parts_found) else ""
    if names:
        notes.append(
            say(
                "There is no {table}: the names of the sub-folders are the labels "
                "({names}){below}.",
                table=TABLE,
                names=names,
                below=below,
            )
        )
    return [replace(part, label=spelling[str(part.label)]) for part in parts_found]


def _deeper_notes(index: ClipIndex, parts: Sequence[LabelledSpan]) -> list[str]:
    """A sentence where all clips lie in one folder whose sub-folders may be the labels."""
    places = [Path(index.name(part.path)).parts for part in parts]
    inside = sorted({place[1] for place in places if len(place) > 2})
    if len({place[0] for place in places}) != 1 or len(inside) < 2 or parts[0].split:
        return []
    return [
        say(
            "All clips lie in {folder}; if the folders inside it ({names}) are the labels, give "
            "{path}.",
            folder=shown(places[0][0]),
            names=name_list([shown(name) for name in inside]),
            path=index.root / places[0][0],
        )
    ]


def _table_inside(index: ClipIndex) -> str:
    """What to do with a table that lies in a sub-folder, as the end of a sentence."""
    inside = [path for path in index.others if folded(path.name) in NAMES]
    return say("; {name} is there: move it up", name=shown(index.name(inside[0]))) if inside else ""


def _from_table(
    path: Path, index: ClipIndex, values: bool, findings: Findings, notes: list[str]
) -> tuple[str, tuple[str, ...], list[LabelledSpan]]:
    """(key of the task, labels or () for those that occur, clips with their one label)."""
    table = read_people_table(
        path, FOLDER, say("in {folder}", folder=index.root.name), index.count_known
    )
    table.findings, found = findings, table.findings
    findings.extend(say("rows that can't be read"), found.sentences())
    if not table.rows and not findings.sentences():
        raise CorpusError(
            "{name} has a header but no rows; expected a row per clip.", name=path.name
        )
    unread = (*_rows_of_raters(table), *_misnamed(table))
    kind = kind_of(table, values)
    notes += table.notes
    if folded(path.name) != TABLE:
        notes.append(say("{name} is used as the table of labels.", name=path.name))
    notes += column_notes(table, kind, unread)
    notes += time_notes(table)
    notes += split_folder_notes(index, table)
    ratings = _named_alike(ratings_of(table, kind, index), table.name, notes)
    ratings = _grouped_alike(ratings, notes)
    notes += file_notes(index, path, _files_of_moments(ratings))
    _note_unlisted(ratings, index, notes)
    notes += _about_columns(ratings)
    labels = VALUES if ratings.kind == "valence_arousal" else ratings.labels
    return ratings.kind, labels, merge_ratings(ratings, table.name, index, findings, notes)


def _files_of_moments(ratings: Ratings) -> set[Path]:
    """Files beside clips of which valence and arousal are read."""
    if ratings.kind != "valence_arousal":
        return set()
    rated = {row.path for row in ratings.rows if row.values is not None}
    found = {beside(row.path) for row in ratings.rows if row.path not in rated}
    return {path for path in found if path}


def _about_columns(ratings: Ratings) -> list[str]:
    """Notes on what columns are taken to mean: labels of yes and no, a scale from -1."""
    if ratings.labels:
        names = name_list([shown(name) for name in ratings.labels], 12)
        return [
            say(
                "The columns {names} are used as labels; a clip may have any number of them.",
                names=names,
            )
        ]
    values = [value for row in ratings.rows for value in row.values or ()]
    if len(values) < 10 or min(values) < 0:
        return []
    return [
        say(
            "No valence or arousal is below 0; values are read on a scale from "
            "-1 to 1, on which 0 is neutral; if your scale is 0 to 1, convert "
            "it with 2 x - 1."
        )
    ]


def _misnamed(table: Table) -> tuple[str, ...]:
    """Takes away a column that is not called split and holds no word for one: ("its header",)."""
    header = table.headers.get("split", "split")
    if normalized(header) == "split":
        return ()
    if any(split_word(row.cells.get("split", "")) for row in table.rows):
        return ()
    del table.headers["split"]
    for row in table.rows:
        row.cells.pop("split", None)
    return (header,)


def _rows_of_raters(table: Table) -> tuple[str, ...]:
    """Columns such as rater1, rater2 become a row a rater; returns () for a uniform caller."""
    filled = any(not is_blank(row.cells.get("label", "")) for row in table.rows)
    if filled or "rater" in table.headers:
        return ()
    wide = [name for name in table.headers if _RATER_COLUMN.fullmatch(normalized(name))]
    if len(wide) < 2:
        return ()
    table.rows[:] = [
        Row(row.line, {**row.cells, "label": cell, "rater": name})
        for row in table.rows
        for name in wide
        if not is_blank(cell := row.cells.get(name, ""))
    ]
    for name in wide:
        del table.headers[name]
    table.headers |= {
        "label": say("{first} to {last}", first=wide[0], last=wide[-1]),
        "rater": "rater",
    }
    table.notes.append(
        say("The columns {names} are used as one rater each.", names=name_list(wide, 8))
    )
    return ()


def _named_alike(ratings: Ratings, table: str, notes: list[str]) -> Ratings:
    """The same ratings with one spelling a label, and several labels where cells hold several."""
    if ratings.kind != "single_label":
        return ratings
    ratings = as_several(ratings, Counter(str(row.label) for row in ratings.rows))
    if ratings.kind == "multi_label":
        notes.append(say("Some cells hold several labels, so a clip may have any number of them."))
    counts = Counter(name for row in ratings.rows for name in label_names(row.label))
    notes += label_remarks(counts, table)
    spelling, alike = one_spelling(counts)
    notes += alike
    notes += alike_remarks(spelling.values())

    def spelled(label: Label | None) -> Label | None:
        if isinstance(label, str):
            return spelling[label]
        return tuple(sorted({spelling[name] for name in label_names(label)}))

    return replace(ratings, rows=[replace(r, label=spelled(r.label)) for r in ratings.rows])


def _grouped_alike(ratings: Ratings, notes: list[str]) -> Ratings:
    """The same ratings with one spelling a source: Anna and anna must not be in two splits."""
    counts = Counter(row.group for row in ratings.rows if row.group)
    spelling, alike = one_spelling(counts)
    if not alike:
        return ratings
    changed = sorted(name for name, best in spelling.items() if name != best)
    notes.append(
        say(
            "Groups that differ only in capitals, spaces or hyphens from a more "
            "common spelling ({names}) count as that source; if one is another "
            "source, rename it.",
            names=name_list([shown(n) for n in changed]),
        )
    )
    rows = [replace(row, group=spelling.get(row.group, "")) for row in ratings.rows]
    return replace(ratings, rows=rows)


def label_names(label: Any) -> Sequence[str]:
    """The names in one label or several."""
    return (label,) if isinstance(label, str) else label or ()


def _note_unlisted(ratings: Ratings, index: ClipIndex, notes: list[str]) -> None:
    """A note on clips that no usable row names."""
    listed = {row.path for row in ratings.rows}
    unlisted = [index.name(path) for path in index.paths if path not in listed]
    if unlisted:
        notes.append(
            say(
                "Clips without a usable row: {count} ({names}); they are left out.",
                count=len(unlisted),
                names=name_list(unlisted),
            )
        )
