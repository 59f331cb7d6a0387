"""Names of many clips: of the command line, of a file or a pipe, in folders, by quoted patterns."""

import glob
import os
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getreader
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from emo_core.errors import EmoError
from emo_core.messages import say

if TYPE_CHECKING:
    from emo_core.batch.names import AskedRow


class NamesError(EmoError):
    """A list of names that can't be read."""


class AskedClip(NamedTuple):
    """A clip's name as it is opened, or what stands for one that can't be."""

    name: str
    error: str = ""


def clip_names(given: Sequence[str], names_file: str | None) -> Iterator[AskedClip]:
    """Every clip that is meant, in order: folders and patterns as what they hold, by name.

    names_file: has a name a line; "-" = standard input, whose names are yielded as they come.
    Raises NamesError where it can't be read.
    """
    for name in given:
        yield from _clips_of(name)
    if names_file is not None:
        for name in _lines(names_file):
            yield from _clips_of(name)


def batch_names(given: Sequence[str], names_file: str | None) -> "Iterator[AskedRow]":
    """The same for `emo batch`, where words may also be tables of clips and addresses of stores."""
    from emo_core.batch.manifests import is_manifest, read_manifest
    from emo_core.batch.names import AskedRow, is_url, list_url

    for name in given:
        if is_manifest(name):
            yield from read_manifest(name)
        elif is_url(name):
            yield from list_url(name)
        else:
            yield from (AskedRow(one.name, error=one.error) for one in _clips_of(name))
    if names_file is not None:
        for line in _lines(names_file):
            yield from batch_names([line], None)


def _lines(names_file: str) -> Iterator[str]:
    """Lines that are not blank; bytes that are no text stay in the name as they are."""
    try:
        with (
            nullcontext(sys.stdin.buffer) if names_file == "-" else open(names_file, "rb") as lines
        ):
            for line in _as_bytes(lines):
                if name := os.fsdecode(line).strip("\r\n\ufeff"):
                    yield name
    except (OSError, AttributeError, UnicodeDecodeError) as error:
        # AttributeError: standard input is closed
        why = getattr(error, "strerror", None) or getattr(error, "reason", None) or "closed"
        raise NamesError(
            "{names_file} can't be read ({why}); expected the name of a clip in each line; give "
            "such a file, or - for standard input.",
            names_file=names_file,
            why=why,
        ) from error


def _as_bytes(lines: Any) -> Iterator[bytes]:
    """Lines of a buffered list; of UTF-16, which Windows' > writes, in this system's bytes."""
    if lines.peek(2)[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE):
        return lines
    return map(os.fsencode, getreader("utf-16")(lines))


def _clips_of(name: str) -> Iterator[AskedClip]:
    """A clip, or those in a folder or of a pattern that is no file's name."""
    if os.path.isdir(name):
        yield from _clips_in(name)
    elif glob.has_magic(name) and "\0" not in name and not os.path.lexists(name):
        found = sorted(glob.glob(name, recursive=True))
        if not found:
            yield AskedClip(
                name,
                say(
                    "{name}: no file has such a name; expected a pattern of some; correct it.",
                    name=name,
                ),
            )
        entered: set[Path] = set()  # ** finds both a folder and what is in it
        for one in found:
            if not entered.isdisjoint(Path(one).parents):
                continue
            if os.path.isdir(one):
                entered.add(Path(one))
                yield from _clips_in(one)
            else:
                yield AskedClip(one)
    else:
        yield AskedClip(name)


def _clips_in(folder: str) -> Iterator[AskedClip]:
    """The clips below a folder, and a sentence for what looks like one and can't be."""
    from emo_core.data.folder.files import ClipIndex

    index = ClipIndex(Path(folder))
    for path in index.paths:
        yield AskedClip(str(path))
    for sentence in index.skipped:
        yield AskedClip(folder, f"{folder}: {sentence}")
    if not index.paths and not index.skipped:
        yield AskedClip(
            folder,
            say(
                "{folder} is a folder without clips; expected some in it; name another.",
                folder=folder,
            ),
        )
