"""One explanation as one HTML file that needs nothing else: no network, no folder beside it."""

import base64
import html
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from emo_core.io.atomic import atomic_path
from emo_core.viz import attribution as figures
from emo_core.viz.overlay import overlay_frames
from emo_core.viz.prediction import percent, probability_bars

if TYPE_CHECKING:
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.attribution.rollout import Matrix
    from emo_core.attribution.sanity_checks import SanityChecks
    from emo_core.attribution.types import Attribution
    from emo_core.checkpoint import Checkpoint
    from emo_core.inference.prediction import Prediction
    from emo_core.preprocess.sample import Sample

CAPTION = (
    "The score is the model's number for what is explained: the higher, the more it says so. Maps "
    "show what moves this number, not what a person feels or why."
)
STYLE = """
:root{color-scheme:light dark}
body{font:17px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1.2rem;
 background:#fff;color:#1c2024}
h1{font-size:1.7rem;line-height:1.2}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .8rem .3rem 0;
 border-bottom:1px solid #8884;vertical-align:top}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px}
figure{margin:0}figure img{width:100%;border-radius:4px;display:block}
figcaption,.quiet{color:#5c646c;font-size:.9rem}
.verdict{border-left:5px solid #E69F00;padding:.5rem 1rem;background:#e69f0018}
.scale{height:14px;border-radius:3px;background:linear-gradient(90deg,#0072B2,#8885,#D55E00)}
.scale.half{background:linear-gradient(90deg,#8885,#D55E00)}
.ends{display:flex;justify-content:space-between;font-size:.9rem}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e3e6ea}
 figcaption,.quiet{color:#a4acb4}}
"""


@dataclass(frozen=True)
class Explanation:
    """Everything a report tells."""

    checkpoint: "Checkpoint"
    prediction: "Prediction"
    sample: "Sample"  # the explained window
    attribution: "Attribution"
    share: dict[str, float]
    matrix: "Matrix | None"
    trust: "SanityChecks | None"
    changes: "tuple[WhatIf, ...]"


def write_report(path: Path, explanation: Explanation) -> None:
    """Write the file; it appears whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(page(explanation), encoding="utf-8", errors="replace")


def page(explanation: Explanation) -> str:
    """The whole report as HTML; plotly's code is in it once."""
    title = _title(explanation)
    parts = (
        _answer(explanation),
        _clock(explanation),
        _frames(explanation),
        _sound(explanation),
        _modalities(explanation),
        _attention(explanation),
        _trust(explanation),
        _changes(explanation),
        _settings(explanation),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>{_safe(title)}</h1>"
        f'<p class="quiet">{CAPTION}</p>{"".join(parts)}</body></html>\n'
    )


def _title(explanation: Explanation) -> str:
    """What is explained: the answer, or a label that is not the answer."""
    prediction, target = explanation.prediction, explanation.attribution.target
    given = prediction.present
    if given is None:
        given = () if prediction.abstains or prediction.label is None else (prediction.label,)
    if target.label in given:
        return f"Why {prediction.clip} was called “{target}”"
    does = "raises and lowers" if explanation.attribution.signed else "matters for"
    return f"What {does} “{target}” in {prediction.clip}"


def _safe(text: object) -> str:
    return html.escape(str(text))


def _section(title: str, body: str, text: str = "") -> str:
    return f"<section><h2>{_safe(title)}</h2>{body}<p>{_safe(text)}</p></section>"


def _figure(figure: go.Figure) -> str:
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displayModeBar": False, "responsive": True},
    )


def _answer(explanation: Explanation) -> str:
    prediction = explanation.prediction
    notes = "".join(f"<li>{_safe(note)}</li>" for note in prediction.notes)
    notes = f'<ul class="quiet">{notes}</ul>' if notes else ""
    if prediction.nobody:
        return _section("Nobody to read", notes, prediction.nobody)
    if prediction.values is not None:
        words = ", ".join(f"{name} {value:+.2f}" for name, value in prediction.values.items())
        return _section("What the model says", notes, words)
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    words = ", ".join(f"{label} {percent(value)}" for label, value in ranked)
    unsure = "Not sure: " if prediction.abstains else ""
    return _section(
        "What the model says", _figure(probability_bars(prediction)) + notes, f"{unsure}{words}."
    )


def _clock(explanation: Explanation) -> str:
    figure = figures.joint_timeline(explanation.attribution, explanation.prediction)
    text = figures.summarise_clock(explanation.attribution)
    if "tokens" in explanation.attribution.maps:
        text += " " + figures.summarise_words(explanation.attribution)
    return _section("When: picture and sound over time", _figure(figure), text)


def _frames(explanation: Explanation) -> str:
    shown = overlay_frames(explanation.attribution, explanation.sample)
    if not shown:
        return _section("Where: the picture", "", "No picture was explained.")
    images = "".join(
        f'<figure><img alt="frame at {caption}" src="{_png(image)}">'
        f"<figcaption>{caption}</figcaption></figure>"
        for image, caption in shown
    )
    ends, kind = ("lowers the score", "raises the score"), "scale"
    if not explanation.attribution.signed:
        ends, kind = ("hardly matters", "matters (strength only)"), "scale half"
    words = "".join(f"<span>{end}</span>" for end in ends)
    scale = f'<div class="{kind}"></div><div class="ends">{words}</div>'
    text = (
        f"{len(shown)} of the model's frames in grey, and over them the map, slightly smoothed. "
        "Frames and sound share one colour scale: the picture is pale where it counts little "
        "beside the sound."
    )
    return _section("Where: the picture", f'{scale}<div class="frames">{images}</div>', text)


def _png(image: np.ndarray) -> str:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise ValueError(f"a picture of shape {image.shape} can't be encoded")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


def _sound(explanation: Explanation) -> str:
    found, sample = explanation.attribution, explanation.sample
    if "mel" not in found.maps or not bool(sample.mel_mask.any()):
        return _section("Which sound", "", figures.NO_SOUND)
    figure = figures.mel_overlay(found, sample, explanation.checkpoint.sample.mel)
    colours = "orange raises the score, blue lowers it"
    text = (
        "The sound as the model got it (log-mel spectrogram) in grey, and over it the map: "
        f"{colours if found.signed else 'the stronger the orange, the more it matters'}. Frames "
        "and sound share one colour scale: the sound is pale where it counts little beside the "
        "picture."
    )
    return _section("Which sound", _figure(figure), text)


def _modalities(explanation: Explanation) -> str:
    return _section(
        "How much picture and sound add",
        _figure(figures.share_bars(explanation.share)),
        figures.summarise_share(explanation.share),
    )


def _attention(explanation: Explanation) -> str:
    if explanation.matrix is None:
        return ""
    return _section(
        "Which sound the picture attends to",
        _figure(figures.attention_matrix(explanation.matrix)),
        figures.summarise_attention(explanation.matrix),
    )


def _trust(explanation: Explanation) -> str:
    if explanation.trust is None:
        return _section("Can this map be trusted?", "", "This map was not checked.")
    rows = "".join(
        f"<tr><th>{_safe(name)}</th><td>{_safe(value)}</td><td>{_safe(meaning)}</td></tr>"
        for name, value, meaning in figures.trust_rows(explanation.trust)
    )
    verdict = f'<p class="verdict">{_safe(explanation.trust.verdict)}</p>'
    body = f"{verdict}<table>{rows}</table>{_figure(figures.trust_curves(explanation.trust))}"
    return _section(
        "Can this map be trusted?",
        body,
        "In a good map the solid lines are far from the dotted ones: below them where parts are "
        "hidden, above them where parts are shown.",
    )


def _changes(explanation: Explanation) -> str:
    label = explanation.attribution.target.label
    said = (figures.summarise_what_if(change, label) for change in explanation.changes)
    items = "".join(f"<li>{_safe(words)}</li>" for words in said)
    return _section("What if?", f"<ul>{items}</ul>") if items else ""


def _settings(explanation: Explanation) -> str:
    found = explanation.attribution
    spent = found.forward_passes + (explanation.trust.forward_passes if explanation.trust else 0)
    rows = {
        "Clip": explanation.prediction.clip,
        "Window": f"{found.span.start_s:.2f} to {found.span.end_s:.2f} s",
        "Model": found.model,
        "Method": f"{found.method}, preset {found.preset}",
        "Target": f"score of “{found.target}”, {found.score:.3f}",
        "Baseline (what stands in for a hidden part)": found.baseline,
        "Cost": f"{spent} forward passes, {found.seconds:.1f} s for the map",
        "Versions": ", ".join(
            [f"Python {platform.python_version()}"]
            + [f"{name} {version(name)}" for name in ("torch", "captum", "av", "numpy", "plotly")]
        ),
    }
    cells = "".join(f"<tr><th>{k}</th><td>{_safe(v)}</td></tr>" for k, v in rows.items())
    return _section("Settings", f"<table>{cells}</table>")
