"""The drawn people: order of painting, arms that lift, clothes, and backs without a face."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.synthetic.drawn.bodies import person_strokes
from emo_core.synthetic.drawn.primitives import CLOTH, LINE, SHIFT, SKIN, blend_colours
from emo_core.synthetic.drawn.scene import CLOTHES, make_drawn_scene

DAY = (1.0, 1.0, 1.0)
SCENE = make_drawn_scene(5, "train", 0)
TIMES_S = np.arange(0, 5, 0.2)


def somebody(**changes):
    """A scene of one person that is changed."""
    look = replace(SCENE.people[0].look, **changes.pop("look", {}))
    return replace(SCENE, people=(replace(SCENE.people[0], look=look, **changes),))


def strokes(light=DAY, times_s=TIMES_S, **changes):
    return person_strokes(somebody(**changes), 0, times_s, light)


def hands(found) -> list[np.ndarray]:
    """Centres of the hands over time, (T, 2) pixels: they are small, of skin, behind the head."""
    skin = SKIN[SCENE.people[0].look.skin]
    ovals = [s for s in found if s.colour == skin and s.thickness == 0 and s.points.shape[1] == 14]
    return [stroke.points.mean(1) / (1 << SHIFT) for stroke in ovals[:2]]


@pytest.mark.parametrize("facing", ["front", "away", "dark"])
def test_a_person_is_polygons_over_all_moments(facing):
    for stroke in strokes(facing=facing):
        assert stroke.points.shape[0] == len(TIMES_S) and stroke.points.shape[2] == 2
        assert all(0 <= value <= 255 for value in stroke.colour)


def test_only_a_face_from_the_front_is_painted():
    white = (252, 250, 246)  # of the eyes
    seen = {f: [s.colour for s in strokes(facing=f)] for f in ("front", "away", "dark")}
    assert seen["front"].count(white) == 2
    assert white not in seen["away"] and white not in seen["dark"]


def test_in_the_dark_only_outlines_catch_light():
    found = strokes(light=(0.1, 0.1, 0.1), facing="dark")
    bright = [stroke for stroke in found if max(stroke.colour) > 26]
    assert bright and all(stroke.thickness for stroke in bright)
    assert {stroke.colour for stroke in bright} == {(96, 112, 158)}


def test_who_stands_elsewhere_is_the_same_picture_moved():
    here, there = strokes(), strokes(x=SCENE.people[0].x + 10, y=SCENE.people[0].y - 4)
    for one, other in zip(here, there, strict=True):
        moved = (other.points - one.points) / (1 << SHIFT)
        np.testing.assert_allclose(moved, np.broadcast_to((10, -4), moved.shape), atol=1 / 8)


def test_hands_rise_above_the_head_in_a_cheer_and_hang_in_a_rest():
    moving = replace(SCENE, movement=replace(SCENE.movement, start_s=1.0, end_s=4.0, people=(0,)))
    head_y, radius = SCENE.people[0].y, SCENE.people[0].radius
    highest = {}
    for move, people in (("cheer", (0,)), ("cheer at rest", ())):
        scene = replace(moving, movement=replace(moving.movement, people=people))
        scene = replace(scene, people=(replace(SCENE.people[0], move="cheer"),))
        both = hands(person_strokes(scene, 0, TIMES_S, DAY))
        assert len(both) == 2
        highest[move] = min(hand[:, 1].min() for hand in both)
    assert highest["cheer"] < head_y < head_y + 2 * radius < highest["cheer at rest"]


@pytest.mark.parametrize("clothes", CLOTHES)
def test_clothes_are_told_apart(clothes):
    look = {"colours": (0, 6), "hat": "none"}
    kinds = [
        [s.colour for s in strokes(facing="front", look=look | {"clothes": kind})]
        for kind in (clothes, "plain")
    ]
    other, scarf = CLOTH[6], blend_colours(CLOTH[6], LINE, 0.15)
    more = [kinds[0].count(colour) - kinds[1].count(colour) for colour in (other, scarf)]
    assert more == {"stripes": [4, 0], "scarf": [1, 1], "dungarees": [3, 0]}.get(clothes, [0, 0])
    neck = blend_colours(SKIN[SCENE.people[0].look.skin], LINE, 0.22)
    assert (neck in kinds[0]) == (clothes != "scarf")


def test_a_person_who_is_not_there_is_refused():
    with pytest.raises(IndexError):
        person_strokes(somebody(), 1, TIMES_S, DAY)
