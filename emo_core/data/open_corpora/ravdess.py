"""RAVDESS: 24 actors speak and sing two sentences in eight emotions.

Video_Speech_Actor_01/Actor_01/01-01-03-02-01-01-01.mp4 and Video_Song_Actor_01/..., as the archives
unpack; only files with picture and sound (01-) are read. Licence: CC BY-NC-SA 4.0. No split is
published: actors 15 to 18 are val, 19 to 24 test. Source: docs/papers/corpora.md#ravdess.
"""

import re
from collections import Counter
from pathlib import Path

from emo_core.data.corpus import Corpus, CorpusError, Item, name_list
from emo_core.data.open_corpora.cremad import with_polarity
from emo_core.messages import say

LABELS = ("neutral", "calm", "happy", "sad", "anger", "fear", "disgust", "surprise")  # 01 to 08
SENTENCES = ("Kids are talking by the door", "Dogs are sitting by the door")
CHANNELS = ("speech", "song")
MODALITIES = ("both", "video-only", "audio-only")
# Modality, channel, emotion, intensity, statement, repetition, actor: numbers from 1
MOST = (3, 2, 8, 2, 2, 2, 24)
NAME = re.compile(r"\d{2}(-\d{2}){6}")
CLIPS_OF = {"speech": 60, "song": 44}  # of one actor, published; actor 18 sings nothing
ACTORS = {"speech": 24, "song": 23}
POLARITY_OF = {  # docs/training/collage/DATA.md: surprise is in none of them
    "happy": "positive",
    **dict.fromkeys(("neutral", "calm"), "neutral"),
    **dict.fromkeys(("sad", "anger", "fear", "disgust"), "negative"),
}


def parse_ravdess_name(stem: str) -> tuple[int, ...] | None:
    """The seven numbers of `01-01-06-01-02-01-12`; None where it is not of the published form."""
    if not NAME.fullmatch(stem):
        return None
    numbers = tuple(map(int, stem.split("-")))
    if not all(1 <= n <= most for n, most in zip(numbers, MOST, strict=True)):
        return None
    return numbers


def ravdess_split(actor: int) -> str:
    """The split of an actor: one number, one split."""
    return "train" if actor <= 14 else "val" if actor <= 18 else "test"


def read_ravdess(root: Path) -> Corpus:
    """Reads speech and song with picture and sound; the regime says which of the two it is."""
    paths = sorted(p for p in root.rglob("[!.]*") if p.suffix.lower() in (".mp4", ".wav"))
    items: dict[str, Item] = {}
    problems: list[str] = []
    others: Counter[str] = Counter()
    for path in paths:
        numbers = parse_ravdess_name(path.stem)
        problem = _fault(path, numbers, items)
        if problem:
            problems.append(
                say(
                    "{folder}/{name} {problem}; it is left out.",
                    folder=path.parent.name,
                    name=path.name,
                    problem=problem,
                )
            )
        elif numbers and numbers[0] != 1:
            others[MODALITIES[numbers[0] - 1]] += 1
        elif numbers:
            items[path.stem] = _item(path, numbers)
    if not items:
        raise CorpusError(
            "There is no clip with picture and sound in {name}; expected RAVDESS as its archives "
            "unpack, such as Video_Speech_Actor_01/Actor_01/01-01-03-02-01-01-01.mp4; download it "
            "with `emo data get ravdess FOLDER`; the first problem: {problem}",
            name=root.name,
            problem=(problems or ["-"])[0],
        )
    kept = tuple(items.values())
    return Corpus("ravdess", root, LABELS, kept, tuple(problems), tuple(_notes(kept, others)))


def read_ravdess_polarity(root: Path) -> Corpus:
    """The same clips with three classes: calm is neutral, surprise is left out."""
    return with_polarity(read_ravdess(root), POLARITY_OF)


def _fault(path: Path, numbers: tuple[int, ...] | None, items: dict[str, Item]) -> str | None:
    """What is wrong with a file, as the end of a sentence."""
    if numbers is None:
        return say(
            "is not named as in RAVDESS; expected seven numbers such as 01-01-06-01-02-01-12"
        )
    folder = re.fullmatch(r"[Aa]ctor_(\d{2})", path.parent.name)
    if folder and int(folder[1]) != numbers[6]:
        return say(
            "names actor {actor:02}, but lies in the folder of actor {folder}",
            actor=numbers[6],
            folder=folder[1],
        )
    if numbers[0] == 1 and path.suffix.lower() != ".mp4":
        return say("has the name of a clip with picture and sound; expected an mp4 file")
    if path.stem in items:
        return say(
            "is also in {folder}; expected it once", folder=items[path.stem].path.parent.name
        )
    return None


def _item(path: Path, numbers: tuple[int, ...]) -> Item:
    _, channel, emotion, _, statement, _, actor = numbers
    return Item(
        path.stem,
        path,
        ravdess_split(actor),
        LABELS[emotion - 1],
        f"actor {actor:02}",
        CHANNELS[channel - 1],
        SENTENCES[statement - 1],
    )


def _notes(items: tuple[Item, ...], others: Counter[str]) -> list[str]:
    notes: list[str] = [
        say("RAVDESS has no published splits; actors 15-18 are val and 19-24 are test.")
    ]
    notes += [
        say("{count} {name} files are not read.", count=count, name=name)
        for name, count in sorted(others.items())
    ]
    for channel in CHANNELS:
        counts = Counter(item.group for item in items if item.regime == channel)
        whole = CLIPS_OF[channel] * ACTORS[channel]
        if counts and counts.total() != whole:
            partial = sorted(actor for actor, n in counts.items() if n != CLIPS_OF[channel])
            said = say(
                "{channel} has {count} clips of {actors} actors; the published set has {clips} of "
                "{all}.",
                channel=channel,
                count=counts.total(),
                actors=len(counts),
                clips=whole,
                all=ACTORS[channel],
            )
            if partial:
                names = name_list(partial)
                said = say("{said:clause}; clips are missing of {names}.", said=said, names=names)
            notes.append(said)
    return notes
