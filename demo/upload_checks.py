"""Which clips the page takes, and which of them are its own examples."""

import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from emo_core.clip import Clip, load_clip
from emo_core.errors import EmoError

EXAMPLES = Path(__file__).resolve().parents[1] / "assets" / "examples"
MOST_BYTES = 50 << 20  # of one file, as the upload's own limit
MOST_MINUTES = 10  # of one clip
MOST_PIXELS = 4096 * 2304  # of one frame: every kind of 4K


class UserError(EmoError):
    """A clip that gets no answer; one plain sentence for the person who gave it."""


def is_example(path: Path) -> bool:
    """Whether a file is one of the shipped drawings, whatever its name."""
    known = example_digests()
    return path.is_file() and path.stat().st_size in known and file_digest(path) in known.values()


@lru_cache(maxsize=1)
def example_digests() -> dict[int, str]:
    """Size -> digest of every shipped example."""
    return {path.stat().st_size: file_digest(path) for path in EXAMPLES.glob("*.mp4")}


def file_digest(path: Path) -> str:
    """What tells a file's content; "" where it can't be read."""
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
    return ""


def refuse_large(path: Path) -> None:
    """Raise UserError for a file beyond MOST_BYTES."""
    with suppress(OSError):  # a path that can't be looked at is for load_clip to explain
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(
                f"{path.name} has {size / 2**20:.0f} MB; this page takes up to "
                f"{MOST_BYTES >> 20} MB; give a shorter piece, or use `emo predict`, which has no "
                "such limit."
            )


def check_upload(path: Path, text: str | None) -> Clip:
    """A clip that is small and short enough to be read here. Raises UserError or ClipError."""
    clip = load_clip(path)
    if clip.duration_s > 60 * MOST_MINUTES:
        raise UserError(
            f"{path.name} is {clip.duration_s / 60:.0f} minutes long; this page takes up to "
            f"{MOST_MINUTES}; give a shorter piece, or use `emo predict`, which has no such limit."
        )
    if clip.size and clip.size[0] * clip.size[1] > MOST_PIXELS:
        raise UserError(
            f"{path.name} has frames of {clip.size[0]} × {clip.size[1]}; this page takes up to "
            f"{MOST_PIXELS:,} pixels (4K); scale it down, or use `emo predict`."
        )
    return replace(clip, text=text)
