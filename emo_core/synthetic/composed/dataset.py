"""Composed clips as data sets: new ones in every epoch, none written; and the written corpus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, CorpusError, Item, read_text
from emo_core.data.dataset import ClipDataset, FileWindow, Target, Window, key_digest
from emo_core.faces.tracking import Tracks
from emo_core.messages import say
from emo_core.preprocess.augment import NONE, Augment, augment_mel, augment_window, hide_stripes
from emo_core.preprocess.sample import (
    DecodedWindow,
    Sample,
    SampleConfig,
    face_fields,
    frame_times,
    pad_or_crop,
    resize_frames,
    resize_size,
    to_sample,
)
from emo_core.schema import EMOTIONS, POLARITIES
from emo_core.synthetic.composed.affect import affect_of
from emo_core.synthetic.composed.scene import ComposedScene, make_scene
from emo_core.synthetic.composed.soundtrack import LENGTH, RATE, mix
from emo_core.synthetic.composed.sources import (
    SourceItem,
    SourcePool,
    photograph,
    read_more_faces,
    read_sources,
    recording,
)
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    NEUTRAL,
    acted_intensities,
    composed_faces,
    make_utterance,
    read_more_emotion_faces,
    read_speakers,
    text_of,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.composed.writer import MARK, SOURCES, TIMES_S
from emo_core.synthetic.corpus_io import README, TRUTH, read_made_corpus
from emo_core.synthetic.drawn.scene import DURATION_S, HEIGHT, WIDTH

ON_THE_FLY_SEED = 1_000_000  # no made corpus has it
SILENCE = np.zeros(LENGTH, np.int16)


def decode_scene(
    scene: ComposedScene, sources: SourcePool, config: SampleConfig, times_s: np.ndarray
) -> DecodedWindow:
    """A scene as it would be read from a file, at times_s (T,), but for the codec's losses."""
    frames = compose_frames(scene, sources, times_s, resize_size((WIDTH, HEIGHT), config))
    wave = np.round(mix(scene, sources) * 32767).astype(np.int16)
    return DecodedWindow(
        pad_or_crop(frames, config), times_s.astype(np.float32), wave, DURATION_S, DURATION_S
    )


@dataclass(frozen=True)
class OnTheFlyWindow:
    """What a data set knows of a scene before it is composed."""

    index: int
    target: Any = 0  # one of those to come, all as often; what is composed here has its own
    regime: str | None = None
    processes = True

    @property
    def name(self) -> str:
        return f"fresh/{self.index}"

    group = name


class OnTheFlyDataset(ClipDataset):
    """`count` collages of people of train, other ones in every epoch.

    Of every `augment.frame_subsample` frames only the one that is kept is composed. make, labels:
    how a scene is drawn, and what it may say.
    """

    make = staticmethod(make_scene)
    labels: tuple[str, ...] = POLARITIES

    def __init__(
        self,
        sources: SourcePool,
        count: int,
        config: SampleConfig,
        seed: int = 0,
        augment: Augment = NONE,
    ) -> None:
        self.sources, self.frame_subsample = sources, augment.frame_subsample
        labels = (self.labels[index % len(self.labels)] for index in range(count))  # all as often
        windows = [OnTheFlyWindow(i, self.target_of(label)) for i, label in enumerate(labels)]
        augment = replace(augment, frame_subsample=1)
        # as windows they are counted and grouped only: `__getitem__` composes, nothing is decoded
        counted = cast("list[Window]", windows)
        super().__init__(counted, Cache(config), augment, ON_THE_FLY_SEED + seed)

    def more_faces(self, folder: Path) -> SourcePool:
        """Photographs of unknown people, sorted by `labels`."""
        return read_more_faces(folder)

    def target_of(self, label: str, intensities: Sequence[str] = ()) -> Any:
        """The target of a label; intensities: see `acted_intensities`."""
        return POLARITIES.index(label)

    def scene(self, number: int) -> tuple[ComposedScene, Any]:
        """Scene `number` of train people, and its target."""
        scene = self.make(self.sources, self.seed, "train", number)
        return scene, self.target_of(scene.label, acted_intensities(scene, self.sources))

    def compose(self, scene: ComposedScene, times_s: np.ndarray) -> DecodedWindow:
        """What a file of this scene would be read as."""
        return decode_scene(scene, self.sources, self.cache.config, times_s)

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, Any]:
        epoch, index = position
        config, number = self.cache.config, epoch * len(self) + index
        scene, target = self.scene(number)
        rng = np.random.default_rng([self.seed, number, 1])
        grid = frame_times(config).reshape(-1, self.frame_subsample)
        times_s = grid[np.arange(len(grid)), rng.integers(0, self.frame_subsample, len(grid))]
        decoded = augment_window(self.compose(scene, times_s), self.augment, rng)
        return hide_stripes(to_sample(decoded, config), self.augment.spec_stripes, rng), target


@dataclass(frozen=True)
class SourceItemWindow:
    """One photograph shown for five seconds, or one recording without a picture."""

    item: SourceItem
    processes = False
    regime = None

    @property
    def name(self) -> str:
        return f"{self.item.path.parent.name}/{self.item.path.stem}"

    @property
    def target(self) -> int:
        return POLARITIES.index(self.item.polarity)

    @property
    def group(self) -> str:
        return self.item.group

    def key(self, cache: Cache) -> str:
        return key_digest(cache.key(self.item.path), "part")

    def decode(self, config: SampleConfig) -> DecodedWindow:
        grid = frame_times(config)
        pixels = np.zeros((len(grid), config.height, config.width, 3), np.uint8)
        wave = SILENCE.copy()
        if self.item.kind == "face":
            face = np.repeat(photograph(self.item.path)[None, ..., None], 3, -1)
            pixels[:] = pad_or_crop(
                resize_frames(face, resize_size(face.shape[2:0:-1], config), config.resize_mode),
                config,
            )
            return DecodedWindow(pixels, grid.astype(np.float32), wave, DURATION_S, 0.0)
        heard = recording(self.item.path)[:LENGTH]
        wave[: len(heard)] = np.round(0.1 * heard * 32767).clip(-32767, 32767)
        return DecodedWindow(pixels, grid.astype(np.float32), wave, 0.0, len(heard) / RATE)


def compose_collages(
    root: Path, count: int, config: SampleConfig, seed: int = 0, augment: Augment = NONE
) -> OnTheFlyDataset:
    """`count` collages an epoch of what the collages in `root` were made of; see `sources_of`."""
    return OnTheFlyDataset(sources_of(root), count, config, seed, augment)


def read_collage(root: Path) -> Corpus:
    """Every clip is its own group: people of one split meet in many of its clips, and only there.

    Raises CorpusError where the folder is not one that `emo data make collage` made.
    """
    return read_made_corpus(root, "collage", "collage", POLARITIES, _item)


def _item(truth: dict, path: Path) -> Item:
    return Item(
        truth["clip"], path, truth["split"], truth["label"], str(truth["source"]), truth["regime"]
    )


def sources_of(root: Path) -> SourcePool:
    """The photographs and recordings that the collages in `root` were made of.

    Raises CorpusError where they are no longer there, or others than the collages were made of.
    """
    return verify_sources(root, read_sources)


def verify_sources(root: Path, read: Callable[[Path], SourcePool]) -> SourcePool:
    """What `read` finds in the folder that the README of a composed corpus names as its sources.

    One person more or less and others change sides: new clips would show who is in the held-out
    ones. Raises CorpusError where the folder is no longer there or holds others than then.
    """
    text = read_text(root / README, f"in {root.name}/ as made")
    sources = read(_folder(root, _line_value(text, SOURCES)))
    if _line_value(text, MARK) not in ("", sources.fingerprint()):  # older corpora have no mark
        raise CorpusError(
            "the sources of {name} ({root}) were changed since it was made, which may put its "
            "held-out people into training; expected the same files and tables; put them back, or "
            "make the corpus again in another folder.",
            name=root.name,
            root=sources.root,
        )
    return sources


def _line_value(text: str, what: str) -> str:
    """The rest of the line that begins so; "" where there is none."""
    lines = [line.removeprefix(what) for line in text.splitlines() if line.startswith(what)]
    return lines[0] if lines else ""


def _folder(root: Path, named: str) -> Path:
    if not named or not Path(named).is_dir():
        raise CorpusError(
            "the sources of {name} ({named}) are not there; training composes new clips of them; "
            "put them back, or make the corpus again with --sources.",
            name=root.name,
            named=named or say("not named"),
        )
    return Path(named)


FACE_CROP_SIZE = (240, 180)  # pixels, width and height at which faces are cut out
JITTER_STREAM = 4  # of a scene's random numbers


class OnTheFlyUtterances(OnTheFlyDataset):
    """`count` utterances of people of train, other ones in every epoch.

    Audio is augmented and face crops are jittered: otherwise it memorises the few people.
    """

    make = staticmethod(make_utterance)
    labels = CLASSES

    def more_faces(self, folder: Path) -> SourcePool:
        return read_more_emotion_faces(folder)

    def target_of(self, label: str, intensities: Sequence[str] = ()) -> np.ndarray:
        return np.array([label == name for name in EMOTIONS], np.float32)

    def compose(self, scene: ComposedScene, times_s: np.ndarray) -> DecodedWindow:
        rng = np.random.default_rng([*scene.key, JITTER_STREAM])
        return decode_utterance(scene, self.sources, self.cache.config, times_s, rng)

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, np.ndarray]:
        sample, target = super().__getitem__(position)
        rng = np.random.default_rng([self.seed, position[0] * len(self) + position[1], 2])
        return replace(sample, mel=torch.from_numpy(augment_mel(sample.mel.numpy(), rng))), target


class OnTheFlyAffect(OnTheFlyUtterances):
    """The same utterances with valence and arousal, one pair for all of a clip."""

    def target_of(self, label: str, intensities: Sequence[str] = ()) -> np.ndarray:
        """(1, 2) float32; raises CorpusError where the tables name another intensity."""
        try:
            return np.array([affect_of(label, intensities)], np.float32)
        except ValueError as error:
            raise CorpusError(
                "labels.csv of the voices: {error}; correct the column.", error=error
            ) from None


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
    frames = compose_frames(scene, sources, times_s, FACE_CROP_SIZE)
    shown, faces = np.ones(len(times_s), bool), composed_faces(scene, times_s)
    if rng is not None:
        faces = _jitter_faces(faces, rng)
    return DecodedWindow(
        pad_or_crop(
            resize_frames(frames, resize_size((WIDTH, HEIGHT), config), config.resize_mode), config
        ),
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


def compose_affect(
    root: Path, count: int, config: SampleConfig, seed: int = 0, augment: Augment = NONE
) -> OnTheFlyAffect:
    """The same as `compose_utterances` with valence and arousal."""
    return OnTheFlyAffect(utterance_sources_of(root), count, config, seed, augment)


def read_utterances(root: Path) -> Corpus:
    """Every clip with none or one of six emotions, its words and its speaker.

    Raises CorpusError where the folder is not one that `emo data make utterances` made.
    """
    return read_made_corpus(
        root, "utterances", "utterances", EMOTIONS, _utterance_item, (*POLARITIES, "")
    )


def read_utterances_affect(root: Path) -> Corpus:
    """The same clips with valence and arousal, one pair for all of a clip: see `affect_of`.

    A mapping of the acted emotion and its intensity to published ratings of words; the clips were
    never rated. Raises CorpusError as `read_utterances`, and for a folder made before intensities
    were written.
    """
    labels = ("valence", "arousal")
    polarities = (*POLARITIES, "")
    return read_made_corpus(
        root, "utterances-affect", "utterances", labels, _affect_item, polarities
    )


def _affect_item(truth: dict, path: Path) -> Item:
    item = _utterance_item(truth, path)
    if "intensities" not in truth:
        raise ValueError(
            say(
                "it states no acted intensities; repeat the command in "
                "VGAF_readme.txt, which writes {truth} anew",
                truth=TRUTH,
            )
        )
    values: Any = (affect_of(truth["emotion"], truth["intensities"]),)  # of one moment
    return replace(item, label=values)


@dataclass(frozen=True)
class UtteranceItem(Item):
    """A composed clip, and where its face is."""

    face: tuple[tuple[float, ...], ...] = field(default=(), repr=False)  # see utterances._track


def _utterance_item(truth: dict, path: Path) -> UtteranceItem:
    emotion, face = truth["emotion"], tuple(map(tuple, truth["face"]))
    if emotion not in CLASSES:
        raise ValueError(
            say(
                "emotion {emotion!r} is not one of {known}",
                emotion=emotion,
                known=", ".join(CLASSES),
            )
        )
    if np.shape(face) not in ((0,), (len(TIMES_S), 5)):
        raise ValueError(
            say(
                "its face has shape {shape}, not {wanted} or none",
                shape=np.shape(face),
                wanted=(len(TIMES_S), 5),
            )
        )
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
