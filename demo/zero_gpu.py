"""A GPU for the length of one call, on a Space that lends one; nothing elsewhere."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
LEAST_S, MOST_S = 5, 120  # of a loan; what is asked for counts against the visitor's day


def on_gpu(seconds: Callable[..., float]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a call that computes; `seconds` says from its arguments how long it may take.

    Arguments and result cross to another process there: they must be picklable. `progress`, which
    is not, stays behind.
    """
    try:
        import spaces  # only on Hugging Face's ZeroGPU machines
    except ImportError:
        return lambda work: work

    def duration_s(*args: Any, **more: Any) -> int:
        return round(min(max(seconds(*args, **more), LEAST_S), MOST_S))

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        on_space_gpu = spaces.GPU(duration=duration_s)(work)

        @wraps(work)
        def call(*args: P.args, **more: P.kwargs) -> R:
            more.pop("progress", None)
            return on_space_gpu(*args, **more)

        return call

    return decorate
