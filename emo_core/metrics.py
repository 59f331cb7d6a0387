"""Scores over all clips: no batch averages, nothing dropped."""

import numpy as np

from emo_core.errors import EmoError
from emo_core.messages import say, say_count

ROUNDING = 1e-15  # of a constant's mean square, and value: what its moments' sums leave as spread
LEAST_SOURCES = 5  # below this sources say too little of other sources


class MetricError(EmoError):
    """Answers that can't be scored; one plain sentence."""


def refuse_no_numbers(answers: np.ndarray) -> None:
    """Raise MetricError where answers (n, ...) hold NaN or an infinity."""
    wrong = ~np.isfinite(answers).all(tuple(range(1, answers.ndim)))
    if wrong.any():
        raise MetricError(
            "{wrong} of {count} answers are no numbers; expected finite scores of every class; "
            "train again with a lower rate, or take another checkpoint.",
            wrong=wrong.sum(),
            count=len(answers),
        )


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


def share_at_least(hits: int, count: int, z: float = 1.645) -> float:
    """The lower end of a share's interval, one-sided 95 %; 0 of nothing (Wilson 1927)."""
    if not count:
        return 0.0
    share, width = hits / count, z**2 / count
    spread = z * (share * (1 - share) / count + width / (4 * count)) ** 0.5
    return (share + width / 2 - spread) / (1 + width)


def number(value: float) -> float | None:
    """A score for JSON: None where it is not defined."""
    return None if np.isnan(value) else float(value)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without its NaNs; NaN where all are. (..., C) -> (...)."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def outcomes(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Yes-or-no answers -> true yes, false yes, missed yes, true no. (n, C) bool -> (n, C, 4)."""
    kinds = (target & predicted, ~target & predicted, target & ~predicted, ~target & ~predicted)
    return np.stack(kinds, axis=-1)


def binary_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of each class from its summed outcomes, NaN where undefined. (..., C, 4) -> (..., C).

    The weighted accuracy is (TPR + TNR) / 2, which papers on CMU-MOSEI report.
    """
    hits, false, missed, rejected = np.moveaxis(counts, -1, 0)
    recall = _ratio(hits, hits + missed)
    return {
        "accuracy": _ratio(hits + rejected, counts.sum(-1)),
        "weighted_accuracy": (recall + _ratio(rejected, rejected + false)) / 2,
        "f1": _ratio(2 * hits, 2 * hits + false + missed),
        "recall": recall,
        "precision": _ratio(hits, hits + false),
    }


def roc_auc(target: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Chance that a yes scores above a no, ties half (Mann and Whitney). (n, C) each -> (C,)."""
    areas = []
    for truth, values in zip(target.T, scores.T, strict=True):
        _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[index]  # from 1; equal values share theirs
        yes, no = truth.sum(), (~truth).sum()
        areas.append(_ratio(ranks[truth].sum() - yes * (yes + 1) / 2, yes * no))
    return np.array(areas)


def moments(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """What `ccc` sums over: 1, x, y, x^2, y^2, x*y. (n,), (n,) -> (n, 6)."""
    x, y = predicted, target
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def ccc(sums: np.ndarray) -> np.ndarray:
    """Concordance from summed moments; 0 where both are one constant. (..., 6) -> (...).

    2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2), population variances (Lin 1989; the ABAW metric).
    """
    mean = sums / np.maximum(sums[..., :1], 1)
    _, x, y, xx, yy, xy = np.moveaxis(mean, -1, 0)
    covariance, spread = xy - x * y, xx - x * x + yy - y * y + (x - y) ** 2
    varies = spread > ROUNDING * np.maximum(sums[..., 0], 100) * np.maximum(1, xx + yy)
    part = np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=varies)
    return part.clip(-1, 1)  # what is hardly a spread is rounded


def ccc_of_authors_code(
    predicted: np.ndarray, target: np.ndarray, groups: np.ndarray, order: np.ndarray | None = None
) -> np.ndarray:
    """Concordance as JMT's published code computes it. (n, 2), (n, 2), (n,), (n,) -> (2,).

    Moments with an invalid target (outside -1..1, NaN) count as a pair of zeros; predictions are
    clipped and box-filtered over 20 frames (valence) and 50 (arousal), zeros beyond the ends, run
    by run: a run is consecutive numbers in `order`, or a group's rows as they come.
    Source: docs/papers/jmt.md#evaluation.
    """
    valid = (np.abs(target) <= 1).all(-1, keepdims=True)
    order = row_numbers(groups) if order is None else order
    _, source = np.unique(groups, return_inverse=True)
    rows = np.lexsort((order, source))
    x = np.where(valid, predicted.clip(-1, 1), 0)[rows]
    y = np.where(valid, target, 0)[rows]
    cuts = np.flatnonzero((np.diff(source[rows]) != 0) | (np.diff(order[rows]) > 1)) + 1
    columns = []
    for i, size in enumerate((20, 50)):
        smooth = np.concatenate([box_filter(run, size) for run in np.split(x[:, i], cuts)])
        columns.append(ccc(moments(smooth, y[:, i]).sum(0)))
    return np.array(columns)


def row_numbers(groups: np.ndarray) -> np.ndarray:
    """The number of each row within its group, in order of appearance. (n,) -> (n,) int."""
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    by_group = np.argsort(index, kind="stable")
    place = np.empty(len(groups), int)
    place[by_group] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


def box_filter(values: np.ndarray, size: int) -> np.ndarray:
    """Mean over `size` neighbours, of which an even size has one more before; zeros beyond. (n,)"""
    sums = np.cumsum(np.pad(values, (size // 2 + 1, size - size // 2 - 1)))
    return (sums[size:] - sums[:-size]) / size


def bootstrap_sums(
    parts: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = 2000
) -> np.ndarray:
    """Sums of `parts` over bootstrap draws of whole groups. (n, ...), (n,) -> (draws, ...).

    Rows of one source (video, speaker) are not independent, so drawing rows would give intervals
    that are too narrow.
    """
    _, index = np.unique(groups, return_inverse=True)
    count = index.max(initial=-1) + 1
    sums = np.zeros((count, *parts.shape[1:]))
    np.add.at(sums, index, parts)
    if not count:
        return np.zeros((draws, *parts.shape[1:]))
    chosen = np.random.default_rng(seed).integers(0, count, (draws, count))
    flat = (chosen + count * np.arange(draws)[:, None]).ravel()
    times = np.bincount(flat, minlength=draws * count).reshape(draws, count)
    return np.tensordot(times, sums, axes=1)


def clustered_interval(
    correct: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95 % bootstrap interval of accuracy that draws whole groups. (n,) bool, (n,) any labels."""
    parts = np.stack([correct, np.ones(len(correct))], axis=-1)
    hits, sizes = bootstrap_sums(parts, groups, seed, draws).T
    low, high = np.percentile(hits / sizes, [2.5, 97.5])
    return float(low), float(high)


def interval_fields(drawn: np.ndarray, groups: np.ndarray) -> dict:
    """The 95 % interval of scores drawn over sources, as part of a split's scores.

    {"interval": [low, high]}; below LEAST_SOURCES, or where no draw is defined, None and a word
    why. drawn: (draws,), groups: (n,) labels of sources.
    """
    drawn, sources = drawn[np.isfinite(drawn)], len(np.unique(groups))
    if sources >= LEAST_SOURCES and len(drawn):
        return {"interval": np.percentile(drawn, [2.5, 97.5]).tolist()}
    few = say_count(
        "{count} source; an interval needs {least}",
        "{count} sources; an interval needs {least}",
        sources,
        least=LEAST_SOURCES,
    )
    why = few if sources < LEAST_SOURCES else say("no score is defined")
    return {"interval": None, "interval_note": why}
