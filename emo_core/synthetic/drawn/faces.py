"""The drawn faces: eyes, brows, nose, cheeks, mouth and tears over time."""

import numpy as np

from emo_core.synthetic.drawn.motion import Face
from emo_core.synthetic.drawn.primitives import (
    HAIR,
    LINE,
    SKIN,
    SMALL,
    Pen,
    Stroke,
    blend_colours,
    mirror,
)
from emo_core.synthetic.drawn.schema import Person

_MOUTH = (104, 34, 44)
_TEETH = (250, 247, 240)
_TONGUE = (226, 112, 118)
_EYE_WHITE = (252, 250, 246)
_PUPIL = (44, 28, 32)
_TEAR = (150, 206, 244)


def face_strokes(pen: Pen, person: Person, face: Face, times_s: np.ndarray) -> list[Stroke]:
    """All strokes of a face seen from the front, in the order of painting."""
    shift = np.array([0.09 * person.turn, 0.0])
    return [
        *_cheeks(pen, person, face, shift),
        *_eye(pen, person, face, shift, times_s, -1),
        *_eye(pen, person, face, shift, times_s, 1),
        *_nose(pen, person, face, shift),
        *_mouth(pen, person, face, shift, times_s),
        *_brows(pen, person, face, shift),
        *_tears(pen, face, shift, times_s),
    ]


def _path(x: np.ndarray, y: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Points (T, K, 2) from coordinates (T, K) or (K,)."""
    x, y = np.broadcast_arrays(x, y)
    return np.stack([x, y], axis=-1) + shift


def _cheeks(pen: Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    skin = SKIN[person.look.skin]
    blush = blend_colours(skin, (236, 98, 98), 0.18 + 0.25 * person.look.rosy)
    raised = np.asarray(face.cheek)[:, None]
    x = 0.62 + 0.02 * raised + 0.19 * SMALL[:, 0]
    y = 0.36 - 0.07 * raised + 0.13 * SMALL[:, 1]
    fold = np.linspace(-1, 1, 5)
    crease_x = np.asarray(face.mouth_width)[:, None] + 0.10 + 0.05 * (1 - fold**2)
    crease_y = 0.42 - 0.5 * np.asarray(face.mouth_curve)[:, None] + 0.17 * fold
    show = np.asarray(face.cheek) > 0.4
    edge = blend_colours(skin, LINE, 0.55)
    return [
        *(pen.fill(_path(s * x, y, shift), blush) for s in (-1, 1)),
        *(pen.line(_path(s * crease_x, crease_y, shift), edge, 0.05, show=show) for s in (-1, 1)),
    ]


def _eye(
    pen: Pen, person: Person, face: Face, shift: np.ndarray, times_s: np.ndarray, side: int
) -> list[Stroke]:
    width, height = 0.215 * person.look.eye_size, 0.26 * person.look.eye_size
    along = np.linspace(-1, 1, 9)  # -1 at the nose, 1 at the temple

    def lids(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bow = np.sqrt(np.maximum(0, 1 - x**2))
        opening = np.asarray(face.eye_open)[:, None]
        inner, outer = np.asarray(face.brow_inner)[:, None], np.asarray(face.brow_outer)[:, None]
        top = -height * np.minimum(opening, 1.4) * bow
        press = -height - 0.75 * np.where(x < 0, -x * inner, x * outer) * np.ones_like(opening)
        bottom = height * np.minimum(1, opening) * (1 - 1.3 * np.asarray(face.lower_lid))[:, None]
        bottom = bottom * bow
        return np.minimum(np.maximum(top, press * np.minimum(1, opening)), bottom), bottom

    top, bottom = lids(along)
    centre_x, centre_y = 0.41, -0.06
    x = side * (centre_x + width * along)
    white = np.concatenate(
        [
            np.stack([np.broadcast_to(x, top.shape), top], -1),
            np.stack([np.broadcast_to(x, top.shape), bottom], -1)[:, ::-1],
        ],
        1,
    )
    white = white + (0, centre_y) + shift
    gaze = 0.045 * person.turn + 0.03 * np.sin(0.9 * times_s + person.phase)
    size = 0.125 * np.asarray(face.pupil)[:, None]
    ball_x = gaze[:, None] + size * SMALL[:, 0]
    low, high = lids(np.clip(side * ball_x / width, -1, 1))
    ball_y = np.clip(0.01 + size * SMALL[:, 1] * 1.1, low, high)
    ball = np.stack([side * centre_x + ball_x, ball_y + centre_y], -1) + shift
    spot = 0.35 * size[:, :, None] * SMALL[::2]
    glint = np.stack([side * centre_x + gaze, np.full_like(gaze, centre_y + 0.01)], -1)
    glint = glint[:, None] - 0.36 * size[:, :, None] + spot
    awake = (bottom - top).max(axis=1) > 0.24
    return [
        pen.fill(white, _EYE_WHITE),
        pen.fill(ball, _PUPIL),
        pen.fill(glint + shift, (255, 255, 255), show=awake),
        pen.line(white[:, : len(along)], LINE, 0.075),
        pen.line(white[:, len(along) :], blend_colours(SKIN[person.look.skin], LINE, 0.55), 0.04),
    ]


def _nose(pen: Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    edge = blend_colours(SKIN[person.look.skin], LINE, 0.5)
    tip = np.array([(-0.09, 0.22), (-0.02, 0.27), (0.07, 0.24), (0.08, 0.18)]) + 1.4 * shift
    wrinkled = np.asarray(face.wrinkle) > 0.4
    folds = [np.array([(-0.13, y), (0.0, y + 0.045), (0.13, y)]) + shift for y in (-0.06, 0.05)]
    frown = np.array([(0.06, -0.42), (0.05, -0.24)])
    furious = np.asarray(face.brow_inner) < -0.12
    return [
        pen.line(tip, edge, 0.06),
        *(pen.line(fold, edge, 0.05, show=wrinkled) for fold in folds),
        *(pen.line(f + shift, edge, 0.05, show=furious) for f in (frown, mirror(frown))),
    ]


def _mouth(
    pen: Pen, person: Person, face: Face, shift: np.ndarray, times_s: np.ndarray
) -> list[Stroke]:
    column = {name: np.asarray(value)[:, None] for name, value in vars(face).items()}
    along = np.linspace(-1, 1, 13)
    bow = 1 - np.abs(along) ** (2 + 3 * column["mouth_box"])
    middle = column["mouth_curve"] * (0.45 - along**2) + column["mouth_skew"] * along
    ripple = np.sin(7.5 * along + 17 * times_s[:, None])
    middle = middle + 0.045 * column["mouth_wave"] * ripple * bow
    upper = 0.55 + middle - column["mouth_up"] * bow
    lower = np.maximum(upper, 0.55 + middle + column["mouth_down"] * bow)
    x = column["mouth_width"] * along

    def strip(top: np.ndarray, bottom: np.ndarray, part: slice) -> np.ndarray:
        there, back = _path(x, top, shift)[:, part], _path(x, bottom, shift)[:, part]
        return np.concatenate([there, back[:, ::-1]], axis=1)

    whole, inside = slice(None), slice(3, 10)
    teeth = np.minimum(lower, upper + column["teeth"] * bow**0.5)
    gums = np.maximum(upper, lower - 0.6 * column["teeth"] * column["mouth_box"] * bow**0.5)
    tongue = np.maximum(teeth, lower - column["tongue"])
    hanging = lower + column["tongue_out"] * np.sqrt(np.maximum(0, 1 - (along / 0.62) ** 2))
    opened = np.asarray(face.mouth_up) + np.asarray(face.mouth_down) > 0.07
    bared = opened & (np.asarray(face.mouth_box) > 0.4)
    return [
        pen.fill(strip(upper, lower, whole), _MOUTH),
        pen.fill(strip(tongue, hanging, inside), _TONGUE, show=opened),
        pen.fill(strip(upper, teeth, whole), _TEETH, show=opened),
        pen.fill(strip(gums, lower, whole), _TEETH, show=bared),
        pen.line(strip(upper, lower, whole), LINE, 0.06, closed=True),
    ]


def _brows(pen: Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    hair = blend_colours(HAIR[person.look.hair_colour], (40, 26, 26), 0.55)
    inner, outer = np.asarray(face.brow_inner)[:, None], np.asarray(face.brow_outer)[:, None]
    along = np.linspace(0, 1, 4)  # from the nose outwards
    y = -0.46 - inner * (1 - along) - outer * along - 0.10 * along * (1 - along) * 2
    x = 0.17 + 0.46 * along
    return [pen.line(_path(s * x, y, shift), hair, 0.10) for s in (-1, 1)]


def _tears(pen: Pen, face: Face, shift: np.ndarray, times_s: np.ndarray) -> list[Stroke]:
    show = np.asarray(face.tear) > 0.4
    drop = np.array([(0, -0.14), (0.07, 0.0), (0.05, 0.07), (0, 0.09), (-0.05, 0.07), (-0.07, 0)])
    strokes = []
    for side, lag in ((-1, 0.0), (1, 0.5)):
        fall = (0.9 * times_s + lag) % 1.0
        at = np.stack([np.full_like(fall, side * 0.5), 0.2 + 0.5 * fall], axis=-1)
        strokes.append(pen.fill(at[:, None] + 1.25 * drop + shift, _TEAR, show=show))
    return strokes
