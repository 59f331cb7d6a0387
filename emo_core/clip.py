"""File → Clip: the only decoder of the project (PyAV, which carries its own FFmpeg).

A clip's clock starts at the earliest presentation time of its chosen picture and sound. Everything
is asked for by time; files are opened per call, so a Clip is a value: small, picklable, and safe to
share between threads.
"""

import math
import os
import stat
import struct
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

MAX_PIXELS = 8192 * 8192  # per frame: 8K (7680x4320) fits twice; one frame is then 200 MB of RGB
MAX_DURATION_S = 48 * 3600  # seconds; a longer declared clip is a damaged clock, not a recording
MAX_OUTPUT_BYTES = 8 << 30  # bytes of pixels or sound one call may return
MAX_RATE = 384_000  # Hz, the highest rate sound is recorded at
HEAD_PACKETS = 48  # picture packets read when a file is opened: reordering, pace, first frame
HEAD_BYTES = 32 << 20  # bytes read at most to find the first picture and the first sound
MAX_UNDECODABLE = 2_000  # packets in a row without one frame before a track is given up
MAX_READ_ERRORS = 50  # damaged stretches the reader steps over in one file
MAX_REORDER = 64  # packets looked ahead; H.264 and HEVC reorder by at most 16 frames
INDEX_STEPS = 300  # frame distances looked at to tell a variable rate from a constant one
BLIND_SEEK_S = 3.0  # seconds to the next wanted frame from which an unindexed file is searched
SEEK_BACK_S = (0, 1, 4, 16, 64)  # seconds before the target, tried in turn until a key frame fits
WARM_UP_S = 0.5  # seconds of sound decoded before a window: MP3 and Opus need up to 0.25
SOUND_SLACK_S = 0.03  # seconds a sound packet's time may stray before it counts as a gap
SOUND_BATCH = 64  # decoded sound frames mixed and resampled at once
NEVER = 1 << 62  # a presentation time after every other

FORMATS = (  # containers that hold sound or moving pictures and never name another file
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,flv,ogg,wav,w64,flac,mp3,aac,asf,aiff,au,caf,amr,"
    "ac3,eac3,tta,wv,ape,gif,nut,ivf,dv,rm,mxf"
)
STILLS = {  # first bytes -> what the file is instead of a clip
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG\r\n": "a PNG picture",
    b"BM": "a BMP picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"8BPS": "a Photoshop picture",
    b"<svg": "an SVG picture",
    b"#EXTM3U": "a playlist",
    b"ffconcat": "a playlist",
    b"[playlist]": "a playlist",
    b"<MPD": "a playlist",
    b"v=0": "a session description",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a compressed archive",
    b"Rar!": "an archive",
    b"7z\xbc\xaf": "an archive",
    b"\x7fELF": "a program",
}
STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof", b"pnot", b"uuid"}


class ClipError(Exception):
    """A file that cannot be used: one sentence of what was found, what was expected, what to do."""


@dataclass(frozen=True)
class Frames:
    """Pictures and when they are shown."""

    pixels: np.ndarray  # (T, H, W, 3) uint8 RGB, displayed orientation
    times_s: np.ndarray  # (T,) float64: presentation times of the frames really decoded


@dataclass(frozen=True)
class _Picture:
    """What decoding the picture track needs to know; times in ticks of the track's own clock."""

    index: int
    tick: Fraction  # seconds
    first: int  # presentation time of the first frame that decodes
    lead: int  # ticks by which the first frame is decoded before it is shown
    reorder: int  # frames the decoder must hold back
    skips: bool  # whether unreferenced frames may be left undecoded without changing any other
    size: tuple[int, int]  # (width, height) as stored, pixel aspect ratio applied
    matrix: tuple[int, int, int, int]  # where x and y go: signs of the display matrix

    @property
    def transposed(self) -> bool:
        return self.matrix[0] == 0


@dataclass(frozen=True)
class _Sound:
    """What decoding the sound track needs to know."""

    index: int
    start_s: Fraction  # when the first sample is heard, on the container's clock
    rate: int  # Hz
    first_samples: int  # in the first decoded frame, which priming may have shortened
    frame_samples: int  # in every later frame, 0 where they differ


@dataclass(frozen=True)
class Clip:
    """One video or sound file, decoded lazily and by time. Made by `load_clip`."""

    path: Path
    text: str | None
    duration_s: float
    fps: float | None
    size: tuple[int, int] | None  # (width, height) as displayed
    rotation: int  # degrees clockwise applied for display: 0, 90, 180 or 270
    has_audio: bool
    has_video: bool
    variable_rate: bool
    channels: int | None
    sample_rate: int | None  # Hz
    video_codec: str | None
    audio_codec: str | None
    container: str
    _origin_s: Fraction = field(repr=False)
    _picture: _Picture | None = field(repr=False)
    _sound: _Sound | None = field(repr=False)

    def frames(self, times_s: Iterable[float]) -> np.ndarray:
        """The frames on display at these times, (T, H, W, 3) uint8 RGB."""
        return self.read_frames(times_s).pixels

    def read_frames(self, times_s: Iterable[float], size: tuple[int, int] | None = None) -> Frames:
        """The frames on display at these times (any order, repeats allowed) and their own times.

        size: (width, height) to resize each frame to as it is decoded. Before the first frame the
        first is shown, after the last the last. Raises ClipError where there is no picture.
        """
        times = np.asarray([float(time) for time in times_s], dtype=np.float64)
        if not np.isfinite(times).all():
            raise ValueError("times_s holds a time that is not a number; give seconds")
        if self._picture is None:
            raise ClipError(f"{self.path.name}: no picture in this sound file; give a video.")
        width, height = size or self.size
        _check_output(self.path.name, len(times) * width * height * 3, width * height)
        pixels = np.empty((len(times), height, width, 3), dtype=np.uint8)
        shown_s = np.empty(len(times))
        order = np.argsort(times, kind="stable")
        picture = self._picture
        ticks = [_tick_at(times[row], self._origin_s, picture) for row in order]
        painter = _Painter(picture, (width, height))
        for rows, frame in _displayed(self.path, picture, ticks):
            image = painter.paint(frame)
            for row in order[rows.start : rows.stop]:
                pixels[row] = image
                shown_s[row] = _frame_pts(frame) * picture.tick - self._origin_s
        return Frames(pixels, shown_s)

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Mono sound of [start_s, end_s), (S,) float32 in [-1, 1], S = round((end - start) * rate).

        Zeros wherever the file has no sound: before it starts, in gaps, after it ends.
        """
        end_s = self.duration_s if end_s is None else float(end_s)
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            raise ValueError(f"a window from {start_s} s to {end_s} s is none; give start <= end")
        if not 1 <= rate <= MAX_RATE:
            raise ValueError(f"rate is {rate} Hz; give 1 to {MAX_RATE}")
        count = round((end_s - start_s) * rate)
        _check_output(self.path.name, count * 4)
        wave = np.zeros(count, dtype=np.float32)
        if self._sound is not None and count:
            _read_sound(self.path, self._sound, _Window(wave, rate, start_s, self._origin_s))
        return wave


def load_clip(path: str | Path, text: str | None = None) -> Clip:
    """Opens a video or sound file and finds out what it holds.

    text: a transcript that travels with the clip. Raises ClipError for anything that is not one
    readable video or sound file on disk.
    """
    path = _checked_path(path)
    with _opened(path) as container:
        tracks = _Tracks.choose(container, path.name)
        head = _Head.read(container, tracks)
        picture, first_frame = _survey_picture(tracks, head, path.name)
        sound, first_sound = _survey_sound(tracks, head, path.name)
        if picture is None and sound is None:
            raise ClipError(
                f"{path.name}: neither picture nor sound in this file; expected a video or a "
                "sound recording; check that the right file was chosen."
            )
        starts = [picture.first * picture.tick] if picture else []
        starts += [sound.start_s] if sound else []
        origin = min(starts)
        steps = _frame_steps(tracks.video, head) if picture else []
        facts = _facts(tracks, picture, first_frame, first_sound, steps)
        kind = container.format.name
        end = _last_end(container, tracks, head)
    duration = _checked_duration(path, end, origin, max(starts), facts["fps"])
    return Clip(
        path=path,
        text=text,
        duration_s=duration,
        has_audio=sound is not None,
        has_video=picture is not None,
        container=kind,
        _origin_s=origin,
        _picture=picture,
        _sound=sound,
        **facts,
    )


def _checked_path(path: str | Path) -> Path:
    """The path of a regular, readable, non-empty file; anything else is refused before opening."""
    if "://" in str(path) and not os.path.exists(path):
        raise ClipError(
            f"{Path(str(path)).name or 'clip'}: this is a web address; expected a file on this "
            "computer; download it and give the file."
        )
    path = Path(path)
    name = path.name or str(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ClipError(
            f"{name}: cannot be found ({reason.lower()}); expected a video or sound file; "
            "check the path."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
        raise ClipError(f"{name}: this is {kind}; expected a video or sound file; give a file.")
    if status.st_size == 0:
        raise ClipError(
            f"{name}: the file is empty (0 bytes); expected a video or sound file; "
            "record or copy it again."
        )
    if not os.access(path, os.R_OK):
        raise ClipError(
            f"{name}: no permission to read it; expected a readable file; change its permissions."
        )
    return path.absolute()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open container; whatever the decoder raises inside becomes a ClipError."""
    import av

    head = _head_of(path)
    container = None
    try:
        container = _open(path, head)
        yield container
    except (av.FFmpegError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        if container is None:
            raise _refusal(path, head, error) from error
        raise ClipError(
            f"{path.name}: damaged, decoding stopped with '{_reason(error)}'; expected a complete "
            "video or sound file; record or copy it again."
        ) from error
    except MemoryError as error:
        raise ClipError(
            f"{path.name}: decoding it needs more memory than there is; expected smaller frames or "
            "a shorter window; ask for less at once."
        ) from error
    finally:
        if container is not None:
            container.close()


def _open(path: Path, head: bytes) -> Any:
    """Opens with FFmpeg confined to this one file and to demuxers that read no other.

    MP4 and Matroska name their tracks up front, so FFmpeg's own trial decoding (3 to 12 ms) is
    skipped; `_Head` finds out the rest.
    """
    import av

    options = {
        "protocol_whitelist": "file",
        "format_whitelist": FORMATS,
        "max_pixels": str(MAX_PIXELS),
    }
    still = _still(head)
    if still is not None:
        raise ValueError(still)
    attempts = [options]
    if head[4:8] in BOXES or head.startswith(b"\x1aE\xdf\xa3"):
        attempts.insert(0, options | {"probesize": "32", "skip_frame": "all"})
    for attempt in attempts:
        container = av.open(f"file:{path}", options=attempt, metadata_errors="replace")
        if attempt is attempts[-1] or _described(container):
            return container
        container.close()
    raise AssertionError("unreachable: the last attempt returns or raises")


def _described(container: Any) -> bool:
    """Whether the header alone told what the tracks are."""
    streams = [*container.streams.video, *container.streams.audio]
    return bool(streams) and all(stream.codec_context is not None for stream in streams)


def _head_of(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1024)
    except OSError as error:
        raise ClipError(
            f"{path.name}: cannot be read ({(error.strerror or 'error').lower()}); expected a "
            "readable video or sound file; copy it to this computer's disk."
        ) from error


def _still(head: bytes) -> str | None:
    """What the first bytes say the file is, where that is not a clip."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, kind in STILLS.items():
        if text.startswith(start):
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        return "a HEIC or AVIF picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    return None


def _refusal(path: Path, head: bytes, error: Exception) -> ClipError:
    """Why a file could not be opened, in words."""
    if (kind := _still(head)) is not None:
        found = f"this is {kind}"
    elif head[4:8] in BOXES and b"moov" not in _boxes(path):
        return ClipError(
            f"{path.name}: no moov header, so the file is cut off; expected a complete video or "
            "sound file; record or copy it again."
        )
    elif b"\x00" not in head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        found = "this is a text file"
    else:
        found = f"the contents are no video or sound format known here ({_reason(error)})"
    return ClipError(
        f"{path.name}: {found}; expected a video or sound file such as mp4, mov, webm, mkv, wav "
        "or mp3; convert it or choose another."
    )


def _reason(error: Exception) -> str:
    """The decoder's own words, on one line and without the path."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.replace("'", "").split()).rstrip(".").lower()[:80]


def _boxes(path: Path) -> set[bytes]:
    """The names of an MP4's outermost boxes."""
    names = set()
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        position = 0
        for _ in range(10_000):
            file.seek(position)
            header = file.read(16)
            if len(header) < 8:
                break
            size, name = struct.unpack(">I4s", header[:8])
            if size == 1 and len(header) == 16:
                size = struct.unpack(">Q", header[8:])[0]
            names.add(name)
            position += size
            if size < 8 or position >= end:
                break
    return names
