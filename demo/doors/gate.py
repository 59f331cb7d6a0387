"""The outermost layer of the page: hosts, origins, addresses, routes and bodies, before gradio.

What is refused is refused here, in one place, whatever the version of gradio behind it.
"""

import asyncio
import ipaddress
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.doors import bodies, routes
from demo.doors.connections import OpenCount, plain_address
from demo.doors.pace import Pace
from demo.doors.responses import Refusal, SecurityHeaders, refusal_response
from demo.doors.storage import Storage, StorageError
from demo.settings import Limits

PATIENCE_S = 60.0  # for the next part of a body
DRAINED_BYTES = 64 << 20  # of a refused body: a browser reads the answer once all is sent
TOOL_BYTES = 70 << 20  # of an agent's body: a clip of 50 MB as a data: URI
_FORWARDED = b"x-forwarded-", b"forwarded"


def client_address(headers: Headers, peer: str, behind_proxy: bool) -> str:
    """Where a request comes from.

    What a request says of itself counts only behind a proxy, and then the nearest one's word.
    """
    said = headers.get("x-forwarded-for") if behind_proxy else None
    return plain_address(said.split(",")[-1].strip() if said else peer)


def host_name(host: str) -> str:
    """The name in a Host header or an origin, without its port, in small letters."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def own_hosts(server_name: str) -> frozenset[str]:
    """Names of this machine that no stranger's DNS can point at it."""
    here = socket.gethostname().lower()
    return frozenset({"localhost", here, f"{here}.local", host_name(server_name)} - {""})


def is_figures(name: str) -> bool:
    """Whether a host is an address in figures, which no DNS server can turn elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Incoming:
    """The road of one request's body, which knows whether its end has come."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.ended = receive, False

    async def __call__(self) -> Message:
        message = await self.receive()
        self.ended = not message.get("more_body")
        return message


class Gate:
    """Answer what is refused; hand on the rest with the visitor's real address."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        endpoints: bodies.Endpoints,
        events: bodies.Events,
        security: SecurityHeaders,
        storage: Storage,
        server_name: str = "",
    ) -> None:
        self.app, self.limits, self.security, self.storage = app, limits, security, storage
        self.endpoints, self.events = endpoints, events
        self.open = OpenCount(limits.connections_of_address)
        self.pace = Pace(limits.requests_a_second)
        self.hosts = own_hosts(server_name) | frozenset(map(host_name, limits.hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page has no other road
            await send({"type": "websocket.close", "code": 1008})
            return
        scope, send = self._known(scope), self.security.wrap(scope, send)
        incoming = Incoming(receive)
        try:
            with self.open.counted(scope["client"][0]):
                self._check(scope)
                if scope["method"] == "POST":
                    await self.pace.wait(scope["client"][0])
                receive = await self._body(scope, incoming)
                await self._hand_on(scope, receive, send)
        except Refusal as refusal:
            await drain(incoming)
            plain = scope["path"] == f"{routes.API}/upload"
            await refusal_response(refusal, scope, plain)(scope, receive, send)
        except ClientDisconnect:
            return

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let gradio answer."""
        try:
            await self.app(scope, receive, send)
        except RuntimeError as error:  # gradio's stream of a visit that is not here any more
            if not isinstance(error.__cause__, HTTPException):
                raise
            await send({"type": "http.response.body", "body": b""})  # its end, which is missing

    def _known(self, scope: Scope) -> Scope:
        """The request with the visitor's address, and without what only a proxy may say."""
        headers, proxied = Headers(scope=scope), self.limits.behind_proxy
        peer, port = scope.get("client") or ("unknown", 0)
        scope["client"] = (client_address(headers, peer, proxied), port)
        if not proxied:
            scope["headers"] = [
                pair for pair in scope["headers"] if not pair[0].lower().startswith(_FORWARDED)
            ]
        return scope

    def _check(self, scope: Scope) -> None:
        """Raise Refusal for a host, an origin or a path that is not the page's."""
        headers, method = Headers(scope=scope), scope["method"]
        host = headers.get("host", "")
        if not self._is_own(host_name(host)):
            raise Refusal(
                421,
                "{host_name!r} is no name of this page; open it by the address that was "
                "printed, or add the name to EMO_HOSTS.",
                host_name=host_name(host)[:60],
            )
        origin = headers.get("origin")
        if origin is not None and method not in ("GET", "HEAD") and not self._same(origin, headers):
            raise Refusal(403, "this came from a page elsewhere; use the page itself.")
        if not routes.is_open(method, scope["path"], self.limits.mcp):
            raise Refusal(404, "there is nothing here.")
        if bodies.is_address(scope["path"].partition(f"{routes.API}/file=")[2]):
            raise Refusal(403, bodies.FETCHES_NOTHING)

    def _is_own(self, name: str) -> bool:
        return self.limits.any_host or is_figures(name) or name in self.hosts

    def _same(self, origin: str, headers: Headers) -> bool:
        """Whether an origin is the page's own."""
        scheme, _, given = origin.lower().partition("://")
        if scheme not in ("http", "https"):
            return False
        if not self.limits.behind_proxy:
            return given == headers.get("host", "").lower()
        own = {headers.get("host"), headers.get("x-forwarded-host"), *self.limits.hosts}
        return host_name(given) in {host_name(name) for name in own if name}

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """The road to a checked body; raises Refusal for one that this page does not take."""
        path = scope["path"]
        if scope["method"] != "POST" or path == f"{routes.API}/upload":
            return receive
        tools = path.startswith(f"{routes.API}/mcp")
        body = await read_body(scope, receive, TOOL_BYTES if tools else bodies.MOST_BYTES)
        found = bodies.check_body(body)
        for file in bodies.file_paths(found):
            self.storage.ask(file)
        if call := routes.CALL.fullmatch(path):
            bodies.check_call(self.endpoints, call[2], found, by_name=bool(call[1]))
            self._admit(found)
        if routes.EVENT.fullmatch(path):
            bodies.check_event(self.events, found)
        return _again(body, receive)

    def _admit(self, found: dict[str, Any]) -> None:
        """Raise Refusal for a program's clip that is one too many for its visit."""
        try:
            for file in bodies.file_paths(found):
                self.storage.admit(Path(file), found.get("session_hash"))
        except StorageError as error:
            raise Refusal(error.status, str(error)) from error


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """A whole body of at most `most` bytes; raises Refusal for a larger or a slower one."""
    length = Headers(scope=scope).get("content-length", "0")
    body = bytearray()
    if length.isdecimal() and int(length) > most:
        raise Refusal(
            413, "the body is larger than {most} KB; send a smaller one.", most=most >> 10
        )
    while True:
        message = await next_message(receive)
        body += message.get("body", b"")
        if len(body) > most:
            raise Refusal(
                413, "the body is larger than {most} KB; send a smaller one.", most=most >> 10
            )
        if not message.get("more_body"):
            return bytes(body)


async def next_message(receive: Receive) -> Message:
    """The next part of a body; raises Refusal where none comes, ClientDisconnect at the end."""
    try:
        message = await asyncio.wait_for(receive(), PATIENCE_S)
    except TimeoutError:
        raise Refusal(
            408, "nothing came for {patience_s:.0f} s; send it again.", patience_s=PATIENCE_S
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


async def drain(incoming: Incoming) -> None:
    """Read away what is left of a refused body, so that the sender gets to read the answer."""
    left = DRAINED_BYTES
    while left > 0 and not incoming.ended:
        try:
            message = await next_message(incoming)
        except (Refusal, ClientDisconnect):
            return
        left -= len(message.get("body", b"")) or 1


def _again(body: bytes, receive: Receive) -> Receive:
    """The road on which a body that was read comes once more."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more
