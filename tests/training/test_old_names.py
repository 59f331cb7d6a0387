"""Settings written before version 0.2 keep working: in commands, run folders and checkpoints."""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch
from rewrite_checkpoint import rewrite
from safetensors.torch import load_file, save

from emo_core.checkpoint import (
    CONFIG,
    NO_DIGEST,
    SHIPPED,
    WEIGHTS,
    CheckpointError,
    load_checkpoint,
)
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.models.group import GroupConfig
from emo_core.old_names import (
    DRAWN_FRAMES,
    RECIPE,
    SETTINGS,
    TENSORS,
    current_key,
    current_names,
    current_recipe,
    current_state,
    current_tensor,
)
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import SampleConfig
from emo_core.synthetic.composed.pretraining import PretrainStage
from emo_core.training.recipes import RecipeError, find_recipe
from emo_core.training.run_files import RunFiles
from emo_core.training.run_folder import open_run
from emo_core.training.settings import SettingError, with_setting
from emo_core.training.trainer import TrainConfig
from tests.conftest import ROOT, random_batch

STAGES = ("faces", "frames", "voices", "mixes")
OWNERS = {"train": TrainConfig, "augment": Augment, "sample": SampleConfig, "settings": GroupConfig}
OWNERS |= dict.fromkeys(STAGES, PretrainStage)
NAME = "group-vgaf-pocket"
OLD = Path(__file__).parent / "old_format"


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


def begin(run, recipe, data, resume=False):
    """Open a run folder, as training does, and learn something in it."""
    with open_run(run, NAME, recipe, data, resume):
        (run / "warm.pt").write_bytes(b"learnt")


def test_a_run_begun_before_the_renames_is_resumed(tmp_path):
    recipe = find_recipe(NAME)
    run, data = tmp_path / "run", tmp_path / "data"
    begin(run, recipe, data)
    written = (run / "run.json").read_text()
    stored = {**json.loads(written), "settings": old_form(recipe)}
    (run / "run.json").write_text(json.dumps(stored))
    assert "batch_size" not in (run / "run.json").read_text()
    begin(run, recipe, data, resume=True)
    assert (run / "run.json").read_text() == written
    stored["settings"]["train"]["batch"] = 3
    (run / "run.json").write_text(json.dumps(stored))
    with pytest.raises(RecipeError, match="other settings .*: train.batch_size was 3, is 32; "):
        begin(run, recipe, data, resume=True)


@pytest.mark.parametrize("damage", ["[]", "{}", '{"settings": 3}', "no json"])
def test_a_damaged_run_description_is_one_sentence(tmp_path, damage):
    recipe = find_recipe(NAME)
    begin(tmp_path / "run", recipe, tmp_path)
    (tmp_path / "run" / "run.json").write_text(damage)
    with pytest.raises(RecipeError, match="other settings or data: its run.json can't be read"):
        begin(tmp_path / "run", recipe, tmp_path, resume=True)


def test_names_of_other_parts_stay():
    assert current_key("sample.batch") == "sample.batch" and current_key("lr") == "lr"
    assert current_names("sample", {"batch": 1}) == {"batch": 1}
    assert current_recipe({"corpus": "vgaf"}) == {"corpus": "vgaf"}


@pytest.fixture
def old_checkpoint(tmp_path):
    """The shipped checkpoint with settings and names of weights as version 0.1 wrote them."""
    folder = tmp_path / "group-collage"
    shutil.copytree(SHIPPED / "group-collage", folder)
    (folder / "DATA.md").unlink()
    shutil.copy(OLD / "group-collage.json", folder / CONFIG)
    weights = load_file(folder / WEIGHTS)
    renamed = {k.replace("unimodal_head.classifier", "alone.scores"): v for k, v in weights.items()}
    assert set(renamed) != set(weights)
    (folder / WEIGHTS).write_bytes(save(renamed, {"model": "group"}))
    return folder


def answer(folder: Path) -> dict:
    clip = load_clip(ROOT / "assets" / "examples" / "both_positive.mp4")
    return {**predict_clip(clip, load_checkpoint(folder)).as_dict(), "seconds": 0}


def test_a_checkpoint_of_the_old_format_answers_the_same_also_once_rewritten(old_checkpoint):
    assert '"alone"' in (old_checkpoint / CONFIG).read_text()
    shipped = answer(SHIPPED / "group-collage")
    world = json.loads((old_checkpoint / CONFIG).read_text())["training"]["world"]
    warned = [*shipped["notes"][:-1], NO_DIGEST, world]
    assert answer(old_checkpoint) == {**shipped, "notes": warned}, "it keeps its own warning"
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


SIZES = {"group": {}, "mesm": {"people": 2}, "jmt": {"people": 1, "face": 32}}


def logits_of(folder: Path, name: str) -> torch.Tensor:
    with torch.no_grad():
        return load_checkpoint(folder).model(random_batch(2, **{"people": 1, **SIZES[name]})).logits


@pytest.mark.parametrize("name", SIZES)
def test_weights_of_the_old_format_answer_as_they_did_also_once_rewritten(name, tmp_path):
    """The folders were written by version 0.1, with what their models said of a batch of noise."""
    folder = tmp_path / name
    shutil.copytree(OLD / name, folder)
    before = load_file(folder / WEIGHTS)
    found = logits_of(folder, name)
    stated = torch.tensor(json.loads((folder / "logits.json").read_text()))
    torch.testing.assert_close(found, stated, rtol=1e-4, atol=1e-5)
    rewrite(folder)
    after = load_file(folder / WEIGHTS)
    assert torch.equal(logits_of(folder, name), found)
    assert set(after) == set(load_checkpoint(folder).model.state_dict()) != set(before)
    for old, value in before.items():
        assert torch.equal(after[current_tensor(old)], value)


def test_every_old_name_of_a_tensor_is_in_a_file_and_none_in_a_model():
    files = [load_file(OLD / name / WEIGHTS) for name in SIZES]
    stored = [f".{tensor}." for file in files for tensor in file]
    present = [f".{current_tensor(tensor)}." for file in files for tensor in file]
    for old in TENSORS:
        nested = old == "alone"  # its only tensors are those of `alone.scores`
        assert any(f".{old}." in name for name in stored) or nested, old
        assert not any(f".{old}." in name for name in present), old
    assert current_tensor("video.backbone.trunk.0.weight") == "video.backbone.trunk.0.weight"


def test_names_of_modules_in_a_setting_follow():
    stored = current_recipe({"train": {"slow": ["backbone", "alone"]}})
    assert stored["train"] == {"backbone_modules": ["backbone", "unimodal_head"]}
    recipe = find_recipe("group-collage")
    changed = with_setting(recipe, "backbone_modules=backbone,alone")
    assert changed.train.backbone_modules == ("backbone", "unimodal_head")


def test_the_state_of_a_run_is_taken_up_under_present_names():
    state = {
        "model": {"video.alone.scores.bias": 1},
        "averaged": {"n_averaged": 2, "module.audio.summary.first": 3},
        "log": [],
    }
    assert current_state(state) == {
        "model": {"video.unimodal_head.classifier.bias": 1},
        "ema_model": {"n_averaged": 2, "module.audio.cls_transformer.cls_token": 3},
        "log": [],
    }
    assert current_state({"model": {}, "averaged": None})["ema_model"] is None


def test_the_best_weights_of_a_run_are_taken_up_under_present_names(tmp_path):
    torch.save({"video.alone.scores.bias": torch.ones(1)}, tmp_path / "best.pt")
    found = {}
    RunFiles(tmp_path).load_best(found.update, torch.device("cpu"))
    assert list(found) == ["video.unimodal_head.classifier.bias"]
