"""What the player draws of one clip: one JSON object, the same on the page and in files."""

import base64
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import numpy as np

from demo.components import answer_headline
from demo.examples import example_path
from demo.i18n import Words
from demo.upload_checks import is_example
from emo_core.messages import say
from emo_core.viz.prediction import percent

if TYPE_CHECKING:
    from demo.explanations import Faders
    from demo.service import ClipSession
    from emo_core.attribution.types import Attribution, ExplainRequest
    from emo_core.clip import Clip
    from emo_core.inference.prediction import Prediction

FILES = "gradio_api/file="  # where the page gives a file of its own, beside the page's address
LATE_S = 0.1  # a file that begins later: Chromium waits for its first frame, Firefox does not
LONGEST_GRID = 48  # cells of a map's longer side: what a map can tell, and small to send
FINER = 4  # drawn at so many times that, then averaged
APART_S = 0.5  # between two peaks of one modality
LEVEL = 0.02  # of the largest value: less is no difference between neighbours
LEAST_PEAK = 0.15  # of the strongest one
PEAKS = 2  # of each modality
MOST_NAMED = 6  # people whose part is said
COLOURS = {
    "positive": "#009e73",
    "happy": "#009e73",
    "neutral": "#7f8794",
    "negative": "#d55e00",
    "anger": "#d55e00",
    "sad": "#0072b2",
    "fear": "#8e6bb0",
    "disgust": "#8a6d1d",
    "surprise": "#c77a00",
}
UI = [
    "player",
    "time",
    "clip",
    "map",
    "mix",
    "faces",
    "no_picture",
    "pause",
    "play",
    "mute",
    "unmute",
    "peaks",
    "picture",
    "link",
    "embed",
    "copied",
    "by_hand",
]
ROWS = ["answer", "picture", "sound", "faces", "words"]


def clip_document(words: Words, case: "ClipSession", url: str | None = None) -> dict[str, Any]:
    """The clip, its answers over time and the faces found in it; no map yet.

    url: of a film that every browser plays, in place of the clip's own.
    """
    found, media = case.prediction, case.prediction.media
    return {
        "title": found.clip,
        "url": url or file_url(case.clip.path),
        "duration_s": media.duration_s,
        "note": film_note(words, media.duration_s) if url else "",
        "other_clock": url is None and begins_late(case.clip),
        "has_picture": media.has_video,
        "has_sound": media.has_audio,
        "size": [media.width, media.height] if media.has_video else None,
        "answers": [] if found.nobody else answers_over_time(words, found),
        "faces": [
            {
                "time_s": frame.time_s,
                "boxes": [list(box) for box in frame.boxes],
                "people": list(frame.people),
            }
            for frame in found.presence.frames
        ],
        "spoken": [],
        "map": None,
        "peaks": [],
        "words": words_of_player(words),
    }


def begins_late(clip: "Clip") -> bool:
    """Whether browsers differ about a file's clock, so that maps and faces would not fit it."""
    return clip.origin_s > LATE_S


def film_note(words: Words, duration_s: float) -> str:
    """What is said of a film that ends before its clip; "" where none does."""
    from emo_core.viz.film import LONGEST_S

    if duration_s <= LONGEST_S:
        return ""
    return words("player_until", shown_s=LONGEST_S, clip_s=duration_s)


def link_of(
    case: "ClipSession", request: "ExplainRequest", quick: "ExplainRequest", embed: bool
) -> dict[str, Any]:
    """The address of a map of a shipped example, beside the page's own; {} of a visitor's clip.

    quick: what the page shows without being asked; only what differs is in the address.
    """
    name = case.clip.path.stem
    if example_path(name) is None or not is_example(case.clip.path):
        return {}
    asked = {"clip": name, "method": request.method}
    if request.preset != quick.preset:
        asked["preset"] = request.preset
    if request.target != quick.target:
        asked["label"] = str(request.target)
    return {"link": f"?{urlencode(asked)}", "embed": embed}


def preview(words: Words, path: Path) -> dict[str, Any]:
    """A clip before its answer: it plays, and nothing is known of it."""
    return {
        "title": path.name,
        "url": file_url(path),
        "duration_s": 0,
        "preview": True,
        "has_picture": True,
        "has_sound": True,
        "words": words_of_player(words),
    }


def words_of_player(words: Words) -> dict[str, str]:
    """Names of the player's parts, in the visitor's language."""
    return {
        **{name: words(f"player_{name}") for name in UI},
        **{f"row_{name}": words(f"player_row_{name}") for name in ROWS},
    }


def answers_over_time(words: Words, found: "Prediction") -> list[dict[str, Any]]:
    """The leading label of each window, or its values, and how tall it stands on the track."""
    spans = own_spans([(s.start_s, s.end_s) for s in found.timeline], found.media.duration_s)
    return [
        _answer(words, found, span, own) for span, own in zip(found.timeline, spans, strict=True)
    ]


def own_spans(spans: Sequence[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """The part of the clip that each window speaks for: overlaps are halved, nothing beyond it."""
    cuts = [(a[1] + b[0]) / 2 for a, b in zip(spans, spans[1:], strict=False)]
    starts, ends = [spans[0][0], *cuts], [*cuts, min(spans[-1][1], duration_s)]
    return list(zip(starts, ends, strict=True))


def _answer(
    words: Words, found: "Prediction", span: Any, own: tuple[float, float]
) -> dict[str, Any]:
    place = {"start_s": round(own[0], 3), "end_s": round(own[1], 3)}
    if span.values is not None:
        text = words.values(span.values)
        return {**place, "text": text, "value": (1 + span.values["valence"]) / 2, "sure": True}
    label = max(span.probabilities, key=span.probabilities.__getitem__)
    value = span.probabilities[label]
    return {
        **place,
        "text": f"{words.name_of('label', label)} {percent(value)}",
        "short": percent(value),
        "value": value,
        "colour": COLOURS.get(label),
        "sure": not found.abstains,
    }


def heading(
    words: Words, request: "ExplainRequest", label: str, found: Any, duration_s: float
) -> str:
    """What maps are of: label, method, preset, the part of the clip, and what the colours say.

    With it, how far their values are from adding up, where that is far.
    """
    from emo_core.attribution.sanity_checks import completeness_doubt

    of = words(
        "player_of" if found[0].signed else "player_of_strength",
        label=words.name_of("label", label),
        method=words.name_of("method", request.method),
        preset=words(f"preset_{request.preset}"),
        start=found[0].span.start_s,
        end=min(found[-1].span.end_s, duration_s),
    )
    doubt = completeness_doubt(max((each.gap for each in found if each.gap is not None), default=0))
    return f"{of} {words.say(say('But {doubt}.', doubt=doubt))}" if doubt else of


def map_document(
    words: Words, case: "ClipSession", found: "Sequence[Attribution]", of: str
) -> dict[str, Any]:
    """Maps of one label and method, by window, on one scale; with the moments that stand out."""
    from emo_core.attribution.timeline import to_timeline

    duration_s = case.prediction.media.duration_s
    own = own_spans([(each.span.start_s, each.span.end_s) for each in found], duration_s)
    edges_s: list[list[float]] = []
    rows: dict[str, list[float]] = {}
    for each, (start_s, end_s) in zip(found, own, strict=True):
        clock = to_timeline(each)
        ends_s = clock.edges_s.numpy()
        bins = np.stack([ends_s[:-1], ends_s[1:]], 1)
        middles_s = bins.mean(1)
        kept = (middles_s >= start_s) & (middles_s < end_s)
        edges_s += [[round(min(x, duration_s), 3) for x in edge] for edge in bins[kept].tolist()]
        for name, values in (("picture", clock.picture), ("sound", clock.sound)):
            if values is not None:
                rows.setdefault(name, []).extend(round(v, 5) for v in values.numpy()[kept].tolist())
    most = max((abs(v) for values in rows.values() for v in values), default=0.0)
    grid, frames = _heat(case, list(zip(found, own, strict=True)), most)
    people = _people(words, case, found, own, of)
    return {
        "map": {
            "stale": False,
            "signed": found[0].signed,
            "edges_s": edges_s,
            **rows,
            "most": most,
            "grid": grid,
            "frames": frames,
            **people,
        },
        "peaks": peaks(words, edges_s, rows, found[0].signed),
    }


def _people(
    words: Words,
    case: "ClipSession",
    found: "Sequence[Attribution]",
    own: Sequence[tuple[float, float]],
    of: str,
) -> dict[str, Any]:
    """What each person's faces add, by window; of all these in words, after what maps are of."""
    from emo_core.inference.people import people_values

    windows = [
        (span, people_values(case.checkpoint, case.prediction, each.span.start_s, each.people))
        for each, span in zip(found, own, strict=True)
    ]
    whole: defaultdict[int, float] = defaultdict(float)
    seconds = sum(end_s - start_s for start_s, end_s in own)
    for (start_s, end_s), values in windows:
        for number, value in values.items():
            whole[number] += value * (end_s - start_s) / max(seconds, 1e-6)
    ranked = sorted(whole, key=lambda number: -abs(whole[number]))
    if not ranked:
        return {"heading": of}
    each = [words("player_person", number=n, value=whole[n]) for n in ranked[:MOST_NAMED]]
    if left := ranked[MOST_NAMED:]:
        each.append(words("player_others", value=sum(whole[n] for n in left)))
    whole_clip = len(found) == case.most_windows
    said = words(f"player_people{'' if whole_clip else '_part'}", people=words.listed(each))
    return {
        "heading": f"{of} {said}",
        "people": [
            {
                "start_s": start_s,
                "end_s": end_s,
                "values": {str(n): [round(v, 4), _tag(words, v)] for n, v in values.items()},
            }
            for (start_s, end_s), values in windows
        ],
    }


def _tag(words: Words, value: float) -> str:
    """A value beside a face, in the little room that is there; "" of one that rounds to zero."""
    return words.number("{value:+.1f}", value) if round(value, 1) else ""


def _heat(
    case: "ClipSession", found: "Sequence[tuple[Attribution, tuple[float, float]]]", most: float
) -> tuple[list[int], list[dict[str, Any]]]:
    """The maps over the clip's own frame, (width, height) cells as signed bytes, by frame used."""
    import cv2

    from emo_core.attribution.timeline import to_timeline
    from emo_core.clip import video_size
    from emo_core.viz.overlay import heat, to_clip_frame

    if not case.prediction.media.has_video:
        return [0, 0], []
    size, frames = video_size(case.clip), []
    scale = LONGEST_GRID / max(size)
    grid = [max(2, round(side * scale)) for side in size]
    fine_size = (FINER * grid[0], FINER * grid[1])  # a crop's edges lie inside of cells
    for each, (start_s, end_s) in found:
        values = heat(each) if "video" in each.maps else None
        if values is None or not np.ptp(values, (1, 2)).any():
            continue  # of a method that tells when, and not where
        clock = to_timeline(each)
        parts = [x.abs().max() for x in (clock.picture, clock.sound) if x is not None]
        share = float(max(parts)) / most if most else 0.0
        for place, time_s in enumerate(each.times_s["video"].tolist()):
            if not start_s <= time_s < end_s:
                continue
            fine = to_clip_frame(values[place], fine_size, size, case.checkpoint.sample)
            cells = cv2.resize(fine, grid, interpolation=cv2.INTER_AREA)
            frames.append({"time_s": round(time_s, 3), "values": _packed(cells * share)})
    return grid, frames


def _packed(cells: np.ndarray) -> str:
    values = np.clip(np.round(127 * cells), -127, 127).astype(np.int8)
    return base64.b64encode(values.tobytes()).decode()


def peaks(
    words: Words, edges_s: Sequence[Sequence[float]], rows: dict[str, list[float]], signed: bool
) -> list[dict[str, Any]]:
    """Moments that stand out, of picture and of sound: maxima APART_S apart, strongest first."""
    most = max((abs(v) for values in rows.values() for v in values), default=0.0)
    found = [
        (abs(value), value, time_s, name)
        for name, values in rows.items()
        for time_s, value in separate_peaks(edges_s, values)
        if abs(value) >= LEAST_PEAK * most > 0
    ]
    return [
        {
            "time_s": round(time_s, 3),
            "kind": name,
            "text": words(
                "player_peak",
                time=time_s,
                row=words(f"player_row_{name}"),
                value=words.number(" {value:+.2f}", value) if signed else "",
            ),
        }
        for _, value, time_s, name in sorted(found, reverse=True)
    ]


def separate_peaks(
    edges_s: Sequence[Sequence[float]], values: Sequence[float]
) -> list[tuple[float, float]]:
    """(time, value) of the largest local maxima of size, no two closer than APART_S.

    Neighbours that are as good as equal are one stretch, and its middle is the moment.
    """
    stretches = level_stretches(values)
    size = [max(abs(values[place]) for place in stretch) for stretch in stretches]
    tops = [
        number
        for number, here in enumerate(size)
        if here > 0 and here >= max(size[max(0, number - 1) : number + 2])
    ]
    chosen: list[tuple[float, float]] = []
    for number in sorted(tops, key=lambda at: -size[at]):
        first, last = stretches[number][0], stretches[number][-1]
        middle_s = (edges_s[first][0] + edges_s[last][1]) / 2
        if all(abs(middle_s - time_s) >= APART_S for time_s, _ in chosen):
            chosen.append((middle_s, max((values[at] for at in stretches[number]), key=abs)))
    return chosen[:PEAKS]


def level_stretches(values: Sequence[float]) -> list[range]:
    """Runs of neighbours that differ by less than LEVEL of the largest value."""
    most = max(map(abs, values), default=0.0)
    steps = [abs(b - a) >= LEVEL * most for a, b in zip(values, values[1:], strict=False)]
    cuts = [0, *(place + 1 for place, step in enumerate(steps) if step), len(values)]
    return [range(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]


def file_url(path: Path) -> str:
    """Where the page gives one of its own files."""
    return FILES + quote(str(path))


GUESSES = [
    "head",
    "rater",
    "rater_hint",
    "tally",
    "answer",
    "cover",
    "uncover",
    "take",
    "lost",
]


def guess_document(words: Words, case: "ClipSession") -> dict[str, Any] | None:
    """What people may guess of a clip: a label of the model's; None of values and of nobody."""
    found = case.prediction
    if found.nobody or found.values is not None:
        return None
    return {
        "key": str(case.clip.path),
        "file": case.clip.path.name,
        "url": file_url(case.clip.path),
        "labels": [
            {"name": label, "text": words.name_of("label", label)} for label in found.labels
        ],
        "answer": answer_headline(words, found),
        "words": {name: words.template(f"guess_{name}") for name in GUESSES},
    }


FADERS = [
    "guess",
    "picture",
    "sound",
    "guessed",
    "not_guessed",
    "less",
    "more",
    "told",
    "as_it_is",
    "later",
    "earlier",
    "shift",
]


def faders_document(words: Words, found: "Faders") -> dict[str, Any]:
    """What the faders show: a score for every change, computed beforehand."""
    names = (("picture", "video"), ("sound", "audio"))
    share = {name: found.share[key] for name, key in names if key in found.share}
    return {
        "key": f"{found.label} {found.base}",
        "label": words.name_of("label", found.label),
        "base": found.base,
        "moved": [{"by_s": round(by_s, 2), "score": score} for by_s, score in found.moved],
        "changed": [{"name": words.say(name), "score": score} for name, score in found.changed],
        "believed": {**share, "most": max(share, key=share.__getitem__)}
        if len(share) == len(names)
        else None,
        "words": {name: words.template(f"fader_{name}") for name in FADERS},
    }
