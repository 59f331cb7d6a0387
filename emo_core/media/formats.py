"""What a file is by its first bytes: a clip, a still picture, or something else."""

import os
import struct
from pathlib import Path

from emo_core.media.limits import ClipError, printable_name

CLIP_FORMATS = (  # containers that hold sound or moving pictures and never name another file
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,flv,ogg,wav,w64,flac,mp3,aac,asf,aiff,au,caf,amr,"
    "ac3,eac3,tta,wv,ape,gif,nut,ivf,dv,rm,mxf"
)
OTHER_KINDS = {  # first bytes -> what the file is instead of a clip
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
MP4_BOXES = set(b"ftyp moov mdat wide free skip styp moof pnot uuid".split())  # the outermost
MATROSKA = b"\x1aE\xdf\xa3"


def read_head(path: Path) -> bytes:
    """The first bytes of a file."""
    try:
        with open(path, "rb") as file:
            return file.read(1024)
    except OSError as error:
        raise ClipError(
            f"{printable_name(path)}: cannot be read ({(error.strerror or 'error').lower()}); "
            "expected a readable video or sound file; copy it to this computer's disk."
        ) from error


def other_kind(head: bytes) -> str | None:
    """What the first bytes say the file is, where that is not a clip."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, kind in OTHER_KINDS.items():
        if text.startswith(start):
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        return "a HEIC or AVIF picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    return None


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
