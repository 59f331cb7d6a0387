"""File → Clip: the only decoder of the project (PyAV, which carries its own FFmpeg).

A clip's clock starts at the earliest presentation time of its chosen picture and sound. Everything
is asked for by time; files are opened per call, so a Clip is a value: small, picklable, and safe to
share between threads. How files are opened, surveyed and decoded is in `emo_core.media`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from emo_core.media.audio_decoder import AudioBuffer, read_audio
from emo_core.media.container import (
    MAX_PIXELS,
    ClipError,
    check_output,
    check_path,
    printable_name,
)
from emo_core.media.probe import ProbeResult
from emo_core.media.streams import AudioStream, VideoStream
from emo_core.media.video_decoder import FrameConverter, frames_at
from emo_core.messages import say, say_list

__all__ = [
    "MAX_PIXELS",
    "MAX_RATE",
    "Clip",
    "ClipError",
    "DecodedAudio",
    "DecodedFrames",
    "Recording",
    "load_clip",
    "video_size",
]

MAX_RATE = 384_000  # Hz, the highest rate sound is recorded at
SILENCE = 1e-3  # peak of a [-1, 1] wave; -60 dB is inaudible


@dataclass(frozen=True)
class DecodedFrames:
    """Pictures and when they are shown."""

    pixels: np.ndarray  # (T, H, W, 3) uint8 RGB, displayed orientation
    times_s: np.ndarray  # (T,) float64: presentation times of the frames really decoded


@dataclass(frozen=True)
class DecodedAudio:
    """Mono sound, and which channel it is where it is no mix."""

    wave: np.ndarray  # (S,) float32 in [-1, 1]
    lone_channel: int | None  # heard alone since all cancel each other out; None = all are mixed


class Recording(Protocol):
    """Picture and sound by time: a Clip, or anything that is read like one."""

    @property
    def text(self) -> str | None: ...
    @property
    def duration_s(self) -> float: ...
    @property
    def size(self) -> tuple[int, int] | None: ...
    @property
    def has_audio(self) -> bool: ...
    @property
    def has_video(self) -> bool: ...
    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames: ...
    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray: ...


def video_size(recording: Recording) -> tuple[int, int]:
    """(width, height) as displayed; raises ClipError where there is no picture."""
    if recording.size is None:
        raise ClipError("this recording holds sound alone; expected a picture; give a video.")
    return recording.size


@dataclass(frozen=True)
class Clip:
    """One video or sound file, decoded lazily and by time. Made by `load_clip`."""

    path: Path
    text: str | None
    duration_s: float
    fps: float | None
    size: tuple[int, int] | None  # (width, height) as displayed
    rotation: int  # degrees clockwise applied for display: 0, 90, 180 or 270
    has_audio: bool
    has_video: bool
    variable_rate: bool
    channels: int | None
    sample_rate: int | None  # Hz
    video_codec: str | None
    audio_codec: str | None
    container: str
    picture_packets: int  # coded frames; of a large file without an index by its rate
    timestamps_reset: bool  # its clock jumps back: recordings were joined byte by byte
    notes: tuple[str, ...]  # what of the file can't be used, in sentences
    _origin_s: Fraction = field(repr=False)
    _video: VideoStream | None = field(repr=False)
    _audio: AudioStream | None = field(repr=False)

    @property
    def origin_s(self) -> float:
        """The clip's zero on the file's own clock, seconds."""
        return float(self._origin_s)

    def frames(self, times_s: Iterable[float]) -> np.ndarray:
        """The frames on display at these times, (T, H, W, 3) uint8 RGB."""
        return self.read_frames(times_s).pixels

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        """The frames on display at these times (any order, repeats allowed) and their own times.

        size: (width, height) to resize each frame to as it is decoded. Before the first frame the
        first is shown, after the last the last. Raises ClipError where there is no picture.
        """
        return next(self.read_in_turn([times_s], size))

    def read_in_turn(
        self, stretches: Iterable[Iterable[float]], size: tuple[int, int] | None = None
    ) -> Iterator[DecodedFrames]:
        """`read_frames` of stretches that follow each other in time, decoded in one go.

        Where a file can hardly be sought in, as in recordings with one key frame, reading stretch
        by stretch would decode the beginning anew for each.
        """
        asked = [np.asarray([float(time) for time in times], np.float64) for times in stretches]
        times = np.concatenate(asked) if asked else np.empty(0)
        if not np.isfinite(times).all():
            raise ValueError("times_s holds a time that is not a number; give seconds")
        if self._video is None:
            why = say(" ({notes:clause})", notes=say_list(self.notes, " ")) if self.notes else ""
            raise ClipError(
                "{name}: no picture in this sound file{why}; expected a video; give one.",
                name=printable_name(self.path),
                why=why,
            )
        width, height = size or video_size(self)
        most = max((len(part) for part in asked), default=0)
        check_output(printable_name(self.path), most * width * height * 3, width * height)
        video, origin_s = self._video, self._origin_s
        orders = [np.argsort(part, kind="stable") for part in asked]
        ticks = [
            video.tick_at(part[row], origin_s)
            for part, order in zip(asked, orders, strict=True)
            for row in order
        ]
        if any(later < sooner for sooner, later in pairwise(ticks)):
            raise ValueError("a stretch begins before the one before it ends; give them in turn")
        shown = _decode_images(self.path, video, ticks, (width, height))
        for order in orders:
            pixels = np.empty((len(order), height, width, 3), dtype=np.uint8)
            shown_s = np.empty(len(order))
            for row, (image, tick) in zip(order, shown, strict=False):
                pixels[row] = image
                shown_s[row] = tick * video.tick - origin_s
            yield DecodedFrames(pixels, shown_s)

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Mono sound of [start_s, end_s), (S,) float32 in [-1, 1], S = round((end - start) * rate).

        Zeros wherever the file has no sound: before it starts, in gaps, after it ends. Channels
        that cancel each other out in the mix are not mixed: the loudest is heard alone.
        """
        end_s = self.duration_s if end_s is None else float(end_s)
        return self.read_audio(rate, start_s, end_s).wave

    def read_audio(self, rate: int, start_s: float, end_s: float) -> DecodedAudio:
        """`audio`, and which channel was heard alone."""
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            raise ValueError(f"a window from {start_s} s to {end_s} s is none; give start <= end")
        if not 1 <= rate <= MAX_RATE:
            raise ValueError(f"rate is {rate} Hz; give 1 to {MAX_RATE}")
        count = round((end_s - start_s) * rate)
        check_output(printable_name(self.path), count * 4)
        wave = np.zeros(count, dtype=np.float32)
        if self._audio is None or not count:
            return DecodedAudio(wave, None)
        buffer = AudioBuffer(wave, rate, start_s, self._origin_s)
        return DecodedAudio(wave, read_audio(self.path, self._audio, buffer))


def _decode_images(
    path: Path, video: VideoStream, ticks: list[int], size: tuple[int, int]
) -> Iterator[tuple[np.ndarray, int]]:
    """For each of sorted ticks the image on display, valid until the next, and since when."""
    painter = FrameConverter(video, size)
    for rows, frame in frames_at(path, video, ticks):
        image = painter.paint(frame)
        for _ in rows:
            yield image, frame.pts


def load_clip(path: str | Path, text: str | None = None) -> Clip:
    """Open a video or sound file and find out what it holds.

    text: a transcript that travels with the clip. Raises ClipError for anything that is not one
    readable video or sound file on disk.
    """
    path = check_path(path)
    found = ProbeResult.of(path)
    video, audio = found.video, found.audio
    return Clip(
        path=path,
        text=text,
        duration_s=found.duration_s,
        fps=found.fps,
        size=video.size if video else None,
        rotation=video.rotation if video else 0,
        has_audio=audio is not None,
        has_video=video is not None,
        variable_rate=found.variable_rate,
        channels=audio.channels if audio else None,
        sample_rate=audio.rate if audio else None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        container=found.container,
        picture_packets=found.picture_packets,
        timestamps_reset=found.timestamps_reset,
        notes=found.notes,
        _origin_s=found.origin_s,
        _video=video,
        _audio=audio,
    )
