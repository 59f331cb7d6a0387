"""Where a corpus lies: folders in other capitals, unpacked twice or elsewhere; its text files."""

import os

import pytest

from emo_core.data.corpus import (
    CorpusError,
    files_by_stem,
    find_folder,
    read_text,
    refuse_misplaced,
)


def test_a_folder_is_found_in_any_capitals(tmp_path):
    (tmp_path / "raw" / "videos").mkdir(parents=True)
    assert find_folder(tmp_path, "Labels", "Raw/Videos") == tmp_path / "raw" / "videos"
    assert find_folder(tmp_path, "Labels") is None


def test_of_two_capitals_the_one_that_is_meant_is_taken(tmp_path):
    for name in ("train", "Train"):
        (tmp_path / name).mkdir()
    assert find_folder(tmp_path, "Train") == tmp_path / "Train"
    assert find_folder(tmp_path, "TRAIN") is None  # either may be meant


def test_an_archive_unpacked_into_its_own_name_is_entered(tmp_path):
    inner = tmp_path / "Train" / "Train" / "Train"
    inner.mkdir(parents=True)
    (tmp_path / "Train" / "__MACOSX").mkdir()
    (tmp_path / "Train" / ".DS_Store").write_bytes(b"")
    assert find_folder(tmp_path, "Train") == inner
    (tmp_path / "Train" / "1_2.mp4").write_bytes(b"")  # then the outer one is no mere wrapping
    assert find_folder(tmp_path, "Train") == tmp_path / "Train"


@pytest.mark.parametrize("given", [".", "Corpus", "Corpus/Corpus/Train"])
def test_a_corpus_that_lies_elsewhere_is_named(tmp_path, given):
    place = tmp_path / "Corpus" / "Corpus"
    (place / "Train").mkdir(parents=True)
    with pytest.raises(CorpusError) as caught:
        refuse_misplaced(tmp_path / given, "Val", "Train")
    assert str(caught.value).endswith(f"give {place}.") and "Train" in str(caught.value)


def test_a_folder_with_links_in_a_circle_is_looked_through(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    refuse_misplaced(tmp_path, "Train")


def test_files_have_an_ending_in_any_capitals(tmp_path):
    for name in ("a.mp4", "b.MP4", "c.avi", "._a.mp4", ".mp4"):
        (tmp_path / name).write_bytes(b"")
    assert files_by_stem(tmp_path, ".mp4") == {"a": tmp_path / "a.mp4", "b": tmp_path / "b.MP4"}
    (tmp_path / "a.MP4").write_bytes(b"")
    assert files_by_stem(tmp_path, ".mp4")["a"] == tmp_path / "a.mp4"
    assert files_by_stem(tmp_path / "none", ".mp4") == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_file_may_be_what_windows_saves(tmp_path, encoding):
    path = tmp_path / "x.txt"
    path.write_bytes("Vid_name Label\n2_2 1".encode(encoding))
    assert read_text(path, "here") == "Vid_name Label\n2_2 1"


def test_what_is_no_text_file_says_why(tmp_path):
    path = tmp_path / "x.txt"
    with pytest.raises(CorpusError, match="x.txt is missing; expected it here"):
        read_text(path, "here")
    path.write_bytes("Café".encode("cp1252"))
    with pytest.raises(CorpusError, match=r"not a text file in UTF-8 \(from byte 3 on\)"):
        read_text(path, "here")
    os.remove(path)
    path.mkdir()
    with pytest.raises(CorpusError, match=r"x.txt can't be read \(Is a directory\)"):
        read_text(path, "here")
