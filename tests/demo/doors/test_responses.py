"""Refusals are short; policies allow the page's own scripts and nothing else."""

import asyncio

from demo.doors import responses
from demo.doors.responses import HASHES, InlineScripts, Refusal, policy, script_hash, shorten


def test_a_million_letters_do_not_come_back():
    assert shorten("short") == "short"
    assert len(str(Refusal(400, "x" * 1_000_000))) <= responses.LONGEST_SENTENCE
    assert shorten("a" * 500 + "the end").endswith("the end")


def test_the_policy_is_closed_but_for_what_is_named():
    found = dict(rule.split(" ", 1) for rule in policy("'self'", ["'sha256-x'"]).split("; "))
    assert found["default-src"] == found["object-src"] == found["frame-src"] == "'none'"
    assert found["script-src"] == "'self' 'unsafe-eval' 'sha256-x'"
    assert found["connect-src"] == "'self' blob:" and found["base-uri"] == "'self'"


def test_inline_scripts_of_the_page_are_known_by_their_hashes():
    page = b'<script src="a.js"></script><script data-x>let a = 1;</script><SCRIPT>b</SCRIPT>'
    scope, sent = {"type": "http", "path": "/"}, []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (page[:50], page[50:]):
            more = part != page[50:]
            await send({"type": "http.response.body", "body": part, "more_body": more})

    async def send(message):
        sent.append((message["type"], list(scope.get(HASHES, ()))))

    asyncio.run(InlineScripts(app)(scope, None, send))
    hashes = [script_hash(b"let a = 1;"), script_hash(b"b")]
    assert sent == [("http.response.start", hashes), ("http.response.body", hashes)]
    # https://www.w3.org/TR/CSP3/#external-hash gives this pair
    assert script_hash(b"alert('Hello, world.');") == (
        "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    )


def test_the_first_script_stands_before_gradios_and_is_allowed():
    scope, sent = {"type": "http", "path": "/"}, []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "headers": [(b"content-length", b"32")]})
        await send({"type": "http.response.body", "body": b"<head><script>b</script></head>"})

    async def send(message):
        sent.append(message)

    asyncio.run(InlineScripts(app, first="let a;")(scope, None, send))
    body = b"<head><script>let a;</script><script>b</script></head>"
    assert sent[1]["body"] == body and scope[HASHES][0] == script_hash(b"let a;")
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(body)).encode()
