"""Faceless, silent, long clips and sound alone are told, with what follows."""

import shutil

import pytest

from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus, inspect_items
from emo_core.data.folder import contents
from emo_core.data.folder.contents import content_report
from tests.support import media_files as media
from tests.support.clip_folders import put_clip


@pytest.fixture
def corpus(tmp_path, drawn):
    root = tmp_path / "own"
    put_clip(root / "x" / "plain_1.mp4")
    put_clip(root / "y" / "mute_1.mp4", sound=False)
    shutil.copy(sorted((drawn / "Val").glob("*.mp4"))[0], root / "x" / "people_1.mp4")
    media.write(
        root / "y" / "silent_1.mp4",
        media.Picture(media.regular(25)),
        media.Sound(seconds=1.0, beeps_s=()),
    )
    media.write(root / "x" / "voice_1.wav", None, media.Sound(codec="pcm_s16le", seconds=7.0))
    return read_corpus("folder", root)


def test_what_clips_hold_is_told(corpus):
    report = check_corpus(corpus, own=True)
    assert report["no_picture"] == report["long"] == ["x/voice_1"]
    assert {"x/plain_1", "y/mute_1", "y/silent_1"} <= set(report["no_face"])
    assert report["silent"] == ["y/silent_1"] and report["no_sound"] == ["y/mute_1"]
    notes = "\n".join(report["notes"])
    assert "2 clips are silent or have no sound track" in notes and "last longer than 5 s" in notes
    assert "have no picture: only their sound is learnt from" in notes
    assert "recipes that read faces" in notes and not report["undecodable"]


def test_of_many_clips_some_are_searched_for_faces(corpus, monkeypatch):
    monkeypatch.setattr(contents, "MOST", 2)
    report = check_corpus(corpus, own=True)
    assert len(report["no_face"]) < 2 and report["long"] == ["x/voice_1"]
    found = inspect_items(corpus, own=True)
    assert sum(one.has_face is not None for one in found) < 3
    notes, _ = content_report(corpus.items, [one._replace(has_face=False) for one in found])
    assert "5 of 5 clips that were looked at show no face" in notes[0]
