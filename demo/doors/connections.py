"""How many connections one address may have open here, and how long one may take to ask.

A page holds a handful: a browser opens six to one server, a program four. Whatever is slow (a head,
a body, a stream's reader) holds one each, so that the bound is one on all of these together.
"""

import asyncio
import ipaddress
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, cast

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from demo.doors.responses import Refusal
from demo.settings import Limits
from emo_core.messages import say

HEADERS_S = 30.0  # for the head of a request, from its first byte or from the connection's begin
SILENT_S = 5.0  # for one that is too many to ask, and be told so


class OpenCount:
    """How much every address has open; used by the thread of the server only."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more; whether it is within the bound."""
        self.open[address] += 1
        return self.open[address] <= self.most

    def leave(self, address: str) -> None:
        """Count one less; an address without any is forgotten."""
        self.open[address] -= 1
        if self.open[address] <= 0:
            del self.open[address]

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Count a request while it is answered. Raises Refusal for one too many."""
        within = self.enter(address)
        try:
            if not within:
                raise Refusal(429, too_many(self.most))
            yield
        finally:
            self.leave(address)


def too_many(most: int) -> str:
    """What is said to one connection or request too many."""
    return say(
        "{most} connections of your address are open here, which is all that may; close a page or "
        "a program that has some, and try again.",
        most=most,
    )


def bound_connections(limits: Limits) -> None:
    """From now on servers of this process bound what each address has open.

    Behind a proxy every connection is the proxy's: there the gate counts requests by visitor.
    """
    if not limits.behind_proxy:
        protocol = type(
            "OwnProtocol", (BoundedProtocol,), {"count": OpenCount(limits.connections_of_address)}
        )
        HTTP_PROTOCOLS["auto"] = cast("Any", protocol)


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # chosen as it runs
    """uvicorn's protocol with a bound on the connections of an address, and on slow heads."""

    count: OpenCount

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.address = peer_address(transport)
        self.too_many = not self.count.enter(self.address)
        self.deadline: asyncio.TimerHandle | None = None
        self._expect_head(SILENT_S if self.too_many else HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget_deadline()
        self.count.leave(self.address)

    def data_received(self, data: bytes) -> None:
        if self.too_many:
            self._end(503, too_many(self.count.most))
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_deadline()  # its head has come
        elif self.deadline is None:
            self._expect_head(HEADERS_S)

    def _expect_head(self, within_s: float) -> None:
        said = f"the head of a request took longer than {within_s:.0f} s; send it again."
        self.deadline = self.loop.call_later(within_s, self._end, 408, said)

    def _forget_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _end(self, status: int, sentence: str) -> None:
        """Answer without the page, and close."""
        if self.transport.is_closing():
            return
        body = json.dumps({"detail": sentence}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\nretry-after: 5\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def peer_address(transport: asyncio.Transport) -> str:
    """The address at the other end of a connection."""
    peer = transport.get_extra_info("peername")
    return plain_address(peer[0] if peer else "unknown")


def plain_address(given: str) -> str:
    """One visitor's address in one form; a network of IPv6 (/64) counts as one address."""
    try:
        address = ipaddress.ip_address(given.partition("%")[0].strip("[]"))
    except ValueError:
        return given[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
