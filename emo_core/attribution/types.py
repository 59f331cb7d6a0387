"""What an explanation is: its record, what it is asked about, and what it may cost."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from emo_core.errors import EmoError
from emo_core.messages import say, say_name
from emo_core.schema import DEFAULT_METHOD, DEFAULT_PRESET

AXES = {"video": "picture", "faces": "picture", "mel": "sound", "tokens": "words"}


class AttributionError(EmoError):
    """An explanation that can't be made; one plain sentence."""


class Cancelled(AttributionError):
    """Stopped by the person who asked."""


@dataclass(frozen=True)
class ExplainRequest:
    """What to explain of one prediction, and how; what is None is chosen by the prediction."""

    method: str = DEFAULT_METHOD
    preset: str = DEFAULT_PRESET
    target: str | None = None  # label; None: the predicted one
    window: int | None = None  # in the prediction's timeline; None: where the target is strongest
    at_s: float | None = None  # a moment, from the start of the clip; chooses the window, too
    baseline: str = "blur"  # what stands for "nothing there": "blur" or "mean"
    seed: int = 0
    checks: bool = True  # of the map, in a report


DEFAULT_REQUEST = ExplainRequest()


@dataclass(frozen=True)
class Target:
    """The score that is explained: a class's logit, or valence or arousal at one moment."""

    label: str
    index: int
    step: int | None = None  # of a model of moments
    at_s: float | None = None  # of that moment, from the start of the clip

    def __str__(self) -> str:
        if self.at_s is None:
            return say_name(self.label)
        return say("{label} at {at_s:.2f} s", label=say_name(self.label), at_s=self.at_s)


@dataclass(frozen=True)
class Preset:
    """How finely to look; `passes` is the most it may cost, in forward passes' time."""

    passes: int
    steps: int  # of the integral of integrated gradients
    blocks: tuple[int, int, int]  # of occlusion: time, height, width of the picture
    patches: tuple[int, int]  # of occlusion: time, frequency of the sound
    words: int  # pieces of the text
    segments: int  # of time, for ablation
    players: int  # of time, for Shapley sampling


PRESETS = {
    "fast": Preset(16, 4, (2, 2, 2), (4, 1), 1, 5, 3),
    "standard": Preset(60, 18, (4, 3, 3), (5, 4), 2, 16, 4),
    "thorough": Preset(402, 50, (8, 4, 6), (16, 6), 8, 32, 8),
}


class AttributionSpan(NamedTuple):
    """The part of the clip that is explained, seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Attribution:
    """What of one window moved one score, and by how much.

    `maps` hold one map per input that the model uses, float32, with exactly that input's shape:
    video (T, 3, H, W), mel (F, M), faces (T, P, 3, h, w), tokens (L,). Positive raises the score.
    """

    method: str
    preset: str
    target: Target
    model: str
    span: AttributionSpan
    maps: dict[str, Tensor] = field(repr=False)
    # of each map's first axis, from the start of the clip; no words
    times_s: dict[str, Tensor] = field(repr=False)
    signed: bool  # False: strength only, without direction
    baseline: str  # what stands for "nothing there", in words
    score: float  # of the window
    baseline_score: float | None  # of nothing there; None where the method does not ask
    gap: float | None  # |sum of the maps - difference| / |difference|; None: no such promise
    forward_passes: int  # spent; forward and backward together count as three
    seconds: float
    people: Tensor | None = field(default=None, repr=False)  # (P,) of each one's faces; or not told
