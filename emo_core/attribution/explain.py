"""ExplainRequest -> Attribution, and shares of modalities; the door of command, app, notebooks."""

from dataclasses import replace

from emo_core.attribution.forward_function import Progress
from emo_core.attribution.methods import explain_window, find_method, find_preset
from emo_core.attribution.types import (
    DEFAULT_REQUEST,
    Attribution,
    AttributionError,
    ExplainRequest,
    Target,
)
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import modalities, score_windows
from emo_core.inference.prediction import Prediction
from emo_core.messages import say, say_list
from emo_core.preprocess.sample import Sample


def explain(
    checkpoint: Checkpoint,
    prediction: Prediction,
    request: ExplainRequest = DEFAULT_REQUEST,
    progress: Progress | None = None,
) -> Attribution:
    """Explain one window of a prediction of the same checkpoint; nothing is decoded again.

    progress: called with (passes done, passes at most); Cancelled is raised where it returns False.
    Raises AttributionError.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise AttributionError(
            "explain got {checkpoint!r} as its model; expected a checkpoint and a prediction; "
            "call explain(load_model(name), predict(clip, name), ExplainRequest(...)).",
            checkpoint=checkpoint,
        )
    label, window = choose_subject(checkpoint, prediction, request)
    sample = prediction.samples[window]
    return explain_window(
        checkpoint,
        sample,
        make_target(checkpoint, sample, label, request.at_s),
        method=request.method,
        preset=request.preset,
        baseline=request.baseline,
        seed=request.seed,
        progress=progress,
    )


def choose_subject(
    checkpoint: Checkpoint, prediction: Prediction, request: ExplainRequest
) -> tuple[str, int]:
    """The label and the number of the window that a request means. Raises AttributionError."""
    find_method(request.method), find_preset(request.preset)
    label, window = choose_label(checkpoint, prediction, request.target), request.window
    if window is None:
        window = choose_window(prediction, label, request.at_s)
    if not 0 <= window < len(prediction.samples):
        raise AttributionError(
            "there is no window {window}; expected 0 to {count}.",
            window=window,
            count=len(prediction.samples) - 1,
        )
    return label, window


def choose_label(checkpoint: Checkpoint, prediction: Prediction, label: str | None) -> str:
    """The label asked for, or the most probable one, or valence. Raises AttributionError."""
    if label is None:
        return prediction.label or checkpoint.labels[0]
    if label not in checkpoint.labels:
        raise AttributionError(
            "{name} does not know {label!r}; expected one of {labels}.",
            name=checkpoint.name,
            label=label,
            labels=", ".join(checkpoint.labels),
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
            times = say_list(
                (
                    say("{start_s:g} to {end_s:g} s", start_s=span.start_s, end_s=span.end_s)
                    for span in near
                ),
                say(" or "),
            )
            raise AttributionError(
                "no window was read at {at_s:g} s; expected a time in one, the nearest is {times}.",
                at_s=at_s,
                times=times,
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
            "{name} does not know {label!r}; expected one of {labels}.",
            name=checkpoint.name,
            label=label,
            labels=", ".join(checkpoint.labels),
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


def resolve_request(
    checkpoint: Checkpoint, prediction: Prediction, request: ExplainRequest
) -> ExplainRequest:
    """The same request with its label and window filled in. Raises AttributionError."""
    label, window = choose_subject(checkpoint, prediction, request)
    return replace(request, target=label, window=window)


def modality_share(checkpoint: Checkpoint, sample: Sample, target: Target) -> dict[str, float]:
    """By modality, in units of the score; they sum to all modalities' score minus that of none.

    Of a model of moments, the mean over the window's moments. Costs 2^M forward passes.
    """
    values = score_windows(checkpoint, [sample]).shares[0, :, target.index]  # (M,)
    return dict(zip(modalities(checkpoint), values.tolist(), strict=True))
