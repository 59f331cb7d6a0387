"""Faces out of the pixels: the right ones, upright, with gradients, whoever else is there."""

import math

import pytest
import torch

from emo_core.models.layers.expression import FACE_SIDE
from emo_core.models.layers.people import EYES_DOWN, SIDE_IN_EYES, PeopleExpressions, face_crops

HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="module")
def people():
    return PeopleExpressions(every=2).eval()


def window(faces=2, frames=4):
    """A window of noise with so many people in every frame: the four inputs of the tower."""
    torch.manual_seed(0)
    video = torch.randint(0, 256, (1, frames, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    mask = torch.zeros(1, frames, 3, dtype=torch.bool)
    mask[..., :faces] = True
    eyes = torch.tensor([[0.2, 0.5, 0.4, 0.5], [0.6, 0.4, 0.75, 0.42], [0.0, 0.0, 0.0, 0.0]])
    return video, mask, torch.arange(frames)[None] * 0.5, eyes.expand(1, frames, 3, 4).clone()


def dots(*points):
    """A dark picture with a soft white dot at each (x, y) in pixels, (1, 3, H, W)."""
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    picture = sum(torch.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in points)
    return picture.expand(1, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize("degrees", [-40, 0, 25])
@pytest.mark.parametrize("apart", [20.0, 60.0])
def test_eyes_land_where_the_network_expects_them(degrees, apart):
    angle = math.radians(degrees)
    across = torch.tensor([math.cos(angle), math.sin(angle)]) * apart / 2
    middle = torch.tensor([80.0, 60.0])
    points = [tuple((middle + sign * across).tolist()) for sign in (-1, 1)]
    eyes = torch.tensor([[*points[0], *points[1]]]) / torch.tensor([WIDTH, HEIGHT] * 2)
    crop = face_crops(dots(*points), eyes)[0, 0]
    assert crop.shape == (FACE_SIDE, FACE_SIDE)
    half = FACE_SIDE // 2
    for part, first in ((crop[:, :half], 0), (crop[:, half:], half)):
        place = torch.arange(part.shape[1]) + first + 0.5
        x = float((part.sum(0) * place).sum() / part.sum())
        y = float((part.sum(1) * (torch.arange(FACE_SIDE) + 0.5)).sum() / part.sum())
        expected = FACE_SIDE / 2 + (1 if first else -1) * FACE_SIDE / SIDE_IN_EYES / 2
        assert (x, y) == pytest.approx((expected, FACE_SIDE * EYES_DOWN), abs=1.0)


def test_bytes_and_shares_are_the_same_picture():
    video, _, _, eyes = window()
    frames, found = video[0], eyes[0, :, 0]
    torch.testing.assert_close(face_crops(frames, found), face_crops(frames.float() / 255, found))


def test_beyond_the_frame_is_black():
    eyes = torch.tensor([[-0.1, 0.5, 0.1, 0.5]])  # half of the face is outside
    crop = face_crops(torch.ones(1, 3, HEIGHT, WIDTH), eyes)[0, 0]
    assert not crop[:, :40].any() and bool((crop[40:60, 80:] > 0.99).all())


def test_a_token_for_every_face_of_every_second_frame(people):
    video, mask, times_s, eyes = window()
    tokens = people(video, mask, times_s, eyes)
    assert tokens.values.shape == (1, 6, people.channels)
    assert tokens.mask.tolist() == [[True, True, False] * 2]
    assert tokens.times_s.tolist() == [[0.0] * 3 + [1.0] * 3]
    assert not tokens.values[:, 2].any()


def test_who_stands_first_does_not_matter(people):
    video, mask, times_s, eyes = window()
    order = [1, 2, 0]
    first = people(video, mask, times_s, eyes).values.unflatten(1, (2, 3))
    other = people(video, mask[:, :, order], times_s, eyes[:, :, order]).values.unflatten(1, (2, 3))
    torch.testing.assert_close(other, first[:, :, order])


def test_frames_outside_of_faces_say_nothing(people):
    video, mask, times_s, eyes = window(faces=1)
    changed = video.clone()
    changed[..., 110:] = 255 - changed[..., 110:]  # right of the only face
    first, other = (people(v, mask, times_s, eyes).values for v in (video, changed))
    torch.testing.assert_close(first, other)
    changed[..., 40:80, 30:60] = 0
    assert not torch.allclose(first, people(changed, mask, times_s, eyes).values)


def test_without_a_face_there_is_no_token(people):
    video, mask, times_s, eyes = window(faces=0)
    tokens = people(video, mask, times_s, eyes)
    assert not tokens.mask.any() and not tokens.values.any()


def test_gradients_reach_the_pixels_of_faces_alone(people):
    video, mask, times_s, eyes = window(faces=1)
    pixels = (video.float() / 255).requires_grad_()
    people(pixels, mask, times_s, eyes).values.square().sum().backward()
    reached = pixels.grad.abs().sum((0, 2))  # (T, H, W)
    assert bool(reached[0, 40:80, 40:60].any()) and not reached[0, :, 110:].any()
    assert not reached[1].any(), "this frame is not read"
