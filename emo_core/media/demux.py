"""Packets of an open file: the streams to read, the first packets, and the end of those read."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, Literal

from emo_core.media.container import MAX_PIXELS, ClipError
from emo_core.messages import say

MAX_READ_ERRORS = 50  # damaged stretches the reader steps over in one file
MAX_UNDECODABLE = 2_000  # packets in a row without one frame before a track is given up
MAX_REORDER = 64  # packets looked ahead, room for damaged times
MOST_FPS = 1_000  # a higher rate in a header is the tick of its clock
NEVER = 1 << 62  # a presentation time after every other
DTS_ONLY = {"avi"}  # containers of decoding times alone; FFmpeg makes up what it calls pts of them

Timing = Literal["pts", "either", "dts"]  # whose word counts; "either": `FaultCount` decides


def use_one_thread(stream: Any) -> None:
    """Prepare a decoder: clips in parallel beat threads inside one by a third."""
    context = stream.codec_context
    context.thread_count = 1
    context.thread_type = "NONE"
    if context.type == "video":
        context.options = {"max_pixels": str(MAX_PIXELS)}


def discard_others(container: Any, kept: list[Any]) -> None:
    """Let the reader skip the bytes of every track but these."""
    from av.stream import Discard

    for stream in container.streams:
        if not any(stream is it for it in kept):
            stream.discard = Discard.all


_watch: ContextVar[Callable[[], object] | None] = ContextVar("packet_watch", default=None)


@contextmanager
def watched_packets(watch: Callable[[], object]) -> Iterator[None]:
    """Call `watch` at each packet that is read in this context.

    What it raises ends the reading: a page bounds what one clip may take, and stops.
    """
    before = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(before)


def read_packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """The tracks' packets in file order; damaged stretches are stepped over."""
    import av

    watch = _watch.get()
    for _ in range(MAX_READ_ERRORS):
        try:
            for packet in container.demux(*streams):
                if watch is not None:
                    watch()
                if packet.size:  # an empty packet would tell the decoder to stop
                    yield packet
            return
        except IndexError:  # PyAV at the end of a file in which tracks appeared while reading
            return
        except av.FFmpegError:
            continue


def decode(stream: Any, packet: Any | None) -> list[Any]:
    """The frames a packet completes; None drains the decoder. A damaged packet gives none."""
    import av

    try:
        return stream.codec_context.decode(packet)
    except (av.FFmpegError, UnicodeError):
        return []


def frame_tick(frame: Any) -> int | None:
    """When a frame is heard or, as the packets say, shown, in ticks of its track's clock."""
    return frame.dts if frame.pts is None else frame.pts


class FaultCount:
    """How often the two times of decoded frames step back, frames counted as they come.

    FFmpeg's own rule, `guess_correct_pts` in libavcodec/decode.c.
    """

    def __init__(self) -> None:
        self.pts = self.dts = 0
        self.last_pts: int | None = None
        self.last_dts: int | None = None

    def add(self, frame: Any) -> None:
        """Count a frame: anything with `pts` and `dts`, in ticks or None."""
        pts, dts = frame.pts, frame.dts
        if None not in (pts, self.last_pts):
            self.pts += pts <= self.last_pts
        if None not in (dts, self.last_dts):
            self.dts += dts <= self.last_dts
        if (pts, dts) != (None, None):
            self.last_pts = dts if pts is None else pts
            self.last_dts = pts if dts is None else dts

    @property
    def dts_are_truer(self) -> bool:
        """Whether decoding times step back less often; where equally, pts are believed."""
        return self.pts > self.dts


def with_following(packets: Iterator[Any]) -> Iterator[tuple[Any, int | None]]:
    """Packets in decoding order, each with the time its frame gives way to the next one shown.

    None where the file does not tell. A packet waits until one with a decoding time at or past the
    next frame's presentation time has been read: no frame still to come can be shown before that.
    """
    waiting: deque[Any] = deque()
    shown: list[int] = []  # sorted presentation times that may still follow a waiting packet
    for packet in packets:
        timed = packet.pts is not None and packet.dts is not None and packet.pts >= packet.dts
        if not timed or packet.is_discard:  # discarded: decoded for others, by an edit list unseen
            yield from ((it, None) for it in (*waiting, packet))
            waiting.clear()
            continue
        waiting.append(packet)
        insort(shown, packet.pts)
        while waiting:
            at = bisect_right(shown, waiting[0].pts)
            if at < len(shown) and shown[at] <= packet.dts:
                yield waiting.popleft(), shown[at]
            elif len(waiting) > MAX_REORDER:
                yield waiting.popleft(), None
            else:
                break
        oldest = min((it.pts for it in waiting), default=packet.dts)
        del shown[: bisect_left(shown, min(oldest, packet.dts))]
    for packet in waiting:
        at = bisect_right(shown, packet.pts)
        yield packet, shown[at] if at < len(shown) else NEVER


DRM_TAGS = {"encv", "enca", "drmi", "drms"}
TRACKS = {"video": say("picture track"), "audio": say("sound track")}


class UnusableTrack(ClipError):
    """A track of which nothing can be used; its clip may still have another that is good."""

    def __init__(self, name: str, stream: Any, found: str, rest: str) -> None:
        track = TRACKS[stream.type]
        super().__init__(
            "{name}: the {track} {found}; {rest}.", name=name, track=track, found=found, rest=rest
        )
        self.index = stream.index
        self.note = say("A {track} {found}, so it was left out.", track=track, found=found)


@dataclass(frozen=True)
class MediaTracks:
    """The chosen picture and sound of an open file."""

    container: Any
    video: Any | None
    audio: Any | None

    @classmethod
    def choose(cls, container: Any, name: str, unusable: Container[int] = ()) -> "MediaTracks":
        """Take the best track of each kind, those with an index in `unusable` left out.

        Raises UnusableTrack for one without a decoder.
        """
        video = _best(container, "video", None, unusable)
        audio = _best(container, "audio", video, unusable)
        discard_others(container, [video, audio])
        for stream in (video, audio):
            if stream is None:
                continue
            if stream.codec_context is None:
                raise UnusableTrack(
                    name,
                    stream,
                    say("uses a codec without a decoder here"),
                    say("expected a common one such as H.264 or AAC; convert the file to mp4"),
                )
            use_one_thread(stream)
        return cls(container, video, audio)

    @property
    def present(self) -> list[Any]:
        return [stream for stream in (self.video, self.audio) if stream is not None]


def _best(container: Any, kind: str, related: Any | None, unusable: Container[int]) -> Any | None:
    """FFmpeg's best track of a kind; cover art and thumbnails are no picture track."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [
        stream
        for stream in getattr(container.streams, kind)
        if stream.index not in unusable and not (kind == "video" and stream.disposition & still)
    ]
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        return streams[0] if streams else None
    if any(stream.frames > 1 for stream in decodable):  # not the still of a moving AVIF
        decodable = [stream for stream in decodable if stream.frames != 1] or decodable
    best = container.streams.best(kind, related=related)
    if any(stream is best for stream in decodable):
        return best
    if kind == "audio":
        return decodable[0]
    return max(decodable, key=lambda it: it.codec_context.width * it.codec_context.height)


def is_encrypted(stream: Any, packets: list[Any]) -> bool:
    """Whether a track or one of its first packets is marked as copy-protected."""
    marks = ("encryption_info", "encryption_init_info")
    marked = any(packet.has_sidedata(mark) for packet in packets[:3] for mark in marks)
    return marked or _tag(stream) in DRM_TAGS or "enc_key_id" in stream.metadata


def _tag(stream: Any) -> str:
    try:
        return stream.codec_context.codec_tag
    except UnicodeDecodeError:  # damaged
        return ""


HEAD_PACKETS = 48  # picture packets read when a file is opened: reordering, pace, first frame
AUDIO_PACKETS = 3  # sound packets read then
HEAD_BYTES = 32 << 20  # bytes read at most to find the first picture and the first sound
JUMP_S = 3  # seconds back that no reordering of frames explains
SHOWN = 300  # latest presentation times kept


class EndTimes:
    """Notes when the packets that pass by end, and when the latest pictures are shown."""

    def __init__(self, video_index: int | None, by_dts: bool) -> None:
        self.video_index = video_index  # index of the picture track
        self.by_dts = by_dts  # whether its presentation times are not believed
        self.delay = 0  # ticks from a picture's decoding time to its presentation, `by_dts`
        self.ticks: dict[int, int] = {}  # by track, the latest end
        self.pace: dict[int, Fraction] = {}  # by track, seconds per tick
        self.shown: deque[int] = deque(maxlen=SHOWN)  # presentation ticks of pictures
        self.unsized: dict[int, Any] = {}  # by sound track, its last packet without a duration
        self.timestamps_reset = False  # whether a track's clock jumped back: files were joined
        self.pictures = 0  # picture packets of the longest reading that came to its end

    def tick(self, packet: Any) -> int | None:
        """When a packet is shown or heard."""
        if self.by_dts and packet.stream_index == self.video_index:
            return None if packet.dts is None else packet.dts + self.delay
        return packet.pts

    def note(self, packets: Iterable[Any]) -> Iterator[Any]:
        """Pass packets on, noting each."""
        default_ticks: dict[int, int] = {}  # by track, ticks a packet lasts that does not say so
        latest: dict[int, int] = {}  # by track, ticks
        jumps: dict[int, int] = {}  # by track, ticks back that say so
        pictures = 0
        for packet in packets:
            start, at = self.tick(packet), packet.stream_index
            pictures += at == self.video_index
            if start is None and at == self.video_index and at in latest:
                start = latest[at] + default_ticks[at]  # MPEG program streams time few frames
            if start is not None and not packet.is_discard:
                if at not in default_ticks:
                    stream = packet.stream
                    self.pace[at] = stream.time_base
                    self.ticks.setdefault(at, -NEVER)
                    default_ticks[at] = _default_ticks(stream)
                    jumps[at] = int(JUMP_S / stream.time_base)
                latest[at] = max(start, latest.get(at, start))
                self.timestamps_reset |= latest[at] - start > jumps[at]
                end = start + (packet.duration or default_ticks[at])
                if end > self.ticks[at]:
                    self.ticks[at] = end
                if at == self.video_index:
                    self.shown.append(start)
                elif not packet.duration:
                    self.unsized[at] = packet
            yield packet
        self.pictures = max(self.pictures, pictures)

    def believe_dts(self, packets: list[Any], delay: int) -> None:
        """Count the picture's decoding times instead, from these first packets of it on."""
        self.by_dts, self.delay = True, delay
        self.shown.clear()
        self.ticks.pop(packets[0].stream_index, None)
        for _ in self.note(packets):
            pass

    @property
    def latest_s(self) -> Fraction | None:
        """The latest end of any track, in seconds on the container's clock."""
        return max((end * self.pace[at] for at, end in self.ticks.items()), default=None)


def _default_ticks(stream: Any) -> int:
    """Duration of a picture that states none: the last ones of MPEG and FLV files."""
    return frame_ticks(stream) if stream.type == "video" else 0


def frame_ticks(video: Any) -> int:
    """Ticks that a frame lasts by the header's frame rate; 0 where there is no likely one."""
    rate = video.average_rate or video.codec_context.framerate
    return round(1 / rate / video.time_base) if rate and rate <= MOST_FPS else 0


@dataclass(frozen=True)
class FirstPackets:
    """The first packets of each track, and an iterator over all that follow."""

    video: list[Any]
    audio: list[Any]
    rest: Iterator[Any]
    ends: EndTimes  # of all packets read so far

    @classmethod
    def read(cls, tracks: MediaTracks) -> "FirstPackets":
        """Read until both tracks have shown enough of themselves."""
        by_dts = tracks.container.format.name in DTS_ONLY
        ends = EndTimes(tracks.video.index if tracks.video is not None else None, by_dts)
        rest = ends.note(read_packets(tracks.container, tracks.present))
        head = cls([], [], rest, ends)
        video_packets = 0 if tracks.video is None else HEAD_PACKETS
        audio_packets = 0 if tracks.audio is None else AUDIO_PACKETS
        bytes_read = 0
        for packet in rest:
            (head.video if packet.stream is tracks.video else head.audio).append(packet)
            bytes_read += packet.size
            enough = len(head.video) >= video_packets and len(head.audio) >= audio_packets
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

    def refuse_encrypted(self, tracks: MediaTracks, name: str) -> None:
        """Raise UnusableTrack where a chosen track is copy-protected."""
        for stream, packets in ((tracks.video, self.video), (tracks.audio, self.audio)):
            if stream is not None and is_encrypted(stream, packets):
                raise UnusableTrack(
                    name,
                    stream,
                    say("is encrypted"),
                    say("expected an unprotected recording; use a copy without copy protection"),
                )
