"""A commit's zip, checked by its tree id, and media asked for by the batch API; localhost only."""

import hashlib
import io
import shutil
import subprocess
import zipfile

import pytest

from emo_core.data.open_corpora.git_lfs import (
    AT_ONCE,
    LfsRepository,
    addressed,
    tree_id,
    unpack_snapshot,
)
from emo_core.io.transfer import RemoteFile, TransferError
from tests.support.file_server import serving

PLAIN, PROGRAM = b"100644", b"100755"


def pointer(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    ).encode()


FILES = {  # as in CREMA-D's repository: some tables may be run
    "LICENSE.txt": (PLAIN, b"ODbL"),
    "finishedResponses.csv": (PROGRAM, b"a,b\n"),
    "processedResults/tabulatedVotes.csv": (PROGRAM, b"c\n"),
    "processedResults.txt": (PLAIN, b"sorts before the folder of that name"),
    "VideoFlash/1001_DFA_ANG_XX.flv": (PLAIN, pointer(b"angry")),
    "VideoFlash/1001_DFA_HAP_XX.flv": (PLAIN, pointer(b"happy")),
    "AudioWAV/1001_DFA_ANG_XX.wav": (PLAIN, pointer(b"heard")),
}


def snapshot(files=FILES, root: str = "CREMA-D-1658cd3/") -> bytes:
    """A zip as GitHub makes it: one folder above all, the mode of programs only."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(root, b"")
        for name, (mode, content) in files.items():
            info = zipfile.ZipInfo(root + name)
            info.external_attr = (0o100755 << 16) if mode == PROGRAM else 0
            archive.writestr(info, content)
    return made.getvalue()


def repository(tree: str, servers: tuple[str, ...] = ()) -> LfsRepository:
    return LfsRepository("", tree, servers, ("VideoFlash",))


def test_the_tree_id_is_that_of_git(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed, whose ids are the reference")
    for name, (mode, content) in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755 if mode == PROGRAM else 0o644)
    for words in (["init", "-q"], ["-c", "core.autocrlf=false", "add", "-A"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    written = subprocess.run(
        ["git", "-C", tmp_path, "write-tree"], check=True, capture_output=True, text=True
    )
    assert tree_id(FILES) == written.stdout.strip()


def test_tables_are_written_and_media_become_a_list(tmp_path):
    (tmp_path / "s.zip").write_bytes(snapshot())
    out = tmp_path / "out"
    media = unpack_snapshot(tmp_path / "s.zip", repository(tree_id(FILES)), out)
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == {
        name for name in FILES if not name.endswith((".flv", ".wav"))
    }
    assert [(m.name, m.size, m.digest) for m in media] == [
        (f"VideoFlash/1001_DFA_{code}_XX.flv", 5, f"sha256:{hashlib.sha256(word).hexdigest()}")
        for code, word in (("ANG", b"angry"), ("HAP", b"happy"))
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"LICENSE.txt": (PLAIN, b"other")},
        {"finishedResponses.csv": (PLAIN, b"a,b\n")},
        {"VideoFlash/1001_DFA_ANG_XX.flv": (PLAIN, pointer(b"forged"))},
        {"new.txt": (PLAIN, b"")},
        {"../outside.txt": (PLAIN, b"")},
    ],
)
def test_another_commit_is_refused_before_anything_is_written(tmp_path, change):
    (tmp_path / "s.zip").write_bytes(snapshot({**FILES, **change}))
    with pytest.raises(TransferError, match=r"s\.zip does not hold the files that were published"):
        unpack_snapshot(tmp_path / "s.zip", repository(tree_id(FILES)), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"s.zip"}


def test_a_zip_that_is_not_whole_is_one_sentence(tmp_path):
    (tmp_path / "s.zip").write_bytes(snapshot()[:-30])
    with pytest.raises(TransferError, match="is not a complete zip file"):
        unpack_snapshot(tmp_path / "s.zip", repository(tree_id(FILES)), tmp_path / "out")


def media(count: int) -> list[RemoteFile]:
    return [RemoteFile(f"{n}.flv", "", 5, f"sha256:{n:064x}") for n in range(count)]


def batch(site, without: tuple[str, ...] = ()):
    """An LFS server's answers: an address and a header of each object, an error for some."""

    def answer(body: dict) -> tuple[int, dict]:
        assert body["operation"] == "download" and body["transfers"] == ["basic"]
        objects = [
            {**asked, "error": {"code": 404, "message": "Object does not exist"}}
            if asked["oid"] in without
            else {
                **asked,
                "actions": {
                    "download": {"href": f"{site.url}/{asked['oid']}", "header": {"X": "1"}}
                },
            }
            for asked in body["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}

    return answer


def test_media_are_asked_for_a_hundred_at_a_time():
    with serving() as site:
        site.posts["/lfs/objects/batch"] = batch(site)
        groups = addressed(media(AT_ONCE + 3), [f"{site.url}/lfs"])
        first = next(groups)
        assert len(first) == AT_ONCE and len(site.asked) == 1  # not before they are needed
        assert first[7].url == f"{site.url}/{7:064x}" and first[7].headers == {"X": "1"}
        assert [len(group) for group in groups] == [3]


def test_what_one_server_lacks_the_next_one_has():
    with serving() as site, serving() as mirror:
        site.posts["/lfs/objects/batch"] = batch(site, (f"{1:064x}",))
        mirror.posts["/lfs/objects/batch"] = batch(mirror)
        (found,) = addressed(media(3), [f"{site.url}/lfs", f"{mirror.url}/lfs"])
        assert {m.name: m.url.startswith(mirror.url) for m in found} == {
            "0.flv": False,
            "1.flv": True,
            "2.flv": False,
        }


def test_a_server_whose_quota_is_used_up_is_passed_over():
    with serving() as site, serving() as mirror:
        site.posts["/lfs/objects/batch"] = lambda body: (403, {"message": "over its budget"})
        mirror.posts["/lfs/objects/batch"] = batch(mirror)
        (found,) = addressed(media(2), [f"{site.url}/lfs", f"{mirror.url}/lfs"])
        assert all(m.url.startswith(mirror.url) for m in found)
        mirror.posts["/lfs/objects/batch"] = lambda body: (200, {"objects": [{"oid": "x"}]})
        with pytest.raises(
            TransferError, match="0.flv and 1 more can't be downloaded now: .*HTTP 403"
        ):
            list(addressed(media(2), [f"{site.url}/lfs", f"{mirror.url}/lfs"]))


def test_two_names_of_one_content_both_come():
    same = [RemoteFile(name, "", 5, f"sha256:{3:064x}") for name in ("a.flv", "b.flv")]
    with serving() as site:
        site.posts["/lfs/objects/batch"] = batch(site)
        (found,) = addressed(same, [f"{site.url}/lfs"])
    assert [m.name for m in found] == ["a.flv", "b.flv"]
