"""Clips as films for every browser: length, size, and picture and sound in step."""

import av
import pytest

from emo_core.clip import load_clip
from emo_core.viz.film import SIDE, write_film
from tests.support.predictions import write_clip, write_people_clip


@pytest.mark.parametrize(("picture", "sound"), [(True, True), (True, False), (False, True)])
def test_a_film_has_what_the_clip_has(tmp_path, picture, sound):
    source = write_clip(tmp_path / "in.mp4", 2.0, picture=picture, sound=sound)
    out = tmp_path / "out.webm"
    write_film(out, load_clip(source))
    made = load_clip(out)
    assert (made.has_video, made.has_audio) == (picture, sound)
    assert made.duration_s == pytest.approx(2.0, abs=0.1)
    with av.open(str(out)) as film:
        names = {stream.codec_context.name for stream in film.streams}
    assert names <= {"vp8", "libvpx", "opus", "libopus"}


def test_a_film_is_small_and_upright(tmp_path):
    out = tmp_path / "out.webm"
    write_film(out, load_clip(write_people_clip(tmp_path / "phone.mp4", 1.0, portrait=True)))
    width, height = load_clip(out).size
    assert max(width, height) <= SIDE and height > width


def test_a_film_that_is_stopped_leaves_nothing(tmp_path):
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_film(
            tmp_path / "out.webm", load_clip(write_people_clip(tmp_path / "in.mp4", 2.0)), stop
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
