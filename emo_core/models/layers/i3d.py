"""JMT's other video backbone: Inception I3D at full frame rate, then a causal network."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from emo_core.models.layers.backbones import (
    Backbone,
    Tokens,
    normalize_frames,
    row_independent,
)

Size = tuple[int, int, int]  # time, height, width
STAGES = (  # output channels of the four branches, reductions between; "pool" = its kernel
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (3, 3, 3),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (2, 2, 2),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def same_padding(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Zeros around the last three axes so that an output axis is ceil(axis / stride) long."""
    pads: list[int] = []
    for axis, width, step in reversed(list(zip(x.shape[2:], kernel, stride, strict=True))):
        total = max((math.ceil(axis / step) - 1) * step + width - axis, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads)


class Unit(nn.Module):
    """Convolution with same padding, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: Size = (1, 1, 1)) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(inputs, outputs, side, stride, bias=False)
        self.norm = nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = same_padding(x, self.convolution.kernel_size, self.convolution.stride)
        return functional.relu(self.norm(self.convolution(x)))


class SamePool(nn.Module):
    """Max pooling with same padding; the zeros around do no harm after ReLU."""

    def __init__(self, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool3d(
            same_padding(x, self.kernel, self.stride), self.kernel, self.stride
        )


class Inception(nn.Module):
    """Four branches side by side (Szegedy et al. 2015, figure 2b, in three dimensions)."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        one, reduce_3, three, reduce_5, five, pooled = widths
        self.branches = nn.ModuleList(
            [
                Unit(inputs, one, 1),
                nn.Sequential(Unit(inputs, reduce_3, 1), Unit(reduce_3, three, 3)),
                nn.Sequential(Unit(inputs, reduce_5, 1), Unit(reduce_5, five, 3)),
                nn.Sequential(SamePool((3, 3, 3), (1, 1, 1)), Unit(inputs, pooled, 1)),
            ]
        )
        self.channels = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def inception_i3d() -> nn.Sequential:
    """I3D's trunk with every temporal stride 1 (Carreira and Zisserman 2017, figure 3)."""
    half = (1, 2, 2)
    layers: list[nn.Module] = [
        Unit(3, 64, 7, half),
        SamePool((1, 3, 3), half),
        Unit(64, 64, 1),
        Unit(64, 192, 3),
        SamePool((1, 3, 3), half),
    ]
    channels = 192
    for stage in STAGES:
        layers.append(SamePool(stage, half) if len(stage) == 3 else Inception(channels, stage))
        channels = getattr(layers[-1], "channels", channels)
    return nn.Sequential(*layers)


class CausalBlock(nn.Module):
    """Two dilated convolutions that see the past only, and a shortcut (Bai et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.layers = nn.ModuleList(
            nn.Conv1d(width, outputs, kernel, dilation=dilation) for width in (inputs, outputs)
        )
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for layer in (*self.layers, self.shortcut):
            if isinstance(layer, nn.Conv1d):
                nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(2))
        for layer in self.layers:
            weight_norm(layer)
        self.dropout = nn.Dropout1d(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = x  # (B, C, T)
        for layer in self.layers:
            y = functional.leaky_relu(layer(functional.pad(y, (self.before, 0))))
            y = self.dropout(y)
        return functional.leaky_relu(y + self.shortcut(x))


class I3dTcn(Backbone):
    """I3D, then a causal network over its 7 moments; one token per moment.

    Source: docs/papers/jmt.md#i3d.
    side: pixels that faces are scaled to first.
    """

    channels = 512

    def __init__(self, pretrained: bool = False, side: int = 224) -> None:
        super().__init__()
        if pretrained:
            raise ValueError(
                "torchvision has no I3D weights; set pretrained=false or "
                "video_backbone=r2plus1d_18."
            )
        self.side = side
        self.trunk = inception_i3d()
        widths = (1024, 512, 512, 512, 512)
        self.tcn = nn.Sequential(
            *(CausalBlock(widths[i], widths[i + 1], 5, 2**i) for i in range(4))
        )

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(video, mask)
        real = mask.any(1, keepdim=True).expand(values.shape[:2])
        return Tokens(values, real, times_s[:, 1:])

    @row_independent
    def read(self, video: Tensor, mask: Tensor) -> Tensor:
        """(B, T, 3, h, w), (B, T) -> (B, T-1, 512)."""
        clip = normalize_frames(video, mask).transpose(1, 2)  # (B, 3, T, h, w)
        size = (clip.shape[2], self.side, self.side)
        clip = functional.interpolate(clip, size, mode="trilinear", align_corners=False)
        maps = self.trunk(clip.contiguous(memory_format=torch.channels_last_3d))
        pooled = functional.avg_pool3d(maps, (2, *maps.shape[3:]), 1).flatten(2)  # (B, C, T-1)
        return self.tcn(pooled).transpose(1, 2)

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]
