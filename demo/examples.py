"""The drawn examples on the page: their names, and a card with a picture for each."""

import base64
from functools import lru_cache
from pathlib import Path
from typing import Any

from demo.i18n import Words
from demo.upload_checks import EXAMPLES, MOST_BYTES

FIRST = "seen_negative"  # runs, muted, where nothing else was asked for
AT_S = 2.0  # of the picture on a card
WIDTH = 240
LONGEST_S = 30  # a clip that is longer may be cut before it is sent
ACCEPT = "video/*,audio/*,image/gif,image/webp,.mkv,.mov,.mpg,.avi,.flv,.webm,.opus,.flac,.m4a"
UI = [
    "drop",
    "drop_say",
    "examples",
    "stop",
    "uploading",
    "too_large",
    "lost",
    "folder",
    "no_file",
    "first_only",
    "no_example",
    "offline",
    "gone",
    "back",
    "reload",
    "cut_say",
    "cut_from",
    "cut_go",
    "cut_whole",
    "cut_failed",
    "camera",
    "camera_ready",
    "camera_record",
    "camera_left",
    "camera_end",
    "camera_none",
    "camera_plain",
    "camera_few",
    "camera_lost",
]


@lru_cache(maxsize=1)
def example_names() -> tuple[str, ...]:
    """Names of the shipped examples."""
    return tuple(sorted(path.stem for path in EXAMPLES.glob("*.mp4")))


def example_path(name: str) -> Path | None:
    """The file of an example; None for a name that none has."""
    return EXAMPLES / f"{name}.mp4" if name in example_names() else None


@lru_cache(maxsize=16)
def picture_of(name: str) -> str:
    """A small picture of an example, as a data: URL."""
    import cv2

    from emo_core.clip import load_clip

    clip = load_clip(EXAMPLES / f"{name}.mp4")
    assert clip.size is not None  # every example has a picture
    size = (WIDTH, round(WIDTH * clip.size[1] / clip.size[0]))
    frame = clip.read_frames([AT_S], size).pixels[0]
    _, data = cv2.imencode(".webp", frame[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def entry_document(words: Words, cutting: str) -> dict[str, Any]:
    """What the place where clips come in shows. cutting: address of the module that cuts."""
    names = example_names()
    listed = [
        {
            "name": name,
            "title": words(f"example_{name}"),
            "story": words(f"example_{name}_say"),
            "picture": picture_of(name),
        }
        for name in names
    ]
    return {
        "key": words.language,
        "examples": listed,
        "first": FIRST if FIRST in names else None,
        "accept": ACCEPT,
        "most_bytes": MOST_BYTES,
        "longest_s": LONGEST_S,
        "cutting": cutting,
        "words": {name: words.template(f"entry_{name}") for name in UI},
    }
