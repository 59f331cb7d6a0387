"""Aff-Wild2, valence and arousal of every frame: the official tree (docs/papers/jmt.md#aff-wild2).

cropped_aligned/<video>[_left|_right]/00001.jpg, .../{Train_Set,Validation_Set}/<video>.txt with
`valence,arousal` a frame (-5 = invalid), batch*/<video>.mp4|.avi for the sound, and the list of
test videos. An item is one face of one video; its windows: docs/papers/jmt.md#windows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from os import scandir
from pathlib import Path

import numpy as np

from emo_core.data.affwild2_windows import FaceWindow, face_windows
from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    find_folder,
    name_list,
    read_text,
    refuse_misplaced,
    visible_names,
)
from emo_core.data.dataset import Target
from emo_core.messages import say

LABELS = ("valence", "arousal")
INVALID = -5.0
NUMBER = re.compile(r"\d{5}|[1-9]\d{5,}", re.ASCII)  # of a frame, as its picture is named
CHALLENGES = ("VA_Estimation_Challenge", "VA_Set")
SETS = {"train": ("Train_Set",), "val": ("Validation_Set", "Val_Set")}
TEST_LISTS = ("Valence_Arousal_Estimation_Challenge_test_set_release.txt",)
PUBLISHED = {"train": (356, 1_682_057), "val": (76, 383_814), "test": (162, 0)}  # files, rows
# In today's test list; the authors skip them too (docs/papers/jmt.md#windows).
NEVER_TRAINED = {
    "313",
    "212",
    "303",
    "171",
    "40-30-1280x720",
    "286",
    "270",
    "234",
    "239",
    "266",
}


def read_affwild2(root: Path) -> Corpus:
    """Read annotations, pictures and test list; a video of val or test never trains."""
    image_root = find_folder(root, "cropped_aligned")
    if image_root is None:
        refuse_misplaced(root, "cropped_aligned")
        raise CorpusError(
            "There is no folder cropped_aligned in {name}; expected Aff-Wild2 as it is given out, "
            "with cropped_aligned, the valence-arousal annotations and the videos (batch1 and so "
            "on); unpack the archives there.",
            name=root.name,
        )
    files = {split: annotation_files(root, names) for split, names in SETS.items()}
    if not any(files.values()):
        raise CorpusError(
            "There are no annotations in {name}; expected VA_Estimation_Challenge/Train_Set and "
            "Validation_Set with one .txt file for each video; unpack them there.",
            name=root.name,
        )
    test = _test_names(root)
    kept, problems = _drop_held_out(files["train"], [path.stem for path in files["val"]], test)
    problems += [
        say(
            "There are no annotations for {split}; expected them in {folder}.",
            split=s,
            folder=SETS[s][0],
        )
        for s in SETS
        if not files[s]
    ]
    videos = raw_videos(root)
    items: list[Item] = []
    facts: dict[str, Counter] = {}
    for split, paths in (("train", kept), ("val", files["val"])):
        facts[split] = Counter()
        for path in paths:
            item, wrong = _read_face(image_root, videos, path, split, facts[split])
            items += [item] if item else []
            problems += wrong
    for name in test:
        if (image_root / name).is_dir():
            items.append(_item(image_root, videos, name, "test", None))
        else:
            problems.append(
                say(
                    "The test list names {name}, but cropped_aligned/{name} is missing; "
                    "copy it there.",
                    name=name,
                )
            )
    if not items:
        raise CorpusError(
            "There is no usable video in {name}. {problem}", name=root.name, problem=problems[0]
        )
    notes = _notes(items, facts)
    frames = {split: dict(counts) for split, counts in facts.items()}
    return Corpus(
        "affwild2", root, LABELS, tuple(items), tuple(problems), notes, {"frames": frames}
    )


def affwild2_windows(corpus: Corpus, items: Sequence[Item], target: Target) -> list[FaceWindow]:
    """Windows of 16 tokens with a (16, 2) target each, NaN where no valid label is known.

    Of training videos only those that the authors train on. `target` is not asked: a video's label
    only says what is annotated.
    """
    files = {
        (split, path.stem): path
        for split, names in SETS.items()
        for path in annotation_files(corpus.root, names)
    }
    image_root = find_folder(corpus.root, "cropped_aligned") or corpus.root
    made = []
    for item in items:
        path = files.get((item.split, item.name))
        values = read_annotation(path)[0] if path else None
        folder = image_root / item.name
        made += face_windows(item, folder, sorted(image_numbers(folder)), values)
    return made


def base_name(name: str) -> str:
    """The raw video of a face: two faces of one video end in _left and _right."""
    return name.removesuffix("_left").removesuffix("_right")


def annotation_files(root: Path, names: Iterable[str]) -> list[Path]:
    """The annotation files of one split, in today's tree or an older one."""
    for name in names:
        for challenge in CHALLENGES:
            for pattern in (
                f"{challenge}/{name}",
                f"*/{challenge}/{name}",
                f"*/*/{challenge}/{name}",
            ):
                for folder in sorted(root.glob(pattern)):
                    found = sorted(folder.glob("[!.]*.txt"))
                    if found:
                        return found
    return []


def raw_videos(root: Path) -> dict[str, Path]:
    """Raw videos by name, whatever batch they came in."""
    return {
        path.stem: path
        for folder in (root / n for n in visible_names(root) if n.lower().startswith("batch"))
        for path in sorted(folder.rglob("[!.]*"))
        if path.suffix.lower() in (".mp4", ".avi")
    }


def image_numbers(folder: Path) -> set[int]:
    """Numbers of the frames that have a picture (00001.jpg); gaps are frames without a face."""
    if not folder.is_dir():
        return set()
    with scandir(folder) as entries:
        stems = [entry.name[:-4] for entry in entries if entry.name.endswith(".jpg")]
    return {int(stem) for stem in stems if NUMBER.fullmatch(stem)}


def read_annotation(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """One file: ((n, 2) float32, row k for frame k + 1, NaN = invalid; problems).

    Raises CorpusError where it has another header.
    """
    lines = read_text(path, say("in {folder}", folder=path.parent.name)).splitlines()
    if not lines or lines[0].strip().lower() != ",".join(LABELS):
        raise CorpusError(
            "{name} starts with {found!r}; expected the header 'valence,arousal'; restore the "
            "official file.",
            name=path.name,
            found=(lines or [""])[0][:40],
        )
    while lines and not lines[-1].strip():
        lines.pop()  # a final blank line is no frame
    values = np.full((len(lines) - 1, 2), np.nan, np.float32)
    problems: list[str] = []
    for row, line in enumerate(lines[1:]):
        try:
            valence, arousal = map(float, line.split(","))
        except ValueError:
            valence = arousal = np.nan
        if abs(valence) <= 1 and abs(arousal) <= 1:
            values[row] = valence, arousal
        elif INVALID not in (valence, arousal):
            problems.append(
                say(
                    "{name} line {number}: found {line!r}, expected two numbers from -1 "
                    "to 1, or -5,-5; the frame is not used.",
                    name=path.name,
                    number=row + 2,
                    line=line[:40],
                )
            )
    return values, tuple(problems)


def _test_names(root: Path) -> list[str]:
    for name in TEST_LISTS:
        for path in sorted((*root.glob(name), *root.glob(f"*/{name}"), *root.glob(f"*/*/{name}"))):
            return read_text(path, say("with the names of test videos")).split()
    return []


def _drop_held_out(
    train: Sequence[Path], val: Sequence[str], test: Sequence[str]
) -> tuple[list[Path], list[str]]:
    """Training files whose video is in no other list, and a sentence for every other."""
    kept: list[Path] = []
    problems: list[str] = []
    held = {base_name(name): "val" for name in val}
    held |= {name: say("test (one of ten that the authors leave out)") for name in NEVER_TRAINED}
    held |= {base_name(name): "test" for name in test}
    for path in train:
        where = held.get(base_name(path.stem))
        if where is None:
            kept.append(path)
        else:
            problems.append(
                say(
                    "The video {name} is in train and in {where}; expected it in one; "
                    "it is left out of train.",
                    name=path.stem,
                    where=where,
                )
            )
    return kept, problems


def _item(
    image_root: Path, videos: dict[str, Path], name: str, split: str, label: tuple[str, ...] | None
) -> Item:
    base = base_name(name)
    return Item(name, videos.get(base, image_root / name), split, label, base)


def _read_face(
    image_root: Path, videos: dict[str, Path], path: Path, split: str, facts: Counter
) -> tuple[Item | None, list[str]]:
    """One annotated face; counts its frames in `facts`. Rows and pictures are joined by number."""
    name = path.stem
    try:
        values, wrong = read_annotation(path)
    except CorpusError as error:
        return None, [str(error)]
    problems = list(wrong)
    known = image_numbers(image_root / name)
    if not known:
        return None, [
            *problems,
            say(
                "There is no picture in cropped_aligned/{name}; expected 00001.jpg and so on, a "
                "number of five digits for each frame; copy it again.",
                name=name,
            ),
        ]
    if base_name(name) not in videos:
        problems.append(
            say(
                "The video of {name} is missing in batch1 and so on; it is used without sound.",
                name=name,
            )
        )
    rows = set(range(1, len(values) + 1))
    facts["rows"] += len(values)
    facts["invalid"] += int(np.isnan(values).any(1).sum()) - len(wrong)
    facts["rows_without_picture"] += len(rows - known)
    facts["pictures_without_row"] += len(known - rows)
    return _item(image_root, videos, name, split, LABELS), problems


def _notes(items: Sequence[Item], facts: dict[str, Counter]) -> tuple[str, ...]:
    counts = Counter(item.split for item in items)
    notes: list[str] = []
    for split, (files, rows) in PUBLISHED.items():
        if counts[split] != files:
            notes.append(
                say(
                    "{split} has {count} faces; the published set has {files}.",
                    split=split,
                    count=counts[split],
                    files=files,
                )
            )
        found = facts.get(split, Counter())
        if found and found["rows"] != rows:
            notes.append(
                say(
                    "{split} has {rows} rows; the published set has {published}.",
                    split=split,
                    rows=found["rows"],
                    published=rows,
                )
            )
        notes += [
            say("{split}: {count} {what}", split=split, count=found[key], what=what)
            for key, what in (
                ("invalid", say("rows are marked invalid (-5) and are not scored.")),
                (
                    "rows_without_picture",
                    say("rows have no picture: no face was found there, or the file is missing."),
                ),
                ("pictures_without_row", say("pictures have no row and are not scored.")),
            )
            if found[key]
        ]
    sides = sorted(item.name for item in items if item.name != item.group)
    if sides:
        notes.append(
            say("Faces that share a video with another face: {names}.", names=name_list(sides))
        )
    return tuple(notes)
