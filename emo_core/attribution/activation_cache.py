"""Cache of the outputs of rows that a perturbation leaves unchanged.

Exact: such a method treats every row by itself, and a row is a hit only if all of its values equal
those of a cached one. Removing half of the frames costs half of a video pass, removing audio none.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emo_core.models.layers.backbones import Read

KEPT = 2  # readings of one size that are remembered: of the window, and of nothing there


@dataclass(frozen=True)
class CachedRows:
    """Rows of one window, (n, ...) each, and what was made of them, (n, ...)."""

    rows: tuple[Tensor, ...]
    made: Tensor

    def fits(self, rows: tuple[Tensor, ...]) -> bool:
        """Whether these can be several windows' rows of the same size, one window after another."""
        sizes = [(own.shape[1:], own.dtype) for own in self.rows]
        return sizes == [(x.shape[1:], x.dtype) for x in rows] and not len(rows[0]) % len(self.made)

    def same(self, rows: tuple[Tensor, ...]) -> Tensor:
        """Which of several windows' rows equal those of this one, (windows, n) bool."""
        alike = [
            (x.unflatten(0, (-1, len(own))) == own).flatten(1).unflatten(1, (len(own), -1)).all(-1)
            for own, x in zip(self.rows, rows, strict=True)
        ]
        return torch.stack(alike).all(0)


class RowCache:
    """Caches row outputs; falls back to the plain method when gradients are needed."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.readings: list[CachedRows] = []

    def __call__(self, *rows: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not len(rows[0]):
            return self.read(*rows)
        known = [reading for reading in self.readings if reading.fits(rows)]
        made = self._made(rows, known) if known else self.read(*rows)
        one_window = all(len(made) == len(reading.made) for reading in known)
        if one_window and len(known) < KEPT:
            self.readings.append(CachedRows(rows, made))
        return made

    def _made(self, rows: tuple[Tensor, ...], known: list[CachedRows]) -> Tensor:
        made = known[0].made.new_empty(len(rows[0]), *known[0].made.shape[1:])
        fresh = torch.ones(len(made), dtype=torch.bool, device=made.device)
        for reading in known:
            same = reading.same(rows)  # (windows, n)
            window, row = same.nonzero(as_tuple=True)
            made[window * len(reading.made) + row] = reading.made[row]
            fresh &= ~same.flatten()
        if bool(fresh.any()):
            made[fresh] = self.read(*(x[fresh] for x in rows))
        return made


def cache_rows(model: nn.Module) -> None:
    """From now on a model reads no row of a window twice; its weights must not change.

    What it remembered before is forgotten.
    """
    for module in model.modules():
        for name, method in vars(type(module)).items():
            if getattr(method, "row_independent", False):
                setattr(module, name, RowCache(method.__get__(module)))
