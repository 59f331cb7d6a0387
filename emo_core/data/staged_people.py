"""The drawn people: every head, body and arm as polygons over time, ready to be filled.

Shapes: T times, K points of a polygon. Head coordinates are in face radii, y down, chin at +1.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from emo_core.data.staged_motion import Face, Pose, face_of, pose_of
from emo_core.data.staged_scene import Person, Scene

SHIFT = 4  # polygons are in sixteenths of a pixel, which keeps slow motion smooth
Colour = tuple[int, int, int]

SKIN = (
    (255, 224, 196),
    (250, 208, 170),
    (240, 190, 148),
    (226, 170, 122),
    (206, 146, 100),
    (178, 118, 78),
    (150, 94, 60),
    (122, 76, 50),
    (98, 62, 44),
)
HAIR = (
    (38, 30, 34),
    (58, 40, 34),
    (88, 56, 38),
    (124, 78, 46),
    (170, 112, 58),
    (214, 168, 92),
    (232, 206, 148),
    (158, 66, 40),
    (150, 148, 152),
    (226, 226, 228),
)
CLOTH = (
    (232, 93, 84),
    (244, 154, 84),
    (246, 201, 96),
    (146, 190, 104),
    (78, 162, 128),
    (72, 152, 176),
    (84, 122, 190),
    (116, 98, 178),
    (170, 104, 168),
    (214, 112, 146),
    (128, 92, 76),
    (92, 104, 120),
    (216, 206, 190),
    (60, 70, 96),
    (178, 70, 76),
    (122, 178, 190),
)
_LINE = (62, 38, 42)
_MOUTH = (104, 34, 44)
_TEETH = (250, 247, 240)
_TONGUE = (226, 112, 118)
_EYE_WHITE = (252, 250, 246)
_PUPIL = (44, 28, 32)
_TEAR = (150, 206, 244)
_MOONLIGHT = (96, 112, 158)


class Stroke(NamedTuple):
    """One polygon over time."""

    points: np.ndarray  # (T, K, 2) int32, sixteenths of a pixel
    colour: Colour
    thickness: int = 0  # 0 fills the polygon; otherwise the width of its line in pixels
    closed: bool = True
    show: np.ndarray | None = None  # (T,) bool; None shows always


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """The colour with `share` of the other mixed in."""
    return tuple(round(a + share * (b - a)) for a, b in zip(colour, other, strict=True))


@dataclass(frozen=True)
class _Pen:
    """Turns points in face radii into strokes in the frame."""

    centre: np.ndarray  # (T, 2) pixels
    radius: float
    tilt: np.ndarray | None  # (T,) radians
    light: tuple[float, float, float]
    rim: Colour | None = None  # what outlines are drawn in, where only they catch light

    def fill(self, points: np.ndarray, colour: Colour, show: np.ndarray | None = None) -> Stroke:
        return Stroke(self._place(points), self._lit(colour), show=show)

    def line(
        self,
        points: np.ndarray,
        colour: Colour,
        width: float,
        closed: bool = False,
        show: np.ndarray | None = None,
    ) -> Stroke:
        thickness = max(1, round(width * self.radius))
        return Stroke(self._place(points), self._lit(colour), thickness, closed, show)

    def edge(self, points: np.ndarray, colour: Colour, width: float, closed: bool = True) -> Stroke:
        """An outline."""
        stroke = self.line(points, colour, width, closed)
        return stroke if self.rim is None else stroke._replace(colour=self.rim)

    def _lit(self, colour: Colour) -> Colour:
        return tuple(min(255, round(c * f)) for c, f in zip(colour, self.light, strict=True))

    def _place(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, dtype=float)
        if self.tilt is not None:
            cos, sin = np.cos(self.tilt)[:, None], np.sin(self.tilt)[:, None]
            x, y = points[..., 0], points[..., 1]
            points = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
        placed = self.centre[:, None, :] + self.radius * points
        return np.round(placed * (1 << SHIFT)).astype(np.int32)


_ANGLES = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)
_SMALL = _CIRCLE[::2]


def _oval(x: float, y: float, width: float, height: float, unit: np.ndarray = _SMALL) -> np.ndarray:
    return unit * (width, height) + (x, y)


def _arc(width: float, height: float, start: float, stop: float, bumps: float = 0) -> np.ndarray:
    """Arc around the head; angles in turns, 0.5 = left ear, 0.75 = crown, 1 = right ear."""
    angle = 2 * np.pi * np.linspace(start, stop, 26 if bumps else 16)
    grow = 1 + 0.09 * np.abs(np.sin(bumps * angle)) if bumps else 1.0
    return np.stack([grow * width * np.cos(angle), grow * height * np.sin(angle)], axis=-1)


def _mirror(points: np.ndarray) -> np.ndarray:
    return points * (-1, 1)


def person_strokes(
    scene: Scene, number: int, times_s: np.ndarray, light: tuple[float, float, float]
) -> list[Stroke]:
    """All strokes of one person in the order of painting."""
    person = scene.people[number]
    pose = pose_of(scene, number, times_s)
    rim = _MOONLIGHT if person.facing == "dark" else None
    body = _Pen(np.array([person.x, person.y]) + pose.body, person.radius, None, light, rim)
    head = _Pen(pose.centre, person.radius, pose.tilt, light, rim)
    if person.facing != "front":
        over = _hair_back(head, person) if person.facing == "away" else []
        under = [] if over else _hair_back(head, person)
        return [
            *under,
            *_body(body, person),
            *_arms(body, person, pose),
            *_blank_head(head, person),
            *over,
        ]
    return [
        *_hair_back(head, person),
        *_body(body, person),
        *_arms(body, person, pose),
        *_head(head, person),
        *_hair_front(head, person),
        *_features(head, person, face_of(person, times_s), times_s),
        *_extras(head, person),
    ]


def _body(pen: _Pen, person: Person) -> list[Stroke]:
    skin, main = SKIN[person.look.skin], CLOTH[person.look.colours[0]]
    legs = mix(CLOTH[person.look.colours[1]], (50, 54, 78), 0.65)
    torso = np.array([(-0.4, 1.2), (-0.98, 1.42), (-1.16, 1.75), (-1.0, 3.0), (-1.02, 4.1)])
    outline = np.concatenate([torso, _mirror(torso)[::-1]])
    neck = np.array([(-0.34, 0.7), (-0.38, 1.3), (0, 1.5), (0.38, 1.3), (0.34, 0.7)])
    leg = np.array([(-1.0, 4.0), (-0.06, 4.0), (-0.12, 8.5), (-0.95, 8.5)])
    strokes = [
        pen.fill(leg, legs),
        pen.fill(_mirror(leg), legs),
        pen.fill(outline, main),
        pen.edge(outline, mix(main, _LINE, 0.5), 0.04),
    ]
    strokes += _garment(pen, person)
    if person.look.clothes != "scarf" or person.facing == "away":
        strokes.append(pen.fill(neck, mix(skin, _LINE, 0.22)))
    return strokes


def _garment(pen: _Pen, person: Person) -> list[Stroke]:
    main, other = (CLOTH[i] for i in person.look.colours)
    kind = person.look.clothes
    if person.facing == "away" and kind != "stripes":
        return []
    if kind == "stripes":
        bands = [
            np.array([(-1.05, y), (1.05, y), (1.03, y + 0.28), (-1.03, y + 0.28)])
            for y in (1.9, 2.5, 3.1, 3.7)
        ]
        return [pen.fill(band, other) for band in bands]
    if kind == "hoodie":
        hood = np.array([(-0.62, 1.1), (-0.5, 1.55), (0, 1.8), (0.5, 1.55), (0.62, 1.1)])
        pocket = np.array([(-0.6, 2.9), (0.6, 2.9), (0.75, 3.6), (-0.75, 3.6)])
        darker = mix(main, _LINE, 0.25)
        return [pen.fill(hood, darker), pen.fill(pocket, darker)]
    if kind == "collar":
        flap = np.array([(-0.42, 1.15), (-0.62, 1.5), (-0.25, 1.75), (0, 1.45)])
        buttons = np.array([(0, 1.6), (0, 4.0)])
        return [
            pen.line(buttons, mix(main, _LINE, 0.4), 0.05),
            pen.fill(flap, (244, 240, 232)),
            pen.fill(_mirror(flap), (244, 240, 232)),
        ]
    if kind == "scarf":
        tail = np.array([(0.1, 1.4), (0.5, 1.4), (0.56, 2.7), (0.2, 2.75)])
        return [
            pen.fill(tail, mix(other, _LINE, 0.15)),
            pen.fill(_oval(0, 1.18, 0.66, 0.34), other),
        ]
    if kind == "dungarees":
        bib = np.array(
            [(-0.55, 2.2), (0.55, 2.2), (0.98, 3.2), (1.02, 4.1), (-1.02, 4.1), (-0.98, 3.2)]
        )
        strap = np.array([(-0.62, 1.3), (-0.44, 1.25), (-0.36, 2.3), (-0.54, 2.3)])
        return [pen.fill(p, other) for p in (bib, strap, _mirror(strap))]
    return []


def _arms(pen: _Pen, person: Person, pose: Pose) -> list[Stroke]:
    strokes = []
    sleeve = mix(CLOTH[person.look.colours[0]], _LINE, 0.12)
    skin = SKIN[person.look.skin]
    for arm, side in enumerate((-1, 1)):
        lift, swing = pose.lift[:, arm], pose.swing[:, arm]
        elbow_x = side * (1.30 + 0.42 * lift) + 0.4 * swing
        elbow_y = 2.60 - 1.62 * lift
        hand_x = side * (1.22 + 0.24 * lift + 0.5 * np.sin(np.pi * np.clip(lift, 0, 1))) + swing
        hand_y = 3.45 - 4.45 * lift
        joints = np.stack(
            [
                np.stack([np.full_like(lift, side * 0.94), np.full_like(lift, 1.72)], axis=-1),
                np.stack([elbow_x, elbow_y], axis=-1),
                np.stack([hand_x, hand_y], axis=-1),
            ],
            axis=1,
        )
        hand = joints[:, 2:] + _oval(0, 0, 0.27, 0.29)
        strokes += [
            pen.edge(joints, mix(sleeve, _LINE, 0.45), 0.50, closed=False),
            pen.line(joints, sleeve, 0.42),
            pen.fill(hand, skin),
            pen.edge(hand, mix(skin, _LINE, 0.5), 0.04),
        ]
    return strokes


def _skull(person: Person) -> np.ndarray:
    look = person.look
    down = np.maximum(0, _CIRCLE[:, 1])
    width = 0.97 * look.face_width * (1 - (0.05 + 0.13 * look.jaw) * down**2)
    return np.stack([_CIRCLE[:, 0] * width, _CIRCLE[:, 1] * (1 + 0.05 * down)], axis=-1)


def _head(pen: _Pen, person: Person) -> list[Stroke]:
    skin = SKIN[person.look.skin]
    edge = mix(skin, _LINE, 0.55)
    ear = _oval(-0.97, 0.08, 0.17, 0.24)
    skull = _skull(person)
    return [
        *(pen.fill(e, mix(skin, (200, 90, 80), 0.12)) for e in (ear, _mirror(ear))),
        *(pen.edge(e, edge, 0.04) for e in (ear, _mirror(ear))),
        pen.fill(skull, skin),
        pen.edge(skull, edge, 0.05),
    ]


def _blank_head(pen: _Pen, person: Person) -> list[Stroke]:
    """A head without a face: seen from behind, or a silhouette."""
    strokes = _head(pen, person)
    if person.facing == "dark":
        return [*strokes, *_hair_front(pen, person), *_hat(pen, person)]
    hair = HAIR[person.look.hair_colour]
    if person.look.hair == "bald":
        ring = np.concatenate([_arc(1.0, 0.9, 0.5, 0.02), np.array([(0.9, -0.3), (-0.9, -0.3)])])
        return [*strokes, pen.fill(ring, hair), *_hat(pen, person)]
    back = _skull(person) * (1.05, 1.0) - (0, 0.06)
    shine = _arc(0.7, 0.62, 0.58, 0.7)
    return [
        *strokes,
        pen.fill(back, hair),
        pen.edge(back, mix(hair, (0, 0, 0), 0.4), 0.04),
        pen.line(shine, mix(hair, (255, 255, 255), 0.25), 0.07),
        *_hat(pen, person),
    ]


def _hair_back(pen: _Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    dark = mix(hair, (0, 0, 0), 0.18)
    kind = person.look.hair
    if kind == "long":
        side = np.array([(-1.08, -0.3), (-1.22, 0.5), (-1.17, 1.3), (-0.9, 1.75), (-0.4, 1.92)])
        return [pen.fill(np.concatenate([side, _mirror(side)[::-1]]), dark)]
    if kind == "bob":
        return [pen.fill(_oval(0, 0.05, 1.24, 1.0, _CIRCLE), dark)]
    if kind == "afro":
        return [pen.fill(_arc(1.38, 1.30, 0.0, 1.0, bumps=7) - (0, 0.2), dark)]
    if kind == "ponytail":
        side = 1 if person.turn < 0 else -1
        tail = np.array(
            [(0.5, -0.9), (1.3, -0.8), (1.6, -0.1), (1.42, 0.8), (1.15, 0.1), (0.8, -0.3)]
        )
        return [pen.fill(tail * (side, 1), dark)]
    if kind == "bun":
        return [pen.fill(_oval(0, -1.18, 0.42, 0.36), dark)]
    return []


_HAIRLINE = np.array([(0.9, -0.1), (0.8, -0.42), (0.45, -0.66), (0.0, -0.7)])


def _hair_front(pen: _Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    kind = person.look.hair
    if kind == "bald":
        tuft = np.array([(-1.04, -0.35), (-1.12, 0.05), (-0.98, 0.15), (-0.9, -0.25)])
        return [pen.fill(tuft, hair), pen.fill(_mirror(tuft), hair)]
    inner = _hairline(kind, person.turn)
    outer = _arc(1.06, 1.1, 0.5, 1.0)
    if kind in ("curly", "afro"):
        outer = _arc(1.08, 1.1, 0.49, 1.01, bumps=6)
    elif kind == "spiky":
        spikes = np.where(np.arange(15) % 2 == 0, 1.04, 1.3)[:, None]
        angle = 2 * np.pi * np.linspace(0.5, 1.0, 15)
        outer = spikes * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    shape = np.concatenate([outer, inner])
    shine = _arc(0.82, 0.9, 0.6, 0.7)
    return [
        pen.fill(shape, hair),
        pen.edge(shape, mix(hair, (0, 0, 0), 0.4), 0.04),
        pen.line(shine, mix(hair, (255, 255, 255), 0.22), 0.08),
    ]


def _hairline(kind: str, turn: float) -> np.ndarray:
    """The lower edge of the hair over the forehead, from right to left."""
    if kind in ("fringe", "bob"):
        right = np.array([(0.98, 0.2), (0.86, -0.05), (0.82, -0.46), (0.4, -0.52), (0.0, -0.54)])
        return np.concatenate([right, _mirror(right)[::-1]])
    if kind in ("long", "bun", "ponytail"):
        part = 0.3 * np.sign(turn)
        middle = np.array([(part, -0.86)])
        return np.concatenate([_HAIRLINE[:3], middle, _mirror(_HAIRLINE[:3])[::-1]])
    if kind == "spiky":
        teeth = np.array([(0.6, -0.62), (0.4, -0.5), (0.2, -0.68), (0, -0.52), (-0.2, -0.68)])
        return np.concatenate([_HAIRLINE[:1], teeth, _mirror(_HAIRLINE[:1])])
    return np.concatenate([_HAIRLINE, _mirror(_HAIRLINE)[::-1]])


def _features(pen: _Pen, person: Person, face: Face, times_s: np.ndarray) -> list[Stroke]:
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


def _cheeks(pen: _Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    skin = SKIN[person.look.skin]
    blush = mix(skin, (236, 98, 98), 0.18 + 0.25 * person.look.rosy)
    raised = np.asarray(face.cheek)[:, None]
    x = 0.62 + 0.02 * raised + 0.19 * _SMALL[:, 0]
    y = 0.36 - 0.07 * raised + 0.13 * _SMALL[:, 1]
    fold = np.linspace(-1, 1, 5)
    crease_x = np.asarray(face.mouth_width)[:, None] + 0.10 + 0.05 * (1 - fold**2)
    crease_y = 0.42 - 0.5 * np.asarray(face.mouth_curve)[:, None] + 0.17 * fold
    show = np.asarray(face.cheek) > 0.4
    edge = mix(skin, _LINE, 0.55)
    return [
        *(pen.fill(_path(s * x, y, shift), blush) for s in (-1, 1)),
        *(pen.line(_path(s * crease_x, crease_y, shift), edge, 0.05, show=show) for s in (-1, 1)),
    ]


def _eye(
    pen: _Pen, person: Person, face: Face, shift: np.ndarray, times_s: np.ndarray, side: int
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
    ball_x = gaze[:, None] + size * _SMALL[:, 0]
    low, high = lids(np.clip(side * ball_x / width, -1, 1))
    ball_y = np.clip(0.01 + size * _SMALL[:, 1] * 1.1, low, high)
    ball = np.stack([side * centre_x + ball_x, ball_y + centre_y], -1) + shift
    spot = 0.35 * size[:, :, None] * _SMALL[::2]
    glint = np.stack([side * centre_x + gaze, np.full_like(gaze, centre_y + 0.01)], -1)
    glint = glint[:, None] - 0.36 * size[:, :, None] + spot
    awake = (bottom - top).max(axis=1) > 0.24
    return [
        pen.fill(white, _EYE_WHITE),
        pen.fill(ball, _PUPIL),
        pen.fill(glint + shift, (255, 255, 255), show=awake),
        pen.line(white[:, : len(along)], _LINE, 0.075),
        pen.line(white[:, len(along) :], mix(SKIN[person.look.skin], _LINE, 0.55), 0.04),
    ]


def _nose(pen: _Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    edge = mix(SKIN[person.look.skin], _LINE, 0.5)
    tip = np.array([(-0.09, 0.22), (-0.02, 0.27), (0.07, 0.24), (0.08, 0.18)]) + 1.4 * shift
    wrinkled = np.asarray(face.wrinkle) > 0.4
    folds = [np.array([(-0.13, y), (0.0, y + 0.045), (0.13, y)]) + shift for y in (-0.06, 0.05)]
    frown = np.array([(0.06, -0.42), (0.05, -0.24)])
    furious = np.asarray(face.brow_inner) < -0.12
    return [
        pen.line(tip, edge, 0.06),
        *(pen.line(fold, edge, 0.05, show=wrinkled) for fold in folds),
        *(pen.line(f + shift, edge, 0.05, show=furious) for f in (frown, _mirror(frown))),
    ]


def _mouth(
    pen: _Pen, person: Person, face: Face, shift: np.ndarray, times_s: np.ndarray
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
        pen.line(strip(upper, lower, whole), _LINE, 0.06, closed=True),
    ]


def _brows(pen: _Pen, person: Person, face: Face, shift: np.ndarray) -> list[Stroke]:
    hair = mix(HAIR[person.look.hair_colour], (40, 26, 26), 0.55)
    inner, outer = np.asarray(face.brow_inner)[:, None], np.asarray(face.brow_outer)[:, None]
    along = np.linspace(0, 1, 4)  # from the nose outwards
    y = -0.46 - inner * (1 - along) - outer * along - 0.10 * along * (1 - along) * 2
    x = 0.17 + 0.46 * along
    return [pen.line(_path(s * x, y, shift), hair, 0.10) for s in (-1, 1)]


def _tears(pen: _Pen, face: Face, shift: np.ndarray, times_s: np.ndarray) -> list[Stroke]:
    show = np.asarray(face.tear) > 0.4
    drop = np.array([(0, -0.14), (0.07, 0.0), (0.05, 0.07), (0, 0.09), (-0.05, 0.07), (-0.07, 0)])
    strokes = []
    for side, lag in ((-1, 0.0), (1, 0.5)):
        fall = (0.9 * times_s + lag) % 1.0
        at = np.stack([np.full_like(fall, side * 0.5), 0.2 + 0.5 * fall], axis=-1)
        strokes.append(pen.fill(at[:, None] + 1.25 * drop + shift, _TEAR, show=show))
    return strokes


def _extras(pen: _Pen, person: Person) -> list[Stroke]:
    return [*_beard(pen, person), *_glasses(pen, person), *_hat(pen, person)]


def _beard(pen: _Pen, person: Person) -> list[Stroke]:
    hair = HAIR[person.look.hair_colour]
    shift = np.array([0.09 * person.turn, 0.0])
    if person.look.beard == 0:
        return []
    half = np.array([(0.0, 0.31), (-0.2, 0.31), (-0.34, 0.42), (-0.16, 0.39), (0, 0.37)])
    strokes = [pen.fill(h + shift, hair) for h in (half, _mirror(half))]
    if person.look.beard == 2:
        jaw = _arc(0.98, 1.12, 0.46, 0.04)
        inner = np.array(
            [(0.74, 0.2), (0.62, 0.72), (0.3, 0.97), (-0.3, 0.97), (-0.62, 0.72), (-0.74, 0.2)]
        )
        strokes.append(pen.fill(np.concatenate([jaw, inner]), hair))
    return strokes


def _glasses(pen: _Pen, person: Person) -> list[Stroke]:
    if person.look.glasses == 0:
        return []
    shift = np.array([0.09 * person.turn, 0.0])
    frame = (50, 44, 60)
    ring = _oval(0.41, -0.05, 0.33, 0.33)
    if person.look.glasses == 2:
        ring = np.array([(0.1, -0.33), (0.74, -0.33), (0.7, 0.24), (0.14, 0.24)])
    bridge = np.array([(-0.09, -0.08), (0, -0.12), (0.09, -0.08)])
    return [
        *(pen.line(r + shift, frame, 0.04, closed=True) for r in (ring, _mirror(ring))),
        pen.line(bridge + shift, frame, 0.05),
    ]


def _hat(pen: _Pen, person: Person) -> list[Stroke]:
    main, trim = (CLOTH[i] for i in person.look.colours[::-1])
    if person.look.hat == "beanie":
        dome = np.concatenate(
            [_arc(1.08, 1.16, 0.54, 0.96), np.array([(1.06, -0.5), (-1.06, -0.5)])]
        )
        band = np.array(
            [(-1.1, -0.82), (0, -0.94), (1.1, -0.82), (1.08, -0.5), (0, -0.66), (-1.08, -0.5)]
        )
        return [
            pen.fill(_oval(0, -1.24, 0.22, 0.2), trim),
            pen.fill(dome, main),
            pen.fill(band, mix(main, _LINE, 0.25)),
        ]
    if person.look.hat == "cap":
        side = 1 if person.turn >= 0 else -1
        dome = np.concatenate([_arc(1.06, 1.14, 0.54, 0.96), np.array([(1.0, -0.6), (-1.0, -0.6)])])
        visor = np.array([(-0.6, -0.72), (1.0, -0.72), (1.5, -0.56), (1.0, -0.54), (-0.5, -0.58)])
        if person.facing == "away":
            return [pen.fill(dome, main)]
        return [pen.fill(dome, main), pen.fill(visor * (side, 1), mix(main, _LINE, 0.3))]
    if person.look.hat == "bow":
        wing = np.array([(0.5, -0.95), (0.95, -1.25), (1.0, -0.75)])
        other = np.array([(0.5, -0.95), (0.05, -1.3), (0.1, -0.8)])
        return [pen.fill(w, trim) for w in (wing, other)] + [
            pen.fill(_oval(0.5, -0.96, 0.12, 0.12), mix(trim, _LINE, 0.3))
        ]
    return []
