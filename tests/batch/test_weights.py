"""Weights that are missing, damaged or replaced: a sentence, and no row is theirs."""

import shutil
from pathlib import Path

import pytest
import torch

from emo_core.batch.names import AskedRow
from emo_core.batch.out_folder import open_batch
from emo_core.batch.worker import BatchJob, Worker, file_sha256
from emo_core.checkpoint import WEIGHTS, load_checkpoint, save_checkpoint
from emo_core.cli.main import main
from tests.batch.test_run import read_rows
from tests.support.batches import save_tiny_model
from tests.support.predictions import write_people_clip


def remove(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def damage(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 255
    (folder / WEIGHTS).write_bytes(content)


def train_on(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    with torch.no_grad():
        next(checkpoint.model.parameters()).add_(1)
    save_checkpoint(folder, checkpoint, "card")


HARMS = [remove, damage, train_on]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a clip, a model and the rows of a batch."""
    home = tmp_path_factory.mktemp("weights")
    write_people_clip(home / "a.mp4", 0.3)
    save_tiny_model(home / "tiny")
    assert main(words(home)) == 0
    return home


@pytest.fixture
def home(written, tmp_path):
    return shutil.copytree(written, tmp_path / "home", dirs_exist_ok=True)


def words(home: Path, clip: Path | None = None, out: str = "out") -> list[str]:
    asked = ["batch", str(clip or home / "a.mp4"), "--model", str(home / "tiny")]
    return [*asked, "--out", str(home / out), "--local", "--workers", "1"]


@pytest.mark.parametrize("harm", HARMS)
def test_rows_that_are_written_stay(written, home, capsys, harm):
    before = read_rows(home / "out")
    harm(home / "tiny")
    assert main([*words(home, written / "a.mp4"), "--resume"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    said = {remove: "tiny", damage: "is damaged", train_on: "weights was"}
    assert said[harm] in sentence and read_rows(home / "out") == before


@pytest.mark.parametrize("harm", HARMS[:2])
def test_a_batch_does_not_begin(home, capsys, harm):
    harm(home / "tiny")
    assert main(words(home, out="new")) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert str(home / "tiny") in sentence or "tiny/" in sentence
    assert not (home / "new").exists()


@pytest.mark.parametrize("harm", HARMS)
def test_a_worker_that_starts_later_answers_with_no_others(written, home, harm):
    weights = file_sha256(home / "tiny" / WEIGHTS)
    with open_batch(home / "new", {}, [AskedRow(str(home / "a.mp4"))], False, 1) as batch:
        worker = Worker(BatchJob(batch.folder.root, home / "tiny", weights, "1.0", 2))
        harm(home / "tiny")
        done = worker.answer(0)
        assert done.why and not done.rows and batch.missing() == [0]
        assert ("other weights" in done.why) == (harm is train_on)
        shutil.copytree(written / "tiny", home / "tiny", dirs_exist_ok=True)
        assert worker.answer(0).rows == 1 and not batch.missing()
