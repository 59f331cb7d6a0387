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
SCAN_BYTES = 16 << 20  # files up to this size are read through to find their end, about 10 ms
HEAD_BYTES = 32 << 20  # bytes read at most to find the first picture and the first sound
MAX_UNDECODABLE = 2_000  # packets in a row without one frame before a track is given up
MAX_READ_ERRORS = 50  # damaged stretches the reader steps over in one file
MAX_HELD = 16  # frames H.264 and HEVC may reorder by; FFmpeg aborts the process beyond
MAX_REORDER = 64  # packets looked ahead, room for damaged times
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
DRM_TAGS = {"encv", "enca", "drmi", "drms"}
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
    frame_samples: int  # in the second frame; every later one, in most codecs


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
            raise ClipError(f"{_name(self.path)}: no picture in this sound file; give a video.")
        width, height = size or self.size
        _check_output(_name(self.path), len(times) * width * height * 3, width * height)
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
        _check_output(_name(self.path), count * 4)
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
        tracks = _Tracks.choose(container, _name(path))
        head = _Head.read(container, tracks)
        _refuse_encrypted(tracks, head, _name(path))
        picture, first_frame = _survey_picture(tracks, head, _name(path))
        sound, first_sound = _survey_sound(tracks, head, _name(path))
        if picture is None and sound is None:
            raise ClipError(
                f"{_name(path)}: neither picture nor sound in this file; expected a video or a "
                "sound recording; check that the right file was chosen."
            )
        starts = [picture.first * picture.tick] if picture else []
        starts += [sound.start_s] if sound else []
        origin = min(starts)
        end = _last_end(path, tracks, head)
        steps = _frame_steps(tracks.video, head) if picture else []
        facts = _facts(tracks, picture, first_frame, first_sound, steps)
        kind = container.format.name
    end = max([*starts] if end is None else [*starts, end])
    duration = _checked_duration(path, float(end - origin), facts["fps"])
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


def _name(path: Path) -> str:
    """A file's name as it can stand in a sentence."""
    name = path.name or str(path)
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _checked_path(path: str | Path) -> Path:
    """The path of a regular, readable, non-empty file; anything else is refused before opening."""
    if "://" in str(path) and not os.path.exists(path):
        raise ClipError(
            f"{_name(Path(str(path)))}: this is a web address; expected a file on this "
            "computer; download it and give the file."
        )
    path = Path(path)
    name = _name(path)
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
            f"{_name(path)}: damaged, decoding stopped with '{_reason(error)}'; expected a "
            "complete video or sound file; record or copy it again."
        ) from error
    except MemoryError as error:
        raise ClipError(
            f"{_name(path)}: decoding it needs more memory than there is; expected smaller "
            "frames or a shorter window; ask for less at once."
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
            f"{_name(path)}: cannot be read ({(error.strerror or 'error').lower()}); expected a "
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
            f"{_name(path)}: no moov header, so the file is cut off; expected a complete video or "
            "sound file; record or copy it again."
        )
    elif b"\x00" not in head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        found = "this is a text file"
    else:
        found = f"the contents are no video or sound format known here ({_reason(error)})"
    return ClipError(
        f"{_name(path)}: {found}; expected a video or sound file such as mp4, mov, webm, mkv, wav "
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


@dataclass(frozen=True)
class _Tracks:
    """The chosen picture and sound of an open file; every other track is switched off."""

    container: Any
    video: Any | None
    sound: Any | None

    @classmethod
    def choose(cls, container: Any, name: str) -> "_Tracks":
        video = _best(container, "video", None)
        sound = _best(container, "audio", video)
        _discard_others(container, [video, sound])
        for kind, stream in (("picture", video), ("sound", sound)):
            if stream is None:
                continue
            if stream.codec_context is None:
                raise ClipError(
                    f"{name}: the {kind} track uses a codec without a decoder here; expected a "
                    "common one such as H.264 or AAC; convert the file to mp4."
                )
            _prepare(stream)
        return cls(container, video, sound)

    @property
    def present(self) -> list[Any]:
        return [stream for stream in (self.video, self.sound) if stream is not None]


def _best(container: Any, kind: str, related: Any | None) -> Any | None:
    """FFmpeg's best track of a kind; cover art and thumbnails are no picture track."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [
        stream
        for stream in getattr(container.streams, kind)
        if not (kind == "video" and stream.disposition & still)
    ]
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        return streams[0] if streams else None
    best = container.streams.best(kind, related=related)
    if any(stream is best for stream in decodable):
        return best
    if kind == "audio":
        return decodable[0]
    return max(decodable, key=lambda it: it.codec_context.width * it.codec_context.height)


def _discard_others(container: Any, kept: list[Any]) -> None:
    """Lets the reader skip the bytes of every track but these."""
    from av.stream import Discard

    for stream in container.streams:
        if not any(stream is it for it in kept):
            stream.discard = Discard.all


def _refuse_encrypted(tracks: _Tracks, head: "_Head", name: str) -> None:
    for kind, stream, packets in (
        ("picture", tracks.video, head.video),
        ("sound", tracks.sound, head.sound),
    ):
        if stream is None:
            continue
        marks = ("encryption_info", "encryption_init_info")
        marked = any(packet.has_sidedata(mark) for packet in packets[:3] for mark in marks)
        if marked or _tag(stream) in DRM_TAGS or "enc_key_id" in stream.metadata:
            raise ClipError(
                f"{name}: the {kind} track is encrypted; expected an unprotected recording; "
                "use a copy without copy protection."
            )


def _tag(stream: Any) -> str:
    try:
        return stream.codec_context.codec_tag
    except UnicodeDecodeError:  # damaged
        return ""


def _prepare(stream: Any) -> None:
    """One thread per decoder: clips in parallel beat threads inside one by a third."""
    context = stream.codec_context
    context.thread_count = 1
    context.thread_type = "NONE"
    if context.type == "video":
        context.options = {"max_pixels": str(MAX_PIXELS)}


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """The tracks' packets in file order; damaged stretches are stepped over."""
    import av

    for _ in range(MAX_READ_ERRORS):
        try:
            for packet in container.demux(*streams):
                if packet.size:  # an empty packet would tell the decoder to stop
                    yield packet
            return
        except IndexError:  # PyAV at the end of a file in which tracks appeared while reading
            return
        except av.FFmpegError:
            continue


def _decode(stream: Any, packet: Any | None) -> list[Any]:
    """The frames a packet completes; None drains the decoder. A damaged packet gives none."""
    import av

    try:
        return stream.codec_context.decode(packet)
    except (av.FFmpegError, UnicodeError):
        return []


@dataclass(frozen=True)
class _Head:
    """The first packets of an open file, and an iterator over all that follow."""

    video: list[Any]
    sound: list[Any]
    rest: Iterator[Any]
    ends: "_Ends"  # of all packets read so far

    @classmethod
    def read(cls, container: Any, tracks: _Tracks) -> "_Head":
        ends = _Ends(tracks.video.index if tracks.video is not None else None)
        rest = ends.noting(_packets(container, tracks.present))
        head = cls([], [], rest, ends)
        bytes_read = 0
        for packet in rest:
            (head.video if packet.stream is tracks.video else head.sound).append(packet)
            bytes_read += packet.size
            enough = tracks.video is None or len(head.video) >= HEAD_PACKETS
            if (enough and (tracks.sound is None or len(head.sound) >= 3)) or (
                bytes_read > HEAD_BYTES
            ):
                break
        return head

    def packets(self, stream: Any, first: list[Any]) -> Iterator[Any]:
        """One track's packets from the start, read on as far as they are asked for."""
        return chain(first, (packet for packet in self.rest if packet.stream is stream))


class _Ends:
    """Notes when the packets that pass by end, and when the latest pictures are shown."""

    def __init__(self, picture: int | None) -> None:
        self.picture = picture  # index of the picture track
        self.ticks: dict[int, int] = {}  # by track, the latest end
        self.pace: dict[int, Fraction] = {}  # by track, seconds per tick
        self.shown: deque[int] = deque(maxlen=INDEX_STEPS)  # presentation ticks of pictures

    def noting(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Passes packets on, noting each."""
        usual: dict[int, int] = {}  # by track, ticks a packet lasts that does not say so
        for packet in packets:
            pts, at = packet.pts, packet.stream_index
            if pts is not None:
                if at not in usual:
                    stream = packet.stream
                    self.pace[at] = stream.time_base
                    self.ticks.setdefault(at, -NEVER)
                    usual[at] = _usual_ticks(stream)
                end = pts + (packet.duration or usual[at])
                if end > self.ticks[at]:
                    self.ticks[at] = end
                if at == self.picture:
                    self.shown.append(pts)
            yield packet

    @property
    def latest_s(self) -> Fraction | None:
        return max((end * self.pace[at] for at, end in self.ticks.items()), default=None)


def _usual_ticks(stream: Any) -> int:
    """How long a picture lasts that does not say so: the last ones of MPEG and FLV files."""
    rate = stream.average_rate if stream.type == "video" else None
    return round(1 / rate / stream.time_base) if rate else 0


def _survey_picture(tracks: _Tracks, head: _Head, name: str) -> tuple[_Picture | None, Any]:
    """The picture track's facts and its first frame; an undecodable track is an error."""
    video = tracks.video
    if video is None:
        return None, None
    frame = _first_frame(video, head)
    if frame is None or _frame_pts(frame) is None:
        context = video.codec_context
        if not context.width * context.height:  # FFmpeg erases a size beyond max_pixels
            _check_pixels(name, 0, 0)
        raise ClipError(
            f"{name}: the picture track ({context.name}) does not decode, not one frame came out; "
            "expected a complete video; record, copy or convert it again."
        )
    matrix = _display_matrix(frame)
    aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:  # no camera's pixels are that narrow: a damaged header
        aspect = Fraction(1)
    size = (max(1, round(frame.width * aspect)), frame.height)
    _check_pixels(name, *size)
    timed = [packet for packet in head.video if packet.pts is not None and packet.dts is not None]
    lead = max((packet.pts - packet.dts for packet in timed if packet.is_keyframe), default=0)
    context = video.codec_context
    facts = _Picture(
        index=video.index,
        tick=video.time_base,
        first=_frame_pts(frame),
        lead=max(0, lead),
        reorder=min(MAX_HELD, max(context.reorder_depth, _reorder_depth(timed))),
        skips=_skips_exactly(tracks.container.format.name, context) and not frame.interlaced_frame,
        size=size,
        matrix=matrix,
    )
    return facts, frame


def _first_frame(video: Any, head: _Head) -> Any | None:
    """The first frame that is shown; one packet suffices where the first key frame is it."""
    context = video.codec_context
    # a look at the frame's size and orientation needs no clean pixels
    context.options = context.options | {"skip_loop_filter": "all", "skip_idct": "all"}
    shown = [packet.pts for packet in head.video if packet.pts is not None]
    start = head.video[0] if head.video else None
    if start is not None and start.is_keyframe and shown and start.pts == min(shown):
        frames = _decode(video, start) + _decode(video, None)
        context.flush_buffers()
        if frames:
            return frames[0]
    for count, packet in enumerate(head.packets(video, head.video)):
        if count > MAX_UNDECODABLE:
            break
        if frames := _decode(video, packet):
            return frames[0]
    return next(iter(_decode(video, None)), None)


def _frame_pts(frame: Any) -> int | None:
    return frame.dts if frame.pts is None else frame.pts


def _reorder_depth(packets: list[Any]) -> int:
    """How many frames at most are decoded before and shown after another one."""
    shown: list[int] = []
    depth = 0
    for packet in packets:
        depth = max(depth, len(shown) - bisect_right(shown, packet.pts))
        insort(shown, packet.pts)
    return depth


def _skips_exactly(container: str, context: Any) -> bool:
    """Whether leaving unreferenced frames undecoded leaves every other frame as it was.

    True for H.264 and VP8, and for HEVC with a single temporal layer (in a higher layer a frame
    marked as unreferenced may still be used). Only in MP4 and Matroska, where one packet is one
    frame with its own time.
    """
    if not container.startswith(("mov", "matroska")):
        return False
    if context.name == "hevc":
        extra = context.extradata or b""
        return len(extra) > 22 and extra[0] == 1 and (extra[21] >> 3) & 7 == 1
    return context.name in {"h264", "vp8"}


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the display matrix: x' = a x + c y, y' = b x + d y."""
    try:
        words = struct.unpack("=9i", bytes(frame.side_data["DISPLAYMATRIX"])[:36])
    except (KeyError, struct.error):
        return (1, 0, 0, 1)
    a, b, c, d = words[0], words[1], words[3], words[4]
    sign = lambda value: -1 if value < 0 else 1  # noqa: E731
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (sign(a), 0, 0, sign(d))
    return (0, sign(b), sign(c), 0)


def _survey_sound(tracks: _Tracks, head: _Head, name: str) -> tuple[_Sound | None, Any]:
    """The sound track's facts and its first frame. A track without packets is no sound at all."""
    sound = tracks.sound
    if sound is None:
        return None, None
    frames: list[Any] = []
    packets = 0
    for packet in head.packets(sound, head.sound):
        packets += 1
        frames += [frame for frame in _decode(sound, packet) if frame.samples and frame.rate]
        if len(frames) >= 2 or packets > MAX_UNDECODABLE:
            break
    if not packets:
        return None, None
    frames = frames or _decode(sound, None)
    if not frames:
        raise ClipError(
            f"{name}: the sound track ({sound.codec_context.name}) does not decode, not one sample "
            "came out; expected complete sound; record, copy or convert it again."
        )
    first = frames[0]
    facts = _Sound(
        index=sound.index,
        start_s=(_frame_pts(first) or 0) * sound.time_base,
        rate=first.rate,
        first_samples=first.samples,
        frame_samples=frames[1].samples if len(frames) > 1 else 0,
    )
    return facts, first


def _facts(
    tracks: _Tracks, picture: _Picture | None, frame: Any, sound: Any, steps_s: list[float]
) -> dict[str, Any]:
    """The public facts of both tracks, by the names of Clip's fields."""
    facts: dict[str, Any] = {
        "fps": None,
        "size": None,
        "rotation": 0,
        "variable_rate": False,
        "video_codec": None,
        "channels": sound.layout.nb_channels if sound is not None else None,
        "sample_rate": sound.rate if sound is not None else None,
        "audio_codec": tracks.sound.codec_context.name if sound is not None else None,
    }
    if picture is not None:
        facts |= {
            "fps": _rate(tracks.video, steps_s),
            "size": picture.size[::-1] if picture.transposed else picture.size,
            "rotation": _degrees(picture.matrix),
            "variable_rate": _varies(steps_s, float(picture.tick)),
            "video_codec": tracks.video.codec_context.name,
        }
    return facts


def _degrees(matrix: tuple[int, int, int, int]) -> int:
    """Clockwise rotation of a display matrix, a mirror image taken out first."""
    a, b, c, d = matrix
    if a * d - b * c < 0:
        a, b = -a, -b
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(a, b)]


def _frame_steps(video: Any, head: _Head) -> list[float]:
    """Seconds between neighbouring frames, a few hundred at most, from all over the file."""
    tick = float(video.time_base)
    index = video.index_entries
    if len(index) > 2 and video.container.format.name.startswith("mov"):
        stride = max(1, (len(index) - 1) // INDEX_STEPS)
        places = range(0, len(index) - 1, stride)
        ticks = [index[at + 1].timestamp - index[at].timestamp for at in places]
    else:
        timed = [packet for packet in head.video if None not in (packet.pts, packet.dts)]
        known = max((packet.dts for packet in timed), default=0)  # later frames may still come
        shown = sorted({packet.pts for packet in timed if packet.pts <= known})
        tail = sorted(head.ends.shown)[MAX_HELD:]  # reordering leaves holes where a record begins
        ticks = [after - before for run in (shown, tail) for before, after in _pairs(run)]
    return [step * tick for step in ticks if step > 0]


def _pairs(run: list[int]) -> Iterator[tuple[int, int]]:
    return zip(run, run[1:], strict=False)


def _rate(video: Any, steps_s: list[float]) -> float | None:
    """Average frames per second; the header's word where the frames' own times bear it out."""
    declared = float(video.average_rate or 0)
    if not steps_s:
        return declared or None
    measured = len(steps_s) / sum(steps_s)
    return declared if 0.5 < declared / measured < 2 else measured


def _varies(steps_s: list[float], tick_s: float) -> bool:
    """Whether some frame stays on display clearly longer or shorter than most."""
    if len(steps_s) < 2:
        return False
    usual = float(np.median(steps_s))
    slack = max(0.1 * usual, 1.5 * tick_s)
    return any(abs(step - usual) > slack for step in steps_s)


def _last_end(path: Path, tracks: _Tracks, head: _Head) -> Fraction | None:
    """When the last packet of either track ends, in seconds on the container's clock.

    Measured on the packets, not read in the header: a small file is read through, a large one
    from a second before its declared end or, where that finds nothing, from the start.
    """
    import av

    ends = [_indexed_end(stream) for stream in tracks.present]
    if None not in ends:
        return max(ends)
    container = tracks.container
    if container.duration and container.size > SCAN_BYTES:
        before = (container.start_time or 0) + container.duration - 1_000_000  # microseconds
        try:
            container.seek(before)
        except av.FFmpegError:
            packets: Iterator[Any] = iter(())
        else:
            head.ends.shown.clear()
            packets = head.ends.noting(_packets(container, tracks.present))
        if sum(1 for _ in packets):
            return head.ends.latest_s
        with _opened(path) as again:
            kept = [again.streams[stream.index] for stream in tracks.present]
            deque(head.ends.noting(_packets(again, kept)), maxlen=0)
    else:
        deque(head.rest, maxlen=0)
    return head.ends.latest_s


def _indexed_end(stream: Any) -> Fraction | None:
    """The end of an MP4 track whose index lists every packet; where the file was cut off, there."""
    container, index = stream.container, stream.index_entries
    if not container.format.name.startswith("mov") or not len(index) or not stream.duration:
        return None
    first, last = index[0].timestamp, index[-1].timestamp
    if last - first < stream.duration - max(2 / stream.time_base, stream.duration // 10):
        return None  # fragmented: the index grows as the file is read
    start = stream.start_time or 0
    bytes_present = container.size

    def cut_off(at: int) -> bool:
        return index[at].pos + index[at].size > bytes_present

    if not cut_off(len(index) - 1):
        return (start + stream.duration) * stream.time_base
    missing = bisect_left(range(len(index)), True, key=cut_off)
    return (start + index[missing].timestamp - max(first, 0)) * stream.time_base


def _checked_duration(path: Path, seconds: float, fps: float | None) -> float:
    """Seconds from the clip's zero to its end, at least one frame, at most MAX_DURATION_S."""
    if seconds > MAX_DURATION_S:
        raise ClipError(
            f"{_name(path)}: its clock runs over {seconds / 3600:.0f} hours; expected at most "
            f"{MAX_DURATION_S // 3600}; cut it into shorter pieces or repair its time stamps."
        )
    return max(seconds, 1 / fps if fps else 0.0)


def _check_pixels(name: str, width: int, height: int) -> None:
    """Refuses frames beyond MAX_PIXELS, and the size 0x0 to which FFmpeg resets such a size."""
    if 0 < width * height <= MAX_PIXELS:
        return
    found = f"frames of {width}x{height} pixels" if width else "frames of a huge or unknown size"
    raise ClipError(
        f"{name}: {found}; expected at most {MAX_PIXELS:,} pixels per frame; scale the video down."
    )


def _check_output(name: str, bytes_wanted: int, pixels: int = 1) -> None:
    if bytes_wanted > MAX_OUTPUT_BYTES or pixels > MAX_PIXELS:
        raise ClipError(
            f"{name}: {bytes_wanted / 2**30:.0f} GiB of output asked for at once; expected at most "
            f"{MAX_OUTPUT_BYTES >> 30}; ask for fewer or smaller frames, or a shorter window."
        )


def _tick_at(time_s: float, origin_s: Fraction, picture: _Picture) -> int:
    """The latest presentation tick already on display at a time on the clip's clock.

    Half a tick of tolerance, at most 0.5 ms: Matroska rounds 66.67 ms to 67, and asking for 2/30 s
    must still give that frame.
    """
    tolerance_s = min(float(picture.tick) / 2, 0.5e-3) + 1e-6
    tick = math.floor((time_s + float(origin_s) + tolerance_s) / float(picture.tick))
    return min(max(tick, picture.first), NEVER - 1)


class _Painter:
    """Turns decoded frames into displayed RGB of one size, whatever size they come in."""

    def __init__(self, picture: _Picture, size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        self.picture = picture
        self.stored = size[::-1] if picture.transposed else size
        self.reformatter = VideoReformatter()

    def paint(self, frame: Any) -> np.ndarray:
        """One frame as (H, W, 3) uint8 RGB."""
        from av.video.reformatter import Interpolation

        width, height = self.stored
        shrinks = width < frame.width or height < frame.height
        rgb = self.reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )
        plane = rgb.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
        image = rows[:, : width * 3].reshape(height, width, 3)
        a, b, c, d = self.picture.matrix
        if self.picture.transposed:
            image = image.swapaxes(0, 1)
        if a + c < 0:
            image = image[:, ::-1]
        if b + d < 0:
            image = image[::-1]
        return image


def _displayed(path: Path, picture: _Picture, ticks: list[int]) -> Iterator[tuple[range, Any]]:
    """For sorted ticks, runs of them with the one frame on display during each run.

    Seeks where that saves decoding. Where the file's seeking proves wrong (the first frame after
    landing is later than the target), what is left is decoded from the start of the file.
    """
    done = 0
    seeking = True
    while done < len(ticks):
        with _opened(path) as container:
            player = _Player(container, picture, ticks[done:], seeking)
            reached = done
            try:
                for rows, frame in player.play():
                    reached = done + rows.stop
                    yield range(done + rows.start, reached), frame
            except _LandedWrong:
                seeking = False
            else:
                break
            finally:
                done = reached
    if done < len(ticks):
        raise ClipError(
            f"{_name(path)}: the picture stopped decoding; expected frames up to the end; "
            "record or copy the file again."
        )


class _LandedWrong(Exception):
    """A seek ended where the wanted frame cannot be decoded from."""


class _Player:
    """Decodes one picture track forward and hands out the frame on display at each tick."""

    def __init__(self, container: Any, picture: _Picture, ticks: list[int], seeking: bool) -> None:
        self.container = container
        self.picture = picture
        self.ticks = ticks
        self.seeking = seeking
        self.blind = seeking  # whether to search where the index does not reach
        # MPEG's index holds only what happened to be read, so it tells nothing about the rest
        self.indexed = container.format.name.startswith(("mov", "matroska", "avi"))
        self.stream = next(it for it in container.streams if it.index == picture.index)
        _discard_others(container, [self.stream])
        _prepare(self.stream)
        context = self.stream.codec_context
        context.reorder_depth = max(context.reorder_depth, picture.reorder)
        self.answered = 0  # ticks whose frame was handed out
        self.covered = 0  # ticks, from the first on, whose frame was sent to the decoder
        self.ahead: dict[int, int] = {}  # runs of later ticks sent before them (reordering)
        self.shown: Any | None = None  # latest frame out of the decoder since landing
        self.landed = False  # whether decoding began anywhere but at the start
        self.landing: int | None = None  # tick of the latest seek, which is not tried twice
        self.sent = picture.first  # latest presentation time sent to the decoder
        self.last_key = picture.first

    def play(self) -> Iterator[tuple[range, Any]]:
        """Runs of ticks with their frames, in order."""
        packets = _packets(self.container, [self.stream])
        while packets is not None:
            target = yield from self._segment(packets)
            packets = None if target is None else self._land(target)

    def _segment(self, packets: Iterator[Any]) -> Iterator[tuple[range, Any]]:
        """Plays on until every tick is answered, or returns the tick to seek to."""
        target = None
        for packet, following in _with_following(packets):
            target = self._jump(packet)
            if target is not None:
                break
            yield from self._answers(self._send(packet, following))
            if max(self.covered, self.answered) >= len(self.ticks):
                break
        yield from self._answers(_decode(self.stream, None))
        until = len(self.ticks) if target is None else self.covered
        if self.shown is None and self.landed:
            raise _LandedWrong
        if self.shown is not None and self.answered < until:
            run = range(self.answered, until)
            self.answered = until
            yield run, self.shown
        return target

    def _send(self, packet: Any, following: int | None) -> list[Any]:
        """Decodes a packet, or only what later frames need of it where nobody asks for it."""
        wanted = True
        if packet.pts is not None:
            self.sent = max(self.sent, packet.pts)
            self.last_key = packet.pts if packet.is_keyframe else self.last_key
        if following is not None:
            first = bisect_left(self.ticks, packet.pts)
            last = bisect_left(self.ticks, following)
            wanted = first < last
            if wanted:
                self.ahead[first] = last
            for start in sorted(self.ahead):
                if start > self.covered:
                    break
                self.covered = max(self.covered, self.ahead.pop(start))
        if self.picture.skips:
            self.stream.codec_context.skip_frame = "DEFAULT" if wanted else "NONREF"
        return _decode(self.stream, packet)

    def _answers(self, frames: list[Any]) -> Iterator[tuple[range, Any]]:
        """Ticks before each new frame still show the frame before it."""
        for frame in frames:
            pts = _frame_pts(frame)
            if pts is None:
                continue
            until = bisect_left(self.ticks, pts, lo=self.answered)
            if until > self.answered:
                if self.shown is None and self.landed:
                    raise _LandedWrong
                run = range(self.answered, until)
                self.answered = until
                yield run, self.shown or frame
            self.shown = frame

    def _jump(self, packet: Any) -> int | None:
        """The next tick to be sent, if decoding for it should begin beyond this packet."""
        self.covered = max(self.covered, self.answered)
        if not self.seeking or self.covered >= len(self.ticks) or packet.pts is None:
            return None
        target = self.ticks[self.covered]
        here = max(self.sent, packet.pts)
        if target <= here or target == self.landing:
            return None
        index = self.stream.index_entries
        reach = self.picture.first
        if self.indexed and len(index):
            at = index.search_timestamp(target - self.picture.lead)
            if at >= 0 and index[at].timestamp > here:
                return target
            reach = index[-1].timestamp
        tick = float(self.picture.tick)
        ahead_s, lost_s = (target - here) * tick, (here - self.last_key) * tick
        if (target - reach) * tick < BLIND_SEEK_S or not self.blind:
            return None
        return target if ahead_s > max(BLIND_SEEK_S, 2 * lost_s) else None

    def _land(self, target: int) -> Iterator[Any]:
        """Packets from a key frame shown at or before the target."""
        import av

        context = self.stream.codec_context
        self.landing = target
        backs = (int(back_s / self.picture.tick) for back_s in SEEK_BACK_S)
        for goal in (target, *(target - self.picture.lead - back for back in backs)):
            try:
                self.container.seek(goal, stream=self.stream)
            except (av.FFmpegError, OverflowError):
                break
            packets = _packets(self.container, [self.stream])
            key = next((it for it in packets if it.is_keyframe and it.pts is not None), None)
            if key is not None and key.pts <= target:
                self.blind = self.blind and key.pts > self.sent
                self.landed, self.shown, self.ahead = True, None, {}
                self.sent = key.pts
                context.reorder_depth = max(context.reorder_depth, self.picture.reorder)
                return chain([key], packets)
            if goal <= self.picture.first:
                break
        raise _LandedWrong


def _with_following(packets: Iterator[Any]) -> Iterator[tuple[Any, int | None]]:
    """Packets in decoding order, each with the time its frame gives way to the next one shown.

    None where the file does not tell. A packet waits until one with a decoding time at or past the
    next frame's presentation time has been read: no frame still to come can be shown before that.
    """
    waiting: deque[Any] = deque()
    shown: list[int] = []  # sorted presentation times that may still follow a waiting packet
    for packet in packets:
        if packet.pts is None or packet.dts is None or packet.pts < packet.dts:
            yield from ((it, None) for it in (*waiting, packet))
            waiting.clear()
            continue
        waiting.append(packet)
        insort(shown, packet.pts)
        while waiting:
            at = bisect_right(shown, waiting[0].pts)
            if at < len(shown) and shown[at] <= packet.dts:
                yield waiting.popleft(), shown[at]
            elif len(waiting) > MAX_REORDER:
                yield waiting.popleft(), None
            else:
                break
        oldest = min((it.pts for it in waiting), default=packet.dts)
        del shown[: bisect_left(shown, min(oldest, packet.dts))]
    for packet in waiting:
        at = bisect_right(shown, packet.pts)
        yield packet, shown[at] if at < len(shown) else NEVER


@dataclass
class _Window:
    """A stretch of the clip's clock to fill with sound."""

    wave: np.ndarray  # (S,) float32, zeros where nothing was written
    rate: int  # Hz
    start_s: float  # on the clip's clock
    origin_s: Fraction  # the clip's zero on the container's clock

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.wave) / self.rate

    def place(self, samples: np.ndarray, at: int) -> None:
        """Writes resampled sound whose first sample has index `at` in the window."""
        start, stop = max(at, 0), min(at + len(samples), len(self.wave))
        if start < stop:
            self.wave[start:stop] = samples[start - at : stop - at]


def _read_sound(path: Path, sound: _Sound, window: _Window) -> None:
    """Fills a window, decoding from a little before it so that its first samples are right."""
    period_s = 1 / math.gcd(sound.rate, window.rate)  # after which both sample grids meet again
    early_s = float(window.origin_s) + window.start_s - WARM_UP_S - period_s
    from_s = early_s if early_s > float(sound.start_s) + 1 else None
    if from_s is not None and _mix(path, sound, window, from_s):
        return
    _mix(path, sound, window, None)


def _mix(path: Path, sound: _Sound, window: _Window, from_s: float | None) -> bool:
    """Decodes into the window; False where seeking failed or landed too late to be used."""
    import av

    with _opened(path) as container:
        stream = next(it for it in container.streams if it.index == sound.index)
        _prepare(stream)
        tick_s = float(stream.time_base)
        packets = _packets(container, [stream])
        if from_s is not None:
            try:
                _seek_sound(container, stream, from_s)
            except (av.FFmpegError, OverflowError):
                return False
            first = next(packets, None)
            if first is None or first.pts is None or first.pts * tick_s > from_s + WARM_UP_S / 2:
                return False
            packets = chain([first], packets)
        _discard_others(container, [stream])
        run = _Run(sound, window)
        until_s = float(window.origin_s) + window.end_s + WARM_UP_S / 5
        for packet in _between(packets, tick_s, from_s, until_s):
            for frame in _decode(stream, packet):
                run.add(frame, tick_s)
        for frame in _decode(stream, None):
            run.add(frame, tick_s)
        run.finish()
    return True


def _between(
    packets: Iterator[Any], tick_s: float, from_s: float | None, until_s: float
) -> Iterator[Any]:
    """Packets worth decoding for a window; a seek may have landed long before it."""
    for packet in packets:
        at_s = None if packet.pts is None else packet.pts * tick_s
        if at_s is not None and at_s > until_s:
            return
        if at_s is None or from_s is None or at_s >= from_s - 1:
            yield packet


def _seek_sound(container: Any, stream: Any, at_s: float) -> None:
    """Matroska lists key frames of the picture only; seeking by sound would read the whole file."""
    if container.format.name.startswith("matroska"):
        container.seek(int(at_s * 1_000_000))
    else:
        container.seek(int(at_s / float(stream.time_base)), stream=stream)


class _Run:
    """Joins decoded frames into unbroken sound, resamples it and places it by its time."""

    def __init__(self, sound: _Sound, window: _Window) -> None:
        self.sound = sound
        self.window = window
        self.resampler: Any | None = None
        self.start_s = float(sound.start_s)
        self.rate = sound.rate  # Hz, of the frames in this run
        self.due = 0  # position of the next sample, counted from the track's first
        self.pending: list[np.ndarray] = []
        self.pushed = 0  # samples given to the resampler
        self.cursor = 0  # window index of the next resampled sample
        self.padding = 0  # resampled samples of padding still to be dropped
        start = round(window.start_s * window.rate)
        self.base = round((sound.start_s - window.origin_s) * window.rate) - start
        self.heard_from_s = window.start_s + float(window.origin_s - sound.start_s) - WARM_UP_S / 5

    def add(self, frame: Any, tick_s: float) -> None:
        """Appends one decoded frame, beginning anew where it does not join the sound before it."""
        if not frame.samples or not frame.rate:
            return
        if frame.rate != self.rate:
            self.finish()
            self.rate = frame.rate
        at = self._position(frame, tick_s)
        if at + frame.samples <= self.heard_from_s * self.rate:
            self.finish()  # warm-up
            return
        slack = max(SOUND_SLACK_S, 2 * tick_s) * self.rate
        if self.resampler is None or abs(at - self.due) > slack:
            self.finish()
            self._start(at)
        self.pending.append(_mono(frame))
        self.due += frame.samples
        if len(self.pending) >= SOUND_BATCH:
            self._push()

    def _position(self, frame: Any, tick_s: float) -> int:
        """Samples from the track's first to this frame's; coarse clocks snap to whole frames."""
        pts = _frame_pts(frame)
        if pts is None:
            return self.due
        exact = (pts * tick_s - self.start_s) * self.rate
        size = self.sound.frame_samples
        if size and tick_s * self.rate > 1:
            whole = round((exact - self.sound.first_samples) / size)
            snapped = self.sound.first_samples + whole * size
            if abs(snapped - exact) <= tick_s * self.rate:
                return snapped
        return round(exact)

    def _start(self, at: int) -> None:
        """Opens a run, padded so that its resampled grid is the one of the whole file."""
        from av import AudioResampler

        padding = at % (self.rate // math.gcd(self.rate, self.window.rate))
        self.resampler = AudioResampler("fltp", "mono", self.window.rate)
        self.pending = [np.zeros(padding, np.float32)] if padding else []
        self.due = at
        self.pushed = 0
        self.padding = padding * self.window.rate // self.rate
        self.cursor = self.base + (at - padding) * self.window.rate // self.rate

    def _push(self) -> None:
        from av import AudioFrame

        wave = np.concatenate(self.pending)
        wave[~np.isfinite(wave)] = 0
        self.pending = []
        frame = AudioFrame.from_ndarray(wave[None], "fltp", "mono")
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self.pushed
        self.pushed += len(wave)
        self._write(self.resampler.resample(frame))

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            if frame is None:  # flushing a resampler that had nothing to do
                continue
            wave = np.clip(frame.to_ndarray()[0], -1, 1)
            dropped = min(self.padding, len(wave))
            self.padding -= dropped
            self.window.place(wave[dropped:], self.cursor + dropped)
            self.cursor += len(wave)

    def finish(self) -> None:
        """Flushes the run into the window."""
        if self.resampler is None:
            return
        if self.pending:
            self._push()
        self._write(self.resampler.resample(None))
        self.resampler = None


def _mono(frame: Any) -> np.ndarray:
    """One decoded frame as (S,) float32, channels mixed with weights that sum to 1.

    Before normalising: centre 1, front 0.71, surround and others 0.5, low-frequency effects 0
    (ITU-R BS.775).
    """
    from av import AudioResampler

    crowded = frame.format.is_planar and frame.layout.nb_channels > 7  # there PyAV 18 reads
    if crowded or frame.format.name.startswith("s64"):  # past its planes, and it lacks 64 bits
        frame = AudioResampler("flt").resample(frame)[0]
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(frame.samples, -1).T
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128) / 128
    elif data.dtype.kind == "i":
        data = data * np.float32(1 / (1 << (8 * data.dtype.itemsize - 1)))
    weights = _weights(tuple(channel.name for channel in frame.layout.channels), len(data))
    return weights @ data.astype(np.float32, copy=False)


@lru_cache
def _weights(names: tuple[str, ...], channels: int) -> np.ndarray:
    known = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
    weights = np.array([known.get(name, 0.5) for name in names], dtype=np.float32)
    if len(weights) != channels or not weights.any():
        weights = np.ones(channels, dtype=np.float32)
    return weights / weights.sum()
