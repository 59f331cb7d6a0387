"""Packets and frames of an open file: reading them past damage, and which frame follows which."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator
from typing import Any

from emo_core.media.limits import MAX_PIXELS

MAX_READ_ERRORS = 50  # damaged stretches the reader steps over in one file
MAX_UNDECODABLE = 2_000  # packets in a row without one frame before a track is given up
MAX_REORDER = 64  # packets looked ahead, room for damaged times
NEVER = 1 << 62  # a presentation time after every other


def use_one_thread(stream: Any) -> None:
    """Prepares a decoder: clips in parallel beat threads inside one by a third."""
    context = stream.codec_context
    context.thread_count = 1
    context.thread_type = "NONE"
    if context.type == "video":
        context.options = {"max_pixels": str(MAX_PIXELS)}


def discard_others(container: Any, kept: list[Any]) -> None:
    """Lets the reader skip the bytes of every track but these."""
    from av.stream import Discard

    for stream in container.streams:
        if not any(stream is it for it in kept):
            stream.discard = Discard.all


def read_packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """The tracks' packets in file order; damaged stretches are stepped over."""
    import av

    for _ in range(MAX_READ_ERRORS):
        try:
            for packet in container.demux(*streams):
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
    """When a frame is shown or heard, in ticks of its track's clock."""
    return frame.dts if frame.pts is None else frame.pts


def with_following(packets: Iterator[Any]) -> Iterator[tuple[Any, int | None]]:
    """Packets in decoding order, each with the time its frame gives way to the next one shown.

    None where the file does not tell. A packet waits until one with a decoding time at or past the
    next frame's presentation time has been read: no frame still to come can be shown before that.
    """
    waiting: deque[Any] = deque()
    shown: list[int] = []  # sorted presentation times that may still follow a waiting packet
    for packet in packets:
        if packet.pts is None or packet.dts is None or packet.pts < packet.dts:
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
