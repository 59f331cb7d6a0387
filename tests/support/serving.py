"""The app in a process of its own, as `make demo` starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import gradio_client

ROOT = Path(__file__).parents[2]
APP = str(ROOT / "demo" / "app.py")
START = f"import runpy, sys; sys.path.insert(0, ''); runpy.run_path({APP!r}, run_name='__main__')"
PATIENCE_S = 300  # other work may be going on beside the test


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return response.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False


def wait_until(state: Callable[[], bool]) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not state():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def patient_client(url: str) -> gradio_client.Client:
    """A program's client that waits on a busy machine; its own patience is five seconds."""
    return gradio_client.Client(
        url, verbose=False, download_files=False, httpx_kwargs={"timeout": PATIENCE_S}
    )


def free_port() -> int:
    """A port of this computer that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(
    folder: Path, before: str = "", host: str = "127.0.0.1", **settings: str
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Gives its address and its process; its files are below `folder`.

    `before` is code that runs in that process before the app does.
    """
    port = free_port()
    known = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    known |= {"TMPDIR": str(folder), "EMO_JOBS_A_MINUTE": "1000", "EMO_JOBS_OF_ADDRESS": "1000"}
    known |= {"EMO_REQUESTS_A_SECOND": "10000"}
    known |= {"PYTHONPATH": str(ROOT)} if before else {}
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{START}"] if before else [sys.executable, APP],
            cwd=folder,
            env={**os.environ, **known, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://{host}:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(url):
            assert process.poll() is None, (folder / "app.log").read_text()
            assert time.monotonic() < deadline, "the app did not start"
            time.sleep(0.5)
        yield url, process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
