"""ExplainRequest -> Attribution, and shares of modalities; the door of command, app, notebooks."""

from dataclasses import replace

from emo_core.attribution.forward_function import Progress
from emo_core.attribution.methods import explain_window, find_method, find_preset
from emo_core.attribution.target import choose_label, choose_window, make_target
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
            f"explain got {checkpoint!r} as its model; expected a checkpoint and a prediction; "
            "call explain(load_model(name), predict(clip, name), ExplainRequest(...))."
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
            f"there is no window {window}; expected 0 to {len(prediction.samples) - 1}."
        )
    return label, window


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
