"""Defaults of what to explain: the label, the window, the moment."""

from emo_core.attribution.types import AttributionError, Target
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import score_windows
from emo_core.inference.prediction import Prediction
from emo_core.preprocess.sample import Sample


def choose_label(checkpoint: Checkpoint, prediction: Prediction, label: str | None) -> str:
    """The label asked for, or the most probable one, or valence. Raises AttributionError."""
    if label is None:
        return prediction.label or checkpoint.labels[0]
    if label not in checkpoint.labels:
        raise AttributionError(
            f"{checkpoint.name} does not know {label!r}; expected one of "
            f"{', '.join(checkpoint.labels)}."
        )
    return label


def choose_window(prediction: Prediction, label: str, at_s: float | None = None) -> int:
    """The window around a time, else the one in which the label is strongest."""
    spans = prediction.timeline
    if at_s is not None:
        around = [n for n, span in enumerate(spans) if span.start_s <= at_s <= span.end_s]
        if not around:
            before = [span for span in spans if span.end_s < at_s][-1:]
            near = before + [span for span in spans if not span.start_s <= at_s][:1]
            times = " or ".join(f"{span.start_s:g} to {span.end_s:g} s" for span in near)
            raise AttributionError(
                f"no window was read at {at_s:g} s; expected a time in one, the nearest is {times}."
            )
        return around[0]
    if prediction.values is not None:
        means = [span.values or {} for span in spans]  # each has them where the whole has
        return max(range(len(spans)), key=lambda n: abs(means[n][label]))
    return max(range(len(spans)), key=lambda n: spans[n].probabilities[label])


def make_target(
    checkpoint: Checkpoint, sample: Sample, label: str, at_s: float | None = None
) -> Target:
    """Target of one window; of a model of moments, the one nearest to at_s or the strongest."""
    if label not in checkpoint.labels:
        raise AttributionError(
            f"{checkpoint.name} does not know {label!r}; expected one of "
            f"{', '.join(checkpoint.labels)}."
        )
    index = checkpoint.labels.index(label)
    if not checkpoint.task.answers_moments:
        return Target(label, index)
    scores = score_windows(checkpoint, [sample])
    if not bool(scores.mask.any()):
        raise AttributionError("this window has no moment with a value; choose another window.")
    times_s = scores.times_s[0].double() + sample.start_s
    strength = scores.logits[0, :, index].abs()
    rank = strength if at_s is None else -(times_s - at_s).abs()
    step = int(rank.masked_fill(~scores.mask[0], -float("inf")).argmax())
    return Target(label, index, step, float(times_s[step]))
