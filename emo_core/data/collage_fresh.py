"""Clips composed while training: new ones in every epoch, none of them written anywhere."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emo_core.data.augment import NONE, Augment, augmented
from emo_core.data.cache import Cache
from emo_core.data.collage_picture import compose_frames
from emo_core.data.collage_scene import Scene, make_scene
from emo_core.data.collage_sound import LENGTH, RATE, mix
from emo_core.data.collage_sources import Part, Sources, photograph, recording
from emo_core.data.dataset import ClipDataset, digest
from emo_core.data.staged_scene import DURATION_S, HEIGHT, LABELS, WIDTH
from emo_core.sample import (
    Decoded,
    Sample,
    SampleConfig,
    fitted,
    frame_grid,
    place,
    scaled,
    to_sample,
)

FRESH_SEED = 1_000_000  # no made corpus has it
NOTHING = np.zeros(LENGTH, np.int16)


def decoded_scene(
    scene: Scene, sources: Sources, config: SampleConfig, times_s: np.ndarray
) -> Decoded:
    """A scene as it would be read from a file, at times_s (T,), but for the codec's losses."""
    frames = compose_frames(scene, sources, times_s, fitted((WIDTH, HEIGHT), config))
    wave = np.round(mix(scene, sources) * 32767).astype(np.int16)
    return Decoded(
        place(frames, config), times_s.astype(np.float32), wave, DURATION_S, DURATION_S
    )  # fmt: skip


@dataclass(frozen=True)
class FreshWindow:
    """What a data set knows of a scene before it is composed."""

    index: int
    target: Any = 0  # one of those to come, all as often; what is composed here has its own
    regime: str | None = None
    processes = True

    @property
    def name(self) -> str:
        return f"fresh/{self.index}"

    group = name


class FreshDataset(ClipDataset):
    """`count` collages of people of train, other ones in every epoch.

    Of every `augment.thin` frames only the one that is kept is composed.
    """

    def __init__(
        self, sources: Sources, count: int, config: SampleConfig, seed: int = 0,
        augment: Augment = NONE,
    ) -> None:  # fmt: skip
        self.sources, self.thin = sources, augment.thin
        windows = [FreshWindow(index, self.expected(index)) for index in range(count)]
        augment = replace(augment, thin=1)
        super().__init__(windows, Cache(config), augment, FRESH_SEED + seed)

    def expected(self, index: int) -> Any:
        """The targets to come, all as often."""
        return index % len(LABELS)

    def scene(self, number: int) -> tuple[Scene, Any]:
        """Scene `number` of train people, and its target."""
        scene = make_scene(self.sources, self.seed, "train", number)
        return scene, LABELS.index(scene.label)

    def composed(self, scene: Scene, times_s: np.ndarray) -> Decoded:
        """What a file of this scene would be read as."""
        return decoded_scene(scene, self.sources, self.cache.config, times_s)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, Any]:
        epoch, index = place
        config, number = self.cache.config, epoch * len(self) + index
        scene, target = self.scene(number)
        rng = np.random.default_rng([self.seed, number, 1])
        grid = frame_grid(config).reshape(-1, self.thin)
        times_s = grid[np.arange(len(grid)), rng.integers(0, self.thin, len(grid))]
        decoded = augmented(self.composed(scene, times_s), self.augment, rng)
        return to_sample(decoded, config), target


@dataclass(frozen=True)
class PartWindow:
    """One photograph shown for five seconds, or one recording without a picture."""

    part: Part
    processes = False
    regime = None

    @property
    def name(self) -> str:
        return f"{self.part.path.parent.name}/{self.part.path.stem}"

    @property
    def target(self) -> int:
        return LABELS.index(self.part.polarity)

    @property
    def group(self) -> str:
        return self.part.group

    def key(self, cache: Cache) -> str:
        return digest(cache.key(self.part.path), "part")

    def decode(self, config: SampleConfig) -> Decoded:
        grid = frame_grid(config)
        pixels = np.zeros((len(grid), config.height, config.width, 3), np.uint8)
        wave = NOTHING.copy()
        if self.part.kind == "face":
            face = np.repeat(photograph(self.part.path)[None, ..., None], 3, -1)
            pixels[:] = place(scaled(face, fitted(face.shape[2:0:-1], config)), config)
            return Decoded(pixels, grid.astype(np.float32), wave, DURATION_S, 0.0)
        heard = recording(self.part.path)[:LENGTH]
        wave[: len(heard)] = np.round(0.1 * heard * 32767).clip(-32767, 32767)
        return Decoded(pixels, grid.astype(np.float32), wave, 0.0, len(heard) / RATE)
