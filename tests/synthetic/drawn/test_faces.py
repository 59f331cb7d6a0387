"""The drawn faces: which strokes an expression has, and where they stand."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.synthetic.drawn.heads import face_strokes
from emo_core.synthetic.drawn.motion import EXPRESSIONS, Face
from emo_core.synthetic.drawn.primitives import SHIFT, Pen
from emo_core.synthetic.drawn.scene import make_drawn_scene

PERSON = replace(make_drawn_scene(5, "train", 0).people[0], turn=0.0)
TIMES_S = np.array([0.0, 0.3])


def drawn(face: Face, person=PERSON, times_s=TIMES_S):
    """Strokes of a face that keeps its expression."""
    still = Face(**{name: np.full(len(times_s), value) for name, value in vars(face).items()})
    pen = Pen(np.zeros((len(times_s), 2)), 100.0, None, (1.0, 1.0, 1.0))
    return face_strokes(pen, person, still, times_s)


def radii(points: np.ndarray) -> np.ndarray:
    """Sixteenths of a pixel -> face radii."""
    return points / (100 << SHIFT)


def coloured(strokes, colour):
    return [stroke for stroke in strokes if stroke.colour == colour]


MOUTH, WHITE, TEETH, TEAR = (104, 34, 44), (252, 250, 246), (250, 247, 240), (150, 206, 244)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_expression_stays_on_its_head(name):
    strokes = drawn(EXPRESSIONS[name])
    for stroke in strokes:
        assert stroke.points.dtype == np.int32 and len(stroke.points) == len(TIMES_S)
        assert np.abs(radii(stroke.points)).max() < 1.2
        assert stroke.show is None or stroke.show.shape == TIMES_S.shape
    assert len(strokes) == len(drawn(EXPRESSIONS["neutral"]))


def test_corners_of_a_happy_mouth_are_up_and_of_a_sad_one_down():
    heights = {}
    for name in ("happy", "sad"):
        (mouth,) = coloured(drawn(EXPRESSIONS[name]), MOUTH)
        points = radii(mouth.points[0])
        left, right = points[points[:, 0].argmin(), 1], points[points[:, 0].argmax(), 1]
        heights[name] = (left + right) / 2 - points[np.abs(points[:, 0]) < 0.05, 1].min()
    assert heights["happy"] < 0 < heights["sad"]  # y grows downwards


def test_a_face_from_the_front_is_its_own_mirror_image():
    eyes = coloured(drawn(EXPRESSIONS["surprised"]), WHITE)
    left, right = (radii(eye.points[0]) for eye in eyes)
    np.testing.assert_allclose(left * (-1, 1), right, atol=1e-3)


def test_a_turned_face_is_shifted_to_its_side():
    straight, turned = (
        coloured(drawn(Face(), replace(PERSON, turn=turn)), MOUTH)[0] for turn in (0.0, 1.0)
    )
    moved = radii(turned.points) - radii(straight.points)
    np.testing.assert_allclose(moved, np.broadcast_to((0.09, 0.0), moved.shape), atol=1e-3)


def test_a_closed_eye_has_no_height_and_an_open_one_has():
    heights = [
        np.ptp(radii(coloured(drawn(Face(eye_open=opened)), WHITE)[0].points[0, :, 1]))
        for opened in (0.0, 0.5, 1.0)
    ]
    assert heights[0] < 0.01 < heights[1] < heights[2]


@pytest.mark.parametrize("opened", [True, False])
def test_teeth_show_in_an_open_mouth_only(opened):
    upper, _ = coloured(drawn(Face(mouth_up=0.0, mouth_down=0.3 if opened else 0.02)), TEETH)
    assert upper.show.tolist() == [opened] * 2


def test_tears_fall_and_begin_again():
    times_s = np.array([0.0, 0.5, 1 / 0.9])
    left, right = coloured(drawn(Face(tear=1.0), times_s=times_s), TEAR)
    y = radii(left.points).mean(1)[:, 1]
    assert y[1] - y[0] == pytest.approx(0.5 * 0.45, abs=1e-3)
    assert y[2] == pytest.approx(y[0], abs=1e-3)
    assert left.show.all() and right.show.all()
    assert not any(stroke.show.any() for stroke in coloured(drawn(Face()), TEAR))
