"""Connections of one address have a bound, and a head that does not come ends one."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from uvicorn.config import HTTP_PROTOCOLS

from demo.doors import connections
from demo.doors.connections import OpenCount, bound_connections, plain_address
from demo.doors.responses import Refusal
from demo.settings import Limits
from tests.support.serving import PATIENCE_S

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer(scope, receive, send):
    """An app that says ok; /slow as long as its reader stays."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        while scope["path"] == "/slow" and (await receive())["type"] != "http.disconnect":
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def server(monkeypatch, limits: Limits):
    """A server of this process behind the bound; gives its port."""
    monkeypatch.setitem(HTTP_PROTOCOLS, "auto", HTTP_PROTOCOLS["auto"])
    bound_connections(limits)
    config = uvicorn.Config(answer, port=0, log_level="critical", lifespan="off")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
        thread.start()
        until(lambda: running.started)
        yield listening.getsockname()[1]
        running.should_exit = running.force_exit = True
        thread.join(PATIENCE_S)


def until(state):
    deadline = time.monotonic() + PATIENCE_S
    while not state():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said_to(stack: ExitStack, port: int, sent: bytes, of: str = "127.0.0.1") -> socket.socket:
    """A connection of an address that has sent something."""
    made = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60, (of, 0)))
    made.sendall(sent)
    return made


def heard(made: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    said = b""
    while part := made.recv(4096):
        said += part
    return said


HALF, STREAM = b"GET / HTTP/1.1\r\nHost: loc", b"GET /slow HTTP/1.1\r\n"


@pytest.mark.parametrize("sent", [b"", HALF, ASK, STREAM])
def test_one_connection_too_many_is_told_so_and_others_are_not(monkeypatch, sent):
    """Whatever they do: nothing, a slow head, nothing more after an answer, a stream."""
    with server(monkeypatch, Limits(connections_of_address=3)) as port, ExitStack() as stack:
        end = b"Host: localhost\r\n\r\n" if b"/slow" in sent else b""
        held = [said_to(stack, port, sent + end) for _ in range(3)]
        if end or sent == ASK:
            assert all(made.recv(20).startswith(b"HTTP/1.1 200") for made in held)
        said = heard(said_to(stack, port, ASK))
        assert said.startswith(b"HTTP/1.1 503") and b"3 connections of your address" in said
        other = said_to(stack, port, ASK, of="127.0.0.2")
        assert other.recv(20).startswith(b"HTTP/1.1 200")
        held[0].close()
        until(lambda: said_to(stack, port, ASK).recv(20).startswith(b"HTTP/1.1 200"))


@pytest.mark.parametrize("sent", [b"", HALF])
@pytest.mark.parametrize("first", [False, True])
def test_a_head_that_does_not_come_ends_its_connection(monkeypatch, first, sent):
    """The first one of a connection, or one after an answer."""
    monkeypatch.setattr(connections, "HEADERS_S", 0.3)
    with server(monkeypatch, Limits()) as port, ExitStack() as stack:
        made = said_to(stack, port, b"" if first else ASK)
        while not first and not made.recv(4096).endswith(b"0\r\n\r\n"):
            pass
        made.sendall(sent)
        # of one that is silent after an answer uvicorn's own patience ends
        assert (b"HTTP/1.1 408" in heard(made)) is (first or bool(sent))


def test_a_head_in_drips_ends_as_well(monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_S", 0.3)
    with server(monkeypatch, Limits()) as port, ExitStack() as stack:
        made = said_to(stack, port, b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError):  # noqa: PT011  # reset, or a broken pipe
            for number in range(PATIENCE_S * 20):
                made.sendall(b"X-%d: y\r\n" % number)
                time.sleep(0.05)


def test_one_too_many_that_says_nothing_is_closed_too(monkeypatch):
    monkeypatch.setattr(connections, "SILENT_S", 0.1)
    with server(monkeypatch, Limits(connections_of_address=1)) as port, ExitStack() as stack:
        first, second = said_to(stack, port, b""), said_to(stack, port, b"")
        assert b"408" in heard(second)
        first.sendall(ASK)
        assert first.recv(20).startswith(b"HTTP/1.1 200")


def test_behind_a_proxy_requests_are_counted_by_visitor_not_connections(monkeypatch):
    monkeypatch.setitem(HTTP_PROTOCOLS, "auto", "unchanged")
    bound_connections(Limits(behind_proxy=True))
    assert HTTP_PROTOCOLS["auto"] == "unchanged"
    count = OpenCount(2)
    with count.counted("a"), count.counted("a"), count.counted("b"):
        with pytest.raises(Refusal, match="2 connections of your address") as refused:
            count.counted("a").__enter__()
        assert refused.value.status == 429
    with count.counted("a"):
        assert count.open == {"a": 1}
    assert not count.open


def test_a_network_of_ipv6_is_one_address():
    assert plain_address("2001:db8:1:2:3::4") == plain_address("2001:db8:1:2::9")
