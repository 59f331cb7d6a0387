"""What a visitor takes along of a clip: a page that plays alone, a table, captions, and JSON."""

import base64
import csv
import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from demo.i18n import Words
from demo.player.document import begins_late, film_note
from emo_core.io.atomic import atomic_path

if TYPE_CHECKING:
    from demo.service import ClipSession
    from emo_core.attribution.types import Attribution
    from emo_core.clip import Clip
    from emo_core.inference.prediction import Media, Prediction

HERE = Path(__file__).resolve().parent
PLAYS = {  # ending -> MIME type and codecs that every browser plays; others become a film
    ".mp4": ("video/mp4", {"h264"}, {"aac", "mp3"}),
    ".webm": ("video/webm", {"vp8", "vp9"}, {"opus", "vorbis"}),
}
MOST_BYTES = 20 << 20  # of a clip in a page; a larger one becomes a film of fewer pixels
POLICY = (
    "default-src 'none'; media-src data:; img-src data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'"
)
PAGE_STYLE = (
    "body{margin:0;background:#f6f5f1;color:#1b2230;font:18px system-ui,sans-serif}"
    "main{max-width:1100px;margin:auto;padding:1rem}h1{font-size:1.4rem}"
    "@media(prefers-color-scheme:dark){body{background:#12151b;color:#e8ebf0}}"
)
BEGIN = (
    "const main=document.querySelector('main');"
    "const dark=matchMedia('(prefers-color-scheme: dark)');"
    "main.classList.toggle('dark',dark.matches);"
    "mountPlayer(document.querySelector('#player'))"
    ".update(JSON.parse(document.querySelector('#clip').textContent));"
)


def offline_page(show: dict[str, Any], said: str, language: str) -> str:
    """One HTML file that plays a clip's document without a server and fetches nothing.

    show: as document.py makes it, its url a data: URL. said: a sentence under the heading.
    """
    scripts = (HERE / name for name in ("elements.js", "take_along.js", "player.js"))
    script = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    style = (HERE / "player.css").read_text(encoding="utf-8")
    data = json.dumps(show, ensure_ascii=False).replace("<", "\\u003c")
    title = escape(show["title"])
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}{PAGE_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1><p>{escape(said)}</p>"
        f'<div id="player"></div></main><script type="application/json" id="clip">{data}</script>'
        f"<script>{script}</script><script>{BEGIN}</script></body></html>\n"
    )


def plays_everywhere(clip: "Clip", media: "Media") -> bool:
    """Whether a clip's own bytes can stand in a page: small, and played alike by every browser."""
    _, pictures, sounds = PLAYS.get(clip.path.suffix.lower(), ("", set(), set()))
    return (
        media.video_codec in pictures
        and (not media.has_audio or media.audio_codec in sounds)
        and clip.path.stat().st_size <= MOST_BYTES
        and not begins_late(clip)
    )


def data_url(clip: "Clip", media: "Media", pause: Callable[[], object] = lambda: None) -> str:
    """A clip inside a page: its own bytes where every browser plays them, else a film of it.

    pause: called between seconds of film; what it raises ends the work. Raises ClipError.
    """
    if plays_everywhere(clip, media):
        kind = PLAYS[clip.path.suffix.lower()][0]
        return f"data:{kind};base64,{base64.b64encode(clip.path.read_bytes()).decode()}"
    from emo_core.viz.film import write_film

    with TemporaryDirectory() as folder:
        film = Path(folder) / "clip.webm"
        write_film(film, clip, pause)
        return f"data:video/webm;base64,{base64.b64encode(film.read_bytes()).decode()}"


def moment_rows(found: "Prediction", maps: "Sequence[Attribution]") -> list[dict[str, Any]]:
    """What is known of each part of a map: answer, what picture and sound did, faces.

    Times in seconds of the clip; picture and sound in units of the score. "" where nothing is said.
    """
    from emo_core.attribution.timeline import to_timeline

    rows = []
    for each in maps:
        clock = to_timeline(each)
        edges = clock.edges_s.tolist()
        for place, (start_s, end_s) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            worth = {
                name: "" if values is None else round(float(values[place]), 6)
                for name, values in (("picture", clock.picture), ("sound", clock.sound))
            }
            rows.append(
                {"start_s": round(start_s, 3), "end_s": round(end_s, 3), **worth}
                | _answer_at(found, (start_s + end_s) / 2)
                | {"faces": _faces_in(found, start_s, end_s)}
            )
    return rows


def _answer_at(found: "Prediction", time_s: float) -> dict[str, float | str]:
    """The scores of the window that a time is in, by label; "" outside of every window."""
    for span in found.timeline:
        if span.start_s <= time_s < span.end_s:
            return dict(span.probabilities if span.values is None else span.values)
    return dict.fromkeys(found.labels, "")


def _faces_in(found: "Prediction", start_s: float, end_s: float) -> int | str:
    counts = [len(f.boxes) for f in found.presence.frames if start_s <= f.time_s < end_s]
    return max(counts) if counts else ""


def captions(show: dict[str, Any]) -> str:
    """The answers over time as SubRip subtitles."""
    blocks = (
        f"{number}\n{_srt_time(part['start_s'])} --> {_srt_time(part['end_s'])}\n{part['text']}\n"
        for number, part in enumerate(show["answers"], 1)
    )
    return "\n".join(blocks)


def _srt_time(seconds: float) -> str:
    """Hours:minutes:seconds,milliseconds."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d},{thousandths:03d}"


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows with the same keys as CSV, the keys in the first line."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]) if rows else ["start_s", "end_s"])
        table.writeheader()
        table.writerows(rows)


def save_text(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_files(
    folder: Path,
    show: dict[str, Any],
    case: "ClipSession",
    maps: "Sequence[Attribution]",
    language: str,
    pause: Callable[[], object] = lambda: None,
) -> list[Path]:
    """player.html, moments.csv and captions.srt of one clip, its map and its answers.

    show: as document.py makes it, with the map. pause: as of `data_url`. Raises ClipError.
    """
    found = case.prediction
    offline = {name: value for name, value in show.items() if name != "link"} | {
        "url": data_url(case.clip, found.media, pause),
        "note": ""
        if plays_everywhere(case.clip, found.media)
        else film_note(Words(language), found.media.duration_s),
        "muted": False,
    }
    page = offline_page(offline, found.model, language)
    save_text(folder / "player.html", page)
    write_table(folder / "moments.csv", moment_rows(found, maps))
    names = ["player.html", "moments.csv"]
    if show["answers"]:
        save_text(folder / "captions.srt", captions(show))
        names.append("captions.srt")
    return [folder / name for name in names]
