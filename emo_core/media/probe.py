"""Facts of a media file: start, duration, frame rate and whether that varies.

Measured on the packets themselves, since what headers declare cannot be trusted.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.media.container import ClipError, check_duration, open_container, printable_name
from emo_core.media.demux import SHOWN, FirstPackets, MediaTracks, read_packets
from emo_core.media.streams import MAX_HELD, AudioStream, VideoStream

SCAN_BYTES = 16 << 20  # files up to this size are read through to find their end, about 10 ms


def last_end(path: Path, tracks: MediaTracks, head: FirstPackets) -> Fraction | None:
    """When the last packet of either track ends, in seconds on the container's clock.

    A small file is read through, a large one from a second before its declared end or, where that
    finds nothing, from the start.
    """
    ends = [_indexed_end(stream) for stream in tracks.present]
    known = [end for end in ends if end is not None]
    if len(known) == len(ends):
        return max(known)
    container = tracks.container
    if not container.duration or container.size <= SCAN_BYTES:
        _exhaust(head.rest)
    elif not _exhaust(_tail(tracks, head)):
        with open_container(path) as again:
            kept = [again.streams[stream.index] for stream in tracks.present]
            _exhaust(head.ends.note(read_packets(again, kept)))
    return head.ends.latest_s


def _exhaust(packets: Iterator[Any]) -> int:
    """Read packets to the last, and count them."""
    return sum(1 for _ in packets)


def _tail(tracks: MediaTracks, head: FirstPackets) -> Iterator[Any]:
    """Packets from a second before the declared end on; none where that cannot be reached."""
    import av

    container = tracks.container
    try:
        container.seek((container.start_time or 0) + container.duration - 1_000_000)  # microseconds
    except av.FFmpegError:
        return iter(())
    head.ends.shown.clear()
    return head.ends.note(read_packets(container, tracks.present))


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

    def is_cut_off(at: int) -> bool:
        return index[at].pos + index[at].size > bytes_present

    if not is_cut_off(len(index) - 1):
        return (start + stream.duration) * stream.time_base
    missing = bisect_left(range(len(index)), True, key=is_cut_off)
    return (start + index[missing].timestamp - max(first, 0)) * stream.time_base


def frame_steps(video: Any, head: FirstPackets) -> list[float]:
    """Seconds between neighbouring frames, a few hundred at most, from all over the file."""
    tick = float(video.time_base)
    index = video.index_entries
    if len(index) > 2 and video.container.format.name.startswith("mov"):
        stride = max(1, (len(index) - 1) // SHOWN)
        places = range(0, len(index) - 1, stride)
        ticks = [index[at + 1].timestamp - index[at].timestamp for at in places]
    else:
        timed = head.timed_video
        known = max((packet.dts for packet in timed), default=0)  # later frames may still come
        shown = sorted({packet.pts for packet in timed if packet.pts <= known})
        tail = sorted(head.ends.shown)[MAX_HELD:]  # reordering leaves holes where a record begins
        ticks = [after - before for run in (shown, tail) for before, after in _pairs(run)]
    return [step * tick for step in ticks if step > 0]


def _pairs(run: list[int]) -> Iterator[tuple[int, int]]:
    return zip(run, run[1:], strict=False)


def frame_rate(video: Any, steps_s: list[float]) -> float | None:
    """Average frames per second; the header's word where the frames' own times bear it out."""
    declared = float(video.average_rate or 0)
    if not steps_s:
        return declared or None
    measured = len(steps_s) / sum(steps_s)
    return declared if 0.5 < declared / measured < 2 else measured


def rate_varies(steps_s: list[float], tick_s: float) -> bool:
    """Whether some frame stays on display clearly longer or shorter than most."""
    if len(steps_s) < 2:
        return False
    typical_s = float(np.median(steps_s))
    slack = max(0.1 * typical_s, 1.5 * tick_s)
    return any(abs(step - typical_s) > slack for step in steps_s)


@dataclass(frozen=True)
class ProbeResult:
    """The facts of one file. Its clock starts with the earlier of its two tracks."""

    container: str
    video: VideoStream | None
    audio: AudioStream | None
    origin_s: Fraction  # the clip's zero on the container's clock
    duration_s: float  # at least one frame
    fps: float | None
    variable_rate: bool
    timestamps_reset: bool  # its clock jumps back somewhere; large files are not read through

    @classmethod
    def of(cls, path: Path) -> "ProbeResult":
        """Open a file and find out; raise ClipError for anything but a readable clip."""
        name = printable_name(path)
        with open_container(path) as container:
            tracks = MediaTracks.choose(container, name)
            head = FirstPackets.read(tracks)
            head.refuse_encrypted(tracks, name)
            video = VideoStream.survey(tracks, head, name)
            audio = AudioStream.survey(tracks, head, name)
            starts = _starts(video, audio, name)
            end = last_end(path, tracks, head)
            steps_s = frame_steps(tracks.video, head) if video else []
            fps = frame_rate(tracks.video, steps_s) if video else None
            varies = rate_varies(steps_s, float(video.tick)) if video else False
            seconds = float(max([*starts] if end is None else [*starts, end]) - min(starts))
            check_duration(name, seconds)
            seconds = max(seconds, 1 / fps if fps else 0.0)
            kind = container.format.name
            timestamps_reset = head.ends.timestamps_reset
        return cls(kind, video, audio, min(starts), seconds, fps, varies, timestamps_reset)


def _starts(video: VideoStream | None, audio: AudioStream | None, name: str) -> list[Fraction]:
    """When each track starts, in seconds on the container's clock."""
    starts = [video.first * video.tick] if video else []
    starts += [audio.start_s] if audio else []
    if not starts:
        raise ClipError(
            f"{name}: neither picture nor sound in this file; expected a video or a "
            "sound recording; check that the right file was chosen."
        )
    return starts
