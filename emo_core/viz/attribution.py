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
from emo_core.messages import Message, say, say_list, say_name
from emo_core.viz.prediction import empty, hover_text, percent, styled, with_hz

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
NO_ATTENTION = say("This model has no attention from picture to sound.")
NO_SOUND = say("No sound was explained, so there is no spectrogram.")
NAMES = {
    "picture": say("Picture"),
    "sound": say("Sound"),
    "video": say("Picture"),
    "audio": say("Sound"),
    "text": say("Words"),
}


SHARE = {
    "picture": "picture {value:+.2f}",
    "sound": "sound {value:+.2f}",
    "video": "picture {value:+.2f}",
    "audio": "sound {value:+.2f}",
    "text": "words {value:+.2f}",
}
HARDLY_COUNTED = {
    "picture": say("the picture hardly counted"),
    "sound": say("the sound hardly counted"),
}
DID_NOT_COUNT = {
    "picture": say("the picture did not count"),
    "sound": say("the sound did not count"),
}
COUNTED = {  # modality, and what it does to the score
    ("picture", "raises"): "the picture raises it most from {start_s:.1f} to {end_s:.1f} s",
    ("picture", "lowers"): "the picture lowers it most from {start_s:.1f} to {end_s:.1f} s",
    ("picture", "matters"): "the picture matters for it most from {start_s:.1f} to {end_s:.1f} s",
    ("sound", "raises"): "the sound raises it most from {start_s:.1f} to {end_s:.1f} s",
    ("sound", "lowers"): "the sound lowers it most from {start_s:.1f} to {end_s:.1f} s",
    ("sound", "matters"): "the sound matters for it most from {start_s:.1f} to {end_s:.1f} s",
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
            name=say("Probability"),
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
            hovertemplate=hover_text("{x} s: {y}", x="%{x:.2f}", y="%{y:+.3f}"),
            row=row,
            col=1,
        )
        low = -most if attribution.signed else 0
        figure.update_yaxes(range=[low, most], title=NAMES[name], row=row, col=1)
    styled(figure, height=130 * (len(rows) + (curve is not None)) + 90)
    figure.update_layout(showlegend=False, bargap=0)
    figure.update_yaxes(zeroline=True, zerolinecolor="rgba(128,128,128,0.7)", ticksuffix="  ")
    figure.update_xaxes(
        title=say("Seconds of the clip"), row=len(rows) + (curve is not None), col=1
    )
    return figure


def _probabilities(prediction: "Prediction", label: str) -> tuple[list, list, str] | None:
    """Steps of one label over the windows; None of a single window, which is one number."""
    spans = prediction.timeline
    if len(spans) < 2 or not spans[0].probabilities:
        return None
    values = [span.probabilities[label] for span in spans]
    times_s = [span.start_s for span in spans] + [spans[-1].end_s]
    return times_s, [*values, values[-1]], say("P({label})", label=say_name(label))


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
        hovertemplate=hover_text("{x} s: {y}", x="%{x:.2f}", y="%{z:+.2g}"),
        **place,
    )
    styled(figure, height=340)
    figure.update_xaxes(title=say("Seconds of the clip"), showgrid=False)
    figure.update_yaxes(title=say("Mel band"), showgrid=False)
    return with_hz(figure, config) if config is not None else figure


def share_bars(share: dict[str, float]) -> go.Figure:
    """What each modality adds to the score, exactly."""
    values = list(share.values())
    bars = go.Bar(
        x=values,
        y=[NAMES[name] for name in share],
        orientation="h",
        marker_color=[RAISES if v >= 0 else LOWERS for v in values],
        text=[say("{value:+.2f}", value=v) for v in values],
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
        return empty(NO_ATTENTION)
    heat = go.Heatmap(
        z=matrix.weights.numpy(),
        x=matrix.audio_s.numpy(),
        y=matrix.video_s.numpy(),
        colorscale="Cividis",
        zmin=0,
        colorbar={"title": {"text": say("weight"), "side": "right"}, "thickness": 14},
        hovertemplate=hover_text(
            "picture {y} s, sound {x} s: {z}", y="%{y:.2f}", x="%{x:.2f}", z="%{z:.3f}"
        ),
    )
    figure = styled(go.Figure(heat), height=360)
    figure.update_xaxes(title=say("Sound, seconds"), showgrid=False)
    figure.update_yaxes(title=say("Picture, seconds"), showgrid=False)
    return figure


def trust_curves(trust: "SanityChecks") -> go.Figure:
    """The score while parts are hidden and shown, in the map's order and in random order."""
    curves, percent = trust.curves, [100 * f for f in trust.curves.fractions]
    figure = go.Figure()
    for name, values, colour, dash in (
        (say("Hidden, strongest first"), curves.deletion, LOWERS, "solid"),
        (say("Hidden, random order"), curves.random_deletion, LOWERS, "dot"),
        (say("Shown, strongest first"), curves.insertion, RAISES, "solid"),
        (say("Shown, random order"), curves.random_insertion, RAISES, "dot"),
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
    figure.update_xaxes(title=say("Parts of picture and sound, %"))
    figure.update_yaxes(title=say("Score"), ticksuffix="  ")
    return figure


def _bar(attribution: "Attribution", most: float) -> dict:
    if not attribution.signed:
        title = {"text": say("strength"), "side": "right"}
        return {"title": title, "tickvals": [0], "ticktext": ["0"], "thickness": 14}  # no unit
    words = [say("lowers"), "0", say("raises")]
    return {"tickvals": [-most, 0, most], "ticktext": words, "thickness": 14}


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
    found = to_timeline(attribution).peaks()
    peaks = {name: abs(peak.value) if peak else 0.0 for name, peak in found.items()}
    return peaks[AXES[name]] / (max(peaks.values()) or 1.0)


def summarise_clock(attribution: "Attribution", parts: int = 20) -> str:
    """When picture and sound moved the score most, in a sentence."""
    peaks = to_timeline(attribution, parts).peaks()
    strongest = max(abs(peak.value) if peak else 0.0 for peak in peaks.values())
    said = []
    for name, peak in peaks.items():
        if peak is None or abs(peak.value) <= SLIGHT * strongest:
            said.append(HARDLY_COUNTED[name] if peak else DID_NOT_COUNT[name])
            continue
        does = "raises" if peak.value > 0 else "lowers"
        does = does if attribution.signed else "matters"
        said.append(say(COUNTED[name, does], start_s=peak.start_s, end_s=peak.end_s))
    return say(
        "Score of “{target}”: {words}.", target=attribution.target, words=say_list(said, "; ")
    )


def summarise_words(attribution: "Attribution") -> str:
    """How much the words did, in a sentence."""
    total = float(over_time(attribution, "tokens").sum())
    return say("Together, the words change the score by {total:+.2f}.", total=total)


def summarise_share(share: dict[str, float]) -> str:
    """The modality share in a sentence."""
    said = say_list(say(SHARE[name], value=value) for name, value in share.items())
    return say(
        "What each adds to the score of an empty clip: {said} (exact Shapley values).", said=said
    )


def summarise_attention(matrix: "Matrix | None") -> str:
    """How far apart in time the strongest attention is, in a sentence."""
    if matrix is None:
        return NO_ATTENTION
    apart = (matrix.audio_s[matrix.weights.argmax(1)] - matrix.video_s).abs().mean()
    return say(
        "On average, a moment of the picture attends most to sound {apart_s:.1f} s away. Attention "
        "shows where the model looked, not why it decided.",
        apart_s=float(apart),
    )


def trust_rows(trust: "SanityChecks") -> list[tuple[str, str, str]]:
    """(check, what was found, what it means) for people."""
    curves = trust.curves
    rows: list[tuple[str, str, str]] = [
        (
            say("Hiding what it marks"),
            _signed(curves.deletion_gain),
            say("above 0 is good: the score falls further than when random parts are hidden"),
        ),
        (
            say("Showing what it marks"),
            _signed(curves.insertion_gain),
            say("above 0 is good: the score rises sooner than when random parts are shown"),
        ),
        (
            say("Untrained copy"),
            _signed(trust.twin),
            say("rank correlation with the map of the same model, untrained; near 0 is good"),
        ),
    ]
    if trust.gap is not None:
        off = say("off by {percent:.1f} %", percent=100 * trust.gap)
        what = say("near 0 is good: the values add up to the change in the score they explain")
        rows.insert(0, (say("Completeness"), off, what))
    if trust.contrast is not None:
        name = say("Against “{label}”", label=say_name(str(trust.contrast_label)))
        what = say("rank correlation with that label's map; near 1: it says nothing about this one")
        rows.append((name, _signed(trust.contrast), what))
    if trust.seed is not None:
        what = say("rank correlation of the two; near 1 is good")
        rows.append((say("Another seed"), _signed(trust.seed), what))
    if trust.on_faces is not None and trust.face_area is not None:
        what = say(
            "of the picture's map lies on faces, which fill {percent:.0f} % of it",
            percent=100 * trust.face_area,
        )
        rows.append((say("On faces"), say("{percent:.0f} %", percent=100 * trust.on_faces), what))
    return rows


def _signed(value: float) -> Message:
    return say("{value:+.2f}", value=value)


def new_leader(found: "WhatIf") -> str | None:
    """The label that a change made the most probable by what is shown; None where none did."""
    first, now = (max(answer, key=answer.__getitem__) for answer in (found.before, found.after))
    values = min(*found.before.values(), *found.after.values()) < 0
    if values or first == now or percent(found.after[first]) == percent(found.after[now]):
        return None
    return now


def summarise_what_if(found: "WhatIf", label: str) -> str:
    """A changed answer about one label in a sentence, and what is most probable if that changed."""
    before, after = found.before[label], found.after[label]
    values = min(found.before.values()) < 0 or min(found.after.values()) < 0
    shown = _signed if values else percent  # valence and arousal, or a probability
    said = say(
        "{change}: {label} {before} → {after}",
        change=found.change,
        label=say_name(label),
        before=shown(before),
        after=shown(after),
    )
    if now := new_leader(found):
        said = say("{said}; most probable is now {label}", said=said, label=say_name(now))
    return say("{said} ({faces})", said=said, faces=found.faces) if found.faces else said
