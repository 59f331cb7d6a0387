"""Settings of a recipe: changed by dotted name (`--set train.lr=1e-3`), and validated.

The numbers that a setting may have stand in its type (`emo_core.ranges`).
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache, reduce
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from emo_core import ranges
from emo_core.errors import EmoError, name_choices
from emo_core.messages import say, say_name, say_or
from emo_core.old_names import current_key, current_value
from emo_core.preprocess.sample import RESIZE_MODES
from emo_core.training.compilation import COMPILE_MODES
from emo_core.training.recipes import INIT_SCOPES, PRECISIONS, Recipe, RecipeError

Settings = TypeVar("Settings")


class SettingError(EmoError):
    """A setting that does not exist or a value that does not fit it."""


def setting_types(value: Any, prefix: str = "") -> dict[str, Any]:
    """Every dotted setting of a dataclass with its type and range: {"train.lr": Positive, ...}."""
    types: dict[str, Any] = {}
    hints = get_type_hints(type(value), include_extras=True)
    for f in fields(value):
        current = getattr(value, f.name)
        if is_dataclass(current):
            types |= setting_types(current, f"{prefix}{f.name}.")
        else:
            types[prefix + f.name] = hints[f.name]
    return types


def with_setting(settings: Settings, text: str) -> Settings:
    """A copy of frozen `settings` with one `key=value` changed.

    The last part of a name (`window_s`) is enough where only one setting ends so, and where one of
    `train` does (`lr`); names of version 0.1 (`batch`) still work. Raises SettingError on an
    unknown or ambiguous key and on a value of the wrong type.
    """
    key, equals, value = text.partition("=")
    types = setting_types(settings)
    key = key if any(n == key or n.endswith(f".{key}") for n in types) else current_key(key)
    found = [n for n in types if n in (key, f"train.{key}")]
    found = found or [n for n in types if n.endswith(f".{key}")]
    if not equals:
        raise SettingError(
            "{text!r} has no value; expected key=value, such as train.lr=0.001.", text=text
        )
    if len(found) != 1:
        train_first = sorted(types, key=lambda n: not n.startswith("train."))
        raise SettingError(_unclear(key, found, train_first))
    path = found[0].split(".")
    parsed = current_value(path[-1], _parse_value(found[0], value, types[found[0]]))
    return _replace_at(settings, path, parsed)


def _unclear(key: str, found: Sequence[str], known: Sequence[str]) -> str:
    if not found:
        choices = name_choices(key, known, "emo list settings RECIPE")
        return say("There is no setting {key!r}; {choices}.", key=key, choices=choices)
    return say(
        "{key!r} may be one of {count} settings; expected its whole name: {names}.",
        key=key,
        count=len(found),
        names=say_or(found),
    )


def _replace_at(value: Any, path: Sequence[str], new: Any) -> Any:
    if len(path) > 1:
        new = _replace_at(getattr(value, path[0]), path[1:], new)
    return replace(value, **{path[0]: new})


def _plain(kind: Any) -> Any:
    """A type without its range."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


KINDS = {bool: say("true or false"), int: say("a whole number"), float: say("a number")}


def _parse_value(key: str, text: str, kind: Any) -> Any:
    kind = _plain(kind)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float, str):
            return kind(text)
        return tuple(_plain(get_args(kind)[0])(part) for part in text.split(","))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        words = KINDS.get(kind, say("a list with commas, such as 16,32"))
        raise SettingError(
            "{key} is {text!r}; expected {words}; change it.", key=key, text=text, words=words
        ) from error


def setting_rows(recipe: Recipe) -> list[dict[str, Any]]:
    """Every setting with its value in a recipe and what it may be, for `emo list settings`."""
    return [
        {"name": name, "value": _value_of(recipe, name), "expected": _words(kind)}
        for name, kind in setting_types(recipe).items()
    ]


def _words(kind: Any) -> str:
    """What `--set` expects of a type, in words."""
    if kind in (bool, str):
        return ranges.NAMES[kind]
    if _is_tuple(kind):
        return say("commas between: {one}", one=_words(get_args(kind)[0]))
    return _range(kind)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def in_set(value: Any) -> str:
    """A value as `--set` takes it: 16,32 or true; - for none."""
    if isinstance(value, tuple):
        return ",".join(map(in_set, value)) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value) or "-"


def validate(recipe: Recipe, default: Recipe) -> Recipe:
    """The same recipe; raises RecipeError where a number can't be. default: has values that can."""
    from pydantic import ValidationError

    for name, kind in setting_types(recipe).items():
        value = _value_of(recipe, name)
        try:
            _adapter(kind).validate_python(value)
        except ValidationError as error:
            raise _range_error(name, value, _range(kind), _value_of(default, name)) from error
    for name, fits, words, usable in _together(recipe):
        if not fits:
            raise _range_error(name, _value_of(recipe, name), words, usable)
    return recipe


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _range(kind: Any) -> str:
    """The numbers that a type allows, in words; of a tuple, those of its items."""
    if _is_tuple(kind):
        kind = get_args(kind)[0]
    return say_name(get_args(kind)[-1].documentation)


def _together(recipe: Recipe) -> list[tuple[str, bool, str, Any]]:
    """What depends on another setting or on known words: name, whether it fits, which, one."""
    sample, mel, labels = recipe.sample, recipe.sample.mel, len(recipe.task.labels)
    samples, half = round(sample.window_s * mel.rate), mel.rate / 2
    classes = getattr(recipe.settings, "classes", labels)
    encoder = getattr(recipe.settings, "text_encoder", "")
    thinned = recipe.augment.frame_subsample <= sample.frames
    return [
        ("augment.frame_subsample", thinned, say("at most sample.frames"), 1),
        ("init_scope", recipe.init_scope in INIT_SCOPES, say_or(INIT_SCOPES), INIT_SCOPES[0]),
        ("sample.mel.window", mel.window <= samples, say("at most sample.window_s"), samples),
        ("sample.mel.highest_hz", mel.highest_hz <= half, say("at most half of the rate"), half),
        ("sample.mel.lowest_hz", mel.lowest_hz < mel.highest_hz, say("less than highest_hz"), 0),
        (
            "sample.mel.filters",
            mel.filters in ("slaney", "htk"),
            say_or(["slaney", "htk"]),
            "slaney",
        ),
        (
            "sample.resize_mode",
            sample.resize_mode in RESIZE_MODES,
            say_or(RESIZE_MODES),
            RESIZE_MODES[0],
        ),
        (
            "features.precision",
            recipe.features.precision in PRECISIONS,
            say_or(PRECISIONS),
            PRECISIONS[0],
        ),
        (
            "train.compile",
            recipe.train.compile in ("", *COMPILE_MODES),
            say_or(COMPILE_MODES),
            COMPILE_MODES[0],
        ),
        (
            "sample.tokenizer",
            "/" not in encoder or sample.tokenizer == encoder,
            say("that of settings.text_encoder"),
            encoder,
        ),
        (
            "sample.mel.rate",
            not sample.wave or mel.rate == 16_000,
            say("16000 with sample.wave"),
            16_000,
        ),
        ("settings.classes", classes == labels, say("as many as the task has labels"), labels),
    ]


def _value_of(recipe: Recipe, name: str) -> Any:
    return reduce(getattr, name.split("."), recipe)


def _range_error(name: str, value: Any, words: str, usable: Any) -> RecipeError:
    return RecipeError(
        "{name} is {value}; expected {words}; give for example --set {name}={usable}.",
        name=name,
        value=in_set(value),
        words=words,
        usable=in_set(usable),
    )
