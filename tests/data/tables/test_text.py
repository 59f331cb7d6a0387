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
    with pytest.raises(CorpusError, match="has 3 MB; expected a table of at most 2 MB"):
        read_bytes(path, "there")


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_western_letters_decide_between_western_encodings(encoding):
    found = possible_texts("Ärger, Freude, Überraschung, schön".encode(encoding), "labels.csv")
    assert found[0].encoding == encoding


def test_one_text_where_a_mark_or_utf8_decides():
    assert [t.encoding for t in possible_texts("Ä".encode(), "x")] == ["utf-8"]
    assert [t.encoding for t in possible_texts("Ä".encode("utf-16"), "x")] == ["utf-16"]
