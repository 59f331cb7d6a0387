"""The first packets of an open file, and when the packets read so far end."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

from emo_core.media.limits import ClipError
from emo_core.media.packets import NEVER, read_packets
from emo_core.media.tracks import Tracks, is_encrypted

HEAD_PACKETS = 48  # picture packets read when a file is opened: reordering, pace, first frame
SOUND_PACKETS = 3  # sound packets read then
HEAD_BYTES = 32 << 20  # bytes read at most to find the first picture and the first sound
JUMP_S = 3  # seconds back that no reordering of frames explains
SHOWN = 300  # latest presentation times kept


class Ends:
    """Notes when the packets that pass by end, and when the latest pictures are shown."""

    def __init__(self, picture: int | None) -> None:
        self.picture = picture  # index of the picture track
        self.ticks: dict[int, int] = {}  # by track, the latest end
        self.pace: dict[int, Fraction] = {}  # by track, seconds per tick
        self.shown: deque[int] = deque(maxlen=SHOWN)  # presentation ticks of pictures
        self.restarts = False  # whether a track's clock jumped back, as where files were joined

    def noting(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Passes packets on, noting each."""
        usual: dict[int, int] = {}  # by track, ticks a packet lasts that does not say so
        latest: dict[int, int] = {}  # by track, ticks
        for packet in packets:
            pts, at = packet.pts, packet.stream_index
            if pts is not None:
                if at not in usual:
                    stream = packet.stream
                    self.pace[at] = stream.time_base
                    self.ticks.setdefault(at, -NEVER)
                    usual[at] = _usual_ticks(stream)
                latest[at] = max(pts, latest.get(at, pts))
                self.restarts |= (latest[at] - pts) * self.pace[at] > JUMP_S
                end = pts + (packet.duration or usual[at])
                if end > self.ticks[at]:
                    self.ticks[at] = end
                if at == self.picture:
                    self.shown.append(pts)
            yield packet

    @property
    def latest_s(self) -> Fraction | None:
        """The latest end of any track, in seconds on the container's clock."""
        return max((end * self.pace[at] for at, end in self.ticks.items()), default=None)


def _usual_ticks(stream: Any) -> int:
    """How long a picture lasts that does not say so: the last ones of MPEG and FLV files."""
    rate = stream.average_rate if stream.type == "video" else None
    return round(1 / rate / stream.time_base) if rate else 0


@dataclass(frozen=True)
class Head:
    """The first packets of each track, and an iterator over all that follow."""

    video: list[Any]
    sound: list[Any]
    rest: Iterator[Any]
    ends: Ends  # of all packets read so far

    @classmethod
    def read(cls, tracks: Tracks) -> "Head":
        """Reads until both tracks have shown enough of themselves."""
        ends = Ends(tracks.video.index if tracks.video is not None else None)
        rest = ends.noting(read_packets(tracks.container, tracks.present))
        head = cls([], [], rest, ends)
        video_packets = 0 if tracks.video is None else HEAD_PACKETS
        sound_packets = 0 if tracks.sound is None else SOUND_PACKETS
        bytes_read = 0
        for packet in rest:
            (head.video if packet.stream is tracks.video else head.sound).append(packet)
            bytes_read += packet.size
            enough = len(head.video) >= video_packets and len(head.sound) >= sound_packets
            if enough or bytes_read > HEAD_BYTES:
                break
        return head

    @property
    def timed_video(self) -> list[Any]:
        """The first picture packets that carry both of their times."""
        return [packet for packet in self.video if None not in (packet.pts, packet.dts)]

    def packets(self, stream: Any, first: list[Any]) -> Iterator[Any]:
        """One track's packets from the start, read on as far as they are asked for."""
        return chain(first, (packet for packet in self.rest if packet.stream is stream))

    def refuse_encrypted(self, tracks: Tracks, name: str) -> None:
        """Raises ClipError where a chosen track is copy-protected."""
        for kind, stream, packets in (
            ("picture", tracks.video, self.video),
            ("sound", tracks.sound, self.sound),
        ):
            if stream is not None and is_encrypted(stream, packets):
                raise ClipError(
                    f"{name}: the {kind} track is encrypted; expected an unprotected recording; "
                    "use a copy without copy protection."
                )
