"""Single voices and whole mixes, changed more and more: what warm-up plays to a sound backbone."""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from emo_core.data.collage_sound import mix
from emo_core.data.collage_sources import Sources, recording
from emo_core.data.collage_warm import PartDataset, Warm, WarmDataset, single
from emo_core.data.mel_changes import filtered, masked, stretched, varied
from emo_core.data.staged_scene import LABELS
from emo_core.parts.mel import MelConfig, log_mel
from emo_core.sample import Sample, SampleConfig

OTHERS = 0.15  # of the draws are crowds and ambience


class Voices(PartDataset):
    """Voices as log-mel, changed there: a draw takes a tenth of the time it takes in sound.

    Crowds of each polarity and ambience are classes of their own: heard in mixes alone, an unknown
    man's scream passed for a cheer (docs/log.md).
    """

    kind = "voice"

    def __init__(self, sources: Sources, warm: Warm, config: SampleConfig, seed: int) -> None:
        super().__init__(sources, warm, config, seed)
        found = {
            (part.kind, part.polarity)
            for kind in ("crowd", "ambience")
            for part in sources.some(kind, "train")
        }
        self.others = sorted(found)
        self.classes += [f"{kind} {polarity}".strip() for kind, polarity in self.others]

    def draw(self, rng: np.random.Generator) -> tuple[Path, int]:
        if not self.others or rng.random() >= OTHERS:
            return super().draw(rng)
        number = int(rng.integers(len(self.others)))
        kind, polarity = self.others[number]
        part = self.sources.parts[self.sources.draw(rng, kind, "train", polarity)]
        return part.path, len(self.classes) - len(self.others) + number

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, int]:
        rng, strength = self.rng(place), self.strength(place)
        path, target = self.draw(rng)
        mel = voice_mel(path, self.config.mel)
        frames = self.config.mel.frames(self.warm.seconds)
        mel = filtered(stretched(mel, strength, rng), strength, rng)
        mel = _cut(mel, frames, rng, self.config.mel)
        bands = np.linspace(-0.5, 0.5, mel.shape[1], dtype=np.float32)
        mel = mel + rng.uniform(-6.5, -2.0) + strength * rng.normal(0, 1.5) * bands
        mel = self._over_ambience(mel, strength, rng)
        masked(mel, strength, rng)
        heard = mel.clip(np.log(self.config.mel.floor)).astype(np.float32)
        return single(None, torch.from_numpy(heard), self.config), target

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


class Mixes(WarmDataset):
    """The sound of collages whose label can be heard: voices, crowds, ambience, room."""

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, int]:
        scene = self.scene(place, lambda scene: scene.regime != "seen")
        wave = torch.from_numpy(mix(scene, self.sources))
        heard = log_mel(wave[None], self.config.mel)[0].numpy()
        heard = torch.from_numpy(varied(heard, self.rng(place)))
        return single(None, heard, self.config), LABELS.index(scene.label)


@cache
def voice_mel(path: Path, config: MelConfig) -> np.ndarray:
    """The log-mel of a whole recording of unit loudness: (F, M) float32."""
    return log_mel(torch.from_numpy(recording(path))[None], config)[0].numpy()


def _cut(mel: np.ndarray, frames: int, rng: np.random.Generator, config: MelConfig) -> np.ndarray:
    """`frames` of it from anywhere; what is shorter lies anywhere in silence."""
    spare = len(mel) - frames
    if spare >= 0:
        first = rng.integers(0, spare + 1)
        return mel[first : first + frames]
    before = int(rng.integers(0, -spare + 1))
    return np.pad(mel, ((before, -spare - before), (0, 0)), constant_values=np.log(config.floor))
