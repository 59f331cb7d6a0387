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
    return "95 % {:.3f} to {:.3f}".format(*scores["interval"])
