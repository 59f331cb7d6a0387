"""Names of clips out of object stores."""

import glob
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from emo_core.errors import EmoError


class BatchError(EmoError):
    """Many clips can't be answered, or not here; the message says why and what to do."""


class AskedRow(NamedTuple):
    """One row that is to be written: the clip's name, or what stands for one that can't be."""

    clip: str
    id: str | None = None  # of the manifest
    error: str = ""


def is_url(word: str) -> bool:
    """Whether a word names something in an object store, as s3://bucket/folder."""
    return "://" in word


def list_url(url: str) -> Iterator[AskedRow]:
    """The clips at an address of an object store: one, those of a pattern or below a folder.

    An address that can't be listed is one row with its error, and so is a folder below it.
    """
    try:
        found = _listed(url)
    except Exception as error:  # libraries of object stores raise errors of their own
        yield AskedRow(url, error=unreadable(url, error))
        return
    if not found:
        why = f"{url} holds no clips; expected a clip, a pattern or a folder of some; correct it."
        yield AskedRow(url, error=why)
    yield from found


def store_of(url: str) -> tuple[Any, str]:
    """The store of an address, and the name in it.

    fsspec takes "::" for a chain of stores (zip://a.mp4::s3://bucket/many.zip), which it is not in
    a clip's name.
    """
    import fsspec

    _, *others = url.split("::")
    if others and not any(is_url(other) for other in others):
        store = fsspec.filesystem(url.partition("://")[0])
        return store, store._strip_protocol(url)
    return fsspec.core.url_to_fs(url)


def _listed(url: str) -> list[AskedRow]:
    from emo_core.data.folder.columns import MEDIA
    from emo_core.data.folder.files import ending

    store, path = store_of(url)
    hidden: list[tuple[str, OSError]] = []
    if glob.has_magic(path) and not store.exists(path):
        found = _matched(store, path, hidden)
        if not found and "*" not in path:  # a clip's name, or an address with a question
            return [AskedRow(url)]
    elif ending(path) in MEDIA:  # not asked for: of a million names that would take hours
        return [AskedRow(url)]
    elif store.isdir(path):
        found = set(_files_below(store, path, hidden))
    else:
        return [AskedRow(url)]
    names = sorted(name for name in found if ending(name) in MEDIA)
    urls = [(store.unstrip_protocol(name), error) for name, error in hidden]
    rows = [AskedRow(folder, error=unreadable(folder, error)) for folder, error in urls]
    return rows + [AskedRow(store.unstrip_protocol(name)) for name in names]


def _matched(store: Any, pattern: str, hidden: list[tuple[str, OSError]]) -> set[str]:
    """Files of a pattern, and those below its folders."""
    entries = store.glob(pattern, detail=True)
    if not entries and "*" in pattern:
        store.ls(pattern.partition("*")[0].rpartition("/")[0])  # raises where it can't be read
    found: set[str] = set()
    for name, entry in entries.items():
        folder = entry["type"] == "directory"
        found.update(_files_below(store, name, hidden) if folder else [name])
    return found


def _files_below(store: Any, folder: str, hidden: list[tuple[str, OSError]]) -> Iterable[str]:
    return _below(store, folder, hidden) if _walks(store) else store.find(folder)


def _below(files: Any, folder: str, hidden: list[tuple[str, OSError]]) -> Iterator[str]:
    """Files below a folder of a store; a folder that can't be listed comes into `hidden`.

    fsspec's own walk leaves it out in silence.
    """
    try:
        entries = files.ls(folder, detail=True)
    except OSError as error:
        hidden.append((folder, error))
        return
    for entry in entries:
        name = entry["name"].rstrip("/")
        if entry["type"] != "directory":
            yield name
        elif name != folder.rstrip("/"):  # some stores list a folder in itself
            yield from _below(files, name, hidden)


def _walks(files: Any) -> bool:
    """Whether a store is listed folder by folder; others list all in one go, or fail."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    if isinstance(files, AsyncFileSystem):
        return type(files)._find is AsyncFileSystem._find
    return type(files).find is AbstractFileSystem.find


def unreadable(url: str, error: Exception) -> str:
    """Why an address can't be read, for people."""
    why: Any = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
    return (
        f"{url} can't be read ({type(error).__name__}: {why}); expected an address that fsspec "
        "opens; correct it, or install what its protocol needs."
    )
