"""Which of two sets of answers to the same clips is better: intervals over sources and McNemar."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from emo_core.metrics import LEAST_SOURCES, bootstrap_sums

POWER = 0.8  # of a difference that is called findable
NORMAL_FROM = 200  # degrees of freedom from which Student's t is taken as normal

Score = Callable[[np.ndarray], np.ndarray]  # sums over clips (..., K) -> (...)


def student_quantile(share: float, degrees: int) -> float:
    """Quantile of Student's t, by bisection on the integral of its density over an angle.

    With x = sqrt(d) tan(a) the density is proportional to cos(a)^(d - 1).
    """
    if degrees >= NORMAL_FROM:
        return NormalDist().inv_cdf(share)
    angles = np.linspace(-math.pi / 2, math.pi / 2, 20_001)
    density = np.cos(angles) ** (degrees - 1)
    area = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(degrees) * math.tan(np.interp(share, area / area[-1], angles))


def tail_share(sources: int) -> float:
    """Share of bootstrap draws below the lower end of a 95 % interval of so many sources.

    The percentile interval is too narrow for few sources; the expanded one (Hesterberg 2015,
    section 5.3) takes Student's t in place of the normal and n / (n - 1).
    """
    wide = student_quantile(0.975, sources - 1) * math.sqrt(sources / (sources - 1))
    return NormalDist().cdf(-wide)


@dataclass(frozen=True)
class Difference:
    """How much better B is than A, with its 95 % interval over sources."""

    value: float
    interval: tuple[float, float] | None  # None = fewer than LEAST_SOURCES sources
    spread: float  # standard deviation over bootstrap draws
    sources: int

    @property
    def better(self) -> str:
        """ "A" or "B" where the interval excludes 0; "" = not decided."""
        if self.interval is None:
            return ""
        low, high = self.interval
        return "B" if low > 0 else "A" if high < 0 else ""

    @property
    def findable(self) -> float:
        """The difference that such clips would show in four of five cases."""
        return (1.96 + NormalDist().inv_cdf(POWER)) * self.spread


def paired_difference(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray, score: Score, seed: int = 0
) -> Difference:
    """Paired bootstrap of whole sources: both models are scored on the same draws.

    a, b: (n, K) what `score` sums over clips; groups: (n,) sources.
    """
    sums = np.concatenate([a, b], axis=-1)
    width = a.shape[-1]

    def gain(totals: np.ndarray) -> np.ndarray:
        return score(totals[..., width:]) - score(totals[..., :width])

    value = float(gain(sums.sum(0)))
    sources = len(np.unique(groups))
    drawn = gain(bootstrap_sums(sums, groups, seed))  # (draws,)
    drawn = drawn[np.isfinite(drawn)]
    if sources < LEAST_SOURCES or not len(drawn):
        return Difference(value, None, float(drawn.std()) if len(drawn) else 0.0, sources)
    tail = tail_share(sources)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Difference(value, (float(low), float(high)), float(drawn.std()), sources)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p: that of two equal models one is alone right so often (McNemar 1947).

    Clips count as independent, which those of one source are not.
    """
    count, fewer = only_a + only_b, min(only_a, only_b)
    ways = sum(math.comb(count, k) for k in range(fewer + 1))
    return min(1.0, 2 * ways / 2**count)
