"""Judges the exercises of lesson 10: share it, with everything people must know."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, called, exercise, number

by_mail = Quiz(
    "by_mail",
    "What can the file do while it is being opened?",
    right=(
        "Open it with `torch.load(path, weights_only=True)`, which refuses everything but "
        "tensors, or ask for safetensors",
        "Then only tensors are made, whatever the file says. PyTorch has this by default since "
        "2.6; older code and plain `pickle.load` do not.",
    ),
    wrong=(
        (
            "Open it: it comes from a colleague",
            "Your colleague may have it from somewhere else, and a pickle runs before you can "
            "look.",
        ),
        (
            "Open it on a machine without network",
            "Without network it can still read, change and delete what is on that machine.",
        ),
    ),
)


@exercise(
    "a function of top, right and bins that returns a number",
    "The library's `metrics.calibration_error` does this with 15 bins.",
    "The bin of a clip is floor(top * bins); 1.0 belongs to the last bin.",
    "Sum over bins: share of clips in it * |mean of right - mean of top| there.",
)
def calibration_error(answer: Any) -> None:
    top = np.array([0.35, 0.55, 0.58, 0.62, 0.91, 0.93, 0.97, 1.0])
    right = np.array([True, False, True, False, True, True, False, True])
    for bins in (10, 4):
        place = np.minimum((top * bins).astype(int), bins - 1)
        sums = np.array([
            [(place == b).sum(), right[place == b].sum(), top[place == b].sum()]
            for b in range(bins)
        ])  # fmt: skip
        held = sums[sums[:, 0] > 0]
        expected = np.abs(held[:, 1] - held[:, 2]).sum() / len(top)
        found = number(called(answer, top, right, bins))
        if abs(found - expected) > 1e-9:
            raise Mistake(_calibration_mistake(found, expected, held, top, right))


def _calibration_mistake(
    found: float, expected: float, held: np.ndarray, top: np.ndarray, right: np.ndarray
) -> str:
    gaps = np.abs(held[:, 1] - held[:, 2]) / held[:, 0]
    if abs(found - gaps.mean()) < 1e-9:
        return "You averaged over bins; weigh each bin by the share of clips in it."
    if abs(found - abs(right.mean() - top.mean())) < 1e-9:
        return (
            "That is one gap over all clips: too sure here and too unsure there cancel. Use bins."
        )
    if abs(found - (held[:, 1] - held[:, 2]).sum() / len(top)) < 1e-9:
        return "Gaps of different sign cancel; take the absolute value of each bin's gap."
    if abs(found - gaps.max()) < 1e-9:
        return "That is the largest gap; the expected error is their weighted mean."
    return f"Expected {expected:.4f}; got {found:.4f}. Does 1.0 fall into the last bin?"


@exercise(
    "a function of top, right, limits and wanted that returns a number",
    "Chosen on held-out clips, never on those you report. The card then states both numbers.",
    "For each limit: answered = top >= limit; is right[answered].mean() >= wanted?",
    "Return the first limit with answered.any() and right[answered].mean() >= wanted, else 1.0.",
)
def lowest_threshold(answer: Any) -> None:
    top = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    right = np.array([False, True, False, True, True, True])
    limits = np.array([0.35, 0.45, 0.55, 0.65, 0.75, 0.95])
    for wanted, expected in ((0.75, 0.45), (0.9, 0.65), (0.5, 0.35)):
        found = number(called(answer, top, right, limits, wanted))
        if abs(found - expected) < 1e-9:
            continue
        asked = f"With {wanted:.0%} wanted expected {expected:g}; got {found:g}."
        if found in limits and found > expected:
            raise Mistake(f"{asked} A lower threshold does as well and answers more clips.")
        if found in limits:
            raise Mistake(f"{asked} Of the clips answered there, too few are right.")
        raise Mistake(f"{asked} Return one of the limits.")
    never = number(called(answer, top, ~right, limits, 0.99))
    if abs(never - 1) > 1e-9:
        raise Mistake(f"Where no threshold does, expected 1.0; got {never:g}.")


on_the_card = Quiz(
    "on_the_card",
    "Which one could somebody else check, and which one knows its limits?",
    right=(
        '"Accuracy 0.985 on 400 unseen drawn clips (seed 0); 0.988 in `synced`; never measured '
        'on real clips"',
        "What was measured, on what, how many, where it was weakest known, and where nobody knows.",
    ),
    wrong=(
        (
            '"Detects the emotions of employees with 98 % accuracy"',
            "Employees' emotions must not be inferred at all in the EU, nobody measured it on "
            "any, and nothing 'detects emotions': it guesses what onlookers would say.",
        ),
        (
            '"State-of-the-art performance on challenging data"',
            "Nobody can check it, nobody learns from it, and every model's card says it.",
        ),
    ),
)

the_school = Quiz(
    "the_school",
    "Article 5(1)(f): at work and in education.",
    right=(
        "No: inferring emotions of pupils is what the Act prohibits, and consent does not "
        "change that",
        "Education is named in the Act, with exceptions for medical and safety reasons only. "
        "Show the school what the model gets wrong instead: that lesson is allowed.",
    ),
    wrong=(
        (
            "Yes, with consent it is fine",
            "A prohibition is not a matter of consent; and pupils can hardly refuse freely.",
        ),
        (
            "Yes, if the pictures are deleted at once",
            "Deleting pictures is good for other reasons; what is prohibited is the inferring "
            "itself.",
        ),
    ),
)
