"""What a run writes is whole or not there, and damage is one sentence."""

import errno
import os

import pytest
import torch

from emo_core.tasks import SingleLabel
from emo_core.training.pretrain import _resume_stages
from emo_core.training.run_files import TrainingError, atomic_save
from emo_core.training.trainer import TrainConfig, Trainer
from tests.conftest import small_group


def full_disk(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_sentence_and_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "resume.pt"
    atomic_save({"epoch": 1}, path)
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(TrainingError, match=r"resume.pt can't be written \(No space left"):
        atomic_save({"epoch": 2}, path)
    assert list(tmp_path.iterdir()) == [path] and torch.load(path) == {"epoch": 1}


@pytest.mark.parametrize("name", ["resume.pt", "best.pt", "warm.pt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other", "lost"])
def test_damaged_files_of_a_run_are_one_sentence(tmp_path, name, damage):
    run = Trainer(small_group(), SingleLabel(), TrainConfig(epochs=2), tmp_path)
    path = tmp_path / name
    if damage != "lost":
        atomic_save({"model": torch.zeros(999)}, path)
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:700], "empty": b"", "text": b"text"}.get(damage, whole))
    take = {
        "resume.pt": run.resume,
        "best.pt": run.load_best,
        "warm.pt": lambda: _resume_stages(run.model, path, print),
    }[name]
    if (name, damage) == ("resume.pt", "lost"):  # a run that was stopped in its first epoch
        assert take() == 0
        return
    with pytest.raises(TrainingError, match=f"{name} is missing, damaged .* another --out"):
        take()
