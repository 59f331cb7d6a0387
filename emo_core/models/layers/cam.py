"""Where the cells of a layer's map lie in the input that it was computed from, and maps put there.

A 3x3 convolution of stride 2 and padding 1 centres cell i on input 2i. Published implementations
of Grad-CAM stretch the map over the input instead (bilinear, edges on edges), which draws every
cell half a stride, up to 8 pixels of 112, too far right and down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor


@dataclass(frozen=True)
class CellGrid:
    """The cells of a map along one axis of its input: cell i is centred on `first + i * stride`.

    Positions count from 0. reach: how far from the outermost centres the input was read.
    """

    stride: float = 1.0
    first: float = 0.0
    reach: float = inf

    @classmethod
    def of_pooling(cls, size: int) -> "CellGrid":
        """Cells that pool `size` positions each; what is left over at the end is not read."""
        return cls(size, (size - 1) / 2, size / 2)

    def before_resize(self, resized: int, size: int) -> "CellGrid":
        """The same cells in an input of `size` that was resized to `resized` before."""
        scale = size / resized
        first = (self.first + 0.5) * scale - 0.5
        return CellGrid(self.stride * scale, first, self.reach * scale)

    def after_pooling(self, size: int) -> "CellGrid":
        """The same cells in an input of which `size` positions were averaged into one before."""
        first = self.first * size + (size - 1) / 2
        return replace(self, stride=self.stride * size, first=first, reach=self.reach * size)

    def _grid(self, cells: int, size: int) -> tuple[Tensor, Tensor]:
        """Each position of the input in units of cells, (size,), and whether it was read."""
        place = (torch.arange(size) - self.first) / self.stride
        beyond = (place - place.clamp(0, cells - 1)).abs() * self.stride
        return place, beyond <= self.reach

    def interpolation(self, cells: int, size: int) -> Tensor:
        """Weights (size, cells) that spread a map linearly, held beyond its outermost centres."""
        place, read = self._grid(cells, size)
        apart = (place.clamp(0, cells - 1).unsqueeze(1) - torch.arange(cells)).abs()
        return (1 - apart).clamp(min=0) * read.unsqueeze(1)

    def nearest(self, cells: int, size: int) -> Tensor:
        """Weights (size, cells): which cell each position of the input is nearest to."""
        place, read = self._grid(cells, size)
        index = (place + 0.5).floor().long().clamp(0, cells - 1)
        return torch.nn.functional.one_hot(index, cells).float() * read.unsqueeze(1)


def resize_maps(cam: Tensor, size: Sequence[int], grids: Sequence[CellGrid]) -> Tensor:
    """Maps (n, 1, *cells) -> (n, *size), linear between the centres of cells, an axis a grid."""
    large = cam[:, 0]
    for axis, (side, grid) in enumerate(zip(size, grids, strict=True), start=1):
        weights = grid.interpolation(large.shape[axis], side).to(large)
        large = (large.movedim(axis, -1) @ weights.T).movedim(-1, axis)
    return large


def resize_frame_maps(
    cam: Tensor, frames: int, size: Sequence[int], grids: Sequence[CellGrid]
) -> Tensor:
    """Maps of frames (frames, 1, h, w), or of n pieces of film (n, 1, t, h, w), which are as long.

    size: (height, width). grids: of these, or of (time, height, width). Returns (frames, 1, *size).
    """
    if cam.ndim == 4:
        return resize_maps(cam, size, grids).unsqueeze(1)
    return resize_maps(cam, (frames // len(cam), *size), grids).flatten(0, 1).unsqueeze(1)
