"""Reads a folder of drawn clips, and renders scenes straight to windows for training at scale."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from emo_core.data import staged_draw, staged_scene, staged_sound
from emo_core.data.augment import Augment
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, CorpusError, Item
from emo_core.data.dataset import ClipDataset
from emo_core.sample import Decoded, Sample, SampleConfig, fitted, frame_grid, place

SPLITS = ("train", "val", "test")
FRAME_LABELS = tuple(  # what a single frame shows, for warm-up
    label + moving for moving in ("", ", moving") for label in staged_scene.LABELS
)
RENDERED_SEED = 1_000_000


def read_staged(root: Path) -> Corpus:
    """Reads `truth.jsonl`: every split is labelled, and every clip has its regime."""
    path = root / "truth.jsonl"
    if not path.is_file():
        raise CorpusError(
            f"{root} holds no truth.jsonl; expected a folder made by `emo data make staged`; "
            "make one, or name the corpus it is."
        )
    items, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            items.append(_item(root, json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"truth.jsonl line {number}: {error}; the clip is left out.")
    if not items:
        raise CorpusError(f"{root.name}/truth.jsonl names no usable clip; make the corpus again.")
    return Corpus("staged", root, staged_scene.LABELS, tuple(items), tuple(problems))


def _item(root: Path, truth: dict) -> Item:
    name, label, split = truth["clip"], truth["label"], truth["split"]
    path = root / f"{name}.mp4"
    if not path.is_file():
        raise ValueError(f"{name}.mp4 is missing")
    if label not in staged_scene.LABELS:
        raise ValueError(f"label {label!r} is not one of {', '.join(staged_scene.LABELS)}")
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    return Item(name, path, split, label, str(truth["source"]), truth["regime"])


@lru_cache(maxsize=1)
def generator_version() -> str:
    """Digest of the code that draws, so that rendered windows in a cache follow its changes."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(set(Path(__file__).parent.glob("staged_*.py")) - {Path(__file__)}):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SceneWindow:
    """A drawn scene that never becomes a file."""

    seed: int
    split: str
    index: int
    processes = True  # drawing is Python: worker processes, not threads

    @property
    def scene(self) -> staged_scene.Scene:
        return staged_scene.make_scene(self.seed, self.split, self.index)

    @property
    def name(self) -> str:
        return f"rendered/{self.seed}/{self.split}/{self.index}"

    @property
    def target(self) -> int:
        return staged_scene.LABELS.index(self.scene.label)

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
        neutral = staged_scene.LABELS.index("neutral")
        targets = []
        for t in times_s:
            acted = self.target if any(a <= t <= b for a, b in acting) else neutral
            moves = scene.movement.start_s <= t <= scene.movement.end_s
            targets.append(acted + len(staged_scene.LABELS) * moves)
        return targets

    def key(self, cache: Cache) -> str:
        text = f"staged {generator_version()} {self.seed} {self.split} {self.index}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def decode(self, config: SampleConfig) -> Decoded:
        scene = self.scene
        size = (staged_scene.WIDTH, staged_scene.HEIGHT)
        grid = frame_grid(config)
        times_s = np.floor(grid * staged_scene.FPS) / staged_scene.FPS  # the frame on display
        pixels = place(staged_draw.draw_frames(scene, times_s, fitted(size, config)), config)
        wave = staged_sound.synthesise(scene, config.mel.rate)
        length_s = staged_scene.DURATION_S
        return Decoded(
            pixels,
            times_s.astype(np.float32),
            np.round(wave * 32767).astype(np.int16),
            length_s,
            length_s,
        )


class FrameDataset(ClipDataset):
    """One random frame of every rendered scene whose faces can be seen, with what it shows."""

    def __init__(self, windows: Sequence[SceneWindow], cache: Cache, seed: int) -> None:
        shown = [window for window in windows if window.regime != "heard"]
        one = Augment(zoom=0.0, light=0.1, gain_db=0.0, thin=cache.config.frames)
        super().__init__(shown, cache, one, seed)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, list[int]]:
        sample, _ = super().__getitem__(place)
        return sample, self.windows[place[1]].frame_targets(sample.video_times_s.numpy())

    def _decoded(self, index: int) -> Decoded:
        decoded = super()._decoded(index)
        return replace(decoded, wave=decoded.wave[: self.cache.config.mel.rate // 10])  # not used


def rendered(count: int) -> list[SceneWindow]:
    """Training scenes that no made corpus contains: its seeds are small, this one is not.

    The same scenes whatever the seed of a run, so that several runs share one cache.
    """
    return [SceneWindow(RENDERED_SEED, "train", index) for index in range(count)]
