"""Sizes of Grad-CAM maps: from a layer's map to the input that it was computed from."""

from torch import Tensor
from torch.nn import functional


def resize_maps(cam: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (n, 1, h, w) -> (n, *size), bilinear."""
    return functional.interpolate(cam, size, mode="bilinear", align_corners=False)[:, 0]


def resize_frame_maps(cam: Tensor, frames: int, height: int, width: int) -> Tensor:
    """Maps of frames (frames, 1, h, w), or of n pieces of film (n, 1, t, h, w), which are as long.

    Returns (frames, 1, height, width).
    """
    if cam.ndim == 4:
        return resize_maps(cam, (height, width)).unsqueeze(1)
    size = (frames // len(cam), height, width)
    large = functional.interpolate(cam, size, mode="trilinear", align_corners=False)
    return large.transpose(1, 2).flatten(0, 1)
