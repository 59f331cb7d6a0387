"""Attributes that are worked out when they are first asked for."""

from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")


class lazy_property(cached_property[T]):  # noqa: N801  # a decorator, as property is
    """`cached_property` without the lock that Python 3.11 holds for all instances together.

    What works one out may pause until another thread has worked out its own, as jobs of the page
    do: with that lock both would wait for ever.
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        kept = instance.__dict__
        if self.attrname not in kept:
            kept[self.attrname] = self.func(instance)
        return kept[self.attrname]
