"""Scores over all clips: no batch averages, nothing dropped."""

import numpy as np


def confusion(target: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, row = truth, column = prediction. (n,), (n,) int -> (C, C) int."""
    return np.bincount(target * classes + predicted, minlength=classes**2).reshape(classes, classes)


def accuracy(target: np.ndarray, predicted: np.ndarray) -> float:
    """Right answers / all clips."""
    return float(np.mean(target == predicted))


def recalls(counts: np.ndarray) -> np.ndarray:
    """Recall of each class, NaN where the class does not occur. (C, C) -> (C,)."""
    support = counts.sum(1)
    return np.divide(
        counts.diagonal(), support, out=np.full(len(counts), np.nan), where=support > 0
    )


def f1_scores(counts: np.ndarray) -> np.ndarray:
    """F1 of each class, NaN where it is neither in the truth nor predicted. (C, C) -> (C,)."""
    size = counts.sum(0) + counts.sum(1)
    return np.divide(2 * counts.diagonal(), size, out=np.full(len(counts), np.nan), where=size > 0)


def uar(counts: np.ndarray) -> float:
    """Unweighted average recall over the classes that occur."""
    return float(np.nanmean(recalls(counts)))


def macro_f1(counts: np.ndarray) -> float:
    """Mean F1 over the classes that occur in truth or prediction."""
    return float(np.nanmean(f1_scores(counts)))


def calibration_error(probabilities: np.ndarray, target: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class (Guo et al. 2017, equation 3).

    probabilities: (n, C), target: (n,). Equal-width bins; 0 = perfectly calibrated.
    """
    top = probabilities.max(1)
    right = probabilities.argmax(1) == target
    index = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(right[index == b].sum() - top[index == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(target))


def clustered_interval(
    correct: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95 % bootstrap interval of accuracy that draws whole groups (source videos, speakers).

    correct: (n,) bool, groups: (n,) any labels. Clips of one source are not independent, so
    drawing clips would give an interval that is too narrow.
    """
    _, index = np.unique(groups, return_inverse=True)
    hits = np.bincount(index, weights=correct)
    sizes = np.bincount(index)
    chosen = np.random.default_rng(seed).integers(0, len(sizes), (draws, len(sizes)))
    scores = hits[chosen].sum(1) / sizes[chosen].sum(1)
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)
