"""Judges the exercises of lesson 5: cross-modal attention."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number


@exercise(
    "a number between 0 and 1",
    "0.4 + 0.2 + 0.2 + 0.2/2 = 0.9. Measured here: late fusion 0.891, two-way attention 0.987.",
    "Share times chance, summed, as in lesson 4.",
    "0.4 + 0.2 + 0.2 + 0.2 * 0.5",
)
def late_ceiling(answer: Any) -> None:
    found = number(answer)
    told = {
        0.8: "A coin is right half of the time; you gave `synced` nothing.",
        1.0: "In `synced` a coin is right only half of the time.",
        0.767: "That is one modality alone; together they get `seen` and `heard` as well.",
        90: "Right, in per cent; write it as a share.",
    }
    if abs(found - 0.9) > 1e-3:
        near = [text for value, text in told.items() if abs(found - value) < 1e-3]
        raise Mistake(near[0] if near else f"Not {found:g}: sum up share times chance.")


best_sum = Quiz(
    "best_sum",
    "Try rows (1, -1) and columns (1, -1), and move the bar a little.",
    right=(
        "Three",
        "Rows (1, -1), columns (0.5, -1.5): only 'late and late' comes out wrong. So a sum "
        "tuned to be right often, rather than to say what it believes, could pass the coin, "
        "but not 3/4.",
    ),
    wrong=(
        (
            "Two",
            "Two is what training finds here, since being sure and wrong costs more than being "
            "unsure; by hand one more can be had.",
        ),
        (
            "Four",
            "Four would need row 1 + column 1 and row 2 + column 2 above zero, the crossed two "
            "not; but both pairs have the same total.",
        ),
    ),
)


@exercise(
    "a function of scores (K,) that returns weights (K,)",
    "Weights sum to one and survive any size of score; every attention layer does this.",
    "exp of each, divided by the sum of all exps, and the largest score taken off first.",
    "e = (scores - scores.max()).exp(); e / e.sum()",
)
def stable_softmax(answer: Any) -> None:
    import torch

    for scores in ([0.0, 1.0, 2.0], [1000.0, 1001.0, 1002.0], [-1000.0, -1000.0, -1000.0]):
        given = torch.tensor(scores)
        with np.errstate(all="ignore"):
            found = array(called(answer, given.clone()), (3,))
        right = given.softmax(0).numpy()
        if np.allclose(found, right, atol=1e-4):
            continue
        if not np.isfinite(found).all():
            raise Mistake(f"For {scores} you get {found.tolist()}: take off the largest first.")
        if abs(found.sum() - 1) > 1e-3:
            raise Mistake(f"Weights must sum to 1; yours of {scores} sum to {found.sum():.4g}.")
        raise Mistake(f"For {scores} expected {right.round(3)}; got {found.round(3)}.")


@exercise(
    "a function of q (D,), keys (K, D), values (K, D) that returns (D,)",
    "This line, four heads of it, is what brings picture and sound together in the group model.",
    "scores = keys @ q / D ** 0.5 has one number for each key.",
    "stable_softmax(keys @ q / len(q) ** 0.5) @ values",
)
def attend(answer: Any) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    q = torch.randn(4, generator=generator) * 2
    keys, values = torch.randn(2, 5, 4, generator=generator)
    found = array(called(answer, q.clone(), keys.clone(), values.clone()))
    if found.shape == (5,):
        raise Mistake("Those are five weights; multiply them with the values: expected (4,).")
    if found.shape != (4,):
        raise Mistake(f"Expected 4 numbers, one answer; got shape {found.shape}.")
    scores = keys @ q
    told = {
        "Divide the products by the root of D before the softmax.": scores.softmax(0) @ values,
        "Divide by the root of D, not by D.": (scores / 4).softmax(0) @ values,
        "That is the mean of the keys; the weights belong to the values.": (
            (scores / 2).softmax(0) @ keys
        ),
        "That is the plain mean: the weights don't depend on the query.": values.mean(0),
        "Softmax is missing: the products themselves are no weights.": (scores / 2) @ values,
    }
    if np.allclose(found, (scores / 2).softmax(0) @ values, atol=1e-4):
        return
    near = [text for text, wrong in told.items() if np.allclose(found, wrong, atol=1e-4)]
    raise Mistake(near[0] if near else "Not the weighted mean of the values: softmax of what?")


shuffled_tokens = Quiz(
    "shuffled_tokens",
    "Where is the time of a token written: in its place in the row, or in its numbers?",
    right=(
        "Nothing changes",
        "Attention sums over a *set* of tokens; the clock travels with each of them, and so "
        "does its place in the softmax. The next figure shows it.",
    ),
    wrong=(
        (
            "They fall to chance in `synced`, because the order of sounds is lost",
            "A token's time is in its numbers (the clock was added to them), not in its place.",
        ),
        (
            "They fall in all regimes, because the model was trained on ordered tokens",
            "Training on ordered tokens leaves no trace: nothing in the layer looks at places.",
        ),
    ),
)
