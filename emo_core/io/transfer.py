"""Large files from elsewhere: resumed inside a file, checked, and named only when they are whole.

What has come lies in NAME.part, what the server said of it in NAME.part.json, so that a transfer
goes on where a broken line, a killed process or a full disk ended it. Which addresses are reached
is the business of `io.network_guard`. HTTP ranges: RFC 9110, sections 13.1.5 and 14.
"""

import errno
import glob
import hashlib
import http.client
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from emo_core.errors import EmoError
from emo_core.io.atomic import atomic_path
from emo_core.io.network_guard import ReachError
from emo_core.messages import say

CHUNK = 1 << 20  # bytes
PATIENCE_S = 60.0  # of silence, until a connection counts as broken
ATTEMPTS = 6  # in a row that bring nothing
LONGEST_WAIT_S = 60.0  # between two of them, whatever a server asks for
SMALL = 64 << 20  # bytes of an answer that is read whole
FULL = (errno.ENOSPC, errno.EDQUOT)
BREAKS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that may be another one in a moment


class TransferError(EmoError):
    """A file that could not be fetched: what was found, what was expected, what to do."""


class BrokenOffError(EmoError):
    """A connection that ended before the file did; it is tried again."""

    def __init__(self, reason: str, /, wait_s: float = 0.0, **values: object) -> None:
        super().__init__(reason, **values)
        self.wait_s = wait_s


@dataclass(frozen=True)
class RemoteFile:
    """A file somewhere else, and what its publisher says of it."""

    name: str  # path below the destination
    url: str
    size: int | None = None  # bytes; None = not published
    digest: str = ""  # "sha256:..." or "md5:..."; "" = not published
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Where it comes from, for a sentence."""
        return urlsplit(self.url).hostname or self.url[:60]


@dataclass(frozen=True)
class Arrived:
    """A file that is here and whole."""

    name: str
    size: int
    sha256: str
    verified: bool  # against a digest that its publisher gives
    resumed_at: int = 0  # bytes that were here from an earlier try


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows to https only (http stays http) and leaves passwords behind at another host."""

    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("https", old.scheme) or new.scheme not in ("http", "https"):
            raise TransferError(
                "{hostname} redirects to an address that begins with {scheme}://; expected https; "
                "nothing was downloaded from there.",
                hostname=old.hostname,
                scheme=new.scheme or say("no scheme"),
            )
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and new.netloc != old.netloc:
            for name in [n for n in made.headers if n.lower() in ("authorization", "cookie")]:
                made.remove_header(name)
        return made


OPENER = urllib.request.build_opener(SafeRedirects)


def asked_for(url: str, body: bytes | None, headers: Mapping[str, str]) -> urllib.request.Request:
    """A request; raises TransferError where an address is not of the web, as file:// is not."""
    try:
        scheme = urlsplit(url).scheme
        if scheme in ("http", "https"):
            return urllib.request.Request(url, body, dict(headers))
    except ValueError:
        scheme = "not an address"
    raise TransferError(
        "{url!r} was given as the address of a file ({scheme}); expected https; nothing was "
        "downloaded from there; report it.",
        url=url[:60],
        scheme=scheme or say("no scheme"),
    )


AGENT = "emo_core"  # so that publishers see which program asks


def read_small(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, most: int = SMALL
) -> bytes:
    """An answer that fits into memory; with a body it is asked for by POST.

    Raises TransferError where there is none, or it has more than `most` bytes.
    """
    request = asked_for(url, body, {"User-Agent": AGENT, **(headers or {})})
    host = urlsplit(url).hostname
    try:
        with OPENER.open(request, timeout=PATIENCE_S) as answer:
            content = answer.read(most + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(
            "{host} did not answer ({reason}); expected to read {url}; try again later.",
            host=host,
            reason=reason_of(error),
            url=url[:100],
        ) from error
    if len(content) > most:
        raise TransferError(
            "{host} sent more than {most} MB; expected a short list; report it.",
            host=host,
            most=most >> 20,
        )
    return content


def transfer(
    remote: RemoteFile,
    folder: Path,
    on_bytes: Callable[[int], None] = lambda count: None,
    wait: Callable[[float], None] = time.sleep,
) -> Arrived:
    """One file below `folder`, fetched or found whole; on_bytes(count) as bytes are there.

    A count is negative where bytes are thrown away. Raises TransferError; what came before stays
    in NAME.part for the next call.
    """
    path = folder / remote.name
    if path.is_file():
        found = arrived(remote, path)
        if found is not None:
            on_bytes(found.size)
            return found
    path.parent.mkdir(parents=True, exist_ok=True)
    part = PartialFile(path)
    began = part.size()
    on_bytes(began)
    try:
        found = _whole(remote, part, on_bytes, wait)
        if found is None and began:  # what was here may be of another version: once more, anew
            on_bytes(-part.drop())
            began, found = 0, _whole(remote, part, on_bytes, wait)
    except OSError as error:
        if error.errno in FULL:
            raise TransferError(
                "{name}: the disk is full after {size:,} bytes; expected room for the rest; make "
                "room and run the same command, which continues from there.",
                name=remote.name,
                size=part.size(),
            ) from error
        raise
    if found is None:
        on_bytes(-part.drop())
        raise _other_digest(remote)
    os.replace(part.path, path)
    part.drop()
    return Arrived(found.name, found.size, found.sha256, found.verified, began)


def _other_digest(remote: RemoteFile) -> TransferError:
    return TransferError(
        "{name} from {host} is not the file that was published (its {kind} is not "
        "{expected}...); it was deleted; try again, and report it if that does not help.",
        name=remote.name,
        host=remote.host,
        kind=remote.digest.partition(":")[0],
        expected=remote.digest.partition(":")[2][:12],
    )


def arrived(remote: RemoteFile, path: Path) -> Arrived | None:
    """The file at `path` if it is the one meant; None where its size or digest is another."""
    kind, _, wanted = remote.digest.partition(":")
    kinds = {"sha256": hashlib.sha256(), **({kind: hashlib.new(kind)} if kind else {})}
    size = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            for made in kinds.values():
                made.update(chunk)
    if remote.size not in (None, size) or (kind and kinds[kind].hexdigest() != wanted.lower()):
        return None
    return Arrived(remote.name, size, kinds["sha256"].hexdigest(), bool(kind))


class PartialFile:
    """What has come of a file, and what the server said of it."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self.notes = path.with_name(f"{path.name}.part.json")

    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str:
        """The ETag or date that the bytes here belong to; "" = none is known."""
        try:
            return str(json.loads(self.notes.read_text())["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def note(self, validator: str) -> None:
        """Keeps the ETag or date of what is coming."""
        with atomic_path(self.notes) as path:
            path.write_text(json.dumps({"validator": validator}))

    def drop(self) -> int:
        """Throws both away; returns how many bytes there were."""
        count = self.size()
        self.path.unlink(missing_ok=True)
        self.forget()
        return count

    def forget(self) -> None:
        """Throw away what the server said, and what a killed run had begun to write of it."""
        for left in (self.notes, *self.notes.parent.glob(f"{glob.escape(self.notes.name)}.*.part")):
            left.unlink(missing_ok=True)


def _whole(
    remote: RemoteFile,
    part: PartialFile,
    on_bytes: Callable[[int], None],
    wait: Callable[[float], None],
) -> Arrived | None:
    """Fetches until all is here: the file, or None where its digest is another."""
    failures = 0
    while True:
        before = part.size()
        try:
            _go_on(remote, part, on_bytes)
            return arrived(remote, part.path)
        except BrokenOffError as broken:
            failures = 1 if part.size() > before else failures + 1
            if failures >= ATTEMPTS:
                raise TransferError(
                    "The download of {name} from {host} stopped after {size:,} bytes ({broken}); "
                    "expected all of it; run the same command, which continues from there.",
                    name=remote.name,
                    host=remote.host,
                    size=part.size(),
                    broken=broken,
                ) from broken
            wait(min(max(broken.wait_s, 2.0 ** (failures - 1)), LONGEST_WAIT_S))


def _go_on(remote: RemoteFile, part: PartialFile, on_bytes: Callable[[int], None]) -> None:
    """One connection: what is missing is appended. Raises BrokenOffError where it ends early."""
    start, validator = part.size(), part.validator()
    if start and start == remote.size:
        return
    if start and not validator and not remote.digest:  # whether they fit together can't be known
        on_bytes(-part.drop())
        start = 0
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", **remote.headers}
    if start:
        headers["Range"] = f"bytes={start}-"
        headers |= {"If-Range": validator} if validator else {}
    request = asked_for(remote.url, None, headers)
    try:
        with OPENER.open(request, timeout=PATIENCE_S) as answer:
            _receive(remote, part, start, answer, on_bytes)
    except urllib.error.HTTPError as error:
        _refused(remote, part, error, on_bytes)
    except ValueError as error:  # a redirect to http://[
        raise TransferError(
            "{host} redirects to something that is not an address ({error}); expected https; "
            "nothing was downloaded from there.",
            host=remote.host,
            error=error,
        ) from error
    except BREAKS as error:
        if isinstance(getattr(error, "reason", None), ReachError):
            raise TransferError(
                "{host} leads to an address that isn't on the open internet; expected a public "
                "one; nothing was downloaded from there.",
                host=remote.host,
            ) from error
        raise BrokenOffError(reason_of(error)) from error


def _receive(
    remote: RemoteFile, part: PartialFile, start: int, answer: Any, on_bytes: Callable[[int], None]
) -> None:
    """Writes an answer's bytes behind those that are here, or instead of them."""
    if start and (answer.status != 206 or _first_byte(answer) != start):
        on_bytes(-part.drop())  # a server without ranges, or a file that has changed
        if answer.status == 206:
            raise BrokenOffError("the server sent another part of it")
        start = 0
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if re.fullmatch("[0-9]{1,18}", length) else remote.size
    if remote.size is not None and total != remote.size:
        raise TransferError(
            "{name} has {total:,} bytes at {host}; expected {size:,}; its publisher may have "
            "changed it; report it.",
            name=remote.name,
            total=total,
            host=remote.host,
            size=remote.size,
        )
    strong = answer.headers.get("ETag", "")
    date = answer.headers.get("Last-Modified", "")
    part.note(date if strong.startswith("W/") else strong or date)
    with open(part.path, "ab" if start else "wb") as file:
        while chunk := answer.read1(CHUNK):  # what there is: a killed process loses next to nothing
            file.write(chunk)
            file.flush()
            start += len(chunk)
            on_bytes(len(chunk))
    if total is not None and start != total:
        raise BrokenOffError("{missing:,} bytes are missing", missing=total - start)


def _first_byte(answer: Any) -> int | None:
    """Where the range of a 206 begins; None where it does not say."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _refused(
    remote: RemoteFile,
    part: PartialFile,
    error: urllib.error.HTTPError,
    on_bytes: Callable[[int], None],
) -> None:
    """What an answer other than 200 and 206 means; returns where all bytes are here already."""
    if error.code == 416:
        if error.headers.get("Content-Range", "") == f"bytes */{part.size()}":
            return
        on_bytes(-part.drop())
        raise BrokenOffError("the server has a shorter file")
    if error.code in PASSING:
        after = error.headers.get("Retry-After", "")
        raise BrokenOffError(
            say("HTTP {code}", code=error.code), float(after) if after.isdigit() else 0.0
        )
    raise TransferError(
        "{host} refused {name} (HTTP {code}, {reason}); expected the file; see whether its page "
        "still offers it.",
        host=remote.host,
        name=remote.name,
        code=error.code,
        reason=error.reason,
    ) from error


def reason_of(error: BaseException) -> str:
    """What ended a connection, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}, {error.reason}"
    inner = getattr(error, "reason", None) or error
    return str(inner)[:120] or type(inner).__name__
