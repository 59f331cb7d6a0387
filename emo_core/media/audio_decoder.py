"""A window of a clip's audio: seeks, decodes, resamples and joins it, gaps left silent."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.media.container import SAMPLE_RATES, open_container
from emo_core.media.demux import decode, discard_others, frame_tick, read_packets, use_one_thread
from emo_core.media.streams import AudioStream

PRE_ROLL_S = 0.5  # seconds of sound decoded before a window: MP3 and Opus need up to 0.25
AUDIO_SLACK_S = 0.03  # seconds a sound packet's time may stray before it counts as a gap
CANCELLED = 1e-3  # share of a channel's power below which a mix has lost it, 30 dB
AUDIBLE = 1e-4  # RMS of a channel that counts as sound, -80 dB
RESAMPLE_BATCH = 64  # decoded sound frames mixed and resampled at once
MAX_PADDING = 1 << 16  # samples put before a run; of real rates 22,255 Hz takes most, a second


@dataclass
class AudioBuffer:
    """A stretch of the clip's clock to fill with sound."""

    wave: np.ndarray  # (S,) float32, zeros where nothing was written
    rate: int  # Hz
    start_s: float  # on the clip's clock
    origin_s: Fraction  # the clip's zero on the container's clock

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.wave) / self.rate

    def write(self, samples: np.ndarray, at: int) -> None:
        """Write resampled sound whose first sample has index `at` in the window."""
        start, stop = max(at, 0), min(at + len(samples), len(self.wave))
        if start < stop:
            self.wave[start:stop] = samples[start - at : stop - at]


def channels_of(frame: Any) -> np.ndarray:
    """One decoded frame as (C, S) float32."""
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
    return data.astype(np.float32, copy=False)


def mix_weights(frame: Any, channels: int) -> np.ndarray:
    """(C,) float32 with which a frame's channels are mixed to one; they sum to 1.

    Before normalising: centre 1, front 0.71, surround and others 0.5, low-frequency effects 0
    (ITU-R BS.775).
    """
    return _weights(tuple(channel.name for channel in frame.layout.channels), channels)


@lru_cache
def _weights(names: tuple[str, ...], channels: int) -> np.ndarray:
    known = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
    weights = np.array([known.get(name, 0.5) for name in names], dtype=np.float32)
    if len(weights) != channels or not weights.any():
        weights = np.ones(channels, dtype=np.float32)
    return weights / weights.sum()


@dataclass
class ChannelPower:
    """Power of each channel and of their mix, added up over frames."""

    of_channels: np.ndarray | None = None  # (C,) sums of squares; None before the first frame
    of_mix: float = 0.0
    samples: int = 0

    def add(self, channels: np.ndarray, mixed: np.ndarray) -> None:
        """Add a frame's (C, S) channels and their (S,) mix."""
        power = np.einsum("cs,cs->c", channels, channels).astype(np.float64)
        self.of_mix += float(mixed @ mixed)
        known = self.of_channels
        self.of_channels = power if known is None or len(known) != len(power) else known + power
        self.samples += len(mixed)

    @property
    def lost_channel(self) -> int | None:
        """The loudest channel where the mix has lost it; among equals the first."""
        if self.of_channels is None or not self.samples:
            return None
        most = float(self.of_channels.max())
        if not (self.of_mix < CANCELLED * most and most > AUDIBLE**2 * self.samples):
            return None
        return int(np.argmax(self.of_channels > most / 2))


class AudioAssembler:
    """Joins decoded frames into unbroken sound, resamples it and places it by its time.

    channel: the one to hear; None mixes all.
    """

    def __init__(self, audio: AudioStream, window: AudioBuffer, channel: int | None) -> None:
        self.audio = audio
        self.window = window
        self.channel = channel
        self.power = ChannelPower()
        self.resampler: Any | None = None
        self.start_s = float(audio.start_s)
        self.rate = audio.rate  # Hz, of the frames in this run
        self.due = 0  # position of the next sample, counted from the track's first
        self.pending: list[np.ndarray] = []
        self.pushed = 0  # samples given to the resampler
        self.cursor = 0  # window index of the next resampled sample
        self.padding = 0  # resampled samples of padding still to be dropped
        start = round(window.start_s * window.rate)
        self.base = round((audio.start_s - window.origin_s) * window.rate) - start
        self.used_from_s = window.start_s + float(window.origin_s - audio.start_s) - PRE_ROLL_S / 5

    def add(self, frame: Any, tick_s: float) -> None:
        """Append one decoded frame, beginning anew where it does not join the sound before it."""
        if not frame.samples or frame.rate not in SAMPLE_RATES:  # damaged
            return
        if frame.rate != self.rate:
            self.finish()
            self.rate = frame.rate
        at = self._position(frame, tick_s)
        if at + frame.samples <= self.used_from_s * self.rate:
            self.finish()  # warm-up
            return
        slack = max(AUDIO_SLACK_S, 2 * tick_s) * self.rate
        if self.resampler is None or abs(at - self.due) > slack:
            self.finish()
            self._start(at)
        self.pending.append(self._mono(frame))
        self.due += frame.samples
        if len(self.pending) >= RESAMPLE_BATCH:
            self._push()

    def _mono(self, frame: Any) -> np.ndarray:
        """One decoded frame as (S,) float32."""
        channels = channels_of(frame)
        if self.channel is not None and self.channel < len(channels):
            return channels[self.channel]
        with np.errstate(invalid="ignore", over="ignore"):  # damaged floats are huge, or none
            mixed = mix_weights(frame, len(channels)) @ channels
            if len(channels) > 1:
                self.power.add(channels, mixed)
        return mixed

    def _position(self, frame: Any, tick_s: float) -> int:
        """Samples from the track's first to this frame's; coarse clocks snap to whole frames."""
        pts = frame_tick(frame)
        if pts is None:
            return self.due
        exact = (pts * tick_s - self.start_s) * self.rate
        size = self.audio.frame_samples
        if size and tick_s * self.rate > 1:
            whole = round((exact - self.audio.first_samples) / size)
            snapped = self.audio.first_samples + whole * size
            if abs(snapped - exact) <= tick_s * self.rate:
                return snapped
        return round(exact)

    def _start(self, at: int) -> None:
        """Open a run, padded so that its resampled grid is the one of the whole file."""
        from av import AudioResampler

        period = self.rate // math.gcd(self.rate, self.window.rate)
        padding = at % period if period <= MAX_PADDING else 0  # then a sample off at most
        self.resampler = AudioResampler("fltp", "mono", self.window.rate)
        self.pending = [np.zeros(padding, np.float32)] if padding else []
        self.due = at
        self.pushed = 0
        self.padding = padding * self.window.rate // self.rate
        self.cursor = self.base + (at - padding) * self.window.rate // self.rate

    def _push(self) -> None:
        from av import AudioFrame

        wave = np.concatenate(self.pending)
        wave[~np.isfinite(wave)] = 0
        self.pending = []
        frame = AudioFrame.from_ndarray(wave[None], "fltp", "mono")
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self.pushed
        self.pushed += len(wave)
        assert self.resampler is not None  # a run has begun where sound is pending
        self._write(self.resampler.resample(frame))

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            if frame is None:  # flushing a resampler that had nothing to do
                continue
            wave = np.clip(frame.to_ndarray()[0], -1, 1)
            dropped = min(self.padding, len(wave))
            self.padding -= dropped
            self.window.write(wave[dropped:], self.cursor + dropped)
            self.cursor += len(wave)

    def finish(self) -> None:
        """Flush the run into the window."""
        if self.resampler is None:
            return
        if self.pending:
            self._push()
        self._write(self.resampler.resample(None))
        self.resampler = None


def read_audio(path: Path, audio: AudioStream, window: AudioBuffer) -> int | None:
    """Fill a window, decoding from a little before it so that its first samples are right.

    Channels are mixed to one. Where they cancel each other out, the loudest is taken alone; returns
    which that is, None where all are mixed.
    """
    channel = _mix(path, audio, window, None)
    if channel is not None:
        window.wave[:] = 0
        _mix(path, audio, window, channel)
    return channel


def _mix(path: Path, audio: AudioStream, window: AudioBuffer, channel: int | None) -> int | None:
    """Fill a window with one channel or, None, with all; returns the one that the mix has lost."""
    period_s = 1 / math.gcd(audio.rate, window.rate)  # after which both sample grids meet again
    early_s = float(window.origin_s) + window.start_s - PRE_ROLL_S - period_s
    joiner = None
    if early_s > float(audio.start_s) + 1:
        joiner = _decode_from(path, AudioAssembler(audio, window, channel), early_s)
    if joiner is None:
        joiner = _decode_from(path, AudioAssembler(audio, window, channel), None)
    assert joiner is not None  # without a seek nothing fails
    return joiner.power.lost_channel


def _decode_from(path: Path, joiner: AudioAssembler, from_s: float | None) -> AudioAssembler | None:
    """Decode into the window; None where seeking failed or landed too late to be used."""
    import av

    window = joiner.window
    with open_container(path) as container:
        stream = next(it for it in container.streams if it.index == joiner.audio.index)
        if from_s is not None and _misleads(container, stream):
            return None
        use_one_thread(stream)
        tick_s = float(stream.time_base)
        packets = read_packets(container, [stream])
        if from_s is not None:
            try:
                _seek_audio(container, stream, from_s)
            except (av.FFmpegError, OverflowError):
                return None
            first = next(packets, None)
            if first is None or first.pts is None or first.pts * tick_s > from_s + PRE_ROLL_S / 2:
                return None
            packets = chain([first], packets)
        discard_others(container, [stream])
        until_s = float(window.origin_s) + window.end_s + PRE_ROLL_S / 5
        for packet in _between(packets, tick_s, from_s, until_s):
            for frame in decode(stream, packet):
                joiner.add(frame, tick_s)
        for frame in decode(stream, None):
            joiner.add(frame, tick_s)
        joiner.finish()
    return joiner


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


def _seek_audio(container: Any, stream: Any, at_s: float) -> None:
    """Matroska lists key frames of the picture only; seeking by sound would read the whole file."""
    if container.format.name.startswith("matroska"):
        container.seek(int(at_s * 1_000_000))
    else:
        container.seek(int(at_s / float(stream.time_base)), stream=stream)
