"""What was measured on a card is kept, and a machine without one never overwrites it."""

import json

import lesson
import pytest
import torch


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "GPU_RUN", tmp_path / "gpu_run.json")
    return tmp_path / "gpu_run.json"


def test_without_a_card_nothing_is_measured_and_the_page_says_so(file, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert lesson.gpu_run("steps", lambda: 1 / 0) == {}
    assert "no run on one is stored yet" in capsys.readouterr().out
    assert not file.exists()


def test_a_run_on_a_card_is_kept_with_its_circumstances(file, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A Card")
    monkeypatch.setattr(lesson, "SMALL", True)
    lesson.gpu_run("steps", lambda: {"ms": 3})
    assert not file.exists()  # the small setting is no measurement
    monkeypatch.setattr(lesson, "SMALL", False)
    assert lesson.gpu_run("steps", lambda: {"ms": 3}) == {"ms": 3}
    kept = file.read_bytes()
    assert {"card", "date", "torch", "commit", "steps"} == set(json.loads(kept))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert lesson.gpu_run("steps", lambda: 1 / 0) == {"ms": 3}
    assert "A Card" in capsys.readouterr().out and file.read_bytes() == kept
