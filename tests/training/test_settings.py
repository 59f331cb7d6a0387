"""Settings by name: changed, typed, and refused where a number can't be."""

import pytest
from pydantic import TypeAdapter, ValidationError

from emo_core import ranges
from emo_core.training.recipes import RECIPES, RecipeError, find_recipe
from emo_core.training.run import build
from emo_core.training.settings import (
    SettingError,
    in_set,
    setting_rows,
    setting_types,
    validate,
    with_setting,
)


def test_settings_are_typed_and_unknown_ones_are_refused():
    recipe = find_recipe("group-staged")
    assert with_setting(recipe, "lr=0.5").train.lr == 0.5
    assert with_setting(recipe, "settings.fusion=late").settings.fusion == "late"
    assert with_setting(recipe, "video_widths=8,16").settings.video_widths == (8, 16)
    assert with_setting(recipe, "frozen=true").settings.frozen is True
    assert with_setting(recipe, "sample.mel.bands=32").sample.mel.bands == 32
    for text in ("lrr=1", "lr", "epochs=many", "frozen=maybe", "window=3s", "dropout"):
        with pytest.raises(SettingError) as caught:
            with_setting(recipe, text)
        assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match="`emo list recipes` lists"):
        find_recipe("nothing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed=1", "no setting 'speed'; expected one such as train.seed, settings.speech; `emo"),
        ("train.epoch=3", "no setting 'train.epoch'; expected one such as train.epochs"),
        ("Batch_Size=3", "no setting 'Batch_Size'; expected one such as train.batch_size"),
        (
            "qqq=1",
            "no setting 'qqq'; expected one of the {} that `emo list settings RECIPE` lists",
        ),
        ("=1", "no setting ''; expected one of the {} that"),
        ("epochs", "'epochs' has no value; expected key=value, such as train.lr=0.001."),
        ("smoothing=1", "'smoothing' may be one of 6 settings; expected its whole name: task.smoo"),
    ],
)
def test_what_names_no_setting_is_answered_with_the_nearest(text, said):
    with pytest.raises(SettingError) as caught:
        with_setting(find_recipe("people"), text)
    said = said.format(len(setting_rows(find_recipe("people"))))
    assert said in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("name", RECIPES)
def test_listed_settings_are_taken_as_they_are_listed(name):
    recipe = find_recipe(name)
    for row in setting_rows(recipe):
        text = in_set(row["value"])
        if text != "-":
            assert with_setting(recipe, f"{row['name']}={text}") == recipe


IMPOSSIBLE = """
lr=-1 lr=nan lr=inf backbone_lr=-1 weight_decay=-1 max_grad_norm=-1 grad_accum_steps=-1
grad_accum_steps=0 batch_size=0
batch_size=-4 epochs=0 patience=0 warmup_fraction=1 num_workers=-1 seed=-1 held_out=-1
held_out=nan held_out=2 flip=9
modality_dropout=2 frame_subsample=-1 frame_subsample=17 dropout=2 sample.frames=0
sample.width=0 window_s=0 window_s=nan
window_s=0.01 mel.rate=0 lowest_hz=9000 filters=none resize_mode=none
settings.width=0 settings.width=7
settings.classes=7 video_widths=8,0 fusion=none video_backbone=none model=none model=mesm
"""


@pytest.mark.parametrize("text", IMPOSSIBLE.split())
def test_settings_that_cannot_be_are_refused_before_training(text):
    usual = find_recipe("group-staged")
    with pytest.raises(RecipeError, match=r"expected .*--set") as caught:
        build(validate(with_setting(usual, text), usual))
    assert "\n" not in str(caught.value) and text.split("=")[0].split(".")[-1] in str(caught.value)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_in_range_and_every_number_has_one(name):
    recipe = find_recipe(name)
    assert validate(recipe, recipe) is recipe
    bare = (int, float, tuple[int, ...], tuple[float, ...])
    assert [n for n, kind in setting_types(recipe).items() if kind in bare] == []


def test_a_refusal_names_setting_value_range_and_a_value_that_is_allowed():
    usual = find_recipe("group-staged")
    for text, said in (
        (
            "augment.flip=9",
            "augment.flip is 9.0; expected a share from 0 to 1; give for example "
            "--set augment.flip=0.5.",
        ),
        (
            "video_widths=8,0",
            "settings.video_widths is 8,0; expected a whole number of at least "
            "1; give for example --set settings.video_widths=16,32,64,128.",
        ),
        (
            "lr=inf",
            "train.lr is inf; expected a number above 0; give for example --set train.lr=0.001.",
        ),
    ):
        with pytest.raises(RecipeError) as caught:
            validate(with_setting(usual, text), usual)
        assert str(caught.value) == said


@pytest.mark.parametrize(
    ("kind", "allowed", "refused"),
    [
        ("Count", (1, 7), (0, -1, 1.5)),
        ("CountOrNone", (0, 7), (-1, 0.5)),
        ("Seed", (0, 2**32 - 1), (-1, 2**32)),
        ("Counts", ((1, 2),), ((1, 0), (0.5,))),
        ("Positive", (1e-9, 5.0), (0.0, -1.0, float("inf"), float("nan"))),
        ("Amount", (0.0, 5.0), (-1.0, float("inf"), float("nan"))),
        ("Share", (0.0, 1.0), (-0.1, 1.1, float("nan"))),
        ("OpenShare", (0.0, 0.99), (1.0, -0.1, float("nan"))),
        ("Half", (0.0, 0.5), (0.51, -0.1, float("nan"))),
    ],
)
def test_ranges_end_where_their_words_say(kind, allowed, refused):
    adapter = TypeAdapter(getattr(ranges, kind))
    assert [adapter.validate_python(value) for value in allowed] == list(allowed)
    for value in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
