"""A row a clip of every kind of label."""

import csv
from pathlib import Path
from types import SimpleNamespace

import torch

from emo_core.cli.answer_table import write_answers
from emo_core.data.corpus import Corpus, Item
from emo_core.tasks.interface import UNCALIBRATED
from emo_core.tasks.multi import MultiLabel
from emo_core.tasks.valence_arousal import ValenceArousal


def rows_of(tmp_path, task, logits, truth) -> list[dict]:
    names = [f"clip_{i}" for i in range(len(logits))]
    items = tuple(Item(name, tmp_path / f"{name}.mp4", "test", "x", "anna") for name in names)
    windows = [SimpleNamespace(name=name, group="anna") for name in names]
    checkpoint = SimpleNamespace(task=task, labels=task.labels, calibration=UNCALIBRATED)
    found = SimpleNamespace(windows=windows, logits=logits, truth=truth)
    write_answers(tmp_path / "a.csv", checkpoint, Corpus("x", tmp_path, task.labels, items), found)
    return list(csv.DictReader(Path(tmp_path / "a.csv").read_text("utf-8-sig").splitlines()))


def test_several_labels_a_clip(tmp_path):
    logits, truth = torch.tensor([[4.0, 4.0], [4.0, -4.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    first, second = rows_of(tmp_path, MultiLabel(("happy", "loud")), logits, truth)
    assert (first["label"], first["right"]) == (first["answer"], "1")
    assert (second["answer"], second["right"]) == ("happy", "0")
    assert float(second["happy"]) > 0.9 > float(second["loud"])


def test_values_are_neither_right_nor_wrong(tmp_path):
    values = torch.zeros(1, 4, 2)
    (row,) = rows_of(tmp_path, ValenceArousal(), values, torch.zeros(1, 4, 3))
    assert row["answer"] == "valence +0.00, arousal +0.00" and not row["right"]
