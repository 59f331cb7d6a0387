"""The picture of a scene: the place behind, the people in front, painted frame by frame."""

import cv2
import numpy as np

from emo_core.synthetic.drawn.backgrounds import paint_place
from emo_core.synthetic.drawn.bodies import person_strokes
from emo_core.synthetic.drawn.primitives import SHIFT, Stroke
from emo_core.synthetic.drawn.schema import HEIGHT, WIDTH, Scene

_DARK = (0.10, 0.11, 0.17)  # share of red, green and blue that is left of people in the dark


def draw_frames(
    scene: Scene, times_s: np.ndarray, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> np.ndarray:
    """The frames at the given times, (T, H, W, 3) uint8 RGB; size is (width, height).

    Always painted at 320x240 and then reduced, so that it agrees with the mp4 files.
    """
    times_s = np.asarray(times_s, dtype=float)
    dark = any(person.facing == "dark" for person in scene.people)
    background, light = paint_place(scene, dark)
    strokes = [
        stroke
        for number in range(len(scene.people))
        for stroke in person_strokes(scene, number, times_s, _DARK if dark else light)
    ]
    frames = np.empty((len(times_s), size[1], size[0], 3), dtype=np.uint8)
    for moment in range(len(times_s)):
        canvas = background.copy()
        _paint(canvas, strokes, moment)
        if size != (WIDTH, HEIGHT):
            canvas = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
        frames[moment] = canvas
    return frames


def _paint(canvas: np.ndarray, strokes: list[Stroke], moment: int) -> None:
    for points, colour, thickness, closed, show in strokes:
        if show is not None and not show[moment]:
            continue
        if thickness:
            cv2.polylines(canvas, [points[moment]], closed, colour, thickness, cv2.LINE_AA, SHIFT)
        else:
            cv2.fillPoly(canvas, [points[moment]], colour, cv2.LINE_AA, SHIFT)
