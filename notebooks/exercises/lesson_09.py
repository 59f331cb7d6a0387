"""Judges the exercises of lesson 9: why did it say so?"""

from itertools import combinations
from typing import Any

import numpy as np
import torch

from exercises.grading import Mistake, Quiz, array, called, exercise

raised_without = Quiz(
    "raised_without",
    "What happens to the score of 'negative' if something happy disappears?",
    right=(
        'What was there spoke against "negative": it was evidence for another answer',
        "Taken away, it no longer pulls towards another answer. Maps show such parts in the "
        "second colour; a map of strengths alone would hide the difference.",
    ),
    wrong=(
        (
            "There is a mistake: taking evidence away can only lower a score",
            "Only evidence *for* an answer lowers its score when it goes; evidence against it "
            "raises it. That is why maps have a sign.",
        ),
        (
            "The model did not use that second",
            "Then the score would not have moved at all. It moved, so the second was used.",
        ),
    ),
)


@exercise(
    "your class ForCaptum, whose forward returns the scores of n variants",
    "Floats in, scores out, nothing else changed: with this contract all of Captum is open to "
    "any model.",
    "Captum hands you n variants of each input. Of how many clips is the rest of the batch?",
    "A tensor of one row becomes n equal rows by expand, without a copy. Build a new dictionary: "
    "the batch itself must stay as it is for the next call.",
)
def ForCaptum(answer: Any) -> None:  # noqa: N802
    rest = {"video": torch.zeros(1, 2, 3), "mel": torch.zeros(1, 4), "mask": torch.ones(1, 4)}
    seen: list[dict] = []

    def scores(whole: dict) -> torch.Tensor:
        seen.append(dict(whole))
        mask = whole.get("mask", rest["mask"])
        return torch.stack([whole["video"].sum((1, 2)), (whole["mel"] * mask).sum(1)], 1)

    if not isinstance(answer, type) and callable(answer):
        called(answer, scores, rest)  # a stub is open, a function is none
    net = called(answer, scores, dict(rest))
    if not isinstance(net, torch.nn.Module):
        raise Mistake("Expected a class made of nn.Module, as the head of the cell has it.")
    video, mel = torch.rand(3, 2, 3, requires_grad=True), torch.rand(3, 4, requires_grad=True)
    found = called(net, video, mel)
    if not seen:
        raise Mistake("self.scores was never asked; hand it the batch with the new inputs.")
    wrong = (*_batch_mistakes(seen[-1], video, mel), *_score_mistakes(found, net))
    if wrong:
        raise Mistake(wrong[0])


def _batch_mistakes(whole: dict, video: torch.Tensor, mel: torch.Tensor) -> list[str]:
    """What is wrong with the batch that reached the model, in the order of reading."""
    if "mask" not in whole:
        return ["Of the batch only the inputs reached the model; masks and times belong in."]
    if len(whole["video"]) != 3 or len(whole["mel"]) != 3:
        return ["The model got one row where three variants were handed in; replace both."]
    if len(whole["mask"]) != 3:
        return ["Three variants met a mask of one row: expand the rest of the batch to n."]
    if not whole["video"].requires_grad:
        return ["No gradient arrives at the inputs; was something detached or rounded?"]
    if not torch.equal(whole["video"], video) or not torch.equal(whole["mel"], mel):
        return ["The inputs did not reach the model under their own names, in this order."]
    return []


def _score_mistakes(found: Any, net: Any) -> list[str]:
    if not torch.is_tensor(found) or found.shape != (3, 2):
        return ["Return what self.scores gives, of shape (n, classes)."]
    if not found.requires_grad:
        return ["No gradient arrives at the inputs; was something detached or rounded?"]
    if len(net.batch["mask"]) != 1 or net.batch["video"].requires_grad:
        return ["The batch that you keep was changed: the next call starts from this one."]
    return []


@exercise(
    "a function of times_s, window_s, parts and first that returns a whole number for each moment",
    "Cut by time and numbered through: what Captum takes away together has one number, and no "
    "number of the picture is one of the sound.",
    "Which share of the window has passed at a moment, and in which of `parts` parts is that?",
    "Whole numbers are cut off by `.long()`. What about a moment at the very end of the window, "
    "and where does `first` come in?",
)
def time_mask(answer: Any) -> None:
    times_s = torch.tensor([0.0, 0.4, 0.9, 2.1, 2.2, 3.95, 4.0])
    for parts, first in ((4, 0), (8, 16)):
        expected = (times_s * parts / 4).long().clamp(max=parts - 1) + first
        found = called(answer, times_s, 4.0, parts, first)
        values = array(found, (len(times_s),))
        if np.array_equal(values, expected.numpy()):
            if torch.is_tensor(found) and found.is_floating_point():
                raise Mistake("The numbers are right, but a mask holds whole numbers: .long().")
            continue
        raise Mistake(_mask_mistake(values, expected.numpy(), times_s.numpy(), parts, first))


def _mask_mistake(
    values: np.ndarray, expected: np.ndarray, times_s: np.ndarray, parts: int, first: int
) -> str:
    if np.array_equal(values, np.arange(len(times_s)) * parts // len(times_s) + first):
        return "You cut by position in the list; cut by time, or picture and sound drift apart."
    if np.array_equal(values[:-1], expected[:-1]):
        return f"The last moment got {values[-1]:g}; there is no part after {expected[-1]:g}."
    if first and np.array_equal(values + first, expected):
        return "The numbers start at 0; start at `first`, or two inputs share a number."
    if np.allclose(values, times_s * parts / 4 + first):
        return "That is where in a part a moment lies; cut to whole numbers."
    return f"Expected {expected.astype(int).tolist()}; got {values.tolist()}."


@exercise(
    "a function of score, inputs, baselines and steps that returns one tensor for each input",
    "Mean gradient along the path, times the path. For enough steps the sum is the whole "
    "difference of the two ends, whatever the model.",
    "At each of the points build new leaf tensors, and ask for the gradient of the score there. "
    "Both inputs move together: one point is one share of the way for all of them.",
    "torch.autograd.grad(score.sum(), points) gives all gradients at once, as a tuple. What you "
    "collect has to be a mean in the end, and then one factor is still missing.",
)
def integrated_gradients(answer: Any) -> None:
    inputs = (torch.tensor([[2.0, 1.0]]), torch.tensor([[-1.0]]))
    nothing = (torch.tensor([[0.5, 0.0]]), torch.tensor([[1.0]]))

    def score(pair: torch.Tensor, single: torch.Tensor) -> torch.Tensor:
        return pair[:, 0] * pair[:, 1] ** 2 + single[:, 0] ** 3 + pair[:, 0] * single[:, 0]

    x, base = (torch.cat(both, 1).double().numpy()[0] for both in (inputs, nothing))
    for steps in (1, 4):
        found = called(answer, score, inputs, nothing, steps)
        if torch.is_tensor(found) or not hasattr(found, "__len__") or len(found) != 2:
            raise Mistake("Return one tensor for each input, in a list or tuple: here two.")
        shapes = [getattr(value, "shape", None) for value in found]
        if shapes != [value.shape for value in inputs]:
            raise Mistake("An attribution has exactly the shape of the input that it explains.")
        values = np.concatenate([array(value)[0] for value in found])
        points = [base + (k + 0.5) / steps * (x - base) for k in range(steps)]
        mean = np.mean([_gradient(point) for point in points], axis=0)
        if not np.allclose(values, mean * (x - base), atol=1e-5):
            raise Mistake(_path_mistake(values, mean, x, base, steps))


def _gradient(at: np.ndarray) -> np.ndarray:
    a, b, c = at
    return np.array([b * b + c, 2 * a * b, 3 * c * c + a])


def _path_mistake(
    found: np.ndarray, mean: np.ndarray, x: np.ndarray, nothing: np.ndarray, steps: int
) -> str:
    way = x - nothing
    if np.allclose(found, mean):
        return "Those are averaged gradients; multiply by the whole path, input - baseline."
    if np.allclose(found, _gradient(x) * way):
        return "You took the gradient at the input alone; walk there from the baseline."
    if np.allclose(found, mean * x):
        return "You multiplied by the input; the path starts at the baseline, so take x - baseline."
    if np.allclose(found, steps * mean * way):
        return "You summed the gradients; average them, or more steps would mean more influence."
    middles = [(k + 0.5) / steps for k in range(steps)]
    alone = np.concatenate([
        np.mean([_gradient(np.where(moves, nothing + m * way, x)) for m in middles], 0)[moves]
        for moves in (np.array([True, True, False]), np.array([False, False, True]))
    ])  # fmt: skip
    if np.allclose(found, alone * way):
        return "One input moved while the other stood at its end; all inputs move together."
    ends = [nothing + k / steps * way for k in range(1, steps + 1)]
    starts = [nothing + k / steps * way for k in range(steps)]
    both = [nothing + k / max(steps - 1, 1) * way for k in range(steps)]
    for points in (ends, starts, both):
        if np.allclose(found, np.mean([_gradient(p) for p in points], axis=0) * way):
            return "Your points are ends of the pieces; take their middles, (k + 0.5) / steps."
    return f"With {steps} step(s) expected {np.round(mean * way, 3)}; got {np.round(found, 3)}."


@exercise(
    "your corrected strongest_place, which returns seconds, row and column",
    "Row and column were exchanged: a row has as many places as the picture is wide. Only a place "
    "off the diagonal of a picture that is no square shows it, so test with one.",
    "Plant a single bright pixel of your own, say in row 1 and column 5, and ask the function.",
    "A picture in memory runs along its first row, then along the second. After how many places "
    "does a new row begin?",
)
def strongest_place(answer: Any) -> None:
    times_s = torch.tensor([0.3, 0.9, 1.7, 2.2])
    for frame, row, column, value in ((2, 1, 5, 4.0), (1, 3, 2, -5.0), (3, 0, 6, 1.0)):
        maps = torch.full((4, 3, 4, 7), 0.01)
        maps[frame, :, row, column] = value
        maps[0, 0, 3, 6], maps[0, 1, 3, 6] = 9.0, -9.0  # much colour that cancels
        found = array(called(answer, maps, times_s), (3,))
        right = (float(times_s[frame]), row, column)
        if np.allclose(found, right):
            continue
        asked = f"With a peak of {value:g} at {right[0]:.1f} s in row {row}, column {column}"
        if np.allclose(found, (right[0], column, row)):
            raise Mistake(f"{asked} got row {column}, column {row}: still exchanged.")
        if np.allclose(found[1:], right[1:]):
            raise Mistake(f"{asked} the place is right; the moment is times_s[frame].")
        if np.allclose(found, (float(times_s[0]), 3, 6)):
            raise Mistake(
                "You found a place where red is +9 and green -9, together nothing: add up the "
                "colours of a pixel first, and take abs() of the sum."
            )
        if np.allclose(found, (float(times_s[0]), 6, 3)):
            raise Mistake(
                "Row and column are still exchanged, and colours that cancel count as strong: add "
                "them up first, then abs()."
            )
        if value < 0 and not np.allclose(found, right):
            raise Mistake(f"{asked} you missed it: strength has no sign, so keep abs().")
        raise Mistake(f"{asked} got {found[0]:.1f} s, row {found[1]:g}, column {found[2]:g}.")


by_the_smile = Quiz(
    "by_the_smile",
    "Which of the three changes what the model sees?",
    right=(
        "Hiding the smile and seeing whether the score falls more than when something else of "
        "that size is hidden",
        "An experiment: the claim is about what the score depends on, so change that and look. "
        "The comparison with something else matters, because hiding anything disturbs a model.",
    ),
    wrong=(
        (
            "Showing the attention of more clips",
            "More pictures of the same kind of number. None of them shows that the score "
            "depends on it.",
        ),
        (
            "Averaging the attention over heads and layers",
            "Smoother attention is still attention: what was read, not what it did to the score.",
        ),
    ),
)


@exercise(
    "a function of value and players that returns a dictionary, player -> share",
    "The mean over all orders of arrival. The shares sum to value(everybody) - value(nobody): the "
    "only rule that does so and treats equals equally (Shapley 1953).",
    "Let players arrive one after the other in every possible order; itertools.permutations lists "
    "the orders. What does each player add at the moment of arriving?",
    "value takes a frozenset of those who are there. Keep the set that has arrived so far, ask "
    "before and after, and count every order alike.",
)
def shapley(answer: Any) -> None:
    games = (
        ("ab", {"": 1.0, "a": 3.0, "b": 2.0, "ab": 9.0}),
        ("abc", {"": 0.0, "a": 1.0, "b": 2.0, "c": -1.0, "ab": 5.0, "ac": 2.0, "bc": 8.0,
                 "abc": 10.0}),
    )  # fmt: skip
    for players, worth in games:
        table = {frozenset(names): value for names, value in worth.items()}
        found = called(answer, table.__getitem__, list(players))
        if not isinstance(found, dict) or set(found) != set(players):
            raise Mistake("Return a dictionary with one share for each player.")
        values = array([found[p] for p in players], (len(players),))
        if not np.allclose(values, _shares(table, players, _shapley_weight)):
            raise Mistake(_share_mistake(values, table, players))


def _shares(table: dict, players: str, weight: Any) -> list[float]:
    """Weighted mean of what each player adds to the sets of the others."""
    shares = []
    for player in players:
        others = [p for p in players if p != player]
        sets = [frozenset(s) for n in range(len(players)) for s in combinations(others, n)]
        added = [(table[s | {player}] - table[s]) * weight(len(s), len(players)) for s in sets]
        shares.append(sum(added))
    return shares


def _shapley_weight(size: int, players: int) -> float:
    orders = np.arange(1, players + 1).prod()
    before, after = (np.arange(1, n + 1).prod() for n in (size, players - size - 1))
    return float(before * after / orders)


def _share_mistake(values: np.ndarray, table: dict, players: str) -> str:
    count = len(players)
    whole = table[frozenset(players)] - table[frozenset()]
    known = (
        (lambda size, n: float(size == 0), "That counts everybody as arriving first;"),
        (lambda size, n: float(size == n - 1), "That counts everybody as arriving last;"),
        (lambda size, n: _shapley_weight(size, n) * np.arange(1, n + 1).prod(),
         "That is the sum over all orders, not their mean;"),
        (lambda size, n: 2.0 ** (1 - n),
         "That is the mean over sets (Banzhaf); sets of some sizes stand for more orders;"),
    )  # fmt: skip
    for weight, words in known:
        if np.allclose(values, _shares(table, players, weight)):
            return f"{words} shares must sum to {whole:g}, yours sum to {values.sum():g}."
    if np.isclose(values.sum(), whole):
        return "The shares add up, but not all orders of arrival were counted alike."
    return (
        f"With {count} players expected {np.round(_shares(table, players, _shapley_weight), 3)}; "
        f"got {np.round(values, 3)}."
    )
