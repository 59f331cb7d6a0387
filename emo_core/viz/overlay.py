"""Attributions over the pictures they are about: frames, and a film with sound."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from emo_core.attribution.timeline import in_space, to_timeline
from emo_core.clip import video_size
from emo_core.io.atomic import atomic_path
from emo_core.messages import ENGLISH, in_language, say, say_name
from emo_core.preprocess.sample import resize_size
from emo_core.viz.attribution import modality_strength, scale_of, smoothed

if TYPE_CHECKING:
    from emo_core.attribution.types import Attribution
    from emo_core.clip import Clip
    from emo_core.preprocess.sample import Sample, SampleConfig

ORANGE, BLUE = np.array([213, 94, 0]), np.array([0, 114, 178])  # Okabe and Ito 2008
BACK, INK = (24, 26, 30), (225, 228, 232)
SMOOTH = 0.03  # of the longer side
WIDTH, TALLEST, STRIP = 640, 1280, 132  # pixels; so wide that the legend can be read
SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)  # the font has no others
RATE, MOST_FPS = 44_100, 25


def heat(attribution: "Attribution") -> np.ndarray | None:
    """(T, H, W) in [-1, 1], one scale for all frames and the sound; None without a picture."""
    name = next((n for n in ("video", "faces") if n in attribution.maps), None)
    if name is None or not bool(attribution.maps[name].any()):
        return None
    values = smoothed(in_space(attribution, name).numpy(), SMOOTH)
    return (values / scale_of(values)).clip(-1, 1) * modality_strength(attribution, name)


def to_clip_frame(
    values: np.ndarray, size: tuple[int, int], clip_size: tuple[int, int], config: "SampleConfig"
) -> np.ndarray:
    """A map (H, W) of the sample's frame -> (h, w) over the clip's whole frame drawn at `size`.

    Undoes resizing and padding; what a crop cut off is zero. Sizes are (width, height).
    """
    scaled = resize_size(clip_size, config)
    across, wide = _overlap(scaled[0], config.width, size[0])
    down, high = _overlap(scaled[1], config.height, size[1])
    frame = np.zeros(size[::-1], np.float32)
    to = frame[high, wide]
    to[:] = cv2.resize(values[down, across].astype(np.float32), to.shape[::-1])
    return frame


def _overlap(scaled: int, target: int, drawn: int) -> tuple[slice, slice]:
    """What one axis of sample and clip share: where in the sample, and where in what is drawn.

    The clip's side is `scaled` in pixels of the sample's side `target`, and `drawn` in the film.
    """
    if scaled <= target:
        first = (target - scaled) // 2
        return slice(first, first + scaled), slice(0, drawn)
    first = (scaled - target) // 2
    left, right = (round(edge * drawn / scaled) for edge in (first, first + target))
    return slice(0, target), slice(min(left, drawn - 1), max(right, left + 1))


def blended(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 under (h, w) in [-1, 1]: orange raises, blue lowers, strong is opaque."""
    values = cv2.resize(values.astype(np.float32), picture.shape[1::-1])[..., None]
    opacity = 0.8 * np.abs(values) ** 0.7
    colour = np.where(values > 0, ORANGE, BLUE)
    grey = picture.mean(2, keepdims=True)  # so that colour means only one thing
    return (grey * (1 - opacity) + colour * opacity).round().astype(np.uint8)


def overlay_frames(
    attribution: "Attribution", sample: "Sample", most: int = 16
) -> list[tuple[np.ndarray, str]]:
    """Frames (or faces side by side) as the model got them under the heat, and their times."""
    values = heat(attribution)
    if values is None:
        return []
    if "video" in attribution.maps:
        pictures, seen = sample.video.permute(0, 2, 3, 1), sample.video_mask
    else:
        pictures = sample.faces.permute(0, 3, 1, 4, 2).flatten(2, 3)  # (T, h, P*w, 3)
        seen = sample.face_mask.any(-1)
    shown = seen.nonzero().flatten().tolist()
    chosen = np.unique(np.linspace(0, len(shown) - 1, min(most, len(shown))).round().astype(int))
    times_s = sample.start_s + sample.video_times_s
    return [
        (
            blended(pictures[at].numpy(), values[at]),
            say("{time_s:.2f} s", time_s=float(times_s[at])),
        )
        for at in (shown[i] for i in chosen)
    ]


def write_overlay(
    path: Path,
    clip: "Clip",
    attribution: "Attribution",
    config: "SampleConfig",
    language: str = ENGLISH,
) -> None:
    """The explained window as a film with sound, heat on it, and both importances below.

    Heat is that of the frame used nearest in time, at the place in the clip's frame that the model
    saw there. Where the model reads faces alone, frames stay plain and the strip below says when.
    config: of the checkpoint. language: of the words below. Raises ClipError where the clip has no
    picture.
    """
    start_s, end_s = attribution.span.start_s, min(attribution.span.end_s, clip.duration_s)
    size = _even(video_size(clip))
    fps = min(round(clip.fps or MOST_FPS), MOST_FPS) or MOST_FPS
    with atomic_path(path) as part, av.open(str(part), "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=fps)
        picture.width, picture.height, picture.pix_fmt = WIDTH, size[1] + STRIP, "yuv420p"
        picture.options = {"preset": "veryfast", "crf": "23"}
        sound = out.add_stream("aac", rate=RATE, layout="mono") if clip.has_audio else None
        strip = _strip(attribution, WIDTH, language)
        frames = _drawn(clip, attribution, config, size, (fps, end_s), strip)
        for number, pixels in enumerate(frames):
            image = av.VideoFrame.from_ndarray(pixels, "rgb24")
            image.pts, image.time_base = number, Fraction(1, fps)
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
        if sound is not None:
            _add_sound(out, sound, clip.audio(RATE, start_s, end_s))


def _drawn(
    clip: "Clip",
    attribution: "Attribution",
    config: "SampleConfig",
    size: tuple[int, int],
    timing: tuple[int, float],
    strip: np.ndarray,
) -> Iterator[np.ndarray]:
    """Every picture of the film; a second is read at a time, which bounds memory.

    timing: pictures a second, and where in the clip the film ends. strip: what stands below.
    """
    (fps, end_s), start_s = timing, attribution.span.start_s
    times_s = start_s + np.arange(max(1, round((end_s - start_s) * fps))) / fps
    values = heat_of_clip(clip, attribution, config, size, end_s)
    blocks_s = [times_s[first : first + fps] for first in range(0, len(times_s), fps)]
    for block_s, frames in zip(blocks_s, clip.read_in_turn(blocks_s, size), strict=True):
        for time_s, frame in zip(block_s, frames.pixels, strict=True):
            frame = frame if values is None else blended(frame, values(time_s))
            margin = (WIDTH - size[0]) // 2
            frame = np.pad(frame, ((0, 0), (margin, WIDTH - size[0] - margin), (0, 0)))
            yield np.concatenate([frame, _with_cursor(strip, attribution, time_s)])


def heat_of_clip(
    clip: "Clip",
    attribution: "Attribution",
    config: "SampleConfig",
    size: tuple[int, int],
    end_s: float,
) -> Callable[[float], np.ndarray] | None:
    """Heat (h, w) over the clip's frame at `size` by time in the clip; None where none is drawn.

    It is that of the frame used nearest in time; frames that the clip no longer has are passed by.
    """
    values = heat(attribution) if "video" in attribution.maps else None
    if values is None:
        return None
    used_s = attribution.times_s["video"].numpy()
    used_s = used_s[: max(1, int((used_s < end_s).sum()))]
    clip_size = video_size(clip)

    @lru_cache(maxsize=2)  # several pictures of a film share one
    def of_frame(index: int) -> np.ndarray:
        return to_clip_frame(values[index], size, clip_size, config)

    return lambda time_s: of_frame(int(np.abs(used_s - time_s).argmin()))


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """At most WIDTH by TALLEST pixels; sides that H.264 takes."""
    scale = min(WIDTH / size[0], TALLEST / size[1])
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


LEFT, RIGHT = 74, 10  # pixels of the strip beside the bars


def _strip(attribution: "Attribution", width: int, language: str) -> np.ndarray:
    """(STRIP, width, 3): what was explained, the colour scale, picture and sound over time."""
    image = np.full((STRIP, width, 3), BACK, np.uint8)
    about = {"method": say_name(attribution.method), "target": attribution.target}
    title = say("{method}: {target} (score)", **about)
    if not attribution.signed:
        title = say("{method}: {target} (score, strength only)", **about)
    _write(image, in_language(title, language), (8, 18))
    _legend(image, attribution.signed, language)
    clock = to_timeline(attribution, 40)
    parts = [(say("picture"), clock.picture), (say("sound"), clock.sound)]
    rows = [(name, values.numpy()) for name, values in parts if values is not None]
    most = max(float(np.abs(values).max()) for _, values in rows) or 1.0
    for row, (name, values) in enumerate(rows):
        middle = 60 + 46 * row
        _write(image, in_language(name, language), (8, middle + 5))
        edges = np.linspace(LEFT, width - RIGHT, len(values) + 1).round().astype(int)
        for left, right, value in zip(edges, edges[1:], values / most, strict=False):
            colour = ORANGE if value > 0 else BLUE
            top, bottom = sorted((middle, middle - round(20 * float(value))))
            image[top : bottom + 1, left : right - 1] = colour
        image[middle, LEFT : width - RIGHT] = (120, 124, 130)
    return image


def _legend(image: np.ndarray, signed: bool, language: str) -> None:
    """The colour scale, from what lowers to what raises."""
    right = image.shape[1] - RIGHT
    words = (say("lowers"), say("raises")) if signed else ("", say("matters"))
    words = in_language(words, language)
    _write(image, words[0], (right - 262, 18))
    _write(image, words[1], (right - 56, 18))
    scale = np.linspace(-1 if signed else 0, 1, 130)[None]
    patch = np.full((12, 130, 3), 150, np.uint8)
    image[8:20, right - 200 : right - 70] = blended(patch, np.repeat(scale, 12, 0))


def _with_cursor(strip: np.ndarray, attribution: "Attribution", time_s: float) -> np.ndarray:
    start_s, end_s = attribution.span
    along = (time_s - start_s) / max(end_s - start_s, 1e-6)
    at = LEFT + round(along * (strip.shape[1] - LEFT - RIGHT - 1))
    image = strip.copy()
    image[36:, at : at + 2] = INK
    return image


def _write(image: np.ndarray, text: str, at: tuple[int, int]) -> None:
    plain = text.translate(SPELLED).encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)


def _add_sound(out: av.container.OutputContainer, stream: av.AudioStream, wave: np.ndarray) -> None:
    for start in range(0, len(wave), 1024):  # samples of one AAC frame
        piece = np.ascontiguousarray(wave[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
