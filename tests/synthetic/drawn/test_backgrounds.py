"""The ten places: each drawn, told apart, the same for the same numbers, and dark at night."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.synthetic.drawn.backgrounds import paint_place
from emo_core.synthetic.drawn.scene import make_drawn_scene
from emo_core.synthetic.drawn.schema import HEIGHT, PLACES, WIDTH

SCENE = make_drawn_scene(5, "train", 0)


def painted(place: str, variant: int = 7, pan: float = 0.0, dark: bool = False):
    scene = replace(SCENE, pan=pan, style=replace(SCENE.style, place=place, variant=variant))
    return paint_place(scene, dark)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_fills_the_frame_and_is_the_same_each_time(place):
    image, light = painted(place)
    assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.uint8
    assert image.any(-1).all(), "no pixel was left black"
    assert all(0.8 <= share <= 1 for share in light)
    again, _ = painted(place)
    np.testing.assert_array_equal(again, image)
    other, same_light = painted(place, variant=8)
    assert (other != image).mean() > 0.05 and same_light == light


def test_no_two_places_look_alike():
    images = [painted(place)[0].astype(float) for place in PLACES]
    for number, image in enumerate(images):
        others = images[:number] + images[number + 1 :]
        assert min(np.abs(image - other).mean() for other in others) > 15


@pytest.mark.parametrize("place", PLACES)
def test_at_night_a_place_is_darker_and_bluer(place):
    day, night = (painted(place, dark=dark)[0].reshape(-1, 3).mean(0) for dark in (False, True))
    wanted = day * (0.36, 0.40, 0.52) + (20, 26, 46)  # what is left, and the glow of the sky
    np.testing.assert_allclose(night, wanted, atol=1)


def test_a_pan_moves_near_things_and_leaves_the_sky():
    left, right = (painted("stadium", pan=pan)[0].astype(int) for pan in (-1.0, 1.0))
    np.testing.assert_array_equal(left[:28], right[:28])  # the gradient of the sky
    assert np.abs(left[180:230] - right[180:230]).mean() > 1  # stripes of the lawn


def test_an_unknown_place_is_refused():
    with pytest.raises(KeyError, match="moon"):
        painted("moon")
