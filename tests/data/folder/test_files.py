"""An index of clips: endings, links, what is no clip."""

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
