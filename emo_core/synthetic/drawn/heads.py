"""The drawn heads: skull, ears, hair, beards, glasses and hats, from the front and from behind."""

import numpy as np

from emo_core.synthetic.drawn.primitives import (
    CIRCLE,
    CLOTH,
    HAIR,
    LINE,
    SKIN,
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
