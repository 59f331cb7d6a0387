"""Settings written before version 0.2 keep working: in commands, run folders and checkpoints."""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from rewrite_checkpoint import rewrite

from emo_core.checkpoint import CONFIG, SHIPPED, WEIGHTS, CheckpointError, load_checkpoint
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.models.group import GroupConfig
from emo_core.old_names import (
    DRAWN_FRAMES,
    RECIPE,
    SETTINGS,
    current_key,
    current_names,
    current_recipe,
)
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import SampleConfig
from emo_core.synthetic.composed.pretraining import PretrainStage
from emo_core.training.recipes import RecipeError, find_recipe
from emo_core.training.run import open_run
from emo_core.training.settings import SettingError, with_setting
from emo_core.training.trainer import TrainConfig
from tests.conftest import ROOT

STAGES = ("faces", "frames", "voices", "mixes")
OWNERS = {"train": TrainConfig, "augment": Augment, "sample": SampleConfig, "settings": GroupConfig}
OWNERS |= dict.fromkeys(STAGES, PretrainStage)
NAME = "group-vgaf-pocket"


def old_form(recipe) -> dict:
    """Settings of a recipe as version 0.1 wrote them."""
    stored = json.loads(json.dumps(asdict(recipe)))
    for part, names in SETTINGS.items():
        for old, new in names.items():
            if new in stored[part]:
                stored[part][old] = stored[part].pop(new)
    drawn_frames = stored.pop("drawn_frames")
    stored |= {old: drawn_frames[new] for old, new in DRAWN_FRAMES.items()}
    stored |= {old: stored.pop(new) for old, new in RECIPE.items()}
    return stored


@pytest.mark.parametrize("part", SETTINGS)
def test_every_new_name_is_a_setting_and_no_old_one_is(part):
    present = {field.name for field in fields(OWNERS[part])}
    assert set(SETTINGS[part].values()) <= present and present.isdisjoint(SETTINGS[part])


def test_the_command_takes_old_and_new_names():
    recipe = find_recipe(NAME)
    assert with_setting(recipe, "batch=4").train.batch_size == 4
    assert with_setting(recipe, "train.batch=4") == with_setting(recipe, "train.batch_size=4")
    assert with_setting(recipe, "augment.drop=0.25").augment.modality_dropout == 0.25
    assert with_setting(recipe, "fit=crop").sample.resize_mode == "crop"
    assert with_setting(recipe, "rendered=7").synthetic_scenes == 7
    assert with_setting(recipe, "fresh=7") == with_setting(recipe, "samples_on_the_fly=7")
    with pytest.raises(SettingError, match="augment.batch"):
        with_setting(recipe, "augment.batch=4")


def test_pretraining_takes_old_names_and_a_bare_name_is_of_the_training():
    recipe = find_recipe("group-collage")
    assert with_setting(recipe, "faces.passes=3") == with_setting(recipe, "faces.epochs=3")
    assert with_setting(recipe, "warm_up=2").drawn_frames.epochs == 2
    assert with_setting(recipe, "warm_up_batch=2").drawn_frames.batch_size == 2
    changed = with_setting(recipe, "lr=0.5")
    assert changed.train.lr == 0.5 and changed.faces == recipe.faces
    with pytest.raises(SettingError, match="passes"):
        with_setting(recipe, "passes=1")


def test_a_run_begun_before_the_renames_is_resumed(tmp_path):
    recipe = find_recipe(NAME)
    run, data = tmp_path / "run", tmp_path / "data"
    open_run(run, NAME, recipe, data, resume=False)
    written = (run / "run.json").read_text()
    stored = {**json.loads(written), "settings": old_form(recipe)}
    (run / "run.json").write_text(json.dumps(stored))
    assert "batch_size" not in (run / "run.json").read_text()
    open_run(run, NAME, recipe, data, resume=True)
    assert (run / "run.json").read_text() == written
    stored["settings"]["train"]["batch"] = 3
    (run / "run.json").write_text(json.dumps(stored))
    with pytest.raises(RecipeError, match="other settings"):
        open_run(run, NAME, recipe, data, resume=True)


@pytest.mark.parametrize("damage", ["[]", "{}", '{"settings": 3}', "no json"])
def test_a_damaged_run_description_is_one_sentence(tmp_path, damage):
    recipe = find_recipe(NAME)
    open_run(tmp_path / "run", NAME, recipe, tmp_path, resume=False)
    (tmp_path / "run" / "run.json").write_text(damage)
    with pytest.raises(RecipeError, match="other settings"):
        open_run(tmp_path / "run", NAME, recipe, tmp_path, resume=True)


def test_names_of_other_parts_stay():
    assert current_key("sample.batch") == "sample.batch" and current_key("lr") == "lr"
    assert current_names("sample", {"batch": 1}) == {"batch": 1}
    assert current_recipe({"corpus": "vgaf"}) == {"corpus": "vgaf"}


@pytest.fixture
def old_checkpoint(tmp_path):
    """The shipped checkpoint with the settings as version 0.1 wrote them."""
    folder = tmp_path / "group-collage"
    shutil.copytree(SHIPPED / "group-collage", folder)
    (folder / "DATA.md").unlink()
    shutil.copy(Path(__file__).parent / "old_format" / "group-collage.json", folder / CONFIG)
    return folder


def answer(folder: Path) -> dict:
    clip = load_clip(ROOT / "assets" / "examples" / "both_positive.mp4")
    return {**predict_clip(clip, load_checkpoint(folder)).as_dict(), "seconds": 0}


def test_a_checkpoint_of_the_old_format_answers_the_same_also_once_rewritten(old_checkpoint):
    assert '"alone"' in (old_checkpoint / CONFIG).read_text()
    shipped = answer(SHIPPED / "group-collage")
    assert answer(old_checkpoint) == shipped
    text = (SHIPPED / "group-collage" / "DATA.md").read_text(encoding="utf-8")
    rewrite(old_checkpoint, text)
    assert answer(old_checkpoint) == shipped
    for name in (CONFIG, "DATA.md", WEIGHTS):
        ours, theirs = (
            (f / name).read_bytes() for f in (old_checkpoint, SHIPPED / "group-collage")
        )
        assert ours == theirs, name


def test_an_unknown_setting_of_a_checkpoint_is_named(old_checkpoint):
    config = json.loads((old_checkpoint / CONFIG).read_text())
    config["settings"]["alonely"] = True
    (old_checkpoint / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="alonely"):
        load_checkpoint(old_checkpoint)
