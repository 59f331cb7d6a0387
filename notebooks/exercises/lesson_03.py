"""Judges the exercises of lesson 3: data."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, called, exercise, number


@exercise(
    "a function of a clip name that returns its source",
    "One column, and every leak check, split and interval rests on it.",
    "The clip's number stands after the *last* underscore.",
    "name.rpartition('_')[0] is everything before the last underscore.",
)
def clip_source(answer: Any) -> None:
    for name, right in (("101_10", "101"), ("2_2", "2"), ("my_party_7", "my_party")):
        found = called(answer, name)
        if not isinstance(found, str | int):
            raise Mistake(f"For {name!r} expected the source as text, {right!r}.")
        if str(found) == right:
            continue
        told = f"The source of {name!r} is {right!r}; your function says {str(found)[:40]!r}."
        if str(found) == name.split("_")[-1]:
            raise Mistake(f"{told} That is the number of the clip within its source.")
        if str(found) == name.split("_")[0]:
            raise Mistake(f"{told} Cut at the last underscore, not at the first.")
        if str(found) == right[:1] or str(found) == right[:3]:
            raise Mistake(f"{told} Names have different lengths; don't count letters.")
        raise Mistake(told)


PAIRS = (("11", "train"), ("11", "train"), ("12", "train"), ("12", "val"), ("13", "val"),
         ("14", "test"), ("14", "val"), ("14", "train"))  # fmt: skip


@exercise(
    "a function of (group, split) pairs that returns a set of groups",
    "The library's readers do this at every start and refuse the corpus if the set is not empty.",
    "Collect the *set* of splits of every group; a leak has more than one.",
    "splits.setdefault(group, set()).add(split) for each pair, then {g for g, s in splits.items() "
    "if len(s) > 1}.",
)
def leaking_groups(answer: Any) -> None:
    if set(called(answer, [("1", "train")])):
        raise Mistake("One clip in one split can't leak; expected an empty set.")
    found = set(called(answer, list(PAIRS)))
    if found == {"12", "14"}:
        return
    if "11" in found:
        raise Mistake("Source 11 has two clips, both in train: that is no leak.")
    if any(isinstance(one, tuple) for one in found):
        raise Mistake("Return the groups alone, not pairs.")
    if found == {"12"}:
        raise Mistake("Source 14 is missing: it stands in test, val and train. Is test looked at?")
    raise Mistake("Sources 12 and 14 stand in several splits; expected exactly those two.")


@exercise(
    "per cent",
    "184 of 766, 24.0 %: training's majority is validation's rarest class, so it scores far below "
    "one third. Best of all constants is 'positive', 39.4 %: that is the level to beat.",
    "Which label is most frequent in training? How frequent is it in validation?",
    "100 * 184 / 766.",
)
def constant_percent(answer: Any) -> None:
    found = number(answer)
    if abs(found - 100 * 184 / 766) < 0.06:
        return
    told = {
        39.4: "39.4 % is 'always positive', the best constant on validation; who learnt from "
        "training alone doesn't know that.",
        35.2: "35.2 % is the share of negatives in training; score it on validation.",
        33.3: "One third would need equally frequent classes.",
        36.6: "36.6 % is 'always neutral'; the most frequent training label is another.",
        0.24: "Right, as a share; the answer is asked in per cent.",
    }
    near = [text for value, text in told.items() if abs(found - value) < 0.051]
    raise Mistake(near[0] if near else f"Not {found:g}: which label, and how many of 766?")


COUNTS = np.array([[8, 2, 0], [10, 10, 20], [0, 1, 4]])  # recalls 0.8, 0.25, 0.8


@exercise(
    "a function of a table of counts that returns 0 to 1",
    "Every class weighs the same, however rare; a class that is never answered costs a third.",
    "The recall of a class: its diagonal entry over the sum of its row (row = truth).",
    "np.mean(np.diag(counts) / counts.sum(1)).",
)
def average_recall(answer: Any) -> None:
    found = number(called(answer, COUNTS.copy()))
    diagonal = np.diag(COUNTS)
    told = {
        diagonal.sum() / COUNTS.sum(): "That is the accuracy: all right answers over all clips.",
        np.mean(diagonal / COUNTS.sum(0)): "That is the mean precision: you divided by columns; "
        "rows are the truth.",
        float(np.sum(diagonal / COUNTS.sum(1))): "That is the sum of the recalls; take their mean.",
    }
    right = float(np.mean(diagonal / COUNTS.sum(1)))
    if abs(found - right) > 1e-6:
        near = [text for value, text in told.items() if abs(found - value) < 1e-6]
        asked = f"For {COUNTS.tolist()} it is {right:.4f}; your function says {found:.4f}."
        raise Mistake(near[0] if near else asked)


@exercise(
    "percentage points",
    "About ±3.5 points: a difference of two or three points between papers may be nothing at all.",
    "p = 0.6037, n = 766; 1.96 times the square root of p (1 - p) / n, times 100.",
    "100 * 1.96 * (0.6037 * 0.3963 / 766) ** 0.5",
)
def half_width(answer: Any) -> None:
    found, right = number(answer), 196 * (0.6037 * 0.3963 / 766) ** 0.5
    if abs(found - right) < 0.05:
        return
    told = {
        right / 100: "As a share, yes; the answer is asked in percentage points.",
        right / 1.96: "That is one standard deviation; 95 % need 1.96 of them.",
        2 * right: "That is the whole width; asked is half of it.",
        196 * 0.6037 * 0.3963 / 766**0.5: "p (1 - p) belongs under the root as well.",
        196 * 0.6037 * 0.3963 / 766: "The root is missing.",
    }
    near = [text for value, text in told.items() if abs(found - value) < 0.02 * value]
    raise Mistake(near[0] if near else f"Not {found:g}: 100 x 1.96 x root of p (1 - p) / n.")


right_of_766 = Quiz(
    "right_of_766",
    "Divide 462 and 463 by 766.",
    right=(
        "No number of clips gives 60.37 %",
        "No whole number of 766 gives 60.37 %. So clips were left out or scores averaged over "
        "batches; 454 of 752 = 47 batches of 16 would fit. A score that can't be k/n tells you "
        "to ask.",
    ),
    wrong=(
        ("462", "462 / 766 is 60.31 %."),
        ("463", "463 / 766 is 60.44 %."),
    ),
)
