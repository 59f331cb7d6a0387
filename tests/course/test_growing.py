"""The reader's `mymodel.py`: it grows part by part and keeps what is theirs."""

import ast
import subprocess
import sys
from pathlib import Path

import check
import grow_mymodel
import growing
import pytest
import solutions
import torch
from exercises import EXERCISES
from IPython.core.interactiveshell import InteractiveShell

from emo_core import load_clip, load_model
from emo_core.preprocess.batch import collate
from emo_core.preprocess.log_mel import MelConfig, log_mel
from emo_core.preprocess.sample import decode_window, to_sample

ROOT = Path(__file__).parents[2]
OPEN = "def masked_mean(tokens, mask):\n    mean = ...  # your code\n    return mean\n"
OWN = "def masked_mean(tokens, mask):\n    return tokens.mean(1)  # mine, and wrong\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_MYMODEL", str(tmp_path / "mymodel.py"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "mymodel.py"
    sys.modules.pop("mymodel", None)


@pytest.mark.parametrize("index", ["x[..., None]", "x[..., 0] + 1", "f(...)", "tuple[int, ...]"])
def test_dots_of_an_index_leave_nothing_open(index):
    assert not growing.is_open(ast.parse(f"def f(x):\n    return {index}"))


@pytest.mark.parametrize("body", ["...", "y = ...", "y: int = ...", "return ...", "if x:\n  ..."])
def test_dots_where_code_belongs_are_open(body):
    assert growing.is_open(ast.parse("def f(x):\n" + "\n".join(f"  {b}" for b in body.split("\n"))))


def test_what_is_open_is_ours_and_what_is_written_is_the_readers(file):
    module, parts, _ = growing.grow(OPEN)
    assert [part.open for part in parts] == [True]
    tokens, mask = torch.randn(2, 3, 4), torch.tensor([[True, True, False]] * 2)
    torch.testing.assert_close(module.masked_mean(tokens, mask), tokens[:, :2].mean(1))
    module, _, _ = growing.grow(OWN)
    torch.testing.assert_close(module.masked_mean(tokens, mask), tokens.mean(1))
    assert "mine, and wrong" in file.read_text()
    assert hasattr(module, "log_mel") and not hasattr(module, "GroupModel")  # as far as reached


def test_a_part_is_written_once_however_often_its_cell_runs(file):
    growing.grow(OWN)
    once = file.read_text()
    growing.grow(OWN)
    assert file.read_text() == once
    growing.grow("import json\n\nLEAST = 3\n\n\ndef log_mel(wave):\n    return json, LEAST\n")
    module = growing.mymodel("GroupModel")
    assert module.log_mel(0)[1] == 3 and file.read_text().count("def log_mel") == 1
    assert "mine, and wrong" in file.read_text()


def test_helpers_stand_before_the_part_they_came_with_and_stay(file):
    growing.grow("def mine(x):\n    return 7 * x\n\n\ndef hz_to_mel(hz):\n    return mine(hz)\n")
    module, _, _ = growing.grow(OWN)
    assert module.hz_to_mel(2) == 14


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("def masked_mean(:\n    pass", "Line 1 of the cell is no Python"),
        ("def masked_mean(tokens, mask=undefined):\n    pass", "NameError"),
        ("LEAST = 1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_cell_that_fails_leaves_the_file_as_it_was(file, cell, words):
    growing.grow(OWN)
    before = file.read_text()
    with pytest.raises(growing.GrowError, match=words):
        growing.grow(cell)
    assert file.read_text() == before


def test_a_file_that_was_spoilt_by_hand_is_kept_aside_and_ours_is_used(file, capsys):
    file.write_text("def log_mel(:")
    assert growing.mymodel("Tower").Tower
    assert "kept as mymodel.broken.py" in capsys.readouterr().out
    assert file.with_suffix(".broken.py").read_text() == "def log_mel(:"


def test_the_magic_puts_names_into_the_notebook_and_says_whose_they_are(file, capsys):
    shell = InteractiveShell()
    growing.register(shell)
    shell.run_cell("%%mymodel\n" + OPEN + "\n5 * 5")
    assert "holds our masked_mean until" in capsys.readouterr().out
    assert shell.user_ns["masked_mean"].is_ours
    result = shell.run_cell("%%mymodel\n" + OWN + "\nx = 2\n5 * x")
    assert result.result == 10 and shell.user_ns["x"] == 2
    assert "with your masked_mean" in capsys.readouterr().out
    assert not hasattr(shell.user_ns["masked_mean"], "is_ours")
    shell.run_cell("%%mymodel\n" + OWN + "\n1 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_our_file_is_whole_and_in_one_order():
    order = list(growing.reference()[1])
    assert len(order) == len(set(order)) > 25
    done = subprocess.run(
        [sys.executable, "-c", "import exercises.mymodel"],
        cwd=ROOT / "notebooks",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_our_models_answer_as_the_library_with_its_shipped_weights(file):
    growing.mymodel("Jmt")
    for name, apart in grow_mymodel.furthest_from_ours(file).items():
        assert apart < 1e-4, name


def test_our_dataset_reads_what_the_library_reads(file):
    mine = growing.mymodel("collate")
    paths = sorted((ROOT / "assets" / "examples").glob("*.mp4"))
    config = load_model("group-staged").sample
    theirs = [to_sample(decode_window(load_clip(p), config, 0.0, 5.0), config) for p in paths]
    batch = mine.collate([mine.ClipDataset([(p, 1) for p in paths])[n] for n in range(len(paths))])
    for name, values in batch.items():
        if name != "label":
            expected = getattr(collate(theirs), name)
            assert values.dtype == expected.dtype
            torch.testing.assert_close(values, expected, atol=0.05, rtol=0)


def test_our_log_mel_is_the_library_s(file):
    wave = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)) / 10
    ours = growing.mymodel("log_mel").log_mel(wave)
    torch.testing.assert_close(ours, log_mel(wave, MelConfig()), atol=1e-3, rtol=1e-3)


def test_every_open_cell_of_the_lessons_is_solved_by_ours():
    cell = "%%mymodel\n@torch.no_grad()\ndef helper(x):\n    return x\n\n\n" + OPEN + "check.x(1)"
    text = grow_mymodel.solved(cell)
    assert "weight" not in text and "real.sum(1).clamp" in text and text.endswith("check.x(1)")
    assert not any(growing.is_open(node) for node in ast.parse(text.partition("\n")[2]).body)


def test_exercises_named_after_parts_have_our_part_as_solution():
    shared = set(EXERCISES) & set(growing.reference()[1])
    for name in shared:
        assert check.use(getattr(solutions, name)) is getattr(solutions, name)
