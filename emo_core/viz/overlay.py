"""Attributions over the pictures they are about: frames, and a film with sound."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from emo_core.attribution.timeline import in_space, to_timeline
from emo_core.clip import video_size
from emo_core.io.atomic import atomic_path
from emo_core.viz.attribution import scale_of, smoothed

if TYPE_CHECKING:
    from emo_core.attribution.types import Attribution
    from emo_core.clip import Clip
    from emo_core.preprocess.sample import Sample

ORANGE, BLUE = np.array([213, 94, 0]), np.array([0, 114, 178])  # Okabe and Ito 2008
BACK, INK = (24, 26, 30), (225, 228, 232)
SMOOTH = 0.03  # of the longer side
WIDTH, TALLEST, STRIP = 640, 1280, 132  # pixels; so wide that the legend can be read
RATE, MOST_FPS = 44_100, 25


def heat(attribution: "Attribution") -> np.ndarray | None:
    """(T, H, W) in [-1, 1], one scale for all frames; None where there is no picture."""
    name = next((n for n in ("video", "faces") if n in attribution.maps), None)
    if name is None or not bool(attribution.maps[name].any()):
        return None
    values = smoothed(in_space(attribution, name).numpy(), SMOOTH)
    return (values / scale_of(values)).clip(-1, 1)


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
        (blended(pictures[at].numpy(), values[at]), f"{float(times_s[at]):.2f} s")
        for at in (shown[i] for i in chosen)
    ]


def write_overlay(path: Path, clip: "Clip", attribution: "Attribution") -> None:
    """The explained window as a film with sound, heat on it, and both importances below.

    Heat is that of the frame used nearest in time. Where the model reads faces alone, frames stay
    plain and the strip below says when. Raises ClipError where the clip has no picture.
    """
    start_s, end_s = attribution.span.start_s, min(attribution.span.end_s, clip.duration_s)
    size = _even(video_size(clip))
    fps = min(round(clip.fps or MOST_FPS), MOST_FPS) or MOST_FPS
    with atomic_path(path) as part, av.open(str(part), "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=fps)
        picture.width, picture.height, picture.pix_fmt = WIDTH, size[1] + STRIP, "yuv420p"
        picture.options = {"preset": "veryfast", "crf": "23"}
        sound = out.add_stream("aac", rate=RATE, layout="mono") if clip.has_audio else None
        for number, pixels in enumerate(_drawn(clip, attribution, size, fps, end_s)):
            image = av.VideoFrame.from_ndarray(pixels, "rgb24")
            image.pts, image.time_base = number, Fraction(1, fps)
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
        if sound is not None:
            _add_sound(out, sound, clip.audio(RATE, start_s, end_s))


def _drawn(
    clip: "Clip", attribution: "Attribution", size: tuple[int, int], fps: int, end_s: float
) -> Iterator[np.ndarray]:
    """Every picture of the film; a second is read at a time, which bounds memory."""
    start_s = attribution.span.start_s
    times_s = start_s + np.arange(max(1, round((end_s - start_s) * fps))) / fps
    values = heat(attribution) if "video" in attribution.maps else None
    strip = _strip(attribution, WIDTH)
    blocks_s = [times_s[first : first + fps] for first in range(0, len(times_s), fps)]
    for block_s, frames in zip(blocks_s, clip.read_in_turn(blocks_s, size), strict=True):
        for time_s, frame in zip(block_s, frames.pixels, strict=True):
            if values is not None:
                used_s = attribution.times_s["video"].numpy()
                frame = blended(frame, values[np.abs(used_s - time_s).argmin()])
            margin = (WIDTH - size[0]) // 2
            frame = np.pad(frame, ((0, 0), (margin, WIDTH - size[0] - margin), (0, 0)))
            yield np.concatenate([frame, _with_cursor(strip, attribution, time_s)])


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """At most WIDTH by TALLEST pixels; sides that H.264 takes."""
    scale = min(WIDTH / size[0], TALLEST / size[1])
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


LEFT, RIGHT = 74, 10  # pixels of the strip beside the bars


def _strip(attribution: "Attribution", width: int) -> np.ndarray:
    """(STRIP, width, 3): what was explained, the colour scale, picture and sound over time."""
    image = np.full((STRIP, width, 3), BACK, np.uint8)
    verb = "score" if attribution.signed else "score, strength only"
    _write(image, f"{attribution.method}: {attribution.target} ({verb})", (8, 18))
    _legend(image, attribution.signed)
    clock = to_timeline(attribution, 40)
    parts = [("picture", clock.picture), ("sound", clock.sound)]
    rows = [(name, values.numpy()) for name, values in parts if values is not None]
    most = max(float(np.abs(values).max()) for _, values in rows) or 1.0
    for row, (name, values) in enumerate(rows):
        middle = 60 + 46 * row
        _write(image, name, (8, middle + 5))
        edges = np.linspace(LEFT, width - RIGHT, len(values) + 1).round().astype(int)
        for left, right, value in zip(edges, edges[1:], values / most, strict=False):
            colour = ORANGE if value > 0 else BLUE
            top, bottom = sorted((middle, middle - round(20 * float(value))))
            image[top : bottom + 1, left : right - 1] = colour
        image[middle, LEFT : width - RIGHT] = (120, 124, 130)
    return image


def _legend(image: np.ndarray, signed: bool) -> None:
    """The colour scale, from what lowers to what raises."""
    right = image.shape[1] - RIGHT
    words = ("lowers", "raises") if signed else ("", "matters")
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
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)


def _add_sound(out: av.container.OutputContainer, stream: av.AudioStream, wave: np.ndarray) -> None:
    for start in range(0, len(wave), 1024):  # samples of one AAC frame
        piece = np.ascontiguousarray(wave[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
