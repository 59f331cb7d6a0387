"""When a file ends: by its index, by the packets at its end, or by all of them."""

from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from emo_core.media.container import open_container
from emo_core.media.demux import FirstPackets, MediaTracks, decode, discard_others, read_packets
from emo_core.media.streams import MAX_HELD

SCAN_BYTES = 16 << 20  # files up to this size are read through to find their end, about 10 ms
TAIL_PACKETS = MAX_HELD + 4  # of a picture, read to find its end: reordering, and some after it
SLACK_S = 0.25  # seconds by which the header's end of sound may differ from its last packet


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
