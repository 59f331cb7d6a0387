"""A file is opened once for all parts of it; each part's faults are its own."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emo_core.clip import ClipError, DecodedFrames, load_clip
from emo_core.data import inspection
from emo_core.data.corpus import Item
from emo_core.data.inspection import Inspection, inspect_file, open_clip
from tests.support import media_files as media


class Scripted:
    """A recording of a minute whose picture or sound fails within some seconds."""

    text, duration_s, size, has_video, has_audio = None, 60.0, (64, 48), True, True

    def __init__(self, no_picture=(), no_sound=(), loud=()) -> None:
        self.no_picture, self.no_sound, self.loud = no_picture, no_sound, loud
        self.opened: Counter = Counter()

    @staticmethod
    def within(first_s: float, last_s: float, stretches) -> bool:
        return any(first_s < end and last_s >= start for start, end in stretches)

    def read_frames(self, times_s, size=None) -> DecodedFrames:
        return next(self.read_in_turn([times_s], size))

    def read_in_turn(self, stretches, size=None):
        self.opened["picture"] += 1
        width, height = size or self.size
        for times_s in stretches:
            times = np.array(list(times_s))
            if self.within(times.min(), times.max(), self.no_picture):
                raise ClipError("the picture stopped decoding; record the file again.")
            yield DecodedFrames(np.zeros((len(times), height, width, 3), np.uint8), times)

    def audio(self, rate, start_s=0.0, end_s=None):
        self.opened["sound"] += 1
        end_s = self.duration_s if end_s is None else end_s
        if self.within(start_s, end_s - 1e-6, self.no_sound):
            raise ClipError("the sound stopped decoding; record the file again.")
        times = start_s + np.arange(round((end_s - start_s) * rate)) / rate
        wave = np.zeros(len(times), np.float32)
        for start, end in self.loud:
            wave[(times >= start) & (times < end)] = -0.5
        return wave


def parts(*spans: tuple[float, float], path: Path = Path("long.mp4")) -> list[Item]:
    return [Item(f"long@{a}-{b}", path, "train", "x", "long", span_s=(a, b)) for a, b in spans]


def inspected(items: list[Item], clip, **more) -> list[Inspection]:
    found = dict(inspect_file(items, lambda item: clip, **more))
    return [found[i] for i in range(len(items))]


def test_many_parts_are_read_in_one_go_whatever_their_order():
    starts = np.random.default_rng(0).permutation(200) / 4
    clip = Scripted(loud=[(10.0, 12.0)])
    items = parts(*[(float(s), float(s) + 1.5) for s in starts])
    found = inspected(items, clip)
    assert clip.opened["picture"] == 1 and clip.opened["sound"] <= 2
    for start_s, one in zip(starts, found, strict=True):
        heard = start_s < 12 and start_s + 1.5 > 10
        assert one == Inspection("", "sound" if heard else "silent", 1.5, True, None)


def test_a_fault_belongs_to_the_parts_that_hold_it():
    items = parts((0, 10), (20, 30), (22, 24), (40, 50), (58, 70))
    clip = Scripted(no_picture=[(19.0, 21.0)], no_sound=[(23.0, 23.5)], loud=[(0.0, 60.0)])
    whole, picture, sound, good, late = inspected(items, clip)
    assert whole.sound == good.sound == "sound" and not whole.problem
    assert "long@20-30: the sound stopped decoding" in picture.problem  # both are broken there
    assert sound.problem.startswith("long@22-24: the sound stopped")
    assert "58.0 to 70.0 s, but long.mp4 ends at 60.0 s" in late.problem


def test_pictures_after_a_broken_one_are_still_read():
    items = parts((0, 10), (20, 30), (40, 50))
    clip = Scripted(no_picture=[(19.0, 21.0)])
    problems = [one.problem for one in inspected(items, clip)]
    assert problems == [
        "",
        "long@20-30: the picture stopped decoding; record the file again.",
        "",
    ]
    assert clip.opened["picture"] == 2


def test_distant_sounds_are_not_read_with_what_lies_between():
    clip = Scripted(loud=[(25.0, 30.0)])
    found = inspected(parts((0, 5), (50, 55)), clip)
    assert [one.sound for one in found] == ["silent", "silent"] and clip.opened["sound"] == 2


def test_faces_are_looked_for_where_asked(monkeypatch):
    seen = []

    class Tracks:
        mask = np.array([[True]])

    monkeypatch.setattr(inspection, "track_faces", lambda f: seen.append(f.shape) or Tracks())
    clip = Scripted()
    found = inspected(parts((0, 5), (5, 10), (10, 15)), clip, face_search={1})
    assert [one.has_face for one in found] == [None, True, None]
    assert seen == [(3, 48, 64, 3)]


def test_a_film_as_it_lies_on_disk(tmp_path):
    path = media.write(
        tmp_path / "a.mp4",
        media.Picture(media.regular(50)),
        media.Sound(seconds=1.0, tone_hz=440.0),
    )
    items = parts((0.0, 0.5), (1.2, 1.8), (0.9, 1.4), path=path)
    found = [one for _, one in sorted(inspect_file(items))]
    assert [one.sound for one in found] == ["sound", "silent", "sound"]
    assert [one.seconds for one in found] == pytest.approx([0.5, 0.6, 0.5])
    whole = Item("a", path, "train", "x", "a", longest_s=1.0)
    ((_, one),) = inspect_file([whole])
    assert one.seconds == 1.0 and open_clip(whole) == load_clip(path)


def test_what_can_not_be_opened_is_said_of_every_part(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film")
    found = list(inspect_file(parts((0, 1), (1, 2), path=tmp_path / "a.mp4")))
    assert [index for index, _ in found] == [0, 1]
    assert all("a.mp4" in one.problem for _, one in found)
    sound = media.write(
        tmp_path / "b.wav", None, media.Sound(codec="pcm_s16le", seconds=1.0, tone_hz=440.0)
    )
    item = Item("b", sound, "train", "x", "b")
    ((_, one),) = inspect_file([item])
    assert one.problem == "b: it has no picture; expected a video."
    ((_, one),) = inspect_file([item], needs_video=False)
    assert one.sound == "sound" and not one.has_video and not one.problem
