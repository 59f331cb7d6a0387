"""What the file is and how it was read, in rows for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emo_core.inference import Media, Prediction


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
