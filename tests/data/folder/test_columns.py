"""Which columns a table has, in the words of several programs."""

import pytest

from emo_core.data.folder.columns import is_media_name, kind_of
from emo_core.data.tables.aliases import ALIASES
from emo_core.data.tables.rows import normalized


def test_every_header_means_one_column():
    words = [word for names in ALIASES.values() for word in names]
    assert len(words) == len(set(words)) and all(normalized(word) == word for word in words)


@pytest.mark.parametrize(("text", "is_name"), [("a.MP4", True), ("a.b.wav", True), (".mp4", False)])
def test_media_names(text, is_name):
    assert is_media_name(text) is is_name and callable(kind_of)
