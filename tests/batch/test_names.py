"""Object stores: one row a name, whatever is wrong with it."""

import errno
import os

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from emo_core.batch.names import AskedRow, list_url, store_of


def test_addresses_mean_a_clip_a_pattern_or_what_lies_below():
    store = fsspec.filesystem("memory")
    for name in ("/names/a/x.mp4", "/names/a/y.txt", "/names/b/z.webm"):
        store.pipe(name, b"0")
    urls = {"memory:///names/a/x.mp4", "memory:///names/b/z.webm"}
    assert {row.clip for row in list_url("memory://names")} == urls
    assert {row.clip for row in list_url("memory://names/*/z.*")} == {"memory:///names/b/z.webm"}
    assert {row.clip for row in list_url("memory://names/[a]/?.mp4")} == {"memory:///names/a/x.mp4"}
    assert list(list_url("memory://names/a/x.mp4")) == [AskedRow("memory://names/a/x.mp4")]
    (none,) = list_url("memory://names/*.mov")
    assert "holds no clips" in none.error


def test_folders_of_a_pattern_are_entered_and_none_counts_twice():
    store = fsspec.filesystem("memory")
    for name in ("/deep/day-1/x.mp4", "/deep/day-2/in/y.mp4", "/deep/day-2.mp4"):
        store.pipe(name, b"0")
    names = [
        "memory:///deep/day-1/x.mp4",
        "memory:///deep/day-2.mp4",
        "memory:///deep/day-2/in/y.mp4",
    ]
    for pattern in ("memory://deep/day-*", "memory://deep/**"):
        assert [row.clip for row in list_url(pattern)] == names


def test_names_that_look_like_patterns_or_chains_are_clips():
    store = fsspec.filesystem("memory")
    names = [f"memory:///odd/{name}.mp4" for name in ("[x]", "a::b", "star*", "what?", "50% ü#&")]
    for name in names:
        store.pipe(name, name.encode())
    assert {row.clip for row in list_url("memory://odd")} == set(names)
    for name in names:
        assert list(list_url(name)) == [AskedRow(name)]
        found, path = store_of(name)
        assert found.cat_file(path) == name.encode()


def test_a_clips_address_is_not_asked_for(guarded, monkeypatch):
    """Of a list of a million addresses that would take hours."""
    for asked in ("ls", "info", "exists", "isdir", "find", "glob"):
        monkeypatch.setattr(Guarded, asked, None)
    assert list(list_url("guarded://g/z.mp4")) == [AskedRow("guarded://g/z.mp4")]


class Guarded(MemoryFileSystem):
    """A store with folders that may not be listed."""

    protocol = "guarded"
    find = AbstractFileSystem.find  # folder by folder, as on disks and web servers

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("guarded://", "memory://"))

    def ls(self, path, detail=True, **options):
        if "/secret" in path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return super().ls(path, detail, **options)


@pytest.fixture
def guarded():
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    store = fsspec.filesystem("guarded")
    for name in ("/g/open/a.mp4", "/g/secret/b.mp4", "/g/z.mp4"):
        store.pipe(name, b"0")


def test_a_folder_that_may_not_be_listed_is_a_row_beside_the_others(guarded):
    hidden, *rest = list_url("guarded://g")
    assert hidden.clip == "guarded:///g/secret"
    assert "PermissionError: Permission denied" in hidden.error
    assert [row.clip for row in rest] == ["guarded:///g/open/a.mp4", "guarded:///g/z.mp4"]
    for url in ("guarded://g/secret", "guarded://g/secret/*.mp4"):
        (alone,) = list_url(url)
        assert "PermissionError: Permission denied" in alone.error


def test_an_address_that_is_not_there_is_one_row(tmp_path):
    folder = f"file://{tmp_path}/gone"
    assert list(list_url(folder)) == [AskedRow(folder)]  # opened as a clip, which says why not
    (row,) = list_url(f"{folder}/*.mp4")
    assert row.clip == f"{folder}/*.mp4" and "FileNotFoundError: No such file" in row.error


def test_an_address_that_cant_be_listed_is_a_row_with_its_error():
    (row,) = list_url("nosuchprotocol://bucket/clips")
    assert row.clip == "nosuchprotocol://bucket/clips" and "can't be read" in row.error
