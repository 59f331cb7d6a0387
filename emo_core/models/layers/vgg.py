"""The VGG towers of FE2E (dense) and MESM (at the sites that the text keeps), and their pictures.

Both map (pictures, query, owner) to (maps, selected sites of each stage).
Sources: docs/papers/mesm.md#towers and docs/papers/mesm.md#text-guided-sparse-towers.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.backbones import row_independent
from emo_core.models.layers.sparse import (
    AdditiveAttention,
    Sites,
    SparseVgg,
    grouped_softmax,
    top_p_mask,
)

# Of values from 0 to 255; docs/papers/mesm.md#faces.
FACE_MEAN, FACE_STD = (159.0, 111.0, 102.0), (37.0, 33.0, 32.0)
CHUNK = 32  # mel frames: 0.4 s at a hop of 200 samples and 16 kHz; docs/papers/mesm.md#sound
LEAST_STD = 0.5  # of standardised log-mel: digital silence must not become loud noise


def face_pictures(faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The first person found in each frame, normalised.

    faces: (B, T, P, 3, h, w) uint8, or float in [0, 1]; mask: (B, T, P). P may be 0.
    """
    first = mask & (mask.cumsum(-1) == 1)
    scale = 1 if faces.dtype == torch.uint8 else 255
    mean, std = (torch.tensor(v, device=faces.device).view(3, 1, 1) for v in (FACE_MEAN, FACE_STD))
    return (faces[first].float() * scale - mean) / std, mask.any(-1)


def chunk_pictures(mel: Tensor, mask: Tensor, sound: str) -> tuple[Tensor, Tensor]:
    """Chunks of CHUNK mel frames as one-channel pictures (n, 1, M, CHUNK); the last is padded.

    mel: (B, F, M) natural log of power; mask: (B, F). sound: "power" turns it back, as the paper
    has it; "log" standardises each chunk over its real frames; "level" all chunks of an utterance
    together, so that loud ones stay loud. What is masked is zero.
    """
    if sound == "level":
        mel = standardize(mel, mask.unsqueeze(-1))
    count = (mel.shape[1] + CHUNK - 1) // CHUNK  # S
    extra = count * CHUNK - mel.shape[1]
    real = functional.pad(mask, (0, extra)).unflatten(1, (count, CHUNK))  # (B, S, CHUNK)
    where = real.any(-1)  # (B, S)
    chunks = functional.pad(mel, (0, 0, 0, extra)).unflatten(1, (count, CHUNK))[where]
    real = real[where].unsqueeze(-1)  # (n, CHUNK, 1)
    if sound == "power":
        chunks = chunks.masked_fill(~real, -torch.inf).exp()
    elif sound == "log":
        chunks = standardize(chunks, real)
    return chunks.transpose(1, 2).unsqueeze(1), where


def standardize(mel: Tensor, real: Tensor) -> Tensor:
    """Rows (n, F, M) of log-mel with mean 0 and spread 1 over real frames (n, F, 1); else 0."""
    count = (real.sum((1, 2), keepdim=True) * mel.shape[-1]).clamp(min=1)
    mean = mel.masked_fill(~real, 0).sum((1, 2), keepdim=True) / count
    centred = (mel - mean).masked_fill(~real, 0)
    spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    return centred / spread.clamp(min=LEAST_STD)


@dataclass(frozen=True)
class SelectedSites:
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

    def forward(
        self, pictures: Tensor, query: Tensor, owner: Tensor
    ) -> tuple[Tensor, list[SelectedSites]]:
        """(n, inputs, h, w) -> (n, C, h/16, w/16); a dense tower does not use the text."""
        return self.read(pictures), []

    @row_independent
    def read(self, pictures: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, C, h/16, w/16)."""
        return self.last(self.stages(self.low(pictures)))


class SparseStage(nn.Module):
    """Text-guided attention over active sites, top-p selection, convolutions at what is left.

    learns: kept values are multiplied by attention x number of sites, which is one where attention
    is even; else the hard mask is all that attention does, and no gradient reaches it
    (docs/papers/mesm.md#d1).
    """

    def __init__(
        self, inputs: int, outputs: int, query_width: int, keep: float, learns: bool
    ) -> None:
        super().__init__()
        self.attention = AdditiveAttention(inputs, query_width).requires_grad_(learns)
        self.convolutions = SparseVgg(inputs, outputs)
        self.keep, self.learns = keep, learns

    def forward(self, sites: Sites, query: Tensor, owner: Tensor) -> tuple[Sites, SelectedSites]:
        active = sites.active  # (n, h*w)
        scores = self.attention(sites.values, query, owner[sites.maps])  # (N,)
        weights = grouped_softmax(scores, active)  # (n, h*w)
        kept = top_p_mask(weights, active, self.keep)  # (n, h*w)
        if self.learns:
            scale = weights * active.sum(-1, keepdim=True)  # (n, h*w), mean 1
            scale = scale.flatten().index_select(0, sites.positions).unsqueeze(-1)  # (N, 1)
            sites = replace(sites, values=sites.values * scale)
        return self.convolutions(sites.select(kept)), SelectedSites(
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

    def forward(
        self, pictures: Tensor, query: Tensor, owner: Tensor
    ) -> tuple[Tensor, list[SelectedSites]]:
        """pictures (n, inputs, h, w), query (B, D), owner (n,) the utterance of each picture."""
        sites, selected = Sites.from_dense(self.low(pictures)), []  # h/2, w/2
        for stage in self.stages:
            sites, kept = stage(sites, query, owner)
            selected.append(kept)
        return self.last(sites.to_dense()), selected  # (n, C, h/16, w/16)
