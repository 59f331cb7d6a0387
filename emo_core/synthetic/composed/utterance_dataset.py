"""Composed utterances as data sets: new ones in every epoch; and the written corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from emo_core.data.corpus import Corpus, Item
from emo_core.data.dataset import FileWindow, Target, key_digest
from emo_core.faces.tracking import Tracks
from emo_core.preprocess.augment import NONE, Augment
from emo_core.preprocess.sample import (
    DecodedWindow,
    Sample,
    SampleConfig,
    face_fields,
    pad_or_crop,
    resize_frames,
    resize_size,
)
from emo_core.preprocess.spec_augment import augment_mel
from emo_core.schema import EMOTIONS, POLARITIES
from emo_core.synthetic.composed.dataset import OnTheFlyDataset, verify_sources
from emo_core.synthetic.composed.scene import ComposedScene
from emo_core.synthetic.composed.soundtrack import mix
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    NEUTRAL,
    composed_faces,
    make_utterance,
    read_speakers,
    text_of,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.composed.writer import TIMES_S
from emo_core.synthetic.corpus_io import read_made_corpus
from emo_core.synthetic.drawn.scene import (
    DURATION_S,
    HEIGHT,
    WIDTH,
)

SIZE = (240, 180)  # pixels, width and height at which faces are cut out
JITTER_STREAM = 4  # of a scene's random numbers


class OnTheFlyUtterances(OnTheFlyDataset):
    """`count` utterances of people of train, other ones in every epoch.

    Audio is augmented and face crops are jittered: otherwise it memorises the few people.
    """

    def next_target(self, index: int) -> np.ndarray:
        return _target(CLASSES[index % len(CLASSES)])

    def scene(self, number: int) -> tuple[ComposedScene, np.ndarray]:
        scene = make_utterance(self.sources, self.seed, "train", number)
        return scene, _target(scene.label)

    def compose(self, scene: ComposedScene, times_s: np.ndarray) -> DecodedWindow:
        rng = np.random.default_rng([*scene.key, JITTER_STREAM])
        return decode_utterance(scene, self.sources, self.cache.config, times_s, rng)

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, np.ndarray]:
        sample, target = super().__getitem__(position)
        rng = np.random.default_rng([self.seed, position[0] * len(self) + position[1], 2])
        return replace(sample, mel=torch.from_numpy(augment_mel(sample.mel.numpy(), rng))), target


def _target(label: str) -> np.ndarray:
    return np.array([label == name for name in EMOTIONS], np.float32)


def decode_utterance(
    scene: ComposedScene,
    sources: SourcePool,
    config: SampleConfig,
    times_s: np.ndarray,
    rng: np.random.Generator | None = None,
) -> DecodedWindow:
    """An utterance as it would be read from a file, at times_s (T,), but for the codec's losses.

    rng: with it, the face's box is moved, scaled and turned a little, the same in all frames.
    """
    frames = compose_frames(scene, sources, times_s, SIZE)
    shown, faces = np.ones(len(times_s), bool), composed_faces(scene, times_s)
    if rng is not None:
        faces = _jitter_faces(faces, rng)
    return DecodedWindow(
        pad_or_crop(resize_frames(frames, resize_size((WIDTH, HEIGHT), config)), config),
        times_s.astype(np.float32),
        np.round(mix(scene, sources) * 32767).astype(np.int16),
        DURATION_S,
        DURATION_S,
        **face_fields(frames, times_s, shown, config, lambda *_: faces),
        text=text_of(scene, sources) if config.text_length else "",
    )


def _jitter_faces(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    first, last = tracks.boxes[..., :2], tracks.boxes[..., 2:]
    middle = (first + last) / 2 + rng.normal(0, 0.06, 2) * (last - first)
    half = np.exp(rng.normal(0, 0.12)) * (last - first) / 2
    boxes = np.concatenate([middle - half, middle + half], -1).astype(np.float32)
    return replace(tracks, boxes=boxes, angles=tracks.angles + np.float32(rng.normal(0, 0.12)))


def compose_utterances(
    root: Path, count: int, config: SampleConfig, seed: int = 0, augment: Augment = NONE
) -> OnTheFlyUtterances:
    """`count` utterances an epoch of what those in `root` were made of; see `sources_of`."""
    return OnTheFlyUtterances(utterance_sources_of(root), count, config, seed, augment)


def read_utterances(root: Path) -> Corpus:
    """Every clip with none or one of six emotions, its words and its speaker.

    Raises CorpusError where the folder is not one that `emo data make utterances` made.
    """
    return read_made_corpus(root, "utterances", "utterances", EMOTIONS, _item, (*POLARITIES, ""))


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
        truth["clip"],
        path,
        truth["split"],
        label,
        truth["group"],
        truth["regime"],
        truth["text"],
        face=face,
    )


@dataclass(frozen=True)
class UtteranceWindow(FileWindow):
    """A composed clip on disk whose face lies where the composer put it."""

    face: tuple[tuple[float, ...], ...] = field(default=(), repr=False)

    def faces_by(self) -> str:
        return f"the composer {key_digest(self.face)}"

    def follow(self, frames: np.ndarray, times_s: np.ndarray, every: int = 1) -> Tracks:
        people = 1 if self.face else 0
        rows = np.zeros((len(times_s), people, 5), np.float32)
        for column, values in enumerate(zip(*self.face, strict=True)):
            rows[:, 0, column] = np.interp(times_s, TIMES_S, values)
        return Tracks(rows[..., :4], rows[..., 4], np.ones(rows.shape[:2], bool))


def utterance_windows(
    corpus: Corpus, items: Sequence[UtteranceItem], target: Target
) -> list[UtteranceWindow]:
    """One window a clip, with the task's targets."""
    return [
        UtteranceWindow(i.name, i.path, target(i.label), i.group, i.regime, i.text, face=i.face)
        for i in items
    ]


def utterance_sources_of(root: Path) -> SourcePool:
    """The faces and voices that the utterances in `root` were made of.

    Raises CorpusError where they are no longer there, or others than then.
    """
    return verify_sources(root, read_speakers)
