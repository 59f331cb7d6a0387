"""Whether there is anybody to read in a clip: faces in its frames, and a voice in its sound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from emo_core.clip import SILENCE, Clip, video_size
from emo_core.faces.tracking import Tracks, detection_size, link_people, track_faces
from emo_core.io.shipped_weights import shipped_state
from emo_core.messages import say, say_count
from emo_core.models.layers.whisper import (
    PER_TOKEN,
    WHISPER_MEL,
    WhisperEncoder,
    shipped_whisper,
)
from emo_core.preprocess.log_mel import log_mel
from emo_core.preprocess.sample import DecodedWindow, SampleConfig, to_picture_points

VOICE_DETECTOR = "voice-detector"  # of emo_core.io.shipped_weights
DRAWN_DETECTOR = "drawn-voice-detector"  # what drawn people do, and the alarms of their world
PIECE_S = 5.0  # seconds of sound that are encoded together
TOKEN_S = PER_TOKEN * 2 * WHISPER_MEL.hop / WHISPER_MEL.rate
SEGMENT, STEP = 6, 3  # tokens in one segment, and from one to the next: 0.96 s every 0.48 s
LEAST_SEGMENTS = 2  # with a voice in a clip that has as many
FRAMES_OF_WINDOW = 3  # searched for faces where the model itself looks for none
MOST_FRAMES, FRAME_EVERY_S = 6, 2.0  # looked at again, larger, where there is no voice either


@dataclass(frozen=True)
class FoundFaces:
    """Faces in one frame."""

    time_s: float
    boxes: tuple[tuple[float, ...], ...]  # left, top, right, bottom as shares of the frame
    people: tuple[int, ...] = ()  # of each box: whose face it is, numbered from 1 over the clip


@dataclass(frozen=True)
class Presence:
    """The faces that were found in a clip; where there are none, whether a voice was heard."""

    frames: tuple[FoundFaces, ...] = ()  # every frame that was searched, in order of time
    voice_s: float | None = None  # seconds with a voice; None = not listened for, or no sound track
    heard: bool = False  # long enough for an answer
    sound_s: float = 0.0  # seconds that were listened to

    @property
    def most_faces(self) -> int:
        """The largest number of faces in one frame."""
        return max((len(frame.boxes) for frame in self.frames), default=0)

    @property
    def nobody(self) -> str | None:
        """Why there is nobody to read, in a sentence; None where a face or a voice was found."""
        if self.most_faces or self.heard:
            return None
        seen = say_count(
            "No face was found in {count} frame",
            "No face was found in {count} frames",
            len(self.frames),
        )
        heard = say("no voice was heard in {seconds:.1f} s of sound", seconds=self.sound_s)
        return say(
            "{seen}, and {heard}.",
            seen=seen if self.frames else say("There is no picture"),
            heard=say("there is no sound") if self.voice_s is None else heard,
        )


@dataclass(frozen=True)
class VoiceDetector:
    """Logistic regression on the shipped sound encoder: speech, cries, laughter, screams or cheers.

    A segment must also lie near the subspace of the voices it was fitted to; what lies far outside,
    such as an alarm, is like nothing that was heard then. Fitted by `python -m
    benchmarks voice_detector`; misses and false alarms: docs/experiments/0141.
    """

    mean: Tensor  # (C,) of all segments, with their spread
    spread: Tensor  # (C,)
    weight: Tensor  # (C,)
    bias: Tensor  # (1,)
    center: Tensor  # (C,) of voices
    basis: Tensor  # (C, K), orthonormal
    limits: Tensor  # (2,) least score, and largest squared distance from the subspace

    def __call__(self, segments: Tensor) -> Tensor:
        """(n, C) -> (n,) bool, True where a voice is."""
        score, outside = self.measures(segments)
        return (score >= self.limits[0]) & (outside <= self.limits[1])

    def measures(self, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Score and squared distance from the subspace, (n,) each."""
        values = (segments - self.mean) / self.spread
        from_center = values - self.center
        outside = from_center.square().sum(1) - (from_center @ self.basis).square().sum(1)
        return values @ self.weight + self.bias, outside


@lru_cache(maxsize=2)
def shipped_voice_detector(name: str = VOICE_DETECTOR) -> VoiceDetector:
    """A detector that comes with the package. Raises WeightsError."""
    return VoiceDetector(**shipped_state(name))


@lru_cache(maxsize=1)
def _encoder() -> WhisperEncoder:
    encoder = shipped_whisper(loud_db=float("inf"))
    encoder.eval()
    return encoder


@torch.inference_mode()
def voice_segments(wave: np.ndarray) -> Tensor:
    """Features (n, C) of overlapping segments of mono sound, (S,) float32 at WHISPER_MEL's rate.

    No segment where there is no more than silence.
    """
    if len(wave) < WHISPER_MEL.window or not np.abs(wave).max(initial=0.0) > SILENCE:
        return torch.zeros(0, _encoder().channels)
    mel = log_mel(torch.from_numpy(np.ascontiguousarray(wave, np.float32))[None], WHISPER_MEL)
    mask = torch.ones(mel.shape[:2], dtype=torch.bool)
    times_s = torch.arange(mel.shape[1])[None] * (WHISPER_MEL.hop / WHISPER_MEL.rate)
    tokens = _encoder()(mel, mask, times_s).values[0]  # (N, C)
    if len(tokens) < SEGMENT:
        return tokens.mean(0, keepdim=True)
    return tokens.unfold(0, SEGMENT, STEP).mean(-1)


class PresenceFinder:
    """Collects the faces of one clip's windows while they are decoded; listens if there are none.

    With `track` given to the decoder, frames are searched once, for the model and for this.
    """

    def __init__(self, clip: Clip, config: SampleConfig, drawn: bool = False) -> None:
        """drawn: the model knows drawn people, whose voices count as well."""
        self.clip, self.config = clip, config
        self.detectors = (VOICE_DETECTOR, DRAWN_DETECTOR) if drawn else (VOICE_DETECTOR,)
        self.frames: list[FoundFaces] = []
        self.waves: list[np.ndarray] = []  # (S,) int16, of each window

    def track(self, frames: np.ndarray, times_s: np.ndarray) -> Tracks:
        """Faces as the model wants them tracked, kept for the frames that were searched."""
        return self._search(frames, times_s, self.config.face_every)

    def add(self, window: DecodedWindow) -> None:
        """One window; its faces are searched here where the model does not look for any.

        In its middle frame; in two others as well where that shows none or several.
        """
        if self.clip.has_audio:
            self.waves.append(window.wave[: round(window.audio_s * self.config.mel.rate)])
        real = np.flatnonzero(window.pixel_times_s < window.video_s)
        if not self.config.people and len(real):
            few = real[:: -(-len(real) // FRAMES_OF_WINDOW)]
            middle = few[len(few) // 2]
            for step in sorted(few, key=lambda step: abs(step - middle)):
                tracks = track_faces(window.pixels[[step]])
                boxes = to_picture_points(tracks.boxes, video_size(self.clip), self.config)
                times_s = window.start_s + window.pixel_times_s[[step]]
                self._keep(replace(tracks, boxes=boxes), times_s)
                if int(tracks.mask.sum()) == 1:
                    break

    def found(self) -> Presence:
        """What was found in the clip."""
        self.frames.sort(key=lambda frame: frame.time_s)
        if any(frame.boxes for frame in self.frames):
            return Presence(number_people(self.frames))
        heard = [segment for wave in self.waves for segment in self._listen(wave)]
        every = torch.cat(heard) if heard else torch.zeros(0, dtype=torch.bool)
        enough = bool(len(every)) and int(every.sum()) >= min(LEAST_SEGMENTS, len(every))
        if not enough and not self.config.people:
            self._search_closer()
        return Presence(
            number_people(self.frames),
            round(sum(map(_voice_s, heard)), 2) if self.clip.has_audio else None,
            enough,
            sum(map(len, self.waves)) / self.config.mel.rate,
        )

    def _search(self, frames: np.ndarray, times_s: np.ndarray, every: int = 1) -> Tracks:
        tracks = track_faces(frames, times_s, every)
        self._keep(tracks, times_s, every)
        return tracks

    def _keep(self, tracks: Tracks, times_s: np.ndarray, every: int = 1) -> None:
        self.frames += [
            FoundFaces(
                round(float(times_s[step]), 3),
                tuple(tuple(map(_share, box)) for box in _shown(tracks, step)),
            )
            for step in range(0, len(times_s), every)
        ]

    def _search_closer(self) -> None:
        """A few frames again, larger than the model sees them."""
        if not self.clip.has_video:
            return
        count = min(MOST_FRAMES, max(1, math.ceil(self.clip.duration_s / FRAME_EVERY_S)))
        times_s = (np.arange(count) + 0.5) * self.clip.duration_s / count
        self.frames.clear()
        size = detection_size(video_size(self.clip))
        for closer in self.clip.read_in_turn(times_s[:, None], size):
            self._search(closer.pixels, closer.times_s)
            if self.frames[-1].boxes:
                break  # what lies behind it need not be decoded

    def _listen(self, wave: np.ndarray) -> list[Tensor]:
        """Which segments of the sound of one window have a voice: (n,) bool for each piece."""
        sound, rate = torch.from_numpy(wave.astype(np.float32) / 32767), self.config.mel.rate
        if rate != WHISPER_MEL.rate:
            from torchaudio.functional import resample  # torchaudio takes a second to import

            sound = resample(sound, rate, WHISPER_MEL.rate)
        heard = []
        for piece in sound.split(round(PIECE_S * WHISPER_MEL.rate)):
            segments = voice_segments(piece.numpy())
            every = [shipped_voice_detector(name)(segments) for name in self.detectors]
            heard.append(torch.stack(every).any(0))
        return heard


def number_people(frames: Sequence[FoundFaces]) -> tuple[FoundFaces, ...]:
    """Frames in order of time, each box with the number of its person.

    Numbers go by the frame in which a person appears, and in it from left to right. A face is of
    the person whose box it overlaps most of those seen last; who was not seen for some frames, or
    moved out of their box between two, gets another number.
    """
    people = link_people([np.array(frame.boxes).reshape(-1, 4) for frame in frames])
    people.sort(key=lambda person: (min(person), frames[min(person)].boxes[person[min(person)]]))
    numbers = [[0] * len(frame.boxes) for frame in frames]
    for number, person in enumerate(people, start=1):
        for step, row in person.items():
            numbers[step][row] = number
    return tuple(
        replace(frame, people=tuple(of)) for frame, of in zip(frames, numbers, strict=True)
    )


_share = partial(round, ndigits=4)


def _shown(tracks: Tracks, step: int) -> list[list[float]]:
    return tracks.boxes[step][tracks.mask[step]].clip(0, 1).tolist()


def _voice_s(heard: Tensor) -> float:
    """Seconds that the segments of one piece with a voice cover together."""
    tokens = torch.zeros(STEP * len(heard) + SEGMENT, dtype=torch.bool)
    for place in heard.nonzero().flatten().tolist():
        tokens[STEP * place : STEP * place + SEGMENT] = True
    return float(tokens.sum()) * TOKEN_S
