"""Folders of numbered pictures: their order, the picture at a time, sound or none, bad files."""

import cv2
import numpy as np
import pytest

from emo_core.clip import ClipError, load_clip
from emo_core.data.image_sequence import image_number, load_image_sequence, read_image
from tests.support.predictions import write_clip

GREY = 20  # a picture's grey level is this much times its number


@pytest.fixture
def folder(tmp_path):
    """Pictures 1, 2 and 10 of 16x12 pixels; 10 comes before 2 by letters."""
    for number in (10, 2, 1):
        cv2.imwrite(
            str(tmp_path / f"image_{number}.jpg"), np.full((12, 16, 3), GREY * number, "u1")
        )
    cv2.imwrite(str(tmp_path / "other_3.jpg"), np.zeros((12, 16, 3), "u1"))
    (tmp_path / "._image_4.jpg").write_bytes(b"left by another system")
    return tmp_path


def numbers(pixels):
    return (pixels.mean((1, 2, 3)) / GREY).round().astype(int).tolist()


def test_pictures_come_in_the_order_of_their_numbers(folder):
    clip = load_image_sequence(folder, 2.0, "image_")
    assert [path.stem for path in clip.images] == ["image_1", "image_2", "image_10"]
    assert clip.size == (16, 12) and clip.duration_s == 1.5 and not clip.has_audio


@pytest.mark.parametrize(
    ("time_s", "shown"), [(-3, 1), (0, 1), (0.49, 1), (0.5, 2), (0.99, 2), (1.0, 10), (99, 10)]
)
def test_a_picture_stays_until_the_next(folder, time_s, shown):
    clip = load_image_sequence(folder, 2.0, "image_")
    assert numbers(clip.frames([time_s])) == [shown]


def test_times_may_repeat_and_go_back_and_say_when_a_picture_began(folder):
    decoded = load_image_sequence(folder, 2.0, "image_").read_frames([1.2, 0.1, 1.2, 0.6], (8, 6))
    assert decoded.pixels.shape == (4, 6, 8, 3) and numbers(decoded.pixels) == [10, 1, 10, 2]
    assert decoded.times_s.tolist() == [1.0, 0.0, 1.0, 0.5]


def test_colours_are_red_green_blue_and_pictures_take_the_size_of_the_first(folder):
    cv2.imwrite(str(folder / "image_11.jpg"), np.full((24, 32, 3), (0, 0, 200), "u1"))
    red = load_image_sequence(folder, 2.0, "image_").frames([1.5])
    assert red.shape == (1, 12, 16, 3)
    np.testing.assert_allclose(red[0, 6, 8], (200, 0, 0), atol=6)


def test_sound_beside_the_pictures_is_heard_and_silence_has_the_right_length(folder):
    silent = load_image_sequence(folder, 2.0, "image_").audio(8000, 0.25)
    assert silent.shape == (10_000,) and silent.dtype == np.float32 and not silent.any()
    write_clip(folder / "audio.wav", 1.5, picture=False)
    clip = load_image_sequence(folder, 2.0, "image_")
    assert clip.has_audio
    heard = load_clip(folder / "audio.wav").audio(16_000, 0.5, 1.0)
    np.testing.assert_array_equal(clip.audio(16_000, 0.5, 1.0), heard)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("name", "number"), [("image_L_12", 12), ("007", 7), ("a1b", -1)])
def test_the_number_is_what_the_name_ends_with(tmp_path, name, number):
    assert image_number(tmp_path / f"{name}.jpg") == number


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_what_is_no_picture_is_one_sentence(folder, content):
    if content is not None:
        (folder / "bad.jpg").write_bytes(content)
    with pytest.raises(ClipError, match=r"/bad\.jpg: can't be read; expected a picture"):
        read_image(folder / "bad.jpg")


def test_a_folder_without_pictures_is_one_sentence(folder):
    with pytest.raises(ClipError, match=r"no picture face\*\.jpg in this folder"):
        load_image_sequence(folder, 2.0, "face")
