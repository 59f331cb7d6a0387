"""Pre-training data composed on the fly: faces, frames, voices, mixes and utterances' faces.

Changes begin small. At full strength from the start, a pocket network stays at chance for 76,800
photographs; with growing strength it leaves it within 25,600 (docs/experiments/0041).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emo_core.faces.tracking import MARGIN
from emo_core.preprocess.augment import (
    augment_mel,
    filter_augment,
    spec_augment,
    stretch_and_shift,
)
from emo_core.preprocess.log_mel import MelConfig, log_mel
from emo_core.preprocess.sample import Sample, SampleConfig, resize_size
from emo_core.preprocess.sample import pad_or_crop as place_in
from emo_core.ranges import Count, CountOrNone, OpenShare, Positive
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.dataset import OnTheFlyWindow
from emo_core.synthetic.composed.scene import ComposedScene, make_scene
from emo_core.synthetic.composed.soundtrack import mix
from emo_core.synthetic.composed.sources import SIDE, SourceItem, SourcePool, photograph, recording
from emo_core.synthetic.composed.utterances import FACE
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.drawn.scene import (
    DURATION_S,
    HEIGHT,
    WIDTH,
)

FRAME_SEED = 2_000_000  # no made corpus has it, nor any fresh collage
TRIES = 8  # scenes looked at for one that fits
FIRST, FULL = 0.15, 0.5  # strength in the first pass; share of the passes until it is 1


@dataclass(frozen=True)
class PretrainStage:
    """How a backbone meets its parts before it meets scenes."""

    epochs: CountOrNone = 0  # 0 = not at all
    samples_per_epoch: Count = 6400  # in a pass
    lr: Positive = 2e-3  # highest rate
    batch_size: Count = 64  # in a batch
    image_size: Count = 80  # pixels of a photograph
    seconds: Positive = 3.2  # of a voice
    ema_decay: OpenShare = 0.0  # see TrainConfig
    smoothing: OpenShare = 0.1  # of labels


class PretrainDataset(Dataset):
    """Draws by (epoch, index), as a Loader asks for them."""

    classes: Sequence[str] = POLARITIES  # what a backbone learns to tell apart

    def __init__(
        self, sources: SourcePool, stage: PretrainStage, config: SampleConfig, seed: int
    ) -> None:
        self.sources, self.stage, self.config, self.seed = sources, stage, config, seed
        self.windows = [OnTheFlyWindow(index) for index in range(stage.samples_per_epoch)]

    def __len__(self) -> int:
        return len(self.windows)

    def rng(self, position: tuple[int, int]) -> np.random.Generator:
        return np.random.default_rng([self.seed, *position])

    def scene(
        self, position: tuple[int, int], fits: Callable[[ComposedScene], bool]
    ) -> ComposedScene:
        """A scene of training people, other ones at every place."""
        number = position[0] * len(self) + position[1]
        for attempt in range(number * TRIES, (number + 1) * TRIES):
            scene = make_scene(self.sources, FRAME_SEED + self.seed, "train", attempt)
            if fits(scene):
                break
        return scene


class SourceItemDataset(PretrainDataset):
    """Single parts by emotion, every polarity as often.

    Emotions teach a backbone more than the three polarities they are mapped to
    (docs/experiments/0056); parts without one stand under their polarity.
    """

    kind = ""  # of KINDS

    def __init__(
        self, sources: SourcePool, stage: PretrainStage, config: SampleConfig, seed: int
    ) -> None:
        super().__init__(sources, stage, config, seed)
        self.classes = sorted(
            {class_name_of(part) for part in sources.items_of(self.kind, "train")}
        )
        self.polarities = [p for p in sources.labels if sources.has(self.kind, "train", p)]

    def strength(self, position: tuple[int, int]) -> float:
        """Of changes, at a place of an epoch."""
        return min(1.0, FIRST + position[0] / (FULL * self.stage.epochs))

    def draw(self, rng: np.random.Generator) -> tuple[Path, int]:
        """The file of a part and its class."""
        polarity = self.polarities[rng.integers(len(self.polarities))]
        part = self.sources.items[self.sources.draw(rng, self.kind, "train", polarity)]
        return part.path, self.classes.index(class_name_of(part))


def class_name_of(part: SourceItem) -> str:
    """The emotion of a part, or its polarity where it has none."""
    return part.emotion or part.polarity


class Photographs(SourceItemDataset):
    """Faces that fill a square picture."""

    kind = "face"

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, list[int]]:
        pixels, target = self.image(position, self.stage.image_size)
        return single(pixels, None, self.config), [target]

    def image(self, position: tuple[int, int], side: int, share: float = 1.0) -> tuple[Tensor, int]:
        """A photograph of `share` of a picture (1, 3, side, side) uint8, and its class."""
        rng, strength = self.rng(position), self.strength(position)
        path, target = self.draw(rng)
        face = _warp_face(photograph(path), side, share, strength, rng)
        face = _jitter_tones(face, strength, rng)
        if rng.random() < 0.5 * strength:  # something stands before it
            height, width = rng.integers(side // 8, int(side // 2.5), 2)
            top, left = rng.integers(0, side - 8, 2)
            face[top : top + height, left : left + width] = rng.random()
        tint = _tint(rng)
        pixels = (face[..., None] * tint * 255).clip(0, 255).astype(np.uint8)  # (side, side, 3)
        return torch.from_numpy(pixels).permute(2, 0, 1)[None], target


class Frames(PretrainDataset):
    """Single frames of collages whose faces can be seen."""

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, list[int]]:
        scene, config = self.scene(position, lambda scene: not scene.hidden), self.config
        times_s = self.rng(position).uniform(0, DURATION_S, 1)
        frames = compose_frames(scene, self.sources, times_s, resize_size((WIDTH, HEIGHT), config))
        pixels = place_in(frames, config)[0].transpose(2, 0, 1)
        shown = torch.from_numpy(np.ascontiguousarray(pixels))
        return single(shown[None], None, config), [POLARITIES.index(scene.label)]


def _warp_face(
    face: np.ndarray, side: int, share: float, strength: float, rng: np.random.Generator
) -> np.ndarray:
    scale = share * side / SIDE * np.exp(strength * rng.uniform(np.log(0.8), np.log(1.35)))
    angle = strength * rng.normal(0, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn *= scale * np.exp(strength * rng.normal(0, 0.08, (2, 1)))
    middle = side * (0.5 + strength * rng.uniform(-0.1, 0.1, 2))
    matrix = np.column_stack([turn, middle - turn @ (SIDE / 2, SIDE / 2)])
    if rng.random() < 0.5:
        face = np.ascontiguousarray(face[:, ::-1])
    around = int(rng.integers(256))
    return cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_AREA, borderValue=around)


def _jitter_tones(face: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
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


def single(
    video: Tensor | None, mel: Tensor | None, config: SampleConfig, face: Tensor | None = None
) -> Sample:
    """One frame or face (1, 3, h, w) or some log-mel (F, M); the others are missing."""
    side, people = config.face_size, int(face is not None)
    shown = video if video is not None else torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    heard = mel if mel is not None else torch.zeros(8, config.mel.bands)
    step_s = config.mel.hop / config.mel.rate
    return Sample(
        shown,
        torch.full((1,), video is not None),
        torch.full((1,), config.window_s / 2),
        heard,
        torch.full((len(heard),), mel is not None),
        torch.arange(len(heard)) * step_s,
        torch.zeros(1, 0, 3, side, side, dtype=torch.uint8) if face is None else face[:, None],
        torch.ones(1, people, dtype=torch.bool),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, dtype=torch.bool),
        0.0,
    )


OTHERS = 0.15  # of the draws are crowds and ambience


class Voices(SourceItemDataset):
    """Voices as log-mel, changed there: a draw takes a tenth of the time it takes in sound.

    Crowds of each polarity and ambience are classes of their own: heard in mixes alone, an unknown
    man's scream passed for a cheer (docs/experiments/0069).
    """

    kind = "voice"

    def __init__(
        self, sources: SourcePool, stage: PretrainStage, config: SampleConfig, seed: int
    ) -> None:
        super().__init__(sources, stage, config, seed)
        found = {
            (part.kind, part.polarity)
            for kind in ("crowd", "ambience")
            for part in sources.items_of(kind, "train")
        }
        self.others = sorted(found)
        others = (f"{kind} {polarity}".strip() for kind, polarity in self.others)
        self.classes = [*self.classes, *others]

    def draw(self, rng: np.random.Generator) -> tuple[Path, int]:
        if not self.others or rng.random() >= OTHERS:
            return super().draw(rng)
        number = int(rng.integers(len(self.others)))
        kind, polarity = self.others[number]
        part = self.sources.items[self.sources.draw(rng, kind, "train", polarity)]
        return part.path, len(self.classes) - len(self.others) + number

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, int]:
        rng, strength = self.rng(position), self.strength(position)
        path, target = self.draw(rng)
        mel = voice_mel(path, self.config.mel)
        frames = self.config.mel.frames(self.stage.seconds)
        mel = filter_augment(stretch_and_shift(mel, strength, rng), strength, rng)
        mel = _crop_mel(mel, frames, rng, self.config.mel)
        bands = np.linspace(-0.5, 0.5, mel.shape[1], dtype=np.float32)
        mel = mel + rng.uniform(-6.5, -2.0) + strength * rng.normal(0, 1.5) * bands
        mel = self._over_ambience(mel, strength, rng)
        spec_augment(mel, strength, rng)
        heard = mel.clip(np.log(self.config.mel.floor)).astype(np.float32)
        return single(None, torch.from_numpy(heard), self.config), target

    def _over_ambience(self, mel: np.ndarray, strength: float, rng: np.random.Generator):
        """Louder or softer than some ambience or hiss, by power."""
        part = self.sources.draw(rng, "ambience", "train")
        level = mel.max() - 3 - rng.uniform(0, 7) - 4 * (1 - strength)
        if part < 0 or rng.random() < 0.4:
            slope = np.linspace(-0.5, 0.5, mel.shape[1], dtype=np.float32) * rng.normal(0, 3)
            return np.logaddexp(mel, level - 4 + slope + 0.3 * rng.standard_normal(mel.shape))
        other = voice_mel(self.sources.items[part].path, self.config.mel)
        other = _crop_mel(other, len(mel), rng, self.config.mel)
        return np.logaddexp(mel, other - other.max() + level)


class SceneAudio(PretrainDataset):
    """The sound of collages whose label can be heard: voices, crowds, ambience, room."""

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, int]:
        scene = self.scene(position, lambda scene: scene.regime != "seen")
        wave = torch.from_numpy(mix(scene, self.sources))
        mel = log_mel(wave[None], self.config.mel)[0].numpy()
        heard = torch.from_numpy(augment_mel(mel, self.rng(position)))
        return single(None, heard, self.config), POLARITIES.index(scene.label)


@cache
def voice_mel(path: Path, config: MelConfig) -> np.ndarray:
    """The log-mel of a whole recording of unit loudness: (F, M) float32."""
    return log_mel(torch.from_numpy(recording(path))[None], config)[0].numpy()


def _crop_mel(
    mel: np.ndarray, frames: int, rng: np.random.Generator, config: MelConfig
) -> np.ndarray:
    """`frames` of it from anywhere; what is shorter lies anywhere in silence."""
    spare = len(mel) - frames
    if spare >= 0:
        first = rng.integers(0, spare + 1)
        return mel[first : first + frames]
    before = int(rng.integers(0, -spare + 1))
    return np.pad(mel, ((before, -spare - before), (0, 0)), constant_values=np.log(config.floor))


SHARE = 1 / ((1 + 2 * MARGIN) * max(FACE[1:]))  # of the square around YuNet's box


class Faces(Photographs):
    """Photographs in squares of `SampleConfig.face_size`, of the size that faces of clips have."""

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, list[int]]:
        face, target = self.image(position, self.config.face_size, SHARE)
        return single(None, None, self.config, face), [target]
