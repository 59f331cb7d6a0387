"""A server on this machine that gives files out as publishers do, and as badly as some do."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Site:
    """What a server has and how it behaves; tests change it while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)  # path -> Location
    posts: dict[str, Callable[[dict], tuple[int, dict]]] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes, one for each of the next answers
    statuses: list[int] = field(default_factory=list)  # for the next answers, instead of files
    hold: Event | None = None  # waits in the middle of an answer until it is set
    held: Event = field(default_factory=Event)  # set once an answer waits
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def put(self, path: str, content: bytes) -> str:
        """Gives a file out; returns its address."""
        self.files[path] = content
        return self.url + path

    @property
    def ranges_asked(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.asked]


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *words) -> None:
        pass

    def _end(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.site.asked.append((self.path, dict(self.headers)))
        if self.path not in self.site.posts:
            return self._end(404)
        status, answer = self.site.posts[self.path](json.loads(body))
        return self._end(status, json.dumps(answer).encode())

    def do_GET(self) -> None:
        site = self.site
        site.asked.append((self.path, dict(self.headers)))
        if site.statuses:
            return self._end(site.statuses.pop(0), Retry_After="7")
        if self.path in site.moved:
            return self._end(302, Location=site.moved[self.path])
        if self.path not in site.files:
            return self._end(404)
        return self._give(site.files[self.path])

    def _give(self, content: bytes) -> None:
        site, start = self.site, 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, etag(content))
        if found and site.ranges and same:
            start = int(found[1])
            if start >= len(content):
                return self._end(416, Content_Range=f"bytes */{len(content)}")
        partial = bool(found and site.ranges and same)
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if site.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        if site.etags:
            self.send_header("ETag", etag(content))
        self.send_header("Connection", "close")
        self.end_headers()
        rest = content[start:]
        self.wfile.write(rest[: site.break_after.pop(0)] if site.break_after else self._held(rest))
        self.close_connection = True
        return None

    def _held(self, rest: bytes) -> bytes:
        if self.site.hold is None or len(rest) < 2:
            return rest
        self.wfile.write(rest[: len(rest) // 2])
        self.wfile.flush()
        self.site.held.set()
        self.site.hold.wait()
        return rest[len(rest) // 2 :]


@contextmanager
def serving(site: Site | None = None) -> Iterator[Site]:
    """The site at http://127.0.0.1:PORT, until the block ends."""
    site = site or Site()
    handler = type("Handler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        if site.hold is not None:
            site.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
