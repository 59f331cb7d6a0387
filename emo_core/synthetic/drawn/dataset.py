"""Reads a folder of drawn clips, and renders scenes straight to windows for training at scale."""

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
from emo_core.schema import POLARITIES, SPLITS
from emo_core.synthetic.corpus_io import read_made_corpus
from emo_core.synthetic.drawn import (
    render as staged_draw,
)
from emo_core.synthetic.drawn import (
    scene as staged_scene,
)
from emo_core.synthetic.drawn import (
    soundtrack as staged_sound,
)
from emo_core.synthetic.drawn.ground_truth import (
    ACTED_AS,
    CORPUS_LABELS,
    FACE,
    MOMENTS_S,
    drawn_faces,
    target_of,
)

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


NOT_DRAWING = ("__init__.py", "dataset.py", "ground_truth.py", "writer.py")


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
        pixels = pad_or_crop(resize_frames(frames, resize_size(size, config)), config)
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
