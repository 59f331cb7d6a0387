"""Settings by dotted name: what `--set train.lr=1e-3` does to a recipe."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_type_hints

from emo_core.errors import EmoError
from emo_core.old_names import current_key, current_value

Settings = TypeVar("Settings")


class SettingError(EmoError):
    """A setting that does not exist or a value that does not fit it."""


def setting_names(value: Any, prefix: str = "") -> dict[str, type]:
    """Every dotted setting of a dataclass with its type: {"train.lr": float, ...}."""
    names: dict[str, type] = {}
    for f in fields(value):
        kind, current = get_type_hints(type(value))[f.name], getattr(value, f.name)
        if is_dataclass(current):
            names |= setting_names(current, f"{prefix}{f.name}.")
        else:
            names[prefix + f.name] = kind
    return names


def with_setting(settings: Settings, text: str) -> Settings:
    """A copy of frozen `settings` with one `key=value` changed.

    The last part of a name (`window_s`) is enough where only one setting ends so, and where one of
    `train` does (`lr`); names of version 0.1
    (`batch`) still work. Raises SettingError
    on an unknown or ambiguous key and on a value of the wrong type.
    """
    key, equals, value = text.partition("=")
    names = setting_names(settings)
    key = key if any(n == key or n.endswith(f".{key}") for n in names) else current_key(key)
    found = [n for n in names if n in (key, f"train.{key}")]
    found = found or [n for n in names if n.endswith(f".{key}")]
    if not equals or len(found) != 1:
        why = "is ambiguous" if len(found) > 1 else "is not key=value of a known setting"
        raise SettingError(f"{text!r} {why}; expected one of {', '.join(found or sorted(names))}.")
    path = found[0].split(".")
    parsed = current_value(path[-1], _parse_value(found[0], value, names[found[0]]))
    return _replace_at(settings, path, parsed)


def _replace_at(value: Any, path: Sequence[str], new: Any) -> Any:
    if len(path) > 1:
        new = _replace_at(getattr(value, path[0]), path[1:], new)
    return replace(value, **{path[0]: new})


def _parse_value(key: str, text: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float, str):
            return kind(text)
        return tuple(type(kind.__args__[0]())(part) for part in text.split(","))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise SettingError(f"{key}={text!r} is not of type {name}; give such a value.") from error
