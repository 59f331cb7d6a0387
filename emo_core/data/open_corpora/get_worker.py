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
from emo_core.messages import from_plain, say, say_name, to_plain

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
        from_plain(last["error"])
        if "error" in last
        else say("the download stopped without a message; run the same command again.")
    )


def serve_one_job(but: frozenset[network_guard.Address] = frozenset()) -> None:
    """A job from standard input, its progress and its answer to standard output."""
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    network_guard.only_public(but | network_guard.proxies())
    try:
        source = get.find_source(job["name"], job.get("part"))
        _print({"result": get.get_corpus(source, Path(job["dest"]), throttled(_print))})
    except (EmoError, OSError) as error:
        sentence = str(error) if isinstance(error, EmoError) else _sentence(error)
        _print({"error": to_plain(sentence)})


def throttled(show_line: Callable[[dict], None]) -> get.Progress:
    """Progress as lines, at most one every EVERY_S, and the last."""
    latest = 0.0

    def show(done: int, total: int) -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest >= EVERY_S or done == total:
            latest = now
            show_line({"done": done, "total": total})

    return show


def _print(words: dict[str, Any]) -> None:
    print(json.dumps(words), flush=True)


def _sentence(error: OSError) -> str:
    return say(
        "{name} can't be written ({reason}); expected a folder on a disk with room; choose "
        "another.",
        name=error.filename or say("a file"),
        reason=say_name(error.strerror or str(error)),
    )


def _end_with_parent() -> None:
    """Standard input ends when the parent does, however that ended."""
    while os.read(sys.stdin.fileno(), 1024):  # no lock is held, as of a buffer, at the exit
        pass
    os._exit(1)
