"""Predictions and their facts -> pieces of the page as HTML; all from visitors is escaped."""

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from demo.i18n import Words
from emo_core import viz as view
from emo_core.messages import say, say_count, say_list
from emo_core.viz import captions as sentences

if TYPE_CHECKING:
    import numpy as np

    from demo.job_queue import JobState
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.inference.predict import Media, Prediction


def facts(prediction: "Prediction") -> tuple[tuple[str, str], ...]:
    """Rows of what the file is and how it was read."""
    media, spent = prediction.media, prediction.seconds
    return (
        ("File", prediction.clip),
        ("Duration", say("{seconds:.1f} s", seconds=media.duration_s)),
        ("Picture", _picture(media)),
        ("Sound", _sound(media)),
        ("Faces", _faces(prediction)),
        ("Read in", say_count("{count} window", "{count} windows", len(prediction.timeline))),
        ("Model", prediction.model),
        ("Time taken", say("{decode:.2f} s reading the file, {model:.2f} s model", **spent)),
    )


def _picture(media: "Media") -> str:
    if not media.has_video:
        return say("none")
    rate = "" if media.fps is None else say("{rate:.4g} frames/s", rate=media.fps)
    varies = say("variable rate") if media.variable_rate else ""
    turned = say("turned by {degrees}°", degrees=media.rotation) if media.rotation else ""
    parts = (f"{media.width} × {media.height}", rate, varies, media.video_codec, turned)
    return say_list(part for part in parts if part)


def _faces(prediction: "Prediction") -> str:
    found = prediction.presence
    count = len(found.frames)
    if not count:
        return say("none")
    if not found.most_faces:
        return say_count("none in {count} frame", "none in {count} frames", count)
    return say_count(
        "{most}, at most, in one of {count} frame",
        "{most}, at most, in one of {count} frames",
        count,
        most=found.most_faces,
    )


def _sound(media: "Media") -> str:
    if not media.has_audio or media.channels is None or media.audio_rate is None:
        return say("none")
    several = say("{count} channels", count=media.channels)
    return say(
        "{channels}, {rate:g} kHz, {codec}",
        channels={1: say("mono"), 2: say("stereo")}.get(media.channels, several),
        rate=media.audio_rate / 1000,
        codec=media.audio_codec,
    )


QUALITY = 88  # of the pictures in the page, as JPEG
VERDICTS = {"This": "good", "Read": "care", "Do": "bad"}  # first word of a verdict -> its looks


def state(words: Words, kind: str, title: str, sentence: str = "") -> str:
    """A box that is no answer: nothing yet, busy, or trouble. The sentence may be a visitor's."""
    role = ' role="alert"' if kind == "trouble" else ' role="status"'
    stripe = '<div class="stripe"></div>' if kind == "busy" else ""
    return (
        f'<section class="card {kind}"{role}><h2>{words(title)}</h2>{stripe}'
        f"<p>{escape(words.say(sentence))}</p></section>"
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
    notes = "".join(f"<li>{escape(note)}</li>" for note in words.say(found.notes))
    return (
        f"<h2>{escape(answer_headline(words, found))}</h2>"
        f"{'' if found.nobody else bars(words, found)}"
        f'<p class="quiet">{escape(words.say(sentences.summarise(found)))}</p>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def answer_headline(words: Words, found: "Prediction") -> str:
    """The answer in a few words of the visitor's language."""
    if found.nobody:
        return words("nobody")
    if found.abstains:
        return words("unsure")
    if found.values is not None:
        return words.values(found.values)
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
        f'width:{width:.1f}%"></span></span><span class="value">'
        f"{words.number('{value:+.2f}', value)}</span></div></div>"
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


def section(title: str, sentence: str = "", content: str = "") -> str:
    """A heading, a sentence, and what belongs to it."""
    text = f"<p>{escape(sentence)}</p>" if sentence else ""
    return f'<div class="part"><h3>{escape(title)}</h3>{text}{content}</div>'


def hint(sentence: str) -> str:
    """A state of a tab without content: what to do to get some."""
    return f'<p class="hint" role="status">{escape(sentence)}</p>'


def frame_gallery(words: Words, images: "Sequence[tuple[np.ndarray, str]]") -> str:
    """Pictures inside the page itself: nothing of the clip is written to disk for them.

    Each is a button that moves the player to its time.
    """
    figures = "".join(
        f'<button type="button" class="frame" data-seek="{escape(caption.split()[0])}">'
        f'<img src="{_data_url(image)}" alt="">'
        f"<span>{escape(words.say(caption))}</span></button>"
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


def fact_table(words: Words, facts: Sequence[tuple[str, str]]) -> str:
    """What the file is, as rows."""
    rows = "".join(
        f'<tr><th scope="row">{words.name_of("fact", name.lower().split()[0])}</th>'
        f"<td>{escape(words.say(value))}</td></tr>"
        for name, value in facts
    )
    return f'<div class="part"><table class="facts">{rows}</table></div>'


def trust(words: Words, verdict: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """One verdict in plain words, and every check behind it."""
    kind = VERDICTS.get(verdict.split()[0], "care")
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td>'
        f"<td>{escape(meaning)}</td></tr>"
        for name, value, meaning in words.say(rows)
    )
    head = "".join(f'<th scope="col">{words(key)}</th>' for key in ("check", "found", "means"))
    return (
        f'<p class="verdict {kind}">{escape(words.say(verdict))}</p>'
        f'<table class="facts checks"><thead><tr>{head}</tr></thead>'
        f"<tbody>{cells}</tbody></table>"
    )


def counterfactual_list(words: Words, found: "Sequence[tuple[WhatIf, str]]", label: str) -> str:
    """What-ifs of one label as rows: before as a mark, after as a bar, both as numbers."""
    rows = "".join(_change(words, change, sentence, label) for change, sentence in found)
    key = (
        f'<p class="key"><span class="mark"></span> {words("before")} '
        f'<span class="swatch"></span> {words("after")}</p>'
    )
    return f'<div class="whatifs">{rows}</div>{key}'


def _change(words: Words, found: "WhatIf", sentence: str, label: str) -> str:
    from emo_core.viz.attribution import new_leader

    before, after = found.before[label], found.after[label]
    values = min(*found.before.values(), *found.after.values()) < 0  # from -1 to 1
    places = [(50 + 50 * v if values else 100 * v) for v in (before, after)]
    said, change = words.say(sentence), words.say(found.change)
    return (
        f'<div class="whatif{" flipped" if new_leader(found) else ""}" role="img" '
        f'aria-label="{escape(said)}"><span class="name">{escape(change)}</span>'
        f'<span class="track"><span class="fill" style="width:{places[1]:.1f}%"></span>'
        f'<span class="mark" style="left:{places[0]:.1f}%"></span></span>'
        f'<span class="said">{escape(said.removeprefix(f"{change}: "))}</span></div>'
    )
