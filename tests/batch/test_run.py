"""`emo batch --local`: every name a row, whatever is killed, and the same rows again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from emo_core.batch import run
from emo_core.batch.names import BatchError
from emo_core.cli.main import main
from tests.cli.test_stopping import HANG_S, emo, wait_for
from tests.conftest import ROOT

CLIPS = ROOT / "assets" / "examples"
MODEL = ("--model", "group-staged", "--max-windows", "1")


def read_rows(out: Path) -> list[dict]:
    """The rows of a batch, sorted by place, without the seconds that they took."""
    table = pq.read_table(out / "rows").drop_columns("seconds")
    return sorted(table.to_pylist(), key=lambda row: row["row"])


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Names of 24 clips, every eighth of them missing."""
    clips = sorted(CLIPS.glob("*.mp4"))
    folder = tmp_path_factory.mktemp("many")
    for number in range(24):
        if number % 8 != 3:
            os.link(clips[number % len(clips)], folder / f"{number:02}.mp4")
    lines = ["clip,id", *(f"{number:02}.mp4,c{number}" for number in range(24))]
    (folder / "many.csv").write_text("\n".join(lines) + "\n")
    return folder / "many.csv"


@pytest.fixture(scope="module")
def undisturbed(many, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    words = ["batch", str(many), "--out", str(out), "--local", "--workers", "1", *MODEL]
    assert main(words) == 1  # some are missing
    return out


def test_every_name_is_a_row_in_order(undisturbed):
    rows = read_rows(undisturbed)
    assert [(row["row"], row["id"]) for row in rows] == [(n, f"c{n}") for n in range(24)]
    assert [row["row"] for row in rows if row["status"] == "failed"] == [3, 11, 19]
    assert sorted(os.listdir(undisturbed)) == ["batch.json", "names.arrow", "rows"]


@pytest.mark.slow
def test_killed_workers_and_drivers_lose_nothing_and_double_nothing(many, undisturbed, tmp_path):
    out = tmp_path / "out"
    words = ["batch", many, "--out", out, "--local", "--workers", "2", *MODEL, "--resume"]
    with emo(*words) as process:
        wait_for(process, lambda: len(list(out.glob("rows/*.parquet"))) >= 1)
        workers = [
            one
            for one in psutil.Process(process.pid).children()
            if "spawn_main" in str(one.cmdline())
        ]
        workers[0].kill()
        wait_for(process, lambda: len(list(out.glob("rows/*.parquet"))) >= 3)
        process.kill()
        process.communicate()
    before = len(list(out.glob("rows/*.parquet")))
    assert before < len(list(undisturbed.glob("rows/*.parquet"))) * 2
    assert main([*map(str, words)]) == 1
    assert read_rows(out) == read_rows(undisturbed)


def test_a_stopped_batch_says_how_to_go_on(many, undisturbed, tmp_path):
    out = tmp_path / "out"
    words = ["batch", many, "--out", out, "--local", "--workers", "1", *MODEL]
    with emo(*words) as process:
        wait_for(process, lambda: list(out.glob("rows/*.parquet")))
        process.send_signal(signal.SIGTERM)
        printed, said = process.communicate(timeout=HANG_S)
    assert (process.returncode, printed) == (2, "")
    *_, first, last = said.splitlines()
    assert first == f"emo: the rows so far are in {out}; go on with --resume."
    assert last == "emo: stopped."
    assert not list(out.rglob("*.part"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 128 kB, which only an administrator of the machine can make."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)])
    if made.returncode:
        pytest.skip("a small disk can't be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_goes_on_when_there_is_room(
    many, undisturbed, small_disk, capsys
):
    out = small_disk / "out"
    words = ["batch", str(many), "--out", str(out), "--local", "--workers", "2", *MODEL]
    assert main(words) == 2
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if "not complete" in line]
    assert "No space left on device" in sentence and "go on with --resume" in sentence
    assert 0 < len(list(out.glob("rows/*"))) < 8 and not list(out.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert main([*words, "--resume"]) == 1
    assert read_rows(out) == read_rows(undisturbed)


def test_rows_are_refused_without_resume(many, undisturbed, capsys):
    words = ["batch", str(many), "--out", str(undisturbed), "--local", *MODEL]
    assert main(words) == 2
    assert "holds rows already" in capsys.readouterr().err
    assert main([*words[:-1], "2", "--resume"]) == 2
    assert "max_windows was 1, is 2" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0  # nothing is left to do
    assert "24/24" not in capsys.readouterr().err


def test_what_is_not_installed_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "ray" else object())
    with pytest.raises(BatchError, match="ray is not installed"):
        run.write_rows([], tmp_path / "out", "group-staged")
    assert not (tmp_path / "out").exists()


def test_a_batch_starts_no_torch_in_the_help():
    code = "import sys; from emo_core.cli.main import main\ntry: main(['batch', '--help'])\n"
    code += "except SystemExit: print('torch' in sys.modules or 'pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


SCRIPT = """
from pathlib import Path
from emo_core.batch.names import AskedRow
from emo_core.batch.run import write_rows
write_rows([AskedRow("a.mp4")], Path("out"), "group-staged", workers=1, local=True)
"""


@pytest.mark.slow
def test_a_script_whose_processes_run_it_again_ends_with_a_sentence(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 1
    last = done.stderr.rstrip().splitlines()[-1]
    assert "BatchError: out is not complete (its processes end before they begin" in last
