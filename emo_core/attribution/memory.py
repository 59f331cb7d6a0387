"""How much memory one variant of a window takes in a model, and how many fit beside each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from emo_core.attribution.record import AttributionError

MOST = 8  # more at once are no faster on a processor
NEAR = 320 << 20  # bytes of layers' outputs beyond which a processor is slower: 1.4 times at 880 MB
SHARE = 0.5  # of the free memory that variants may fill
KEPT = 3  # a layer's output, what is made between layers, and the gradient of both


class Sizes:
    """Bytes that the layers of a model have put out."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, _: nn.Module, __: tuple, out: object) -> None:
        """A forward hook."""
        parts = out if isinstance(out, tuple) else (out,)
        self.total += sum(x.numel() * x.element_size() for x in parts if isinstance(x, Tensor))


@contextmanager
def counted(model: nn.Module) -> Iterator[Sizes]:
    """Counts what a model's innermost layers put out while the context is open."""
    sizes = Sizes()
    leaves = [m for m in model.modules() if not any(True for _ in m.children())]
    hooks = [leaf.register_forward_hook(sizes.count) for leaf in leaves]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


def free_bytes(device: torch.device) -> int:
    """Memory that can be had now without pushing anything out."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            (found,) = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return int(found) * 1024
    except (OSError, ValueError):  # no Linux: half of what there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def fitting(one: int, free: int, near: int) -> int:
    """How many variants of `one` byte count go together into `free`, and are fast there.

    near: bytes that together are. Raises AttributionError where not even one fits.
    """
    room = int(SHARE * free)
    if one * KEPT > room:
        raise AttributionError(
            f"explaining one window takes about {one * KEPT / 2**20:.0f} MB, and of the "
            f"{free / 2**20:.0f} MB that are free it may fill half; close other programs, or "
            "choose a smaller model."
        )
    return max(1, min(MOST, room // max(one * KEPT, 1), near // max(one, 1)))
