"""Manifests and object stores: one row a name, whatever is wrong with it."""

import errno
import os

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from emo_core.batch.names import AskedRow, BatchError, is_manifest, list_url, read_manifest


def test_tables_of_clips_keep_ids_order_and_duplicates(tmp_path):
    expected = [
        AskedRow(str(tmp_path / "b.mp4"), "7"),
        AskedRow("/abs/a.mp4", "8"),
        AskedRow(str(tmp_path / "b.mp4"), "7"),
        AskedRow("s3://bucket/c.mp4", "9"),
    ]
    clips = ["b.mp4", "/abs/a.mp4", "b.mp4", "s3://bucket/c.mp4"]
    ids = ["7", "8", "7", "9"]
    for name, mark in (("a.csv", ","), ("a.tsv", "\t")):
        lines = [mark.join(("note", "id", "clip"))]
        lines += [mark.join(("x", one, clip)) for one, clip in zip(ids, clips, strict=True)]
        (tmp_path / name).write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
        assert is_manifest(name) and list(read_manifest(str(tmp_path / name))) == expected
    table = pa.table({"id": [7, 8, 7, 9], "file": clips})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert list(read_manifest(str(tmp_path / "a.parquet"))) == expected


def test_a_row_without_a_name_is_a_row_with_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("clip,id\na.mp4,1\n,2\n")
    first, second = read_manifest(str(tmp_path / "a.csv"))
    assert not first.error and first.id == "1"
    assert second.id == "2" and second.error.startswith("row 2 of ")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"name,id\n", "has the columns name, id; expected one named clip"),
        ("a.csv", b"", "has the columns none"),
        ("a.csv", b"clip\n\xff\xfe.mp4\n", "can't be read as a table of clips"),
        ("a.parquet", b"PAR1 no", "can't be read as a table of clips"),
        ("gone.csv", None, "can't be read as a table of clips (No such file or directory)"),
    ],
)
def test_other_tables_are_refused_in_a_sentence(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BatchError) as caught:
        list(read_manifest(str(tmp_path / name)))
    assert words in str(caught.value)


def test_a_large_table_is_a_stream(tmp_path):
    """The first row is there although a later one can't be read."""
    (tmp_path / "a.csv").write_bytes(b"clip\n" + b"a.mp4\n" * 100_000 + b"\xff\n")
    rows = read_manifest(str(tmp_path / "a.csv"))
    assert next(rows).clip == str(tmp_path / "a.mp4")
    with pytest.raises(BatchError):
        list(rows)


def test_addresses_mean_a_clip_a_pattern_or_what_lies_below():
    store = fsspec.filesystem("memory")
    for name in ("/names/a/x.mp4", "/names/a/y.txt", "/names/b/z.webm"):
        store.pipe(name, b"0")
    urls = {"memory:///names/a/x.mp4", "memory:///names/b/z.webm"}
    assert {row.clip for row in list_url("memory://names")} == urls
    assert {row.clip for row in list_url("memory://names/*/z.*")} == {"memory:///names/b/z.webm"}
    assert list(list_url("memory://names/a/x.mp4")) == [AskedRow("memory://names/a/x.mp4")]
    (none,) = list_url("memory://names/*.mov")
    assert "holds no clips" in none.error


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
