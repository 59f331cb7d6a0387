"""Judges the exercises of lesson 9: why did it say so?"""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number

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
    "a function of a gradient, x, nothing and steps that returns an array like x",
    "Gradients of the middle points, averaged, times the way. The sum is the whole difference.",
    "The middle points are nothing + (k + 0.5) / steps * (x - nothing) for k = 0 .. steps - 1.",
    "np.mean([gradient(point) for point in points], axis=0) * (x - nothing)",
)
def path_gradients(answer: Any) -> None:
    x, nothing = np.array([2.0, 1.0, -1.0]), np.array([0.5, 0.0, 1.0])

    def gradient(at: Any) -> np.ndarray:  # of a * b**2 + c**3
        a, b, c = np.asarray(at, float)
        return np.array([b * b, 2 * a * b, 3 * c * c])

    for steps in (1, 4):
        points = [nothing + (k + 0.5) / steps * (x - nothing) for k in range(steps)]
        mean = np.mean([gradient(point) for point in points], axis=0)
        found = array(called(answer, gradient, x, nothing, steps), (3,))
        if not np.allclose(found, mean * (x - nothing), atol=1e-9):
            raise Mistake(_path_mistake(found, mean, gradient, x, nothing, steps))


def _path_mistake(
    found: np.ndarray, mean: np.ndarray, gradient: Any, x: np.ndarray, nothing: np.ndarray,
    steps: int,
) -> str:  # fmt: skip
    way = x - nothing
    if np.allclose(found, mean):
        return "Those are averaged gradients; multiply by the whole way, x - nothing."
    if np.allclose(found, gradient(x) * way):
        return "You took the gradient at x alone; walk from nothing to x."
    if np.allclose(found, mean * x):
        return "You multiplied by x; the way starts at nothing, so multiply by x - nothing."
    if np.allclose(found, steps * mean * way):
        return "You summed the gradients; average them, or more steps would mean more influence."
    ends = [nothing + k / steps * way for k in range(1, steps + 1)]
    starts = [nothing + k / steps * way for k in range(steps)]
    for points in (ends, starts):
        if np.allclose(found, np.mean([gradient(p) for p in points], axis=0) * way):
            return "Your points are ends of the pieces; take their middles, (k + 0.5) / steps."
    return f"With {steps} step(s) expected {np.round(mean * way, 3)}; got {np.round(found, 3)}."


@exercise(
    "a number, the gap as a share",
    "|4.5 - 6| / 6 = 0.25: a quarter of the difference is nowhere in the map. The app says so.",
    "What should the map sum to?",
    "To 5.5 - (-0.5) = 6. The gap is the distance to it, divided by it.",
)
def gap(answer: Any) -> None:
    found = number(answer)
    told = {
        1.5: "1.5 is the distance in logits; divide by the difference the map should sum to.",
        -0.25: "A gap has no sign: take the absolute value.",
        25.0: "As a share, not in per cent.",
        0.75: "0.75 is what the map does cover; the gap is the rest.",
        0.1: "The score of nothing is -0.5, so the difference is 5.5 - (-0.5) = 6, not 5.",
        1 / 5.5: "Nothing has a score too, -0.5; the map should sum to 5.5 - (-0.5) = 6.",
        1 / 3: "Divide by what the map should sum to (6), not by what it does sum to.",
    }
    if abs(found - 0.25) < 1e-6:
        return
    near = [text for value, text in told.items() if abs(found - value) < 0.005]
    raise Mistake(near[0] if near else f"Not {found:g}: |sum - difference| / |difference|.")


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
    "a function of four scores that returns two numbers",
    "Averaged over both orders of arrival; the two sum to both - none, always.",
    "Arriving first, the picture adds video - none. Arriving second, it adds both - audio.",
    "picture = ((video - none) + (both - audio)) / 2, and the sound likewise.",
)
def fair_shares(answer: Any) -> None:
    for none, video, audio, both in ((1.0, 3.0, 2.0, 9.0), (-0.5, -2.0, 4.0, 5.4)):
        right = ((video - none + both - audio) / 2, (audio - none + both - video) / 2)
        found = array(called(answer, none, video, audio, both), (2,))
        if np.allclose(found, right):
            continue
        if np.allclose(found, right[::-1]):
            raise Mistake("Picture first, then sound: the two are exchanged.")
        if np.allclose(found, (video - none, audio - none)):
            raise Mistake(
                "That counts both as arriving first; they then sum to "
                f"{sum(found):g}, not to both - none = {both - none:g}."
            )
        if np.allclose(found, (both - audio, both - video)):
            raise Mistake("That counts both as arriving last; average with arriving first.")
        if np.allclose(found, 2 * np.array(right)):
            raise Mistake("There are two orders of arrival: take the mean, not the sum.")
        raise Mistake(
            f"With scores {none:g}, {video:g}, {audio:g}, {both:g} expected {np.round(right, 2)}; "
            f"got {np.round(found, 2)}."
        )
