"""Changes of a log-mel that leave its label alone; training only."""

import cv2
import numpy as np


def augment_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Imitate another speaker and hide parts of the log-mel: (F, M) -> (F, M).

    Without it the audio backbone memorises the few people of train: mixes of others were
    right in 0.66 instead of 0.71 (docs/experiments/0062).
    """
    other = filter_augment(stretch_and_shift(mel, 1.0, rng), 1.0, rng)
    missing = max(0, len(mel) - len(other))
    other = np.pad(other, ((0, missing), (0, 0)), constant_values=mel.min())[: len(mel)]
    spec_augment(other, 1.0, rng)
    return other


def stretch_and_shift(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Slower or faster, and higher or lower."""
    length = round(len(mel) * np.exp(strength * rng.normal(0, 0.1)))
    pitch = strength * rng.normal(0, 1.5)  # bands
    height = mel.shape[1]
    matrix = np.array([[1, 0, pitch], [0, length / len(mel), 0]])
    return cv2.warpAffine(mel, matrix, (height, length), borderMode=cv2.BORDER_REPLICATE)


def filter_augment(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Some bands louder, others softer, as another throat or room has it (Nam et al. 2022).

    Straight lines between three to six bands, 3.5 dB of spread each. Voices of held-out speakers:
    from 0.71 to 0.75 and from 0.69 to 0.71 on two folds (docs/experiments/0068).
    """
    count, highest = int(rng.integers(3, 7)), mel.shape[1] - 1
    bands = np.sort(rng.uniform(0, highest, count))
    bands[0], bands[-1] = 0, highest
    gains = strength * 0.8 * rng.normal(0, 1, count)  # natural log of power
    return mel + np.interp(np.arange(mel.shape[1]), bands, gains).astype(np.float32)


def spec_augment(mel: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Some bands and some moments missing, in place (Park et al. 2019)."""
    for axis, widest in ((1, 12), (1, 12), (0, 30)):
        if rng.random() < 0.6 * strength:
            width = rng.integers(1, widest)
            first = rng.integers(0, mel.shape[axis] - width)
            rows = (slice(None), slice(first, first + width))
            mel[rows if axis else rows[::-1]] = mel.mean()
