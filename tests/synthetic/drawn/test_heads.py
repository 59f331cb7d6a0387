"""The drawn heads: hair, beards, glasses and hats appear where a look has them, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.synthetic.drawn.heads import blank_head, draw_head, extras, hair_back, hair_front
from emo_core.synthetic.drawn.primitives import HAIR, SHIFT, SKIN, Pen
from emo_core.synthetic.drawn.scene import HAIR as HAIRCUTS
from emo_core.synthetic.drawn.scene import make_drawn_scene

PEN = Pen(np.zeros((1, 2)), 100.0, None, (1.0, 1.0, 1.0))
SOMEBODY = make_drawn_scene(5, "train", 0).people[0]
PLAIN = replace(SOMEBODY.look, hat="none", glasses=0, beard=0)


def person(turn: float = 0.5, facing: str = "front", **look):
    return replace(SOMEBODY, turn=turn, facing=facing, look=replace(PLAIN, **look))


def radii(stroke) -> np.ndarray:
    """The only moment's points in face radii."""
    return stroke.points[0] / (100 << SHIFT)


def test_a_skull_is_as_wide_as_its_look_and_a_jaw_narrows_the_chin_only():
    *_, round_one, _ = draw_head(PEN, person(jaw=0.0, face_width=1.0))
    *_, narrow, _ = draw_head(PEN, person(jaw=1.0, face_width=1.0))
    *_, wide, _ = draw_head(PEN, person(jaw=0.0, face_width=1.1))
    assert round_one.colour == SKIN[PLAIN.skin]
    assert np.ptp(radii(round_one)[:, 0]) == pytest.approx(2 * 0.97, abs=0.01)
    np.testing.assert_allclose(radii(wide), radii(round_one) * (1.1, 1), atol=2e-3)
    above = radii(round_one)[:, 1] <= 0
    np.testing.assert_array_equal(radii(narrow)[above], radii(round_one)[above])
    below = radii(round_one)[:, 1] > 0.5
    assert np.ptp(radii(narrow)[below, 0]) < 0.95 * np.ptp(radii(round_one)[below, 0])


@pytest.mark.parametrize("hair", HAIRCUTS)
def test_hair_has_its_colour_and_bald_heads_have_two_tufts(hair):
    front = hair_front(PEN, person(hair=hair))
    assert front[0].colour == HAIR[PLAIN.hair_colour]
    assert (len(front), front[-1].thickness) == ((2, 0) if hair == "bald" else (3, 8))
    behind = hair_back(PEN, person(hair=hair))
    assert bool(behind) == (hair in ("long", "bob", "afro", "ponytail", "bun"))


def test_a_ponytail_hangs_on_the_side_that_is_turned_away():
    left, right = (
        radii(hair_back(PEN, person(hair="ponytail", turn=turn))[0]) for turn in (-0.5, 0.5)
    )
    assert left[:, 0].min() > 0 > right[:, 0].max()
    np.testing.assert_allclose(left * (-1, 1), right)


@pytest.mark.parametrize(
    ("look", "strokes"),
    [({}, 0), ({"beard": 1}, 2), ({"beard": 2}, 3), ({"glasses": 1}, 3), ({"glasses": 2}, 3)]
    + [({"hat": hat}, n) for hat, n in (("none", 0), ("beanie", 3), ("cap", 2), ("bow", 3))],
)
def test_extras_are_those_of_the_look(look, strokes):
    assert len(extras(PEN, person(**look))) == strokes


def test_the_visor_of_a_cap_points_where_the_face_does_and_is_not_seen_from_behind():
    left, right = (radii(extras(PEN, person(turn=turn, hat="cap"))[1]) for turn in (-0.5, 0.5))
    assert right[:, 0].max() > 1.4 and left[:, 0].min() < -1.4
    hidden = blank_head(PEN, person(facing="away", hat="cap"))
    assert len(hidden) == len(blank_head(PEN, person(facing="away"))) + 1


@pytest.mark.parametrize("hair", HAIRCUTS)
def test_from_behind_hair_covers_the_face(hair):
    strokes = blank_head(PEN, person(facing="away", hair=hair))
    covers = [stroke for stroke in strokes if stroke.colour == HAIR[PLAIN.hair_colour]]
    assert covers
    low = radii(covers[0])[:, 1].max()
    assert low > 0.85 or hair == "bald"
