"""Clip -> Attribution and shares of modalities: one path for command, app and notebooks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from emo_core.attribution.forward_function import Progress
from emo_core.attribution.methods import explain_window, find_method, find_preset
from emo_core.attribution.target import choose_label, choose_window, make_target
from emo_core.attribution.types import Attribution, AttributionError, Target
from emo_core.checkpoint import Checkpoint
from emo_core.clip import Clip, load_clip
from emo_core.inference.modality_shapley import modalities, score_windows
from emo_core.inference.predict import load_cached, predict_clip
from emo_core.inference.prediction import Prediction
from emo_core.preprocess.sample import Sample
from emo_core.schema import DEFAULT_METHOD, DEFAULT_MODEL, DEFAULT_PRESET


def explain_prediction(
    checkpoint: Checkpoint,
    prediction: Prediction,
    method: str = DEFAULT_METHOD,
    target: str | None = None,
    preset: str = DEFAULT_PRESET,
    *,
    at_s: float | None = None,
    window: int | None = None,
    baseline: str = "blur",
    seed: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """Explains one window of a prediction; nothing is decoded again. Raises AttributionError.

    target: a label, by default the predicted one. window: its number in the prediction's timeline,
    by default where the target is strongest. at_s: the moment, for valence and arousal.
    """
    label = choose_label(checkpoint, prediction, target)
    if window is None:
        window = choose_window(prediction, label, at_s)
    if not 0 <= window < len(prediction.samples):
        raise AttributionError(
            f"there is no window {window}; expected 0 to {len(prediction.samples) - 1}."
        )
    sample = prediction.samples[window]
    what = make_target(checkpoint, sample, label, at_s)
    return explain_window(checkpoint, sample, what, method, preset, baseline, seed, progress)


def explain(
    clip: str | Path | Clip,
    model: str | Path | Checkpoint = DEFAULT_MODEL,
    method: str = DEFAULT_METHOD,
    target: str | None = None,
    preset: str = DEFAULT_PRESET,
    *,
    text: str | None = None,
    **where: Any,
) -> Attribution:
    """Loads what is needed, predicts and explains. Raises ClipError, CheckpointError or
    AttributionError.

    where: at_s, window, baseline, seed or progress of `explain_prediction`.
    """
    find_method(method), find_preset(preset)  # before anything takes time
    checkpoint = model if isinstance(model, Checkpoint) else load_cached(model)
    clip = clip if isinstance(clip, Clip) else load_clip(clip)
    clip = clip if text is None else replace(clip, text=text)
    prediction = predict_clip(clip, checkpoint)
    return explain_prediction(checkpoint, prediction, method, target, preset, **where)


def modality_share(checkpoint: Checkpoint, sample: Sample, target: Target) -> dict[str, float]:
    """By modality, in units of the score; they sum to all modalities' score minus that of none.

    Of a model of moments, the mean over the window's moments. Costs 2^M forward passes.
    """
    values = score_windows(checkpoint, [sample]).shares[0, :, target.index]  # (M,)
    return dict(zip(modalities(checkpoint), values.tolist(), strict=True))
