"""The drawn people: body, clothes and arms, and the order in which a person is painted."""

import numpy as np

from emo_core.synthetic.drawn.heads import (
    blank_head,
    draw_head,
    extras,
    face_strokes,
    hair_back,
    hair_front,
)
from emo_core.synthetic.drawn.motion import Pose, face_of, pose_of
from emo_core.synthetic.drawn.primitives import (
    CLOTH,
    LINE,
    SKIN,
    Pen,
    Stroke,
    blend_colours,
    mirror,
    oval,
)
from emo_core.synthetic.drawn.schema import Person, Scene

_MOONLIGHT = (96, 112, 158)


def person_strokes(
    scene: Scene, number: int, times_s: np.ndarray, light: tuple[float, float, float]
) -> list[Stroke]:
    """All strokes of one person in the order of painting."""
    person = scene.people[number]
    pose = pose_of(scene, number, times_s)
    rim = _MOONLIGHT if person.facing == "dark" else None
    on_body = Pen(np.array([person.x, person.y]) + pose.body, person.radius, None, light, rim)
    on_head = Pen(pose.centre, person.radius, pose.tilt, light, rim)
    if person.facing != "front":
        over = hair_back(on_head, person) if person.facing == "away" else []
        under = [] if over else hair_back(on_head, person)
        return [
            *under,
            *_body(on_body, person),
            *_arms(on_body, person, pose),
            *blank_head(on_head, person),
            *over,
        ]
    return [
        *hair_back(on_head, person),
        *_body(on_body, person),
        *_arms(on_body, person, pose),
        *draw_head(on_head, person),
        *hair_front(on_head, person),
        *face_strokes(on_head, person, face_of(person, times_s), times_s),
        *extras(on_head, person),
    ]


def _body(pen: Pen, person: Person) -> list[Stroke]:
    skin, main = SKIN[person.look.skin], CLOTH[person.look.colours[0]]
    legs = blend_colours(CLOTH[person.look.colours[1]], (50, 54, 78), 0.65)
    torso = np.array([(-0.4, 1.2), (-0.98, 1.42), (-1.16, 1.75), (-1.0, 3.0), (-1.02, 4.1)])
    outline = np.concatenate([torso, mirror(torso)[::-1]])
    neck = np.array([(-0.34, 0.7), (-0.38, 1.3), (0, 1.5), (0.38, 1.3), (0.34, 0.7)])
    leg = np.array([(-1.0, 4.0), (-0.06, 4.0), (-0.12, 8.5), (-0.95, 8.5)])
    strokes = [
        pen.fill(leg, legs),
        pen.fill(mirror(leg), legs),
        pen.fill(outline, main),
        pen.edge(outline, blend_colours(main, LINE, 0.5), 0.04),
    ]
    strokes += _garment(pen, person)
    if person.look.clothes != "scarf" or person.facing == "away":
        strokes.append(pen.fill(neck, blend_colours(skin, LINE, 0.22)))
    return strokes


def _garment(pen: Pen, person: Person) -> list[Stroke]:
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
        darker = blend_colours(main, LINE, 0.25)
        return [pen.fill(hood, darker), pen.fill(pocket, darker)]
    if kind == "collar":
        flap = np.array([(-0.42, 1.15), (-0.62, 1.5), (-0.25, 1.75), (0, 1.45)])
        buttons = np.array([(0, 1.6), (0, 4.0)])
        return [
            pen.line(buttons, blend_colours(main, LINE, 0.4), 0.05),
            pen.fill(flap, (244, 240, 232)),
            pen.fill(mirror(flap), (244, 240, 232)),
        ]
    if kind == "scarf":
        tail = np.array([(0.1, 1.4), (0.5, 1.4), (0.56, 2.7), (0.2, 2.75)])
        return [
            pen.fill(tail, blend_colours(other, LINE, 0.15)),
            pen.fill(oval(0, 1.18, 0.66, 0.34), other),
        ]
    if kind == "dungarees":
        bib = np.array(
            [(-0.55, 2.2), (0.55, 2.2), (0.98, 3.2), (1.02, 4.1), (-1.02, 4.1), (-0.98, 3.2)]
        )
        strap = np.array([(-0.62, 1.3), (-0.44, 1.25), (-0.36, 2.3), (-0.54, 2.3)])
        return [pen.fill(p, other) for p in (bib, strap, mirror(strap))]
    return []


def _arms(pen: Pen, person: Person, pose: Pose) -> list[Stroke]:
    strokes = []
    sleeve = blend_colours(CLOTH[person.look.colours[0]], LINE, 0.12)
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
        hand = joints[:, 2:] + oval(0, 0, 0.27, 0.29)
        strokes += [
            pen.edge(joints, blend_colours(sleeve, LINE, 0.45), 0.50, closed=False),
            pen.line(joints, sleeve, 0.42),
            pen.fill(hand, skin),
            pen.edge(hand, blend_colours(skin, LINE, 0.5), 0.04),
        ]
    return strokes
