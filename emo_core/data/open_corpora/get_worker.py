"""The process that fetches an open corpus: public addresses only, and it ends with its parent.

In a process of its own because `io.network_guard` can't be undone. It prints a line of JSON as
bytes come, and one at the end.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emo_core.data.open_corpora import get
from emo_core.errors import EmoError
from emo_core.io import network_guard
from emo_core.io.environment import offline
from emo_core.io.transfer import TransferError

ROOT = str(Path(__file__).resolve().parents[3])  # the package may not be installed
WORKER = [
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.insert(0, {ROOT!r}); "
    "from emo_core.data.open_corpora import get_worker; get_worker.serve_one_job()",
]
EVERY_S = 0.2  # seconds between two lines of progress


def get_in_worker(name: str, dest: Path, progress: get.Progress, part: str | None = None) -> dict:
    """What `get_corpus` returns, of a process that reaches public addresses only.

    Raises TransferError, also where EMO_OFFLINE forbids the network.
    """
    if offline():
        raise TransferError(
            "EMO_OFFLINE is set, so {name} can't be downloaded; unset it to allow downloads.",
            name=name,
        )
    worker = subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )  # Ctrl-C is this process's business, which ends the other
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write(
            json.dumps({"name": name, "part": part, "dest": str(dest.absolute())}).encode() + b"\n"
        )
        worker.stdin.flush()
        last: dict = {}
        for line in worker.stdout:
            last = json.loads(line)
            if "done" in last:
                progress(last["done"], last["total"])
    finally:
        worker.kill()
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()
    if "result" in last:
        return last["result"]
    raise TransferError(
        last.get("error") or "the download stopped without a message; run the same command again."
    )


def serve_one_job(but: frozenset[network_guard.Address] = frozenset()) -> None:
    """A job from standard input, its progress and its answer to standard output."""
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    network_guard.only_public(but | network_guard.proxies())
    try:
        source = get.find_source(job["name"], job.get("part"))
        _say({"result": get.get_corpus(source, Path(job["dest"]), throttled(_say))})
    except (EmoError, OSError) as error:
        _say({"error": str(error) if isinstance(error, EmoError) else _sentence(error)})


def throttled(say: Callable[[dict], None]) -> get.Progress:
    """Progress as lines, at most one every EVERY_S, and the last."""
    latest = 0.0

    def show(done: int, total: int) -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest >= EVERY_S or done == total:
            latest = now
            say({"done": done, "total": total})

    return show


def _say(words: dict[str, Any]) -> None:
    print(json.dumps(words), flush=True)


def _sentence(error: OSError) -> str:
    return (
        f"{error.filename or 'a file'} can't be written ({error.strerror or error}); expected a "
        "folder on a disk with room; choose another."
    )


def _end_with_parent() -> None:
    """Standard input ends when the parent does, however that ended."""
    while os.read(sys.stdin.fileno(), 1024):  # no lock is held, as of a buffer, at the exit
        pass
    os._exit(1)
