"""Tables of clips, as people's programs write them: one row a line, whatever is wrong with it."""

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emo_core.batch.manifests import is_manifest, read_manifest
from emo_core.batch.names import AskedRow, BatchError
from emo_core.cli.clip_names import batch_names


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
        ("a.csv", b"clip,clip\na.mp4,b.mp4\n", "(two columns are named clip)"),
        ("a.csv", b"\xff\xfec\0l\0i\0p\0\n", "can't be read as a table of clips"),
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
    (tmp_path / "a.csv").write_bytes(b"clip\n" + b"a.mp4\n" * 100_000 + b"a" * 200_000)
    rows = read_manifest(str(tmp_path / "a.csv"))
    assert next(rows).clip == str(tmp_path / "a.mp4")
    with pytest.raises(BatchError):
        list(rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_tables_of_other_programs_are_read(tmp_path, encoding, mark):
    text = f'id{mark}Clip \r\n007{mark}"Müller{mark} 1.mp4"\r\n\r\n"08"{mark}b.mp4\r\n'
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    expected = [AskedRow(str(tmp_path / f"Müller{mark} 1.mp4"), "007")]
    assert list(read_manifest(str(tmp_path / "a.csv"))) == [
        *expected,
        AskedRow(str(tmp_path / "b.mp4"), "08"),
    ]
    (tmp_path / "a.csv").write_bytes(f"sep={mark}\r\n{text}".encode(encoding))
    assert list(read_manifest(str(tmp_path / "a.csv")))[:1] == expected


def test_a_name_with_a_bare_delimiter_is_a_row_with_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("clip,id\na, b.mp4,1\nc.mp4,2,\nd.mp4\n")
    first, second, third = read_manifest(str(tmp_path / "a.csv"))
    assert "row 1 of " in first.error and "has 3 cells, the header 2" in first.error
    assert not second.error and second.id == "2"  # what ends in a delimiter has no more cells
    assert not third.error and third.id == ""


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_columns_of_other_types_are_names(tmp_path, kind):
    names = ["a.mp4", None, "ü.mp4"]
    pq.write_table(
        pa.table({"clip": pa.array(names, pa.string()).cast(kind), "id": [b"07", None, b"8"]}),
        tmp_path / "a.parquet",
    )
    first, second, third = read_manifest(str(tmp_path / "a.parquet"))
    assert first == AskedRow(str(tmp_path / "a.mp4"), "07")
    assert "row 2" in second.error and (second.clip, second.id) == ("", None)
    assert third == AskedRow(str(tmp_path / "ü.mp4"), "8")


def test_a_column_that_holds_no_names_is_refused(tmp_path):
    pq.write_table(pa.table({"clip": [{"path": "a.mp4", "n": 1}]}), tmp_path / "a.parquet")
    with pytest.raises(BatchError, match=r"its column clip holds struct<"):
        list(read_manifest(str(tmp_path / "a.parquet")))


def test_tables_in_a_store_are_read_there():
    store = fsspec.filesystem("memory")
    store.pipe("/tables/a.csv", b"clip,id\nx/a.mp4,1\n../b.mp4,2\n/abs/c.mp4,3\ns3://o/d.mp4,4\n")
    with store.open("/tables/a.parquet", "wb") as file:
        pq.write_table(pa.table({"clip": ["x/a.mp4", "../b.mp4"], "id": [1, 2]}), file)
    rows = [AskedRow("memory://tables/x/a.mp4", "1"), AskedRow("memory://b.mp4", "2")]
    others = [AskedRow("/abs/c.mp4", "3"), AskedRow("s3://o/d.mp4", "4")]
    assert list(batch_names(["memory://tables/a.csv"], None)) == rows + others
    assert list(batch_names(["memory://tables/a.parquet"], None)) == rows
    with pytest.raises(BatchError, match=r"memory://tables/gone.csv can't be read as a table"):
        list(batch_names(["memory://tables/gone.csv"], None))
