"""Predictions and attributions -> figures, pictures, film, report; shared by app and notebooks.

What needs torch or PyAV stays in its module: `viz.attribution`, `viz.overlay`, `viz.report`.
"""

from emo_core.viz.prediction import (
    MOST_COLUMNS,
    band_hz,
    colour_of,
    frames_used,
    joined_mel,
    log_mel_figure,
    percent,
    probability_bars,
    timeline,
)

__all__ = [
    "MOST_COLUMNS",
    "band_hz",
    "colour_of",
    "frames_used",
    "joined_mel",
    "log_mel_figure",
    "percent",
    "probability_bars",
    "timeline",
]
