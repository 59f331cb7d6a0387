"""Results are whole or not there: failed writers, two at once, folders that can't be made."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.io import atomic
from emo_core.io.atomic import (
    FolderInUseError,
    _hold,
    atomic_path,
    output_folder,
    scratch_folder,
    sole_writer,
)
from tests.conftest import ROOT


def test_a_failed_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_path(path) as part:
        part.write_text("half")
        raise OSError("full")
    assert [it.name for it in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_a_stop_at_the_moment_of_making_the_file_leaves_none(tmp_path, monkeypatch):
    def made_and_stopped(path, flags):
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "_hold", made_and_stopped)
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "log.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_not_mix(tmp_path):
    path, both = tmp_path / "film.mp4", threading.Barrier(2)

    def write(letter: str) -> None:
        with atomic_path(path) as part, part.open("w") as file:
            for _ in range(50):
                file.write(letter * 1000)
                file.flush()
                both.wait()

    threads = [threading.Thread(target=write, args=letter) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("a" * 50_000, "b" * 50_000)
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_folder_goes_where_the_work_fails_and_an_old_one_stays(tmp_path):
    for out, stays in ((tmp_path / "new", False), (tmp_path, True)):
        with pytest.raises(ValueError, match="failed"), output_folder(out):
            assert out.is_dir()
            raise ValueError("failed")
        assert out.exists() == stays
    with pytest.raises(ValueError, match="failed"), output_folder(tmp_path / "used"):
        (tmp_path / "used" / "attribution.npz").write_text("learnt")
        raise ValueError("failed")
    assert (tmp_path / "used" / "attribution.npz").exists()


def test_explain_tries_its_folder_before_the_work(tmp_path, capsys, monkeypatch):
    from emo_core.inference import predict

    monkeypatch.setattr(predict, "predict_clip", lambda *_: pytest.fail("the work was done"))
    (tmp_path / "file").write_text("mine")
    clip = str(ROOT / "assets" / "examples" / "both_positive.mp4")
    assert main(["explain", clip, "--out", str(tmp_path / "file" / "why")]) == 2
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-1", "1" + "0" * 30, "one", "4294967296"])
def test_a_seed_is_a_number_that_every_generator_takes(text, tmp_path, capsys):
    assert main(["explain", "clip.mp4", "--seed", text, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{text} is no seed; expected a whole number from 0 to 4294967295" in said


KILLED = """
import os, sys
from pathlib import Path
from emo_core.io.atomic import atomic_path
with atomic_path(Path(sys.argv[1]) / "film.mp4") as part:
    part.write_bytes(b"half")
    os._exit(9)
"""


def killed_writer(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=ROOT)


def test_what_a_killed_writer_left_goes_at_the_next_start_and_nothing_that_is_written(tmp_path):
    killed_writer(tmp_path)
    (tmp_path / "corpus.zip.part").write_bytes(b"a transfer that goes on")
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_path(tmp_path / "living") as part:
        part.write_text("half")
        with sole_writer(tmp_path):
            assert {path.name for path in tmp_path.iterdir()} == {"corpus.zip.part", part.name}
    assert (tmp_path / "living").read_text() == "half"


def test_a_part_that_was_swept_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    swept = []

    def hold(path, flags):
        held = _hold(path, flags)
        if not swept:
            swept.append(path)
            path.unlink()
        return held

    monkeypatch.setattr(atomic, "_hold", hold)
    with atomic_path(tmp_path / "film.mp4") as part:
        part.write_text("whole")
    assert part not in swept and (tmp_path / "film.mp4").read_text() == "whole"


def test_a_folder_has_one_writer(tmp_path):
    with sole_writer(tmp_path):
        words = "is being written by another process; .*; "
        for writer in (sole_writer, output_folder):
            with pytest.raises(FolderInUseError, match=words), writer(tmp_path):
                pytest.fail("two writers")
    with sole_writer(tmp_path):
        pass


def test_where_nothing_can_be_locked_all_may_write(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    with sole_writer(tmp_path), sole_writer(tmp_path), atomic_path(tmp_path / "film.mp4") as part:
        part.write_text("whole")
    (tmp_path / "film.mp4.0123abcd.part").write_text("of another process, perhaps")
    with scratch_folder(".fetch-", tmp_path) as one, scratch_folder(".fetch-", tmp_path) as two:
        assert one.is_dir() and two.is_dir()
    left = ["film.mp4", "film.mp4.0123abcd.part"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_a_scratch_folder_goes_with_its_process_or_with_the_next_one(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from emo_core.io.atomic import scratch_folder\n"
        "with scratch_folder('.fetch-', Path(sys.argv[1])) as folder:\n"
        "    (folder / 'clip.mp4').write_bytes(b'half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    assert list(tmp_path.glob(".fetch-*/clip.mp4"))
    with scratch_folder(".fetch-", tmp_path) as one, scratch_folder(".fetch-", tmp_path) as two:
        assert sorted(tmp_path.iterdir()) == sorted([one, two])
    assert not list(tmp_path.iterdir())
