"""What is chosen after training, on held-out sources and never on the split that is scored."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities and answers."""

    temperature: float = 1.0
    abstain_below: float = 0.5  # top probability
    thresholds: tuple[float, ...] = ()  # of each class that may occur beside others; () = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"the temperature is {self.temperature}, expected a number above 0")


UNCALIBRATED = Calibration()


def span(scores: dict) -> str:
    """The 95 % interval of a split's main score, in words."""
    if scores["interval"] is None:
        return f"no interval: {scores['interval_note']}"
    return "95 % {:.3f} to {:.3f}".format(*scores["interval"])


def in_text(value: float | None) -> str:
    """A score in words."""
    return "undefined" if value is None else f"{value:.3f}"


def absent_words(scores: dict) -> str:
    """A sentence's end where a class has no clip, so that means leave it out; else nothing."""
    names = scores.get("absent")  # of checkpoints until 0.2 it is not known
    return f"; no clip of {', '.join(names)}, which means leave out" if names else ""


LOWEST = -2.0  # below every score; of a split with nothing to score


def chosen_score(score: float | None) -> float:
    """What training compares of a split's main score."""
    return LOWEST if score is None else score
