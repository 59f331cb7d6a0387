"""The clip's own sound as a waveform."""

import numpy as np
import plotly.graph_objects as go

from emo_core.clip import Clip
from emo_core.messages import say
from emo_core.viz.prediction import INK, empty, styled

COLUMNS = 600  # of the picture: each holds the lowest and highest value of its time
RATE = 8000  # Hz; twice the highest frequency that a column could show anyway


def waveform(clip: Clip) -> go.Figure:
    """Lowest and highest amplitude of each moment, from -1 to 1, over seconds of the clip."""
    if not clip.has_audio or clip.duration_s <= 0:
        return empty(say("This clip has no sound, so there is no waveform."))
    wave = clip.audio(RATE)
    edges = np.linspace(0, len(wave), min(COLUMNS, max(len(wave), 1)) + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(wave, edges), np.maximum.reduceat(wave, edges)
    times_s = (edges + 0.5 * len(wave) / len(edges)) / RATE
    figure = styled(go.Figure(), height=170)
    line = {"width": 1, "color": INK}
    figure.add_scatter(x=times_s, y=high, line=line, mode="lines", hoverinfo="skip")
    figure.add_scatter(
        x=times_s,
        y=low,
        line=line,
        mode="lines",
        fill="tonexty",
        hoverinfo="skip",
        fillcolor="rgba(128,138,150,0.5)",
    )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title=say("Seconds of the clip"), range=[0, clip.duration_s])
    most = max(float(np.abs(wave).max()), 1e-3) * 1.05
    figure.update_yaxes(title=say("Amplitude"), range=[-most, most], ticksuffix="  ")
    return figure


def summarise_waveform(clip: Clip) -> str:
    """How loud the sound gets and when, in a sentence."""
    if not clip.has_audio or clip.duration_s <= 0:
        return say("This clip has no sound, so there is no waveform.")
    wave = np.abs(clip.audio(RATE))
    if not wave.any():
        return say("The sound track is silent.")
    return say(
        "Loudest at {time_s:.1f} s, with {percent:.0f} % of full scale.",
        time_s=wave.argmax() / RATE,
        percent=100 * wave.max(),
    )
