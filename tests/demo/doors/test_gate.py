"""The gate: whose host, whose page, which path, how large a body, and from where."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from demo.doors import bodies, gate
from demo.doors.gate import Gate, client_address
from demo.doors.responses import SecurityHeaders
from demo.doors.storage import Storage
from demo.settings import Limits

LAPTOP = Limits()
PROXIED = replace(LAPTOP, behind_proxy=True, any_host=True)
NOTHING = {"predict": ()}
EVENTS = {0: (bodies.Parameter("clip", "file"),), 1: ()}
EMPTY = Storage(Path("/nowhere"), LAPTOP)
JSON = {"content-type": "application/json"}


def ask(
    limits=LAPTOP,
    method="GET",
    path="/config",
    headers=None,
    body=b"",
    parts=None,
    store=EMPTY,
    takes=NOTHING,
):
    """(status, headers, text) of a request through the gate, and the scope that came through."""
    through, sent = {}, []
    given = {"host": "localhost:7860", **(headers or {})}
    if body:
        given.setdefault("content-length", str(len(body)))
    pieces = parts or [body]

    async def app(scope, receive, send):
        through.update(scope)
        if method == "POST" and not path.endswith("/upload"):
            through["body"] = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive():
        assert pieces, "read on after the end: that would wait until the visitor goes"
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
        "client": ("9.9.9.9", 1),
    }
    door = Gate(app, limits, takes, EVENTS, SecurityHeaders("'self'", []), store, "127.0.0.1")
    asyncio.run(door(scope, receive, send))
    if not sent:
        return None, {}, "", through
    start = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], start, b"".join(m["body"] for m in sent[1:]).decode(), through


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:7860", 200),
        ("127.0.0.1:7860", 200),
        ("[::1]:7860", 200),
        ("192.168.1.20", 200),
        ("evil.example", 421),
        ("127.0.0.1.nip.io", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[::1", 421),
    ],
)
def test_names_that_a_stranger_could_point_here_are_refused(host, status):
    """DNS rebinding needs a name; an address in figures can't be pointed elsewhere."""
    assert ask(headers={"host": host})[0] == status


def test_the_hosts_own_names_are_known():
    named = replace(LAPTOP, hosts=("emo.school.example",))
    assert ask(named, headers={"host": "emo.school.example:80"})[0] == 200
    assert ask(PROXIED, headers={"host": "any.hf.space"})[0] == 200
    status, _, text, _ = ask(headers={"host": "x" * 5000})
    assert status == 421 and "EMO_HOSTS" in text and len(text) < 400


@pytest.mark.parametrize(
    ("limits", "headers", "status"),
    [
        (LAPTOP, {}, 200),  # a program
        (LAPTOP, {"origin": "http://localhost:7860"}, 200),
        (LAPTOP, {"origin": "http://localhost:3000"}, 403),  # another page of this computer
        (LAPTOP, {"origin": "http://evil.example"}, 403),
        (LAPTOP, {"origin": "null"}, 403),
        (LAPTOP, {"origin": "http://[::1"}, 403),
        (PROXIED, {"host": "a.hf.space", "origin": "https://a.hf.space"}, 200),
        (PROXIED, {"host": "10.0.0.1", "x-forwarded-host": "a.hf.space"}, 200),
        (PROXIED, {"host": "a.hf.space", "origin": "https://b.hf.space"}, 403),
    ],
)
def test_a_page_elsewhere_cannot_post(limits, headers, status):
    body = b'{"data": [], "fn_index": 1}'
    found = ask(limits, "POST", "/gradio_api/queue/join", {**JSON, **headers}, body)
    assert found[0] == status
    assert ask(limits, "OPTIONS", "/gradio_api/queue/join", headers)[0] in (403, 404)


def test_only_the_nearest_proxy_is_believed_and_only_behind_one():
    said = {"x-forwarded-for": "1.1.1.1, 2.2.2.2", "x-forwarded-host": "evil.example"}
    here = ask(headers=said)[3]
    assert here["client"][0] == "9.9.9.9"
    assert not [name for name, _ in here["headers"] if name.startswith(b"x-forwarded")]
    assert ask(PROXIED, headers=said)[3]["client"][0] == "2.2.2.2"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),  # a home has 2**64 of them
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::"),
        ("1.2.3.4", "1.2.3.4"),
        ("x" * 999, "x" * 64),
    ],
)
def test_one_visitor_is_one_address(peer, address):
    assert client_address(Headers(), peer, behind_proxy=False) == address


def test_large_slow_and_cut_bodies_end(monkeypatch):
    road = "/gradio_api/queue/join"
    large = b'{"data": ["' + b"x" * bodies.MOST_BYTES + b'"]}'
    assert ask(method="POST", path=road, headers=JSON, body=large)[0] == 413
    parts = [b'{"data": ["', *[b"x" * 50_000] * 8, b'"]}']
    status, _, text, _ = ask(method="POST", path=road, headers=JSON, parts=parts)
    assert status == 413 and "smaller" in text and "xx" not in text
    assert ask(method="POST", path=road, headers=JSON, parts=[b"{", b""])[0] == 400
    body = json.dumps({"data": [None], "fn_index": 0}).encode()
    assert ask(method="POST", path=road, headers=JSON, body=body)[3]["body"] == body


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE_S", 0.01)

    async def never():
        await asyncio.sleep(60)

    with pytest.raises(gate.Refusal, match="nothing came"):
        asyncio.run(gate.next_message(never))


def test_every_answer_carries_the_headers():
    for found in (ask(), ask(path="/monitoring"), ask(headers={"host": "evil.example"})):
        assert found[1]["x-content-type-options"] == "nosniff"
        assert found[1]["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'self'" in found[1]["content-security-policy"]


def test_calls_are_held_against_the_endpoints():
    status, _, text, _ = ask(method="POST", path="/gradio_api/call/v2/no", body=b"{}")
    assert status == 404 and "/predict" in text
    assert ask(path="/gradio_api/file=http://a/b")[0] == 403
    assert ask(path="/gradio_api/file=/tmp/a.mp4")[0] == 200


def test_a_programs_clip_that_is_one_too_many_for_its_visit_is_413(tmp_path):
    limits = replace(LAPTOP, mb_of_visit=1)
    store = Storage(tmp_path, limits)
    paths = []
    for _ in range(2):
        stored = store.open("9.9.9.9")
        store.grow(stored, 700 << 10)
        store.finish(stored, 1)
        paths.append(stored.folder / "clip.mp4")
    store.claim(paths[0], "ab1")
    body = {"data": [{"path": str(paths[1]), "meta": {"_type": "gradio.FileData"}}]}
    sent = [json.dumps(body | {"session_hash": name}).encode() for name in ("ab1", "ab2")]
    road = "/gradio_api/call/predict"
    takes = {"predict": (bodies.Parameter("clip", "file"),)}
    status, _, text, _ = ask(limits, "POST", road, JSON, sent[0], store=store, takes=takes)
    assert status == 413 and "a visit may have" in text and not paths[1].parent.exists()
    assert ask(limits, "POST", road, JSON, sent[1], store=store, takes=takes)[0] == 200


def test_events_are_held_against_the_page():
    for road in ("queue/join", "run/predict", "run/x/"):
        for body, status in ((b'{"data": []}', 404), (b'{"data": [], "fn_index": 0}', 422)):
            found, _, text, through = ask(method="POST", path=f"/gradio_api/{road}", body=body)
            assert found == status and "expected" in text and not through


def test_no_socket_of_another_kind_is_opened():
    sent = []

    async def send(message):
        sent.append(message)

    door = Gate(None, LAPTOP, {}, {}, SecurityHeaders("'self'", []), EMPTY)
    asyncio.run(door({"type": "websocket"}, None, send))
    assert sent[0]["type"] == "websocket.close"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "there is nothing here."),
        ({"accept-language": "de-DE,de;q=0.9"}, "Hier ist nichts."),
        ({"accept-language": "en", "cookie": "emo_lang=de"}, "Hier ist nichts."),
        ({"accept-language": "fr"}, "there is nothing here."),
    ],
)
def test_a_refusal_speaks_the_visitor_s_language_and_english_to_programs(headers, said):
    assert json.loads(ask(path="/monitoring", headers=headers)[2]) == {"detail": said}
