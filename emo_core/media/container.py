"""Opens one media file, confined to itself: sniffs its format, refuses what exceeds the limits.

Every failure becomes one sentence.
"""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emo_core.errors import EmoError, os_reason
from emo_core.messages import say

MAX_PIXELS = 8192 * 8192  # per frame: 8K (7680x4320) fits twice; one frame is then 200 MB of RGB
MAX_DURATION_S = 48 * 3600  # seconds; a longer declared clip is a damaged clock, not a recording
MAX_OUTPUT_BYTES = 8 << 30  # bytes of pixels or sound one call may return
SAMPLE_RATES = range(1_000, 2_822_401)  # Hz: telephones 8,000, PCM to 768,000, DSD512 as decoded


class ClipError(EmoError):
    """A file that cannot be used: one sentence of what was found, what was expected, what to do."""


def printable_name(path: Path) -> str:
    """A file's name as it can stand in a sentence."""
    name = path.name or str(path)
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def check_pixels(name: str, width: int, height: int) -> None:
    """Refuse frames beyond MAX_PIXELS."""
    if width * height > MAX_PIXELS:
        raise ClipError(
            "{name}: frames of {width}x{height} pixels; expected at most {max_pixels:,} pixels "
            "per frame; scale the video down.",
            name=name,
            width=width,
            height=height,
            max_pixels=MAX_PIXELS,
        )


def check_output(name: str, bytes_wanted: int, pixels: int = 1) -> None:
    """Refuse a call that would return more than MAX_OUTPUT_BYTES, or frames beyond MAX_PIXELS."""
    if bytes_wanted > MAX_OUTPUT_BYTES or pixels > MAX_PIXELS:
        raise ClipError(
            "{name}: {bytes_wanted:.0f} GiB of output asked for at once; expected at most "
            "{max_output_bytes}; ask for fewer or smaller frames, or a shorter window.",
            name=name,
            bytes_wanted=bytes_wanted / 2**30,
            max_output_bytes=MAX_OUTPUT_BYTES >> 30,
        )


def check_duration(name: str, seconds: float) -> None:
    """Refuse a clock that runs longer than MAX_DURATION_S."""
    if seconds > MAX_DURATION_S:
        raise ClipError(
            "{name}: its clock runs over {seconds:.0f} hours; expected at most {max_duration_s}; "
            "cut it into shorter pieces or repair its time stamps.",
            name=name,
            seconds=seconds / 3600,
            max_duration_s=MAX_DURATION_S // 3600,
        )


CLIP_FORMATS = (  # containers that hold sound or moving pictures and never name another file
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,flv,ogg,wav,w64,flac,mp3,aac,asf,aiff,au,caf,amr,"
    "ac3,eac3,tta,wv,ape,gif,apng,nut,ivf,dv,rm,mxf"
)
PNG = b"\x89PNG\r\n"
OTHER_KINDS = {  # first bytes -> what the file is instead of a clip
    b"\xff\xd8\xff": say("a JPEG picture"),
    PNG: say("a PNG picture"),
    b"BM": say("a BMP picture"),
    b"II*\x00": say("a TIFF picture"),
    b"MM\x00*": say("a TIFF picture"),
    b"8BPS": say("a Photoshop picture"),
    b"<svg": say("an SVG picture"),
    b"#EXTM3U": say("a playlist"),
    b"ffconcat": say("a playlist"),
    b"[playlist]": say("a playlist"),
    b"<MPD": say("a playlist"),
    b"v=0": say("a session description"),
    b"%PDF": say("a PDF document"),
    b"PK\x03\x04": say("a ZIP archive"),
    b"\x1f\x8b": say("a compressed archive"),
    b"Rar!": say("an archive"),
    b"7z\xbc\xaf": say("an archive"),
    b"\x7fELF": say("a program"),
}
STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
MP4_BOXES = set(b"ftyp moov mdat wide free skip styp moof pnot uuid".split())  # the outermost
MATROSKA = b"\x1aE\xdf\xa3"


def read_head(path: Path) -> bytes:
    """The first bytes of a file."""
    try:
        with open(path, "rb") as file:
            return file.read(1024)
    except OSError as error:
        raise ClipError(
            "{name}: cannot be read ({reason:inner}); expected a readable video or sound file; "
            "copy it to this computer's disk.",
            name=printable_name(path),
            reason=os_reason(error),
        ) from error


def other_kind(head: bytes) -> str | None:
    """What the first bytes say the file is, where that is not a clip."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, kind in OTHER_KINDS.items():
        if text.startswith(start):
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        return say("a HEIC or AVIF picture")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        moves = head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 2
        return (
            say("a moving WebP picture, which can't be played here")
            if moves
            else say("a WebP picture")
        )
    return None


def stands_still(path: Path, head: bytes) -> bool:
    """Whether a file of another kind is no moving PNG, AVIF or HEIC, which are played as clips."""
    if head.startswith(PNG):
        return b"acTL" not in _png_chunks(path)
    return not (head[4:8] == b"ftyp" and b"moov" in mp4_boxes(path))


def _png_chunks(path: Path) -> set[bytes]:
    """The names of a PNG's chunks before its picture."""
    names: set[bytes] = set()
    with open(path, "rb") as file:
        position = 8
        while len(names) < 100 and b"IDAT" not in names:
            file.seek(position)
            header = file.read(8)
            if len(header) < 8:
                break
            size, name = struct.unpack(">I4s", header)
            names.add(name)
            position += 12 + size
    return names


def is_text(head: bytes) -> bool:
    """Whether these bytes are letters, digits and line breaks only."""
    return b"\x00" not in head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head)


def is_mp4(head: bytes) -> bool:
    """Whether the file begins as MP4 and QuickTime files do."""
    return head[4:8] in MP4_BOXES


def names_its_tracks(head: bytes) -> bool:
    """Whether the container tells up front what its tracks are."""
    return is_mp4(head) or head.startswith(MATROSKA)


def mp4_boxes(path: Path) -> set[bytes]:
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


def check_path(path: str | Path) -> Path:
    """The path of a regular, readable, non-empty file; anything else is refused before opening."""
    if "://" in str(path) and not os.path.exists(path):
        raise ClipError(
            "{name}: this is a web address; expected a file on this computer; download it and "
            "give the file.",
            name=printable_name(Path(str(path))),
        )
    path = Path(path)
    name = printable_name(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else say("not a path")
        raise ClipError(
            "{name}: cannot be found ({reason:inner}); expected a video or sound file; check the "
            "path.",
            name=name,
            reason=reason,
        ) from error
    if not stat.S_ISREG(status.st_mode):
        kind = say("a folder") if stat.S_ISDIR(status.st_mode) else say("a device or a pipe")
        raise ClipError(
            "{name}: this is {kind}; expected a video or sound file; give a file.",
            name=name,
            kind=kind,
        )
    if status.st_size == 0:
        raise ClipError(
            "{name}: the file is empty (0 bytes); expected a video or sound file; record or copy "
            "it again.",
            name=name,
        )
    if not os.access(path, os.R_OK):
        raise ClipError(
            "{name}: no permission to read it; expected a readable file; change its permissions.",
            name=name,
        )
    return path.absolute()


@contextmanager
def open_container(path: Path, quick: bool = True) -> Iterator[Any]:
    """An open container; whatever the decoder raises inside becomes a ClipError.

    quick: FFmpeg's own trial decoding is left out where the header names the tracks.
    """
    import av

    head = read_head(path)
    container = None
    try:
        container = _open(path, head, quick)
        yield container
    except (av.FFmpegError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        if container is None:
            raise _refusal(path, head, error) from error
        raise ClipError(
            "{name}: damaged, decoding stopped with '{reason}'; expected a complete video or "
            "sound file; record or copy it again.",
            name=printable_name(path),
            reason=_reason(error),
        ) from error
    except MemoryError as error:
        raise ClipError(
            "{name}: decoding it needs more memory than there is; expected smaller frames or a "
            "shorter window; ask for less at once.",
            name=printable_name(path),
        ) from error
    finally:
        if container is not None:
            container.close()


def _open(path: Path, head: bytes, quick: bool) -> Any:
    """Open with FFmpeg confined to this one file and to demuxers that read no other.

    MP4 and Matroska name their tracks up front, so FFmpeg's own trial decoding (3 to 12 ms) is
    skipped; `FirstPackets` finds out the rest.
    """
    import av

    if (kind := other_kind(head)) is not None and stands_still(path, head):
        raise ValueError(kind)
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": CLIP_FORMATS,
        "max_pixels": str(MAX_PIXELS),
    }
    if quick and names_its_tracks(head):
        hasty = options | {"probesize": "32", "skip_frame": "all"}
        container = av.open(f"file:{path}", options=hasty, metadata_errors="replace")
        if _has_streams(container):
            return container
        container.close()
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def _has_streams(container: Any) -> bool:
    """Whether the header alone says what the tracks are."""
    streams = [*container.streams.video, *container.streams.audio]
    return bool(streams) and all(stream.codec_context is not None for stream in streams)


def _refusal(path: Path, head: bytes, error: Exception) -> ClipError:
    """Why a file could not be opened, in words."""
    name = printable_name(path)
    if (kind := other_kind(head)) is not None and stands_still(path, head):
        found = say("this is {kind}", kind=kind)
    elif is_mp4(head) and b"moov" not in mp4_boxes(path):
        return ClipError(
            "{name}: no moov header, so the file is cut off; expected a complete video or "
            "sound file; record or copy it again.",
            name=name,
        )
    elif is_text(head):
        found = say("this is a text file")
    else:
        found = say(
            "the contents are no video or sound format known here ({reason})", reason=_reason(error)
        )
    return ClipError(
        "{name}: {found}; expected a video or sound file such as mp4, mov, webm, mkv, wav "
        "or mp3; convert it or choose another.",
        name=name,
        found=found,
    )


def _reason(error: Exception) -> str:
    """The decoder's own words, on one line and without the path."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.replace("'", "").split()).rstrip(".").lower()[:80]
