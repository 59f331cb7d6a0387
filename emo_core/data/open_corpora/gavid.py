"""GAViD: five-second clips of groups from the web, positive, neutral or negative by majority.

Its authors state counts, labels and that train clips are on Zenodo; they print no file list. So the
reader takes clips in any folders and finds in a table, by its content, the column that names clips
and the one that holds the three classes. Source: docs/papers/corpora.md#gavid.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from emo_core.data.corpus import Corpus, CorpusError, Item, name_list, read_text, split_notes
from emo_core.messages import say
from emo_core.schema import POLARITIES

PUBLISHED = {"train": 3503, "val": 542, "test": 1046}  # Dataset_Details.png of the repository
CLASSES = {**{name: name for name in POLARITIES}, "p": "positive", "n": "negative", "ne": "neutral"}
SPLITS_NAMED = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
CLIP_SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
SHARES_OF_SOURCES = 0.7, 0.85  # of sources: train, and train with val, where only train is here
Row = dict[str, str]


def read_gavid(root: Path) -> Corpus:
    """Reads the clips that a table labels, split as their folders are named."""
    clips = _clips(root)
    tables = sorted(root.rglob("[!.]*.csv"))
    if not clips or not tables:
        missing = "clip" if tables else "table"
        raise CorpusError(
            "There is no {missing} in {name}; expected GAViD's clips in folders, and a CSV table "
            "with a column of clip names and one of positive, neutral or negative; copy both.",
            missing=missing,
            name=root.name,
        )
    labels: dict[str, str] = {}
    problems: list[str] = []
    for path in tables:
        found, wrong = _read_labels(path, set(clips))
        problems += wrong + _contradictions(labels, found, path)
        labels |= {name: label for name, label in found.items() if name not in labels}
    items = [
        Item(name, path, _named_split(path, root), labels[name], source_video(name))
        for name, path in clips.items()
        if name in labels
    ]
    if not items:
        raise CorpusError(
            "There is no labelled clip in {name}; expected a table that names its clips; the "
            "first problem: {problem}",
            name=root.name,
            problem=(problems or [say("no table names any of them")])[0],
        )
    problems += _unlabelled(clips, labels)
    kept, notes = _split(items)
    return Corpus("gavid", root, POLARITIES, tuple(kept), tuple(problems), tuple(notes))


def source_video(name: str) -> str:
    """What stands before the last underscore or hyphen of a clip's name, which is taken to be
    the video it was cut from: the names' form is not published.
    """
    cut = max(name.rfind("_"), name.rfind("-"))
    return name[:cut] if cut > 0 else name


def _clips(root: Path) -> dict[str, Path]:
    paths = sorted(p for p in root.rglob("[!.]*") if p.suffix.lower() in CLIP_SUFFIXES)
    clips: dict[str, Path] = {}
    for path in paths:
        if clips.setdefault(path.stem, path) is not path:
            raise CorpusError(
                "{name} is in {first} and in {second}; expected each clip once; remove "
                "one of them.",
                name=path.name,
                first=clips[path.stem].parent.name,
                second=path.parent.name,
            )
    return clips


def _read_labels(path: Path, clips: set[str]) -> tuple[dict[str, str], list[str]]:
    """({clip: class}, problems) of one table, whose columns are found by what is in them."""
    reader = csv.DictReader(
        io.StringIO(read_text(path, "beside the clips"), newline=""), restval=""
    )
    rows = [{k: (v or "").strip() for k, v in row.items() if isinstance(k, str)} for row in reader]
    columns = [name for name in reader.fieldnames or () if name]
    of_clips = [c for c in columns if any(_stem(row[c]) in clips for row in rows)]
    of_classes = [c for c in columns if rows and _class_share(rows, c) > 0.5]
    if len(of_clips) != 1 or len(of_classes) != 1:
        return {}, [
            say(
                "{name} has the columns {columns}: {clips} with names of clips, "
                "{classes} with positive, neutral and negative; expected one of "
                "each; the table is not used.",
                name=path.name,
                columns=", ".join(columns)[:80],
                clips=len(of_clips),
                classes=len(of_classes),
            )
        ]
    return _labelled_rows(path, rows, of_clips[0], of_classes[0])


def _class_share(rows: list[Row], column: str) -> float:
    """The share of rows with one of the classes; a column with one value for all is none."""
    values = [row[column].lower() for row in rows]
    known = [value for value in values if value in CLASSES]
    return len(known) / len(values) if len(set(known)) > 1 or len(rows) == 1 else 0.0


def _labelled_rows(
    path: Path, rows: list[Row], name: str, polarity: str
) -> tuple[dict[str, str], list[str]]:
    labels: dict[str, str] = {}
    problems: list[str] = []
    for number, row in enumerate(rows, start=2):
        clip, label = _stem(row[name]), CLASSES.get(row[polarity].lower())
        if label is None:
            problems.append(
                say(
                    "{name} line {number}: {clip} has {found!r}; expected positive, "
                    "neutral or negative; the row is left out.",
                    name=path.name,
                    number=number,
                    clip=clip[:40],
                    found=row[polarity][:20],
                )
            )
        elif labels.setdefault(clip, label) != label:
            problems.append(
                say(
                    "{name} line {number}: {clip} is labelled {label}, in an earlier "
                    "line {other}; expected one class; the earlier one counts.",
                    name=path.name,
                    number=number,
                    clip=clip[:40],
                    label=label,
                    other=labels[clip],
                )
            )
    return labels, problems


def _stem(text: str) -> str:
    """The name of a clip without folders and suffix."""
    name = PurePosixPath(text.strip().replace("\\", "/")).name
    end = PurePosixPath(name).suffix.lower()
    return name[: -len(end)] if end in CLIP_SUFFIXES else name


def _contradictions(known: Mapping[str, str], found: Mapping[str, str], path: Path) -> list[str]:
    differ = sorted(name for name, label in found.items() if known.get(name, label) != label)
    if not differ:
        return []
    return [
        say(
            "{name} labels some clips differently from another table: {names}; "
            "expected one class for each clip; the other table counts.",
            name=path.name,
            names=name_list(differ),
        )
    ]


def _unlabelled(clips: Mapping[str, Path], labels: Mapping[str, str]) -> list[str]:
    without = sorted(set(clips) - set(labels))
    absent = sorted(set(labels) - set(clips))
    problems: list[str] = []
    if without:
        problems.append(
            say(
                "Clips in no table are left out: {names}; add rows for them.",
                names=name_list(without),
            )
        )
    if absent:
        problems.append(
            say(
                "Clips that a table names are missing: {names}; copy them, or remove their rows.",
                names=name_list(absent),
            )
        )
    return problems


def _named_split(path: Path, root: Path) -> str:
    """The split that a folder on the way to a clip is named after; "" = none is."""
    folders = path.relative_to(root).parts[:-1]
    words = [word for name in folders for word in name.lower().replace("-", "_").split("_")]
    return next((SPLITS_NAMED[word] for word in words if word in SPLITS_NAMED), "")


def _split(items: list[Item]) -> tuple[list[Item], list[str]]:
    """Published splits as the folders say; where there is only one, ours by source video."""
    counts = Counter(item.split for item in items)
    if "" not in counts and len(counts) > 1:
        return items, list(split_notes(items, PUBLISHED))
    ours = _own_splits(sorted({item.group for item in items}))
    note = say(
        "The published val and test clips, which are given on request, are "
        "not here: the {count} clips of {sources} source videos are split "
        "anew by source video, so scores on them can't be compared with "
        "published ones.",
        count=len(items),
        sources=len(ours),
    )
    kept = [replace(item, split=ours[item.group]) for item in items]
    return kept, [note]


def _own_splits(sources: list[str]) -> dict[str, str]:
    """{source: split}: 70, 15 and 15 % of sources in an order that depends on their names only."""
    order = [str(name) for name in np.random.default_rng(0).permutation(sources)]
    train, val = (round(share * len(order)) for share in SHARES_OF_SOURCES)
    return {
        name: "train" if place < train else "val" if place < val else "test"
        for place, name in enumerate(order)
    }
