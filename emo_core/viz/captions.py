"""Prediction -> sentences that say what the figures show, for those who can't see them."""

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from emo_core.viz import joined_mel, percent

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction


def _with_percent(prediction: "Prediction", label: str) -> str:
    return f"{label} {percent(prediction.probabilities[label])}"


def summarise(prediction: "Prediction") -> str:
    """The answer in a sentence."""
    if prediction.nobody:
        return prediction.nobody
    if prediction.values is not None:
        count = len(prediction.moments or ())
        means = " and ".join(f"{name} {value:+.2f}" for name, value in prediction.values.items())
        return f"On average {means}, each from -1 to 1, over {count} moments."
    if prediction.present is not None:
        found = ", ".join(_with_percent(prediction, label) for label in prediction.present)
        below = [label for label in prediction.labels if label not in prediction.present]
        others = ", ".join(_with_percent(prediction, label) for label in below)
        if prediction.abstains:
            return f"Not sure: {found or 'none'} would be named, but only just. Below: {others}."
        return f"People would likely say: {found or 'none of these'}. Below: {others or 'none'}."
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    rest = ", ".join(f"{label} {percent(value)}" for label, value in ranked[1:])
    label, value = ranked[0]
    if prediction.abstains:
        return f"Not sure: {label} comes closest with {percent(value)}, then {rest}."
    return f"People would likely call this group {label}: {percent(value)}, then {rest}."


def summarise_timeline(prediction: "Prediction") -> str:
    """Which label leads when, in a sentence."""
    if prediction.moments is not None:
        return f"Valence and arousal at {len(prediction.moments)} moments."
    best = [
        (max(span.probabilities, key=span.probabilities.__getitem__), span)
        for span in prediction.timeline
    ]
    runs = [(label, [span for _, span in run]) for label, run in groupby(best, lambda it: it[0])]
    parts = [f"{label} {run[0].start_s:.1f} to {run[-1].end_s:.1f} s" for label, run in runs]
    count = len(prediction.timeline)
    shown = ", ".join(parts[:8]) + (f" and {len(parts) - 8} changes more" if parts[8:] else "")
    return f"{count} window{'s' * (count > 1)}, most probable in each: {shown}."


def summarise_frames(prediction: "Prediction", shown: int) -> str:
    """How many frames were used and when they were on display, in a sentence."""
    times_s = prediction.frame_times_s if prediction.media.has_video else ()
    if not times_s:
        return "This clip has no picture, so no frames were used."
    part = "" if shown == len(times_s) else f" {shown} of them are shown, spread evenly."
    if len(times_s) == 1:
        return f"1 frame was used, from {times_s[0]:.2f} s."
    return (
        f"{len(times_s)} frames were used, from {times_s[0]:.2f} s to {times_s[-1]:.2f} s, "
        f"scaled to the model's size.{part}"
    )


def summarise_sound(prediction: "Prediction") -> str:
    """Where the sound is loudest, in a sentence."""
    values = joined_mel(prediction)
    if values is None:
        return "This clip has no sound, so there is no spectrogram."
    columns, step_s = values
    loudness = np.nan_to_num(columns, nan=-np.inf).mean(1)
    return (
        f"Natural log of power, from {np.nanmin(columns):.1f} (quiet, dark) to "
        f"{np.nanmax(columns):.1f} (loud, bright); loudest around "
        f"{(loudness.argmax() + 0.5) * step_s:.1f} s."
    )
