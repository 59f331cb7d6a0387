"""Which clips the page takes, and which of them are its own examples."""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from emo_core.clip import Clip, load_clip
from emo_core.errors import EmoError
from emo_core.media.demux import watched_packets

EXAMPLES = Path(__file__).resolve().parents[1] / "assets" / "examples"
MOST_BYTES = 50 << 20  # of one file, as the upload's own limit
MOST_MINUTES = 10  # of one clip
MOST_PIXELS = 4096 * 2304  # of one frame: every kind of 4K
MOST_CODED = 40e9  # pixels × packets of the picture: 10 minutes of 1080p, 30 frames a second
MOST_DECODE_S = 30.0  # processor seconds in which a clip is read and its faces are found
SAMPLE_BYTES = 8  # of one sample of one channel, at most
BESIDE_SOUND = 10 << 20  # bytes of pictures and words that a sound file may hold


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
                "{name} has {size:.0f} MB; this page takes up to {most_bytes} MB; give a shorter "
                "piece, or use `emo predict`, which has no such limit.",
                name=path.name,
                size=size / 2**20,
                most_bytes=MOST_BYTES >> 20,
            )


def check_upload(path: Path, text: str | None) -> Clip:
    """A clip that is small and short enough to be read here. Raises UserError or ClipError."""
    clip = load_clip(path)
    if clip.duration_s > 60 * MOST_MINUTES:
        raise UserError(
            "{name} is {minutes:.0f} minutes long; this page takes up to {most}; give "
            "a shorter piece, or use `emo predict`, which has no such limit.",
            name=path.name,
            minutes=clip.duration_s / 60,
            most=MOST_MINUTES,
        )
    if clip.size and clip.size[0] * clip.size[1] > MOST_PIXELS:
        raise UserError(
            "{name} has frames of {width} × {height}; this page takes up to {most_pixels:,} pixels "
            "(4K); scale it down, or use `emo predict`.",
            name=path.name,
            width=clip.size[0],
            height=clip.size[1],
            most_pixels=MOST_PIXELS,
        )
    if clip.size and clip.size[0] * clip.size[1] * clip.picture_packets > MOST_CODED:
        raise UserError(
            "{name} has {picture_packets:,} frames of {width} × {height}, which take too long to "
            "read here; this page takes up to {most:.0f} thousand million pixels in all; "
            "give a shorter or smaller piece, or use `emo predict`.",
            name=path.name,
            picture_packets=clip.picture_packets,
            width=clip.size[0],
            height=clip.size[1],
            most=MOST_CODED / 1e9,
        )
    _refuse_hidden_sound(path, clip)
    return replace(clip, text=text)


def _refuse_hidden_sound(path: Path, clip: Clip) -> None:
    """Raise UserError for a sound file with more bytes than its header's sound can take."""
    if clip.has_video or not (clip.sample_rate and clip.channels):
        return
    said = SAMPLE_BYTES * clip.sample_rate * clip.channels * clip.duration_s
    if (size := path.stat().st_size) > said + BESIDE_SOUND:
        raise UserError(
            "{name} has {size:.0f} MB, but its header speaks of {duration_s:.1f} s of sound, "
            "which take {said:.1f} MB at most; expected a header that fits its content; save it "
            "anew.",
            name=path.name,
            size=size / 2**20,
            duration_s=clip.duration_s,
            said=said / 2**20,
        )


class DecodeBudget:
    """Bounds what reading one clip may take; between packets `progress` is told nothing new.

    What `progress` raises ends the reading, as a context manager's body does that takes too long:
    that raises UserError. Seconds of the model (until `report`) don't count.
    """

    def __init__(self, name: str, progress: Callable[[int, int], object] | None) -> None:
        self.name, self.progress = name, progress or (lambda done, total: None)
        self.spent_s, self.last_s = 0.0, time.thread_time()
        self.steps = (0, 0)

    def __enter__(self) -> "DecodeBudget":
        self.watched = watched_packets(self.count)
        self.watched.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.watched.__exit__(*error)

    def report(self, done: int, total: int) -> None:
        """Some windows have been answered."""
        self.last_s, self.steps = time.thread_time(), (done, total)
        self.progress(done, total)

    def count(self) -> None:
        """A packet was read."""
        now_s = time.thread_time()
        self.spent_s, self.last_s = self.spent_s + now_s - self.last_s, now_s
        if self.spent_s > MOST_DECODE_S:
            raise UserError(
                "{name} takes more than {most_decode_s:.0f} s of computing to read, which is what "
                "this page gives one clip; give a shorter or smaller piece, or use `emo predict`, "
                "which has no such limit.",
                name=self.name,
                most_decode_s=MOST_DECODE_S,
            )
        self.progress(*self.steps)
