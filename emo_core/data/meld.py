"""MELD: utterances of a television series, the open stand-in for CMU-MOSEI.

{train,dev,test}_sent_emo.csv and clips dia{D}_utt{U}.mp4 in train_splits/, dev_splits_complete/,
output_repeated_splits_test/. Assumption: its seven classes become CMU-MOSEI's six labels, with
nothing present for neutral (docs/papers/mesm.md#a2). A clip is read for 20 s at most. All of a
dialogue is in one split. Source: docs/papers/mesm.md#meld.
"""

import re
from collections import Counter
from pathlib import Path

from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    files_by_stem,
    find_folder,
    name_list,
    read_table,
    refuse_misplaced,
)
from emo_core.messages import say
from emo_core.schema import EMOTIONS

PRESENT = {
    "neutral": (),
    "joy": ("happy",),
    "surprise": ("surprise",),
    "anger": ("anger",),
    "sadness": ("sad",),
    "disgust": ("disgust",),
    "fear": ("fear",),
}
TABLES = {"train": "train", "val": "dev", "test": "test"}
FOLDERS = {
    "train": "train_splits",
    "val": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
COLUMNS = ("Utterance", "Emotion", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime")
CAP_S = 20.0  # seconds read of a clip; subtitles of the published test split last up to 305
KNOWN_BAD = {  # declare-lab/MELD issues 20, 22, 27, 39, 52
    "train/dia125_utt3": "corrupt",
    "train/dia309_utt0": "wrongly cut",
    "val/dia110_utt7": "never published",
    "test/dia38_utt4": "wrongly cut, five minutes",
    "test/dia220_utt0": "wrongly cut, four minutes",
}
PUBLISHED = {  # rows of the tables: neutral, joy, surprise, anger, sadness, disgust, fear
    "train": (4710, 1743, 1205, 1109, 683, 271, 268),
    "val": (470, 163, 150, 153, 111, 22, 40),
    "test": (1256, 402, 281, 345, 208, 68, 50),
}
ORDER = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
CLOCK = re.compile(r"(\d+):(\d+):(\d+)[,.](\d+)$")


def read_meld(root: Path) -> Corpus:
    """Read the tables whose clips are there, and name what is left out."""
    items: list[Item] = []
    problems: list[str] = []
    notes: list[str] = []
    for split in TABLES:
        try:
            found, wrong, said = read_meld_split(root, split)
        except CorpusError as error:
            found, wrong, said = [], [str(error)], []
        items += found
        problems += wrong
        notes += said
    if not items:
        refuse_misplaced(root, *FOLDERS.values(), "MELD.Raw")
        raise CorpusError(
            "There is no usable clip in {name}; expected train_sent_emo.csv beside train_splits, "
            "and the same for dev and test; the first problem: {problem}",
            name=root.name,
            problem=(problems or ["-"])[0],
        )
    return Corpus("meld", root, EMOTIONS, tuple(items), tuple(problems), tuple(notes))


def read_meld_split(root: Path, split: str) -> tuple[list[Item], list[str], list[str]]:
    """(items, problems, notes) of one split."""
    clips = find_folder(
        root,
        FOLDERS[split],
        f"{TABLES[split]}/{FOLDERS[split]}",
        f"MELD.Raw/{FOLDERS[split]}",
        f"MELD.Raw/{TABLES[split]}/{FOLDERS[split]}",
    )
    folders = (".", "data/MELD", TABLES[split], "MELD.Raw", f"MELD.Raw/{TABLES[split]}")
    tables = (root / folder / f"{TABLES[split]}_sent_emo.csv" for folder in folders)
    table = next((path for path in tables if path.is_file()), None)
    if clips is None and table is None:
        return (
            [],
            [],
            [
                say(
                    "The split {split} is not here: {table}_sent_emo.csv and its clips "
                    "are missing.",
                    split=split,
                    table=TABLES[split],
                )
            ],
        )
    if clips is None or table is None:
        missing = f"{TABLES[split]}_sent_emo.csv" if table is None else FOLDERS[split]
        raise CorpusError(
            "{missing} is missing in {name}; expected it for the split {split}; copy it there.",
            missing=missing,
            name=root.name,
            split=split,
        )
    rows, problems = read_meld_rows(table, split)
    on_disk = files_by_stem(clips, ".mp4")
    items, bad = [], []
    for name, (emotion, text) in rows.items():
        if name in KNOWN_BAD:
            bad.append(f"{name} ({KNOWN_BAD[name]})")
        elif name.rpartition("/")[2] not in on_disk:
            problems.append(
                say(
                    "{table} names {name}.mp4, which is missing; copy it into {clips}.",
                    table=table.name,
                    name=name,
                    clips=clips.name,
                )
            )
        else:
            path = on_disk[name.rpartition("/")[2]]
            group, label = name.rpartition("_")[0], PRESENT[emotion]
            items.append(Item(name, path, split, label, group, text=text, longest_s=CAP_S))
    extra = sorted(f"{split}/{name}" for name in on_disk if f"{split}/{name}" not in rows)
    return items, problems, _notes(split, rows, bad, extra)


def _notes(split: str, rows: dict, bad: list[str], extra: list[str]) -> list[str]:
    counts = Counter(emotion for emotion, _ in rows.values())
    found = tuple(counts[emotion] for emotion in ORDER)
    notes: list[str] = []
    if bad:
        notes.append(
            say(
                "{split}: clips that are known to be damaged are left out: {names}.",
                split=split,
                names=", ".join(bad),
            )
        )
    if extra:
        notes.append(
            say(
                "{split}: clips in no row of the table are left out: {names}.",
                split=split,
                names=name_list(extra),
            )
        )
    if found != PUBLISHED[split]:
        notes.append(
            say(
                "{split} has {rows} rows ({found}); the published table has "
                "{published} ({labels}).",
                split=split,
                rows=sum(found),
                found=_list(found),
                published=sum(PUBLISHED[split]),
                labels=_list(PUBLISHED[split]),
            )
        )
    return notes


def _list(counts: tuple[int, ...]) -> str:
    return ", ".join(f"{count} {name}" for count, name in zip(counts, ORDER, strict=True))


def read_meld_rows(path: Path, split: str) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """One table: ({"train/dia0_utt3": (emotion, text)}, problems).

    Its times are of subtitles and say nothing of the files (docs/papers/mesm.md#meld).
    """
    rows: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    for number, row in read_table(path, COLUMNS, "as published, in data/MELD", True):
        name = f"{split}/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        emotion = row["Emotion"].strip().lower()
        start_s, end_s = seconds_of(row["StartTime"]), seconds_of(row["EndTime"])
        if not (row["Dialogue_ID"].isdigit() and row["Utterance_ID"].isdigit()):
            problem = say("Dialogue_ID and Utterance_ID are not both numbers; the row is left out")
        elif emotion not in PRESENT:
            known = ", ".join(PRESENT)
            problem = say(
                "{name} has emotion {emotion!r}, expected one of {known}; left out",
                name=name,
                emotion=emotion[:20],
                known=known,
            )
        elif start_s is None or end_s is None:
            problem = say(
                "{name} has a time that is not of the form hh:mm:ss,ms; the row is left out",
                name=name,
            )
        elif name in rows:
            problem = say("{name} is in two rows, expected one; the second is left out", name=name)
        else:
            rows[name] = emotion, row["Utterance"].strip()
            continue
        problems.append(
            say("{name} line {number}: {problem}.", name=path.name, number=number, problem=problem)
        )
    return rows, problems


def seconds_of(clock: str) -> float | None:
    """`hh:mm:ss,ms` in seconds; None where it is something else."""
    found = CLOCK.match(clock.strip())
    if found is None:
        return None
    hours, minutes, seconds, thousandths = map(int, found.groups())
    return 3600 * hours + 60 * minutes + seconds + thousandths / 1000
