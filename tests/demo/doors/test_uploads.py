"""Uploads arrive whole or leave nothing; what is refused is said in a sentence."""

import asyncio
import errno
from dataclasses import replace

import pytest
from starlette.requests import Request

from demo.doors import uploads
from demo.doors.storage import MB, Storage
from demo.settings import Limits

USUAL = Limits()
FORM = {"content-type": "multipart/form-data; boundary=x"}


def part(content: bytes, name: str | None = "clip.mp4", field: str = "files") -> bytes:
    file = b"" if name is None else b'; filename="%s"' % name.encode()
    return b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        field.encode(),
        file,
        content,
    )


def send(folder, *parts: bytes, headers=FORM, cut=False, limits=USUAL, query=b""):
    """(status, text) of an upload that comes in parts; `cut` ends it before its end."""
    left = list(parts)
    answers = []

    async def receive():
        if not left:
            assert cut, "read on after the end"
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or cut}

    async def answer(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/gradio_api/upload",
        "query_string": query,
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("1.2.3.4", 5),
    }

    async def run():
        response = await uploads.Uploads(Storage(folder, limits)).take(Request(scope, receive))
        await response(scope, receive, answer)
        return response.status_code, response.body.decode()

    return asyncio.run(run())


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_files_come_whole_and_keep_their_names(tmp_path):
    body = part(b"one") + part(b"two") + part(b"three", '../../<b> "x.mp4') + b"--x--\r\n"
    status, said = send(tmp_path, body[:70], body[70:150], body[150:], query=b"upload_id=ab1")
    assert status == 200
    names = [path.name for path in files(tmp_path)]
    assert names[:2] == ["clip.mp4", "clip.mp4"] and "/" not in names[2] and "<" not in names[2]
    assert [path.read_bytes() for path in files(tmp_path)] == [b"one", b"two", b"three"]
    assert all(str(path) in said for path in files(tmp_path)[:2])


@pytest.mark.parametrize("query", [b"", b"upload_id=ab2"])
def test_a_cut_upload_leaves_nothing_at_once(tmp_path, query):
    assert send(tmp_path, part(b"a" * 100_000), cut=True, query=query)[0] == 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parts", "headers", "limits", "status", "words"),
    [
        ([part(b"a" * (51 * MB)), b"--x--\r\n"], {}, {}, 413, "larger than 50 MB"),
        ([part(bytes(MB))] * 4 + [b"--x--\r\n"], {}, {"mb_of_visit": 2}, 413, "a visit may give"),
        ([part(bytes(MB))] * 4 + [b"--x--\r\n"], {}, {"mb_of_address": 3}, 413, "your address"),
        ([part(bytes(MB))] * 4 + [b"--x--\r\n"], {}, {"mb_in_all": 3}, 507, "all visitors"),
        ([b"{}"], {"content-length": "999999999"}, {}, 413, "a visit may give"),
        ([part(b"a" * 200_000, None), b"--x--\r\n"], {}, {}, 400, "can't be read"),
        ([part(b"a", None), b"--x--\r\n"], {}, {}, 400, "give it a file name"),
        ([part(b"a", field="other"), b"--x--\r\n"], {}, {}, 400, "no file came"),
        ([part(b"a")] * 30 + [b"--x--\r\n"], {}, {}, 400, "can't be read"),
        ([b"nothing of a form"], {}, {}, 400, "can't be read"),
        ([b"{}"], {"content-type": "application/json"}, {}, 400, "expected multipart"),
        ([b"{}"], {"content-type": "multipart/form-data"}, {}, 400, "can't be read"),
    ],
)
def test_what_is_refused_leaves_nothing_and_says_why(
    tmp_path, parts, headers, limits, status, words
):
    said = send(tmp_path, *parts, headers=FORM | headers, limits=replace(Limits(), **limits))
    assert said[0] == status and words in said[1] and len(said[1]) <= 300
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_said_and_the_next_upload_is_taken(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_move", full)
        status, said = send(tmp_path, part(b"a") + b"--x--\r\n")
    assert status == 507 and "full" in said and list(tmp_path.iterdir()) == []
    assert send(tmp_path, part(b"a") + b"--x--\r\n")[0] == 200
