"""A value of a map comes back at the place and time of the input that it was computed from."""

import torch

from emo_core.models.layers.cam import resize_frame_maps, resize_maps


def test_a_map_grows_to_its_input():
    cam = torch.zeros(3, 1, 2, 2)
    cam[1, 0, 0, 1] = 1
    large = resize_maps(cam, (8, 6))
    assert large.shape == (3, 8, 6)
    assert large[1, 0, 5] == large[1].max() == 1 and not large[0].any() and not large[2].any()


def test_frames_of_pieces_of_film_follow_each_other():
    pieces = torch.zeros(2, 1, 3, 2, 2)  # two pieces of four frames each
    pieces[1, :, 2] = 1  # the end of the second
    large = resize_frame_maps(pieces, 8, 4, 4)
    assert large.shape == (8, 1, 4, 4)
    assert large[7].all() and large[7].max() == 1 and not large[:5].any()


def test_frames_read_one_by_one_stay_where_they_are():
    cam = torch.eye(4).view(4, 1, 2, 2)
    torch.testing.assert_close(resize_frame_maps(cam, 4, 2, 2), cam)
