"""Predictions and their facts -> pieces of the page as HTML; everything from visitors is escaped.

Sentences of the library are English and marked so, for screen readers.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from demo.i18n import Words
from emo_core import viz as view
from emo_core.viz import captions as sentences

if TYPE_CHECKING:
    import numpy as np

    from demo.job_queue import JobState
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.inference.predict import Media, Prediction


def facts(prediction: "Prediction") -> tuple[tuple[str, str], ...]:
    """Rows of what the file is and how it was read."""
    media, spent = prediction.media, prediction.seconds
    count = len(prediction.timeline)
    return (
        ("File", prediction.clip),
        ("Duration", f"{media.duration_s:.1f} s"),
        ("Picture", _picture(media)),
        ("Sound", _sound(media)),
        ("Faces", _faces(prediction)),
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


def _faces(prediction: "Prediction") -> str:
    found = prediction.presence
    count = len(found.frames)
    if not count:
        return "none"
    searched = f"{count} frame{'s' * (count > 1)}"
    if not found.most_faces:
        return f"none in {searched}"
    return f"{found.most_faces}, at most, in one of {searched}"


def _sound(media: "Media") -> str:
    if not media.has_audio or media.channels is None or media.audio_rate is None:
        return "none"
    named = {1: "mono", 2: "stereo"}.get(media.channels, f"{media.channels} channels")
    return f"{named}, {media.audio_rate / 1000:g} kHz, {media.audio_codec}"


QUALITY = 88  # of the pictures in the page, as JPEG
VERDICTS = {"This": "good", "Read": "care", "Do": "bad"}  # first word of a verdict -> its looks


def state(words: Words, kind: str, title: str, sentence: str = "") -> str:
    """A box that is no answer: nothing yet, busy, or trouble. The sentence may be a visitor's."""
    role = ' role="alert"' if kind == "trouble" else ' role="status"'
    stripe = '<div class="stripe"></div>' if kind == "busy" else ""
    return (
        f'<section class="card {kind}"{role}><h2>{words(title)}</h2>{stripe}'
        f"<p>{escape(sentence)}</p></section>"
    )


def empty_state(words: Words) -> str:
    """Before the first clip: what to do, and what will be there to see."""
    steps = "".join(
        f"<li><strong>{words(f'step_{n}')}</strong><span>{words(f'step_{n}_say')}</span></li>"
        for n in (1, 2, 3)
    )
    return (
        f'<section class="card quiet" role="status"><h2>{words("empty")}</h2>'
        f'<p>{words("empty_say")}</p><ol class="steps">{steps}</ol></section>'
    )


def answer_html(words: Words, found: "Prediction") -> str:
    """The answer with its probabilities, or its values, and notes."""
    return (
        f'<section class="card {_answer_style(found)}" aria-live="polite">'
        f'<p class="kicker">{escape(found.clip)}</p>{_said(words, found)}</section>'
    )


def system(words: Words, kind: str, found: "Prediction | None", name: str) -> str:
    """One of the three systems: its question, its answer, or why there is none."""
    head = f'<h3>{words(f"system_{kind}")}</h3><p class="sees">{words(f"system_{kind}_sees")}</p>'
    if found is None:
        body = f'<p class="hint">{escape(words("absent", name=name))}</p>'
        return f'<section class="card system quiet">{head}{body}</section>'
    return (
        f'<section class="card system {_answer_style(found)}">{head}{_said(words, found)}'
        f'<p class="sees">{escape(name)}</p></section>'
    )


def _answer_style(found: "Prediction") -> str:
    return "unsure" if found.abstains else escape(found.label or "values")


def _said(words: Words, found: "Prediction") -> str:
    notes = "".join(f'<li lang="en">{escape(note)}</li>' for note in found.notes)
    return (
        f"<h2>{escape(answer_headline(words, found))}</h2>"
        f"{'' if found.nobody else bars(words, found)}"
        f'<p class="quiet" lang="en">{escape(sentences.summarise(found))}</p>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def answer_headline(words: Words, found: "Prediction") -> str:
    """The answer in a few words of the visitor's language."""
    if found.nobody:
        return words("nobody")
    if found.abstains:
        return words("unsure")
    if found.values is not None:
        return ", ".join(f"{words.name_of('label', n)} {v:+.2f}" for n, v in found.values.items())
    if found.present is not None:
        return ", ".join(words.name_of("label", n) for n in found.present) or words("nothing")
    label = found.best_label
    return f"{words.name_of('label', label)}, {view.percent(found.probabilities[label])}"


def bars(words: Words, found: "Prediction") -> str:
    """One bar per label; those that lead or are present are marked by more than colour."""
    if found.values is not None:
        return "".join(_value(words, *item) for item in found.values.items())
    leads = {found.label} if found.present is None else set(found.present)
    rows = "".join(
        f'<div class="row {escape(label)}{" leads" if label in leads else ""}">'
        f'<span class="name">{escape(words.name_of("label", label))}</span>'
        f'<span class="track"><span class="fill" style="width:{100 * value:.1f}%"></span></span>'
        f'<span class="value">{escape(view.percent(value))}</span></div>'
        for label, value in found.probabilities.items()
    )
    return f'<div class="bars">{rows}</div>'


def _value(words: Words, label: str, value: float) -> str:
    left, width = (50, 50 * value) if value >= 0 else (50 + 50 * value, -50 * value)
    return (
        f'<div class="bars"><div class="row"><span class="name">{words.name_of("label", label)}'
        f'</span><span class="track middle"><span class="fill" style="margin-left:{left:.1f}%;'
        f'width:{width:.1f}%"></span></span><span class="value">{value:+.2f}</span></div></div>'
    )


def waiting(words: Words, state: "JobState") -> str:
    """What there is to tell of a job that isn't done: its place in the queue, or how far it is."""
    if state.ahead is not None:
        return hint(queue_position(words, state.ahead))
    if state.progress is None:
        return hint(words("working"))
    done, total = state.progress
    bar = f'<progress value="{done}" max="{total}"></progress>'
    return hint(words("working_on", done=done, total=total)) + bar


def queue_position(words: Words, ahead: int) -> str:
    """A place in the queue, as a sentence."""
    return words("queue_next") if ahead <= 1 else words("queue_place", ahead=ahead)


def section(title: str, sentence: str = "", content: str = "", english: bool = True) -> str:
    """A heading, a sentence, and what belongs to it."""
    language = ' lang="en"' if english else ""
    text = f"<p{language}>{escape(sentence)}</p>" if sentence else ""
    return f'<div class="part"><h3>{escape(title)}</h3>{text}{content}</div>'


def hint(sentence: str) -> str:
    """A state of a tab without content: what to do to get some."""
    return f'<p class="hint" role="status">{escape(sentence)}</p>'


def frame_gallery(images: "Sequence[tuple[np.ndarray, str]]") -> str:
    """Pictures inside the page itself: nothing of the clip is written to disk for them.

    Each is a button that moves the player to its time.
    """
    figures = "".join(
        f'<button type="button" class="frame" data-seek="{escape(caption.split()[0])}">'
        f'<img src="{_data_url(image)}" alt="{escape(caption)}">'
        f"<span>{escape(caption)}</span></button>"
        for image, caption in images
    )
    return f'<div class="frames">{figures}</div>'


def _data_url(image: "np.ndarray") -> str:
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def scale(words: Words, signed: bool) -> str:
    """The colour scale of maps, from what lowers to what raises."""
    ends = (words("lowers"), words("raises")) if signed else ("", words("strength"))
    kind = "scale" if signed else "scale half"
    return (
        f'<div class="{kind}"></div><div class="ends"><span>{ends[0]}</span>'
        f"<span>{ends[1]}</span></div>"
    )


def peak_list(words: Words, found: Iterable[tuple[float, str]]) -> str:
    """Buttons that move the player to the strongest moments: (seconds, what), strongest first."""
    buttons = "".join(
        f'<button type="button" class="peak" data-seek="{time_s:.3f}">{escape(what)}</button>'
        for time_s, what in found
    )
    return f'<p class="peaks"><span>{words("peaks")}</span> {buttons}</p>' if buttons else ""


def fact_table(words: Words, facts: Sequence[tuple[str, str]]) -> str:
    """What the file is, as rows."""
    rows = "".join(
        f'<tr><th scope="row">{words.name_of("fact", name.lower().split()[0])}</th>'
        f"<td>{escape(value)}</td></tr>"
        for name, value in facts
    )
    return f'<div class="part"><table class="facts">{rows}</table></div>'


def trust(words: Words, verdict: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """One verdict in plain words, and every check behind it."""
    kind = VERDICTS.get(verdict.split()[0], "care")
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td>'
        f"<td>{escape(meaning)}</td></tr>"
        for name, value, meaning in rows
    )
    head = "".join(f'<th scope="col">{words(key)}</th>' for key in ("check", "found", "means"))
    return (
        f'<p class="verdict {kind}" lang="en">{escape(verdict)}</p>'
        f'<table class="facts checks" lang="en"><thead><tr>{head}</tr></thead>'
        f"<tbody>{cells}</tbody></table>"
    )


def counterfactual_list(words: Words, found: "Sequence[tuple[WhatIf, str]]", label: str) -> str:
    """What-ifs of one label as rows: before as a mark, after as a bar, both as numbers."""
    rows = "".join(_change(change, sentence, label) for change, sentence in found)
    key = (
        f'<p class="key"><span class="mark"></span> {words("before")} '
        f'<span class="swatch"></span> {words("after")}</p>'
    )
    return f'<div class="whatifs" lang="en">{rows}</div>{key}'


def _change(found: "WhatIf", sentence: str, label: str) -> str:
    before, after = found.before[label], found.after[label]
    values = min(*found.before.values(), *found.after.values()) < 0  # from -1 to 1
    places = [(50 + 50 * v if values else 100 * v) for v in (before, after)]
    flipped = "most probable is now" in sentence
    return (
        f'<div class="whatif{" flipped" if flipped else ""}" role="img" '
        f'aria-label="{escape(sentence)}"><span class="name">{escape(found.change)}</span>'
        f'<span class="track"><span class="fill" style="width:{places[1]:.1f}%"></span>'
        f'<span class="mark" style="left:{places[0]:.1f}%"></span></span>'
        f'<span class="said">{escape(sentence.split(": ", 1)[1])}</span></div>'
    )
