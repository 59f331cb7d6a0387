"""A clip as a film that every browser plays: WebM with VP8 and Opus."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from emo_core.clip import video_size
from emo_core.io.atomic import atomic_path

if TYPE_CHECKING:
    from emo_core.clip import Clip

SIDE = 480  # pixels of the longer side
FPS, RATE = 15, 48_000  # Opus takes this rate
LONGEST_S = 120.0
FRAME = 960  # samples of one Opus frame


def write_film(path: Path, clip: "Clip", pause: Callable[[], object] = lambda: None) -> None:
    """The first LONGEST_S of a clip as decoded here, picture and sound on its own clock.

    pause: called between seconds of film; what it raises ends the work, and no file is left.
    Raises ClipError where the clip can't be read.
    """
    end_s = min(clip.duration_s, LONGEST_S)
    with atomic_path(path) as part, av.open(str(part), "w", format="webm") as out:
        sound = out.add_stream("libopus", rate=RATE, layout="mono") if clip.has_audio else None
        if clip.has_video:
            _add_picture(out, clip, end_s, pause)
        if sound is not None:
            _add_sound(out, sound, clip.audio(RATE, 0.0, end_s))


def _add_picture(
    out: av.container.OutputContainer, clip: "Clip", end_s: float, pause: Callable[[], object]
) -> None:
    width, height = video_size(clip)
    scale = min(1.0, SIDE / max(width, height))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    stream = out.add_stream("libvpx", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.options = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "1M"}
    times_s = np.arange(max(1, round(end_s * FPS))) / FPS
    seconds = [times_s[first : first + FPS] for first in range(0, len(times_s), FPS)]
    number = 0
    for frames in clip.read_in_turn(seconds, size):
        pause()
        for pixels in frames.pixels:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            image.pts, image.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(image))
            number += 1
    out.mux(stream.encode(None))


def _add_sound(out: av.container.OutputContainer, stream: av.AudioStream, wave: np.ndarray) -> None:
    for start in range(0, len(wave), FRAME):
        piece = np.ascontiguousarray(wave[None, start : start + FRAME])
        piece = np.pad(piece, ((0, 0), (0, FRAME - piece.shape[1])))
        frame = av.AudioFrame.from_ndarray(piece.astype(np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
