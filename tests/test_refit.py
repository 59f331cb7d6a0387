"""A refit learns held-out people too, and takes every choice from the run that held them out."""

import json
from dataclasses import replace

import numpy as np
import pytest
import test_collage
from test_recipes import SMALL

from emo_core.__main__ import main
from emo_core.checkpoint import load_checkpoint
from emo_core.data.collage import make_collage
from emo_core.recipes import find_recipe
from emo_core.run import loaders

STEPS = ("faces", "frames", "voices", "mixes")
FEW = [f"{step}.{s}" for step in STEPS for s in ("passes=1", "draws=8")]
SETTINGS = [*SMALL["group"], *FEW, "initial=", "fresh=6", "train.epochs=3", "train.batch=4"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A collage folder without training clips, and a finished run on it."""
    root = tmp_path_factory.mktemp("refit")
    make_collage(root / "collage", test_collage.make_sources(root / "sources"), 0, 3, 2, 0, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMO_CACHE", str(root / "cache"))
        assert train(root, "first") == 0
    return root


def train(root, name, *more, seed=0, settings=()):
    words = [word for text in [*SETTINGS, *settings] for word in ("--set", text)]
    command = ["train", "group-collage", "--data", str(root / "collage"), "--out", str(root / name)]
    return main([*command, "--seed", str(seed), "--json", *words, *map(str, more)])


@pytest.fixture
def ready(tree, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tree / "cache"))
    return tree


def test_it_learns_people_of_val_and_nobody_of_test(ready):
    recipe = replace(find_recipe("group-collage"), fresh=6)
    before = loaders(recipe, ready / "collage", 0)
    after = loaders(replace(recipe, refit="run"), ready / "collage", 0)
    assert len(before.valid.dataset) == 3 and after.valid is None
    for kind in ("face", "voice"):
        people = {s: {p.group for p in before.sources.some(kind, s)} for s in ("train", "val")}
        learnt = {part.group for part in after.sources.some(kind, "train")}
        assert people["val"] and learnt == people["train"] | people["val"]
        assert after.sources.some(kind, "test") == before.sources.some(kind, "test")
        generators = map(np.random.default_rng, range(200))
        drawn = {after.sources.draw(rng, kind, "train", "positive") for rng in generators}
        groups = {after.sources.parts[place].group for place in drawn}
        assert groups & people["val"] and groups <= learnt


def test_clips_in_files_are_learnt_too(drawn, ready):
    recipe = replace(find_recipe("group-staged"), rendered=0)
    before, after = (loaders(replace(recipe, refit=r), drawn, 0) for r in ("", "run"))
    names = [{window.name for window in x.dataset.windows} for x in (before.train, before.valid)]
    assert names[1] and {w.name for w in after.train.dataset.windows} == names[0] | names[1]
    assert after.valid is None


def test_it_takes_epochs_scores_and_calibration_from_that_run(ready, capsys):
    first = ready / "first"
    log = [json.loads(line) for line in (first / "log.jsonl").read_text().splitlines()]
    best = [line["index"] for line in log if line["best"]][-1] + 1
    assert train(ready, "second", "--refit", first) == 0
    told = capsys.readouterr()
    done = json.loads(told.out)
    assert done["epochs"] == best and "held-out" not in told.err
    ours, theirs = load_checkpoint(ready / "second"), load_checkpoint(first)
    assert ours.calibration == theirs.calibration
    assert ours.training["held_out"] == theirs.training["held_out"] == done["held_out"]
    assert " --refit RUN " in ours.training["command"]  # no path of this machine
    states = [checkpoint.model.state_dict() for checkpoint in (ours, theirs)]
    assert any((states[0][name] != states[1][name]).any() for name in states[0])
    card = (ready / "second" / "checkpoint" / "card.md").read_text()
    assert "learnt from the held-out people too" in card
    assert "learnt from" not in (first / "checkpoint" / "card.md").read_text()

    words = ["evaluate", str(ready / "second"), "--corpus", "collage"]
    words += ["--data", str(ready / "collage"), "--json", "--split"]
    assert main([*words, "test"]) == 0
    capsys.readouterr()
    assert main([*words, "val"]) > 1
    assert "learnt everything but test" in capsys.readouterr().err
    assert train(ready, "third", "--refit", ready / "second") > 1
    assert "has learnt its held-out clips itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    "refit,changes,words",
    [
        ("first", {"seed": 1}, "another train; expected the same recipe"),
        ("first", {"settings": ["drop=0.3"]}, "another augment; expected"),
        ("collage", {}, "is no finished run"),
        ("nothing", {}, "is no finished run"),
    ],
)
def test_a_run_that_chose_for_something_else_is_refused(ready, capsys, refit, changes, words):
    assert train(ready, "other", "--refit", ready / refit, **changes) > 1
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1] and not (ready / "other").exists()
