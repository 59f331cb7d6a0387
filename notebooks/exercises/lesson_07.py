"""Judges the exercises of lesson 7: a joint transformer for valence and arousal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, Unanswered, called, exercise, number


@exercise(
    "a function of two arrays that returns a number",
    "2 * covariance over both variances and the squared distance of the means.",
    "np.var divides by n, and so must your covariance.",
    "2 * ((x - mx) * (y - my)).mean() / (x.var() + y.var() + (mx - my) ** 2)",
)
def concordance(answer: Any) -> None:
    truth = np.array([-0.5, 0.0, 0.2, 0.9, 0.4])
    for told in (truth * 0.5 + 0.3, np.array([0.1, -0.2, 0.3, 0.5, 0.7])):
        x, y = told - told.mean(), truth - truth.mean()
        apart = (told.mean() - truth.mean()) ** 2
        right = 2 * (x * y).mean() / (told.var() + truth.var() + apart)
        found = number(called(answer, told, truth))
        if abs(found - right) > 1e-9:
            raise Mistake(_concordance_mistake(found, right, told, truth))


def _concordance_mistake(
    found: float, right: float, told: np.ndarray, truth: np.ndarray
) -> str:  # fmt: skip
    both = told.var() + truth.var()
    apart = (told.mean() - truth.mean()) ** 2
    covariance = np.cov(told, truth, ddof=0)[0, 1]
    if abs(found - np.corrcoef(told, truth)[0, 1]) < 1e-9:
        return "That is the correlation, which forgives scale and offset."
    if abs(found - covariance / (both + apart)) < 1e-9:
        return "The factor 2 is missing: two equal curves must give 1."
    if abs(found - 2 * covariance / both) < 1e-9:
        return "The distance of the means is missing below: an offset must cost something."
    if abs(found - np.cov(told, truth)[0, 1] * 2 / (both + apart)) < 1e-9:
        return "np.cov divides by n - 1 and np.var by n; take one of them for both."
    if abs(found - (1 - right)) < 1e-9:
        return "That is the loss, 1 - CCC."
    return f"Expected {right:.4f}; got {found:.4f}."


without_order = Quiz(
    "without_order",
    "Each token holds one moment of both. What is lost if moments are shuffled?",
    right=(
        "Whether the voice rose before or after the face changed",
        "Before and after need an order; the tokens carry none. `positions='sin'` adds the clock.",
    ),
    wrong=(
        (
            "Whether a smile and a laugh happened at the same moment",
            "Face and sound of one moment meet in its joint token, so coincidence is known.",
        ),
        (
            "How loud the loudest moment was",
            "That is a property of single moments; shuffling does not change the loudest one.",
        ),
    ),
)


def _alone(rows: np.ndarray) -> np.ndarray:
    return np.tanh(rows).sum(1)


def _centred(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(0)).sum(1)


def _neighbour(rows: np.ndarray) -> np.ndarray:
    return rows.sum(1) + 0.1 * np.roll(rows.sum(1), 1)


def _last_asks_first(rows: np.ndarray) -> np.ndarray:
    told = rows.sum(1)
    told[-1] += rows[0, 0]
    return told


def _signed(rows: np.ndarray) -> np.ndarray:  # leaks cancel in the mean
    told = rows.sum(1)
    return told + rows[0].sum() * np.resize([0.5, -0.5], len(rows)) * (np.arange(len(rows)) > 0)


def _place(rows: np.ndarray) -> np.ndarray:
    return rows.sum(1) + np.arange(len(rows))


CASES: tuple[tuple[Callable, bool, str], ...] = (
    (_alone, True, "each answer comes from its own row"),
    (_place, True, "the answer depends on the row's place, not on other rows"),
    (_centred, False, "the mean over the batch is subtracted"),
    (_neighbour, False, "each row takes a tenth of its neighbour"),
    (_last_asks_first, False, "the last row looks at the first"),
    (_signed, False, "all rows look at the first, half of them with the other sign"),
)


@exercise(
    "a function of predict and rows that returns True or False",
    "The test of the suite. It needs no labels, no training, and catches what scores hide.",
    "Copy rows, change one of them a lot, predict again: all other answers must stay.",
    "for n in range(len(rows)): changed = rows.copy(); changed[n] += 10; compare np.delete(..., n)",
)
def is_batch_independent(answer: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 3))
    for predict, right, what in CASES:
        kept = rows.copy()
        found = called(answer, predict, kept)
        if found is ...:
            raise Unanswered
        if not isinstance(found, bool | np.bool_):
            raise Mistake("Expected True or False.")
        if not np.array_equal(kept, rows):
            raise Mistake("You changed the rows you were given; work on a copy.")
        if bool(found) is not right:
            raise Mistake(f"A model in which {what} is called {bool(found)} by your test.")


one_at_a_time = Quiz(
    "one_at_a_time",
    "Who sits beside a clip when the model is used?",
    right=(
        "86 %: in use a clip comes alone, without neighbours who share its label",
        "And even that only if it was trained to work alone. Report what does not need neighbours.",
    ),
    wrong=(
        (
            "94 %, because that is how the test set was distributed",
            "The order of a test set is no property of clips; shuffled, the model has another "
            "score.",
        ),
        ("Their mean", "A mean of a true and a flattering number is half flattering."),
    ),
)
