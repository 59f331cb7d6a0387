"""The drawn heads: skull, ears, hair, beards, glasses and hats; and their faces over time."""

import numpy as np

from emo_core.synthetic.drawn.motion import Face
from emo_core.synthetic.drawn.primitives import (
    CIRCLE,
    CLOTH,
    HAIR,
    LINE,
    SKIN,
    SMALL,
    Pen,
    Stroke,
    arc,
    blend_colours,
    mirror,
    oval,
)
from emo_core.synthetic.drawn.schema import Person


def _skull(person: Person) -> np.ndarray:
    look = person.look
    down = np.maximum(0, CIRCLE[:, 1])
    width = 0.97 * look.face_width * (1 - (0.05 + 0.13 * look.jaw) * down**2)
    return np.stack([CIRCLE[:, 0] * width, CIRCLE[:, 1] * (1 + 0.05 * down)], axis=-1)


def draw_head(pen: Pen, person: Person) -> list[Stroke]:
    skin = SKIN[person.look.skin]
    edge = blend_colours(skin, LINE, 0.55)
    ear = oval(-0.97, 0.08, 0.17, 0.24)
    skull = _skull(person)
    return [
        *(pen.fill(e, blend_colours(skin, (200, 90, 80), 0.12)) for e in (ear, mirror(ear))),
        *(pen.edge(e, edge, 0.04) for e in (ear, mirror(ear))),
        pen.fill(skull, skin),
        pen.edge(skull, edge, 0.05),
    ]


def blank_head(pen: Pen, person: Person) -> list[Stroke]:
    """A head without a face: seen from behind, or a silhouette."""
    strokes = draw_head(pen, person)
    if person.facing == "dark":
        return [*strokes, *hair_front(pen, person), *_hat(pen, person)]
    hair = HAIR[person.look.hair_colour]
    if person.look.hair == "bald":
        ring = np.concatenate([arc(1.0, 0.9, 0.5, 0.02), np.array([(0.9, -0.3), (-0.9, -0.3)])])
        return [*strokes, pen.fill(ring, hair), *_hat(pen, person)]
    back = _skull(person) * (1.05, 1.0) - (0, 0.06)
    shine = arc(0.7, 0.62, 0.58, 0.7)
    return [
        *strokes,
        pen.fill(back, hair),
        pen.edge(back, blend_colours(hair, (0, 0, 0), 0.4), 0.04),
        pen.line(shine, blend_colours(hair, (255, 255, 255), 0.25), 0.07),
        *_hat(pen, person),
    ]


def hair_back(pen: Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    dark = blend_colours(hair, (0, 0, 0), 0.18)
    kind = person.look.hair
    if kind == "long":
        side = np.array([(-1.08, -0.3), (-1.22, 0.5), (-1.17, 1.3), (-0.9, 1.75), (-0.4, 1.92)])
        return [pen.fill(np.concatenate([side, mirror(side)[::-1]]), dark)]
    if kind == "bob":
        return [pen.fill(oval(0, 0.05, 1.24, 1.0, CIRCLE), dark)]
    if kind == "afro":
        return [pen.fill(arc(1.38, 1.30, 0.0, 1.0, bumps=7) - (0, 0.2), dark)]
    if kind == "ponytail":
        away = 1 if person.turn < 0 else -1
        tail = np.array(
            [(0.5, -0.9), (1.3, -0.8), (1.6, -0.1), (1.42, 0.8), (1.15, 0.1), (0.8, -0.3)]
        )
        return [pen.fill(tail * (away, 1), dark)]
    if kind == "bun":
        return [pen.fill(oval(0, -1.18, 0.42, 0.36), dark)]
    return []


_HAIRLINE = np.array([(0.9, -0.1), (0.8, -0.42), (0.45, -0.66), (0.0, -0.7)])


def hair_front(pen: Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    kind = person.look.hair
    if kind == "bald":
        tuft = np.array([(-1.04, -0.35), (-1.12, 0.05), (-0.98, 0.15), (-0.9, -0.25)])
        return [pen.fill(tuft, hair), pen.fill(mirror(tuft), hair)]
    inner = _hairline(kind, person.turn)
    outer = arc(1.06, 1.1, 0.5, 1.0)
    if kind in ("curly", "afro"):
        outer = arc(1.08, 1.1, 0.49, 1.01, bumps=6)
    elif kind == "spiky":
        spikes = np.where(np.arange(15) % 2 == 0, 1.04, 1.3)[:, None]
        angle = 2 * np.pi * np.linspace(0.5, 1.0, 15)
        outer = spikes * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    shape = np.concatenate([outer, inner])
    shine = arc(0.82, 0.9, 0.6, 0.7)
    return [
        pen.fill(shape, hair),
        pen.edge(shape, blend_colours(hair, (0, 0, 0), 0.4), 0.04),
        pen.line(shine, blend_colours(hair, (255, 255, 255), 0.22), 0.08),
    ]


def _hairline(kind: str, turn: float) -> np.ndarray:
    """The lower edge of the hair over the forehead, from right to left."""
    if kind in ("fringe", "bob"):
        right = np.array([(0.98, 0.2), (0.86, -0.05), (0.82, -0.46), (0.4, -0.52), (0.0, -0.54)])
        return np.concatenate([right, mirror(right)[::-1]])
    if kind in ("long", "bun", "ponytail"):
        part = 0.3 * np.sign(turn)
        middle = np.array([(part, -0.86)])
        return np.concatenate([_HAIRLINE[:3], middle, mirror(_HAIRLINE[:3])[::-1]])
    if kind == "spiky":
        teeth = np.array([(0.6, -0.62), (0.4, -0.5), (0.2, -0.68), (0, -0.52), (-0.2, -0.68)])
        return np.concatenate([_HAIRLINE[:1], teeth, mirror(_HAIRLINE[:1])])
    return np.concatenate([_HAIRLINE, mirror(_HAIRLINE)[::-1]])


def extras(pen: Pen, person: Person) -> list[Stroke]:
    return [*_beard(pen, person), *_glasses(pen, person), *_hat(pen, person)]


def _beard(pen: Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    shift = np.array([0.09 * person.turn, 0.0])
    if person.look.beard == 0:
        return []
    half = np.array([(0.0, 0.31), (-0.2, 0.31), (-0.34, 0.42), (-0.16, 0.39), (0, 0.37)])
    strokes = [pen.fill(h + shift, hair) for h in (half, mirror(half))]
    if person.look.beard == 2:
        jaw = arc(0.98, 1.12, 0.46, 0.04)
        inner = np.array(
            [(0.74, 0.2), (0.62, 0.72), (0.3, 0.97), (-0.3, 0.97), (-0.62, 0.72), (-0.74, 0.2)]
        )
        strokes.append(pen.fill(np.concatenate([jaw, inner]), hair))
    return strokes


def _glasses(pen: Pen, person: Person) -> list[Stroke]:
    if person.look.glasses == 0:
        return []
    shift = np.array([0.09 * person.turn, 0.0])
    frame = (50, 44, 60)
    ring = oval(0.41, -0.05, 0.33, 0.33)
    if person.look.glasses == 2:
        ring = np.array([(0.1, -0.33), (0.74, -0.33), (0.7, 0.24), (0.14, 0.24)])
    bridge = np.array([(-0.09, -0.08), (0, -0.12), (0.09, -0.08)])
    return [
        *(pen.line(r + shift, frame, 0.04, closed=True) for r in (ring, mirror(ring))),
        pen.line(bridge + shift, frame, 0.05),
    ]


def _hat(pen: Pen, person: Person) -> list[Stroke]:
    main, trim = (CLOTH[i] for i in person.look.colours[::-1])
    if person.look.hat == "beanie":
        dome = np.concatenate(
            [arc(1.08, 1.16, 0.54, 0.96), np.array([(1.06, -0.5), (-1.06, -0.5)])]
        )
        band = np.array(
            [(-1.1, -0.82), (0, -0.94), (1.1, -0.82), (1.08, -0.5), (0, -0.66), (-1.08, -0.5)]
        )
        return [
            pen.fill(oval(0, -1.24, 0.22, 0.2), trim),
            pen.fill(dome, main),
            pen.fill(band, blend_colours(main, LINE, 0.25)),
        ]
    if person.look.hat == "cap":
        side = 1 if person.turn >= 0 else -1
        dome = np.concatenate([arc(1.06, 1.14, 0.54, 0.96), np.array([(1.0, -0.6), (-1.0, -0.6)])])
        visor = np.array([(-0.6, -0.72), (1.0, -0.72), (1.5, -0.56), (1.0, -0.54), (-0.5, -0.58)])
        if person.facing == "away":
            return [pen.fill(dome, main)]
        return [pen.fill(dome, main), pen.fill(visor * (side, 1), blend_colours(main, LINE, 0.3))]
    if person.look.hat == "bow":
        wing = np.array([(0.5, -0.95), (0.95, -1.25), (1.0, -0.75)])
        other = np.array([(0.5, -0.95), (0.05, -1.3), (0.1, -0.8)])
        return [pen.fill(w, trim) for w in (wing, other)] + [
            pen.fill(oval(0.5, -0.96, 0.12, 0.12), blend_colours(trim, LINE, 0.3))
        ]
    return []


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
