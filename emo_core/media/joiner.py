"""Joining decoded sound into one stretch of the clip's clock, resampled, gaps left silent."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from emo_core.media.packets import frame_tick
from emo_core.media.sound import SoundTrack, mono

WARM_UP_S = 0.5  # seconds of sound decoded before a window: MP3 and Opus need up to 0.25
SOUND_SLACK_S = 0.03  # seconds a sound packet's time may stray before it counts as a gap
SOUND_BATCH = 64  # decoded sound frames mixed and resampled at once


@dataclass
class Window:
    """A stretch of the clip's clock to fill with sound."""

    wave: np.ndarray  # (S,) float32, zeros where nothing was written
    rate: int  # Hz
    start_s: float  # on the clip's clock
    origin_s: Fraction  # the clip's zero on the container's clock

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.wave) / self.rate

    def place(self, samples: np.ndarray, at: int) -> None:
        """Writes resampled sound whose first sample has index `at` in the window."""
        start, stop = max(at, 0), min(at + len(samples), len(self.wave))
        if start < stop:
            self.wave[start:stop] = samples[start - at : stop - at]


class Joiner:
    """Joins decoded frames into unbroken sound, resamples it and places it by its time."""

    def __init__(self, sound: SoundTrack, window: Window) -> None:
        self.sound = sound
        self.window = window
        self.resampler: Any | None = None
        self.start_s = float(sound.start_s)
        self.rate = sound.rate  # Hz, of the frames in this run
        self.due = 0  # position of the next sample, counted from the track's first
        self.pending: list[np.ndarray] = []
        self.pushed = 0  # samples given to the resampler
        self.cursor = 0  # window index of the next resampled sample
        self.padding = 0  # resampled samples of padding still to be dropped
        start = round(window.start_s * window.rate)
        self.base = round((sound.start_s - window.origin_s) * window.rate) - start
        self.heard_from_s = window.start_s + float(window.origin_s - sound.start_s) - WARM_UP_S / 5

    def add(self, frame: Any, tick_s: float) -> None:
        """Appends one decoded frame, beginning anew where it does not join the sound before it."""
        if not frame.samples or not frame.rate:
            return
        if frame.rate != self.rate:
            self.finish()
            self.rate = frame.rate
        at = self._position(frame, tick_s)
        if at + frame.samples <= self.heard_from_s * self.rate:
            self.finish()  # warm-up
            return
        slack = max(SOUND_SLACK_S, 2 * tick_s) * self.rate
        if self.resampler is None or abs(at - self.due) > slack:
            self.finish()
            self._start(at)
        self.pending.append(mono(frame))
        self.due += frame.samples
        if len(self.pending) >= SOUND_BATCH:
            self._push()

    def _position(self, frame: Any, tick_s: float) -> int:
        """Samples from the track's first to this frame's; coarse clocks snap to whole frames."""
        pts = frame_tick(frame)
        if pts is None:
            return self.due
        exact = (pts * tick_s - self.start_s) * self.rate
        size = self.sound.frame_samples
        if size and tick_s * self.rate > 1:
            whole = round((exact - self.sound.first_samples) / size)
            snapped = self.sound.first_samples + whole * size
            if abs(snapped - exact) <= tick_s * self.rate:
                return snapped
        return round(exact)

    def _start(self, at: int) -> None:
        """Opens a run, padded so that its resampled grid is the one of the whole file."""
        from av import AudioResampler

        padding = at % (self.rate // math.gcd(self.rate, self.window.rate))
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
        self._write(self.resampler.resample(frame))

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            if frame is None:  # flushing a resampler that had nothing to do
                continue
            wave = np.clip(frame.to_ndarray()[0], -1, 1)
            dropped = min(self.padding, len(wave))
            self.padding -= dropped
            self.window.place(wave[dropped:], self.cursor + dropped)
            self.cursor += len(wave)

    def finish(self) -> None:
        """Flushes the run into the window."""
        if self.resampler is None:
            return
        if self.pending:
            self._push()
        self._write(self.resampler.resample(None))
        self.resampler = None
