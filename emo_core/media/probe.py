"""Facts of a media file: start, end, frame rate and whether that varies.

Measured on the packets themselves, since what headers declare cannot be trusted.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.media.container import ClipError, check_duration, open_container, printable_name
from emo_core.media.demux import (
    MOST_FPS,
    FirstPackets,
    MediaTracks,
    UnusableTrack,
    decode,
    discard_others,
    read_packets,
)
from emo_core.media.streams import MAX_HELD, AudioStream, VideoStream

MOST_STEPS = 5_000  # neighbouring frames of an index compared one by one; more by stretches
MOST_UNUSABLE = 16  # tracks that are tried in vain before a file is refused
SCAN_BYTES = 16 << 20  # files up to this size are read through to find their end, about 10 ms
TAIL_PACKETS = MAX_HELD + 4  # of a picture, read to find its end: reordering, and some after it
SLACK_S = 0.25  # seconds by which the header's end of sound may differ from its last packet


def frame_steps(video: Any, head: FirstPackets) -> list[float]:
    """Seconds between neighbouring frames: all of an index, otherwise from both ends of the file.

    Long indices are looked at in stretches, each standing for its mean.
    """
    tick = float(video.time_base)
    index = video.index_entries
    tail = sorted(head.ends.shown)[MAX_HELD:]  # reordering leaves holes where a record begins
    if len(index) > 2 and video.container.format.name.startswith("mov"):
        stride = max(1, (len(index) - 1) // MOST_STEPS)
        coded = [index[at].timestamp for at in range(0, len(index), stride)]
        runs = [coded[: len(coded) - len(tail) + 1] if stride == 1 else coded, tail]
    else:
        stride, runs = 1, [_first_shown(head), tail]
    ticks = [after - before for run in runs for before, after in pairwise(run)]
    return [step * tick / stride for step in ticks if step > 0]


def _first_shown(head: FirstPackets) -> list[int]:
    """Sorted ticks at which the first frames are shown."""
    timed = head.timed_video
    if head.ends.by_dts:
        return sorted({packet.dts for packet in timed})
    known = max((packet.dts for packet in timed), default=0)  # later frames may still come
    shown = {packet.pts for packet in head.video}  # Matroska's first packets have no dts
    return sorted(tick for tick in shown if tick is not None and tick <= known)


def frame_rate(video: Any, steps_s: list[float], varies: bool) -> float | None:
    """Average frames per second; the header's word where the frames' own times bear it out.

    None where it is not known, or beyond what any camera records and so the tick of a clock.
    """
    declared = measured = float(video.average_rate or 0)
    if steps_s:
        measured = len(steps_s) / sum(steps_s)
    rate = declared if not varies and 0.5 * measured < declared < 2 * measured else measured
    return rate if 0 < rate <= MOST_FPS else None


def rate_varies(steps_s: list[float], tick_s: float) -> bool:
    """Whether some frame stays on display clearly longer or shorter than most."""
    if len(steps_s) < 2:
        return False
    typical_s = float(np.median(steps_s))
    slack = max(0.1 * typical_s, 1.5 * tick_s)
    return any(abs(step - typical_s) > slack for step in steps_s)


def last_end(path: Path, tracks: MediaTracks, head: FirstPackets) -> Fraction | None:
    """When the last packet of either track ends, in seconds on the container's clock.

    A small file is read through, a large one from a second before its declared end or, where that
    finds nothing, from the start.
    """
    ends = [] if head.ends.by_dts else [_indexed_end(it, head) for it in reversed(tracks.present)]
    known = [end for end in ends if end is not None]
    if ends and len(known) == len(ends):
        return max(known)
    container = tracks.container
    if not container.duration or container.size <= SCAN_BYTES:
        _exhaust(head.rest)
    elif not _exhaust(_tail(tracks, head)):
        with open_container(path, quick=False) as again:
            kept = [again.streams[stream.index] for stream in tracks.present]
            _exhaust(head.ends.note(read_packets(again, kept)))
    read = (head.ends.latest_s, _heard_end(head))
    return max((end for end in read if end is not None), default=None)


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


def _heard_end(head: FirstPackets) -> Fraction | None:
    """The end of sound whose last packet states no duration: that packet is decoded."""
    ends = []
    for packet in head.ends.unsized.values():
        frames = [frame for frame in decode(packet.stream, packet) if frame.rate]
        heard = sum((Fraction(frame.samples, frame.rate) for frame in frames), Fraction(0))
        ends.append(packet.pts * packet.time_base + heard)
    return max(ends, default=None)


def _indexed_end(stream: Any, head: FirstPackets) -> Fraction | None:
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

    if is_cut_off(len(index) - 1):
        missing = bisect_left(range(len(index)), True, key=is_cut_off)
        return (start + index[missing].timestamp - max(first, 0)) * stream.time_base
    declared = start + stream.duration
    step = last - index[-2].timestamp if len(index) > 1 else stream.duration
    if stream.type == "video":
        listed, slack = _last_shown(stream, head, default=declared), step
    else:
        listed, slack = last + step, SLACK_S / stream.time_base
    return (declared if abs(listed - declared) <= slack else listed) * stream.time_base


def _last_shown(video: Any, head: FirstPackets, default: int) -> int:
    """The tick at which the last frame leaves: one may be shown long after it is decoded."""
    import av

    container, index = video.container, video.index_entries
    discard_others(container, [video])
    try:
        at = index[max(len(index) - TAIL_PACKETS, 0)].timestamp
        container.seek(at, stream=video, any_frame=True)
    except (av.FFmpegError, OverflowError):
        return default
    head.ends.shown.clear()
    packets = head.ends.note(read_packets(container, [video]))
    ends = [
        it.pts + (it.duration or 0) for it in packets if it.pts is not None and not it.is_discard
    ]
    return max(ends, default=default)


@dataclass(frozen=True)
class ProbeResult:
    """The facts of one file. Its clock starts with the earlier of its two tracks."""

    container: str
    video: VideoStream | None
    audio: AudioStream | None
    origin_s: Fraction  # the clip's zero on the container's clock
    duration_s: float  # at least one frame
    fps: float | None
    picture_packets: int  # all of an index or a small file; of a large one by its rate
    variable_rate: bool
    timestamps_reset: bool  # its clock jumps back somewhere; large files are not read through
    notes: tuple[str, ...]  # what of the file can't be used, in sentences

    @classmethod
    def of(cls, path: Path) -> "ProbeResult":
        """Open a file and find out; raise ClipError for anything but a readable clip.

        A track that can't be used is left out as long as another is good.
        """
        unusable: list[UnusableTrack] = []
        while len(unusable) < MOST_UNUSABLE:
            try:
                return cls._survey(path, unusable)
            except UnusableTrack as error:
                if any(error is it for it in unusable):
                    break
                unusable.append(error)
        raise ClipError(str(unusable[0]))

    @classmethod
    def _survey(
        cls, path: Path, unusable: list[UnusableTrack], quick: bool = True
    ) -> "ProbeResult":
        """`of`, with tracks left out that proved unusable."""
        name = printable_name(path)
        with open_container(path, quick) as container:
            tracks = MediaTracks.choose(container, name, {track.index for track in unusable})
            if unusable and not tracks.present:
                raise unusable[0]
            head = FirstPackets.read(tracks)
            head.refuse_encrypted(tracks, name)
            video = VideoStream.survey(tracks, head, name)
            if quick and video and video.timing == "either":  # FFmpeg then counts times better
                return cls._survey(path, unusable, quick=False)
            audio = AudioStream.survey(tracks, head, name)
            starts = _starts(video, audio, name)
            end = last_end(path, tracks, head)
            steps_s = frame_steps(tracks.video, head) if video else []
            varies = rate_varies(steps_s, float(video.tick)) if video else False
            fps = frame_rate(tracks.video, steps_s, varies) if video else None
            seconds = float(max([*starts] if end is None else [*starts, end]) - min(starts))
            check_duration(name, seconds)
            seconds = max(seconds, 1 / fps if fps else 0.0)
            return cls(
                container.format.name,
                video,
                audio,
                min(starts),
                seconds,
                fps,
                _picture_packets(tracks.video, head, seconds * (fps or 0.0)) if video else 0,
                varies,
                head.ends.timestamps_reset,
                tuple(track.note for track in unusable),
            )


def _picture_packets(video: Any, head: FirstPackets, by_rate: float) -> int:
    """How many packets of the picture there are, as far as that is known without reading all."""
    if video.container.format.name.startswith("mov") and len(video.index_entries):
        return len(video.index_entries)  # of a fragmented file, whose index grew as it was read
    return max(head.ends.pictures, round(by_rate))


def _starts(video: VideoStream | None, audio: AudioStream | None, name: str) -> list[Fraction]:
    """When each track starts, in seconds on the container's clock."""
    starts = [video.first * video.tick] if video else []
    starts += [audio.start_s] if audio else []
    if not starts:
        raise ClipError(
            "{name}: neither picture nor sound in this file; expected a video or a sound "
            "recording; check that the right file was chosen.",
            name=name,
        )
    return starts
