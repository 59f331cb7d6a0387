"""The sound track: what decoding it needs to know, and its frames mixed down to one channel."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from emo_core.media.head import Head
from emo_core.media.limits import ClipError
from emo_core.media.packets import MAX_UNDECODABLE, decode, frame_tick
from emo_core.media.tracks import Tracks


@dataclass(frozen=True)
class SoundTrack:
    """The facts of a sound track."""

    index: int
    codec: str
    channels: int
    rate: int  # Hz
    start_s: Fraction  # when the first sample is heard, on the container's clock
    first_samples: int  # in the first decoded frame, which priming may have shortened
    frame_samples: int  # in the second frame; every later one, in most codecs

    @classmethod
    def survey(cls, tracks: Tracks, head: Head, name: str) -> "SoundTrack | None":
        """Decodes two frames; None where the track is missing or has no packets.

        Raises ClipError where packets are there but nothing comes out of them.
        """
        sound = tracks.sound
        if sound is None:
            return None
        frames: list[Any] = []
        packets = 0
        for packet in head.packets(sound, head.sound):
            packets += 1
            frames += [frame for frame in decode(sound, packet) if frame.samples and frame.rate]
            if len(frames) >= 2 or packets > MAX_UNDECODABLE:
                break
        if not packets:
            return None
        frames = frames or decode(sound, None)
        if not frames:
            raise ClipError(
                f"{name}: the sound track ({sound.codec_context.name}) does not decode, not one "
                "sample came out; expected complete sound; record, copy or convert it again."
            )
        first = frames[0]
        return cls(
            index=sound.index,
            codec=sound.codec_context.name,
            channels=first.layout.nb_channels,
            rate=first.rate,
            start_s=(frame_tick(first) or 0) * sound.time_base,
            first_samples=first.samples,
            frame_samples=frames[1].samples if len(frames) > 1 else 0,
        )


def mono(frame: Any) -> np.ndarray:
    """One decoded frame as (S,) float32, channels mixed with weights that sum to 1.

    Before normalising: centre 1, front 0.71, surround and others 0.5, low-frequency effects 0
    (ITU-R BS.775).
    """
    from av import AudioResampler

    crowded = frame.format.is_planar and frame.layout.nb_channels > 7  # there PyAV 18 reads
    if crowded or frame.format.name.startswith("s64"):  # past its planes, and it lacks 64 bits
        frame = AudioResampler("flt").resample(frame)[0]
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(frame.samples, -1).T
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128) / 128
    elif data.dtype.kind == "i":
        data = data * np.float32(1 / (1 << (8 * data.dtype.itemsize - 1)))
    weights = _weights(tuple(channel.name for channel in frame.layout.channels), len(data))
    return weights @ data.astype(np.float32, copy=False)


@lru_cache
def _weights(names: tuple[str, ...], channels: int) -> np.ndarray:
    known = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
    weights = np.array([known.get(name, 0.5) for name in names], dtype=np.float32)
    if len(weights) != channels or not weights.any():
        weights = np.ones(channels, dtype=np.float32)
    return weights / weights.sum()
