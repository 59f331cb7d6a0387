"""The pen and the shapes of drawn people: where points land, and in what light."""

import numpy as np
import pytest

from emo_core.synthetic.drawn import primitives

UNIT = 1 << primitives.SHIFT  # steps a pixel
DAY = (1.0, 1.0, 1.0)
SQUARE = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)])


def pen(tilt=None, light=DAY, rim=None, centre=((100.0, 50.0),)):
    tilt = None if tilt is None else np.full(len(centre), tilt)
    return primitives.Pen(np.array(centre), 20.0, tilt, light, rim)


def test_a_point_lands_a_radius_away_in_sixteenths_of_a_pixel():
    points = pen().fill(SQUARE, (1, 2, 3)).points
    wanted = [(120, 50), (100, 70), (80, 50), (100, 30)]
    assert points.dtype == np.int32 and points.shape == (1, 4, 2)
    np.testing.assert_array_equal(points[0] / UNIT, wanted)


def test_a_quarter_turn_is_clockwise_on_the_screen_and_keeps_distances():
    turned = pen(tilt=np.pi / 2).fill(SQUARE, (1, 2, 3)).points
    np.testing.assert_array_equal(
        turned[0], np.roll(pen().fill(SQUARE, (1, 2, 3)).points[0], -1, 0)
    )
    slanted = pen(tilt=0.7).fill(SQUARE, (1, 2, 3)).points[0] / UNIT - (100, 50)
    np.testing.assert_allclose(np.hypot(*slanted.T), 20, atol=0.1)


def test_a_pen_that_moves_takes_the_shape_along():
    moving = pen(centre=((0.0, 0.0), (3.0, -2.0))).fill(SQUARE, (1, 2, 3)).points
    np.testing.assert_array_equal(moving[1] - moving[0], [(3 * UNIT, -2 * UNIT)] * 4)


def test_light_dims_each_colour_and_never_passes_white():
    assert pen(light=(0.5, 1.0, 2.0)).fill(SQUARE, (200, 100, 200)).colour == (100, 100, 255)


def test_only_an_outline_is_drawn_in_the_rim_and_no_light_dims_it():
    dark = pen(light=(0.1, 0.1, 0.1), rim=(96, 112, 158))
    assert dark.edge(SQUARE, (200, 200, 200), 0.1).colour == (96, 112, 158)
    assert dark.line(SQUARE, (200, 200, 200), 0.1).colour == (20, 20, 20)
    assert pen().edge(SQUARE, (200, 200, 200), 0.1).colour == (200, 200, 200)


def test_lines_have_a_width_of_at_least_a_pixel_and_fills_have_none():
    widths = [pen().line(SQUARE, (0, 0, 0), width).thickness for width in (0.001, 0.1, 0.5)]
    assert widths == [1, 2, 10] and pen().fill(SQUARE, (0, 0, 0)).thickness == 0
    assert pen().edge(SQUARE, (0, 0, 0), 0.1).closed and not pen().line(SQUARE, (0,) * 3, 1).closed


def test_colours_mix_from_the_one_to_the_other():
    mix = [primitives.blend_colours((0, 100, 255), (200, 0, 255), share) for share in (0, 0.5, 1)]
    assert mix == [(0, 100, 255), (100, 50, 255), (200, 0, 255)]
    with pytest.raises(ValueError, match="shorter"):
        primitives.blend_colours((0, 100, 255), (200, 0), 0.5)


def test_a_mirror_twice_changes_nothing():
    shape = primitives.oval(0.4, -0.1, 0.2, 0.3)
    np.testing.assert_array_equal(primitives.mirror(primitives.mirror(shape)), shape)
    np.testing.assert_array_equal(primitives.mirror(shape)[:, 1], shape[:, 1])
    np.testing.assert_array_equal(primitives.mirror(shape)[:, 0], -shape[:, 0])


def test_ovals_and_arcs_lie_on_their_ellipse():
    x, y = (primitives.oval(0.4, -0.1, 0.2, 0.3) - (0.4, -0.1)).T
    np.testing.assert_allclose((x / 0.2) ** 2 + (y / 0.3) ** 2, 1)
    x, y = primitives.arc(1.1, 0.9, 0.5, 1.0).T
    np.testing.assert_allclose((x / 1.1) ** 2 + (y / 0.9) ** 2, 1)
    np.testing.assert_allclose((x[0], x[-1]), (-1.1, 1.1))
    assert y.min() < -0.85 and y.max() < 1e-9, "from ear to ear over the crown"
    bumpy = np.hypot(*primitives.arc(1, 1, 0, 1, bumps=6).T)
    assert bumpy.min() >= 1 and 1.05 < bumpy.max() <= 1.09
