"""Valence and arousal as a path through their plane."""

import plotly.graph_objects as go

from emo_core.inference.prediction import Prediction
from emo_core.messages import say
from emo_core.viz.prediction import INK, empty, hover_text, styled

CORNERS = {  # Russell 1980: what people call the corners
    (0.72, 0.9): say("excited"),
    (-0.72, 0.9): say("tense"),
    (-0.72, -0.9): say("gloomy"),
    (0.72, -0.9): say("calm"),
}


def affect_path(prediction: Prediction) -> go.Figure:
    """Each moment a point, coloured by its time and joined in order; the first one is marked."""
    if not prediction.moments:
        return empty(say("This model gives no valence and arousal for the clip."))
    moments = prediction.moments
    figure = styled(go.Figure(), height=360)
    figure.add_scatter(
        x=[moment.valence for moment in moments],
        y=[moment.arousal for moment in moments],
        mode="lines+markers",
        line={"color": "rgba(128,138,150,0.6)", "width": 2},
        marker={
            "color": [moment.time_s for moment in moments],
            "colorscale": "Cividis",
            "size": 11,
            "symbol": ["star", *["circle"] * (len(moments) - 1)],
            "line": {"width": 1, "color": INK},
            "colorbar": {"title": {"text": say("seconds"), "side": "right"}, "thickness": 12},
        },
        customdata=[moment.time_s for moment in moments],
        hovertemplate=hover_text(
            "{time_s} s: valence {x}, arousal {y}",
            time_s="%{customdata:.1f}",
            x="%{x:+.2f}",
            y="%{y:+.2f}",
        ),
    )
    for (x, y), word in CORNERS.items():
        figure.add_annotation(x=x, y=y, text=word, showarrow=False, font={"size": 14})
    zero = {"zeroline": True, "zerolinecolor": "rgba(128,128,128,0.7)"}
    figure.update_xaxes(title=say("Valence: unpleasant to pleasant"), range=[-1, 1], **zero)
    figure.update_yaxes(
        title=say("Arousal: calm to excited"), range=[-1, 1], ticksuffix="  ", **zero
    )
    return figure


def summarise_affect(prediction: Prediction) -> str:
    """Where the path starts and ends, in a sentence."""
    if not prediction.moments:
        return say("This model gives no valence and arousal for the clip.")
    first, last = prediction.moments[0], prediction.moments[-1]
    return say(
        "The path goes from valence {valence:+.2f}, arousal {arousal:+.2f} at {time_s:.1f} s "
        "(star) to {last_valence:+.2f}, {last_arousal:+.2f} at {last_s:.1f} s.",
        **vars(first),
        last_valence=last.valence,
        last_arousal=last.arousal,
        last_s=last.time_s,
    )
