"""What `emo data check` says of clips, faceless, silent or linked; what it opens and how often."""

import os
import shutil
from collections import Counter
from dataclasses import replace

import pytest

from emo_core.corpora import read_corpus
from emo_core.data import cache, checks
from emo_core.data.checks import check_corpus, content_report, inspect_items, leaks, repeats
from emo_core.data.corpus import Corpus, Item
from tests.support import media_files as media
from tests.support.clip_folders import put_clip, read_own


def corpus_of(root, *names: str, split: str = "train") -> Corpus:
    items = [Item(name, root / f"{name}.mp4", split, "x", name) for name in names]
    return Corpus("vgaf", root, ("x",), tuple(items))


@pytest.fixture
def opened(monkeypatch) -> Counter:
    """How often each file is opened by the check."""
    counts: Counter = Counter()
    plain = checks.open_clip
    monkeypatch.setattr(
        checks, "open_clip", lambda item: counts.update([item.path.name]) or plain(item)
    )
    return counts


@pytest.fixture
def hashed(monkeypatch) -> Counter:
    """How often the content of each file is read."""
    counts: Counter = Counter()
    plain = cache.content_key
    monkeypatch.setattr(
        cache, "content_key", lambda path: counts.update([path.name]) or plain(path)
    )
    return counts


def test_a_file_is_opened_once_for_all_its_rows(tmp_path, opened, hashed):
    rows = [f"{'ab'[i % 2]}.mp4,{'xyz'[i % 3]},{i / 100},{i / 100 + 0.2}" for i in range(60)]
    table = "file,label,start_s,end_s\n" + "\n".join(rows)
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    told = []
    report = check_corpus(corpus, lambda *done: told.append(done), own=True)
    assert opened == {"a.mp4": 1, "b.mp4": 1} and hashed == {"a.mp4": 1, "b.mp4": 1}
    assert told == [(n, 60) for n in range(1, 61)]
    assert report["undecodable"] == report["silent"] == []
    assert sum(part["clips"] for part in report["splits"].values()) == 60


def test_hard_links_count_as_clips_and_are_read_once(tmp_path, opened, hashed):
    put_clip(tmp_path / "c0.mp4")
    for i in range(1, 30):
        os.link(tmp_path / "c0.mp4", tmp_path / f"c{i}.mp4")
    told = []
    corpus = corpus_of(tmp_path, *(f"c{i}" for i in range(30)))
    report = check_corpus(corpus, lambda *done: told.append(done))
    assert report["splits"]["train"]["clips"] == 30 and len(told) == 30
    assert sum(opened.values()) == 1 and not hashed
    assert report["problems"] == ["c0, c1, c2 and 27 more are the same file."]


def test_a_broken_link_is_named_by_its_own_name(tmp_path):
    (tmp_path / "c0.mp4").write_bytes(b"no film")
    os.link(tmp_path / "c0.mp4", tmp_path / "c1.mp4")
    report = check_corpus(corpus_of(tmp_path, "c0", "c1", "gone"))
    assert report["undecodable"] == ["c0", "c1", "gone"]
    for name, problem in zip(("c0", "c1", "gone"), report["problems"], strict=True):
        assert problem.startswith(f"{name}: {name}.mp4")


def test_different_clips_are_not_read_for_their_content(tmp_path, hashed):
    for i in range(4):
        put_clip(tmp_path / f"{'c' * (i + 1)}.mp4")
    assert check_corpus(corpus_of(tmp_path, "c", "cc", "ccc", "cccc"))["problems"] == []
    assert not hashed


def test_the_same_file_on_two_sides_is_a_leak(tmp_path):
    put_clip(tmp_path / "a.mp4")
    shutil.copy(tmp_path / "a.mp4", tmp_path / "b.mp4")
    corpus = corpus_of(tmp_path, "a", "b")
    assert repeats(corpus.items) == ["a and b are the same file."]
    across = [corpus.items[0], replace(corpus.items[1], split="test")]
    assert repeats(across) == ["a and b are the same file; across splits this is a leak."]
    assert repeats(across, {"b"}) == []
    crossing = replace(corpus, items=tuple(replace(i, group="g") for i in across))
    assert leaks(crossing) == ["source g is in test and train; expected every source in one split."]


def test_own_clips_under_two_names_are_told_once(tmp_path):
    put_clip(tmp_path / "a.mp4", same=True)
    corpus = read_own(tmp_path, "file,label\na.mp4,x\nb.mp4,y\nc.mp4,y\n", "c.mp4")
    put_clip(tmp_path / "b.mp4", same=True)
    corpus = read_corpus("folder", tmp_path)
    problems = check_corpus(corpus, own=True)["problems"]
    assert sum("are the same file" in problem for problem in problems) == 1


def test_of_one_fault_in_many_rows_twenty_are_shown(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film")
    items = [
        Item(f"a{i}", tmp_path / "a.mp4", "train", "x", "a", span_s=(i, i + 1)) for i in range(99)
    ]
    report = check_corpus(Corpus("vgaf", tmp_path, ("x",), tuple(items)))
    assert len(report["problems"]) == 21 and len(report["undecodable"]) == 99
    assert report["problems"][-1] == "And 79 more clips that can't be used."


def test_each_side_of_a_file_is_opened_by_itself(tmp_path, opened):
    put_clip(tmp_path / "a.mp4")
    items = tuple(
        Item(f"{side}{i}", tmp_path / "a.mp4", "train", "x", "a", span_s=(0.0, 0.5))
        for i in range(3)
        for side in "LR"
    )
    corpus = Corpus("vgaf", tmp_path, ("x",), items, viewpoint=lambda item: item.name[0])
    assert len(inspect_items(corpus)) == 6 and opened == {"a.mp4": 2}


@pytest.fixture
def own_corpus(tmp_path, drawn):
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


def test_what_clips_hold_is_told(own_corpus):
    report = check_corpus(own_corpus, own=True)
    assert report["no_picture"] == report["long"] == ["x/voice_1"]
    assert {"x/plain_1", "y/mute_1", "y/silent_1"} <= set(report["no_face"])
    assert report["silent"] == ["y/silent_1"] and report["no_sound"] == ["y/mute_1"]
    notes = "\n".join(report["notes"])
    assert "Clips that are silent or have no sound track: 2" in notes and "longer than 5 s" in notes
    assert "have no picture: only their sound is used" in notes
    assert "recipes that read faces" in notes and not report["undecodable"]


def test_of_many_clips_some_are_searched_for_faces(own_corpus, monkeypatch):
    monkeypatch.setattr(checks, "MOST_SEARCHED", 2)
    report = check_corpus(own_corpus, own=True)
    assert len(report["no_face"]) < 2 and report["long"] == ["x/voice_1"]
    found = inspect_items(own_corpus, own=True)
    assert sum(one.has_face is not None for one in found) < 3
    notes, _ = content_report(own_corpus.items, [one._replace(has_face=False) for one in found])
    assert "5 of 5 clips that were searched show no face" in notes[0]
