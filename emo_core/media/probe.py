"""Facts of a media file: start, duration, frame rate and whether that varies.

Measured on the packets themselves, since what headers declare cannot be trusted.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.media.container import ClipError, check_duration, open_container, printable_name
from emo_core.media.demux import FirstPackets, MediaTracks, UnusableTrack
from emo_core.media.ends import last_end
from emo_core.media.streams import MAX_HELD, AudioStream, VideoStream

MOST_STEPS = 5_000  # neighbouring frames of an index compared one by one; more by stretches
MOST_UNUSABLE = 16  # tracks that are tried in vain before a file is refused


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
    return sorted({packet.pts for packet in timed if packet.pts <= known})


def frame_rate(video: Any, steps_s: list[float], varies: bool) -> float | None:
    """Average frames per second; the header's word where the frames' own times bear it out."""
    declared = float(video.average_rate or 0)
    if not steps_s:
        return declared or None
    measured = len(steps_s) / sum(steps_s)
    return declared if 0.5 < declared / measured < 2 and not varies else measured


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
                varies,
                head.ends.timestamps_reset,
                tuple(track.note for track in unusable),
            )


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
