"""Single photographs and single voices, changed more and more: what warm-up shows a backbone.

Changes begin small. At full strength from the start, a pocket network stays at chance for 40,000
photographs; so it needs 6,000 (docs/log.md).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emo_core.data.collage_fresh import FreshWindow
from emo_core.data.collage_picture import compose_frames
from emo_core.data.collage_scene import make_scene
from emo_core.data.collage_sources import SIDE, Sources, photograph, recording
from emo_core.data.staged_scene import DURATION_S, HEIGHT, LABELS, WIDTH
from emo_core.parts.mel import MelConfig, log_mel
from emo_core.sample import Sample, SampleConfig, fitted
from emo_core.sample import place as place_in

FRAME_SEED = 2_000_000  # no made corpus has it, nor any fresh collage
TRIES = 8  # scenes looked at for one whose faces can be seen
FIRST, FULL = 0.15, 0.5  # strength in the first pass; share of the passes until it is 1


@dataclass(frozen=True)
class Warm:
    """How a backbone meets its parts before it meets scenes."""

    passes: int = 0  # 0 = not at all
    draws: int = 6400  # in a pass
    learning: float = 2e-3  # highest rate
    rows: int = 64  # in a batch
    side: int = 80  # pixels of a photograph
    seconds: float = 3.2  # of a voice


class _Warm(Dataset):
    """Draws by (epoch, index), every class as often, as a Loader asks for them."""

    def __init__(self, sources: Sources, warm: Warm, config: SampleConfig, seed: int) -> None:
        self.sources, self.warm, self.config, self.seed = sources, warm, config, seed
        self.windows = [FreshWindow(index) for index in range(warm.draws)]

    def __len__(self) -> int:
        return len(self.windows)

    def draw(
        self, kind: str, place: tuple[int, int]
    ) -> tuple[Path, int, float, np.random.Generator]:
        """(file, class, strength of changes, random numbers) of one place in an epoch."""
        rng = np.random.default_rng([self.seed, *place])
        target = int(rng.integers(len(LABELS)))
        part = self.sources.parts[self.sources.draw(rng, kind, "train", LABELS[target])]
        strength = min(1.0, FIRST + place[0] / (FULL * self.warm.passes))
        return part.path, target, strength, rng


class Photographs(_Warm):
    """Faces that fill a square picture."""

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, list[int]]:
        path, target, strength, rng = self.draw("face", place)
        side = self.warm.side
        face = _moved(photograph(path), side, strength, rng)
        face = _relit(face, strength, rng)
        if rng.random() < 0.5 * strength:  # something stands before it
            height, width = rng.integers(side // 8, side // 2.5, 2)
            top, left = rng.integers(0, side - 8, 2)
            face[top : top + height, left : left + width] = rng.random()
        tint = _tint(rng)
        pixels = (face[..., None] * tint * 255).clip(0, 255).astype(np.uint8)  # (side, side, 3)
        return _sample(torch.from_numpy(pixels).permute(2, 0, 1)[None], None, self.config), [target]


class Frames(_Warm):
    """Single frames of collages whose faces can be seen."""

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, list[int]]:
        number, config = place[0] * len(self) + place[1], self.config
        rng = np.random.default_rng([self.seed, *place])
        for attempt in range(number * TRIES, (number + 1) * TRIES):
            scene = make_scene(self.sources, FRAME_SEED + self.seed, "train", attempt)
            if not scene.hidden:
                break
        size = fitted((WIDTH, HEIGHT), config)
        times_s = rng.uniform(0, DURATION_S, 1)
        frame = place_in(compose_frames(scene, self.sources, times_s, size), config)[0]
        pixels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))
        return _sample(pixels[None], None, config), [LABELS.index(scene.label)]


def _moved(face: np.ndarray, side: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    scale = side / SIDE * np.exp(strength * rng.uniform(np.log(0.8), np.log(1.35)))
    angle = strength * rng.normal(0, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn *= scale * np.exp(strength * rng.normal(0, 0.08, (2, 1)))
    middle = side * (0.5 + strength * rng.uniform(-0.1, 0.1, 2))
    matrix = np.column_stack([turn, middle - turn @ (SIDE / 2, SIDE / 2)])
    if rng.random() < 0.5:
        face = np.ascontiguousarray(face[:, ::-1])
    around = int(rng.integers(256))
    return cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_AREA, borderValue=around)


def _relit(face: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Bytes -> another contrast, gamma and brightness, blur and noise: float32, about 0 to 1."""
    contrast = 1 + strength * rng.uniform(-0.4, 0.3)
    gamma = np.exp(strength * rng.normal(0, 0.3))
    tone = ((np.arange(256) / 255) ** gamma - 0.45) * contrast + 0.45
    lit = (tone + strength * rng.uniform(-0.12, 0.12)).astype(np.float32)[face]
    if rng.random() < 0.3 * strength:
        lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.4, 2.0))
    if rng.random() < 0.5 * strength:
        lit += rng.uniform(0, 0.05) * rng.standard_normal(lit.shape, np.float32)
    return lit


def _tint(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.2:
        return np.ones(3, np.float32)
    skin = np.array([1, 1 - 0.3 * rng.random(), 1 - 0.5 * rng.random()])
    return (skin * rng.uniform(0.85, 1.15, 3)).astype(np.float32)


class Voices(_Warm):
    """Voices as log-mel, changed there: a draw takes a tenth of the time it takes in sound."""

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, int]:
        path, target, strength, rng = self.draw("voice", place)
        mel = voice_mel(path, self.config.mel)
        frames = self.config.mel.frames(self.warm.seconds)
        mel = _stretched(mel, strength, rng)
        mel = _cut(mel, frames, rng, self.config.mel)
        bands = np.linspace(-0.5, 0.5, mel.shape[1], dtype=np.float32)
        mel = mel + rng.uniform(-6.5, -2.0) + strength * rng.normal(0, 1.5) * bands
        mel = self._over_ambience(mel, strength, rng)
        _masked(mel, strength, rng)
        heard = torch.from_numpy(mel.clip(np.log(self.config.mel.floor)).astype(np.float32))
        return _sample(None, heard, self.config), target

    def _over_ambience(self, mel: np.ndarray, strength: float, rng: np.random.Generator):
        """Louder or softer than some ambience or hiss, by power."""
        part = self.sources.draw(rng, "ambience", "train")
        level = mel.max() - 3 - rng.uniform(0, 7) - 4 * (1 - strength)
        if part < 0 or rng.random() < 0.4:
            slope = np.linspace(-0.5, 0.5, mel.shape[1], dtype=np.float32) * rng.normal(0, 3)
            return np.logaddexp(mel, level - 4 + slope + 0.3 * rng.standard_normal(mel.shape))
        other = voice_mel(self.sources.parts[part].path, self.config.mel)
        other = _cut(other, len(mel), rng, self.config.mel)
        return np.logaddexp(mel, other - other.max() + level)


@cache
def voice_mel(path: Path, config: MelConfig) -> np.ndarray:
    """The log-mel of a whole recording of unit loudness: (F, M) float32."""
    return log_mel(torch.from_numpy(recording(path))[None], config)[0].numpy()


def _stretched(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Slower or faster, and higher or lower."""
    length = round(len(mel) * np.exp(strength * rng.normal(0, 0.1)))
    pitch = strength * rng.normal(0, 1.5)  # bands
    height = mel.shape[1]
    matrix = np.array([[1, 0, pitch], [0, length / len(mel), 0]])
    return cv2.warpAffine(mel, matrix, (height, length), borderMode=cv2.BORDER_REPLICATE)


def _cut(mel: np.ndarray, frames: int, rng: np.random.Generator, config: MelConfig) -> np.ndarray:
    """`frames` of it from anywhere; what is shorter lies anywhere in silence."""
    spare = len(mel) - frames
    if spare >= 0:
        first = rng.integers(0, spare + 1)
        return mel[first : first + frames]
    before = int(rng.integers(0, -spare + 1))
    return np.pad(mel, ((before, -spare - before), (0, 0)), constant_values=np.log(config.floor))


def _masked(mel: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Some bands and some moments missing, in place (Park et al. 2019)."""
    for axis, widest in ((1, 12), (1, 12), (0, 30)):
        if rng.random() < 0.6 * strength:
            width = rng.integers(1, widest)
            first = rng.integers(0, mel.shape[axis] - width)
            rows = (slice(None), slice(first, first + width))
            mel[rows if axis else rows[::-1]] = mel.mean()


def _sample(video: Tensor | None, mel: Tensor | None, config: SampleConfig) -> Sample:
    """One frame (1, 3, h, w) or some log-mel (F, M); the other is missing."""
    side = config.face_size
    shown = video if video is not None else torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    heard = mel if mel is not None else torch.zeros(8, config.mel.bands)
    step_s = config.mel.hop / config.mel.rate
    return Sample(
        shown, torch.full((1,), video is not None), torch.full((1,), config.window_s / 2),
        heard, torch.full((len(heard),), mel is not None), torch.arange(len(heard)) * step_s,
        torch.zeros(1, 0, 3, side, side, dtype=torch.uint8), torch.zeros(1, 0, dtype=torch.bool),
        torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.bool), 0.0,
    )  # fmt: skip
