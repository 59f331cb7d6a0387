"""What the app does with a clip: checks, predicts once, and gathers everything the page shows."""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_core import sentences, view
from emo_core.clip import Clip, ClipError, load_clip
from emo_core.defaults import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

    from emo_core.checkpoint import Checkpoint
    from emo_core.inference import Media, Prediction

MOST_BYTES = 50 << 20  # of one file, as the upload's own limit
MOST_MINUTES = 10  # of one clip
MOST_WINDOWS = 24
_LOADING = threading.Lock()  # two first visitors must not load the model twice


class HandlerError(Exception):
    """A clip that gets no answer; one plain sentence for the person who gave it."""


@dataclass(frozen=True)
class View:
    """Everything the page shows of one clip."""

    clip: str
    label: str  # the most probable one, also when `abstains`; "values" of a model of values
    headline: str
    summary: str
    probabilities: dict[str, float]
    abstains: bool
    timeline: "go.Figure | None"  # None where the clip is one window
    timeline_text: str
    frames: "list[tuple[np.ndarray, str]]"
    frames_text: str
    log_mel: "go.Figure"
    log_mel_text: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    json: dict[str, Any]


def answer(path: str | Path, most_windows: int = MOST_WINDOWS) -> View:
    """What the model says of a clip, and why. Raises HandlerError."""
    try:
        prediction, checkpoint = _predict(Path(path), most_windows)
    except ClipError as error:
        raise HandlerError(str(error)) from error
    many = len(prediction.timeline) > 1
    frames = view.frames_used(prediction)
    return View(
        clip=prediction.clip,
        label=prediction.label or "values",
        headline=sentences.headline(prediction),
        summary=sentences.summarise(prediction),
        probabilities=prediction.probabilities,
        abstains=prediction.abstains,
        timeline=view.timeline(prediction) if many else None,
        timeline_text=sentences.summarise_timeline(prediction),
        frames=frames,
        frames_text=sentences.summarise_frames(prediction, len(frames)),
        log_mel=view.log_mel(prediction, checkpoint.sample.mel),
        log_mel_text=sentences.summarise_sound(prediction),
        facts=facts(prediction),
        notes=prediction.notes,
        json=document(prediction.as_dict()),
    )


def document(*results: dict, errors: tuple[dict, ...] = ()) -> dict[str, Any]:
    """The answer in the form of `emo predict --json`."""
    return {"schema_version": 1, "results": list(results), "errors": list(errors)}


def answer_json(path: str | Path) -> dict[str, Any]:
    """The answer for programs; a clip without one is under "errors"."""
    try:
        return answer(path).json
    except HandlerError as error:
        return document(errors=({"clip": Path(path).name, "error": str(error)},))


def facts(prediction: "Prediction") -> tuple[tuple[str, str], ...]:
    """Rows of what the file is and how it was read."""
    media, spent = prediction.media, prediction.seconds
    count = len(prediction.timeline)
    return (
        ("File", prediction.clip),
        ("Duration", f"{media.duration_s:.1f} s"),
        ("Picture", _picture(media)),
        ("Sound", _sound(media)),
        ("Read in", f"{count} window{'s' * (count > 1)}"),
        ("Model", prediction.model),
        ("Time taken", f"{spent['decode']:.2f} s reading the file, {spent['model']:.2f} s model"),
    )


def warm() -> threading.Thread:
    """Starts to load the model beside the app, so that the page is up before it is."""
    thread = threading.Thread(target=_warm, name="warm", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    with suppress(HandlerError):  # said to the person who gives the first clip
        _checkpoint()


def _checkpoint() -> "Checkpoint":
    from emo_core.checkpoint import CheckpointError  # torch takes seconds to import
    from emo_core.inference import load_cached

    try:
        with _LOADING:
            return load_cached(os.environ.get("EMO_MODEL", DEFAULT_MODEL))
    except CheckpointError as error:
        raise HandlerError(str(error)) from error


def _predict(path: Path, most_windows: int) -> "tuple[Prediction, Checkpoint]":
    clip = _admitted(path)
    checkpoint = _checkpoint()
    from emo_core.inference import predict_clip

    return predict_clip(clip, checkpoint, most_windows), checkpoint


def _admitted(path: Path) -> Clip:
    """A clip that is small and short enough to be read here."""
    with suppress(OSError):  # a path that can't be looked at is for load_clip to explain
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise HandlerError(
                f"{path.name} has {size / 2**20:.0f} MB; this page takes up to "
                f"{MOST_BYTES >> 20} MB; give a shorter piece, or use `emo predict`, which has no "
                "such limit."
            )
    clip = load_clip(path)
    if clip.duration_s > 60 * MOST_MINUTES:
        raise HandlerError(
            f"{path.name} is {clip.duration_s / 60:.0f} minutes long; this page takes up to "
            f"{MOST_MINUTES}; give a shorter piece, or use `emo predict`, which has no such limit."
        )
    return clip


def _picture(media: "Media") -> str:
    if not media.has_video:
        return "none"
    rate = "" if media.fps is None else f"{media.fps:.4g} frames/s"
    varies = "variable rate" if media.variable_rate else ""
    turned = f"turned by {media.rotation}°" if media.rotation else ""
    parts = (f"{media.width} × {media.height}", rate, varies, media.video_codec, turned)
    return ", ".join(part for part in parts if part)


def _sound(media: "Media") -> str:
    if not media.has_audio:
        return "none"
    named = {1: "mono", 2: "stereo"}.get(media.channels, f"{media.channels} channels")
    return f"{named}, {media.audio_rate / 1000:g} kHz, {media.audio_codec}"
