"""One of IEMOCAP's two actors: a half of the picture, a channel of the sound.

Source: docs/papers/mesm.md#iemocap-processed-layout.
"""

import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emo_core.clip import Clip, ClipError, DecodedFrames, load_clip, video_size
from emo_core.data.cache import Cache
from emo_core.data.corpus import files_by_stem
from emo_core.data.dataset import key_digest, resolve_span
from emo_core.data.image_sequence import ImageSequence, load_image_sequence
from emo_core.faces.detection import face_detector
from emo_core.preprocess.sample import DecodedWindow, SampleConfig, decode_window

FPS = 30.0  # pictures a second in the processed layout


@dataclass(frozen=True)
class Actor:
    """One actor of a dialogue, read like a Clip: a half of the picture and a channel."""

    clip: Clip
    side: int  # 0 = left, 1 = right
    audio_file: Path | None  # stereo wav; None = the mono mix of the video
    text: str = ""  # what is said

    has_video = True

    @property
    def size(self) -> tuple[int, int]:
        width, height = video_size(self.clip)
        return width // 2, height

    @property
    def duration_s(self) -> float:
        return self.clip.duration_s

    @property
    def has_audio(self) -> bool:
        return self.audio_file is not None or self.clip.has_audio

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        """As Clip.read_frames, of this actor's half."""
        return next(self.read_in_turn([times_s], size))

    def read_in_turn(
        self, stretches: Iterable[Iterable[float]], size: tuple[int, int] | None = None
    ) -> Iterator[DecodedFrames]:
        """As Clip.read_in_turn, of this actor's half."""
        width, height = size or self.size
        for frames in self.clip.read_in_turn(stretches, (2 * width, height)):
            half = frames.pixels[:, :, self.side * width :][:, :, :width]
            yield replace(frames, pixels=half)

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """As Clip.audio, of this actor's channel."""
        end_s = self.duration_s if end_s is None else end_s
        if self.audio_file is None:
            return self.clip.audio(rate, start_s, end_s)
        return read_channel(self.audio_file, self.side, rate, start_s, end_s)


@dataclass(frozen=True)
class ActorWindow:
    """The first window of one utterance: its speaker's half and channel."""

    name: str
    path: Path
    target: Any  # what the task expects
    group: str
    text: str
    span_s: tuple[float, float] | None
    regime = None
    processes = False

    def key(self, cache: Cache) -> str:
        files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        audio = audio_file_of(self.path)
        files += [audio] if audio else []
        faces = [face_detector().name] if cache.config.people else []  # another one finds others
        return key_digest(
            *map(cache.key, files), side_of(self.name), self.span_s, self.text, *faces
        )

    def decode(self, config: SampleConfig) -> DecodedWindow:
        clip = replace(open_speaker(self.name, self.path), text=self.text)
        start_s, end_s = resolve_span(clip.duration_s, self.span_s, self.path)
        return decode_window(clip, config, start_s, end_s)


def names_speaker(name: str) -> bool:
    """Whether an utterance's name gives its dialogue and which of the two actors speaks."""
    first, last = name.split("_")[0], name.split("_")[-1]
    return first != name and first[-1:] in ("F", "M") and last[:1] in ("F", "M")


def side_of(name: str) -> int:
    """0 = left, 1 = right: left is the actor whose sex the dialogue's name ends with.

    Source: docs/papers/mesm.md#iemocap-processed-layout.
    """
    first, last = name.split("_")[0], name.split("_")[-1]
    return int(first[-1] != last[0])


def open_speaker(name: str, path: Path) -> Actor | ImageSequence:
    """Picture and sound of the actor who speaks an utterance, in either layout."""
    side = side_of(name)
    if not path.is_dir():
        return Actor(load_clip(path), side, audio_file_of(path))
    letter = "LR"[side]
    return load_image_sequence(path, FPS, f"image_{letter}_", f"audio_{letter}.wav")


def audio_file_of(video: Path) -> Path | None:
    """The stereo recording of a dialogue's video, where there is one."""
    if video.suffix.lower() != ".avi":
        return None  # the processed layout: a folder
    folder = video.parents[2] / "wav"
    audio = folder / f"{video.stem}.wav"
    return audio if audio.is_file() else files_by_stem(folder, ".wav").get(video.stem)


def read_channel(path: Path, channel: int, rate: int, start_s: float, end_s: float) -> np.ndarray:
    """One channel of a 16-bit wav: (S,) float32 in [-1, 1] at `rate`, zeros beyond the file.

    Clip mixes channels; here the mix would put the other actor's words into the window.
    Raises ClipError where the file is something else.
    """
    try:
        with wave.open(str(path), "rb") as file:
            own_rate, channels = file.getframerate(), file.getnchannels()
            if file.getsampwidth() != 2 or channels <= channel:
                raise wave.Error(f"{channels} channels of {8 * file.getsampwidth()} bits")
            first = min(max(round(start_s * own_rate), 0), file.getnframes())
            file.setpos(first)
            data = file.readframes(max(round(end_s * own_rate) - first, 0))
    except (wave.Error, EOFError) as error:
        raise ClipError(
            "{name}: not a stereo wav of 16 bits ({error}); expected the recording of a dialogue, "
            "one actor a channel; copy it again.",
            name=path.name,
            error=error,
        ) from error
    whole = len(data) // (2 * channels) * channels
    samples = np.frombuffer(data, "<i2", whole).reshape(-1, channels)[:, channel] / 32768
    audio = torch.from_numpy(samples.astype(np.float32))
    if own_rate != rate and len(audio):
        from torchaudio.functional import resample  # torchaudio takes a second to import

        audio = resample(audio, own_rate, rate)
    samples_out = np.zeros(round((end_s - start_s) * rate), np.float32)
    length = min(len(samples_out), len(audio))
    samples_out[:length] = audio[:length].clip(-1, 1).numpy()
    return samples_out
