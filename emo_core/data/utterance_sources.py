"""Faces and voices sorted into six emotions and neutral, and what the voices say.

The tables are those of `collage_sources`, with one more column: `emotion`. Sentences do not tell
the emotion, since each is spoken in all that its language has. But German ones only come in four:
who hears German knows that it is none of disgust, fear and surprise.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from emo_core.data.collage_sources import (
    SPLITS,
    Part,
    Sources,
    people_of,
    pools,
    read_sources,
    split_groups,
)
from emo_core.data.corpus import CorpusError

EMOTIONS = {  # of CMU-MOSEI, in its order -> the words of the tables
    "anger": ("anger", "angry"),
    "disgust": ("disgust",),
    "fear": ("fear", "fearful"),
    "happy": ("happiness", "happy"),
    "sad": ("sadness", "sad"),
    "surprise": ("surprise", "surprised"),
}
NEUTRAL = "neutral"  # none of the six
CLASSES = (*EMOTIONS, NEUTRAL)
_CLASS_OF = {word: name for name, words in EMOTIONS.items() for word in words}
_CLASS_OF |= dict.fromkeys((NEUTRAL, "calm"), NEUTRAL)
_STATEMENTS = {  # of RAVDESS
    "01": "Kids are talking by the door.",
    "02": "Dogs are sitting by the door.",
}
_SENTENCES = {  # of EMO-DB
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


@lru_cache(maxsize=4)
def read_speakers(root: Path) -> Sources:
    """Faces and voices by CLASSES (`Part.polarity`), and ambience; contempt is left out.

    Who has a split in `read_sources` keeps it; people of whom there are only surprised photographs
    are dealt among themselves. Raises CorpusError where a split lacks a class altogether.
    """
    known = read_sources(root).parts
    where = {f"{part.kind}/{part.group}": part.split for part in known}
    parts = split_groups(people_of(root, _class_of, said), where)
    parts = [replace(part, emotion=part.polarity) for part in parts]  # one word for each
    _check(root, parts)
    parts += [part for part in known if part.kind == "ambience"]
    return Sources(root, tuple(parts), pools(parts), CLASSES)


def _class_of(row: Mapping[str, str]) -> str:
    return _CLASS_OF.get(row.get("emotion", "").casefold(), "")


def said(row: Mapping[str, str]) -> str:
    """What the voice of a table's row says; "" where nobody wrote it down."""
    spoken = _STATEMENTS.get(row.get("statement", "")) or _SENTENCES.get(row.get("sentence", ""))
    return row.get("text") or spoken or ""


def _check(root: Path, parts: list[Part]) -> None:
    found = defaultdict(set)
    for part in parts:
        found[part.split].add(part.polarity)
    for split in SPLITS:
        for name in CLASSES:
            if name not in found[split]:
                words = " or ".join(EMOTIONS.get(name, (NEUTRAL, "calm")))
                raise CorpusError(
                    f"{root.name} has no face and no voice of {name} for {split}; expected rows "
                    f"with the emotion {words} of at least three people; add some."
                )
