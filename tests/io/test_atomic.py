"""Results are whole or not there: failed writers, two at once, folders that can't be made."""

import threading

import pytest

from emo_core.cli.main import main
from emo_core.io.atomic import atomic_path, output_folder
from tests.conftest import ROOT


def test_a_failed_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_path(path) as part:
        part.write_text("half")
        raise OSError("full")
    assert [it.name for it in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


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
