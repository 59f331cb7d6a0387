"""Files over a line that breaks, from servers that lack what they should have; localhost only."""

import errno
import hashlib
import json

import pytest

from emo_core.io import transfer as module
from emo_core.io.transfer import ATTEMPTS, RemoteFile, TransferError, read_small, transfer
from tests.support.file_server import serving

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def site():
    with serving() as made:
        yield made


@pytest.fixture
def remote(site) -> RemoteFile:
    return RemoteFile(
        "a/clip.mp4", site.put("/clip.mp4", CONTENT), len(CONTENT), f"sha256:{SHA256}"
    )


def get(remote, folder, waits=None, counts=None):
    counts = [] if counts is None else counts
    waits = [] if waits is None else waits
    return transfer(remote, folder, counts.append, waits.append)


def names(folder) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("digest", [f"sha256:{SHA256}", f"md5:{MD5}", f"md5:{MD5.upper()}"])
def test_a_file_comes_whole_and_is_verified(site, tmp_path, digest):
    counts: list[int] = []
    remote = RemoteFile("clip.mp4", site.put("/clip.mp4", CONTENT), None, digest)
    found = get(remote, tmp_path, counts=counts)
    assert (tmp_path / "clip.mp4").read_bytes() == CONTENT and names(tmp_path) == {"clip.mp4"}
    assert (found.sha256, found.verified, found.size) == (SHA256, True, len(CONTENT))
    assert sum(counts) == len(CONTENT)


def test_a_file_without_a_digest_is_not_called_verified(site, tmp_path):
    found = get(RemoteFile("clip.mp4", site.put("/x", CONTENT)), tmp_path)
    assert found.sha256 == SHA256 and not found.verified


def test_a_file_that_is_here_is_not_asked_for(site, remote, tmp_path):
    get(remote, tmp_path)
    asked, counts = len(site.asked), []
    assert get(remote, tmp_path, counts=counts).verified
    assert len(site.asked) == asked and sum(counts) == len(CONTENT)


@pytest.mark.parametrize("etags", [True, False])
def test_a_broken_line_is_taken_up_inside_the_file(site, remote, tmp_path, etags):
    site.etags, site.break_after, waits = etags, [1000, 200_000], []
    get(remote, tmp_path, waits)
    assert (tmp_path / remote.name).read_bytes() == CONTENT
    assert site.ranges_asked == [None, "bytes=1000-", "bytes=201000-"]
    assert ("If-Range" in site.asked[1][1]) == etags
    assert len(waits) == 2 and names(tmp_path) == {"clip.mp4"}


def test_the_next_call_goes_on_where_the_last_one_gave_up(site, remote, tmp_path):
    site.break_after = [5000] + [0] * ATTEMPTS
    with pytest.raises(TransferError, match="stopped after 5,000 bytes .* continues from there"):
        get(remote, tmp_path)
    site.break_after.clear()
    counts: list[int] = []
    found = get(remote, tmp_path, counts=counts)
    assert found.resumed_at == 5000 and found.verified
    assert site.ranges_asked[-1] == "bytes=5000-" and sum(counts) == len(CONTENT)


def test_a_server_without_ranges_sends_all_again(site, remote, tmp_path):
    site.ranges, site.break_after, counts = False, [1000], []
    get(remote, tmp_path, counts=counts)
    assert (tmp_path / remote.name).read_bytes() == CONTENT and sum(counts) == len(CONTENT)


def test_a_file_that_changed_meanwhile_is_fetched_anew(site, tmp_path):
    remote = RemoteFile("clip.mp4", site.put("/clip.mp4", b"old" * 1000))
    site.break_after = [100] + [0] * ATTEMPTS
    with pytest.raises(TransferError):
        get(remote, tmp_path)
    site.break_after.clear()
    site.put("/clip.mp4", CONTENT)
    get(remote, tmp_path)
    assert (tmp_path / "clip.mp4").read_bytes() == CONTENT


def test_bytes_that_nothing_vouches_for_are_not_joined(site, tmp_path):
    site.etags, site.break_after = False, [100]
    get(RemoteFile("clip.mp4", site.put("/clip.mp4", CONTENT)), tmp_path)
    assert site.ranges_asked == [None, None]
    assert (tmp_path / "clip.mp4").read_bytes() == CONTENT


def test_a_file_that_grew_whole_before_its_name_is_only_named(site, remote, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "clip.mp4.part").write_bytes(CONTENT)
    assert get(remote, tmp_path).verified and site.asked == []
    unknown = RemoteFile("b.mp4", remote.url, None, remote.digest)
    (tmp_path / "b.mp4.part").write_bytes(CONTENT)
    assert get(unknown, tmp_path).verified  # answered by 416 with the file's size
    (tmp_path / "c.mp4.part").write_bytes(CONTENT + b"more")
    assert get(RemoteFile("c.mp4", remote.url, None, remote.digest), tmp_path).size == len(CONTENT)


def test_another_digest_is_thrown_away_and_said(site, tmp_path):
    remote = RemoteFile("clip.mp4", site.put("/x", CONTENT), None, "sha256:" + "0" * 64)
    with pytest.raises(
        TransferError, match="is not the file that was published .its sha256 is not"
    ):
        get(remote, tmp_path)
    assert names(tmp_path) == set()


def test_a_damaged_beginning_is_fetched_again_once(site, remote, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "clip.mp4.part").write_bytes(b"\0" * 1000)
    found = get(remote, tmp_path)
    assert found.verified and (tmp_path / remote.name).read_bytes() == CONTENT
    assert site.ranges_asked == ["bytes=1000-", None]


def test_another_size_than_published_is_said_before_it_comes(site, tmp_path):
    remote = RemoteFile("clip.mp4", site.put("/x", CONTENT), 17)
    with pytest.raises(TransferError, match="has 1,024,000 bytes at 127.0.0.1; expected 17"):
        get(remote, tmp_path)


def test_a_truncated_file_without_a_length_is_noticed(site, remote, tmp_path):
    site.lengths, site.break_after = False, [1000]
    assert get(remote, tmp_path).verified
    assert site.ranges_asked == [None, "bytes=1000-"]


def test_a_full_disk_ends_with_a_sentence_and_keeps_what_came(remote, tmp_path, monkeypatch):
    class Full:
        def __init__(self, path, mode):
            self.file = path.open(mode)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, chunk):
            self.file.write(chunk[:4096])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(TransferError, match="the disk is full after 4,096 bytes.* continues from"):
        get(remote, tmp_path)
    monkeypatch.undo()
    assert get(remote, tmp_path).resumed_at == 4096


@pytest.mark.parametrize("status", [403, 404, 410, 451])
def test_a_refusal_is_one_sentence_and_not_asked_again(site, remote, tmp_path, status):
    site.statuses = [status]
    with pytest.raises(TransferError, match=f"127.0.0.1 refused a/clip.mp4 .HTTP {status}"):
        get(remote, tmp_path)
    assert len(site.asked) == 1


def test_a_busy_server_is_asked_again_when_it_says(site, remote, tmp_path):
    site.statuses, waits = [429, 503], []
    assert get(remote, tmp_path, waits).verified
    assert waits == [7.0, 7.0]


def test_it_gives_up_after_attempts_that_bring_nothing(site, remote, tmp_path):
    site.statuses, waits = [503] * 50, []
    with pytest.raises(TransferError, match=r"stopped after 0 bytes \(HTTP 503\)"):
        get(remote, tmp_path, waits)
    assert len(site.asked) == ATTEMPTS and len(waits) == ATTEMPTS - 1


def test_a_server_that_is_not_there_is_a_sentence(tmp_path):
    with serving() as gone:
        url = gone.url + "/x"
    with pytest.raises(TransferError, match="stopped after 0 bytes .*refused"):
        get(RemoteFile("x", url), tmp_path)


def test_redirects_are_followed_without_passwords(site, remote, tmp_path):
    with serving() as other:
        other.put("/there", CONTENT)
        site.moved["/clip.mp4"] = other.url + "/there"
        closed = RemoteFile(
            "clip.mp4", remote.url, remote.size, remote.digest, {"Authorization": "Basic x"}
        )
        assert get(closed, tmp_path).verified
        assert site.asked[0][1]["Authorization"] == "Basic x"
        assert "Authorization" not in other.asked[0][1]


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_a_redirect_to_something_else_is_refused(site, remote, tmp_path, to):
    site.moved["/clip.mp4"] = to
    with pytest.raises(TransferError, match="redirects to .*expected https|is not allowed"):
        get(remote, tmp_path)


def test_redirects_in_a_circle_end(site, remote, tmp_path):
    site.moved["/clip.mp4"] = remote.url
    with pytest.raises(TransferError, match="HTTP 302"):
        get(remote, tmp_path)


def test_a_small_answer_is_read_whole_or_refused(site):
    url = site.put("/list", b"[1]")
    assert read_small(url) == b"[1]"
    with pytest.raises(TransferError, match="sent more than"):
        read_small(url, most=2)
    site.posts["/ask"] = lambda body: (200, {"got": body})
    assert json.loads(read_small(site.url + "/ask", b'{"a": 1}')) == {"got": {"a": 1}}
    with pytest.raises(TransferError, match="did not answer .*404"):
        read_small(site.url + "/nothing")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "a.mp4", "http://["])
def test_an_address_that_is_not_of_the_web_is_refused(tmp_path, url):
    for ask in (lambda: get(RemoteFile("a", url), tmp_path), lambda: read_small(url)):
        with pytest.raises(TransferError, match="was given as the address .*expected https"):
            ask()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("there", ["http://[", "file:///etc/hostname", "//["])
def test_a_way_on_to_no_address_is_one_sentence(site, tmp_path, there):
    site.moved["/x"] = there
    with pytest.raises(TransferError):
        get(RemoteFile("a", site.url + "/x"), tmp_path)
    with pytest.raises(TransferError):
        read_small(site.url + "/x")


@pytest.mark.parametrize("length", ["many", "-5", "9" * 30])
def test_a_length_that_is_none_is_not_believed(monkeypatch, tmp_path, length):
    class Answer:
        status = 200
        headers = {"Content-Length": length}
        chunks = [CONTENT, b""]

        def read1(self, most):
            return self.chunks.pop(0)

    part = module.PartialFile(tmp_path / "clip.mp4")
    remote = RemoteFile("clip.mp4", "http://x/clip.mp4", None, f"sha256:{SHA256}")
    module._receive(remote, part, 0, Answer(), lambda count: None)
    assert part.path.read_bytes() == CONTENT
