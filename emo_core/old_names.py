"""Names of settings before version 0.2, applied where older files and commands are read."""

from collections.abc import Mapping
from typing import Any

STAGE = {
    "passes": "epochs",
    "draws": "samples_per_epoch",
    "learning": "lr",
    "rows": "batch_size",
    "side": "image_size",
    "average": "ema_decay",
}
DRAWN_FRAMES = {  # settings of a recipe itself -> of its stage `drawn_frames`
    "warm_up": "epochs",
    "warm_up_lr": "lr",
    "warm_up_batch": "batch_size",
}
RECIPE = {  # settings of a recipe itself
    "initial": "init_checkpoint",
    "fresh": "samples_on_the_fly",
    "rendered": "synthetic_scenes",
}
STATE = {"averaged": "ema_model"}  # keys of resume.pt
TENSORS = {  # modules and parameters in the names of weights, in this order
    "alone.scores": "unimodal_head.classifier",
    "alone": "unimodal_head",
    "glance": "thumbnail_attention",
    "score": "energy",
    "crossings.ask": "cross_attention.layers",
    "summary.first": "cls_transformer.cls_token",
    "summary": "cls_transformer",
}
TRAINING = {"rendered": "synthetic_scenes"}  # what a checkpoint says of its training
SETTINGS = {  # part of a recipe -> name until 0.1 -> name now
    "train": {
        "batch": "batch_size",
        "accumulate": "grad_accum_steps",
        "warmup": "warmup_fraction",
        "clip_norm": "max_grad_norm",
        "average": "ema_decay",
        "slow": "backbone_modules",
        "workers": "num_workers",
    },
    "augment": {
        "thin": "frame_subsample",
        "drop": "modality_dropout",
        "shorten": "random_truncate",
        "light": "color_jitter",
    },
    "sample": {"fit": "resize_mode"},
    "settings": {
        "alone": "unimodal_heads",
        "video_scales": "pyramid_levels",
        "video_colour": "use_color",
    },
    **dict.fromkeys(("faces", "frames", "voices", "mixes"), STAGE),
}


UNUSED = {  # settings of `drawn_frames` that 0.1 did not have, with the values it ran with
    "samples_per_epoch": 6400,
    "image_size": 80,
    "seconds": 3.2,
    "ema_decay": 0.0,
    "smoothing": 0.0,
}
ONLY_TASK = {"name": "single_label", "settings": {}}  # of checkpoints that name none
REMOVED = ("world",)  # settings of 0.1 that are none now: data states itself in DATA.md


def current_names(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of one part of a recipe under the names of this version."""
    names = {name: SETTINGS.get(part, {}).get(name, name) for name in values}
    current = {names[name]: current_value(names[name], value) for name, value in values.items()}
    if part == "settings" and "fusion" in current and "blocks" in current:  # of the group model
        current.setdefault("token_times", "even")  # what its tokens carried until 0.2
    return current


def current_value(name: str, value: Any) -> Any:
    """The value of a setting; `backbone_modules` holds names of modules."""
    if name != "backbone_modules" or not isinstance(value, (list, tuple)):
        return value
    return type(value)(current_tensor(module) for module in value)


def current_recipe(parts: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a stored recipe under the names of this version."""
    current = {
        RECIPE.get(part, part): current_names(part, values)
        if isinstance(values, Mapping)
        else values
        for part, values in parts.items()
        if part not in (*REMOVED, *DRAWN_FRAMES)
    }
    if "init_checkpoint" in current:  # of which older versions took the backbones
        current.setdefault("init_scope", "backbones")
    if isinstance(current.get("augment"), dict):  # none were hidden until 0.2
        current["augment"].setdefault("spec_stripes", 0)
    if "warm_up" in parts:
        stage = {new: parts[old] for old, new in DRAWN_FRAMES.items() if old in parts}
        current["drawn_frames"] = {**UNUSED, **stage}
    return current


def current_tensor(name: str) -> str:
    """The name of a weight, or of a module alone, as models of this version have it."""
    dotted = f".{name}."
    for old, new in TENSORS.items():
        dotted = dotted.replace(f".{old}.", f".{new}.")
    return dotted[1:-1]


def current_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """A model's state under the names of this version; what has them already stays."""
    return {current_tensor(name): value for name, value in weights.items()}


def current_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a run that is resumed, under the keys of this version."""
    current = {STATE.get(name, name): value for name, value in state.items()}
    for name in ("model", "ema_model"):
        if current.get(name):
            current[name] = current_weights(current[name])
    return current


def current_key(key: str) -> str:
    """A dotted or bare setting as `--set` takes it, under its name of this version."""
    if key in RECIPE:
        return RECIPE[key]
    if key in DRAWN_FRAMES:
        return f"drawn_frames.{DRAWN_FRAMES[key]}"
    part, _, name = key.rpartition(".")
    for owner, names in SETTINGS.items():
        if name in names and (part == owner or not part and names is not STAGE):
            return f"{part}.{names[name]}" if part else names[name]
    return key


def current_training(found: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's record of its training, in the form of this version.

    Until 0.1 one sentence on the data stood under "world". Raises TypeError where the statement on
    the data has no warning.
    """
    training = {TRAINING.get(name, name): value for name, value in found.items()}
    warning = training.pop("world", "")
    if warning and not training.get("data_statement"):
        training["data_statement"] = {"warning": warning}
    stated = training.get("data_statement")
    if stated and not (isinstance(stated, dict) and isinstance(stated.get("warning"), str)):
        raise TypeError("data_statement has no warning")
    return training
