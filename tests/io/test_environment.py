"""The cache's folder and the switch that forbids the network."""

from pathlib import Path

import pytest

from emo_core.errors import EmoError
from emo_core.io.environment import OFFLINE, CacheFolderError, cache_folder, offline


def homeless():
    raise RuntimeError("Could not determine home directory.")


def test_the_cache_folder_that_was_chosen_needs_no_home(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("EMO_CACHE")
    with pytest.raises(CacheFolderError, match="no home folder.*set EMO_CACHE"):
        cache_folder()
    assert issubclass(CacheFolderError, EmoError), "the command says it as a sentence"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "emo"


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize(
    ("value", "forbidden"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_the_network_is_forbidden_by_either_variable(monkeypatch, name, value, forbidden):
    for other in OFFLINE:
        monkeypatch.delenv(other, raising=False)
    assert not offline()
    monkeypatch.setenv(name, value)
    assert offline() is forbidden
