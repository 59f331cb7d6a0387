"""Judges the exercises of lesson 6: sparse end to end."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number


@exercise(
    "a function of weights and p that returns an array of True and False",
    "The smallest set that reaches p. `before < p` instead of `cumsum < p` keeps the one that "
    "crosses the line, and does not fail at p = 1, as the published code does.",
    "order = np.argsort(-weights); the mass before each is cumsum - own weight, in that order.",
    "kept = np.zeros(n, bool); kept[order[before < p]] = True; kept[order[0]] = True",
)
def top_p(answer: Any) -> None:
    weights = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
    for p, right in (
        (0.5, [0, 1, 0, 1, 0]),
        (0.71, [0, 1, 0, 1, 1]),
        (0.3, [0, 1, 0, 0, 0]),
        (0.0, [0, 1, 0, 0, 0]),
        (1.0, [1, 1, 1, 1, 1]),
    ):
        found = array(called(answer, weights.copy(), p), (5,))
        if not np.isin(found, (0, 1)).all():
            raise Mistake("Expected True and False for each candidate.")
        if not np.array_equal(found.astype(int), right):
            raise Mistake(_top_p_mistake(found.astype(int), right, p))


def _top_p_mistake(found: np.ndarray, right: list[int], p: float) -> str:
    asked = f"Weights 0.1, 0.4, 0.05, 0.3, 0.15 and p = {p:g}: you keep {found.sum()}"
    if not found.any():
        return f"{asked}; at least the strongest one is always kept."
    if found.sum() == sum(right):
        return f"{asked}, which is the right number, but others; put them back in their own order."
    if found.sum() < sum(right):
        return f"{asked}, which do not reach p; the one that crosses the line is kept as well."
    return f"{asked}; {sum(right)} are enough to reach p."


no_gradient = Quiz(
    "no_gradient",
    "Change one weight by a millionth. What changes in the result?",
    right=(
        "The result depends on the weights only through a comparison: a little change of a "
        "weight changes nothing, or jumps",
        "A mask is constant between its jumps, so its slope is zero where it exists at all. "
        "PyTorch does not even try: a comparison cuts the graph.",
    ),
    wrong=(
        (
            "Top-p throws small gradients away",
            "Top-p runs forwards and picks places; it never sees a gradient.",
        ),
        (
            "The softmax is saturated",
            "Then gradients would be small. Here they are None: nobody asked for them.",
        ),
    ),
)


@exercise(
    "a number, the share",
    "(47.01 - 29.65 / 2) / 47.01 = 0.68. Halving a part never halves the whole.",
    "What is saved, in GFLOP?",
    "29.65 / 2 = 14.82 are saved of 47.01.",
)
def share_left(answer: Any) -> None:
    found = number(answer)
    told = {
        0.5: "Only the towers compute half; words and transformers stay as they are.",
        0.315: "That is the share saved; asked is the share left.",
        0.63: "That is the towers' share of everything; half of it is saved.",
        68.5: "As a share, not in per cent.",
        0.677: "Leave the transformers' few operations in: start from 47.01.",
    }
    if abs(found - 0.6846) < 0.006:
        return
    near = [text for value, text in told.items() if abs(found - value) < 0.003]
    raise Mistake(near[0] if near else f"Not {found:g}: (everything - saved) / everything.")


always_no = Quiz(
    "always_no",
    "Count: an utterance has one 'yes' and how many 'no'?",
    right=(
        '83.3 %: five of the six answers are "no" anyway',
        "So 84.5 is 1.2 points above knowing nothing. Look at F1, or at accuracy that weighs "
        "'yes' and 'no' alike (WAcc).",
    ),
    wrong=(
        (
            "16.7 %, one in six",
            "That is guessing the one emotion right. Here six questions are counted, most with "
            "'no'.",
        ),
        (
            "50 %, as for any yes-or-no question",
            "Only where 'yes' and 'no' are equally frequent; here 'no' is five times as frequent.",
        ),
    ),
)
