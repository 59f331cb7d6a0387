"""Opening one file, confined to itself; whatever goes wrong becomes one sentence."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emo_core.media.formats import (
    CLIP_FORMATS,
    is_mp4,
    is_text,
    mp4_boxes,
    names_its_tracks,
    other_kind,
    read_head,
)
from emo_core.media.limits import MAX_PIXELS, ClipError, printable_name


def checked_path(path: str | Path) -> Path:
    """The path of a regular, readable, non-empty file; anything else is refused before opening."""
    if "://" in str(path) and not os.path.exists(path):
        raise ClipError(
            f"{printable_name(Path(str(path)))}: this is a web address; expected a file on this "
            "computer; download it and give the file."
        )
    path = Path(path)
    name = printable_name(path)
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
def opened(path: Path) -> Iterator[Any]:
    """An open container; whatever the decoder raises inside becomes a ClipError."""
    import av

    head = read_head(path)
    container = None
    try:
        container = _open(path, head)
        yield container
    except (av.FFmpegError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        if container is None:
            raise _refusal(path, head, error) from error
        raise ClipError(
            f"{printable_name(path)}: damaged, decoding stopped with '{_reason(error)}'; expected "
            "a complete video or sound file; record or copy it again."
        ) from error
    except MemoryError as error:
        raise ClipError(
            f"{printable_name(path)}: decoding it needs more memory than there is; expected "
            "smaller frames or a shorter window; ask for less at once."
        ) from error
    finally:
        if container is not None:
            container.close()


def _open(path: Path, head: bytes) -> Any:
    """Opens with FFmpeg confined to this one file and to demuxers that read no other.

    MP4 and Matroska name their tracks up front, so FFmpeg's own trial decoding (3 to 12 ms) is
    skipped; `Head` finds out the rest.
    """
    import av

    if (kind := other_kind(head)) is not None:
        raise ValueError(kind)
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": CLIP_FORMATS,
        "max_pixels": str(MAX_PIXELS),
    }
    if names_its_tracks(head):
        quick = options | {"probesize": "32", "skip_frame": "all"}
        container = av.open(f"file:{path}", options=quick, metadata_errors="replace")
        if _described(container):
            return container
        container.close()
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def _described(container: Any) -> bool:
    """Whether the header alone told what the tracks are."""
    streams = [*container.streams.video, *container.streams.audio]
    return bool(streams) and all(stream.codec_context is not None for stream in streams)


def _refusal(path: Path, head: bytes, error: Exception) -> ClipError:
    """Why a file could not be opened, in words."""
    name = printable_name(path)
    if (kind := other_kind(head)) is not None:
        found = f"this is {kind}"
    elif is_mp4(head) and b"moov" not in mp4_boxes(path):
        return ClipError(
            f"{name}: no moov header, so the file is cut off; expected a complete video or "
            "sound file; record or copy it again."
        )
    elif is_text(head):
        found = "this is a text file"
    else:
        found = f"the contents are no video or sound format known here ({_reason(error)})"
    return ClipError(
        f"{name}: {found}; expected a video or sound file such as mp4, mov, webm, mkv, wav "
        "or mp3; convert it or choose another."
    )


def _reason(error: Exception) -> str:
    """The decoder's own words, on one line and without the path."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.replace("'", "").split()).rstrip(".").lower()[:80]
