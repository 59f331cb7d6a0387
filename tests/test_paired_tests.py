"""Paired intervals over sources and McNemar's test, against scipy and planted differences."""

import numpy as np
import pytest
from scipy import stats

from emo_core.paired_tests import (
    LEAST_SOURCES,
    mcnemar,
    paired_difference,
    student_quantile,
    tail_share,
)


@pytest.mark.parametrize("degrees", [1, 2, 4, 9, 30, 199, 200, 1000])
def test_student_quantiles_are_scipys(degrees):
    found, wanted = student_quantile(0.975, degrees), stats.t.ppf(0.975, degrees)
    assert found == pytest.approx(wanted, rel=0.01 if degrees >= 200 else 1e-4)


@pytest.mark.parametrize(
    ("only_a", "only_b"), [(0, 0), (5, 5), (0, 6), (3, 12), (40, 61), (900, 1)]
)
def test_mcnemar_is_the_exact_binomial_test(only_a, only_b):
    count = only_a + only_b
    wanted = stats.binomtest(only_a, count).pvalue if count else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(wanted, abs=1e-12)


def test_a_constant_difference_has_an_interval_without_width():
    a = np.tile([[0.0, 1.0], [1.0, 1.0]], (10, 1))
    b = np.ones_like(a)
    found = paired_difference(a, b, np.arange(20) // 2, lambda s: s[..., 0] / s[..., 1])
    assert found.value == 0.5 and found.interval == pytest.approx((0.5, 0.5))
    assert found.better == "B" and found.spread == 0


def test_few_sources_give_no_interval():
    a, b = np.array([[0.0, 1.0]] * 8), np.array([[1.0, 1.0]] * 8)
    groups = np.arange(8) % (LEAST_SOURCES - 1)
    found = paired_difference(a, b, groups, lambda s: s[..., 0] / s[..., 1])
    assert found.interval is None and found.better == "" and found.value == 1


def test_the_interval_is_wider_for_fewer_sources():
    assert tail_share(5) < tail_share(20) < tail_share(1000) < 0.0251
    assert tail_share(5) == pytest.approx(
        stats.norm.cdf(-stats.t.ppf(0.975, 4) * (5 / 4) ** 0.5), rel=1e-3
    )


def planted(seed: int, gain: float, sources: int, each: int) -> tuple[np.ndarray, ...]:
    """Answers of two models to clips of sources that differ in difficulty, and in whom they suit.

    Model A is right in 0.75 on average, B in `gain` more; their errors are nearly independent.
    """
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(sources), each)
    hard = rng.normal(0, 0.08, sources)[groups]  # for both
    suits = rng.normal(0, 0.01, sources)[groups]  # B more than A
    chance = rng.uniform(size=(2, len(groups)))
    chance[1, ::2] = chance[0, ::2]  # half of the clips are as easy for one as for the other
    a, b = chance[0] < 0.75 + hard, chance[1] < 0.75 + gain + hard + suits
    one = np.ones(len(groups))
    return np.stack([a, one], -1).astype(float), np.stack([b, one], -1).astype(float), groups


def share(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def needed_sources(each: int) -> int:
    """Sources for a power of 0.98 at three points, from the spread of one large set without one."""
    found = paired_difference(*planted(99, 0.0, 100, each), share)
    wanted = (1.96 + stats.norm.ppf(0.98)) * found.spread
    return int(np.ceil(100 * (wanted / 0.03) ** 2))


def test_three_points_are_found_and_none_is_seldom_reported():
    """Twenty seeds each, as many clips as the stated power needs, at least 2,000."""
    each = 40
    sources = max(needed_sources(each), 2000 // each)
    assert sources * each >= 2000
    right = [paired_difference(*planted(s, 0.03, sources, each), share).better for s in range(20)]
    wrong = [paired_difference(*planted(s, 0.0, sources, each), share).better for s in range(20)]
    assert right.count("B") >= 18 and "A" not in right
    assert len(wrong) - wrong.count("") <= 3


@pytest.mark.parametrize("sources", [6, 12, 40])
def test_an_interval_holds_no_difference_nineteen_times_in_twenty(sources):
    """Of 300 sets without a difference at most 1 in 12 is called one, also with few sources."""
    called = [
        paired_difference(*planted(seed, 0.0, sources, 30), share).better for seed in range(300)
    ]
    assert len(called) - called.count("") <= 25
