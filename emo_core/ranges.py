"""Types of settings with the numbers they may have; pydantic checks them when a run begins.

Said with annotated-types, which is imported at once: pydantic itself takes a fifth of a second, so
settings that a checkpoint states are checked by `misfit`.
"""

from math import inf
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, doc

from emo_core.messages import say, say_name

Count = Annotated[int, Ge(1), doc("a whole number of at least 1")]
CountOrNone = Annotated[int, Ge(0), doc("a whole number of at least 0")]
Seed = Annotated[int, Ge(0), Lt(2**32), doc("a whole number from 0 to 4294967295")]
Counts = tuple[Count, ...]

Positive = Annotated[float, Gt(0), Lt(inf), doc("a number above 0")]
Amount = Annotated[float, Ge(0), Lt(inf), doc("a number of at least 0")]
Share = Annotated[float, Ge(0), Le(1), doc("a share from 0 to 1")]
OpenShare = Annotated[float, Ge(0), Lt(1), doc("a share from 0 to less than 1")]
Half = Annotated[float, Ge(0), Le(0.5), doc("a share from 0 to 0.5")]


NAMES = {
    bool: say("true or false"),
    int: say("a whole number"),
    float: say("a number"),
    str: say("text"),
}


def misfit(value: Any, kind: Any) -> str:
    """What a setting should be instead of `value`, in words; "" where it has its type and range.

    kind: one of these types, a plain one, or a tuple of any number of one.
    """
    if get_origin(kind) is tuple:
        inner, words = get_args(kind)[0], ""
        if not isinstance(value, (list, tuple)):
            return say("a list, each {item}", item=misfit(None, inner))
        return next((words for item in value if (words := misfit(item, inner))), words)
    plain, *bounds = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    words = say_name(bounds[-1].documentation) if bounds else NAMES[plain]
    fits = isinstance(value, (int, float) if plain is float else plain)
    if not fits or isinstance(value, bool) != (plain is bool):
        return words
    return "" if all(_within(value, bound) for bound in bounds) else words


def _within(value: float, bound: Any) -> bool:
    """Whether a number keeps one bound; words on it are none."""
    return (
        value >= getattr(bound, "ge", -inf)
        and value <= getattr(bound, "le", inf)
        and (not hasattr(bound, "gt") or value > bound.gt)
        and (not hasattr(bound, "lt") or value < bound.lt)
    )
