"""A record's list of files and its archives, as published and damaged; localhost only."""

import io
import json
import zipfile

import pytest

from emo_core.data.open_corpora.zenodo import record_files, unpack_archive
from emo_core.io.transfer import TransferError
from tests.support.file_server import serving

MD5 = "3c42877921cc08cfb5c841a0f2cb94a7"


def record(*entries: dict) -> bytes:
    return json.dumps({"id": 1188976, "metadata": {}, "files": list(entries)}).encode()


def entry(name: str, **changed) -> dict:
    url = f"http://127.0.0.1/api/records/1188976/files/{name}/content"
    said = {"key": name, "size": 12, "checksum": f"md5:{MD5}", "links": {"self": url}}
    return {**said, **changed}


def listed(content: bytes, wanted: str = r"Video_.*\.zip"):
    with serving() as site:
        return record_files(site.put("/api/records/1188976", content), wanted)


def test_the_files_that_are_wanted_come_with_size_and_checksum():
    names = ("Video_Speech_Actor_02.zip", "Video_Speech_Actor_01.zip", "Audio_Speech.zip")
    found = listed(record(*map(entry, names)))
    assert [f.name for f in found] == sorted(names[:2])
    assert (found[0].size, found[0].digest) == (12, f"md5:{MD5}")
    assert found[0].url.endswith("/Video_Speech_Actor_01.zip/content")


@pytest.mark.parametrize("checksum", [None, "", "crc:12", "md5:zz"])
def test_a_file_without_a_known_checksum_is_not_vouched_for(checksum):
    (found,) = listed(record(entry("Video_a.zip", checksum=checksum)))
    assert found.digest == ""


def test_a_name_cannot_lead_elsewhere():
    (found,) = listed(record(entry("../../Video_a.zip")))
    assert found.name == "Video_a.zip"


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]", b'{"files": [{"key": "a"}]}'])
def test_what_is_no_record_is_one_sentence(content):
    with pytest.raises(TransferError, match="did not send a list of files; expected the name"):
        listed(content)


def test_a_record_without_the_files_says_so():
    with pytest.raises(TransferError, match="lists 1 files, but none with the expected name"):
        listed(record(entry("other.zip")))


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as into:
        for name in names:
            into.writestr(name, name.encode() * 100)
    return made.getvalue()


def test_an_archive_becomes_a_folder_whole_or_not_at_all(tmp_path):
    path = tmp_path / "Video_Speech_Actor_01.zip"
    path.write_bytes(archive("Actor_01/01-01-01-01-01-01-01.mp4"))
    for _ in range(2):  # a folder of an earlier try is taken over
        unpack_archive(path, path.with_suffix(""))
        files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.mp4")]
        assert files == ["Video_Speech_Actor_01/Actor_01/01-01-01-01-01-01-01.mp4"]
    assert {p.name for p in tmp_path.iterdir()} == {path.name, "Video_Speech_Actor_01"}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x"])
def test_an_archive_that_would_write_elsewhere_is_not_unpacked(tmp_path, name):
    (tmp_path / "a.zip").write_bytes(archive("good", name))
    with pytest.raises(TransferError, match="outside its folder"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "a")
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}


def test_a_damaged_archive_is_one_sentence(tmp_path):
    whole = bytearray(archive("Actor_01/a.mp4"))
    whole[60] ^= 255  # inside the content: its checksum is wrong
    (tmp_path / "a.zip").write_bytes(bytes(whole))
    with pytest.raises(TransferError, match=r"a\.zip can't be unpacked \(Bad CRC-32"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "a")
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}


def test_an_archive_that_grows_without_measure_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr("a.mp4", bytes(50 << 20))
    with pytest.raises(TransferError, match="would unpack from"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "a")
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}


def test_an_archive_without_room_is_not_begun(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(archive("a.mp4"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Disk", (), {"free": 10}))
    with pytest.raises(TransferError, match="make room and run the same command"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "a")


def test_a_locked_or_broken_archive_is_one_sentence(tmp_path):
    path = tmp_path / "a.zip"
    whole = bytearray(archive("a.mp4"))
    for at in (whole.index(b"PK\x03\x04") + 6, whole.index(b"PK\x01\x02") + 8):
        whole[at] |= 1  # says that it is encrypted
    path.write_bytes(bytes(whole))
    with pytest.raises(TransferError, match=r"can't be unpacked \(.*password"):
        unpack_archive(path, tmp_path / "a")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr("a.mp4", bytes(range(256)) * 50)
    whole = bytearray(path.read_bytes())
    whole[36:40] = b"\xff\xff\xff\xff"  # in the compressed content
    path.write_bytes(bytes(whole))
    with pytest.raises(TransferError, match=r"a\.zip can't be unpacked"):
        unpack_archive(path, tmp_path / "a")


def test_a_name_of_nothing_is_no_crash(tmp_path):
    (tmp_path / "a.zip").write_bytes(archive(".", "b.mp4"))
    with pytest.raises((TransferError, OSError)):  # not IndexError
        unpack_archive(tmp_path / "a.zip", tmp_path / "a")
