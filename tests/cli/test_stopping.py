"""Ctrl-C, SIGTERM and a closed terminal: a word, exit code 2 and nothing half done."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from emo_core.cli.main import LOST_PROBES, PROBE_S, StopRequest, main, stop_kindly
from tests.cli.test_command import TINY
from tests.conftest import ROOT

HANG_S = 300  # only a hang takes this long
CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
MAKE = ("data", "make", "staged", "OUT", "--train", "6", "--val", "0", "--test", "0")


@contextmanager
def emo(*words: str | Path):
    """The command in a process group of its own, as a terminal starts it; ended afterwards."""
    command = [sys.executable, "-m", "emo_core", *map(str, words)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_all,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def hear_all() -> None:
    """Under `nohup`, and in the background of a shell, children would ignore what is sent here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def wait_for(process: subprocess.Popen, state: Callable[[], object]) -> None:
    """Wait until something is so while a process runs."""
    stop = time.monotonic() + HANG_S
    while not state():
        assert process.poll() is None and time.monotonic() < stop, process.communicate()
        time.sleep(0.01)


def unfinished(folder: Path) -> list[Path]:
    return [*folder.rglob("*.part"), *folder.rglob(".fetch-*")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("workers", [1, 2])
def test_making_clips_stops_with_a_word_and_goes_on(tmp_path, number, workers):
    out = tmp_path / "made"
    words = [str(out) if word == "OUT" else word for word in MAKE]
    with emo(*words, "--workers", str(workers)) as process:
        wait_for(process, lambda: list(out.rglob("*.mp4")))
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        printed, said = process.communicate(timeout=HANG_S)
    assert (process.returncode, printed, said) == (2, "", "emo: stopped.\n")
    clips = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    assert clips and not unfinished(out)
    assert main([*words, "--workers", "1"]) == 0
    assert len(list(out.rglob("*.mp4"))) == 6
    assert all(path.stat().st_mtime_ns == when for path, when in clips.items())


def test_two_processes_do_not_make_clips_in_one_folder(tmp_path, capsys):
    out = tmp_path / "made"
    words = [str(out) if word == "OUT" else word for word in MAKE]
    with emo(*words, "--workers", "1") as process:
        wait_for(process, lambda: list(out.rglob("*.mp4")))
        assert main(words) == 2
        assert "is being written by another process; expected one" in capsys.readouterr().err
        assert process.communicate(timeout=HANG_S) == (f"6 clips in {out}\n", "")


def test_a_stopped_run_that_learnt_nothing_gives_its_folder_back(tmp_path, drawn):
    run = tmp_path / "run"
    words = ["train", "group-staged", "--data", drawn, "--out", run]
    settings = sum((["--set", text] for text in (*TINY[1:], "epochs=500", "patience=500")), [])
    with emo(*words, *settings) as process:
        wait_for(process, (run / "clips.json").is_file)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 2 and said.splitlines()[-1] == "emo: stopped."
    assert not run.exists() or (run / "warm.pt").is_file() or (run / "resume.pt").is_file()
    with emo(*words, *settings, *(["--resume"] if run.exists() else [])) as process:
        wait_for(process, (run / "resume.pt").is_file)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=HANG_S)[1].splitlines()[-1] == "emo: stopped."
    assert process.returncode == 2 and not unfinished(run) and (run / "resume.pt").is_file()


def test_a_stopped_explanation_leaves_no_half_file(tmp_path):
    out = tmp_path / "why"
    with emo("explain", CLIP, "--preset", "thorough", "--out", out) as process:
        wait_for(process, out.is_dir)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 2 and said.splitlines()[-1] == "emo: stopped."
    assert not out.exists()


LOST = """
import os, signal, sys
class Odd:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))  # the request is raised in here, where Python drops it
def card(args):
    odd = Odd()
    del odd
    import time
    time.sleep(600)
from emo_core.cli import commands
from emo_core.cli.main import main
commands.print_card = card
sys.argv = ["emo", "card", "group-staged"]
sys.exit(main())
"""


def test_a_request_that_a_finaliser_drops_is_heard_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", LOST], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S
    )
    assert (done.returncode, done.stderr) == (2, "emo: stopped.\n")


CAUGHT = """
import os, signal, sys, time
def card(args):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(600)
    except BaseException:  # as a library does that tries to import another
        pass
    time.sleep(600)
from emo_core.cli import commands
from emo_core.cli.main import main
commands.print_card = card
sys.argv = ["emo", "card", "group-staged"]
sys.exit(main())
"""


def test_a_request_that_a_library_catches_is_heard_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S
    )
    assert (done.returncode, done.stderr) == (2, "emo: stopped.\n")


def test_tidying_up_takes_as_long_as_it_takes(capsys, monkeypatch):
    tidied = []

    def card(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(2 * PROBE_S * LOST_PROBES)
            tidied.append(True)

    monkeypatch.setattr("emo_core.cli.commands.print_card", card)
    assert main(["card", "group-staged"]) == 2
    assert tidied and capsys.readouterr().err == "emo: stopped.\n"


def test_a_program_that_caught_its_interrupt_ends_with_its_own_code(tmp_path):
    """Also one that was interrupted while it imported, where Python executes strings."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from emo_core.cli import main as command\n"
        "command.build_parser = lambda: exec('raise KeyboardInterrupt')\n"
        "sys.exit(command.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, "emo: stopped.\n")


def test_an_error_that_a_request_makes_is_no_error(capsys, monkeypatch):
    def card(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as stopped:
            raise RuntimeError("a worker is killed by signal: Terminated.") from stopped

    monkeypatch.setattr("emo_core.cli.commands.print_card", card)
    assert main(["card", "group-staged"]) == 2
    assert capsys.readouterr().err == "emo: stopped.\n"


def test_only_ctrl_c_cuts_tidying_up_short():
    request = StopRequest()
    request._insist = lambda number, heard_at: None  # that would end the suite
    with pytest.raises(KeyboardInterrupt):
        request.hear(signal.SIGTERM, None)
    request.hear(signal.SIGTERM, None)  # as a shell and the system say that a terminal closed
    request.hear(signal.SIGHUP, None)
    with pytest.raises(KeyboardInterrupt):
        request.hear(signal.SIGINT, None)
    request.arrived = True
    request.hear(signal.SIGINT, None)  # there is nothing left to be stopped


def test_what_is_ignored_stays_ignored_and_handlers_come_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` asks for
    try:
        with stop_kindly(until_exit=False):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]


def test_a_closed_error_stream_changes_nothing():
    """Neither one that nobody reads, nor none: the next file must not take its number."""
    words = [sys.executable, "-m", "emo_core", "card", "group-staged"]
    usual = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    read, write = os.pipe()
    os.close(read)
    for given in ({"stderr": write}, {"preexec_fn": lambda: os.close(2)}):
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, **given)
        assert (done.returncode, done.stdout) == (0, usual.stdout) and len(done.stdout) > 1000
    os.close(write)
    code = (
        "import os, sys; os.close(2); sys.stderr = None\n"
        "from emo_core.cli.main import main; main(['list', 'corpora'])\n"
        "print(os.path.samefile('/dev/null', '/dev/fd/2'), file=sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout.splitlines()[-1] == "True"
