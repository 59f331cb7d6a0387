"""Video and audio streams: parameters that decoding needs, found on the first packets."""

import math
import struct
from bisect import bisect_right, insort
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from emo_core.media.container import ClipError, check_pixels
from emo_core.media.demux import (
    MAX_UNDECODABLE,
    NEVER,
    FirstPackets,
    MediaTracks,
    decode,
    frame_tick,
)

MAX_HELD = 16  # frames H.264 and HEVC may reorder by; FFmpeg aborts the process beyond
UPRIGHT = (1, 0, 0, 1)


@dataclass(frozen=True)
class VideoStream:
    """The facts of a picture track; times in ticks of the track's own clock."""

    index: int
    codec: str
    tick: Fraction  # seconds
    first: int  # presentation time of the first frame that decodes
    lead: int  # ticks by which the first frame is decoded before it is shown
    reorder: int  # frames the decoder must hold back
    skips: bool  # whether unreferenced frames may be left undecoded without changing any other
    stored: tuple[int, int]  # (width, height) as stored, pixel aspect ratio applied
    matrix: tuple[int, int, int, int]  # where x and y go: signs of the display matrix

    @classmethod
    def survey(cls, tracks: MediaTracks, head: FirstPackets, name: str) -> "VideoStream | None":
        """Decode the first frame; None where there is no track, ClipError where it is broken."""
        video = tracks.video
        if video is None:
            return None
        context = video.codec_context
        frame = _first_frame(video, head)
        first = None if frame is None else frame_tick(frame)
        if frame is None or first is None:
            if not context.width * context.height:  # FFmpeg erases a size beyond max_pixels
                check_pixels(name, 0, 0)
            raise ClipError(
                f"{name}: the picture track ({context.name}) does not decode, not one frame came "
                "out; expected a complete video; record, copy or convert it again."
            )
        timed = head.timed_video
        leads = [packet.pts - packet.dts for packet in timed if packet.is_keyframe]
        exact = _skips_exactly(tracks.container.format.name, context)
        return cls(
            index=video.index,
            codec=context.name,
            tick=video.time_base,
            first=first,
            lead=max([0, *leads]),
            reorder=min(MAX_HELD, max(context.reorder_depth, reorder_depth(timed))),
            skips=exact and not frame.interlaced_frame,
            stored=_stored_size(video, frame, name),
            matrix=_display_matrix(frame),
        )

    @property
    def is_transposed(self) -> bool:
        """Whether rows become columns on display."""
        return self.matrix[0] == 0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as displayed."""
        return self.stored[::-1] if self.is_transposed else self.stored

    @property
    def rotation(self) -> int:
        """Clockwise degrees of the display matrix, a mirror image taken out first."""
        a, b, c, d = self.matrix
        if a * d - b * c < 0:
            a, b = -a, -b
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(a, b)]

    def tick_at(self, time_s: float, origin_s: Fraction) -> int:
        """The latest presentation tick already on display at a time on the clip's clock.

        Half a tick of tolerance, at most 0.5 ms: Matroska rounds 66.67 ms to 67, and asking for
        2/30 s must still give that frame.
        """
        tolerance_s = min(float(self.tick) / 2, 0.5e-3) + 1e-6
        tick = math.floor((time_s + float(origin_s) + tolerance_s) / float(self.tick))
        return min(max(tick, self.first), NEVER - 1)


def _first_frame(video: Any, head: FirstPackets) -> Any | None:
    """The first frame that is shown; one packet suffices where the first key frame is it."""
    context = video.codec_context
    # a look at the frame's size and orientation needs no clean pixels
    context.options = context.options | {"skip_loop_filter": "all", "skip_idct": "all"}
    shown = [packet.pts for packet in head.video if packet.pts is not None]
    start = head.video[0] if head.video else None
    if start is not None and start.is_keyframe and shown and start.pts == min(shown):
        frames = decode(video, start) + decode(video, None)
        context.flush_buffers()
        if frames:
            return frames[0]
    for count, packet in enumerate(head.packets(video, head.video)):
        if count > MAX_UNDECODABLE:
            break
        if frames := decode(video, packet):
            return frames[0]
    return next(iter(decode(video, None)), None)


def reorder_depth(packets: list[Any]) -> int:
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


def _stored_size(video: Any, frame: Any, name: str) -> tuple[int, int]:
    """(width, height) of square pixels before any rotation."""
    aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:  # no camera's pixels are that narrow: a damaged header
        aspect = Fraction(1)
    size = (max(1, round(frame.width * aspect)), frame.height)
    check_pixels(name, *size)
    return size


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the display matrix: x' = a x + c y, y' = b x + d y."""
    try:
        words = struct.unpack("=9i", bytes(frame.side_data["DISPLAYMATRIX"])[:36])
    except (KeyError, struct.error):
        return UPRIGHT
    a, b, _, c, d = words[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (_sign(a), 0, 0, _sign(d))
    return (0, _sign(b), _sign(c), 0)


def _sign(value: int) -> int:
    return -1 if value < 0 else 1


@dataclass(frozen=True)
class AudioStream:
    """The facts of a sound track."""

    index: int
    codec: str
    channels: int
    rate: int  # Hz
    start_s: Fraction  # when the first sample is heard, on the container's clock
    first_samples: int  # in the first decoded frame, which priming may have shortened
    frame_samples: int  # in the second frame; every later one, in most codecs

    @classmethod
    def survey(cls, tracks: MediaTracks, head: FirstPackets, name: str) -> "AudioStream | None":
        """Decode two frames; None where the track is missing or has no packets.

        Raises ClipError where packets are there but nothing comes out of them.
        """
        audio = tracks.audio
        if audio is None:
            return None
        frames: list[Any] = []
        packets = 0
        for packet in head.packets(audio, head.audio):
            packets += 1
            frames += [frame for frame in decode(audio, packet) if frame.samples and frame.rate]
            if len(frames) >= 2 or packets > MAX_UNDECODABLE:
                break
        if not packets:
            return None
        frames = frames or decode(audio, None)
        if not frames:
            raise ClipError(
                f"{name}: the sound track ({audio.codec_context.name}) does not decode, not one "
                "sample came out; expected complete sound; record, copy or convert it again."
            )
        first = frames[0]
        return cls(
            index=audio.index,
            codec=audio.codec_context.name,
            channels=first.layout.nb_channels,
            rate=first.rate,
            start_s=(frame_tick(first) or 0) * audio.time_base,
            first_samples=first.samples,
            frame_samples=frames[1].samples if len(frames) > 1 else 0,
        )


def mono(frame: Any) -> np.ndarray:
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
