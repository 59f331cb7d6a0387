"""Prediction -> sentences that say what the figures show, for those who can't see them."""

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from emo_core.viz import joined_mel, percent

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction


def _with_percent(prediction: "Prediction", label: str) -> str:
    return f"{label} {percent(prediction.probabilities[label])}"


def _subject(prediction: "Prediction") -> str:
    """What a clip shows: a group, one person, or nobody but a voice."""
    faces = prediction.presence.most_faces
    if faces:
        return "this group" if faces > 1 else "this person"
    return "what is heard" if prediction.presence.heard else "this clip"


def summarise(prediction: "Prediction") -> str:
    """The answer in a sentence."""
    if prediction.nobody:
        return prediction.nobody
    if prediction.values is not None:
        return _summarise_values(prediction)
    if prediction.present is not None:
        return _summarise_present(prediction)
    ranked = sorted(prediction.probabilities, key=lambda label: -prediction.probabilities[label])
    first, *rest = (_with_percent(prediction, label) for label in ranked)
    others = f", then {', '.join(rest)}" if rest else ""
    if prediction.abstains:
        return f"Not sure: {ranked[0]} comes closest with {first.split(' ', 1)[1]}{others}."
    return f"The word onlookers would likely choose for {_subject(prediction)}: {first}{others}."


ENDS = {"valence": "-1 unpleasant, 1 pleasant", "arousal": "-1 calm, 1 excited"}


def _summarise_values(prediction: "Prediction") -> str:
    """Means of valence and arousal, and what their ends mean."""
    count = len(prediction.moments or ())
    means = ", ".join(f"{n} {v:+.2f} ({ENDS[n]})" for n, v in (prediction.values or {}).items())
    return f"On average over {count} moment{'s' * (count != 1)}: {means}."


def _summarise_present(prediction: "Prediction") -> str:
    """The labels above their thresholds, and the others."""
    present = prediction.present or ()
    found = ", ".join(_with_percent(prediction, label) for label in present)
    below = [label for label in prediction.labels if label not in present]
    others = ", ".join(_with_percent(prediction, label) for label in below)
    if prediction.abstains:
        every = ", ".join(filter(None, (found, others)))
        return f"Not sure whether any of these words fits: {every}."
    if not found:
        return f"Onlookers would likely choose none of these for {_subject(prediction)}: {others}."
    below_it = f" Below their thresholds: {others}." if others else ""
    return f"What onlookers would likely say of {_subject(prediction)}: {found}.{below_it}"


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
    shown = ", ".join(parts[:8]) + (f" and {len(parts) - 8} more changes" if parts[8:] else "")
    each = f" in each of {count} windows" if count > 1 else ""
    return f"Most probable{each}: {shown}."


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
        f"Loudest around {(loudness.argmax() + 0.5) * step_s:.1f} s. Bright is loud, dark is "
        f"quiet: natural log of power, {np.nanmin(columns):.1f} to {np.nanmax(columns):.1f}."
    )
