"""Attributions -> figures, and the sentences that say the same.

Orange raises the score, blue lowers it, and bars point up or down: never colour alone. One scale
holds for all frames, for picture and sound on the clock, and for the colours of both.
"""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emo_core.attribution.timeline import over_time, to_timeline
from emo_core.attribution.types import AXES
from emo_core.viz.prediction import empty, percent, styled, with_hz

if TYPE_CHECKING:
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.attribution.rollout import Matrix
    from emo_core.attribution.sanity_checks import SanityChecks
    from emo_core.attribution.types import Attribution
    from emo_core.inference.prediction import Prediction
    from emo_core.preprocess.log_mel import MelConfig
    from emo_core.preprocess.sample import Sample

RAISES, LOWERS = "#D55E00", "#0072B2"  # Okabe and Ito 2008
SLIGHT = 0.05  # of the other modality's strongest moment: not worth naming a second
CLEAR = "rgba(128,128,128,0)"
DIVERGING = [[0, "rgba(0,114,178,0.8)"], [0.5, CLEAR], [1, "rgba(213,94,0,0.8)"]]  # seen through
UPPER_HALF = [[0, CLEAR], DIVERGING[2]]  # of maps without a sign
NO_SOUND = "No sound was explained, so there is no spectrogram."
NAMES = {
    "picture": "Picture",
    "sound": "Sound",
    "video": "Picture",
    "audio": "Sound",
    "text": "Words",
}


def joint_timeline(
    attribution: "Attribution", prediction: "Prediction | None" = None, parts: int = 20
) -> go.Figure:
    """Probability, picture and sound over the same seconds; picture and sound on one scale."""
    clock = to_timeline(attribution, parts)
    both = [("picture", clock.picture), ("sound", clock.sound)]
    rows = [(name, values.numpy()) for name, values in both if values is not None]
    curve = _probabilities(prediction, attribution.target.label) if prediction else None
    figure = make_subplots(
        rows=len(rows) + (curve is not None), cols=1, shared_xaxes=True, vertical_spacing=0.09
    )
    if curve is not None:
        figure.add_scatter(
            x=curve[0],
            y=curve[1],
            line={"shape": "hv", "color": "#8c8c8c"},
            name="Probability",
            row=1,
            col=1,
        )
        figure.update_yaxes(range=[0, 1.05], tickformat=".0%", title=curve[2], row=1, col=1)
    edges_s = clock.edges_s.numpy()
    most = max(float(np.abs(values).max()) for _, values in rows) * 1.08 or 1.0
    for row, (name, values) in enumerate(rows, start=1 + (curve is not None)):
        figure.add_bar(
            x=(edges_s[1:] + edges_s[:-1]) / 2,
            y=values,
            width=np.diff(edges_s),
            marker={"color": [RAISES if v >= 0 else LOWERS for v in values], "line_width": 0},
            hovertemplate="%{x:.2f} s: %{y:+.3f}<extra></extra>",
            row=row,
            col=1,
        )
        low = -most if attribution.signed else 0
        figure.update_yaxes(range=[low, most], title=NAMES[name], row=row, col=1)
    styled(figure, height=130 * (len(rows) + (curve is not None)) + 90)
    figure.update_layout(showlegend=False, bargap=0)
    figure.update_yaxes(zeroline=True, zerolinecolor="rgba(128,128,128,0.7)", ticksuffix="  ")
    figure.update_xaxes(title="Seconds of the clip", row=len(rows) + (curve is not None), col=1)
    return figure


def _probabilities(prediction: "Prediction", label: str) -> tuple[list, list, str] | None:
    """Steps of one label over the windows; None of a single window, which is one number."""
    spans = prediction.timeline
    if len(spans) < 2 or not spans[0].probabilities:
        return None
    values = [span.probabilities[label] for span in spans]
    times_s = [span.start_s for span in spans] + [spans[-1].end_s]
    return times_s, [*values, values[-1]], f"P({label})"


def mel_overlay(
    attribution: "Attribution", sample: "Sample", config: "MelConfig | None" = None
) -> go.Figure:
    """The log-mel in grey, and over it what raised and lowered the score."""
    if "mel" not in attribution.maps or not bool(sample.mel_mask.any()):
        return empty(NO_SOUND)
    real = sample.mel_mask.numpy()
    mel = np.where(real[:, None], sample.mel.numpy(), np.nan)
    values = smoothed(attribution.maps["mel"].numpy(), 0.012)
    most = scale_of(values) / (modality_strength(attribution, "mel") or 1.0)
    times_s = attribution.times_s["mel"].numpy()
    step_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.02
    place = {"x0": float(times_s[0]), "dx": step_s}
    figure = go.Figure()
    figure.add_heatmap(z=mel.T, colorscale="Greys_r", showscale=False, hoverinfo="skip", **place)
    figure.add_heatmap(
        z=values.T,
        zmin=-most if attribution.signed else 0,
        zmax=most,
        colorscale=DIVERGING if attribution.signed else UPPER_HALF,
        colorbar=_bar(attribution, most),
        hovertemplate="%{x:.2f} s: %{z:+.2g}<extra></extra>",
        **place,
    )
    styled(figure, height=340)
    figure.update_xaxes(title="Seconds of the clip", showgrid=False)
    figure.update_yaxes(title="Mel band", showgrid=False)
    return with_hz(figure, config) if config is not None else figure


def share_bars(share: dict[str, float]) -> go.Figure:
    """What each modality adds to the score, exactly."""
    values = list(share.values())
    bars = go.Bar(
        x=values,
        y=[NAMES[name] for name in share],
        orientation="h",
        marker_color=[RAISES if v >= 0 else LOWERS for v in values],
        text=[f"{v:+.2f}" for v in values],
        textposition="auto",
        hoverinfo="skip",
    )
    figure = styled(go.Figure(bars), height=90 + 50 * len(values))
    figure.update_xaxes(zeroline=True, zerolinecolor="rgba(128,128,128,0.7)")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return figure


def attention_matrix(matrix: "Matrix | None") -> go.Figure:
    """Which moment of the sound each moment of the picture attends to."""
    if matrix is None:
        return empty("This model has no attention from picture to sound.")
    heat = go.Heatmap(
        z=matrix.weights.numpy(),
        x=matrix.audio_s.numpy(),
        y=matrix.video_s.numpy(),
        colorscale="Cividis",
        zmin=0,
        colorbar={"title": {"text": "weight", "side": "right"}, "thickness": 14},
        hovertemplate="picture %{y:.2f} s, sound %{x:.2f} s: %{z:.3f}<extra></extra>",
    )
    figure = styled(go.Figure(heat), height=360)
    figure.update_xaxes(title="Sound, seconds", showgrid=False)
    figure.update_yaxes(title="Picture, seconds", showgrid=False)
    return figure


def trust_curves(trust: "SanityChecks") -> go.Figure:
    """The score while parts are hidden and shown, in the map's order and in random order."""
    curves, percent = trust.curves, [100 * f for f in trust.curves.fractions]
    figure = go.Figure()
    for name, values, colour, dash in (
        ("Hidden, strongest first", curves.deletion, LOWERS, "solid"),
        ("Hidden, random order", curves.random_deletion, LOWERS, "dot"),
        ("Shown, strongest first", curves.insertion, RAISES, "solid"),
        ("Shown, random order", curves.random_insertion, RAISES, "dot"),
    ):
        figure.add_scatter(
            x=percent,
            y=values,
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2.5},
        )
    styled(figure, height=340)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="Parts of picture and sound, %")
    figure.update_yaxes(title="Score", ticksuffix="  ")
    return figure


def _bar(attribution: "Attribution", most: float) -> dict:
    if not attribution.signed:
        return {"title": {"text": "strength", "side": "right"}, "thickness": 14}
    return {"tickvals": [-most, 0, most], "ticktext": ["lowers", "0", "raises"], "thickness": 14}


def smoothed(values: np.ndarray, share: float) -> np.ndarray:
    """(..., H, W) blurred by `share` of the longer side: single pixels can't be read."""
    import cv2

    sigma = max(share * max(values.shape[-2:]), 0.5)
    flat = values.reshape(-1, *values.shape[-2:]).astype(np.float32)
    return np.stack([cv2.GaussianBlur(v, (0, 0), sigma) for v in flat]).reshape(values.shape)


def scale_of(values: np.ndarray) -> float:
    """The value at which colour is full: all but one in 200 are below."""
    return float(np.quantile(np.abs(values), 0.995)) or 1.0


def modality_strength(attribution: "Attribution", name: str) -> float:
    """The strongest moment of an input's modality on the clock, 1 where it is the strongest of all.

    Colours are multiplied by it, so that those of picture and sound are on one scale.
    """
    clock = to_timeline(attribution)
    rows = {"picture": clock.picture, "sound": clock.sound}
    peaks = {k: 0.0 if x is None else float(x.abs().max()) for k, x in rows.items()}
    return peaks[AXES[name]] / (max(peaks.values()) or 1.0)


def summarise_clock(attribution: "Attribution", parts: int = 20) -> str:
    """When picture and sound moved the score most, in a sentence."""
    clock, said = to_timeline(attribution, parts), []
    rows = {"picture": clock.picture, "sound": clock.sound}
    strongest = max((float(x.abs().max()) for x in rows.values() if x is not None), default=0.0)
    for name, values in rows.items():
        most = 0.0 if values is None else float(values.abs().max())
        if values is None or most <= SLIGHT * strongest:
            said.append(f"the {name} " + ("hardly counted" if most else "did not count"))
            continue
        at = int(values.abs().argmax())
        start_s, end_s = clock.edges_s[at : at + 2].tolist()
        does = "raises" if float(values[at]) > 0 else "lowers"
        does = does if attribution.signed else "matters for"
        said.append(f"the {name} {does} it most from {start_s:.1f} to {end_s:.1f} s")
    words = "; ".join(said)
    return f"Score of “{attribution.target}”: {words}."


def summarise_words(attribution: "Attribution") -> str:
    """How much the words did, in a sentence."""
    total = float(over_time(attribution, "tokens").sum())
    return f"Together, the words change the score by {total:+.2f}."


def summarise_share(share: dict[str, float]) -> str:
    """The modality share in a sentence."""
    said = ", ".join(f"{NAMES[name].lower()} {value:+.2f}" for name, value in share.items())
    return f"What each adds to the score of an empty clip: {said} (exact Shapley values)."


def summarise_attention(matrix: "Matrix | None") -> str:
    """How far apart in time the strongest attention is, in a sentence."""
    if matrix is None:
        return "This model has no attention from picture to sound."
    apart = (matrix.audio_s[matrix.weights.argmax(1)] - matrix.video_s).abs().mean()
    return (
        f"On average, a moment of the picture attends most to sound {float(apart):.1f} s away. "
        "Attention shows where the model looked, not why it decided."
    )


def trust_rows(trust: "SanityChecks") -> list[tuple[str, str, str]]:
    """(check, what was found, what it means) for people."""
    curves = trust.curves
    rows = [
        (
            "Hiding what it marks",
            f"{curves.deletion_gain:+.2f}",
            "above 0 is good: the score falls further than when random parts are hidden",
        ),
        (
            "Showing what it marks",
            f"{curves.insertion_gain:+.2f}",
            "above 0 is good: the score rises sooner than when random parts are shown",
        ),
        (
            "Untrained copy",
            f"{trust.twin:+.2f}",
            "rank correlation with the map of the same model, untrained; near 0 is good",
        ),
    ]
    if trust.gap is not None:
        rows.insert(
            0,
            (
                "Completeness",
                f"off by {100 * trust.gap:.1f} %",
                "near 0 is good: the values add up to the change in the score they explain",
            ),
        )
    if trust.contrast is not None:
        what = "rank correlation with that label's map; near 1: it says nothing about this one"
        rows.append((f"Against “{trust.contrast_label}”", f"{trust.contrast:+.2f}", what))
    if trust.seed is not None:
        rows.append(
            ("Another seed", f"{trust.seed:+.2f}", "rank correlation of the two; near 1 is good")
        )
    if trust.on_faces is not None and trust.face_area is not None:
        what = f"of the picture's map lies on faces, which fill {100 * trust.face_area:.0f} % of it"
        rows.append(("On faces", f"{100 * trust.on_faces:.0f} %", what))
    return rows


def summarise_what_if(found: "WhatIf", label: str) -> str:
    """A changed answer about one label in a sentence, and what is most probable if that changed."""
    faces = f" ({found.faces})" if found.faces else ""
    before, after = found.before[label], found.after[label]
    if min(found.before.values()) < 0 or min(found.after.values()) < 0:  # valence and arousal
        return f"{found.change}: {label} {before:+.2f} → {after:+.2f}{faces}"
    said = f"{found.change}: {label} {percent(before)} → {percent(after)}"
    first, now = (max(answer, key=answer.__getitem__) for answer in (found.before, found.after))
    return said + faces if first == now else f"{said}; most probable is now {now}{faces}"
