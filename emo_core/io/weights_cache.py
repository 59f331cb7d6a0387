"""Small files the project needs and does not ship: fetched once into the user's cache folder."""

import hashlib
import os
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from emo_core.errors import EmoError
from emo_core.io.atomic import atomic_path

PATIENCE_S = 8.0  # for the whole file, name look-up included; the file is optional


class FetchError(EmoError):
    """A file that cannot be downloaded; the message says why and where to put it by hand."""


@dataclass(frozen=True)
class Remote:
    """A file somewhere else, known byte for byte."""

    url: str
    size: int  # bytes
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def path(self) -> Path:
        """Where it lies once it is here."""
        return cache_folder() / "weights" / self.name


def cache_folder() -> Path:
    """$EMO_CACHE, or emo/ in the user's cache folder; raises FetchError where there is none."""
    if own := os.environ.get("EMO_CACHE"):
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emo"
    except RuntimeError as error:
        raise FetchError(
            "this user has no home folder, where the cache was expected; set EMO_CACHE to a folder."
        ) from error


def offline() -> bool:
    """Whether the user forbids the network: EMO_OFFLINE or HF_HUB_OFFLINE is set and is not 0."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in _FORBID)


_FORBID = ("EMO_OFFLINE", "HF_HUB_OFFLINE")


def cached_download(remote: Remote, patience_s: float = PATIENCE_S) -> Path:
    """The file on disk, fetched if it is not there yet; whole and with the right SHA-256.

    Returns or raises FetchError within `patience_s` seconds, whatever the network does.
    """
    if _right(remote.path, remote):
        return remote.path
    if offline():
        raise FetchError(f"{remote.name} is not here and EMO_OFFLINE is set; {_by_hand(remote)}")
    problems: list[str] = []
    # A name that does not resolve can block for minutes and can't be interrupted: a thread can be
    # left behind.
    job = threading.Thread(target=_fetch, args=(remote, patience_s, problems), daemon=True)
    job.start()
    job.join(patience_s)
    if job.is_alive():
        problems.append(f"no answer within {patience_s:g} s")
    if problems:
        raise FetchError(f"{remote.name} can't be had ({problems[0]}); {_by_hand(remote)}")
    return remote.path


def _by_hand(remote: Remote) -> str:
    return f"allow it once, or put the file into {remote.path.parent}."


def _right(path: Path, remote: Remote) -> bool:
    try:
        return path.is_file() and _same(path.read_bytes(), remote)
    except OSError:  # a folder that may not be looked into
        return False


def _same(content: bytes, remote: Remote) -> bool:
    return hashlib.sha256(content).hexdigest() == remote.sha256


def _fetch(remote: Remote, patience_s: float, problems: list[str]) -> None:
    try:
        with urllib.request.urlopen(remote.url, timeout=patience_s) as answer:
            content = answer.read(remote.size + 1)
        if not _same(content, remote):
            problems.append(f"{len(content):,} bytes came with another SHA-256 than published")
            return
        remote.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(remote.path) as part:
            part.write_bytes(content)
    except Exception as error:  # all: exceptions of a thread are lost
        problems.append(str(getattr(error, "reason", None) or error or type(error).__name__))
