"""Video frames at given ticks: seeks, decodes no more than they need, converts them to RGB.

HDR (HLG, PQ) becomes BT.709.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.media.container import ClipError, open_container, printable_name
from emo_core.media.demux import (
    FaultCount,
    decode,
    discard_others,
    read_packets,
    use_one_thread,
    with_following,
)
from emo_core.media.streams import VideoStream

PQ, HLG = 16, 18  # transfer characteristics, by the numbers of ITU-T H.273
WHITE = 203  # cd/m2 of diffuse white (BT.2408), shown as full white; light beyond it is clipped
PEAK = 1000  # cd/m2 of the display for which HLG's system gamma is 1.2
ROWS = 256  # of an image converted at once, which bounds the memory of large frames
LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
TO_BT709 = np.array(  # linear light of BT.2020's primaries in BT.709's (BT.2407)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def to_bt709(image: np.ndarray, transfer: int) -> np.ndarray:
    """(H, W, 3) uint16 R'G'B' of PQ or HLG → (H, W, 3) uint8 R'G'B' of BT.709.

    The light a display would show, relative to diffuse white, through the inverse of BT.1886.
    """
    shown = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), ROWS):
        light = _light(transfer)[image[top : top + ROWS]]
        if transfer == HLG:
            light *= PEAK / WHITE * (light @ LUMA)[..., None] ** np.float32(0.2)
        light = np.clip(light @ TO_BT709.T, 0, 1)
        shown[top : top + ROWS] = np.rint(255 * light ** np.float32(1 / 2.4))
    return shown


@lru_cache
def _light(transfer: int) -> np.ndarray:
    """(65536,) float32: light by signal level; HLG's in front of the camera, PQ's per WHITE."""
    signal = np.linspace(0, 1, 1 << 16)
    if transfer == HLG:  # BT.2100, table 5
        bright = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(signal <= 0.5, signal**2 / 3, bright).astype(np.float32)
    root = signal ** (32 / 2523)  # BT.2100, table 4
    ratio = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return (10_000 / WHITE * ratio ** (8192 / 1305)).astype(np.float32)


class FrameConverter:
    """Turns decoded frames into displayed RGB of one size, whatever size they come in."""

    def __init__(self, video: VideoStream, size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        self.video = video
        self.stored = size[::-1] if video.is_transposed else size
        self.reformatter = VideoReformatter()

    def paint(self, frame: Any) -> np.ndarray:
        """One frame as (H, W, 3) uint8 RGB."""
        from av.video.reformatter import Interpolation

        width, height = self.stored
        wide = frame.color_trc in (HLG, PQ)
        shrinks = width < frame.width or height < frame.height
        rgb = self.reformatter.reformat(
            frame,
            width,
            height,
            "rgb48le" if wide else "rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )
        levels = np.frombuffer(memoryview(rgb.planes[0]), np.dtype("<u2") if wide else np.uint8)
        image = levels.reshape(height, -1)[:, : width * 3].reshape(height, width, 3)
        return self._apply_matrix(to_bt709(image, frame.color_trc) if wide else image)

    def _apply_matrix(self, image: np.ndarray) -> np.ndarray:
        """An image as stored, (H, W, 3), turned and mirrored as the display matrix says."""
        a, b, c, d = self.video.matrix
        if self.video.is_transposed:
            image = image.swapaxes(0, 1)
        if a + c < 0:
            image = image[:, ::-1]
        if b + d < 0:
            image = image[::-1]
        return image


JITTER = 5  # steps by which a stray time may be off among frames without any


class FrameClock:
    """Gives decoded frames their presentation times, in the order in which they come out.

    A frame without any time, or with one that steps back, comes one step after the frame before;
    a decoding time steps back only behind a frame timed too late, which then gives way at once.
    Where frames lack times, FFmpeg's parser also gives the few there are to the wrong ones: a time
    close to the step is then taken for it.
    """

    def __init__(self, video: VideoStream) -> None:
        self.video = video
        self.faults = FaultCount() if video.timing == "either" else None
        self.latest: int | None = None
        self.counts = False  # whether frames without a time were met

    def restart(self) -> None:
        """Forget the frames so far: decoding goes on elsewhere."""
        self.faults, self.latest = None, None

    def stamp(self, frame: Any) -> int | None:
        """Set a frame's `pts` and return it; None where no time is known yet."""
        if self.faults is not None:
            self.faults.add(frame)
        by_dts = self.video.by_dts if self.faults is None else self.faults.dts_are_truer
        tick = frame.dts if by_dts or frame.pts is None else frame.pts
        if self.latest is not None:
            tick = self._after(self.latest, tick, by_dts)
        tick = frame.pts if tick is None else tick
        if tick is not None:
            self.latest = frame.pts = tick
        return tick

    def _after(self, latest: int, tick: int | None, by_dts: bool) -> int:
        """The time of a frame said to be shown at `tick`, after one at `latest`."""
        due = latest + self.video.step
        if tick is None:
            self.counts = True
            return due
        if self.video.timing != "pts" and tick < latest:
            return latest if by_dts else due
        return due if self.counts and abs(tick - due) <= JITTER * self.video.step else tick


BLIND_SEEK_S = 3.0  # seconds to the next wanted frame from which an unindexed file is searched
SEEK_BACK_S = (0, 1, 4, 16, 64)  # seconds before the target, tried in turn until a key frame fits


class SeekFailed(Exception):
    """A seek ended where the wanted frame cannot be decoded from."""


def frames_at(path: Path, video: VideoStream, ticks: list[int]) -> Iterator[tuple[range, Any]]:
    """For sorted ticks, runs of them with the one frame on display during each run, its `pts` set.

    Seeks where that saves decoding. Where the file's seeking proves wrong (the first frame after
    landing is later than the target), what is left is decoded from the start of the file.
    """
    done = 0
    seeking = True
    while done < len(ticks):
        with open_container(path, quick=video.timing != "either") as container:
            player = SeekingDecoder(container, video, ticks[done:], seeking)
            reached = done
            try:
                for rows, frame in player.play():
                    reached = done + rows.stop
                    yield range(done + rows.start, reached), frame
            except SeekFailed:
                seeking = False
            else:
                break
            finally:
                done = reached
    if done < len(ticks):
        raise ClipError(
            "{name}: the picture stopped decoding; expected frames up to the end; record or copy "
            "the file again.",
            name=printable_name(path),
        )


class SeekingDecoder:
    """Decodes one picture track forward and hands out the frame on display at each tick."""

    def __init__(self, container: Any, video: VideoStream, ticks: list[int], seeking: bool) -> None:
        self.container = container
        self.video = video
        self.ticks = ticks
        self.seeking = seeking
        self.blind = seeking  # whether to search where the index does not reach
        # MPEG's index holds only what happened to be read, so it tells nothing about the rest
        self.indexed = container.format.name.startswith(("mov", "matroska", "avi"))
        self.stream = next(it for it in container.streams if it.index == video.index)
        discard_others(container, [self.stream])
        use_one_thread(self.stream)
        context = self.stream.codec_context
        context.reorder_depth = max(context.reorder_depth, video.reorder)
        self.clock = FrameClock(video)
        self.answered = 0  # ticks whose frame was handed out
        self.covered = 0  # ticks, from the first on, whose frame was sent to the decoder
        self.ahead: dict[int, int] = {}  # runs of later ticks sent before them (reordering)
        self.shown: Any | None = None  # latest frame out of the decoder since landing
        self.landed = False  # whether decoding began anywhere but at the start
        self.landing: int | None = None  # tick of the latest seek, which is not tried twice
        self.sent = video.first  # latest presentation time sent to the decoder
        self.last_key = video.first

    def play(self) -> Iterator[tuple[range, Any]]:
        """Runs of ticks with their frames, in order."""
        packets: Iterator[Any] | None = read_packets(self.container, [self.stream])
        while packets is not None:
            target = yield from self._segment(packets)
            packets = None if target is None else self._land(target)

    def _segment(self, packets: Iterator[Any]) -> Generator[tuple[range, Any], None, int | None]:
        """Play on until every tick is answered, or return the tick to seek to."""
        target = None
        hold = self.video.timing == "pts"
        in_turn = with_following(packets) if hold else ((it, None) for it in packets)
        for packet, following in in_turn:
            target = self._jump(packet)
            if target is not None:
                break
            yield from self._answers(self._send(packet, following))
            if max(self.covered, self.answered) >= len(self.ticks):
                break
        yield from self._answers(decode(self.stream, None))
        until = len(self.ticks) if target is None else self.covered
        if self.shown is None and self.landed:
            raise SeekFailed
        if self.shown is not None and self.answered < until:
            run = range(self.answered, until)
            self.answered = until
            yield run, self.shown
        return target

    def _tick(self, packet: Any) -> int | None:
        """When a packet's frame is shown, as the packet says."""
        if self.video.by_dts:
            return None if packet.dts is None else packet.dts + self.video.delay
        return packet.pts

    def _send(self, packet: Any, following: int | None) -> list[Any]:
        """Decode a packet; of an unwanted frame only what later frames need."""
        wanted = True
        at = self._tick(packet)
        if at is not None and not packet.is_discard:
            self.sent = max(self.sent, at)
            self.last_key = at if packet.is_keyframe else self.last_key
        if following is not None:
            first = bisect_left(self.ticks, packet.pts)
            last = bisect_left(self.ticks, following)
            wanted = first < last
            if wanted:
                self.ahead[first] = last
            for start in sorted(self.ahead):
                if start > self.covered:
                    break
                self.covered = max(self.covered, self.ahead.pop(start))
        if self.video.skips:
            self.stream.codec_context.skip_frame = "DEFAULT" if wanted else "NONREF"
        return decode(self.stream, packet)

    def _answers(self, frames: list[Any]) -> Iterator[tuple[range, Any]]:
        """Ticks before each new frame still show the frame before it."""
        for frame in frames:
            pts = self.clock.stamp(frame)
            if pts is None:
                continue
            until = bisect_left(self.ticks, pts, lo=self.answered)
            if until > self.answered:
                if self.shown is None and self.landed:
                    raise SeekFailed
                run = range(self.answered, until)
                self.answered = until
                yield run, self.shown or frame
            self.shown = frame

    def _jump(self, packet: Any) -> int | None:
        """The next tick to be sent, if decoding for it should begin beyond this packet."""
        self.covered = max(self.covered, self.answered)
        at = self._tick(packet)
        if not self.seeking or self.covered >= len(self.ticks) or at is None:
            return None
        target = self.ticks[self.covered]
        here = max(self.sent, at)
        if target <= here or target == self.landing:
            return None
        index = self.stream.index_entries
        reach = self.video.first
        if self.indexed and len(index):
            place = index.search_timestamp(target - self.video.lead)
            if place >= 0 and index[place].timestamp > here:
                return target
            reach = index[-1].timestamp
        tick = float(self.video.tick)
        ahead_s, lost_s = (target - here) * tick, (here - self.last_key) * tick
        if (target - reach) * tick < BLIND_SEEK_S or not self.blind:
            return None
        return target if ahead_s > max(BLIND_SEEK_S, 2 * lost_s) else None

    def _land(self, target: int) -> Iterator[Any]:
        """Packets from a key frame shown at or before the target."""
        import av

        context = self.stream.codec_context
        self.landing = target
        backs = (int(back_s / self.video.tick) for back_s in SEEK_BACK_S)
        for goal in (target, *(target - self.video.lead - back for back in backs)):
            try:
                self.container.seek(goal, stream=self.stream)
            except (av.FFmpegError, OverflowError):
                break
            packets = read_packets(self.container, [self.stream])
            keys = (it for it in packets if it.is_keyframe and self._tick(it) is not None)
            key = next(keys, None)
            at = None if key is None else self._tick(key)
            if key is not None and at is not None and at <= target:
                self.blind = self.blind and at > self.sent
                self.landed, self.shown, self.ahead = True, None, {}
                self.clock.restart()
                self.sent = at
                context.reorder_depth = max(context.reorder_depth, self.video.reorder)
                return chain([key], packets)
            if goal <= self.video.first:
                break
        raise SeekFailed
