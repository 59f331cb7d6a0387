"""How the people of a scene move: time curves of faces, heads and arms, as arrays over time.

Shapes: T times. Lengths are in face radii unless the name says pixels; y points down.
"""

from dataclasses import dataclass, fields

import numpy as np

from emo_core.synthetic.drawn.schema import ACTED_EMOTIONS, HEIGHT, WIDTH, Person, Scene

# Valence and arousal of a full expression; after Russell's circumplex, rounded.
AFFECT = {
    "happy": (0.8, 0.6),
    "sad": (-0.7, -0.4),
    "angry": (-0.7, 0.8),
    "surprised": (0.1, 0.7),
    "disgusted": (-0.6, 0.3),
    "afraid": (-0.65, 0.7),
    "neutral": (0.0, 0.0),
}


@dataclass(frozen=True)
class Face:
    """An expression; each field is a number for one moment or an array (T,)."""

    mouth_width: float | np.ndarray = 0.25
    mouth_up: float | np.ndarray = 0.0  # how far the upper lip rises
    mouth_down: float | np.ndarray = 0.025  # how far the lower lip falls
    mouth_curve: float | np.ndarray = 0.0  # corners up
    mouth_box: float | np.ndarray = 0.0  # 0 oval to 1 square
    mouth_skew: float | np.ndarray = 0.0
    mouth_wave: float | np.ndarray = 0.0
    teeth: float | np.ndarray = 0.11  # height of the upper row
    tongue: float | np.ndarray = 0.1
    tongue_out: float | np.ndarray = 0.0
    brow_inner: float | np.ndarray = 0.0  # up
    brow_outer: float | np.ndarray = 0.0
    eye_open: float | np.ndarray = 0.88
    lower_lid: float | np.ndarray = 0.0
    pupil: float | np.ndarray = 1.0
    cheek: float | np.ndarray = 0.0
    tear: float | np.ndarray = 0.0
    wrinkle: float | np.ndarray = 0.0


# The open mouths are sized so that every emotion shows about as much dark, tooth and tongue as a
# talking mouth does over its syllables: what differs is shape, not colour.
EXPRESSIONS = {
    "neutral": Face(),
    "happy": Face(
        mouth_width=0.47,
        mouth_up=-0.02,
        mouth_down=0.30,
        mouth_curve=0.26,
        teeth=0.12,
        tongue=0.12,
        brow_inner=0.07,
        brow_outer=0.10,
        eye_open=0.72,
        lower_lid=0.62,
        cheek=1.0,
    ),
    "sad": Face(
        mouth_width=0.36,
        mouth_up=0.20,
        mouth_down=0.05,
        mouth_curve=-0.34,
        teeth=0.05,
        tongue=0.10,
        brow_inner=0.24,
        brow_outer=-0.12,
        eye_open=0.55,
        lower_lid=0.10,
        tear=1.0,
    ),
    "angry": Face(
        mouth_width=0.40,
        mouth_up=0.12,
        mouth_down=0.20,
        mouth_curve=-0.12,
        mouth_box=1.0,
        teeth=0.14,
        tongue=0.06,
        brow_inner=-0.26,
        brow_outer=0.16,
        eye_open=0.78,
        lower_lid=0.25,
        pupil=0.9,
    ),
    "surprised": Face(
        mouth_width=0.20,
        mouth_up=0.18,
        mouth_down=0.26,
        mouth_curve=0.0,
        teeth=0.06,
        tongue=0.10,
        brow_inner=0.26,
        brow_outer=0.22,
        eye_open=1.35,
        pupil=0.9,
    ),
    "disgusted": Face(
        mouth_width=0.4,
        mouth_up=0.13,
        mouth_down=0.17,
        mouth_curve=-0.22,
        mouth_skew=0.13,
        teeth=0.06,
        tongue=0.12,
        tongue_out=0.26,
        brow_inner=-0.14,
        brow_outer=0.04,
        eye_open=0.50,
        lower_lid=0.45,
        wrinkle=1.0,
    ),
    "afraid": Face(
        mouth_width=0.37,
        mouth_up=0.14,
        mouth_down=0.22,
        mouth_curve=-0.1,
        mouth_box=0.7,
        mouth_wave=0.6,
        teeth=0.1,
        tongue=0.08,
        brow_inner=0.30,
        brow_outer=0.08,
        eye_open=1.38,
        pupil=0.62,
    ),
}


@dataclass(frozen=True)
class Pose:
    """Where one person's head and arms are."""

    centre: np.ndarray  # (T, 2) pixels
    tilt: np.ndarray  # (T,) radians, clockwise on the screen
    lift: np.ndarray  # (T, 2) left and right arm, 0 hanging to 1 raised
    swing: np.ndarray  # (T, 2) sideways shift of the hands
    body: np.ndarray  # (T, 2) pixels, shift of the whole body


def envelope(times_s: np.ndarray, start_s: float, end_s: float, ramp_s: float) -> np.ndarray:
    """Smooth rise after start and fall before end, (T,) in 0..1; exactly 0 outside."""
    edge = np.minimum(times_s - start_s, end_s - times_s) / ramp_s
    edge = np.clip(edge, 0, 1)
    return edge * edge * (3 - 2 * edge)


def emotion_strength(person: Person, times_s: np.ndarray) -> np.ndarray:
    """How strongly the face shows the person's emotion, (T,) in 0..1."""
    if person.shown_s is None:
        return np.zeros(len(times_s))
    return person.strength * envelope(times_s, *person.shown_s, 0.22)


def face_of(person: Person, times_s: np.ndarray) -> Face:
    """The expression over time: the emotion, talking where there is none, blinks."""
    strength = emotion_strength(person, times_s)
    beat = 2 * np.pi * 4.4 * person.tempo * times_s + person.phase
    target, rest = EXPRESSIONS[person.emotion], EXPRESSIONS["neutral"]
    curves = {}
    for field in fields(Face):
        calm = getattr(rest, field.name)
        curves[field.name] = calm + strength * (getattr(target, field.name) - calm)
    # Laughing, sobbing, shouting and chattering mouths move as talking ones do.
    chew = 1 - 0.22 * strength * (1 + np.sin(beat))
    talk = _talking(person, times_s) * (1 - np.minimum(1, strength * 1.5))
    vowel = 0.5 + 0.5 * np.sin(0.37 * beat + 1.7)
    curves["mouth_down"] = curves["mouth_down"] * chew + talk * 0.23
    curves["mouth_up"] = curves["mouth_up"] * chew + talk * 0.17
    curves["mouth_width"] = curves["mouth_width"] + talk * (0.10 * vowel - 0.02)
    curves["eye_open"] = curves["eye_open"] * _blinking(person, times_s)
    return Face(**curves)


def _talking(person: Person, times_s: np.ndarray) -> np.ndarray:
    beat = 2 * np.pi * 4.0 * person.tempo * times_s + person.phase
    stress = 0.78 + 0.22 * np.sin(0.31 * beat + 2 * person.phase)
    opening = (0.62 - 0.38 * np.cos(beat)) * stress
    spans = [envelope(times_s, start, end, 0.15) for start, end in person.talks_s]
    return opening * np.max(spans, axis=0) if spans else np.zeros(len(times_s))


def _blinking(person: Person, times_s: np.ndarray) -> np.ndarray:
    distance = np.min([np.abs(times_s - blink) for blink in person.blinks_s], axis=0)
    return np.clip((distance - 0.03) / 0.07, 0.08, 1)


# Head of each emotion at full strength: drop, tilt, bob height, bob rate in Hz, shiver.
_HEAD = {
    "neutral": (0.0, 0.0, 0.0, 1.0, 0.0),
    "happy": (-0.03, 0.06, 0.045, 4.5, 0.0),
    "sad": (0.12, 0.16, 0.03, 2.6, 0.0),
    "angry": (0.05, -0.05, 0.03, 3.8, 0.02),
    "surprised": (-0.08, 0.0, 0.03, 2.0, 0.0),
    "disgusted": (-0.02, -0.15, 0.025, 2.2, 0.0),
    "afraid": (0.06, 0.03, 0.02, 3.0, 0.04),
}


def pose_of(scene: Scene, number: int, times_s: np.ndarray) -> Pose:
    """Head, body and arms of one person over time."""
    person = scene.people[number]
    strength, talk = emotion_strength(person, times_s), _talking(person, times_s)
    drop, tilt, bob, rate, shiver = _HEAD[person.emotion]
    idle = 2 * np.pi * 0.33 * person.tempo * times_s + person.phase
    side = np.sign(np.sin(3 * person.phase)) or 1.0
    lift, swing, body = _moving(scene, number, times_s)
    sway_x = 0.03 * np.sin(idle) + strength * shiver * np.sin(2 * np.pi * 9.3 * times_s)
    sway_y = 0.02 * np.sin(2 * idle + 1) + strength * drop
    sway_y += strength * bob * np.sin(2 * np.pi * rate * person.tempo * times_s)
    sway_y += 0.05 * talk * np.sin(2 * np.pi * 2.1 * person.tempo * times_s)
    offset = np.stack([sway_x, sway_y], axis=-1)
    centre = np.array([person.x, person.y]) + person.radius * (offset + body)
    angle = 0.04 * np.sin(0.8 * idle + 2) + side * tilt * strength + 0.16 * body[:, 0]
    return Pose(centre, angle, lift, swing, person.radius * body)


def _moving(
    scene: Scene, number: int, times_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The visible movement of one person: arm lift, hand swing and body shift, each (T, 2)."""
    person, movement = scene.people[number], scene.movement
    still = np.zeros((len(times_s), 2))
    if number not in movement.people:
        return still, still, still
    amount = envelope(times_s, movement.start_s, movement.end_s, 0.16)
    since = times_s - movement.start_s
    left = np.sin(5 * person.phase) > 0
    zero = np.zeros_like(amount)
    if person.move == "wave":
        hand = 0.30 * amount * np.sin(2 * np.pi * 2.0 * since)
        lift = [amount, zero] if left else [zero, amount]
        swing, body = [hand, hand], [zero, zero]
    elif person.move == "hop":
        hop = -0.42 * amount * np.abs(np.sin(np.pi * 1.9 * since))
        lift, swing, body = [0.86 * amount, 0.86 * amount], [zero, zero], [zero, hop]
    elif person.move == "sway":
        lean = 0.34 * amount * np.sin(2 * np.pi * 0.95 * since) * (1 if left else -1)
        lift, swing, body = [amount, amount], [0.6 * lean, 0.6 * lean], [lean, zero]
    else:
        pump = 0.12 * amount * np.sin(2 * np.pi * 2.6 * since)
        lift, swing, body = [amount + pump, amount - pump], [zero, zero], [zero, zero]
    return np.stack(lift, axis=-1), np.stack(swing, axis=-1), np.stack(body, axis=-1)


def face_box(scene: Scene, number: int, times_s: np.ndarray) -> np.ndarray:
    """Box of the face, forehead to chin, (T, 4) as x0, y0, x1, y1 in pixels of the frame."""
    person = scene.people[number]
    centre = pose_of(scene, number, times_s).centre
    radius = person.radius
    corners = np.concatenate([centre - (radius, radius), centre + (radius, 1.1 * radius)], axis=-1)
    return np.clip(corners, 0, (WIDTH, HEIGHT, WIDTH, HEIGHT))


def affect(scene: Scene, times_s: np.ndarray) -> np.ndarray:
    """Valence and arousal of the group over time, (T, 2) in -1..1: the mean over its people."""
    when = np.max([envelope(times_s, *span, 0.22) for span in scene.evidence.seconds], axis=0)
    paths = []
    for person in scene.people:
        mood = 0.05 * np.sin(1.3 * times_s * person.tempo + person.phase)
        target = np.array(AFFECT[person.felt]) * person.strength
        paths.append(mood[:, None] + when[:, None] * target)
    return np.clip(np.mean(paths, axis=0), -1, 1)


assert set(EXPRESSIONS) == set(AFFECT) == set(_HEAD) == {*ACTED_EMOTIONS, "neutral"}
