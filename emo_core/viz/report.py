"""One explanation as one HTML file that needs nothing else: no network, no folder beside it."""

import base64
import html
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from emo_core.attribution.timeline import in_space
from emo_core.io.atomic import atomic_path
from emo_core.messages import ENGLISH, in_language, say, say_list, say_name
from emo_core.viz import attribution as figures
from emo_core.viz.overlay import overlay_frames
from emo_core.viz.prediction import figure_in, percent, probability_bars

if TYPE_CHECKING:
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.attribution.rollout import Matrix
    from emo_core.attribution.sanity_checks import SanityChecks
    from emo_core.attribution.types import Attribution
    from emo_core.checkpoint import Checkpoint
    from emo_core.inference.prediction import Prediction
    from emo_core.preprocess.sample import Sample

EVEN = 1e-4  # of the largest value, by which values of one frame differ that are equal
CAPTION = say(
    "The score is the model's number for what is explained: the higher, the more it says so. Maps "
    "show what moves this number, not what a person feels or why."
)
VALUES = {"valence": "valence {value:+.2f}", "arousal": "arousal {value:+.2f}"}
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


@dataclass(frozen=True)
class _Writer:
    """HTML in one language."""

    language: str

    def text(self, words: object) -> str:
        return html.escape(in_language(str(words), self.language))

    def section(self, title: str, body: str, text: str = "") -> str:
        return f"<section><h2>{self.text(title)}</h2>{body}<p>{self.text(text)}</p></section>"

    def figure(self, figure: go.Figure) -> str:
        return figure_in(figure, self.language).to_html(
            full_html=False,
            include_plotlyjs=False,
            config={"displayModeBar": False, "responsive": True},
        )

    def bullets(self, sentences: Iterable[str], style: str = "") -> str:
        items = "".join(f"<li>{self.text(sentence)}</li>" for sentence in sentences)
        return f"<ul{style}>{items}</ul>" if items else ""


def write_report(path: Path, explanation: Explanation, language: str = ENGLISH) -> None:
    """Write the file; it appears whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(page(explanation, language), encoding="utf-8", errors="replace")


def page(explanation: Explanation, language: str = ENGLISH) -> str:
    """The whole report as HTML; plotly's code is in it once."""
    write = _Writer(language)
    title = write.text(_title(explanation))
    parts = (
        _answer(explanation, write),
        _clock(explanation, write),
        _frames(explanation, write),
        _sound(explanation, write),
        _modalities(explanation, write),
        _attention(explanation, write),
        _trust(explanation, write),
        _changes(explanation, write),
        _settings(explanation, write),
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>{title}</h1>"
        f'<p class="quiet">{write.text(CAPTION)}</p>{"".join(parts)}</body></html>\n'
    )


def _title(explanation: Explanation) -> str:
    """What is explained: the answer, or a label that is not the answer."""
    prediction, target = explanation.prediction, explanation.attribution.target
    given = prediction.present
    if given is None:
        given = () if prediction.abstains or prediction.label is None else (prediction.label,)
    about = {"clip": prediction.clip, "target": target}
    if target.label in given:
        return say("Why {clip} was called “{target}”", **about)
    if explanation.attribution.signed:
        return say("What raises and lowers “{target}” in {clip}", **about)
    return say("What matters for “{target}” in {clip}", **about)


def _answer(explanation: Explanation, write: _Writer) -> str:
    prediction = explanation.prediction
    notes = write.bullets(prediction.notes, ' class="quiet"')
    if prediction.nobody:
        return write.section(say("Nobody to read"), notes, prediction.nobody)
    title = say("What the model says")
    if prediction.values is not None:
        values = prediction.values.items()
        return write.section(title, notes, say_list(say(VALUES[n], value=v) for n, v in values))
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    words = say_list(
        say("{label} {percent}", label=say_name(label), percent=percent(value))
        for label, value in ranked
    )
    unsure = say("Not sure: ") if prediction.abstains else ""
    figure = write.figure(probability_bars(prediction))
    return write.section(title, figure + notes, say("{unsure}{words}.", unsure=unsure, words=words))


def _clock(explanation: Explanation, write: _Writer) -> str:
    figure = figures.joint_timeline(explanation.attribution, explanation.prediction)
    found = explanation.attribution
    said = [figures.summarise_clock(found)]
    if "tokens" in found.maps and found.signed and bool(explanation.sample.token_mask.any()):
        said.append(figures.summarise_words(found))
    title = say("When: picture and sound over time")
    return write.section(title, write.figure(figure), say_list(said, " "))


def _frames(explanation: Explanation, write: _Writer) -> str:
    title = say("Where: the picture")
    shown = overlay_frames(explanation.attribution, explanation.sample)
    if not shown:
        return write.section(title, "", say("No picture was explained."))
    images = "".join(
        f'<figure><img alt="{write.text(say("frame at {time}", time=caption))}" '
        f'src="{_png(image)}"><figcaption>{write.text(caption)}</figcaption></figure>'
        for image, caption in shown
    )
    ends, kind = (say("lowers the score"), say("raises the score")), "scale"
    if not explanation.attribution.signed:
        ends, kind = (say("hardly matters"), say("matters (strength only)")), "scale half"
    words = "".join(f"<span>{write.text(end)}</span>" for end in ends)
    scale = f'<div class="{kind}"></div><div class="ends">{words}</div>'
    text = say(
        "{count} of the model's frames in grey, and over them the map, slightly smoothed. Frames "
        "and sound share one colour scale: the picture is pale where it counts little beside the "
        "sound.",
        count=len(shown),
    )
    if _has_no_places(explanation.attribution):
        text = say_list(
            [text, say("This method tells when, not where: a frame has one value.")], " "
        )
    return write.section(title, f'{scale}<div class="frames">{images}</div>', text)


def _has_no_places(found: "Attribution") -> bool:
    """Whether every frame of the picture has one value all over, as of methods that tell when."""
    name = "video" if "video" in found.maps else "faces"
    values = in_space(found, name).flatten(1)  # (T, H*W)
    apart = (values.amax(1) - values.amin(1)).max()
    return bool(values.any() and apart <= EVEN * values.abs().max())


def _png(image: np.ndarray) -> str:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise ValueError(f"a picture of shape {image.shape} can't be encoded")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


def _sound(explanation: Explanation, write: _Writer) -> str:
    found, sample, title = explanation.attribution, explanation.sample, say("Which sound")
    if "mel" not in found.maps or not bool(sample.mel_mask.any()):
        return write.section(title, "", figures.NO_SOUND)
    figure = figures.mel_overlay(found, sample, explanation.checkpoint.sample.mel)
    colours = say("orange raises the score, blue lowers it")
    text = say(
        "The sound as the model got it (log-mel spectrogram) in grey, and over it the map: "
        "{colours}. Frames and sound share one colour scale: the sound is pale where it counts "
        "little beside the picture.",
        colours=colours if found.signed else say("the stronger the orange, the more it matters"),
    )
    return write.section(title, write.figure(figure), text)


def _modalities(explanation: Explanation, write: _Writer) -> str:
    given = bool(explanation.sample.token_mask.any())
    share = {name: value for name, value in explanation.share.items() if name != "text" or given}
    return write.section(
        say("How much picture and sound add"),
        write.figure(figures.share_bars(share)),
        figures.summarise_share(share),
    )


def _attention(explanation: Explanation, write: _Writer) -> str:
    if explanation.matrix is None:
        return ""
    return write.section(
        say("Which sound the picture attends to"),
        write.figure(figures.attention_matrix(explanation.matrix)),
        figures.summarise_attention(explanation.matrix),
    )


def _trust(explanation: Explanation, write: _Writer) -> str:
    title = say("Can this map be trusted?")
    if explanation.trust is None:
        return write.section(title, "", say("This map was not checked."))
    rows = "".join(
        f"<tr><th>{write.text(name)}</th><td>{write.text(value)}</td><td>{write.text(meaning)}</td>"
        "</tr>"
        for name, value, meaning in figures.trust_rows(explanation.trust)
    )
    verdict = f'<p class="verdict">{write.text(explanation.trust.verdict)}</p>'
    curves = write.figure(figures.trust_curves(explanation.trust))
    text = say(
        "In a good map the solid lines are far from the dotted ones: below them where parts are "
        "hidden, above them where parts are shown."
    )
    return write.section(title, f"{verdict}<table>{rows}</table>{curves}", text)


def _changes(explanation: Explanation, write: _Writer) -> str:
    label = explanation.attribution.target.label
    said = (figures.summarise_what_if(change, label) for change in explanation.changes)
    items = write.bullets(said)
    return write.section(say("What if?"), items) if items else ""


def _settings(explanation: Explanation, write: _Writer) -> str:
    found = explanation.attribution
    spent = found.forward_passes + (explanation.trust.forward_passes if explanation.trust else 0)
    span = {"start_s": found.span.start_s, "end_s": found.span.end_s}
    method, target = say_name(found.method), found.target
    rows = {
        say("Clip"): explanation.prediction.clip,
        say("Window"): say("{start_s:.2f} to {end_s:.2f} s", **span),
        say("Model"): found.model,
        say("Method"): say("{method}, preset {preset}", method=method, preset=found.preset),
        say("Target"): say("score of “{target}”, {score:.3f}", target=target, score=found.score),
        say("Baseline (what stands in for a hidden part)"): found.baseline,
        say("Cost"): say(
            "{passes} forward passes, {seconds:.1f} s for the map",
            passes=spent,
            seconds=found.seconds,
        ),
        say("Versions"): ", ".join(
            [f"Python {platform.python_version()}"]
            + [f"{name} {version(name)}" for name in ("torch", "captum", "av", "numpy", "plotly")]
        ),
    }
    cells = "".join(
        f"<tr><th>{write.text(name)}</th><td>{write.text(value)}</td></tr>"
        for name, value in rows.items()
    )
    return write.section(say("Settings"), f"<table>{cells}</table>")
