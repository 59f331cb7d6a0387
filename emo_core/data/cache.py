"""Decoded clips on disk: each is decoded once, then read through a memory map.

One file a window, named by what the clip contains and how it was decoded, so that any change of
either makes a new file. A file appears under its name only when it is whole (written aside, then
renamed), so two processes may fill one cache and either may be killed.
"""

import hashlib
import json
import mmap
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.data.corpus import CorpusError
from emo_core.errors import os_reason
from emo_core.io.atomic import atomic_path, remove_unfinished
from emo_core.io.environment import cache_folder
from emo_core.preprocess.sample import DecodedWindow, SampleConfig

VERSION = 2  # of the record; raise it when decode_window changes what it returns
TOKEN_BYTES = 8  # kept of a transcript for each token that a model reads; a word piece has 4 or 5


def content_key(path: Path) -> str:
    """Digest of a file's bytes: a renamed clip is found again, a changed one is not."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def file_identity(path: Path) -> Hashable:
    """What hard links to one file share; of a file that can't be reached its path."""
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def same_content(paths: Sequence[Path]) -> dict[Path, Path]:
    """Files with the same bytes as an earlier one: {file: the first}.

    Reads those of equal size, once each: hard links to a file are that file.
    """
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        if size := path.stat().st_size:  # that empty files are equal says nothing
            by_size[size].append(path)
    found: dict[Path, Path] = {}
    for alike in by_size.values():
        linked: dict[Hashable, list[Path]] = defaultdict(list)
        for path in alike:
            linked[file_identity(path)].append(path)
        first: dict[str, Path] = {}
        for links in linked.values():
            key = content_key(links[0]) if len(linked) > 1 else ""
            found |= dict.fromkeys(links, first.setdefault(key, links[0]))
    return {path: other for path, other in found.items() if path != other}


def _decisive(config: SampleConfig) -> dict:
    """The settings on which the bytes of a record depend; unused ones left out."""
    settings = {"version": VERSION, **config.as_dict()}
    settings["fit"] = settings.pop("resize_mode")  # as in version 0.1: caches stay valid
    settings["mel"] = {"rate": config.mel.rate}  # the log-mel is made from the wave afterwards
    del settings["tokenizer"]  # so are the tokens from the text
    del settings["wave"]  # which is always kept
    if config.face_every == 1:
        del settings["face_every"]
    if not config.people:
        del settings["people"], settings["face_size"]
    if not config.text_length:
        del settings["text_length"]
    return settings


def _record(config: SampleConfig) -> tuple[tuple[str, type, tuple[int, ...]], ...]:
    """Name, dtype and shape of each part of a record, in order, wide numbers first."""
    frames, people, side = config.frames, config.people, config.face_size
    parts = (
        ("pixel_times_s", np.float32, (frames,)),
        ("spans_s", np.float32, (3,)),  # video_s, audio_s, start_s
        ("face_boxes", np.float32, (frames, people, 4)),
        ("face_eyes", np.float32, (frames, people, 0 if side else 4)),  # of faces not cut out
        ("wave", np.int16, (round(config.window_s * config.mel.rate),)),
        ("pixels", np.uint8, (frames, config.height, config.width, 3)),
        ("faces", np.uint8, (frames, people, side, side, 3)),
        ("face_mask", np.bool_, (frames, people)),
        ("text", np.uint8, (TOKEN_BYTES * config.text_length,)),  # UTF-8, zeros after it
    )
    return tuple(part for part in parts if np.prod(part[2]))


def _to_bytes(decoded: DecodedWindow, name: str, kind: type, shape: tuple[int, ...]) -> bytes:
    if name == "spans_s":
        values = np.array([decoded.video_s, decoded.audio_s, decoded.start_s])
    elif name == "text":
        values = np.frombuffer(decoded.text.encode("utf-8", "replace")[: shape[0]], np.uint8)
        values = np.pad(values, (0, shape[0] - len(values)))
    else:
        values = getattr(decoded, name)
        values = np.zeros(shape) if values is None else values  # faces were not detected
    return np.ascontiguousarray(values, kind).tobytes()


class Cache:
    """Decoded windows of one SampleConfig, memory-mapped."""

    def __init__(self, config: SampleConfig, folder: Path | None = None) -> None:
        text = json.dumps(_decisive(config), sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=8)
        self.config = config
        self.folder = (folder or cache_folder()) / digest.hexdigest()
        self._known: dict[tuple, str] = {}
        self._fields = _record(config)
        self._bytes = sum(np.dtype(kind).itemsize * int(np.prod(s)) for _, kind, s in self._fields)

    def key(self, path: Path) -> str:
        """Content key of a file; computed once per (path, size, time of change)."""
        status = path.stat()
        known = (path, status.st_size, status.st_mtime_ns)
        if known not in self._known:
            self._known[known] = content_key(path)
        return self._known[known]

    def has(self, key: str) -> bool:
        """Whether a whole window called `key` is stored."""
        path = self._path(key)
        return path.is_file() and path.stat().st_size == self._bytes

    def remove_unfinished(self) -> None:
        """Delete what killed processes left half written."""
        for folder in self.folder.glob("??"):
            remove_unfinished(folder)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.window"

    def get(self, key: str, make: Callable[[], DecodedWindow]) -> DecodedWindow:
        """The window called `key`, made and stored at its first use."""
        path = self._path(key)
        found = self._read(path)
        if found is None:
            self._write(path, make())
            found = self._read(path)
        if found is None:
            raise CorpusError(
                "the cache file {path} is damaged; delete {folder}.", path=path, folder=self.folder
            )
        return found

    def _read(self, path: Path) -> DecodedWindow | None:
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError):  # ValueError: an empty file
            return None
        record = np.frombuffer(mapped, np.uint8)  # np.memmap costs three times as much to open
        if len(record) != self._bytes:
            return None
        values: dict[str, Any] = {}
        start = 0
        for name, kind, shape in self._fields:
            size = np.dtype(kind).itemsize * int(np.prod(shape))
            values[name] = record[start : start + size].view(kind).reshape(shape)
            start += size
        video_s, audio_s, start_s = (float(v) for v in values.pop("spans_s"))
        if "text" in values:
            values["text"] = values["text"].tobytes().rstrip(b"\0").decode("utf-8", "ignore")
        return DecodedWindow(**values, video_s=video_s, audio_s=audio_s, start_s=start_s)

    def _write(self, path: Path, decoded: DecodedWindow) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as part, part.open("wb") as file:
                for name, kind, shape in self._fields:
                    file.write(_to_bytes(decoded, name, kind, shape))
        except OSError as error:
            raise CorpusError(
                "the cache in {parent} can't be written ({reason}); expected {size} kB a clip; "
                "free some space or set EMO_CACHE.",
                parent=self.folder.parent,
                reason=os_reason(error),
                size=self._bytes // 1000,
            ) from error
