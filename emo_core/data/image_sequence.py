"""A folder of numbered pictures with a sound file beside them, read by time like a Clip."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emo_core.clip import Clip, ClipError, DecodedFrames, load_clip


def read_image(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """One picture file: (H, W, 3) uint8 RGB, resized to `size` (width, height) if given.

    Raises ClipError where it can't be read.
    """
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        pixels = None
    if pixels is None:
        raise ClipError(
            "{name}/{path_name}: can't be read; expected a picture; copy it again.",
            name=path.parent.name,
            path_name=path.name,
        )
    if size is not None and size != pixels.shape[1::-1]:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(pixels[..., ::-1])


def image_number(path: Path) -> int:
    """The number a picture's name ends with ("image_L_12.jpg" -> 12); -1 where there is none."""
    digits = re.search(r"(\d+)$", path.stem)
    return int(digits[1]) if digits else -1


@dataclass(frozen=True)
class ImageSequence:
    """Pictures shown at a constant rate, with sound. Made by `load_image_sequence`."""

    path: Path
    images: tuple[Path, ...]
    fps: float
    size: tuple[int, int]  # (width, height)
    audio_clip: Clip | None
    text: str = ""  # what is said
    has_video = True

    @property
    def has_audio(self) -> bool:
        return self.audio_clip is not None and self.audio_clip.has_audio

    @property
    def duration_s(self) -> float:
        return len(self.images) / self.fps

    def frames(self, times_s: Iterable[float]) -> np.ndarray:
        """The pictures on display at these times, (T, H, W, 3) uint8 RGB."""
        return self.read_frames(times_s).pixels

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        """As Clip.read_frames: before the first picture the first, after the last the last."""
        asked = np.floor(np.asarray(list(times_s), np.float64) * self.fps + 1e-6).astype(int)
        rows = np.clip(asked, 0, len(self.images) - 1)
        images_by_row = {row: read_image(self.images[row], size or self.size) for row in set(rows)}
        return DecodedFrames(np.stack([images_by_row[row] for row in rows]), rows / self.fps)

    def read_in_turn(
        self, stretches: Iterable[Iterable[float]], size: tuple[int, int] | None = None
    ) -> Iterator[DecodedFrames]:
        """As Clip.read_in_turn; pictures are files, so that any order does."""
        return (self.read_frames(times_s, size) for times_s in stretches)

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """As Clip.audio: (S,) float32 in [-1, 1], zeros where there is no sound."""
        end_s = self.duration_s if end_s is None else end_s
        if self.audio_clip is None:
            return np.zeros(round((end_s - start_s) * rate), np.float32)
        return self.audio_clip.audio(rate, start_s, end_s)


def load_image_sequence(
    folder: Path, fps: float, prefix: str = "", audio_name: str = "audio.wav"
) -> ImageSequence:
    """The pictures of a folder whose names start with `prefix`, in the order of their numbers.

    Raises ClipError where there are none, or the first one can't be read.
    """
    found = [path for path in folder.glob(f"{prefix}*.jpg") if not path.name.startswith(".")]
    if not found:
        raise ClipError(
            "{name}: no picture {prefix}*.jpg in this folder; expected at least one; copy the "
            "folder again.",
            name=folder.name,
            prefix=prefix,
        )
    images = tuple(sorted(found, key=lambda path: (image_number(path), path.name)))
    height, width = read_image(images[0]).shape[:2]
    audio_clip = load_clip(folder / audio_name) if (folder / audio_name).is_file() else None
    return ImageSequence(folder, images, fps, (width, height), audio_clip)
