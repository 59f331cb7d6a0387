"""`emo data check`: faults of a corpus, found before training."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.clip import Clip, ClipError, load_clip
from emo_core.data.cache import content_key
from emo_core.data.corpus import (
    Corpus,
    Item,
    corpus_summary,
    crossing_groups,
    name_list,
    with_problems,
)
from emo_core.data.dataset import resolve_span
from emo_core.data.folder.contents import content_report
from emo_core.data.image_sequence import ImageSequence, load_image_sequence

SILENCE = 1e-3  # peak of a [-1, 1] wave; -60 dB is inaudible
LISTEN_S = 10.0  # how much of the sound is looked at
SLACK_S = 0.5  # seconds a part may reach past the end of its file: transcripts are not exact
FOLDER_FPS = 30.0  # of pictures in a folder; any rate would do to see whether they can be read


def open_clip(item: Item) -> Clip | ImageSequence:
    """The file of an item, or its folder of pictures."""
    if item.path.is_dir():
        return load_image_sequence(item.path, FOLDER_FPS)
    return load_clip(item.path)


def inspect_clip(
    item: Item, opened: Callable[[Item], Any] = open_clip, needs_video: bool = True
) -> tuple[str | None, str, str]:
    """One clip or part of one: (problem or None, "silent" | "no sound" | "sound" | "", key)."""
    try:
        clip = opened(item)
        if not clip.has_video and needs_video:
            return f"{item.name}: it has no picture; expected a video.", "", ""
        start_s, end_s = resolve_span(clip.duration_s, item.span_s, item.path, SLACK_S)
        if clip.has_video:
            clip.read_frames(np.array([start_s, (start_s + end_s) / 2]), size=(64, 64))
        key = f"{_content(item.path)} {item.span_s}"
        if not clip.has_audio:
            return None, "no sound", key
        wave = clip.audio(8000, start_s, min(start_s + LISTEN_S, end_s))
        heard = "sound" if len(wave) and np.abs(wave).max() > SILENCE else "silent"
        return None, heard, key
    except (ClipError, OSError) as error:
        return f"{item.name}: {error}", "", ""


def _content(path: Path) -> str:
    if path.is_dir():
        return str(path)
    status = path.stat()
    return _cached_content_key(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _cached_content_key(path: Path, size: int, changed_ns: int) -> str:
    """Content key of a file, computed once for all the utterances in it."""
    return content_key(path)


def check_corpus(
    corpus: Corpus, progress: Callable[[int, int], None] | None = None, own: bool = False
) -> dict:
    """Counts, label revision, undecodable, silent and repeated clips, and leaks between splits.

    own: the user's own clips, which may be sound alone; faces and lengths are looked at as well.
    """
    seen: dict[str, list[Item]] = {}
    silent, mute, broken, problems = [], [], [], []
    opened = corpus.open_item or open_clip
    with ThreadPoolExecutor(cpu_count()) as pool:
        for done, (item, found) in enumerate(
            zip(
                corpus.items,
                pool.map(partial(inspect_clip, opened=opened, needs_video=not own), corpus.items),
                strict=True,
            ),
            1,
        ):
            problem, heard, key = found
            if problem:
                problems.append(problem)
                broken.append(item.name)
            else:
                seen.setdefault(key, []).append(item)
            silent += [item.name] * (heard == "silent")
            mute += [item.name] * (heard == "no sound")
            if progress:
                progress(done, len(corpus.items))
    problems += ([] if corpus.leak else leaks(corpus)) + repeats(seen)
    report = corpus_summary(with_problems(corpus, problems))
    report |= {"undecodable": broken, "silent": silent, "no_sound": mute}
    if not own:
        return report
    notes, names = content_report(corpus.items, progress)
    if deaf := silent + mute:
        notes.append(
            f"{len(deaf)} clips are silent or have no sound track: only their picture is learnt "
            f"from ({name_list(deaf)})."
        )
    return {**report, **names, "notes": [*report["notes"], *notes]}


def leaks(corpus: Corpus) -> list[str]:
    """A sentence for every group that stands in more than one split."""
    return [
        f"source {group} is in {' and '.join(where)}; expected every source in one split."
        for group, where in sorted(crossing_groups(corpus.items).items())
    ]


def repeats(seen: dict[str, list[Item]]) -> list[str]:
    """A sentence for every file that occurs more than once, byte for byte."""
    return [
        f"{' and '.join(item.name for item in items)} are the same file"
        + ("; across splits this is a leak." if len({i.split for i in items}) > 1 else ".")
        for items in seen.values()
        if len({item.path for item in items}) > 1
    ]
