"""Video and audio streams: parameters that decoding needs, found on the first packets."""

import math
import struct
from bisect import bisect_right, insort
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from emo_core.media.container import MAX_PIXELS, SAMPLE_RATES, check_pixels
from emo_core.media.demux import (
    MAX_UNDECODABLE,
    NEVER,
    FaultCount,
    FirstPackets,
    MediaTracks,
    Timing,
    UnusableTrack,
    decode,
    frame_tick,
    frame_ticks,
)
from emo_core.messages import say

MAX_HELD = 16  # frames H.264 and HEVC may reorder by; FFmpeg aborts the process beyond
UPRIGHT = (1, 0, 0, 1)
DOUBTED_FRAMES = 16  # without a step back, after which presentation times are believed
SIDE_DATA_KINDS = 64  # numbers of kinds of side data looked at; FFmpeg 8 has 35


@dataclass(frozen=True)
class VideoStream:
    """The facts of a picture track; times in ticks of the track's own clock."""

    index: int
    codec: str
    tick: Fraction  # seconds
    first: int  # presentation time of the first frame that decodes
    lead: int  # ticks by which the first frame is decoded before it is shown
    timing: Timing  # whether presentation times hold, lie or are none
    by_dts: bool  # whether most frames are timed by their decoding times
    delay: int  # ticks from a packet's decoding time to its frame's time, `by_dts`; otherwise 0
    step: int  # ticks a frame lasts, for frames without a time
    reorder: int  # frames the decoder must hold back
    skips: bool  # whether unreferenced frames may be left undecoded without changing any other
    stored: tuple[int, int]  # (width, height) as stored, pixel aspect ratio applied
    matrix: tuple[int, int, int, int]  # where x and y go: signs of the display matrix

    @classmethod
    def survey(cls, tracks: MediaTracks, head: FirstPackets, name: str) -> "VideoStream | None":
        """Decode the first frame; None where there is no track.

        Raises UnusableTrack where nothing comes out of it.
        """
        video = tracks.video
        if video is None:
            return None
        context = video.codec_context
        start = _start(video, head)
        if start is None:
            raise _undecodable(name, video, head)
        timed = head.timed_video
        leads = [packet.pts - packet.dts for packet in timed if packet.is_keyframe]
        exact = _skips_exactly(tracks.container.format.name, context) and start.timing == "pts"
        return cls(
            index=video.index,
            codec=context.name,
            tick=video.time_base,
            first=start.first,
            lead=start.delay if start.by_dts else max([0, *leads]),
            timing=start.timing,
            by_dts=start.by_dts,
            delay=start.delay,
            step=_step(video, head),
            reorder=min(MAX_HELD, max(context.reorder_depth, reorder_depth(timed))),
            skips=exact and not start.frame.interlaced_frame,
            stored=_stored_size(video, start.frame, name),
            matrix=_display_matrix(start.frame),
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


@dataclass(frozen=True)
class _Start:
    """The first frame of a picture track and its place; times in ticks."""

    frame: Any
    first: int
    timing: Timing = "pts"
    by_dts: bool = False
    delay: int = 0


def _start(video: Any, head: FirstPackets) -> _Start | None:
    """Decode the first frame and tell which times to believe; None where none comes out."""
    context = video.codec_context
    # a look at the frame's size and orientation needs no clean pixels
    context.options = context.options | {"skip_loop_filter": "all", "skip_idct": "all"}
    if head.ends.by_dts:
        frame = _next_frame(video, head)
        return None if frame is None else _start_by_dts(video, head, frame, "dts")
    frame = _first_frame(video, head)
    first = None if frame is None else frame_tick(frame)
    if first is None:
        return None
    if context.reorder_depth and not _are_reordered(head.timed_video):
        return _doubtful_start(video, head) or _Start(frame, first)
    return _Start(frame, first)


def _doubtful_start(video: Any, head: FirstPackets) -> _Start | None:
    """The start of a track whose frames are timed as if not reordered; None where all is well.

    So it is in what was copied out of an AVI: its presentation times are its decoding times.
    """
    video.codec_context.flush_buffers()
    frames: list[Any] = []
    faults = FaultCount()
    for packet in head.video:
        for frame in decode(video, packet):
            faults.add(frame)
            frames.append(frame)
        if len(frames) >= DOUBTED_FRAMES and not faults.pts:
            break
    if not faults.pts:
        return None
    if faults.dts_are_truer:
        return _start_by_dts(video, head, frames[0], "either")
    return _Start(frames[0], frame_tick(frames[0]) or 0, "either")


def _start_by_dts(video: Any, head: FirstPackets, frame: Any, timing: Timing) -> _Start | None:
    """The start of a track most of whose frames are timed by their decoding times."""
    step = _step(video, head)
    sends = (it.dts - at * step for at, it in enumerate(head.video) if it.dts is not None)
    sent = next(sends, None)  # when the first packet is decoded, which Matroska may not say
    if sent is None:
        return None
    tick = sent if frame.dts is None else frame.dts
    delay = max(tick - sent, 0)
    head.ends.believe_dts(head.video, delay)
    known = frame.pts is not None and timing == "either"  # FFmpeg's rule begins with it
    return _Start(frame, frame.pts if known else tick, timing, True, delay)


def _are_reordered(packets: list[Any]) -> bool:
    """Whether some packet is shown before one that is decoded earlier."""
    return any(after.pts < before.pts for before, after in pairwise(packets))


def _step(video: Any, head: FirstPackets) -> int:
    """Ticks that a frame lasts: by the header, otherwise the median of its decoding times."""
    pairs = pairwise(packet.dts for packet in head.video)
    steps = [after - before for before, after in pairs if None not in (before, after)]
    return frame_ticks(video) or (round(float(np.median(steps))) if steps else 0)


def _first_frame(video: Any, head: FirstPackets) -> Any | None:
    """The first frame that is shown; one packet suffices where the first key frame is it."""
    context = video.codec_context
    shown = [packet.pts for packet in head.video if packet.pts is not None]
    start = head.video[0] if head.video else None
    if start is not None and start.is_keyframe and shown and start.pts == min(shown):
        frames = decode(video, start) + decode(video, None)
        context.flush_buffers()
        if frames:
            return frames[0]
    return _next_frame(video, head)


def _next_frame(video: Any, head: FirstPackets) -> Any | None:
    """The first frame that comes out of the decoder, all packets sent in turn."""
    for count, packet in enumerate(head.packets(video, head.video)):
        if count > MAX_UNDECODABLE:
            break
        if frames := decode(video, packet):
            return frames[0]
    return next(iter(decode(video, None)), None)


def _undecodable(name: str, video: Any, head: FirstPackets) -> UnusableTrack:
    """Why not one frame came out of a track, in words."""
    context = video.codec_context
    whole = say("expected a complete video; record, copy or convert it again")
    if not head.video:
        found, rest = say("is declared but empty"), whole
    elif _is_too_large(context, head.video):
        found = say("has frames of a huge size")
        rest = say(
            "expected at most {max_pixels:,} pixels per frame; scale the video down",
            max_pixels=MAX_PIXELS,
        )
    elif not _has_key_frame(video, head):
        found = say("holds no key frame, as where a piece was cut out of a recording")
        rest = say("expected one to start from; cut it at another place")
    else:
        found = say("({name}) does not decode, not one frame came out", name=context.name)
        rest = whole
    return UnusableTrack(name, video, found, rest)


def _has_key_frame(video: Any, head: FirstPackets) -> bool:
    """Whether a key frame is among the first packets, by their own word or by the index."""
    index = video.index_entries
    listed = (index[at].is_keyframe for at in range(min(len(index), len(head.video))))
    return any(packet.is_keyframe for packet in head.video) or any(listed)


def _is_too_large(context: Any, packets: list[Any]) -> bool:
    """Whether FFmpeg refuses the frames' size: it erases it then, and calls the packet misused."""
    import av

    context.flush_buffers()
    for packet in packets[:3]:
        try:
            context.decode(packet)
        except av.error.ArgumentError:
            return not context.width * context.height
        except (av.FFmpegError, UnicodeError):
            continue
    return False


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
        words = struct.unpack("=9i", _display_matrix_bytes(frame)[:36])
    except (KeyError, struct.error):
        return UPRIGHT
    a, b, _, c, d = words[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (_sign(a), 0, 0, _sign(d))
    return (0, _sign(b), _sign(c), 0)


def _display_matrix_bytes(frame: Any) -> bytes:
    """The display matrix of a frame; KeyError where it has none.

    PyAV lists no side data at all where one kind is unknown to it (Exif, view ids, LCEVC,
    reference displays), so those are taken away first.
    """
    try:
        return bytes(frame.side_data["DISPLAYMATRIX"])
    except ValueError:
        return bytes(_without_unknown_side_data(frame).side_data["DISPLAYMATRIX"])


def _without_unknown_side_data(frame: Any) -> Any:
    """A frame without side data of kinds that PyAV does not know."""
    from av.filter import Graph
    from av.sidedata.sidedata import Type

    known = {kind.value for kind in Type}
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or Fraction(1, 1000),
        ),
        *(
            graph.add("sidedata", f"mode=delete:type={kind}")
            for kind in range(SIDE_DATA_KINDS)
            if kind not in known
        ),
        graph.add("buffersink"),
    ).configure()
    graph.push(frame)
    return graph.pull()


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
        """Decode two frames; None where there is no track.

        Raises UnusableTrack where nothing comes out of it.
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
        frames = frames or [it for it in decode(audio, None) if it.samples and it.rate]
        if not frames:
            broken = say(
                "({name}) does not decode, not one sample came out", name=audio.codec_context.name
            )
            raise UnusableTrack(
                name,
                audio,
                broken if packets else say("is declared but empty"),
                say("expected complete sound; record, copy or convert it again"),
            )
        first = frames[0]
        if first.rate not in SAMPLE_RATES:
            raise UnusableTrack(
                name,
                audio,
                say("has a sample rate of {rate:,} Hz", rate=first.rate),
                say(
                    "expected {least:,} to {most:,}; record, copy or convert it again",
                    least=SAMPLE_RATES[0],
                    most=SAMPLE_RATES[-1],
                ),
            )
        return cls(
            index=audio.index,
            codec=audio.codec_context.name,
            channels=first.layout.nb_channels,
            rate=first.rate,
            start_s=(frame_tick(first) or 0) * audio.time_base,
            first_samples=first.samples,
            frame_samples=frames[1].samples if len(frames) > 1 else 0,
        )
