"""A run's folder: one process at a time, the same run only, and nothing left of one not begun."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.io.atomic import FolderInUseError
from emo_core.training.recipes import RecipeError, find_recipe
from emo_core.training.run_folder import open_run
from tests.cli.test_command import TINY

NAME = "group-staged"


@pytest.fixture
def recipe():
    return find_recipe(NAME)


def learn(run: Path, recipe, data: Path, resume: bool = False) -> list[str]:
    """Open a run folder, learn something, and return what was said."""
    said: list[str] = []
    with open_run(run, NAME, recipe, data, resume, said.append):
        (run / "warm.pt").write_bytes(b"learnt")
    return said


def test_a_failed_start_gives_its_folder_back_and_one_that_learnt_does_not(
    tmp_path, capsys, recipe
):
    run = tmp_path / "run"
    words = ["train", NAME, "--data", str(tmp_path / "mistyped"), "--out", str(run)]
    assert main(words) == 2 and "is not a folder" in capsys.readouterr().err
    assert not run.exists()
    run.mkdir()
    assert main(words) == 2 and not list(run.iterdir())  # a folder that was there stays
    with pytest.raises(OSError, match="later"), open_run(run, NAME, recipe, tmp_path, False):
        (run / "warm.pt").write_bytes(b"learnt")
        raise OSError("later")
    assert sorted(path.name for path in run.iterdir()) == ["run.json", "warm.pt"]
    with pytest.raises(RecipeError, match="holds a run already"):
        learn(run, recipe, tmp_path)
    assert learn(run, recipe, tmp_path, resume=True) == []
    (run / "run.json").unlink()
    with pytest.raises(RecipeError, match="holds something that is no run"):
        learn(run, recipe, tmp_path, resume=True)


def test_a_folder_that_a_killed_start_left_is_taken_without_resume(tmp_path, recipe):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "clips.json", "run.json.0123abcd.part"):
        (run / name).write_text("{")
    learn(run, replace(recipe, held_out=0.5), tmp_path)
    assert sorted(path.name for path in run.iterdir()) == ["clips.json", "run.json", "warm.pt"]


@pytest.mark.parametrize("there", [True, False])
def test_two_processes_do_not_train_in_one_folder(tmp_path, recipe, there):
    run = tmp_path / "run"
    if there:
        learn(run, recipe, tmp_path)
    before = (run / "run.json").read_text() if there else ""
    with open_run(run, NAME, recipe, tmp_path, there):
        with pytest.raises(FolderInUseError):
            learn(run, replace(recipe, held_out=0.5), tmp_path, resume=True)
        if there:
            assert (run / "run.json").read_text() == before


def test_what_differs_is_named_one_by_one(tmp_path, recipe):
    run = tmp_path / "run"
    learn(run, recipe, tmp_path / "here")
    other = replace(recipe, held_out=0.5, train=replace(recipe.train, lr=0.25, epochs=1))
    with pytest.raises(RecipeError) as caught:
        learn(run, other, tmp_path / "there", resume=True)
    for words in (
        f"data was {tmp_path}/here, is {tmp_path}/there; ",
        f"held_out was {recipe.held_out}, is 0.5; ",
        f"train.epochs was {recipe.train.epochs}, is 1; train.lr was {recipe.train.lr}, is 0.25; ",
    ):
        assert words in str(caught.value)


def test_more_epochs_and_a_setting_that_is_newer_are_no_difference(tmp_path, recipe):
    run = tmp_path / "run"
    learn(run, recipe, tmp_path)
    stored = json.loads((run / "run.json").read_text())
    del stored["settings"]["augment"]["zoom"]
    (run / "run.json").write_text(json.dumps(stored))
    more = replace(recipe, train=replace(recipe.train, epochs=recipe.train.epochs + 2))
    said = learn(run, more, tmp_path, resume=True)
    assert len(said) == 2
    assert f"know the setting augment.zoom; it goes on with {recipe.augment.zoom!r}" in said[0]
    assert f"goes on to epoch {more.train.epochs} instead of {recipe.train.epochs}" in said[1]
    assert learn(run, more, tmp_path, resume=True) == []
    stored["settings"]["augment"]["gone"] = 1  # a setting of a newer version
    (run / "run.json").write_text(json.dumps(stored))
    with pytest.raises(RecipeError, match="augment.gone was 1, is not known"):
        learn(run, recipe, tmp_path, resume=True)


def trained(data: Path, run: Path, capsys) -> tuple[int, dict, str]:
    """(exit code, the result, what was said) of a tiny training that goes on where it can."""
    words = ["train", NAME, "--data", str(data), "--out", str(run), "--resume", "--json"]
    code = main(words + sum((["--set", text] for text in TINY), []))
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


@pytest.fixture
def moved(drawn, tmp_path, capsys) -> tuple[Path, Path]:
    """A run of one epoch, and its corpus at another place."""
    data, run = tmp_path / "first", tmp_path / "run"
    shutil.copytree(drawn, data)
    assert trained(data, run, capsys)[0] == 0
    return data.rename(tmp_path / "second"), run


def test_a_moved_corpus_is_the_same_and_more_epochs_go_on(moved, capsys):
    data, run = moved
    weights = (run / "checkpoint" / "model.safetensors").read_bytes()
    code, result, _ = trained(data, run, capsys)
    assert code == 0 and result["epochs"] == 1
    assert (run / "checkpoint" / "model.safetensors").read_bytes() == weights
    words = ["train", NAME, "--data", str(data), "--out", str(run), "--resume"]
    words += sum((["--set", text] for text in (*TINY[1:], "epochs=3")), [])
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "goes on to epoch 3 instead of 1" in said and "epoch 3/3" in said
    assert "epoch 1/3" not in said


def test_changed_labels_and_clips_under_the_same_path_are_noticed(moved, capsys):
    data, run = moved
    lines = [json.loads(line) for line in (data / "truth.jsonl").read_text().splitlines()]
    first, second, third = [line for line in lines if line["split"] == "train"][:3]
    first["label"] = {"positive": "negative"}.get(first["label"], "positive")
    (data / "truth.jsonl").write_text("\n".join(map(json.dumps, lines)))
    clip = data / f"{second['clip']}.mp4"
    clip.write_bytes(clip.read_bytes() + b"\0")
    (data / f"{third['clip']}.mp4").unlink()
    code, result, said = trained(data, run, capsys)
    assert code == 2 and not result
    assert f"clips that are missing: {third['clip']}; " in said
    assert f"clips with another label: {first['clip']}; " in said
    assert f"clips with another content: {second['clip']}; " in said
    (run / "clips.json").write_text("{")
    assert "its clips.json can't be read" in trained(data, run, capsys)[2]
