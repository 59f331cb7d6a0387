"""How many bytes visitors' files take, by address and in all, and when a file goes."""

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from demo.settings import BusyError, Limits

LEAST_BYTES = 64 << 10  # that a file counts for: very many tiny ones fill a disk as well
SPARE_BYTES = 64 << 20  # of the disk, for everything else on it
MB = 1 << 20
AGENTS = "agents"  # folder in which gradio unpacks an agent's clip, to upload it from there


class StorageError(BusyError):
    """No room for more; the status that says so, and one sentence."""

    def __init__(self, status: int, sentence: str, /, **values: object) -> None:
        super().__init__(sentence, **values)
        self.status = status


@dataclass
class Stored:
    """One upload, or what was made for a visitor: a folder of its own."""

    folder: Path
    address: str
    size: int = 0
    whole: bool = False  # its last byte has come
    asked: bool = False  # some job names it
    claimed: bool = False  # a visit has it, and takes it along when it leaves
    visit: str | None = None  # the one that claimed it first
    made: bool = False  # by the page, for a visit: its size is only known later
    seen_s: float = 0.0


class Storage:
    """Every folder of visitors' files, with its size and whose it is."""

    def __init__(
        self, folder: Path, limits: Limits, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.limits, self.now = folder.resolve(), limits, now
        self.stored: dict[Path, Stored] = {}
        self.lock = threading.RLock()

    def open(self, address: str, size: int = 0, prefix: str = "up-") -> Stored:
        """A new folder for `size` bytes; raises StorageError where there is no room for them."""
        with self.lock:
            self._forget_deleted()
            self._check(address, max(size, LEAST_BYTES), size)
            try:
                folder = Path(mkdtemp(prefix=prefix, dir=self.folder))
            except OSError as error:
                raise full_disk() from error
            found = Stored(folder, address, LEAST_BYTES, seen_s=self.now())
            self.stored[folder] = found
        return found

    def make(self, address: str, visit: str | None = None) -> Path:
        """A new folder for what the page makes for a visit; no word of theirs is in its name."""
        with self.lock:
            self._forget_deleted()
            self._check_visit(visit, LEAST_BYTES)
            found = self.open(address, prefix="made-")
        found.whole = found.claimed = found.made = True
        found.visit = visit
        return found.folder

    def grow(self, stored: Stored, size: int) -> None:
        """Count more bytes of an upload; raises StorageError for one too many."""
        with self.lock:
            self._check(stored.address, size, stored.size + size)
            stored.size += size

    def finish(self, stored: Stored, files: int) -> None:
        """The upload is whole: from now on a visit has some minutes to claim it."""
        stored.whole, stored.seen_s = True, self.now()
        stored.size = max(stored.size, files * LEAST_BYTES)

    def drop(self, stored: Stored) -> None:
        """Delete a folder, and count it no more."""
        shutil.rmtree(stored.folder, ignore_errors=True)
        with self.lock:
            self.stored.pop(stored.folder, None)

    def of(self, path: Path) -> Stored | None:
        """The folder that a file is in."""
        here = Path(path)
        return next((self.stored[p] for p in (here, *here.parents) if p in self.stored), None)

    def ask(self, path: str) -> None:
        """A job names a file: it stays until the job has had its turn."""
        if found := self.of(Path(path)):
            found.asked, found.seen_s = True, self.now()

    def admit(self, path: Path, visit: str | None) -> None:
        """Delete a file that is one too many for a visit, and raise StorageError."""
        found = self.of(path)
        if found is None or found.claimed:
            return
        with self.lock:
            self._forget_deleted()
            try:
                self._check_visit(visit, found.size)
            except StorageError:
                self.drop(found)
                raise

    def claim(self, path: Path, visit: str | None = None) -> Path:
        """A visit has a file: what is to be deleted when the visit leaves.

        Raises StorageError for one too many, which is deleted.
        """
        with self.lock:
            self.admit(path, visit)
            if found := self.of(path):
                found.visit = found.visit if found.claimed else visit
                found.claimed, found.seen_s = True, self.now()
                return found.folder
        return path

    def drop_copies(self, path: Path) -> None:
        """Delete what an agent's clip was unpacked to: its upload is here, and counts."""
        for copy in (self.folder / AGENTS).glob("*/*"):
            with suppress(OSError):
                if (copy.name, copy.stat().st_size) == (path.name, path.stat().st_size):
                    copy.unlink()
                    copy.parent.rmdir()

    def sweep(self) -> None:
        """Delete what no visit claimed in time."""
        now = self.now()
        for copy in (self.folder / AGENTS).glob("*/*"):
            with suppress(OSError):
                if copy.stat().st_mtime < time.time() - self.limits.claim_s:
                    copy.unlink()
                    copy.parent.rmdir()
        for found in list(self.stored.values()):
            wait_s = self.limits.keep_s if found.asked else self.limits.claim_s
            if found.whole and not found.claimed and found.seen_s < now - wait_s:
                self.drop(found)

    def used(self, address: str | None = None, visit: str | None = None) -> int:
        """Bytes that one address or one visit has here, or all of them."""
        with self.lock:
            return sum(
                s.size
                for s in self.stored.values()
                if address in (None, s.address) and visit in (None, s.visit)
            )

    def _check_visit(self, visit: str | None, more: int) -> None:
        """Raise StorageError unless a visit has room for `more` bytes; none is new, and has."""
        if visit is None:
            return
        used, most = self.used(visit=visit), self.limits.mb_of_visit
        if used + more > most * MB:
            raise StorageError(
                413,
                "your clips take {used:.0f} MB here, and with this one more than the {most} "
                "that a visit may have; open the page anew, which deletes them, or give a "
                "shorter piece.",
                used=used / MB,
                most=most,
            )

    def _check(self, address: str, more: int, whole: int) -> None:
        """Raise StorageError unless there is room for `more` bytes of a thing of `whole` bytes."""
        limits = self.limits
        if whole > limits.mb_of_visit * MB:
            raise StorageError(
                413,
                "this is more than {mb_of_visit} MB, which is all that a visit may give "
                "here; give a shorter piece.",
                mb_of_visit=limits.mb_of_visit,
            )
        if self.used(address) + more > limits.mb_of_address * MB:
            raise StorageError(
                413,
                "visitors of your address have {used:.0f} MB of clips here, of "
                "{mb_of_address}; close a page that has one, or try again later.",
                used=self.used(address) / MB,
                mb_of_address=limits.mb_of_address,
            )
        if self.used() + more > limits.mb_in_all * MB:
            raise StorageError(
                507,
                "all visitors together have {used:.0f} MB of clips here, of {mb_in_all}; "
                "try again in some minutes.",
                used=self.used() / MB,
                mb_in_all=limits.mb_in_all,
            )
        with suppress(OSError):
            if shutil.disk_usage(self.folder).free < more + SPARE_BYTES:
                raise full_disk()

    def _forget_deleted(self) -> None:
        for folder, found in list(self.stored.items()):
            if found.whole and not folder.exists():
                del self.stored[folder]
            elif found.made:
                found.size = max(LEAST_BYTES, folder_size(folder))


def full_disk() -> StorageError:
    """What is said where the disk has no room."""
    return StorageError(507, "the disk of this page is full; try again in some minutes.")


def folder_size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total
