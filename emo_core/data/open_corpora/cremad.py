"""CREMA-D: 91 actors say twelve sentences in six emotions, and thousands judged each by vote.

VideoFlash/<actor>_<sentence>_<emotion>_<level>.flv, VideoDemographics.csv and
processedResults/tabulatedVotes.csv. Licence: ODbL 1.0. No split is published: actors are held out,
those whose number ends in 4 or 9 for val, in 0 or 5 for test.
Source: docs/papers/corpora.md#crema-d.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    find_folder,
    name_list,
    read_table,
    refuse_misplaced,
)
from emo_core.data.open_corpora.cremad_votes import read_votes, votes_note, votes_summary
from emo_core.messages import say, say_list, say_name
from emo_core.schema import POLARITIES

EMOTIONS_OF = {  # code in a clip's name -> label
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
LEVELS = ("LO", "MD", "HI", "XX")
POLARITY_OF = {  # what the collages' statement maps, docs/training/collage/DATA.md
    "happy": "positive",
    "neutral": "neutral",
    **dict.fromkeys(("anger", "disgust", "fear", "sad"), "negative"),
}
NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})")
KNOWN_BAD = {  # README.md of the repository, "The following files do not display correctly"
    "1076_MTI_NEU_XX": "very short, no sound",
    "1076_MTI_SAD_XX": "an error picture, no sound",
    "1064_TIE_SAD_XX": "no duration",
    "1064_IEO_DIS_MD": "a minute of every emotion",
}
FOLDERS = ("VideoFlash", "CREMA-D/VideoFlash", "CREMA-D-master/VideoFlash")
DEMOGRAPHICS = "VideoDemographics.csv"
CLIPS, ACTORS = 7442, 91  # published
POINTER = b"version https://git-lfs.github.com"  # how a file begins that Git LFS has not fetched


@dataclass(frozen=True)
class ClipName:
    """What the name of a clip says."""

    actor: str
    sentence: str
    emotion: str
    level: str


def parse_cremad_name(stem: str) -> ClipName | None:
    """The four parts of `1001_DFA_ANG_XX`; None where it is not of the published form."""
    found = NAME.fullmatch(stem)
    if found is None:
        return None
    actor, sentence, code, level = found.groups()
    if sentence not in SENTENCES or code not in EMOTIONS_OF or level not in LEVELS:
        return None
    return ClipName(actor, sentence, EMOTIONS_OF[code], level)


def cremad_split(actor: str) -> str:
    """The split of an actor: by the last digit of the number, so that none is in two."""
    return {0: "test", 4: "val"}.get(int(actor) % 5, "train")


def read_cremad(root: Path) -> Corpus:
    """Reads clips with the six acted emotions, and the raters' votes where they are there."""
    folder = find_folder(root, *FOLDERS)
    if folder is None:
        refuse_misplaced(root, *FOLDERS)
        raise CorpusError(
            "There is no folder VideoFlash in {name}; expected CREMA-D as published, with "
            "VideoFlash/1001_DFA_ANG_XX.flv; fetch it with `emo data get cremad FOLDER`.",
            name=root.name,
        )
    items, problems = _read_clips(folder)
    if not items:
        raise CorpusError(
            "There is no usable clip in {name}; expected 1001_DFA_ANG_XX.flv and others; the "
            "first problem: {problem}",
            name=folder.name,
            problem=(problems or [say("it is empty")])[0],
        )
    actors, wrong = _read_actors(folder.parent)
    votes, unread = read_votes(folder.parent)
    clips = {item.name: str(item.label) for item in items}
    problems += wrong + unread + _without_row(items, actors)
    notes = [*_notes(items, folder), *votes_note(votes, clips)]
    details = {"actors": actors, "human": votes_summary(votes, clips)}
    labels = tuple(EMOTIONS_OF.values())
    return Corpus("cremad", root, labels, tuple(items), tuple(problems), tuple(notes), details)


def read_cremad_polarity(root: Path) -> Corpus:
    """The same clips with three classes: happy is positive, the four others are negative."""
    return with_polarity(read_cremad(root), POLARITY_OF)


def with_polarity(corpus: Corpus, polarity_of: dict[str, str]) -> Corpus:
    """A corpus of emotions as one of three classes; emotions that are in none are left out."""
    items = tuple(
        replace(item, label=polarity_of[str(item.label)])
        for item in corpus.items
        if item.label in polarity_of
    )
    said = say_list(
        (
            say(
                "{polarity}: {labels}",
                polarity=say_name(polarity),
                labels=say_list(say_name(n) for n, p in polarity_of.items() if p == polarity),
            )
            for polarity in POLARITIES
        ),
        "; ",
    )
    note = say(
        "Labels are mapped from the acted emotion, one actor in each clip: {said}.", said=said
    )
    name, notes = f"{corpus.name}-polarity", (*corpus.notes, note)
    return replace(corpus, name=name, labels=POLARITIES, items=items, notes=notes)


def _read_clips(folder: Path) -> tuple[list[Item], list[str]]:
    items: list[Item] = []
    problems: list[str] = []
    pointers: list[str] = []
    for path in sorted(folder.glob("[!.]*")):
        if path.suffix.lower() not in (".flv", ".mp4"):
            continue
        parts = parse_cremad_name(path.stem)
        if parts is None:
            problems.append(
                say(
                    "{name} is not named as in CREMA-D; expected a name such as "
                    "1001_DFA_ANG_XX.flv (actor, sentence, emotion, intensity); it is "
                    "left out.",
                    name=path.name,
                )
            )
        elif _is_pointer(path):
            pointers.append(path.name)
        elif path.stem not in KNOWN_BAD:
            text, split = SENTENCES[parts.sentence], cremad_split(parts.actor)
            items.append(Item(path.stem, path, split, parts.emotion, parts.actor, None, text))
    if pointers:
        problems.append(
            say(
                "Git LFS pointers in place of clips are left out: {names}; download "
                "them with `git lfs pull` or `emo data get cremad`.",
                names=name_list(pointers),
            )
        )
    return items, problems


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > 1024:
        return False
    return path.read_bytes().startswith(POINTER)


def _read_actors(root: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """({actor: {"age", "sex", "race", "ethnicity"}}, problems) of VideoDemographics.csv."""
    columns = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    try:
        rows = read_table(root / DEMOGRAPHICS, columns, say("beside VideoFlash as published"))
    except CorpusError as error:
        return {}, [str(error)]
    actors: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for number, row in rows:
        actor, *known = (row[name] for name in columns)
        if not re.fullmatch(r"\d{4}", actor) or actor in actors:
            problems.append(
                say(
                    "{table} line {number}: ActorID is {actor!r}; expected four "
                    "digits, each number once; the row is left out.",
                    table=DEMOGRAPHICS,
                    number=number,
                    actor=actor[:20],
                )
            )
            continue
        actors[actor] = dict(zip(("age", "sex", "race", "ethnicity"), known, strict=True))
    return actors, problems


def _without_row(items: list[Item], actors: dict) -> list[str]:
    """A sentence where actors of clips have no row; none where there is no table at all."""
    missing = sorted({item.group for item in items} - set(actors))
    if not actors or not missing:
        return []
    return [
        say(
            "Actors of clips have no row in {demographics}: {names}; restore the official file.",
            demographics=DEMOGRAPHICS,
            names=name_list(missing),
        )
    ]


def _notes(items: list[Item], folder: Path) -> list[str]:
    notes: list[str] = [
        say("CREMA-D has no published splits; actors are split by the last digit of their number.")
    ]
    bad = [n for n in KNOWN_BAD if any((folder / f"{n}{end}").exists() for end in (".flv", ".mp4"))]
    if bad:
        listed = ", ".join(f"{name} ({KNOWN_BAD[name]})" for name in bad)
        notes.append(
            say("Clips that the publisher lists as damaged are left out: {listed}.", listed=listed)
        )
    actors = len({item.group for item in items})
    if len(items) + len(bad) != CLIPS or actors != ACTORS:
        notes.append(
            say(
                "{count} clips of {actors} actors are here; the published set has "
                "{clips} of {all}.",
                count=len(items) + len(bad),
                actors=actors,
                clips=CLIPS,
                all=ACTORS,
            )
        )
    levels = Counter(item.name.rpartition("_")[2] for item in items)
    if levels:
        listed = ", ".join(f"{levels[level]} {level}" for level in LEVELS)
        notes.append(
            say("Intensity that the actors were asked for: {listed} (XX = none).", listed=listed)
        )
    return notes
