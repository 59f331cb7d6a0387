"""Reads a folder of utterances: six emotions, as one person acted or posed them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emo_core.data.collage import TIMES_S
from emo_core.data.collage_corpus import made_of
from emo_core.data.collage_sources import Sources
from emo_core.data.corpus import Corpus, Item
from emo_core.data.dataset import FileWindow, Target, digest
from emo_core.data.made_corpus import read_made
from emo_core.data.staged_scene import LABELS
from emo_core.data.utterance_fresh import FreshUtterances
from emo_core.data.utterance_sources import CLASSES, EMOTIONS, NEUTRAL, read_speakers
from emo_core.faces import Tracks

fresh = FreshUtterances  # what training composes anew in every epoch


def read_utterances(root: Path) -> Corpus:
    """Every clip with none or one of six emotions, its words and its speaker.

    Raises CorpusError where the folder is not one that `emo data make utterances` made.
    """
    return read_made(root, "utterances", "utterances", tuple(EMOTIONS), _item, (*LABELS, ""))


@dataclass(frozen=True)
class UtteranceItem(Item):
    """A composed clip, and where its face is."""

    face: tuple[tuple[float, ...], ...] = field(default=(), repr=False)  # see utterances._track


def _item(truth: dict, path: Path) -> UtteranceItem:
    emotion, face = truth["emotion"], tuple(map(tuple, truth["face"]))
    if emotion not in CLASSES:
        raise ValueError(f"emotion {emotion!r} is not one of {', '.join(CLASSES)}")
    if np.shape(face) not in ((0,), (len(TIMES_S), 5)):
        raise ValueError(f"its face has shape {np.shape(face)}, not {(len(TIMES_S), 5)} or none")
    label = () if emotion == NEUTRAL else (emotion,)
    return UtteranceItem(
        truth["clip"], path, truth["split"], label, truth["group"], truth["regime"], truth["text"],
        face=face,
    )  # fmt: skip


@dataclass(frozen=True)
class UtteranceWindow(FileWindow):
    """A composed clip on disk whose face lies where the composer put it."""

    face: tuple[tuple[float, ...], ...] = field(default=(), repr=False)

    def faces_by(self) -> str:
        return f"the composer {digest(self.face)}"

    def follow(self, frames: np.ndarray, times_s: np.ndarray) -> Tracks:
        people = 1 if self.face else 0
        rows = np.zeros((len(times_s), people, 5), np.float32)
        for column, values in enumerate(zip(*self.face, strict=True)):
            rows[:, 0, column] = np.interp(times_s, TIMES_S, values)
        return Tracks(rows[..., :4], rows[..., 4], np.ones(rows.shape[:2], bool))


def windows(
    corpus: Corpus, items: Sequence[UtteranceItem], target: Target
) -> list[UtteranceWindow]:
    """One window a clip, with the task's targets."""
    return [
        UtteranceWindow(i.name, i.path, target(i.label), i.group, i.regime, i.text, face=i.face)
        for i in items
    ]


def sources_of(root: Path) -> Sources:
    """The faces and voices that the utterances in `root` were made of.

    Raises CorpusError where they are no longer there, or others than then.
    """
    return made_of(root, read_speakers)
