"""Reading a window of sound: where to begin decoding, and where to stop."""

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from emo_core.media.joiner import WARM_UP_S, Joiner, Window
from emo_core.media.opening import opened
from emo_core.media.packets import decode, discard_others, read_packets, use_one_thread
from emo_core.media.sound import SoundTrack


def read_sound(path: Path, sound: SoundTrack, window: Window) -> None:
    """Fills a window, decoding from a little before it so that its first samples are right."""
    period_s = 1 / math.gcd(sound.rate, window.rate)  # after which both sample grids meet again
    early_s = float(window.origin_s) + window.start_s - WARM_UP_S - period_s
    from_s = early_s if early_s > float(sound.start_s) + 1 else None
    if from_s is not None and _mix(path, sound, window, from_s):
        return
    _mix(path, sound, window, None)


def _mix(path: Path, sound: SoundTrack, window: Window, from_s: float | None) -> bool:
    """Decodes into the window; False where seeking failed or landed too late to be used."""
    import av

    with opened(path) as container:
        stream = next(it for it in container.streams if it.index == sound.index)
        if from_s is not None and _misleads(container, stream):
            return False
        use_one_thread(stream)
        tick_s = float(stream.time_base)
        packets = read_packets(container, [stream])
        if from_s is not None:
            try:
                _seek_sound(container, stream, from_s)
            except (av.FFmpegError, OverflowError):
                return False
            first = next(packets, None)
            if first is None or first.pts is None or first.pts * tick_s > from_s + WARM_UP_S / 2:
                return False
            packets = chain([first], packets)
        discard_others(container, [stream])
        joiner = Joiner(sound, window)
        until_s = float(window.origin_s) + window.end_s + WARM_UP_S / 5
        for packet in _between(packets, tick_s, from_s, until_s):
            for frame in decode(stream, packet):
                joiner.add(frame, tick_s)
        for frame in decode(stream, None):
            joiner.add(frame, tick_s)
        joiner.finish()
    return True


def _misleads(container: Any, stream: Any) -> bool:
    """Whether times after a seek are wrong: in WAV, FFmpeg counts ADPCM by a rate that is none."""
    return container.format.name in ("wav", "w64") and stream.codec.name.startswith("adpcm")


def _between(
    packets: Iterator[Any], tick_s: float, from_s: float | None, until_s: float
) -> Iterator[Any]:
    """Packets worth decoding for a window; a seek may have landed long before it."""
    for packet in packets:
        at_s = None if packet.pts is None else packet.pts * tick_s
        if at_s is not None and at_s > until_s:
            return
        if at_s is None or from_s is None or at_s >= from_s - 1:
            yield packet


def _seek_sound(container: Any, stream: Any, at_s: float) -> None:
    """Matroska lists key frames of the picture only; seeking by sound would read the whole file."""
    if container.format.name.startswith("matroska"):
        container.seek(int(at_s * 1_000_000))
    else:
        container.seek(int(at_s / float(stream.time_base)), stream=stream)
