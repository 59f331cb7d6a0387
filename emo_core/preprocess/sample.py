"""Clip -> Sample: the one path from a file to what a model sees, for training, app and notebooks.

A clip is cut into windows; a window is decoded once to bytes (`DecodedWindow`, the content of the
cache) and turned into a `Sample` of tensors: frames, faces, log-mel, and tokens of the transcript.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from itertools import repeat
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from emo_core.clip import Clip, DecodedFrames, Recording, video_size
from emo_core.errors import EmoError
from emo_core.faces.tracking import (
    Follow,
    crop_faces,
    detection_size,
    eyes_of,
    largest,
    track_faces,
)
from emo_core.io.environment import offline
from emo_core.preprocess.log_mel import PANNS, MelConfig, log_mel
from emo_core.ranges import Count, CountOrNone, Positive

# The whole image with black bars; its middle, which fills the frame; or all images brought to one
# shape, of which the middle is taken, as weights of Kinetics know them (docs/papers/group.md#a3).
# The others are those of published backbones, equal to their own library (see PublishedResize).
RESIZE_MODES = ("pad", "crop", "stretch_crop", "clip", "siglip2", "dinov2", "kinetics")
KINETICS_SHARES = (171 / 112, 128 / 112)  # of the frame's width and height: size before the crop


@dataclass(frozen=True)
class PublishedResize:
    """How a backbone's own library brings frames to its input, from their full size on."""

    short_side: float = 1.0  # of the input's, before its middle is taken; 0 = both sides stretched
    bicubic: bool = True
    antialias: bool = True
    round_half: bool = False  # the crop starts at a rounded half pixel, else at the one before


PUBLISHED_RESIZES = {
    "clip": PublishedResize(),  # transformers' CLIPImageProcessor
    "siglip2": PublishedResize(0.0, bicubic=False),  # its SiglipImageProcessor
    "dinov2": PublishedResize(256 / 224),  # its BitImageProcessor
    "kinetics": PublishedResize(  # torchvision's VideoClassification
        256 / 224, bicubic=False, antialias=False, round_half=True
    ),
}
TAIL = 0.1  # windows; a tail shorter than this is left unread instead of making a window of its own


@dataclass(frozen=True)
class SampleConfig:
    """How a window of a clip becomes tensors; travels in the checkpoint. Defaults: pocket size."""

    window_s: Positive = 5.0
    frames: Count = 16
    width: Count = 96  # pixels
    height: Count = 72  # pixels
    resize_mode: str = "pad"  # one of RESIZE_MODES
    people: CountOrNone = 0  # faces kept a frame, of the largest tracks; 0 = no face detection
    face_size: CountOrNone = 48  # pixels, height and width of a face; 0 = not cut: see face_eyes
    face_every: Count = 1  # one frame in so many is searched for faces, followed between
    text_length: CountOrNone = 0  # tokens kept of the transcript; 0 = it is not read
    tokenizer: str = "bytes"  # or a name that transformers knows, "albert-base-v2"
    wave: bool = False  # the waveform is kept beside its log-mel, for towers that read it
    mel: MelConfig = field(default_factory=MelConfig)

    @property
    def window_bytes(self) -> float:
        """About what one window takes at most: pictures, faces, tokens, sound, its transform."""
        faces = self.people * max(self.face_size, 1) ** 2
        seen = self.frames * 3 * (self.width * self.height + faces)
        heard = self.window_s * self.mel.rate
        transform = max(self.mel.fft, self.mel.window) + self.mel.bands
        filters = max(self.mel.fft, self.mel.window) * self.mel.bands
        return seen + 8 * self.text_length + 4 * (heard * (1 + transform / self.mel.hop) + filters)

    def as_dict(self) -> dict:
        """Plain values for a config file; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "SampleConfig":
        return cls(**{**values, "mel": MelConfig(**values["mel"])})


# docs/papers/group.md#a2, #a3, #a6, #a7
PAPER = SampleConfig(frames=32, width=112, height=112, resize_mode="stretch_crop", mel=PANNS)


Listen = Callable[[int, float, float], np.ndarray]  # Hz, start and end in s -> (S,) float32


@dataclass(frozen=True)
class DecodedWindow:
    """One window as bytes: what the cache keeps and what augmentation may change."""

    pixels: np.ndarray  # (T, H, W, 3) uint8
    pixel_times_s: np.ndarray  # (T,) float32, really decoded, from the start of the window
    wave: np.ndarray  # (S,) int16
    video_s: float  # seconds of the window that have a picture; 0 = no picture at all
    audio_s: float  # seconds of the window that the clip covers; 0 = no sound track
    start_s: float = 0.0  # where the window starts in the clip
    faces: np.ndarray | None = None  # (T, P, h, w, 3) uint8; None = not detected
    face_mask: np.ndarray | None = None  # (T, P) bool, True where that person's face was found
    face_boxes: np.ndarray | None = None  # (T, P, 4) left, top, right, bottom; 0 to 1 of the frame
    text: str = ""  # what is said in the window; "" = no transcript
    face_eyes: np.ndarray | None = None  # (T, P, 4) x, y of both eyes; 0 to 1 of `pixels`


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
    face_eyes: Tensor | None = (
        None  # (T, P, 4) both eyes x, y, 0 to 1 of video; where face_size = 0
    )
    wave: Tensor | None = None  # (S,) float32, -1 to 1, at the mel's rate; where config.wave


def window_spans(
    duration_s: float, window_s: float, most: int | None = None
) -> list[tuple[float, float]]:
    """Cut a clip into equal windows without gaps: (start_s, end_s) each, in order.

    A clip of up to 1.1 windows is one. Where more than `most` would be needed, `most` windows of
    full length are spread evenly instead, and the time between them is not read.
    """
    count = max(1, math.ceil(duration_s / window_s - TAIL))
    if most is not None and count > most:
        starts = np.linspace(0, duration_s - window_s, most) if most > 1 else [0.0]
        return [(float(start), float(start) + window_s) for start in starts]
    edges = np.linspace(0, duration_s, count + 1)
    return [(float(a), float(b)) for a, b in zip(edges, edges[1:], strict=False)]


def frame_times(config: SampleConfig) -> np.ndarray:
    """The moments a window is looked at: centres of T equal parts, seconds. (T,) float64."""
    return (np.arange(config.frames) + 0.5) * config.window_s / config.frames


def resize_size(size: tuple[int, int], config: SampleConfig) -> tuple[int, int]:
    """(width, height) to scale a picture of `size` to, before padding or cropping."""
    if config.resize_mode == "stretch_crop":
        wide, high = KINETICS_SHARES
        return round(config.width * wide), round(config.height * high)
    if published := PUBLISHED_RESIZES.get(config.resize_mode):
        if not published.short_side:
            return config.width, config.height
        wide, high = (round(published.short_side * n) for n in (config.width, config.height))
        if wide * size[1] >= high * size[0]:  # the frame's width decides
            return wide, max(int(wide * size[1] / size[0]), config.height)
        return max(int(high * size[0] / size[1]), config.width), high
    scales = config.width / size[0], config.height / size[1]
    scale = min(scales) if config.resize_mode == "pad" else max(scales)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def pad_or_crop(pixels: np.ndarray, config: SampleConfig) -> np.ndarray:
    """Pad with black or crops, centred: (T, h, w, 3) -> (T, height, width, 3)."""
    for axis, target in ((1, config.height), (2, config.width)):
        extra = target - pixels.shape[axis]
        if extra > 0:
            margin = [(0, 0)] * 4
            margin[axis] = (extra // 2, extra - extra // 2)
            pixels = np.pad(pixels, margin)
        elif extra < 0:
            first = crop_start(-extra, config)
            pixels = pixels.take(range(first, first + target), axis=axis)
    return pixels


def crop_start(extra: int, config: SampleConfig) -> int:
    """The first of the pixels that are kept where `extra` of them are too many."""
    published = PUBLISHED_RESIZES.get(config.resize_mode)
    return round(extra / 2) if published and published.round_half else extra // 2


def read_size(size: tuple[int, int], config: SampleConfig) -> tuple[int, int]:
    """(width, height) at which frames of `size` are read: large enough to find faces if asked.

    Published backbones resize full frames.
    """
    if config.resize_mode in PUBLISHED_RESIZES:
        return size
    if not config.people:
        return resize_size(size, config)
    return max(detection_size(size), resize_size(size, config))


def resize_frames(
    frames: np.ndarray, size: tuple[int, int], resize_mode: str = "pad"
) -> np.ndarray:
    """Frames (T, h, w, 3) at another (width, height); interpolated as `resize_mode` says."""
    if frames.shape[2:0:-1] == size or not len(frames):
        return frames
    if published := PUBLISHED_RESIZES.get(resize_mode):
        return _resize_as_published(frames, size, published)
    shrinks = size[0] < frames.shape[2] or size[1] < frames.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])


def _resize_as_published(
    frames: np.ndarray, size: tuple[int, int], how: PublishedResize
) -> np.ndarray:
    """As the library does, which rounds to bytes before it normalises.

    torchvision's presets interpolate in float; its newer resize, that of transformers, in bytes.
    """
    from torchvision.transforms import InterpolationMode, functional  # takes a second to import
    from torchvision.transforms.v2 import functional as newer

    mode = InterpolationMode.BICUBIC if how.bicubic else InterpolationMode.BILINEAR
    planes = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
    resize = newer.resize if how.antialias else functional.resize
    resized = resize(planes, list(size[::-1]), mode, antialias=how.antialias)
    return resized.numpy().transpose(0, 2, 3, 1)


def to_sample_points(points: np.ndarray, size: tuple[int, int], config: SampleConfig) -> np.ndarray:
    """Pairs x, y (..., 2 * n) in shares of a picture of `size` -> of the sample's padded frame."""
    scaled, margin, whole = _placement(size, config, points.shape[-1] // 2)
    return ((points * scaled + margin) / whole).astype(np.float32)


def to_picture_points(
    points: np.ndarray, size: tuple[int, int], config: SampleConfig
) -> np.ndarray:
    """The inverse of `to_sample_points`."""
    scaled, margin, whole = _placement(size, config, points.shape[-1] // 2)
    return ((points * whole - margin) / scaled).astype(np.float32)


def _placement(
    size: tuple[int, int], config: SampleConfig, pairs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Size of the scaled picture, where it starts, size of the frame: pixels, (2 * pairs,) each."""
    scaled, whole = np.array(resize_size(size, config)), np.array([config.width, config.height])
    extra = scaled - whole  # where it is negative the picture is padded
    margin = np.array([-crop_start(n, config) if n > 0 else -n // 2 for n in extra.tolist()])
    return np.tile(scaled, pairs), np.tile(margin, pairs), np.tile(whole, pairs)


def face_fields(
    frames: np.ndarray, times_s: np.ndarray, shown: np.ndarray, config: SampleConfig, follow: Follow
) -> dict[str, Any]:
    """The face fields of `DecodedWindow`, {} where no model needs them.

    frames (n, H, W, 3) at times_s (n,) stand where `shown` (T,) is True.
    """
    if not config.people:
        return {}
    steps, people, side = len(shown), config.people, config.face_size
    faces = np.zeros((steps, people, side, side, 3), np.uint8)
    mask, boxes = np.zeros((steps, people), bool), np.zeros((steps, people, 4), np.float32)
    eyes = np.zeros((steps, people, 4), np.float32)
    if len(frames):
        tracks = largest(follow(frames, times_s), people)
        mask[shown], boxes[shown] = tracks.mask, tracks.boxes.clip(0, 1)
        if side:
            faces[shown] = crop_faces(frames, tracks, side)
        else:
            size = frames.shape[2], frames.shape[1]
            points = to_sample_points(eyes_of(tracks, size), size, config)
            eyes[shown] = points * tracks.mask[..., None]
    fields = {"faces": faces, "face_mask": mask, "face_boxes": boxes}
    return fields if side else {**fields, "face_eyes": eyes}


def decode_window(
    clip: Recording,
    config: SampleConfig,
    start_s: float,
    end_s: float,
    follow: Follow | None = None,
) -> DecodedWindow:
    """Read one window of a clip; what lies beyond `end_s` or the clip is zero and masked.

    Frames are read once: faces are looked for in them before they are scaled, by `follow` or, as
    `config` says, by `track_faces`.
    """
    asked_s = _read_times(clip, config, start_s, end_s)
    size = read_size(video_size(clip), config) if clip.has_video else None
    frames = clip.read_frames(asked_s, size=size) if clip.has_video else None
    return _assemble(clip, config, start_s, end_s, frames, follow)


def decode_windows(
    clip: Clip,
    config: SampleConfig,
    spans: list[tuple[float, float]],
    follow: Follow | None = None,
    listen: Listen | None = None,
) -> Iterator[DecodedWindow]:
    """`decode_window` for windows that follow each other, the picture decoded in one go.

    listen: reads their sound; None = `clip.audio`.
    """
    frames: Iterator[DecodedFrames | None] = repeat(None)
    if clip.has_video:
        asked = [_read_times(clip, config, *span) for span in spans]
        frames = clip.read_in_turn(asked, read_size(video_size(clip), config))
    for span in spans:
        yield _assemble(clip, config, *span, next(frames), follow, listen)


def _length(clip: Recording, config: SampleConfig, start_s: float, end_s: float) -> float:
    """Seconds of a window that are read."""
    return min(max(0.0, min(end_s, clip.duration_s) - start_s), config.window_s)


def _frame_mask(config: SampleConfig, length_s: float) -> np.ndarray:
    """Which moments of the grid have a frame: (T,) bool."""
    inside = frame_times(config) < length_s
    inside[0] = True  # a clip shorter than the first part still shows its first frame
    return inside


def _read_times(clip: Recording, config: SampleConfig, start_s: float, end_s: float) -> np.ndarray:
    """The moments of the clip at which a window's frames are read."""
    length_s = _length(clip, config, start_s, end_s)
    grid = frame_times(config)[_frame_mask(config, length_s)]
    return start_s + np.minimum(grid, max(length_s - 1e-3, 0.0))


def _assemble(
    clip: Recording,
    config: SampleConfig,
    start_s: float,
    end_s: float,
    frames: DecodedFrames | None,
    follow: Follow | None,
    listen: Listen | None = None,
) -> DecodedWindow:
    """A window whose frames, if it has any, have been read; its sound is read here."""
    length_s = _length(clip, config, start_s, end_s)
    inside, grid = _frame_mask(config, length_s), frame_times(config)
    pixels = np.zeros((config.frames, config.height, config.width, 3), np.uint8)
    times = grid.astype(np.float32)
    if frames is None:
        frames = DecodedFrames(pixels[:0], grid[:0])
    else:
        size = resize_size(video_size(clip), config)
        resized = resize_frames(frames.pixels, size, config.resize_mode)
        pixels[inside] = pad_or_crop(resized, config)
        times[inside] = np.clip(frames.times_s - start_s, 0.0, config.window_s)
    follow = follow or partial(track_faces, every=config.face_every)
    wave = np.zeros(round(config.window_s * config.mel.rate), np.int16)
    if clip.has_audio and length_s > 0:
        audio = (listen or clip.audio)(config.mel.rate, start_s, start_s + length_s)[: len(wave)]
        wave[: len(audio)] = np.round(audio * 32767)
    return DecodedWindow(
        pixels,
        times,
        wave,
        max(length_s, 1e-3) if clip.has_video else 0.0,
        length_s if clip.has_audio else 0.0,
        start_s,
        **face_fields(frames.pixels, frames.times_s, inside, config, follow),
        text=(clip.text or "") if config.text_length else "",
    )


def to_sample(decoded: DecodedWindow, config: SampleConfig) -> Sample:
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
        *_faces(decoded, video_mask, config),
        *tokens_of(decoded.text, config.text_length, config.tokenizer),
        decoded.start_s,
        _eyes(decoded, config),
        wave if config.wave else None,
    )


def blank_sample(config: SampleConfig) -> Sample:
    """A window of black pictures, black faces and silence, of the shapes that every window has."""
    steps, people, side = config.frames, config.people, config.face_size
    window = DecodedWindow(
        np.zeros((steps, config.height, config.width, 3), np.uint8),
        frame_times(config).astype(np.float32),
        np.zeros(round(config.window_s * config.mel.rate), np.int16),
        config.window_s,
        config.window_s,
        faces=np.zeros((steps, people, side, side, 3), np.uint8),
        face_mask=np.ones((steps, people), bool),
        face_eyes=np.tile(np.array([0.4, 0.4, 0.6, 0.4], np.float32), (steps, people, 1)),
    )
    return to_sample(window, config)


def _eyes(decoded: DecodedWindow, config: SampleConfig) -> Tensor | None:
    """Where faces are to be taken from the frames; None where they are cut out already."""
    if config.face_size or not config.people:
        return None
    if decoded.face_eyes is None:
        return torch.zeros(len(decoded.pixels), config.people, 4)
    return torch.tensor(decoded.face_eyes)


def _faces(decoded: DecodedWindow, shown: Tensor, config: SampleConfig) -> tuple[Tensor, Tensor]:
    steps, side = len(decoded.pixels), config.face_size
    faces = torch.zeros(steps, config.people, 3, side, side, dtype=torch.uint8)
    if decoded.face_mask is None:
        return faces, torch.zeros(steps, config.people, dtype=torch.bool)
    if decoded.faces is not None and side:
        faces = torch.from_numpy(np.ascontiguousarray(decoded.faces.transpose(0, 1, 4, 2, 3)))
    return faces, torch.tensor(decoded.face_mask) & shown.unsqueeze(-1)


CLS, FIRST = 1, 2  # of the byte tokenizer: byte b is token FIRST + b, padding is 0
BYTES = "bytes"


class TextError(EmoError):
    """A transcript that can't become tokens; the message says what to install or to choose."""


def tokens_of(text: str, length: int, tokenizer: str = BYTES) -> tuple[Tensor, Tensor]:
    """Tokens (L,) int64 and their mask (L,) bool; the rest of the text is cut off.

    The first token stands for the whole text (CLS); without any text nothing is real.
    tokenizer: "bytes", or a name that transformers knows. Raises TextError.
    """
    tokens = torch.zeros(length, dtype=torch.int64)
    if not text.strip() or not length:
        return tokens, torch.zeros(length, dtype=torch.bool)
    if tokenizer == BYTES:
        ids = [CLS, *(FIRST + byte for byte in text.encode("utf-8", "replace"))][:length]
    else:
        ids = _load_tokenizer(tokenizer)(text, truncation=True, max_length=length)["input_ids"]
    tokens[: len(ids)] = torch.tensor(ids)
    return tokens, torch.arange(length) < len(ids)


@lru_cache(maxsize=2)
def _load_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer  # takes seconds
    except ImportError as error:
        raise TextError(
            "the tokenizer {name!r} needs the package transformers, which is not installed; "
            "install it, or choose a model that reads bytes.",
            name=name,
        ) from error
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=offline())
    except (OSError, ValueError, ImportError) as error:
        raise TextError(
            "the files of the tokenizer {name!r} can't be had ({splitlines}); expected them in "
            "the hub's cache folder; fetch them once online.",
            name=name,
            splitlines=str(error).splitlines()[0],
        ) from error
