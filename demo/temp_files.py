"""The page's own folder for visitors' files: gone when the page goes, however it goes."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, NoReturn

PREFIX, LOCK, FILES = "emo-", "lock", "files"
CLEARINGS = 20  # tries at most
ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def end_at_once() -> None:
    """Let a request to stop end the process with 0: nothing is there yet that must be cleared."""
    _hear(lambda *_: os._exit(0))


def end_cleanly() -> None:
    """Make a request to stop, or a closed terminal, end the page as Ctrl-C does."""
    _hear(_end)


def leave() -> NoReturn:
    """End the process with 0, whatever its threads are at: Python would abort one that computes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed
            stream.flush()
    os._exit(0)


def _hear(handler: Callable[..., object]) -> None:
    for ending in (signal.SIGINT, *ENDINGS):
        if signal.getsignal(ending) != signal.SIG_IGN:  # as `nohup` asks for
            signal.signal(ending, handler)


def _end(*_: object) -> None:
    for ending in ENDINGS:  # a second one must not cut the cleaning up short, but Ctrl-C may
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder for visitors' files; deletes first what pages left that were killed."""
    _sweep_stale()
    with TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as home:
        held = _lock(Path(home, "new"), "x")
        if held:
            Path(home, "new").rename(Path(home, LOCK))  # seen by others only once it is held
        files = Path(home, FILES)
        files.mkdir()
        try:
            yield files
        finally:
            for _ in range(CLEARINGS):  # a thread that computes may write a file meanwhile
                shutil.rmtree(files, ignore_errors=True)
                if not files.exists():
                    break
                time.sleep(0.05)
            if held:
                held.close()


def _sweep_stale() -> None:
    """Delete this user's folders whose lock is free: the system releases a dead process's."""
    for home in Path(gettempdir()).glob(PREFIX + "*"):
        with suppress(OSError):
            if home.is_symlink() or home.stat().st_uid != os.getuid():
                continue
            if held := _lock(home / LOCK, "r+"):
                with held:
                    shutil.rmtree(home, ignore_errors=True)


def _lock(path: Path, mode: str) -> IO | None:
    """The file, its lock held until it is closed; None where that can't be had."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    file = None
    try:
        file = path.open(mode)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if file:
            file.close()
        return None
    return file
