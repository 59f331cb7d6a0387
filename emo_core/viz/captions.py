"""Prediction -> sentences that say what the figures show, for those who can't see them."""

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from emo_core.messages import Message, say, say_count, say_list, say_name
from emo_core.viz import joined_mel, percent

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction


def _with_percent(prediction: "Prediction", label: str) -> Message:
    value = percent(prediction.probabilities[label])
    return say("{label} {percent}", label=say_name(label), percent=value)


def _subject(prediction: "Prediction") -> Message:
    """What a clip shows: a group, one person, or nobody but a voice."""
    faces = prediction.presence.most_faces
    if faces:
        return say("this group") if faces > 1 else say("this person")
    return say("what is heard") if prediction.presence.heard else say("this clip")


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
    others = say(", then {others}", others=say_list(rest)) if rest else ""
    if prediction.abstains:
        return say(
            "Not sure: {label} comes closest with {percent}{others}.",
            label=say_name(ranked[0]),
            percent=percent(prediction.probabilities[ranked[0]]),
            others=others,
        )
    return say(
        "The word onlookers would likely choose for {subject}: {first}{others}.",
        subject=_subject(prediction),
        first=first,
        others=others,
    )


ENDS = {
    "valence": "valence {value:+.2f} (-1 unpleasant, 1 pleasant)",
    "arousal": "arousal {value:+.2f} (-1 calm, 1 excited)",
}


def _summarise_values(prediction: "Prediction") -> str:
    """Means of valence and arousal, and what their ends mean."""
    values = prediction.values or {}
    return say_count(
        "On average over {count} moment: {means}.",
        "On average over {count} moments: {means}.",
        len(prediction.moments or ()),
        means=say_list(say(ENDS[name], value=value) for name, value in values.items()),
    )


def _summarise_present(prediction: "Prediction") -> str:
    """The labels above their thresholds, and the others."""
    present = prediction.present or ()
    found = [_with_percent(prediction, label) for label in present]
    others = [_with_percent(prediction, n) for n in prediction.labels if n not in present]
    if prediction.abstains:
        every = say_list([*found, *others])
        return say("Not sure whether any of these words fits: {every}.", every=every)
    if not found:
        return say(
            "Onlookers would likely choose none of these for {subject}: {others}.",
            subject=_subject(prediction),
            others=say_list(others),
        )
    return say(
        "What onlookers would likely say of {subject}: {found}.{below}",
        subject=_subject(prediction),
        found=say_list(found),
        below=say(" Below their thresholds: {others}.", others=say_list(others)) if others else "",
    )


def summarise_timeline(prediction: "Prediction") -> str:
    """Which label leads when, in a sentence."""
    if prediction.moments is not None:
        return say("Valence and arousal at {count} moments.", count=len(prediction.moments))
    best = [
        (max(span.probabilities, key=span.probabilities.__getitem__), span)
        for span in prediction.timeline
    ]
    runs = [(label, [span for _, span in run]) for label, run in groupby(best, lambda it: it[0])]
    parts = [
        say(
            "{label} {start_s:.1f} to {end_s:.1f} s",
            label=say_name(label),
            start_s=run[0].start_s,
            end_s=run[-1].end_s,
        )
        for label, run in runs
    ]
    shown = say_list(parts[:8])
    if parts[8:]:
        shown = say("{shown} and {count} more changes", shown=shown, count=len(parts) - 8)
    if len(prediction.timeline) > 1:
        count = len(prediction.timeline)
        return say("Most probable in each of {count} windows: {shown}.", count=count, shown=shown)
    return say("Most probable: {shown}.", shown=shown)


def summarise_frames(prediction: "Prediction", shown: int) -> str:
    """How many frames were used and when they were on display, in a sentence."""
    times_s = prediction.frame_times_s if prediction.media.has_video else ()
    if not times_s:
        return say("This clip has no picture, so no frames were used.")
    if len(times_s) == 1:
        return say("1 frame was used, from {time_s:.2f} s.", time_s=times_s[0])
    part = say(" {shown} of them are shown, spread evenly.", shown=shown)
    return say(
        "{count} frames were used, from {start_s:.2f} s to {end_s:.2f} s, scaled to the model's "
        "size.{part}",
        count=len(times_s),
        start_s=times_s[0],
        end_s=times_s[-1],
        part="" if shown == len(times_s) else part,
    )


def summarise_sound(prediction: "Prediction") -> str:
    """Where the sound is loudest, in a sentence."""
    values = joined_mel(prediction)
    if values is None:
        return say("This clip has no sound, so there is no spectrogram.")
    columns, step_s = values
    loudness = np.nan_to_num(columns, nan=-np.inf).mean(1)
    return say(
        "Loudest around {time_s:.1f} s. Bright is loud, dark is quiet: natural log of power, "
        "{least:.1f} to {most:.1f}.",
        time_s=(loudness.argmax() + 0.5) * step_s,
        least=np.nanmin(columns),
        most=np.nanmax(columns),
    )
