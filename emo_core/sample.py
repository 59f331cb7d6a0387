"""Clip -> Sample: the one path from a file to what a model sees, for training, app and notebooks.

A clip is cut into windows; a window is decoded once to bytes (`Decoded`, what the cache keeps) and
turned into a `Sample` of tensors.
"""

import math
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from emo_core.clip import Clip
from emo_core.parts.mel import PANNS, MelConfig, log_mel

TAIL = 0.1  # windows; a tail shorter than this is left unread instead of making a window of its own


@dataclass(frozen=True)
class SampleConfig:
    """How a window of a clip becomes tensors; travels in the checkpoint. Defaults: pocket size."""

    window_s: float = 5.0
    frames: int = 16
    width: int = 96  # pixels
    height: int = 72  # pixels
    fit: str = "pad"  # "pad" keeps the whole picture, "crop" fills the frame (paper 1, A3)
    people: int = 0  # faces kept a frame, those of the largest tracks; 0 = nobody is looked for
    face_size: int = 48  # pixels, height and width of a face
    text_length: int = 0  # tokens kept of the transcript; 0 = it is not read
    tokenizer: str = "bytes"  # or a name that transformers knows, "albert-base-v2"
    mel: MelConfig = field(default_factory=MelConfig)

    def as_dict(self) -> dict:
        """Plain values for a config file; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "SampleConfig":
        return cls(**{**values, "mel": MelConfig(**values["mel"])})


PAPER = SampleConfig(frames=32, width=112, height=112, fit="crop", mel=PANNS)  # A2, A3, A6, A7


@dataclass(frozen=True)
class Decoded:
    """One window as bytes: what the cache keeps and what augmentation may change."""

    pixels: np.ndarray  # (T, H, W, 3) uint8
    pixel_times_s: np.ndarray  # (T,) float32, really decoded, from the start of the window
    wave: np.ndarray  # (S,) int16
    video_s: float  # seconds of the window that have a picture; 0 = no picture at all
    audio_s: float  # seconds of the window that the clip covers; 0 = no sound track
    start_s: float = 0.0  # where the window starts in the clip
    faces: np.ndarray | None = None  # (T, P, h, w, 3) uint8; None = nobody was looked for
    face_mask: np.ndarray | None = None  # (T, P) bool, True where that person's face was found
    face_boxes: np.ndarray | None = None  # (T, P, 4) left, top, right, bottom; 0 to 1 of the frame
    text: str = ""  # what is said in the window; "" = no transcript


@dataclass(frozen=True)
class Sample:
    """What one model input needs; masks are True where something real is; times in seconds."""

    video: Tensor  # (T, 3, H, W) uint8
    video_mask: Tensor  # (T,)
    video_times_s: Tensor  # (T,) from the start of the window
    mel: Tensor  # (F, M) float32, natural log of power
    mel_mask: Tensor  # (F,)
    mel_times_s: Tensor  # (F,)
    faces: Tensor  # (T, P, 3, h, w) uint8, at video_times_s; P = 0 where no model needs faces
    face_mask: Tensor  # (T, P)
    tokens: Tensor  # (L,) int64; L = 0 where no model needs text
    token_mask: Tensor  # (L,)
    start_s: float


def windows(
    duration_s: float, window_s: float, most: int | None = None
) -> list[tuple[float, float]]:
    """Cuts a clip into equal windows without gaps: (start_s, end_s) each, in order.

    A clip of up to 1.1 windows is one. Where more than `most` would be needed, `most` windows of
    full length are spread evenly instead, and the time between them is not read.
    """
    count = max(1, math.ceil(duration_s / window_s - TAIL))
    if most is not None and count > most:
        starts = np.linspace(0, duration_s - window_s, most) if most > 1 else [0.0]
        return [(float(start), float(start) + window_s) for start in starts]
    edges = np.linspace(0, duration_s, count + 1)
    return [(float(a), float(b)) for a, b in zip(edges, edges[1:], strict=False)]


def frame_grid(config: SampleConfig) -> np.ndarray:
    """The moments a window is looked at: centres of T equal parts, seconds. (T,) float64."""
    return (np.arange(config.frames) + 0.5) * config.window_s / config.frames


def fitted(size: tuple[int, int], config: SampleConfig) -> tuple[int, int]:
    """(width, height) to scale a picture of `size` to, before padding or cropping."""
    scales = config.width / size[0], config.height / size[1]
    scale = min(scales) if config.fit == "pad" else max(scales)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def place(pixels: np.ndarray, config: SampleConfig) -> np.ndarray:
    """Pads with black or crops, centred: (T, h, w, 3) -> (T, height, width, 3)."""
    for axis, target in ((1, config.height), (2, config.width)):
        extra = target - pixels.shape[axis]
        if extra > 0:
            margin = [(0, 0)] * 4
            margin[axis] = (extra // 2, extra - extra // 2)
            pixels = np.pad(pixels, margin)
        elif extra < 0:
            first = -extra // 2
            pixels = pixels.take(range(first, first + target), axis=axis)
    return pixels


def decode_window(clip: Clip, config: SampleConfig, start_s: float, end_s: float) -> Decoded:
    """Reads one window of a clip; what lies beyond `end_s` or the clip is zero and masked."""
    length_s = max(0.0, min(end_s, clip.duration_s) - start_s)
    length_s = min(length_s, config.window_s)
    grid = frame_grid(config)
    pixels = np.zeros((config.frames, config.height, config.width, 3), np.uint8)
    times = grid.astype(np.float32)
    inside = grid < length_s
    inside[0] = True  # a clip shorter than the first part still shows its first frame
    if clip.has_video:
        asked = start_s + np.minimum(grid[inside], max(length_s - 1e-3, 0.0))
        frames = clip.read_frames(asked, size=fitted(clip.size, config))
        pixels[inside] = place(frames.pixels, config)
        times[inside] = np.clip(frames.times_s - start_s, 0.0, config.window_s)
    wave = np.zeros(round(config.window_s * config.mel.rate), np.int16)
    if clip.has_audio and length_s > 0:
        sound = clip.audio(config.mel.rate, start_s, start_s + length_s)[: len(wave)]
        wave[: len(sound)] = np.round(sound * 32767)
    return Decoded(
        pixels,
        times,
        wave,
        max(length_s, 1e-3) if clip.has_video else 0.0,
        length_s if clip.has_audio else 0.0,
        start_s,
    )


def to_sample(decoded: Decoded, config: SampleConfig) -> Sample:
    """Bytes of one window -> tensors with masks."""
    pixels = torch.from_numpy(np.ascontiguousarray(decoded.pixels.transpose(0, 3, 1, 2)))
    video_mask = torch.from_numpy(decoded.pixel_times_s < decoded.video_s)
    video_mask[0] = decoded.video_s > 0
    wave = torch.from_numpy(decoded.wave.astype(np.float32) / 32767)
    mel = log_mel(wave.unsqueeze(0), config.mel)[0]  # (F, M)
    mel_times_s = torch.arange(len(mel)) * (config.mel.hop / config.mel.rate)
    return Sample(
        pixels,
        video_mask,
        torch.from_numpy(decoded.pixel_times_s.astype(np.float32)),
        mel,
        mel_times_s < decoded.audio_s,
        mel_times_s,
        *_faces(decoded, config),
        *_tokens(decoded, config),
        decoded.start_s,
    )


def _faces(decoded: Decoded, config: SampleConfig) -> tuple[Tensor, Tensor]:
    steps, side = len(decoded.pixels), config.face_size
    if decoded.faces is None:
        faces = torch.zeros(steps, config.people, 3, side, side, dtype=torch.uint8)
        return faces, torch.zeros(steps, config.people, dtype=torch.bool)
    faces = torch.from_numpy(np.ascontiguousarray(decoded.faces.transpose(0, 1, 4, 2, 3)))
    return faces, torch.from_numpy(decoded.face_mask) & (decoded.video_s > 0)


def _tokens(decoded: Decoded, config: SampleConfig) -> tuple[Tensor, Tensor]:
    length = config.text_length
    return torch.zeros(length, dtype=torch.int64), torch.zeros(length, dtype=torch.bool)
