"""Bytes of a table: missing, too large, of another encoding."""

import pytest

from emo_core.data.corpus import CorpusError
from emo_core.data.tables import text
from emo_core.data.tables.text import possible_texts, read_bytes


def test_a_missing_table_says_where_it_was_expected(tmp_path):
    with pytest.raises(CorpusError, match="labels.csv can't be read .*expected it in my folder"):
        read_bytes(tmp_path / "labels.csv", "in my folder")


def test_a_table_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MAX_BYTES", 2_000_000)
    path = tmp_path / "labels.csv"
    path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(CorpusError, match="is 3 MB large; expected a table of at most 2 MB"):
        read_bytes(path, "there")


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_western_letters_decide_between_western_encodings(encoding):
    found = possible_texts("Ärger, Freude, Überraschung, schön".encode(encoding), "labels.csv")
    assert found[0].encoding == encoding


def test_one_text_where_a_mark_or_utf8_decides():
    assert [t.encoding for t in possible_texts("Ä".encode(), "x")] == ["utf-8"]
    assert [t.encoding for t in possible_texts("Ä".encode("utf-16"), "x")] == ["utf-16"]


def test_lines_of_two_encodings_are_each_read():
    data = "a,fröh\n".encode() + "b,trüb\n".encode("cp1252")
    assert possible_texts(data, "t")[0].text == "a,fröh\nb,trüb\n"
    assert possible_texts("a,fröh\nb,trüb\n".encode("cp1252"), "t")[0].encoding == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_textgrid_is_told_how_to_become_a_table(tmp_path, encoding):
    path = tmp_path / "labels.csv"
    path.write_bytes('File type = "ooTextFile"\nObject class = "TextGrid"\n'.encode(encoding))
    with pytest.raises(CorpusError, match="is a TextGrid of Praat.*Down to Table"):
        read_bytes(path, "here")
