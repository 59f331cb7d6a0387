"""Files and folders of results: whole or not there at all, and written by one process."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from emo_core.errors import EmoError

SUFFIX = ".part"  # ends the name of a file that is being written, after eight letters of its own
STALE = "*." + "[0-9a-f]" * 8 + SUFFIX


class FolderInUseError(EmoError):
    """A folder that another process is writing into."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A name beside `path`, of this writer alone, that becomes `path` when all is written.

    What was written goes where writing fails, as on a full disk. The part is locked meanwhile: the
    lock of a killed process is free, so that `remove_unfinished` knows what it left.
    """
    part, held = _unfinished_name(path), None
    try:  # from before the file is there: whatever stops this leaves none
        while True:
            with suppress(BlockingIOError):
                held = _hold(part, os.O_RDWR | os.O_CREAT)
                if held is None or part.exists():
                    break
            part = _unfinished_name(path)  # `remove_unfinished` elsewhere took it for a dead one's
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    finally:
        if held is not None:
            os.close(held)


def _unfinished_name(path: Path) -> Path:
    """A new name beside `path`."""
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{SUFFIX}")


def _hold(path: Path, flags: int) -> int | None:
    """A file or folder, locked until this is closed or the process ends; None = no locks here.

    Raises BlockingIOError where another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    file = os.open(path, flags, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            raise
        return None  # some network disks have no locks
    return file


def remove_unfinished(folder: Path, deep: bool = False) -> None:
    """Delete files of `folder` that were being written by processes that are no more.

    deep: also in the folders below it.
    """
    for part in folder.rglob(STALE) if deep else folder.glob(STALE):
        with suppress(OSError):
            held = _hold(part, os.O_RDWR)
            if held is not None:
                part.unlink()
                os.close(held)


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make a folder before the work for it begins; a new one goes where the work fails.

    Raises FolderInUseError where another process works for it.
    """
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with sole_writer(out):
            yield
    except BaseException:
        if new:
            with suppress(OSError):  # something is in it
                out.rmdir()
        raise


@contextmanager
def sole_writer(folder: Path) -> Iterator[bool]:
    """Hold a folder for this process, and clear what killed ones left half written in it.

    Raises FolderInUseError where another process holds it. Where folders can't be locked, as on
    Windows and some network disks, all may write, and False is yielded.
    """
    try:
        held = _hold(folder, os.O_RDONLY)
    except BlockingIOError as error:
        raise FolderInUseError(
            "{folder} is being written by another process; expected one at a time; wait until it "
            "is done, or choose another folder.",
            folder=folder,
        ) from error
    try:
        remove_unfinished(folder)
        yield held is not None
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def scratch_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A new temporary folder that goes with this process; those that killed ones left go first.

    within: where it lies; None = the system's folder for such.
    """
    for left in (within or Path(gettempdir())).glob(f"{prefix}*"):
        with suppress(OSError, FolderInUseError), sole_writer(left) as locked:
            if locked:
                shutil.rmtree(left)
    with ExitStack() as held:
        while True:
            folder = Path(held.enter_context(TemporaryDirectory(prefix=prefix, dir=within)))
            with suppress(OSError, FolderInUseError):  # swept before it was held: another one
                held.enter_context(sole_writer(folder))
                break
        yield folder
