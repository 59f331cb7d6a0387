"""JMT's windows of an Aff-Wild2 video and the faces and sound that fill one.

A window has 16 tokens, each of 32 frames and 8 images. Frames are numbered from 1, as their files
are. Source: docs/papers/jmt.md#windows.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import DirEntry, scandir
from pathlib import Path

import av
import cv2
import numpy as np

from emo_core.clip import ClipError, load_clip
from emo_core.data.cache import Cache
from emo_core.data.corpus import Item
from emo_core.data.dataset import key_digest
from emo_core.data.image_sequence import read_image
from emo_core.preprocess.sample import DecodedWindow, SampleConfig, pad_or_crop, resize_size

TOKENS = 16  # of a window
SPAN = 32  # frames of a token
IMAGES = 8  # of a token
BLOCK = TOKENS * SPAN  # frames that 32 windows predict together, each another phase


@dataclass(frozen=True)
class Token:
    """A stretch of video; its label and prediction belong to its last frame."""

    frames: range  # those of its 32 that the video has
    predicts: int | None  # frame number; None where the video is over


@dataclass(frozen=True)
class TokenGroup:
    """One input of the model."""

    tokens: tuple[Token, ...]

    def trains(self, labelled: Collection[int]) -> bool:
        """Whether the authors train on it: it ends in the video, every token has a labelled frame.

        labelled: numbers of the frames with a valid label; a set answers fastest.
        """
        if self.tokens[-1].predicts is None:
            return False
        return all(any(frame in labelled for frame in token.frames) for token in self.tokens)


def token_windows(frames: int) -> Iterator[TokenGroup]:
    """The windows of a video of that many frames: every frame is predicted exactly once.

    A block of 512 frames is read in 32 phases. The tokens of phase p end at its frames 1 + p,
    33 + p, ...; the first token of a video starts before it, with frames that do not exist.
    """
    for block in range(0, frames, BLOCK):
        for first in range(block + 1, min(block + SPAN, frames) + 1):
            yield TokenGroup(tuple(_token(first + SPAN * i, frames) for i in range(TOKENS)))


def _token(last: int, frames: int) -> Token:
    here = range(max(last - SPAN, 0) + 1, min(last, frames) + 1)
    return Token(here, last if last <= frames else None)


def pick_images(labelled: Sequence[int]) -> list[int]:
    """The 8 frames that show a token, of its labelled frames in order; [] where there are none.

    Of n < 8 the last is repeated; else every (n // 8)-th, counted back from the last.
    """
    if not labelled:
        return []
    if len(labelled) < IMAGES:
        return [*labelled, *[labelled[-1]] * (IMAGES - len(labelled))]
    step = len(labelled) // IMAGES
    return list(labelled[::-1][: IMAGES * step : step][::-1])


OTHER_FACE = 2_000_000  # frames: the second face of a video is not a continuation of the first
DEFAULT_FPS = 30.0  # frames a second where there is no raw video to ask


@dataclass(frozen=True)
class FaceWindow:
    """16 tokens of 32 frames; the i-th sixteenth of the window is token i's, and ends with it.

    At 30 frames a second and windows of 512 / 30 s that is the video's own clock. At other rates
    a token's sound is cut at its start or padded there with zeros, as the authors pad
    (docs/papers/jmt.md#spectrogram).
    """

    name: str
    folder: Path  # of the pictures
    images: str  # digest of what they are, see `images_key`
    raw: Path | None  # the video, for its sound and the times of its frames
    picks: np.ndarray  # (16, 8) int32 numbers of the frames that are seen; 0 = none
    ends: np.ndarray  # (16,) int32 number of the frame each token predicts; 0 = the video is over
    target: np.ndarray  # (16, 3) float32: valence, arousal (NaN = not valid) and place of `ends`
    group: str
    regime = None
    processes = False

    def key(self, cache: Cache) -> str:
        """By the sizes and times of the pictures: reading three million of them takes hours."""
        return key_digest(self.folder.resolve(), self.images, *self._shown(cache))

    def content(self, cache: Cache) -> str:
        """What is known of it wherever it lies; a copy of a picture has other times."""
        return key_digest(*self._shown(cache))

    def _shown(self, cache: Cache) -> tuple[object, ...]:
        raw = cache.key(self.raw) if self.raw else ""
        return raw, *self.picks.flat, *self.ends

    def decode(self, config: SampleConfig) -> DecodedWindow:
        """Faces at the places of the tokens; raises ClipError where a picture can't be read."""
        shown = self._frame_numbers(config)
        times_s = video_frame_times(self.raw) if self.raw else np.arange(2) / DEFAULT_FPS
        pixels, faces = self._read_images(config, shown)
        wave = self._wave(config, times_s)
        found = np.zeros(faces.shape[:2], bool)
        found[:, :1] = (shown > 0)[:, None]
        return DecodedWindow(
            pixels,
            self._clock(config, shown, times_s),
            np.zeros(round(config.window_s * config.mel.rate), np.int16) if wave is None else wave,
            config.window_s if shown.any() else 0.0,
            0.0 if wave is None else config.window_s,
            faces=faces if config.people else None,
            face_mask=found if config.people else None,
        )

    def _frame_numbers(self, config: SampleConfig) -> np.ndarray:
        """(T,) frame numbers: of a token's 8 the last, every other, ... as many as fit."""
        if config.frames not in [TOKENS * count for count in (1, 2, 4, 8)]:
            raise ClipError(
                "{name}: {frames} frames a window; expected 16, 32, 64 or 128, for {tokens} "
                "tokens of 1 to {images} pictures; change sample.frames.",
                name=self.name,
                frames=config.frames,
                tokens=TOKENS,
                images=IMAGES,
            )
        step = TOKENS * IMAGES // config.frames
        return self.picks[:, ::-step][:, ::-1].reshape(-1)

    def _read_images(
        self, config: SampleConfig, shown: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        side = config.face_size
        pixels = np.zeros((len(shown), config.height, config.width, 3), np.uint8)
        faces = np.zeros((len(shown), config.people, side, side, 3), np.uint8)
        for row, number in enumerate(shown):
            if number:
                image = read_image(self.folder / f"{number:05d}.jpg")
                size = resize_size(image.shape[1::-1], config)
                pixels[row] = pad_or_crop(cv2.resize(image, size)[None], config)[0]
                faces[row, :1] = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return pixels, faces

    def _clock(self, config: SampleConfig, shown: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """(T,) time of each picture in the window; pictures that are missing stand at its end."""
        share_s = config.window_s / TOKENS
        numbers = shown.reshape(TOKENS, -1)
        ends = np.where(self.ends > 0, self.ends, numbers.max(1, initial=0))
        before_s = target_moments(times_s, ends + 1)[:, None] - target_moments(times_s, numbers)
        before_s = np.clip(
            before_s, 1e-3, share_s
        )  # at a low rate the early ones stand at the start
        seen_s = (np.arange(TOKENS)[:, None] + 1) * share_s - before_s
        return np.where(numbers > 0, seen_s, config.window_s).reshape(-1).astype(np.float32)

    def _wave(self, config: SampleConfig, times_s: np.ndarray) -> np.ndarray | None:
        """(S,) int16: for each token the sound of its 32 frames; None = there is none."""
        clip = load_clip(self.raw) if self.raw else None
        if clip is None or not clip.has_audio:
            return None
        rate = config.mel.rate
        wave = np.zeros(round(config.window_s * rate), np.int16)
        share = len(wave) // TOKENS
        tokens = np.flatnonzero(self.ends)
        last_s = target_moments(times_s, self.ends[tokens] + 1)
        first_s = target_moments(times_s, np.maximum(self.ends[tokens] - SPAN + 1, 1))
        heard = clip.audio(rate, first_s.min(), last_s.max())
        for token, start, stop in zip(
            tokens,
            np.round((first_s - first_s.min()) * rate).astype(int),
            np.round((last_s - first_s.min()) * rate).astype(int),
            strict=True,
        ):
            part = heard[start:stop][-share:]
            end = (token + 1) * share
            wave[end - len(part) : end] = np.round(part * 32767)
        return wave


def face_windows(
    item: Item, folder: Path, seen: Sequence[int], values: np.ndarray | None
) -> list[FaceWindow]:
    """The windows of one face. seen: numbers of its pictures, in order; values: (n, 2) or None.

    Rows and pictures meet by frame number. For training, pictures without a valid label are left
    out, and so is a window with an empty token.
    """
    frames = len(values) if values is not None else max(seen, default=0)
    values = np.full((frames, 2), np.nan, np.float32) if values is None else values
    usable = {number for number in seen if number <= frames}
    if item.split == "train":
        usable &= set((np.flatnonzero(~np.isnan(values).any(1)) + 1).tolist())
    raw = None if item.path == folder else item.path
    images_digest = images_key(folder)
    made = []
    for index, window in enumerate(token_windows(frames)):
        if item.split == "train" and not window.trains(usable):
            continue
        found = [pick_images([n for n in t.frames if n in usable]) for t in window.tokens]
        picks = np.array([row or [0] * IMAGES for row in found], np.int32)
        ends = np.array([token.predicts or 0 for token in window.tokens], np.int32)
        target = np.full((TOKENS, 3), np.nan, np.float32)
        target[ends > 0, :2] = values[ends[ends > 0] - 1]
        target[ends > 0, 2] = ends[ends > 0] + OTHER_FACE * item.name.endswith("_right")
        name = f"{item.name}#{index}"
        made.append(FaceWindow(name, folder, images_digest, raw, picks, ends, target, item.group))
    return made


def images_key(folder: Path) -> str:
    """Digest of name, size and times of change of every picture; asked once a face and reading."""
    if not folder.is_dir():
        return ""
    with scandir(folder) as entries:
        return key_digest(
            *sorted(_facts(entry) for entry in entries if entry.name.endswith(".jpg"))
        )


def _facts(entry: DirEntry) -> tuple:
    try:
        status = entry.stat()
    except OSError:
        return (entry.name,)  # a link to nothing: decoding it says so
    return entry.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def target_moments(times_s: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """When frames of these numbers (from 1) are shown; beyond the last at the usual step."""
    index = np.maximum(numbers - 1, 0)
    inside = np.minimum(index, len(times_s) - 1)
    step_s = np.median(np.diff(times_s)) if len(times_s) > 1 else 1 / DEFAULT_FPS
    return times_s[inside] + (index - inside) * step_s


@lru_cache(maxsize=64)
def video_frame_times(path: Path) -> np.ndarray:
    """(n,) when each frame of a video is shown, on its clip's clock; nothing is decoded but one.

    Frame rates differ between the videos and change within some (docs/papers/jmt.md#aff-wild2).
    """
    first_s = load_clip(path).read_frames([0.0], size=(16, 16)).times_s[0]
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams.video[0]
            packets = [p.dts if p.pts is None else p.pts for p in container.demux(stream)]
            assert stream.time_base is not None  # an opened file's streams have one
            tick_s = float(stream.time_base)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise ClipError(
            "{name}: the times of its frames can't be read ({error}); copy it again.",
            name=path.name,
            error=error,
        ) from error
    times_s = np.sort(np.array([pts for pts in packets if pts is not None], np.float64)) * tick_s
    return first_s + times_s - times_s[0] if len(times_s) else np.array([first_s])
