"""Classes, task and head of a recipe follow from the labels of own clips."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.checkpoint import load_checkpoint
from emo_core.cli.main import main
from emo_core.data.corpus import CorpusError
from emo_core.data.folder.moments import ValuePath
from emo_core.preprocess.sample import SampleConfig
from emo_core.tasks import MultiLabel, SingleLabel, ValenceArousal
from emo_core.training.fitting import fit_recipe, window_target
from emo_core.training.init_weights import take_model
from emo_core.training.recipes import RECIPES, find_recipe
from emo_core.training.run import build
from tests.support.clip_folders import folder_of

CLASSES = "file,label\n" + "".join(f"p{p}_{i}.mp4,{'xyz'[i]}\n" for p in range(4) for i in range(3))
CLIPS = [f"p{p}_{i}.mp4" for p in range(4) for i in range(3)]
SEVERAL = "file,loud,fast\np0_0.mp4,1,0\np0_1.mp4,1,1\np1_0.mp4,0,0\n"
VALUES = "file,valence,arousal\np0_0.mp4,1,0\np0_1.mp4,1,1\np1_0.mp4,0,0\n"


@pytest.mark.parametrize(
    ("table", "recipe", "task", "labels"),
    [
        (CLASSES, "people", SingleLabel, ("x", "y", "z")),
        (SEVERAL, "people", MultiLabel, ("loud", "fast")),
        (CLASSES, "group-folder", SingleLabel, ("x", "y", "z")),
        (CLASSES, "fe2e-folder", SingleLabel, ("x", "y", "z")),
        (SEVERAL, "mesm-folder", MultiLabel, ("loud", "fast")),
        (SEVERAL, "group-folder", MultiLabel, ("loud", "fast")),
        (VALUES, "jmt-folder", ValenceArousal, ("valence", "arousal")),
    ],
)
def test_labels_decide(tmp_path, table, recipe, task, labels):
    usual = find_recipe(recipe)
    fitted = fit_recipe(usual, folder_of(tmp_path, table, *CLIPS))
    assert isinstance(fitted.task, task) and fitted.task.labels == labels
    assert getattr(fitted.settings, "classes", len(labels)) == len(labels)
    if type(usual.task) is task and task is SingleLabel:
        assert fitted.task == replace(usual.task, labels=labels)  # smoothing and the rest stay


def test_a_composed_recipe_takes_own_clips_alone(tmp_path):
    own = replace(find_recipe("group-collage"), corpus="folder")
    fitted = fit_recipe(own, folder_of(tmp_path, CLASSES, *CLIPS))
    assert fitted.samples_on_the_fly == fitted.faces.epochs == fitted.mixes.epochs == 0


def test_the_order_of_a_recipe_with_the_same_labels_stays(tmp_path):
    table = "file,label\na_1.mp4,negative\na_2.mp4,positive\nb_1.mp4,neutral\n"
    own = replace(find_recipe("group-vgaf-pocket"), corpus="folder")
    fitted = fit_recipe(own, folder_of(tmp_path, table, "a_1.mp4", "a_2.mp4", "b_1.mp4"))
    assert fitted.task.labels == ("positive", "neutral", "negative")


@pytest.mark.parametrize(
    ("table", "recipe", "sentence"),
    [
        (VALUES, "group-folder", "has valence and arousal; a group model answers classes; take"),
        (CLASSES, "jmt-folder", "expected columns valence and arousal"),
        ("file,label\np0_0.mp4,x\np1_0.mp4,x\n", "group-folder", "two labels or more"),
    ],
)
def test_a_model_of_another_kind_is_refused(tmp_path, table, recipe, sentence):
    with pytest.raises(CorpusError, match=sentence):
        fit_recipe(find_recipe(recipe), folder_of(tmp_path, table, *CLIPS))


def test_values_are_read_at_the_ends_of_a_models_steps():
    target = window_target(
        ValenceArousal(), SampleConfig(), replace(find_recipe("jmt-folder").settings, steps=5)
    )
    path = ValuePath((0.0, 5.0), ((0.0, 0.0), (1.0, -1.0)), 2.5)
    found = target(path)
    assert found[:3, 0] == pytest.approx([0.2, 0.4, 0.5]) and np.isnan(found[3:]).all()


@pytest.mark.parametrize("name", [n for n in RECIPES if RECIPES[n]().corpus.startswith("folder")])
def test_a_recipe_for_own_clips_fits_the_checkpoint_that_it_starts_from(name):
    recipe = find_recipe(name)
    found = load_checkpoint(recipe.init_checkpoint)
    assert found.model_name == recipe.model and found.sample == recipe.sample
    new = take_model(recipe.init_checkpoint, build(recipe), ("other", "labels"))
    assert recipe.corpus == "folder-affect" or new


def test_people_keep_what_their_towers_saw_of_own_clips():
    recipe = find_recipe("people")
    assert recipe.features.windows and recipe.init_checkpoint == "group-people"
    assert recipe.settings == find_recipe("group-people").settings


SMALL = (
    "init_checkpoint=",
    "video_widths=4,4",
    "audio_widths=4,4,4,4",
    "settings.width=8",
    "heads=1",
    "epochs=1",
    "sample.frames=4",
    "sample.width=32",
    "sample.height=32",
    "frame_subsample=1",
)


def test_own_clips_go_from_check_to_scores_by_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = str(folder_of(tmp_path / "own", CLASSES, *CLIPS))
    words = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["data", "check", root]) == 0
    assert main(["train", "group-folder", "--data", root, *words]) == 0
    run = "runs/group-folder"  # where no --out is given
    assert main(["evaluate", run, "--data", root, "--split", "test"]) == 0
    out, err = capsys.readouterr()
    assert "4 sources" in out and "UAR" in out and "Traceback" not in err
    assert (
        main(
            [
                "train",
                "group-folder",
                "--data",
                root,
                "--out",
                run + "2",
                "--set",
                "classes=5",
                *words,
            ]
        )
        == 2
    )
    assert "expected as many as the task has labels" in capsys.readouterr().err


def test_clips_without_any_label_are_refused(tmp_path):
    folder_of(tmp_path, "file,x,y\na.mp4,0,0\nb.mp4,0,0\n", "a.mp4", "b.mp4")
    with pytest.raises(CorpusError, match="has any label; expected 1 in some cells"):
        fit_recipe(find_recipe("group-folder"), tmp_path)
