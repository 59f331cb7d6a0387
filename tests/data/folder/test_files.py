"""An index of clips: endings, links, what is no clip."""

import os

import pytest

from emo_core.data.folder.files import ClipIndex, ending, folded, without_ending


def test_names_are_compared_without_capitals_and_endings():
    assert folded("JU\u0308RGEN") == "jürgen" and ending("a.b.MP4") == "mp4"
    assert without_ending("a.001") == "a.001" and without_ending("a.001.mp4") == "a.001"


def test_links_to_folders_are_followed_and_circles_end(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.mp4").write_bytes(b"x")
    root = tmp_path / "own"
    root.mkdir()
    (root / "clips").symlink_to(tmp_path / "store")
    (root / "again").symlink_to(root)
    index = ClipIndex(root)
    assert [index.name(path) for path in index.paths] == ["clips/a.mp4"]
    assert index.find("A").name == "a.mp4" and index.count_known(["a", "b"]) == 1
    with pytest.raises(ValueError, match="'b' is not in own; expected the name of a clip"):
        index.find("b")


def test_links_that_cross_each_other_count_no_clip_twice(tmp_path):
    for label in ("happy", "sad", "tired"):
        (tmp_path / label).mkdir()
        (tmp_path / label / f"{label}.mp4").write_bytes(label.encode())
        for other in ("happy", "sad", "tired"):
            (tmp_path / label / f"to_{other}").symlink_to(f"../{other}")
    index = ClipIndex(tmp_path)
    assert [index.name(path) for path in index.paths] == [
        f"{label}/{label}.mp4" for label in ("happy", "sad", "tired")
    ]
    assert len(index.skipped) == 9 and "'happy/to_happy' links to a folder" in index.skipped[0]


def test_what_only_looks_like_a_clip_is_told(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for ever
    (tmp_path / "b.vob").write_bytes(b"x")
    (tmp_path / "._a.mp4").write_bytes(b"x")
    with open(os.fsencode(tmp_path) + b"/f\xfc.mp4", "wb") as file:
        file.write(b"x")
    index = ClipIndex(tmp_path)
    assert [path.name for path in index.paths] == ["a.mp4"] and [p.name for p in index.others] == [
        "b.vob"
    ]
    told = "\n".join(index.skipped)
    assert "'gone.mp4' is a broken link" in told and "'pipe.mp4' is not a file" in told
    assert "has a name that is not UTF-8" in told and told.encode()


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.mp4").write_bytes(b"x")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    told = ClipIndex(tmp_path).skipped
    assert told == [
        "the folder 'shut' can't be read (Permission denied); its clips are left out; check "
        "its permissions."
    ]
