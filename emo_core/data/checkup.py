"""`emo data check`: what is wrong with a corpus before anybody trains on it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numpy as np

from emo_core.clip import ClipError, load_clip
from emo_core.data.cache import content_key
from emo_core.data.corpus import Corpus, Item, crossing_groups, summary, with_problems

SILENCE = 1e-3  # peak of a [-1, 1] wave; below -60 dB nobody hears anything
LISTEN_S = 10.0  # how much of the sound is looked at


def look(item: Item) -> tuple[str | None, str, str]:
    """One clip: (problem or None, "silent" | "no sound" | "sound" | "", content key)."""
    try:
        clip = load_clip(item.path)
        if not clip.has_video:
            return f"{item.name}: it has no picture; expected a video.", "", ""
        clip.read_frames(np.array([0.0, clip.duration_s / 2]), size=(64, 64))
        if not clip.has_audio:
            return None, "no sound", content_key(item.path)
        wave = clip.audio(8000, 0.0, min(LISTEN_S, clip.duration_s))
        heard = "sound" if len(wave) and np.abs(wave).max() > SILENCE else "silent"
        return None, heard, content_key(item.path)
    except (ClipError, OSError) as error:
        return f"{item.name}: {error}", "", ""


def check_corpus(corpus: Corpus, progress: Callable[[int, int], None] | None = None) -> dict:
    """Counts, label revision, undecodable, silent and repeated clips, and leaks between splits."""
    seen, silent, mute, broken, problems = {}, [], [], [], []
    with ThreadPoolExecutor(cpu_count()) as pool:
        for done, (item, found) in enumerate(
            zip(corpus.items, pool.map(look, corpus.items), strict=True), start=1
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
    problems += leaks(corpus) + repeats(seen)
    report = summary(with_problems(corpus, problems))
    return {**report, "undecodable": broken, "silent": silent, "no_sound": mute}


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
        if len(items) > 1
    ]
