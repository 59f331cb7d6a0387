"""Predictions and attributions -> figures, pictures, film, report; shared by app and notebooks."""

from emo_core.view.prediction import (
    MOST_COLUMNS,
    band_hz,
    colour_of,
    frames_used,
    joined_mel,
    log_mel,
    percent,
    probability_bars,
    summarise,
    summarise_frames,
    summarise_sound,
    summarise_timeline,
    timeline,
)

__all__ = [
    "MOST_COLUMNS", "band_hz", "colour_of", "frames_used", "joined_mel", "log_mel", "percent",
    "probability_bars", "summarise", "summarise_frames", "summarise_sound", "summarise_timeline",
    "timeline",
]  # fmt: skip
