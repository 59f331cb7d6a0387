"""CMU-MOSEI: the raw tree or the flattened one of MESM's notebook.

[Raw/]Videos/Full/Combined/<vid>.mp4, [Raw/]Transcript/[Segmented/]Combined/<vid>.txt with lines
vid___clip___start___end___text, [Raw/]Labels/*.csv with three raters' rows a clip or
CMU_MOSEI_Labels.csd, and MOSEI_SPLIT/{train,valid,test}_split.txt.
Source: docs/papers/mesm.md#cmu-mosei-raw-tree.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    files_by_stem,
    find_folder,
    name_list,
    read_splits,
    read_table,
    read_text,
    refuse_misplaced,
    split_notes,
)
from emo_core.messages import say
from emo_core.schema import EMOTIONS

ANSWERS = tuple(
    f"Answer.{name}" for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
)
CSD = "CMU_MOSEI_Labels.csd"
CSD_COLUMNS = ("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")  # not EMOTIONS
RATERS = 3
MOST = 3  # of an emotion that a rater may see
SAME_S = 0.05  # seconds by which the two sources of a segment's times may differ
PUBLISHED = {"train": 14_524, "val": 1_765, "test": 4_188}  # docs/papers/mesm.md#cmu-mosei

# The id of one video in 64 ends with an underscore: only clips and times have a form of their own.
LINE = re.compile(r"(.+?)___(\d+)___([^_\s]+)___([^_\s]+)(?:___(.*))?")

Segment = tuple[str, float, float, str]  # video, start_s, end_s, text


def read_mosei(root: Path) -> Corpus:
    """Read segments that have a label, a transcript, a video and a published split."""
    videos = find_folder(root, "Raw/Videos/Full/Combined", "Videos/Full/Combined")
    transcripts = find_folder(
        root,
        "Raw/Transcript/Segmented/Combined",
        "Transcript/Segmented/Combined",
        "Raw/Transcript/Combined",
        "Transcript/Combined",
    )
    folder = find_folder(root, "MOSEI_SPLIT", "../MOSEI_SPLIT")
    videos = _require_folder(root, videos, "Videos/Full/Combined")
    transcripts = _require_folder(root, transcripts, "Transcript/Segmented/Combined")
    folder = _require_folder(root, folder, "MOSEI_SPLIT")
    segments, problems = read_transcripts(transcripts)
    present, wrong, notes = read_mosei_labels(root, segments)
    splits, doubled = read_splits(folder)
    items, missing = _items(videos, segments, present, splits)
    if not items:
        raise CorpusError(
            "There is no usable segment in {name}; expected videos, transcripts, labels and "
            "splits that name the same ids; the first problem: {problem}",
            name=root.name,
            problem=(problems + wrong + missing or ["-"])[0],
        )
    notes += split_notes(items, PUBLISHED)
    problems += wrong + doubled + missing
    return Corpus("mosei", root, EMOTIONS, tuple(items), tuple(problems), tuple(notes))


def _require_folder(root: Path, found: Path | None, name: str) -> Path:
    """The folder that was found; raises CorpusError where there is none."""
    if found is None:
        refuse_misplaced(root, name, f"Raw/{name}")
        raise CorpusError(
            "There is no folder {name} in {root_name}; expected CMU-MOSEI with the folders "
            "Videos, Transcript and Labels and the published MOSEI_SPLIT; copy it there.",
            name=name,
            root_name=root.name,
        )
    return found


def _items(
    videos: Path,
    segments: Mapping[str, Segment],
    present: Mapping[str, tuple[str, ...]],
    splits: Mapping[str, str],
) -> tuple[list[Item], list[str]]:
    on_disk = files_by_stem(videos, ".mp4")
    items, silent, unlabelled = [], [], []
    absent: Counter[str] = Counter()
    for name, split in splits.items():
        if name not in segments:
            silent.append(name)
        elif name not in present:
            unlabelled.append(name)
        elif segments[name][0] not in on_disk:
            absent[segments[name][0]] += 1
        else:
            video, start_s, end_s, text = segments[name]
            span = start_s, end_s
            items.append(Item(name, on_disk[video], split, present[name], video, None, text, span))
    problems: list[str] = [
        say(
            "{video}.mp4 is missing in {folder}; its segments are left out ({count}); copy it.",
            video=video,
            folder=videos.name,
            count=count,
        )
        for video, count in sorted(absent.items())
    ]
    for names, what in ((silent, say("line in the transcripts")), (unlabelled, say("label"))):
        if names:
            problems.append(
                say(
                    "{count} ids of the published split have no {what} and are left out: {names}.",
                    count=len(names),
                    what=what,
                    names=name_list(sorted(names)),
                )
            )
    return items, problems


def read_transcripts(folder: Path) -> tuple[dict[str, Segment], list[str]]:
    """Every segment of every transcript by its id `<vid>_<clip>`, and problems."""
    segments: dict[str, Segment] = {}
    problems: list[str] = []
    for path in files_by_stem(folder, ".txt").values():
        try:
            lines = read_text(path, say("in {folder}", folder=folder.name)).splitlines()
        except CorpusError as error:
            problems.append(str(error))
            continue
        for number, line in enumerate(lines, start=1):
            found = LINE.fullmatch(line.strip())
            try:
                times = (float(found[3]), float(found[4])) if found else (0.0, 0.0)
            except ValueError:
                times = 0.0, 0.0
            if not found or not 0 <= times[0] < times[1]:
                if line.strip():
                    problems.append(
                        say(
                            "{name} line {number}: found {line!r}, expected "
                            "vid___clip___start___end___text; the line is left out.",
                            name=path.name,
                            number=number,
                            line=line[:40],
                        )
                    )
                continue
            video, clip = found[1].rpartition("/")[2], found[2]
            segment = video, *times, (found[5] or "").strip()
            if segments.setdefault(f"{video}_{clip}", segment) is not segment:
                problems.append(
                    say(
                        "{name} line {number}: {video}_{clip} has a line already, expected "
                        "one line for each clip; this one is left out.",
                        name=path.name,
                        number=number,
                        video=video,
                        clip=clip,
                    )
                )
    return segments, problems


def read_mosei_labels(
    root: Path, segments: Mapping[str, Segment]
) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
    """({id: emotions present}, problems, notes) from the raters' tables, else from the .csd."""
    folder = find_folder(root, "Raw/Labels", "Labels")
    tables = list(files_by_stem(folder, ".csv").values()) if folder else []
    if tables:
        return read_ratings(tables)
    for path in ((folder or root) / CSD, root / CSD):
        if path.is_file():
            present = csd_labels(_open_csd(path), segments)
            return (
                present,
                [],
                [
                    say(
                        "Labels are read from {csd} and matched to the transcripts by time.",
                        csd=CSD,
                    )
                ],
            )
    raise CorpusError(
        "There are no labels in {name}; expected the tables of CMU-MOSEI in Labels, or {csd}; "
        "copy them there.",
        name=root.name,
        csd=CSD,
    )


def read_ratings(
    tables: list[Path],
) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
    """An emotion is present where the raters' sum is above 0.

    Source: docs/papers/mesm.md#cmu-mosei-raw-tree.
    """
    sums: dict[str, list[float]] = {}
    raters: Counter[str] = Counter()
    problems: list[str] = []
    for path in tables:
        try:
            rows = read_table(path, ("Input.VIDEO_ID", "Input.CLIP", *ANSWERS), "in Labels", True)
        except CorpusError as error:
            problems.append(str(error))
            continue
        for number, row in rows:
            name = f"{row['Input.VIDEO_ID'].rpartition('/')[2]}_{row['Input.CLIP']}"
            marks = [_mark(row[answer]) for answer in ANSWERS]
            known = [mark for mark in marks if mark is not None]
            if len(known) < len(marks):
                problems.append(
                    say(
                        "{name} line {number}: {clip} has the answer {answer!r}, expected a "
                        "number from 0 to 3; the row is left out.",
                        name=path.name,
                        number=number,
                        clip=name,
                        answer=row[ANSWERS[marks.index(None)]][:20],
                    )
                )
                continue
            sums[name] = [a + b for a, b in zip(sums.get(name, [0.0] * 6), known, strict=True)]
            raters[name] += 1
    odd = sorted(name for name, count in raters.items() if count != RATERS)
    notes: list[str] = (
        [
            say(
                "Clips with more or fewer than {raters} raters: {names}.",
                raters=RATERS,
                names=name_list(odd),
            )
        ]
        if odd
        else []
    )
    present = {
        name: tuple(label for label, mark in zip(EMOTIONS, marks, strict=True) if mark > 0)
        for name, marks in sums.items()
    }
    return present, problems, notes


def _mark(text: str) -> float | None:
    """A rater's answer; None = it is no number from 0 to 3."""
    try:
        mark = float(text)
    except ValueError:
        return None
    return mark if 0 <= mark <= MOST else None


def _open_csd(path: Path) -> Mapping[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise CorpusError(
            "{name} is an HDF5 file, and the package that reads it (h5py) isn't installed; "
            "expected h5py, or the tables in Labels; run `pip install h5py`, or copy the tables.",
            name=path.name,
        ) from error
    try:
        return h5py.File(path, "r")["All Labels"]["data"]
    except (OSError, KeyError) as error:
        raise CorpusError(
            "{name} can't be read ({error}); expected the labels under `All Labels/data` in it; "
            "copy it again.",
            name=path.name,
            error=error,
        ) from error


def csd_labels(
    data: Mapping[str, Any], segments: Mapping[str, Segment]
) -> dict[str, tuple[str, ...]]:
    """{id: emotions present} of `All Labels/data`, whose columns stand in another order.

    data: {vid: {"features": (n, 7), "intervals": (n, 2) seconds}}. Its rows carry no clip number,
    so each is joined to the segment of the transcript with the same times; one with NaN is none.
    Raises CorpusError where there are other columns.
    """
    present = {}
    for name, (video, start_s, end_s, _) in segments.items():
        if video not in data:
            continue
        for (start, end), row in zip(
            data[video]["intervals"], data[video]["features"], strict=True
        ):
            if len(row) != len(CSD_COLUMNS):
                raise CorpusError(
                    "{name} has {count} numbers for a segment; expected {wanted} ({columns}); "
                    "copy the published file again.",
                    name=CSD,
                    count=len(row),
                    wanted=len(CSD_COLUMNS),
                    columns=", ".join(CSD_COLUMNS),
                )
            if np.isnan(row).any():
                continue
            if abs(start - start_s) <= SAME_S and abs(end - end_s) <= SAME_S:
                marks = dict(zip(CSD_COLUMNS, row, strict=True))
                present[name] = tuple(label for label in EMOTIONS if marks[label] > 0)
                break
    return present
