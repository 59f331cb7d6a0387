"""What judges of model parts share: build the reader's class, give it weights, name its mistake."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from exercises.grading import Mistake, called, kind_of


def part(name: str) -> Any:
    """Our part of `mymodel.py` of that name."""
    return getattr(import_module("exercises.mymodel"), name)


def ours(name: str, *sizes: Any, seed: int = 0, spread: float = 0.1) -> nn.Module:
    """Our module with random weights, all of its numbers away from where they start."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = part(name)(*sizes)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += spread * torch.randn_like(parameter)
    return net.eval()


def built(answer: Any, like: nn.Module, *sizes: Any) -> nn.Module:
    """The reader's class, built, with the weights of `like`; or a Mistake."""
    with torch.random.fork_rng():
        net = None if isinstance(answer, nn.Module) else called(answer, *sizes)
    if not isinstance(answer, type) or not isinstance(net, nn.Module):
        raise Mistake(f"Expected the class itself, a subclass of nn.Module; got {kind_of(answer)}.")
    own, wanted = net.state_dict(), like.state_dict()
    missing, more = sorted(wanted.keys() - own.keys()), sorted(own.keys() - wanted.keys())
    if missing or more:
        said = f"has no {missing[0]}" if missing else f"has {more[0]}, which is one too many"
        raise Mistake(
            f"Your class {said}; in `__init__` its layers have the lesson's names, or the weights "
            "won't load."
        )
    for name, values in wanted.items():
        if own[name].shape != values.shape:
            raise Mistake(
                f"{name} has shape {tuple(own[name].shape)}; expected {tuple(values.shape)}."
            )
    net.load_state_dict(wanted)
    return net.eval()


def answered(net: Any, *inputs: Any) -> Any:
    """What a module or function returns without gradients; or a Mistake."""
    with torch.no_grad():
        return called(net, *inputs)


def compare(
    found: Any,
    right: Tensor,
    mistakes: Sequence[tuple[Tensor, str]] = (),
    what: str = "Your answer",
    tolerance: float = 1e-4,
    rows: Sequence[str] = (),
) -> None:
    """Mistake unless `found` is `right`; where it equals one of the mistakes, says which one.

    rows: what is special about each row, as "for the clip without words"; the first is whole. Of a
    mistake that is not known they say where it shows, and so what was likely done wrong.
    """
    if not isinstance(found, Tensor):
        raise Mistake(f"{what} should be a tensor; got {kind_of(found)}.")
    if close(found, right, tolerance):
        return
    for wrong, said in mistakes:
        if close(found, wrong, tolerance):
            raise Mistake(said)
    if found.shape != right.shape:
        raise Mistake(f"{what} should have shape {tuple(right.shape)}; got {tuple(found.shape)}.")
    if found.is_floating_point() and not found.isfinite().all():
        raise Mistake(f"{what}: there is NaN or infinity.")
    apart = (found.float() - right.float()).abs()
    place = tuple(int(n) for n in torch.unravel_index(apart.argmax(), apart.shape))
    shown = [f"{float(x[place]):.4g}" for x in (found, right)]
    if right.dtype == torch.bool:
        shown = [str(bool(x[place])) for x in (found, right)]
    where = related(found, right, tolerance) or which_rows(found, right, rows, tolerance)
    raise Mistake(f"{what}: at {place} expected {shown[1]}; got {shown[0]}.{where}")


def related(found: Tensor, right: Tensor, tolerance: float) -> str:
    """What all wrong numbers have in common, as a sentence; "" where nothing is seen."""
    if right.dtype == torch.bool:
        return " Every answer is the opposite." if close(found, ~right) else ""
    found, right = found.float(), right.float()
    scale = float((found * right).sum() / right.square().sum().clamp(min=1e-12))
    shift = float((found - right).mean())
    if abs(scale) > 1e-3 and close(found, scale * right, tolerance):
        return f" Every number is {scale:.3g} times what it should be."
    if close(found, right + shift, tolerance):
        return f" Every number is {abs(shift):.3g} too {'large' if shift > 0 else 'small'}."
    if close(found.flatten().sort().values, right.flatten().sort().values, tolerance):
        return " These are the right numbers in other places: axes or an order are exchanged."
    return ""


def which_rows(found: Tensor, right: Tensor, rows: Sequence[str], tolerance: float) -> str:
    """For which of the named rows an answer is wrong, as a sentence; "" where none is named."""
    wrong = [n for n in range(len(rows)) if not close(found[n], right[n], tolerance)]
    if not wrong:
        return ""
    if len(wrong) < len(rows) and 0 not in wrong:
        there = [name for n, name in enumerate(rows) if n not in wrong]
        return f" It is right {listed(there)}, and wrong {listed([rows[n] for n in wrong])}."
    return f" It is wrong even {rows[0]}, so it is no mask that is missing."


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether two tensors have one shape and equal numbers."""
    if a.shape != b.shape or a.dtype.is_complex:
        return False
    return torch.allclose(a.float(), b.float(), atol=tolerance, rtol=tolerance)
