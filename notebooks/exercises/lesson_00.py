"""Judges the exercises of lesson 0: what is this model feeling?"""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number

what_it_states = Quiz(
    "what_it_states",
    "What were the labels that the model learnt from, and who gave them?",
    right=(
        "Among three labels that follow from what actors were asked to play, the model prefers "
        "'positive', at 0.86",
        "That is all: a preference among labels. It is about how something comes across, and as "
        "true as those labels are.",
    ),
    wrong=(
        (
            "The man is 86 % happy",
            "The number is no amount of a feeling. Nothing in training knew what anybody felt.",
        ),
        (
            "86 of 100 people would call this clip positive",
            "The model was not trained on votes; raters' shares and its probabilities differ, as "
            "the angry clip of this lesson shows.",
        ),
        (
            "Of clips with 0.86 the model is right in 86 %",
            "That is what calibration promises, on clips like those it was calibrated on. On a "
            "clip from elsewhere nobody has counted (lesson 10).",
        ),
    ),
)


@exercise(
    "a function of a list of counts that returns a chance from 0 to 1",
    "Averaged over clips this is the observed agreement; alpha and kappa take chance off it.",
    "How many ordered pairs of two different raters are there? How many of them, within one "
    "emotion, agree?",
    "One emotion with n votes has n (n - 1) such pairs; add them up over the emotions.",
)
def pairs_that_agree(answer: Any) -> None:
    for votes in ([8, 1, 0, 0, 0, 0], [2, 2], [5, 0, 0], [1, 1, 1], [0, 0, 4, 1, 5, 1]):
        found, total = number(called(answer, list(votes))), sum(votes)
        right = sum(n * (n - 1) for n in votes) / (total * (total - 1))
        if abs(found - right) < 1e-6:
            continue
        told = f"Of votes {votes} it is {right:.4g}; your function says {found:.4g}."
        if abs(found - max(votes) / total) < 1e-6:
            raise Mistake(f"{told} That is the share of the commonest answer, not of pairs.")
        if abs(found - sum((n / total) ** 2 for n in votes)) < 1e-6:
            raise Mistake(f"{told} Two *different* raters: nobody is paired with themselves.")
        if abs(found - sum(n * (n - 1) for n in votes)) < 1e-6:
            raise Mistake(f"{told} Divide by the number of all pairs.")
        if abs(found - right / 2) < 1e-6 or abs(found - right * 2) < 1e-6:
            raise Mistake(f"{told} Count pairs above and below in the same way, in order or not.")
        if found > 1:
            raise Mistake(f"{told} A chance is never above 1. What stands below the line?")
        raise Mistake(told)


late_and_sure = Quiz(
    "late_and_sure",
    "What did the model learn from, and what can't that show?",
    right=(
        "The model makes no use of whether sound and picture happen together: it learnt from "
        "photographs, which do not move",
        "So 'audio-visual' can mean two answers added up. Lesson 5 builds a model that does use "
        "the coincidence, and a world in which one can prove it.",
    ),
    wrong=(
        (
            "People, too, would not notice 1.25 s of delay",
            "People notice far less than that. The model's answer says nothing about people.",
        ),
        (
            "The model does not listen at all",
            "It does: of the angry clip the sound alone is 'negative' and the picture is not, and "
            "muting moves the number of this one, too.",
        ),
        (
            "A late sound improves the answer, so sound should be delayed",
            "One clip of one man: 0.86 and 0.92 are the same answer, and which is higher is luck.",
        ),
    ),
)


@exercise(
    "the function `late`, corrected",
    "What leaves at one end must not return at the other. Lesson 1 moves sound round in a circle "
    "on purpose, and says so.",
    "Where does np.roll put what it pushes out at the end?",
    "Set to zero what has no sound any more: the beginning if it is late, the end if it is early. "
    "And when it is later than the clip is long?",
)
def late(answer: Any) -> None:
    sound = np.arange(1.0, 11.0)
    cases = ((0.3, 10), (0.0, 10), (-0.3, 10), (1.5, 2), (2.0, 10))
    for seconds, rate in cases:
        kept = sound.copy()
        found = array(called(answer, sound, seconds, rate))
        if not np.array_equal(sound, kept):
            raise Mistake("Your function changes the sound it is given; change a copy.")
        steps = round(seconds * rate)
        padded = np.concatenate([np.zeros(20), sound, np.zeros(20)])
        right = padded[20 - steps : 30 - steps]
        if found.shape == right.shape and np.allclose(found, right):
            continue
        asked = f"Sound 1, 2, … 10 at {rate} samples/s, {seconds:+.1f} s late"
        if found.shape != right.shape:
            raise Mistake(f"{asked}: the length changed to {found.shape}; it should stay 10.")
        if np.allclose(found, np.roll(sound, steps)):
            raise Mistake(f"{asked}: what is pushed out at one end comes back at the other.")
        if np.allclose(found, padded[20 + steps : 30 + steps]):
            raise Mistake(f"{asked}: it comes earlier instead; late is positive.")
        if steps == 0:
            raise Mistake(f"{asked}: a delay of 0 leaves all as it is; got {found.tolist()}.")
        raise Mistake(f"{asked}, should be {right.tolist()}; it is {found.tolist()}.")


one_point_apart = Quiz(
    "one_point_apart",
    "How wide is the interval around each of the two numbers?",
    right=(
        "That can't be said from these numbers: the difference lies well within the intervals",
        "1.24 points are nine or ten clips. One needs both models' answers clip by clip and an "
        "interval over source videos (lesson 3), and more than one seed.",
    ),
    wrong=(
        (
            "Yes: 61.61 is larger, and both were measured on the same clips",
            "The same clips help only if both models' answers to each are compared. Two totals "
            "that differ by nine or ten of 766 clips do not carry that.",
        ),
        (
            "No: the models are equally good",
            "Not shown to differ is not shown to be equal; 766 clips can't tell a difference of "
            "one or two points either way.",
        ),
    ),
)
