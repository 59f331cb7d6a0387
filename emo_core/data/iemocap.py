"""IEMOCAP: the release tree and the layout of MESM's loader, by session.

Session{1..5}/dialog/{EmoEvaluation,transcriptions}/<dialog>.txt, dialog/avi/DivX/<dialog>.avi with
both actors side by side, dialog/wav/<dialog>.wav with one actor a channel; or
IEMOCAP_RAW_PROCESSED/<dialog>/<id>/{image_L_0.jpg,audio_L.wav,...} with meta.json.
Sessions 1 to 3 train, 4 is val, 5 is test: its two speakers are heard nowhere else.
Source: docs/papers/mesm.md#iemocap.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    crossing_groups,
    files_by_stem,
    find_folder,
    name_list,
    read_splits,
    read_text,
    refuse_misplaced,
)
from emo_core.data.dataset import Target
from emo_core.data.iemocap_split_screen import (
    Actor,
    ActorWindow,
    audio_file_of,
    names_speaker,
    open_speaker,
    side_of,
)
from emo_core.data.image_sequence import ImageSequence
from emo_core.messages import say

LABELS = ("ang", "exc", "fru", "hap", "neu", "sad")
OTHERS = {"fea", "sur", "dis", "oth", "xxx"}  # published, not one of the six
# docs/papers/mesm.md#iemocap
PUBLISHED = {"ang": 1103, "exc": 1041, "fru": 1849, "hap": 595, "neu": 1708, "sad": 1084}
SPLIT_OF = {"1": "train", "2": "train", "3": "train", "4": "val", "5": "test"}  # by session
PROCESSED = "IEMOCAP_RAW_PROCESSED"
EVALUATION = re.compile(r"\[(\d+\.\d+) - (\d+\.\d+)\]\t(\S+)\t(\w+)\t")
SENTENCE = re.compile(r"(\S+) \[\d+\.\d+-\d+\.\d+\]: ?(.*)")
NAMED = say("expected a name like Ses01F_impro01_F000, which says who speaks")
PICKLE = say(
    "meta.pkl is a pickle, and opening one runs any program in it; expected meta.json; if you "
    'trust whoever made it, convert it once: python -c "import json, pickle; json.dump(pickle.load('
    "open('meta.pkl', 'rb')), open('meta.json', 'w'), default=float)\""
)


def actor_windows(corpus: Corpus, items: Sequence[Item], target: Target) -> list[ActorWindow]:
    """Utterances -> windows of the actor who speaks."""
    return [
        ActorWindow(i.name, i.path, target(i.label), i.group, i.text, i.span_s)
        for i in items
        if i.label is not None
    ]


def open_utterance(item: Item) -> Actor | ImageSequence:
    """What `emo data check` looks at: the actor who speaks."""
    return open_speaker(item.name, item.path)


def speaker_side(item: Item) -> int:
    """Which of the two actors of its file an utterance shows: 0 = left, 1 = right."""
    return side_of(item.name)


def read_iemocap(root: Path) -> Corpus:
    """Read either layout; whole sessions are held out, so no speaker crosses splits."""
    items, problems, notes = _read_tree(root)
    counts = Counter(item.label for item in items)
    notes += [
        say(
            "{label} has {count} utterances; the published set has {wanted}.",
            label=label,
            count=counts[label],
            wanted=wanted,
        )
        for label, wanted in PUBLISHED.items()
        if counts[label] != wanted
    ]
    return Corpus("iemocap", root, LABELS, tuple(items), tuple(problems), tuple(notes))


def read_iemocap_published(root: Path) -> Corpus:
    """The same utterances in the published random split, in which dialogues leak."""
    whole = read_iemocap(root)
    folder = find_folder(root, "IEMOCAP_SPLIT", "../IEMOCAP_SPLIT")
    if folder is None:
        raise CorpusError(
            "There is no folder IEMOCAP_SPLIT in {name}; expected the published train_split.txt, "
            "valid_split.txt and test_split.txt there; copy them, or use --corpus iemocap.",
            name=root.name,
        )
    splits, problems = read_splits(folder)
    items = [
        replace(item, split=splits[item.name], group=dialogue_of(item.name))
        for item in whole.items
        if item.name in splits
    ]
    missing = sorted(set(splits) - {item.name for item in items})
    if missing:
        problems.append(
            say(
                "Ids of the published split are not among the usable utterances "
                "here: {names}; copy the tree again.",
                names=name_list(missing),
            )
        )
    crossing = len(crossing_groups(items))
    leak = say(
        "The published split is random over utterances: {crossing} of "
        "{count} dialogues, and with them their speakers, are in more than "
        "one split, so scores are too good; --corpus iemocap holds out "
        "whole sessions.",
        crossing=crossing,
        count=len({i.group for i in items}),
    )
    return replace(
        whole,
        name="iemocap-published",
        items=tuple(items),
        leak=leak,
        problems=(*whole.problems, *problems),
        notes=(*whole.notes, leak),
    )


def dialogue_of(name: str) -> str:
    """Ses01F_impro05_F019 -> Ses01F_impro05."""
    return name.rpartition("_")[0]


def _read_tree(root: Path) -> tuple[list[Item], list[str], list[str]]:
    processed = root if root.name == PROCESSED else find_folder(root, PROCESSED)
    release = find_folder(root, "IEMOCAP_full_release") or root
    sessions = {n: path for n in SPLIT_OF if (path := find_folder(release, f"Session{n}"))}
    if sessions:
        items, problems, notes = _read_release(sessions)
    elif processed is not None:
        items, problems, notes = _read_processed(processed)
    else:
        refuse_misplaced(root, "Session1", "Session5", PROCESSED)
        raise CorpusError(
            "{name} holds neither Session1 to Session5 nor {processed}; expected IEMOCAP as it is "
            "given out on request, or the folder IEMOCAP_RAW_PROCESSED of the MESM code; unpack "
            "it there.",
            name=root.name,
            processed=PROCESSED,
        )
    if not items:
        raise CorpusError(
            problems[0]
            if problems
            else say(
                "There are no utterances in {name}; unpack IEMOCAP there again.", name=root.name
            )
        )
    return items, problems, notes


def _read_release(sessions: Mapping[str, Path]) -> tuple[list[Item], list[str], list[str]]:
    items: list[Item] = []
    problems: list[str] = []
    other: Counter[str] = Counter()
    for number in sorted(SPLIT_OF.keys() - sessions):
        problems.append(
            say(
                "Session{number} is missing; expected Session1 to Session5; its "
                "clips, which belong to {split}, are left out; copy it there.",
                number=number,
                split=SPLIT_OF[number],
            )
        )
    mixed, mute = [], []
    for number, session in sessions.items():
        sheets = files_by_stem(session / "dialog" / "EmoEvaluation", ".txt")
        videos = files_by_stem(session / "dialog" / "avi" / "DivX", ".avi")
        problems += [] if sheets else [_no_sheets(session, number)]
        for dialogue, path in sheets.items():
            if not dialogue.startswith(f"Ses0{number}"):
                problems.append(_other_session(session, path, number))
                continue
            try:
                found, wrong = _read_dialogue(number, session, path, videos.get(dialogue), other)
            except CorpusError as error:
                found, wrong = [], [say("{session}: {error}", session=session.name, error=error)]
            items += found
            problems += wrong
            mixed += [dialogue] * bool(found and audio_file_of(found[0].path) is None)
            mute += [item.name for item in found if not item.text]
    return items, problems, _release_notes(other, mixed, mute)


def _no_sheets(session: Path, number: str) -> str:
    return say(
        "{session} has no labels; expected dialog/EmoEvaluation/Ses0{number}F_impro01.txt and "
        "others in it; its clips, which belong to {split}, are left out; unpack it again.",
        session=session.name,
        number=number,
        split=SPLIT_OF[number],
    )


def _other_session(session: Path, path: Path, number: str) -> str:
    return say(
        "{session} holds {name}; expected names that begin with Ses0{number}, as a session's two "
        "speakers belong to one split; it is left out; move it to its own session.",
        session=session.name,
        name=path.name,
        number=number,
    )


def _release_notes(other: Counter, mixed: Sequence[str], mute: Sequence[str]) -> list[str]:
    notes: list[str] = []
    if other:
        counts = ", ".join(f"{count} {label}" for label, count in sorted(other.items()))
        notes.append(
            say("Utterances outside the six labels are left out: {counts}.", counts=counts)
        )
    if mixed:
        notes.append(
            say(
                "Dialogues without a stereo wav file ({names}): the sound there is "
                "that of both actors.",
                names=name_list(mixed),
            )
        )
    if mute:
        notes.append(
            say(
                "Utterances that the transcriptions lack are used without text: {names}.",
                names=name_list(mute),
            )
        )
    return notes


def _read_dialogue(
    number: str, session: Path, path: Path, video: Path | None, other: Counter
) -> tuple[list[Item], list[str]]:
    """The utterances of one EmoEvaluation file; counts labels outside the six in `other`."""
    rows, problems = read_evaluation(path)
    other.update(label for _, _, label in rows.values() if label in OTHERS)
    rows = {name: row for name, row in rows.items() if row[2] in LABELS}
    if rows and (video is None or not video.is_file()):
        problems.append(
            say(
                "{video} is missing; expected it in {session}/dialog/avi/DivX; its "
                "utterances are left out ({count}); copy it again.",
                video=f"{path.stem}.avi",
                session=session.name,
                count=len(rows),
            )
        )
    if not rows or video is None or not video.is_file():
        return [], problems
    try:
        texts = read_transcription(session / "dialog" / "transcriptions" / path.name)
    except CorpusError as error:
        texts = {}
        problems.append(str(error))
    split, group = SPLIT_OF[number], f"Session{number}"
    return [
        Item(name, video, split, label, group, None, texts.get(name, ""), (start_s, end_s))
        for name, (start_s, end_s, label) in rows.items()
    ], problems


def read_evaluation(path: Path) -> tuple[dict[str, tuple[float, float, str]], list[str]]:
    """One EmoEvaluation file: ({utterance: (start_s, end_s, label)}, problems)."""
    rows: dict[str, tuple[float, float, str]] = {}
    problems: list[str] = []
    unclear = set()
    for number, line in enumerate(read_text(path, "in EmoEvaluation").splitlines(), start=1):
        if not line.startswith("["):
            continue  # rater lines and blank lines
        found = EVALUATION.match(line)
        problem = _fault(line, found, path.stem)
        if found is not None and problem is None:
            row = float(found[1]), float(found[2]), found[4]
            if rows.setdefault(found[3], row) != row:
                unclear.add(found[3])
                problem = say(
                    "{name} has two lines that differ, expected one; it is left out.",
                    name=found[3],
                )
        if problem:
            problems.append(
                say(
                    "{name} line {number}: {problem}",
                    name=path.name,
                    number=number,
                    problem=problem,
                )
            )
    return {name: row for name, row in rows.items() if name not in unclear}, problems


def _fault(line: str, found: re.Match | None, dialogue: str) -> str | None:
    """What is wrong with a line of a dialogue's EmoEvaluation by itself."""
    if found is None:
        return say(
            "found {line!r}, expected `[start - end]`, an utterance and a label "
            "between tabs; the line is left out.",
            line=line[:40],
        )
    if not float(found[1]) < float(found[2]) < math.inf:
        return say(
            "{name} lasts from {start} to {end} s, expected a start "
            "before its end; it is left out.",
            name=found[3],
            start=found[1][:20],
            end=found[2][:20],
        )
    if not names_speaker(found[3]):
        return say(
            "found the utterance {name!r}, {named}; it is left out.",
            name=found[3][:40],
            named=NAMED,
        )
    if dialogue_of(found[3]) != dialogue:
        return say(
            "{name} is of another dialogue; expected names that begin with {dialogue}, as the "
            "file does; it is left out.",
            name=found[3],
            dialogue=dialogue,
        )
    if found[4] not in LABELS and found[4] not in OTHERS:
        return say(
            "{name} has label {label!r}, expected one of {known}; it is left out.",
            name=found[3],
            label=found[4][:20],
            known=", ".join((*LABELS, *sorted(OTHERS))),
        )
    return None


def read_transcription(path: Path) -> dict[str, str]:
    """What is said, by utterance; a colon in the text stays.

    Source: docs/papers/mesm.md#iemocap-release.
    """
    found = map(SENTENCE.match, read_text(path, "in transcriptions").splitlines())
    return {match[1]: match[2].strip() for match in found if match and "_" in match[1]}


def _said(text: object) -> str:
    """A text of meta.json; what is no text, such as NaN where there was none, is none."""
    return text if isinstance(text, str) else ""


def _read_processed(folder: Path) -> tuple[list[Item], list[str], list[str]]:
    if not (folder / "meta.json").is_file() and (folder / "meta.pkl").is_file():
        raise CorpusError(PICKLE)
    try:
        rows = json.loads(read_text(folder / "meta.json", say("in {folder}", folder=folder.name)))
        rows = {name: (str(row["label"]), _said(row.get("text"))) for name, row in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            "meta.json can't be read ({error}); expected meta.pkl as JSON, with a label and a "
            "text for each utterance; write it again.",
            error=error,
        ) from error
    on_disk = {path.name: path for path in folder.glob("*/*") if path.is_dir()}
    items: list[Item] = []
    problems: list[str] = []
    for name, (label, text) in rows.items():
        if label not in LABELS:
            if label not in OTHERS:
                problems.append(
                    say(
                        "meta.json: {name} has the unknown label {label!r}; it is left out.",
                        name=name,
                        label=label,
                    )
                )
        elif not names_speaker(name):
            problems.append(
                say(
                    "meta.json: found the utterance {name!r}, {named}; it is left out.",
                    name=name[:40],
                    named=NAMED,
                )
            )
        elif name not in on_disk:
            problems.append(
                say("meta.json names {name}, but its folder is missing; copy it again.", name=name)
            )
        else:
            session = f"Session{name[3:5].lstrip('0')}"
            split = SPLIT_OF.get(session[-1], "train")
            items.append(Item(name, on_disk[name], split, label, session, None, text))
    return items, problems, []
