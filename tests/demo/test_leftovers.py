"""Nothing that visitors gave outlives the page, by whatever road it came and however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from gradio_client import handle_file
from gradio_client.utils import Status

from demo import temp_files
from tests.support.predictions import write_people_clip
from tests.support.serving import PATIENCE_S, START, patient_client, served

ROOT = Path(__file__).parents[2]


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.name != "app.log"}


@pytest.fixture
def heard_again():
    """Under `nohup` the suite and all that it starts would ignore a closed terminal."""
    before = {n: signal.signal(n, signal.SIG_DFL) for n in (signal.SIGHUP, signal.SIGTERM)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that close")
def test_a_closed_terminal_leaves_nothing(tmp_path, heard_again):
    with served(tmp_path) as (_, process):
        assert list(tmp_path.glob("emo-*"))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)  # from the shell and from the system
        process.wait(PATIENCE_S)
        assert not files(tmp_path)  # not even an empty folder of gradio's


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from demo import temp_files
with temp_files.own_folder() as folder:
    (folder / "clip.mp4").write_bytes(b"a visitor")
    os._exit(9)
"""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no locks of this kind")
def test_what_a_killed_page_left_goes_at_the_next_start_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(temp_files, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "emo-other").mkdir()  # of something else: it has no lock
    with temp_files.own_folder() as running:
        (running / "clip.mp4").write_bytes(b"a visitor")
        subprocess.run(
            [sys.executable, "-c", KILLED, str(ROOT)],
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        assert len(list(tmp_path.glob("emo-*/files/clip.mp4"))) == 2
        with temp_files.own_folder() as folder:
            left = list(tmp_path.glob("emo-*/files/clip.mp4"))
            assert left == [running / "clip.mp4"] and folder.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["emo-other"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_page_under_work_ends_with_0_and_leaves_nothing(tmp_path, heard_again, number):
    home, clip = tmp_path / "home", write_people_clip(tmp_path / "clip.mp4", 2.0)
    home.mkdir()
    with served(home) as (url, process):
        client = patient_client(url)
        asked = {"clip": handle_file(str(clip)), "method": "shapley", "preset": "thorough"}
        asked |= {"everyone_agreed": True}
        job = client.submit(**asked, target="", checks=True, api_name="/explain")
        until(process, lambda: job.status().code == Status.PROCESSING)
        work = psutil.Process(process.pid)
        began_s = work.cpu_times().user
        until(process, lambda: work.cpu_times().user > began_s + 1)  # threads of torch compute
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert "Traceback" not in (home / "app.log").read_text()
    assert not list(home.glob("emo-*")) and not {p for p in files(home) if p.is_file()}


def until(process: subprocess.Popen, state: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not state():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


STOPPED_WHILE = """
import os, signal, sys
class Stop:
    def find_spec(name, path=None, target=None):
        if name == "gradio":
            os.kill(os.getpid(), signal.%s)
sys.meta_path.insert(0, Stop)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_page_that_is_stopped_while_it_starts_ends_with_0(heard_again, name):
    code = f"{STOPPED_WHILE % name}\n{START}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_files_that_come_while_they_are_cleared_away_go_too(tmp_path, monkeypatch):
    monkeypatch.setattr(temp_files, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    whole, came = shutil.rmtree, []

    def late(path, *rest, **options):
        whole(path, *rest, **options)
        if not came:  # a thread that was computing
            came.append(path)
            Path(path).mkdir(parents=True)
            (Path(path) / "film.mp4").write_bytes(b"a visitor")

    monkeypatch.setattr(temp_files.shutil, "rmtree", late)
    with temp_files.own_folder() as folder:
        (folder / "clip.mp4").write_bytes(b"a visitor")
    assert came and not list(tmp_path.iterdir())
