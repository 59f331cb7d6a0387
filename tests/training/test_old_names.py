"""Settings written before version 0.2 keep working: in commands, run folders and checkpoints."""

import json
from dataclasses import asdict, fields

import pytest

from emo_core.checkpoint import load_checkpoint
from emo_core.models.group import GroupConfig
from emo_core.old_names import SETTINGS, current_key, current_names, current_recipe
from emo_core.preprocess.augment import Augment
from emo_core.training.overrides import SettingError, with_setting
from emo_core.training.recipes import RecipeError, find_recipe
from emo_core.training.run import open_run
from emo_core.training.trainer import TrainConfig

OWNERS = {"train": TrainConfig, "augment": Augment, "settings": GroupConfig}
NAME = "group-vgaf-pocket"


def old_form(recipe) -> dict:
    """Settings of a recipe as version 0.1 wrote them."""
    stored = json.loads(json.dumps(asdict(recipe)))
    for part, names in SETTINGS.items():
        for old, new in names.items():
            if new in stored[part]:
                stored[part][old] = stored[part].pop(new)
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
    with pytest.raises(SettingError, match="augment.batch"):
        with_setting(recipe, "augment.batch=4")


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


def test_a_checkpoint_with_old_settings_is_the_same_model():
    settings = load_checkpoint("group-collage").settings
    assert settings.unimodal_heads and settings.pyramid_levels == 2 and not settings.use_color
