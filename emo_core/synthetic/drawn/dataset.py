"""Drawn clips as data sets: a folder that is read, scenes rendered to windows, and their truth."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, Item
from emo_core.data.dataset import ClipDataset, FileWindow, Target, key_digest
from emo_core.faces.tracking import Tracks
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import (
    DecodedWindow,
    Sample,
    SampleConfig,
    face_fields,
    frame_times,
    pad_or_crop,
    resize_frames,
    resize_size,
)
from emo_core.schema import EMOTIONS, POLARITIES, SPLITS
from emo_core.synthetic.corpus_io import read_made_corpus
from emo_core.synthetic.drawn import render as staged_draw
from emo_core.synthetic.drawn import scene as staged_scene
from emo_core.synthetic.drawn import soundtrack as staged_sound
from emo_core.synthetic.drawn.motion import affect, pose_of

ACTED_AS = {  # emotion -> the drawn world's own word
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprise": "surprised",
}
CORPUS_LABELS = {
    "staged": POLARITIES,
    "staged-emotions": EMOTIONS,
    "staged-affect": ("valence", "arousal"),
}
# Tokens of a JMT window (docs/papers/jmt.md#tokens); a moment is the end of one of as many equal
# parts of a clip.
MOMENTS = 16
_LAST_S = staged_scene.DURATION_S - 1 / staged_scene.FPS  # when the last frame is shown
MOMENTS_S = np.minimum((np.arange(MOMENTS) + 1) * staged_scene.DURATION_S / MOMENTS, _LAST_S)
# YuNet's box of a drawn face, in radii of the head: its centre to the right and below the head's,
# its width and height (means of 660).
FACE = (0.02, 0.18, 1.75, 2.0)
FRAME_LABELS = tuple(  # what a single frame shows, for pre-training
    label + moving for moving in ("", ", moving") for label in POLARITIES
)
SYNTHETIC_SEED = 1_000_000


def read_staged(root: Path) -> Corpus:
    """Reads `truth.jsonl`: every split is labelled, and every clip has its regime."""
    return _read(root, "staged")


def read_staged_emotions(root: Path) -> Corpus:
    """The same clips with all emotions in the scene, under the names of CMU-MOSEI."""
    return _read(root, "staged-emotions")


def read_staged_affect(root: Path) -> Corpus:
    """The same clips with the group's valence and arousal at MOMENTS_S."""
    return _read(root, "staged-affect")


def _read(root: Path, corpus: str) -> Corpus:
    return read_made_corpus(
        root, corpus, "staged", CORPUS_LABELS[corpus], partial(_item, corpus=corpus)
    )


@dataclass(frozen=True)
class StagedItem(Item):
    """A drawn clip, and which scene it shows."""

    scene: tuple[int, str, int] | None = None  # seed, split, index; None = an older truth.jsonl


def _item(truth: dict, path: Path, corpus: str) -> StagedItem:
    name, label, split = truth["clip"], truth["label"], truth["split"]
    if corpus == "staged-emotions":
        label = tuple(name for name, ours in ACTED_AS.items() if truth["emotions"][ours])
    if corpus == "staged-affect":
        times_s = np.arange(len(truth["valence"])) / staged_scene.FPS
        paths = (np.interp(MOMENTS_S, times_s, truth[name]) for name in CORPUS_LABELS[corpus])
        label = tuple(zip(*(path.tolist() for path in paths), strict=True))
    scene = (truth["scene"]["seed"], split, truth["scene"]["index"]) if "scene" in truth else None
    return StagedItem(
        name,
        path,
        split,
        label,
        str(truth["source"]),
        truth["regime"],
        truth.get("text", ""),
        scene=scene,
    )


@dataclass(frozen=True)
class StagedWindow(FileWindow):
    """A drawn clip on disk whose faces lie where the world put them."""

    scene: tuple[int, str, int] | None = None

    def faces_by(self) -> str:
        return f"the world {FACE}" if self.scene else super().faces_by()

    def follow(self, frames: np.ndarray, times_s: np.ndarray, every: int = 1) -> Tracks:
        if self.scene is None:
            return super().follow(frames, times_s)
        return drawn_faces(staged_scene.make_drawn_scene(*self.scene), times_s)


def drawn_windows(
    corpus: Corpus, items: Sequence[StagedItem], target: Target
) -> list[StagedWindow]:
    """One window a clip, with the task's targets."""
    return [
        StagedWindow(i.name, i.path, target(i.label), i.group, i.regime, i.text, scene=i.scene)
        for i in items
    ]


NOT_DRAWING = ("__init__.py", "dataset.py", "writer.py")


def drawing_modules() -> list[Path]:
    """Sources of this package that decide what is drawn and heard."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    return [path for path in paths if path.name not in NOT_DRAWING]


@lru_cache(maxsize=1)
def generator_version() -> str:
    """Digest of the code that draws, so that rendered windows in a cache follow its changes."""
    digest = hashlib.blake2b(repr((POLARITIES, SPLITS)).encode(), digest_size=8)
    for path in drawing_modules():
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SceneWindow:
    """A drawn scene that never becomes a file."""

    seed: int
    split: str
    index: int
    corpus: str = "staged"  # says which target
    processes = True  # drawing is Python: worker processes, not threads

    @property
    def scene(self) -> staged_scene.Scene:
        return staged_scene.make_drawn_scene(self.seed, self.split, self.index)

    @property
    def name(self) -> str:
        return f"rendered/{self.seed}/{self.split}/{self.index}"

    @property
    def target(self) -> int | np.ndarray:
        """Class index, six emotions (6,) of 0 and 1, or valence and arousal (MOMENTS, 2)."""
        return target_of(self.scene, self.corpus)

    @property
    def group(self) -> str:
        return f"rendered/{self.seed}/{self.scene.source}"

    @property
    def regime(self) -> str:
        return self.scene.regime

    def frame_targets(self, times_s: np.ndarray) -> list[int]:
        """What each moment shows, an index into FRAME_LABELS: acted emotion, and movement.

        Faces act the label during its planted seconds, else neutral; nothing can be said where
        they are turned away or dark (`heard`), so don't ask there.
        """
        scene = self.scene
        acting = () if scene.regime == "synced" else scene.evidence.seconds
        neutral, labelled = (POLARITIES.index(name) for name in ("neutral", scene.label))
        targets = []
        for t in times_s:
            acted = labelled if any(a <= t <= b for a, b in acting) else neutral
            moves = scene.movement.start_s <= t <= scene.movement.end_s
            targets.append(acted + len(POLARITIES) * moves)
        return targets

    def key(self, cache: Cache) -> str:
        faces = [FACE] if cache.config.people else []
        return key_digest("staged", generator_version(), self.seed, self.split, self.index, *faces)

    def decode(self, config: SampleConfig) -> DecodedWindow:
        scene = self.scene
        size = (staged_scene.WIDTH, staged_scene.HEIGHT)
        grid = frame_times(config)
        times_s = np.floor(grid * staged_scene.FPS) / staged_scene.FPS  # the frame on display
        frames = staged_draw.draw_frames(scene, times_s)
        pixels = pad_or_crop(
            resize_frames(frames, resize_size(size, config), config.resize_mode), config
        )
        shown = np.ones(len(times_s), bool)
        wave = staged_sound.synthesise(scene, config.mel.rate)
        length_s = staged_scene.DURATION_S
        return DecodedWindow(
            pixels,
            times_s.astype(np.float32),
            np.round(wave * 32767).astype(np.int16),
            length_s,
            length_s,
            **face_fields(frames, times_s, shown, config, lambda _, at_s: drawn_faces(scene, at_s)),
            text=scene.text if config.text_length else "",
        )


class FrameDataset(ClipDataset):
    """One random frame of every rendered scene whose faces can be seen, with what it shows."""

    classes = FRAME_LABELS

    def __init__(self, windows: Sequence[SceneWindow], cache: Cache, seed: int) -> None:
        self.scenes = shown = [window for window in windows if window.regime != "heard"]
        one = Augment(zoom=0.0, color_jitter=0.1, gain_db=0.0, frame_subsample=cache.config.frames)
        super().__init__(shown, cache, one, seed)

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, list[int]]:
        sample, _ = super().__getitem__(position)
        return sample, self.scenes[position[1]].frame_targets(sample.video_times_s.numpy())

    def _load_window(self, index: int) -> DecodedWindow:
        decoded = super()._load_window(index)
        return replace(decoded, wave=decoded.wave[: self.cache.config.mel.rate // 10])  # not used


def synthetic_windows(count: int, corpus: str = "staged") -> list[SceneWindow]:
    """Training scenes that no made corpus contains: its seeds are small, this one is not.

    The same scenes whatever the seed of a run, so that several runs share one cache.
    """
    return [SceneWindow(SYNTHETIC_SEED, "train", index, corpus) for index in range(count)]


def target_of(scene: staged_scene.Scene, corpus: str) -> int | np.ndarray:
    """Class index, six emotions (6,) of 0 and 1, or valence and arousal (MOMENTS, 2)."""
    if corpus == "staged-emotions":
        return np.array([ours in scene.emotions for ours in ACTED_AS.values()], np.float32)
    if corpus == "staged-affect":
        return affect(scene, MOMENTS_S).astype(np.float32)
    return POLARITIES.index(scene.label)


def drawn_faces(scene: staged_scene.Scene, times_s: np.ndarray) -> Tracks:
    """Boxes of the people facing the camera, as YuNet's, in the order of the scene.

    As Aff-Wild2 comes with its crops. Of 681 drawn faces YuNet finds 98.5 % but the Haar cascade
    44.5 %, and a corpus must not depend on which of them a machine has.
    """
    front = [n for n, person in enumerate(scene.people) if person.facing == "front"]
    boxes = np.zeros((len(times_s), len(front), 4), np.float32)
    angles = np.zeros((len(times_s), len(front)), np.float32)
    for slot, number in enumerate(front):
        radius, pose = scene.people[number].radius, pose_of(scene, number, times_s)
        turned = np.stack([np.cos(pose.tilt), np.sin(pose.tilt)], axis=-1)  # (T, 2)
        across, down, width, height = (radius * share for share in FACE)
        centre = pose.centre + across * turned + down * turned[:, ::-1] * (-1, 1)
        half = np.array([width / 2, height / 2])
        boxes[:, slot] = np.concatenate([centre - half, centre + half], axis=-1)
        angles[:, slot] = pose.tilt
    size = (staged_scene.WIDTH, staged_scene.HEIGHT)
    return Tracks(boxes / (*size, *size), angles, np.ones(angles.shape, bool))
