"""The picture towers of paper 2: VGG, dense (FE2E) or at the sites that the text keeps (MESM).

Both map (pictures, query, owner) to (maps, looks); section 2.4 and 2.7 of our notes.
"""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from emo_core.parts.rowwise import rowwise
from emo_core.parts.selection import AdditiveAttention, grouped_softmax, nucleus
from emo_core.parts.sparse import Sites, SparseVgg


@dataclass(frozen=True)
class Look:
    """What one stage attended to and kept of each picture; both (n, h, w)."""

    weights: Tensor
    kept: Tensor  # bool


def convolution(inputs: int, outputs: int, size: int) -> nn.Sequential:
    """Convolution of constant size with bias, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def vgg_block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions (Simonyan & Zisserman 2015) with batch norm."""
    return nn.Sequential(convolution(inputs, outputs, 3), convolution(outputs, outputs, 3))


def low_level(inputs: int, width: int) -> nn.Sequential:
    """What both towers begin with: half the height and width, `width` channels."""
    return nn.Sequential(
        convolution(inputs, width, 5),
        nn.MaxPool2d(2),
        vgg_block(width, width),
        vgg_block(width, width),
    )


class DenseTower(nn.Module):
    """FE2E's tower: height and width shrink 16-fold."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.low = low_level(inputs, widths[0])
        self.stages = nn.Sequential(
            *(
                nn.Sequential(vgg_block(a, b), nn.MaxPool2d(2))
                for a, b in zip(widths, widths[1:], strict=False)
            )
        )
        self.last = nn.Identity()  # its output is the last map, for Grad-CAM

    def forward(self, pictures: Tensor, query: Tensor, owner: Tensor) -> tuple[Tensor, list[Look]]:
        """(n, inputs, h, w) -> (n, C, h/16, w/16); a dense tower asks the text nothing."""
        return self.read(pictures), []

    @rowwise
    def read(self, pictures: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, C, h/16, w/16)."""
        return self.last(self.stages(self.low(pictures)))


class SparseStage(nn.Module):
    """Text-guided attention over active sites, top-p selection, convolutions at what is left.

    learns: kept values are multiplied by attention x number of sites, which is one where attention
    is even; else the hard mask is all that attention does, and no gradient reaches it (D1).
    """

    def __init__(
        self, inputs: int, outputs: int, query_width: int, keep: float, learns: bool
    ) -> None:
        super().__init__()
        self.attention = AdditiveAttention(inputs, query_width).requires_grad_(learns)
        self.convolutions = SparseVgg(inputs, outputs)
        self.keep, self.learns = keep, learns

    def forward(self, sites: Sites, query: Tensor, owner: Tensor) -> tuple[Sites, Look]:
        active = sites.active  # (n, h*w)
        scores = self.attention(sites.values, query, owner[sites.maps])  # (N,)
        weights = grouped_softmax(scores, active)  # (n, h*w)
        kept = nucleus(weights, active, self.keep)  # (n, h*w)
        if self.learns:
            scale = weights * active.sum(-1, keepdim=True)  # (n, h*w), mean 1
            scale = scale.flatten().index_select(0, sites.places).unsqueeze(-1)  # (N, 1)
            sites = replace(sites, values=sites.values * scale)
        return self.convolutions(sites.only(kept)), Look(
            weights.view(sites.shape), kept.view(sites.shape)
        )


class SparseTower(nn.Module):
    """MESM's tower: the same low level, then three stages of attention and selection."""

    def __init__(
        self, inputs: int, widths: tuple[int, ...], query_width: int, keep: float, learns: bool
    ) -> None:
        super().__init__()
        self.low = low_level(inputs, widths[0])
        self.stages = nn.ModuleList(
            SparseStage(a, b, query_width, keep, learns)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.last = nn.Identity()

    def forward(self, pictures: Tensor, query: Tensor, owner: Tensor) -> tuple[Tensor, list[Look]]:
        """pictures (n, inputs, h, w), query (B, D), owner (n,) the utterance of each picture."""
        sites, looks = Sites.everywhere(self.low(pictures)), []  # h/2, w/2
        for stage in self.stages:
            sites, look = stage(sites, query, owner)
            looks.append(look)
        return self.last(sites.dense()), looks  # (n, C, h/16, w/16)
