"""Judges the exercises of lesson 4: one modality."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number

SHARE = {"a": 0.5, "b": 0.3, "c": 0.2}
BEST = {"c": 0.25, "a": 1.0, "b": 0.5}  # in another order on purpose


@exercise(
    "a function of two tables that returns an accuracy",
    "This one line tells a model that fuses from one that does not, before anything is trained.",
    "A regime contributes how often it comes times how often it is then right.",
    "sum(share[regime] * best[regime] for regime in share)",
)
def ceiling(answer: Any) -> None:
    found = number(called(answer, dict(SHARE), dict(BEST)))
    told = {
        float(np.mean(list(BEST.values()))): "That is the plain mean of the chances; regimes are "
        "not equally frequent.",
        sum(x * y for x, y in zip(SHARE.values(), BEST.values(), strict=True)): "You paired the "
        "tables by order; pair them by name.",
        1.0: "A ceiling of 1 would mean that everything can be known from one modality.",
    }
    if abs(found - 0.7) > 1e-6:
        near = [text for value, text in told.items() if abs(found - value) < 1e-6]
        asked = f"For {SHARE} and {BEST} it is 0.7; your function says {found:.4g}."
        raise Mistake(near[0] if near else asked)


@exercise(
    "a number between 0 and 1",
    "0.2 + 0.2 + 0.2/3 + 0.4/2 = 0.667. The more hangs on timing, the less one modality can do.",
    "Which chances has seeing alone in the four regimes? 1, 1, 1/3, 1/2.",
    "0.2 * 1 + 0.2 * 1 + 0.2 / 3 + 0.4 / 2",
)
def harder_world(answer: Any) -> None:
    found = number(answer)
    told = {
        0.767: "That is the ceiling of our world; here `both` and `synced` have changed places.",
        0.8667: "You gave `synced` full marks; seeing alone knows only that it is one of two.",
        0.6: "You gave `heard` nothing; guessing still gets a third of it.",
        66.7: "Right, in per cent; write it as a share.",
    }
    if abs(found - 2 / 3) > 0.0015:
        near = [text for value, text in told.items() if abs(found - value) < 0.002]
        raise Mistake(near[0] if near else f"Not {found:g}: sum up share times chance.")


@exercise(
    "a function of maps (C, h, w) that returns (2C,)",
    "Mean and peak together: how much, and whether anywhere. Only the peak sees a distant smile.",
    "maps.mean((1, 2)) and maps.amax((1, 2)) are (C,) each.",
    "torch.cat([maps.mean((1, 2)), maps.amax((1, 2))])",
)
def frame_token(answer: Any) -> None:
    import torch

    maps = torch.tensor([[[1.0, -3.0, 2.0], [0.0, 4.0, 2.0]], [[-1.0, -2.0, -6.0], [-1, -5, -3]]])
    found = array(called(answer, maps.clone()))
    right = np.array([1.0, -3.0, 4.0, -1.0])
    if found.shape == (2, 2):
        raise Mistake("Expected one row of 4 numbers, means then peaks; got a table of 2 by 2.")
    if found.shape != (4,):
        raise Mistake(f"For maps of shape (2, 2, 3) expected 4 numbers; got shape {found.shape}.")
    if np.allclose(found, right):
        return
    if np.allclose(found, right[[2, 3, 0, 1]]):
        raise Mistake("Peaks and means are swapped: first all means.")
    if np.allclose(found, right[[0, 2, 1, 3]]):
        raise Mistake("Means and peaks alternate; put all means first, then all peaks.")
    if np.allclose(found[2:], [4, 6]):
        raise Mistake("A peak is the largest value, not the largest size: -1 is above -6.")
    raise Mistake(f"Expected {right.tolist()}; got {found.round(3).tolist()}.")


@exercise(
    "a function of values (N, D) and a mask (N,) that returns (D,)",
    "Padding has no say, and nothing real gives zeros: a missing modality is data, not an error.",
    "Multiply by the mask before summing; divide by how many are real, but never by zero.",
    "(values * mask[:, None]).sum(0) / mask.sum().clamp(min=1)",
)
def real_mean(answer: Any) -> None:
    import torch

    values = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, -99.0], [5.0, 50.0]])
    mask = torch.tensor([True, True, False, False])
    found = array(called(answer, values.clone(), mask.clone()), (2,))
    told = {
        (27.0, -2.25): "You averaged all four tokens; the mask says that two are real.",
        (1.0, 10.0): "You divided by the number of all tokens; divide by the number of real ones.",
        (4.0, 40.0): "That is the sum of the real ones; divide by how many they are.",
        (52.0, -24.5): "The mask is upside down: True means real.",
    }
    if not np.allclose(found, [2, 20]):
        near = [text for value, text in told.items() if np.allclose(found, value)]
        raise Mistake(near[0] if near else f"Expected [2, 20]; got {found.round(3).tolist()}.")
    nothing = array(called(answer, values.clone(), torch.zeros(4, dtype=torch.bool)), (2,))
    if not np.isfinite(nothing).all():
        raise Mistake("With nothing real you divide by zero and get NaN; expected zeros.")
    if nothing.any():
        raise Mistake(f"With nothing real expected zeros; got {nothing.tolist()}.")


above_the_ceiling = Quiz(
    "above_the_ceiling",
    "Lesson 3: how wide is the interval of an accuracy on 400 clips?",
    right=(
        "Nothing yet: 400 scenes are uncertain by about ±0.04",
        "1.96 times the root of 0.767 x 0.233 / 400 is 0.041. Our three sound-only runs score "
        "0.772, 0.782 and 0.780 on the same 400 scenes: their luck is shared, so three runs "
        "don't help.",
    ),
    wrong=(
        (
            "It has learnt to align sound with picture",
            "A model without the picture can't align anything with it, whatever it scores.",
        ),
        (
            "The corpus leaks the label into the sound",
            "A leak would do this, so it was looked for; but one score inside its own "
            "uncertainty is no evidence for one. If it stayed above on 40,000 scenes, look "
            "again.",
        ),
    ),
)
