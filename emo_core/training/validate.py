"""What numbers a recipe's settings may be, looked at before anything is read or written."""

import math
from dataclasses import asdict
from typing import Any, NamedTuple

from emo_core.training.overrides import setting_names
from emo_core.training.recipes import Recipe, RecipeError


class Range(NamedTuple):
    """Allowed numbers, in words and as bounds; an open bound is not allowed itself."""

    words: str
    least: float = 0
    most: float = math.inf
    open_least: bool = False
    open_most: bool = True  # no number is infinite

    def holds(self, value: float) -> bool:
        """Whether a number is allowed; nan never is."""
        above = value > self.least if self.open_least else value >= self.least
        return above and (value < self.most if self.open_most else value <= self.most)


COUNT = Range("a whole number of at least 1", 1)
COUNT_OR_NONE = Range("a whole number of at least 0")
ABOVE = Range("a number above 0", open_least=True)
AMOUNT = Range("a number of at least 0")
SHARE = Range("a share from 0 to 1", most=1, open_most=False)
PART = Range("a share from 0 to less than 1", most=1)
HALF = Range("a share from 0 to 0.5", most=0.5, open_most=False)
SEED = Range("a whole number from 0 to 4294967295", most=2**32)

INIT_PARTS = ("backbones", "model")
STAGE_NAMES = ("drawn_frames", "faces", "frames", "voices", "mixes")
RANGES = {  # by a setting's name or its last part; whole numbers that are not here are a COUNT
    **dict.fromkeys(("lr", "max_grad_norm"), ABOVE),
    **dict.fromkeys(("window_s", "seconds", "highest_hz", "floor"), ABOVE),
    **dict.fromkeys(("backbone_lr", "weight_decay", "gain_db", "lowest_hz", "pos_weight"), AMOUNT),
    **dict.fromkeys(("flip", "random_truncate", "color_jitter", "precision", "keep"), SHARE),
    **dict.fromkeys(("warmup_fraction", "ema_decay", "held_out", "zoom", "smoothing"), PART),
    **dict.fromkeys(("dropout", "head_dropout"), PART),
    **dict.fromkeys(("num_workers", "synthetic_scenes", "samples_on_the_fly"), COUNT_OR_NONE),
    **dict.fromkeys(("people", "text_length", "fft"), COUNT_OR_NONE),
    **dict.fromkeys((f"{stage}.epochs" for stage in STAGE_NAMES), COUNT_OR_NONE),
    "modality_dropout": HALF,
    "seed": SEED,
}


def checked(recipe: Recipe, usual: Recipe) -> Recipe:
    """The same recipe; raises RecipeError where a number can't be. usual: has values that can."""
    for name in setting_names(recipe):
        value = _found(recipe, name)
        allowed = RANGES.get(name) or RANGES.get(name.split(".")[-1], COUNT)
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(n, str | bool) or allowed.holds(n) for n in numbers):
            raise _refused(name, value, allowed.words, _found(usual, name))
    for name, fits, words, usable in _together(recipe):
        if not fits:
            raise _refused(name, _found(recipe, name), words, usable)
    return recipe


def _together(recipe: Recipe) -> list[tuple[str, bool, str, Any]]:
    """What depends on another setting or on known words: name, whether it fits, which, one."""
    sample, mel, labels = recipe.sample, recipe.sample.mel, len(recipe.task.labels)
    samples, half = round(sample.window_s * mel.rate), mel.rate / 2
    classes = getattr(recipe.settings, "classes", labels)
    return [
        (
            "augment.frame_subsample",
            recipe.augment.frame_subsample <= sample.frames,
            "at most sample.frames",
            1,
        ),
        ("init_part", recipe.init_part in INIT_PARTS, " or ".join(INIT_PARTS), INIT_PARTS[0]),
        ("sample.mel.window", mel.window <= samples, "at most sample.window_s", samples),
        ("sample.mel.highest_hz", mel.highest_hz <= half, "at most half of the rate", half),
        ("sample.mel.lowest_hz", mel.lowest_hz < mel.highest_hz, "less than highest_hz", 0),
        ("sample.mel.filters", mel.filters in ("slaney", "htk"), "slaney or htk", "slaney"),
        ("sample.resize_mode", sample.resize_mode in ("pad", "crop"), "pad or crop", "pad"),
        ("settings.classes", classes == labels, "as many as the task has labels", labels),
    ]


def _found(recipe: Recipe, name: str) -> Any:
    value: Any = asdict(recipe)
    for part in name.split("."):
        value = value[part]
    return value


def _refused(name: str, value: Any, words: str, usual: Any) -> RecipeError:
    text = ",".join(map(str, usual)) if isinstance(usual, tuple) else usual
    return RecipeError(
        f"{name} is {value}; expected {words}; give for example --set {name}={text}."
    )
