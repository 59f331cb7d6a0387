"""Odd media files for tests, written with PyAV: every frame carries its index, sound beeps on time.

The frames are read back by `read_code`, which knows nothing of clip.py: an independent oracle.
"""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

DARK, LIGHT = 40, 216  # grey levels of a 0 and a 1; 176 apart survives any codec
TICK = Fraction(1, 12_800)  # seconds; divides 25, 50 and 100 frames per second
X264 = {"preset": "ultrafast", "crf": "24"}
BFRAMES = X264 | {"bf": "2", "b-adapt": "0", "g": "250", "preset": "veryfast"}


@dataclass(frozen=True)
class Picture:
    """A picture track to write."""

    times_s: Sequence[float]
    codec: str = "libx264"
    size: tuple[int, int] = (64, 48)
    pix_fmt: str = "yuv420p"
    options: dict[str, str] | None = None
    tick: Fraction = TICK
    draw: Callable[[int, int, int], np.ndarray] | None = None


@dataclass(frozen=True)
class Sound:
    """A sound track to write: silence with beeps of 0.1 s, or one steady tone."""

    codec: str = "aac"
    rate: int = 48_000  # Hz
    layout: str = "stereo"
    start_s: float = 0.0
    seconds: float = 2.0
    beeps_s: tuple[float, ...] = (1.0,)  # on the clock of the file
    tone_hz: float | None = None
    options: dict[str, str] | None = None
    gains: tuple[float, ...] = ()  # of each channel; () = 1 of all


def regular(count: int, fps: float = 25) -> list[float]:
    """Presentation times of a constant frame rate."""
    return [index / fps for index in range(count)]


def coded_image(index: int, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8: eight upright bars spell the index, most significant bit on the left."""
    bits = [(index >> (7 - at)) & 1 for at in range(8)]
    columns = np.array([LIGHT if bits[x * 8 // width] else DARK for x in range(width)], np.uint8)
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).copy()


def read_code(image: np.ndarray) -> int:
    """The index a decoded or resized frame carries."""
    height, width = image.shape[:2]
    index = 0
    for at in range(8):
        left, right = (at * 8 + 2) * width // 64, max((at * 8 + 6) * width // 64, 1)
        bar = image[height // 4 : max(3 * height // 4, 1), left : max(right, left + 1)]
        index = index * 2 + int(bar.mean() > (DARK + LIGHT) / 2)
    return index


def patches(_: int, width: int, height: int) -> np.ndarray:
    """Red, green / blue, yellow quarters: tells every rotation and mirror image apart."""
    image = np.empty((height, width, 3), np.uint8)
    colours = QUARTERS
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = colours[:2]
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = colours[2:]
    return image


QUARTERS = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (210, 200, 50))


def quarter_colours(image: np.ndarray) -> np.ndarray:
    """(4, 3) mean colours of the quarters' middles: top left, top right, bottom left, right."""
    height, width = image.shape[:2]
    rows = [slice(height // 8, 3 * height // 8), slice(5 * height // 8, 7 * height // 8)]
    columns = [slice(width // 8, 3 * width // 8), slice(5 * width // 8, 7 * width // 8)]
    return np.array([image[row, column].mean((0, 1)) for row in rows for column in columns])


def wave(sound: Sound) -> np.ndarray:
    """(S,) float32 at the track's rate, from the track's first sample."""
    clock = sound.start_s + np.arange(round(sound.seconds * sound.rate)) / sound.rate
    if sound.tone_hz is not None:
        return (0.5 * np.sin(2 * np.pi * sound.tone_hz * clock)).astype(np.float32)
    heard = np.zeros(len(clock), bool)
    for beep_s in sound.beeps_s:
        heard |= (clock >= beep_s) & (clock < beep_s + 0.1)
    return (0.5 * np.sin(2 * np.pi * 1000 * clock) * heard).astype(np.float32)


def beep_at(samples: np.ndarray, rate: int) -> float:
    """Seconds at which sound first rises above a tenth of full scale."""
    return float(np.argmax(np.abs(samples) > 0.1)) / rate


def write(
    path: Path | io.RawIOBase,
    picture: Picture | None = None,
    sound: Sound | None = None,
    container_format: str | None = None,
    options: dict[str, str] | None = None,
    prepare: Callable[[Any, Any], None] | None = None,
) -> Any:
    """Writes a media file. prepare(container, picture stream) runs before encoding."""
    target = str(path) if isinstance(path, Path) else path
    with av.open(target, "w", format=container_format, options=options or {}) as container:
        video = audio = None
        if picture is not None:
            video = container.add_stream(picture.codec, options=picture.options or default(picture))
            video.width, video.height = picture.size
            video.pix_fmt = picture.pix_fmt
            video.codec_context.time_base = picture.tick
            video.codec_context.framerate = _rate(picture.times_s)
        if sound is not None:
            audio = container.add_stream(
                sound.codec, rate=sound.rate, layout=sound.layout, options=sound.options or {}
            )
        if prepare is not None:
            prepare(container, video)
        packets = _video_packets(video, picture) if picture is not None else []
        packets += _audio_packets(audio, sound) if sound is not None else []
        for packet in sorted(packets, key=lambda it: (it.dts or 0) * it.time_base):
            container.mux(packet)
    return path


def default(picture: Picture) -> dict[str, str]:
    """Quick settings of the encoders that are slow by default."""
    return {
        "libx264": X264,
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
        "libvpx": {"deadline": "realtime", "cpu-used": "8"},
        "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    }.get(picture.codec, {})


def _rate(times_s: Sequence[float]) -> Fraction:
    steps = np.diff(times_s)
    return Fraction(round(1 / float(np.median(steps)))) if len(steps) else Fraction(25)


def _video_packets(stream: Any, picture: Picture) -> list[Any]:
    packets = []
    for index, time_s in enumerate(picture.times_s):
        image = (picture.draw or coded_image)(index, *picture.size)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = round(time_s / picture.tick)
        frame.time_base = picture.tick
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _audio_packets(stream: Any, sound: Sound) -> list[Any]:
    mono = wave(sound)
    channels = av.AudioLayout(sound.layout).nb_channels
    packets = []
    for start in range(0, len(mono), 1024):
        block = np.outer(mono[start : start + 1024], sound.gains or [1] * channels)
        block = block.astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout=sound.layout)
        frame.sample_rate = sound.rate
        frame.time_base = Fraction(1, sound.rate)
        frame.pts = round(sound.start_s * sound.rate) + start
        packets += stream.encode(frame)
    return packets + stream.encode(None)


class Pipe(io.RawIOBase):
    """An output that cannot seek back, as a browser's recorder: the header stays unfinished."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, block: bytes) -> int:
        self.data += block
        return len(block)


def write_live(path: Path, container_format: str, *args: Any, **kwargs: Any) -> Path:
    """Writes without seeking back: no duration, no index."""
    pipe = Pipe()
    write(pipe, *args, container_format=container_format, **kwargs)
    path.write_bytes(bytes(pipe.data))
    return path


def copied_as_avi(source: Path, target: Path) -> Path:
    """Copies packets with their decoding times alone, as out of an AVI; files without sound too."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        streams = {it.index: written.add_stream_from_template(it) for it in read.streams}
        for packet in read.demux():
            if packet.size:
                copy = av.Packet(bytes(packet))
                copy.dts, copy.time_base, copy.duration = (
                    packet.dts,
                    packet.time_base,
                    packet.duration,
                )
                copy.pts = packet.dts if packet.stream.type == "video" else packet.pts
                copy.is_keyframe, copy.stream = packet.is_keyframe, streams[packet.stream_index]
                written.mux(copy)
    return target


def with_exif(source: Path, target: Path, orientation: int) -> Path:
    """Copies MJPEG, an Exif block with an orientation (1 = upright) put into every picture."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    block = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                data = bytes(packet)
                copy = av.Packet(data[:2] + block + data[2:])
                copy.pts, copy.dts, copy.time_base = packet.dts, packet.dts, packet.time_base
                copy.duration, copy.is_keyframe, copy.stream = packet.duration, True, stream
                written.mux(copy)
    return target


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The (name, content) of each MP4 box in these bytes."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        found.append((name, data[at + 8 : at + size]))
        at += size
    return found


def box(name: bytes, content: bytes) -> bytes:
    """One MP4 box."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def with_edits(path: Path, edits: Sequence[tuple[float, float]]) -> Path:
    """Gives every track of an MP4 whose header is at its end an edit list.

    edits: (seconds, start in the media in seconds or -1 for nothing), in order.
    """
    outer = boxes(path.read_bytes())
    assert outer[-1][0] == b"moov", "a header before the media would shift it"
    moov = [
        (name, _edited(content, edits) if name == b"trak" else content)
        for name, content in boxes(outer[-1][1])
    ]
    outer[-1] = (b"moov", b"".join(box(*it) for it in moov))
    path.write_bytes(b"".join(box(*it) for it in outer))
    return path


def _edited(track: bytes, edits: Sequence[tuple[float, float]]) -> bytes:
    parts = dict(boxes(track))
    header = dict(boxes(parts[b"mdia"]))[b"mdhd"]
    scale = struct.unpack(">I", header[12:16])[0]
    first = struct.unpack(">i", dict(boxes(parts[b"edts"]))[b"elst"][12:16])[0]  # priming
    entries = [
        struct.pack(">IiHH", round(s * 1000), -1 if at < 0 else round(at * scale) + first, 1, 0)
        for s, at in edits
    ]
    parts[b"edts"] = box(b"elst", struct.pack(">II", 0, len(entries)) + b"".join(entries))
    return b"".join(box(*it) for it in parts.items())


MATRICES = {  # display matrix (a, b, c, d): x' = a x + c y, y' = b x + d y
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
    "mirror": (-1, 0, 0, 1),
}


def turn(path: Path, how: int | str) -> Path:
    """Patches the display matrix in an MP4's first track header (version 0)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version, times, id, duration, layer, volume
    a, b, c, d = (value * 0x10000 for value in MATRICES[how])
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


def patched(path: Path, old: bytes, new: bytes, count: int = 1) -> Path:
    """Replaces bytes in a file by as many others."""
    assert len(old) == len(new)
    data = path.read_bytes()
    assert old in data, f"{old!r} is not in the file"
    path.write_bytes(data.replace(old, new, count))
    return path


def can_encode(codec: str) -> bool:
    """Whether this FFmpeg carries the encoder."""
    try:
        av.Codec(codec, "w")
    except Exception:
        return False
    return True
