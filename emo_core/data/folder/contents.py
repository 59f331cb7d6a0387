"""What own clips hold that a table does not say: faces, pictures, more seconds than are read."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import NamedTuple

import numpy as np

from emo_core.clip import ClipError, load_clip, video_size
from emo_core.data.corpus import Item, name_list
from emo_core.data.dataset import resolve_span
from emo_core.faces.tracking import track_faces
from emo_core.preprocess.sample import SampleConfig

MOST = 500  # clips that are looked at, spread evenly; faces take some 50 ms a clip
FACE_SEARCH_AT = (0.1, 0.5, 0.9)  # of a clip's length, where faces are looked for
SIDE = 480  # pixels of the longer side, as in the search for training
WINDOW_S = SampleConfig().window_s  # seconds of a clip that most recipes read


class Content(NamedTuple):
    """One clip or part of one."""

    name: str
    seconds: float
    has_video: bool
    has_face: bool


def clip_content(item: Item) -> Content | None:
    """What a clip holds; None where it can't be read."""
    try:
        clip = load_clip(item.path)
        start_s, end_s = resolve_span(clip.duration_s, item.span_s, item.path)
        seconds = min(end_s, clip.duration_s) - start_s
        if not clip.has_video:
            return Content(item.name, seconds, False, False)
        width, height = video_size(clip)
        scale = min(1.0, SIDE / max(width, height))
        size = max(int(width * scale), 2), max(int(height * scale), 2)
        times_s = start_s + seconds * np.array(FACE_SEARCH_AT)
        found = track_faces(clip.read_frames(times_s, size).pixels)
        return Content(item.name, seconds, True, bool(found.mask.any()))
    except (ClipError, OSError):
        return None  # the check of every clip says why


def content_report(
    items: Sequence[Item], progress: Callable[[int, int], None] | None = None
) -> tuple[list[str], dict[str, list[str]]]:
    """(notes, {"no_face", "no_picture", "long": names}) of at most MOST clips."""
    step = max(1, -(-len(items) // MOST))
    chosen = items[::step]
    found: list[Content] = []
    with ThreadPoolExecutor(cpu_count()) as pool:
        for done, content in enumerate(pool.map(clip_content, chosen), 1):
            found += [content] if content else []
            if progress:
                progress(done, len(chosen))
    names = {
        "no_face": [one.name for one in found if one.has_video and not one.has_face],
        "no_picture": [one.name for one in found if not one.has_video],
        "long": [one.name for one in found if one.seconds > WINDOW_S + 0.5],
    }
    what = {
        "no_face": "show no face that is found: recipes that read faces (fe2e, mesm, jmt) have "
        "only the sound of them; group-folder reads whole frames",
        "no_picture": "have no picture: only their sound is learnt from",
        "long": f"last longer than {WINDOW_S:g} s, of which most recipes read the beginning; rows "
        "with start_s and end_s choose a part",
    }
    of = f"{len(found)} clips" + (" that were looked at" if step > 1 else "")
    return [
        f"{len(listed)} of {of} {what[kind]} ({name_list(listed)})."
        for kind, listed in names.items()
        if listed
    ], names
