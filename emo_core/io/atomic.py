"""Files and folders of results: whole or not there at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A name beside `path`, of this writer alone, that becomes `path` when all is written.

    What was written goes where writing fails, as on a full disk.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make a folder before the work for it begins; a new one goes where the work fails."""
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # something is in it
                out.rmdir()
        raise
