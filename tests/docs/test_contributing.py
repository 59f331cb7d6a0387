"""The code in CONTRIBUTING.md does what the text beside it says."""

import re
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))

    def execute(number: int) -> types.ModuleType:
        module = types.ModuleType(f"contributed_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(BLOCKS[number], "CONTRIBUTING.md", "exec"), module.__dict__)
        return module

    return execute


def test_there_are_three_and_each_is_about_ten_lines():
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_a_corpus_is_read_by_its_name(run, monkeypatch, tmp_path):
    from emo_core.corpora import CORPORA, read_corpus

    monkeypatch.setitem(CORPORA, "smiles", "")
    run(0)
    for name in ("smile/a_1.mp4", "none/b_1.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    items = read_corpus("smiles", tmp_path).split("train")
    assert {(item.label, item.group) for item in items} == {("smile", "a"), ("none", "b")}


def test_a_model_stands_in_the_catalogue(run, monkeypatch):
    import torch

    from emo_core.models import MODELS
    from emo_core.preprocess.batch import collate
    from emo_core.preprocess.sample import SampleConfig, blank_sample

    monkeypatch.setitem(MODELS, "calm", ())
    run(1)
    kind, _, sizes = MODELS["calm"]
    config = SampleConfig(window_s=1.0)
    batch = collate([blank_sample(config)])
    with torch.no_grad():
        logits = kind(sizes["pocket"]).eval()(batch).logits
    assert logits.shape == (1, 3) and logits.abs().max() < 1


def test_an_exercise_judges_right_and_wrong(run):
    module = run(2)
    from exercises.grading import EXERCISES

    try:
        assert module.half_a_second(8000).right is True
        assert module.half_a_second(16000).right is False
    finally:
        EXERCISES.pop("half_a_second", None)
