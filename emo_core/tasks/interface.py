"""What every task states, what is calibrated of it, and its answers and scores in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from emo_core.messages import say, say_list, say_name
from emo_core.ranges import Amount, Positive


def mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """(n, S, C), (n, S) -> (n, C) over real moments; zero where there are none."""
    real = mask.unsqueeze(-1)
    return (values * real).sum(1) / real.sum(1).clamp(min=1)


@dataclass(frozen=True)
class WindowLogits:
    """What a model puts out for n windows, which are one clip in order or clips of their own."""

    logits: Tensor  # (n, C), or (n, S, C) of moments
    mask: Tensor  # (n, S) bool, True = a real moment; S = 0 without moments
    weights: Tensor  # (n,) share of each window in the clip

    @classmethod
    def of_equal_windows(cls, logits: Tensor, mask: Tensor) -> "WindowLogits":
        """Windows that count alike."""
        return cls(logits, mask, torch.full((len(logits),), 1 / len(logits)))

    def mean(self, values: Tensor) -> Tensor:
        """(n, C) values of the windows -> (C,) of the clip."""
        return (values * self.weights.unsqueeze(-1)).sum(0)


@dataclass(frozen=True)
class Answer:
    """A task's answer for n windows and for the clip that they are."""

    windows: Tensor  # (n, C) probabilities, or values from -1 to 1
    clip: Tensor  # (C,) of all windows
    are_probabilities: bool
    label: str | None = None  # the most probable one, also when `abstains`
    abstains: bool = False
    present: tuple[str, ...] | None = None  # where several labels may be there: those above
    moments: Tensor | None = None  # (n, S, C) values of each moment


@dataclass(frozen=True)
class Judged:
    """What a model answered to n clips, in a form that can be summed over any of them."""

    counts: np.ndarray  # (n, C, k), whose sums give each class's score
    right: np.ndarray  # (n,) bool; of values: all False
    words: list[str]  # (n,) the answers


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities and answers."""

    temperature: Positive = 1.0
    abstain_below: Amount = 0.5  # top probability; above 1 = always
    thresholds: tuple[Amount, ...] = ()  # of each class that may occur beside others; () = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"the temperature is {self.temperature}, expected a number above 0")


UNCALIBRATED = Calibration()


class Task(Protocol):
    """What differs between corpora. Trainer, inference and attribution ask nothing else.

    name: the key of TASKS. labels: names of the C outputs. main: name of the score that training
    maximises.
    answers_moments: logits are (B, S, C), with a time for each of S moments.
    """

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def main(self) -> str: ...
    @property
    def answers_moments(self) -> bool: ...

    def fitted(self, targets: Sequence[Any]) -> "Task":
        """The task for these training targets, with what they fix."""
        ...

    def target(self, label: Any) -> Any:
        """A label of the corpus -> number or array that `loss` takes."""
        ...

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the batch, ()."""
        ...

    def answer(self, found: WindowLogits, calibration: Calibration = UNCALIBRATED) -> Answer:
        """Logits of windows -> what is said of them."""
        ...

    def judge(
        self,
        logits: Tensor,
        target: Tensor,
        labels: Sequence[str],
        calibration: Calibration = UNCALIBRATED,
    ) -> Judged:
        """What each answer is worth; labels: those of the corpus, whose classes are counted."""
        ...

    def target_words(self, target: Tensor) -> str:
        """One clip's target in words; empty where there are none."""
        ...

    def constant_answer(self, labels: Sequence[Any]) -> tuple[Tensor, str]:
        """Logits of the plainest answer to all clips, and what it is in words; labels: of train."""
        ...

    def scores(
        self,
        logits: Tensor,
        target: Tensor,
        groups: np.ndarray,
        calibration: Calibration = UNCALIBRATED,
    ) -> dict:
        """Every score of a whole split of n clips; groups: (n,) labels of sources."""
        ...

    def selection_score(self, scores: dict) -> float:
        """The one number that training maximises on held-out sources."""
        ...

    def calibrate(self, logits: Tensor, target: Tensor) -> Calibration:
        """What is chosen after training, on held-out logits."""
        ...

    def choice(self, calibration: Calibration) -> str:
        """What `calibrate` chose, as a sentence."""
        ...

    def summary(self, scores: dict) -> str:
        """The scores of a split in one line."""
        ...


def span(scores: dict) -> str:
    """The 95 % interval of a split's main score, in words."""
    if scores["interval"] is None:
        return say("no interval: {why}", why=scores["interval_note"])
    low, high = scores["interval"]
    return say("95 % {low:.3f} to {high:.3f}", low=low, high=high)


def in_text(value: float | None) -> str:
    """A score in words."""
    return say("undefined") if value is None else say("{value:.3f}", value=value)


def coverage_lines(scores: dict) -> list[str]:
    """How many clips get an answer and how many of these are right; [] where every clip does."""
    if scores.get("coverage") is None:
        return []
    count = scores["n"]
    given = round(scores["coverage"] * count)
    if not given:
        return [say('answers none of {count} clips: "not sure" of all', count=count)]
    right = round(scores["precision"] * given)
    return [
        say(
            'answers {given} of {count} clips, {right} of them right; "not sure" of the others',
            given=given,
            count=count,
            right=right,
        )
    ]


def absent_words(scores: dict) -> str:
    """A sentence's end where a class has no clip, so that means leave it out; else nothing."""
    names = scores.get("absent")  # of checkpoints until 0.2 it is not known
    if not names:
        return ""
    listed = say_list(map(say_name, names))
    return say("; no clip of {names}, which means leave out", names=listed)


LOWEST = -2.0  # below every score; of a split with nothing to score


def chosen_score(score: float | None) -> float:
    """What training compares of a split's main score."""
    return LOWEST if score is None else score
