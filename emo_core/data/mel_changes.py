"""Changes of a log-mel that leave its label alone; training only."""

import cv2
import numpy as np


def varied(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As if somebody else had said it, partly drowned out: (F, M) -> (F, M).

    Without it the sound backbone learns the few people of train by heart: mixes of others were
    right in 0.66 instead of 0.71 (docs/log.md).
    """
    other = stretched(mel, 1.0, rng)
    missing = max(0, len(mel) - len(other))
    other = np.pad(other, ((0, missing), (0, 0)), constant_values=mel.min())[: len(mel)]
    masked(other, 1.0, rng)
    return other


def stretched(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Slower or faster, and higher or lower."""
    length = round(len(mel) * np.exp(strength * rng.normal(0, 0.1)))
    pitch = strength * rng.normal(0, 1.5)  # bands
    height = mel.shape[1]
    matrix = np.array([[1, 0, pitch], [0, length / len(mel), 0]])
    return cv2.warpAffine(mel, matrix, (height, length), borderMode=cv2.BORDER_REPLICATE)


def masked(mel: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Some bands and some moments missing, in place (Park et al. 2019)."""
    for axis, widest in ((1, 12), (1, 12), (0, 30)):
        if rng.random() < 0.6 * strength:
            width = rng.integers(1, widest)
            first = rng.integers(0, mel.shape[axis] - width)
            rows = (slice(None), slice(first, first + width))
            mel[rows if axis else rows[::-1]] = mel.mean()
