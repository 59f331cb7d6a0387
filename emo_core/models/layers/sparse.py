"""Selection of sites by attention, and convolutions at these only: gather, multiply, scatter.

Follows SparseConvNet (Graham et al. 2018): a submanifold convolution has outputs where its input
has sites, and no others. Values and positions share one index, so that no row can change positions.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.towers import is_exporting


class AdditiveAttention(nn.Module):
    """One score for every candidate, given the query: w . tanh(W_c x + W_y query).

    Source: Bahdanau et al. 2015, appendix A.1.2; docs/papers/mesm.md#text-guided-sparse-towers.
    """

    def __init__(self, width: int, query_width: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, width)
        self.query = nn.Linear(query_width, width, bias=False)
        self.energy = nn.Linear(width, 1)

    def forward(self, values: Tensor, query: Tensor, owner: Tensor) -> Tensor:
        """values (N, C), query (B, D), owner (N,): row of `query` for each value. Returns (N,)."""
        asked = self.query(query).index_select(0, owner)  # (N, C)
        scores = self.energy(torch.tanh(self.content(values) + asked)).squeeze(-1)
        return scores.to(torch.promote_types(scores.dtype, torch.float32))  # bf16 sums badly


def grouped_softmax(scores: Tensor, where: Tensor) -> Tensor:
    """Scores (N,) of the candidates that are True in `where` (G, K), in order -> weights (G, K).

    Each group sums to one over its candidates; a group without any is zero.
    """
    lowest = torch.finfo(scores.dtype).min  # finite: no NaN
    return spread_rows(scores, where, lowest).softmax(-1) * where


def descending(weights: Tensor, where: Tensor) -> Tensor:
    """Positions from the strongest on, those outside `where` last; the first of equals leads."""
    ranked = weights.detach().masked_fill(~where, -1.0)
    if is_exporting():  # ONNX has no stable sort, but its TopK is one
        return ranked.topk(ranked.shape[-1]).indices
    return ranked.argsort(dim=-1, descending=True, stable=True)


def top_p_mask(weights: Tensor, where: Tensor, mass: float) -> Tensor:
    """The smallest set of each group whose weights reach `mass`; at least the strongest one.

    weights (G, K) sum to one over `where` (G, K) bool. Returns (G, K) bool, without gradient;
    from `mass` 1 on, everything in `where`.
    Source: Holtzman et al. 2020; docs/papers/mesm.md#text-guided-sparse-towers.
    """
    order = descending(weights, where)
    ordered = weights.detach().gather(-1, order)
    keep = ordered.cumsum(-1) - ordered < mass  # mass reached before this one
    keep = keep | (mass >= 1)  # rounding must not cost the tail
    keep[:, 0] = True
    return torch.zeros_like(where).scatter(-1, order, keep) & where


def top_k_mask(weights: Tensor, where: Tensor, share: float) -> Tensor:
    """The `share` of each group with the largest weights, rounded up, at least one. (G, K) bool.

    The count follows from the number of candidates alone, so full groups keep static shapes.
    """
    count = (share * where.sum(-1, keepdim=True).double() - 1e-6).ceil().clamp(min=1)
    rank = descending(weights, where).argsort(-1)
    return (rank < count) & where


def scatter_rows(values: Tensor, where: Tensor) -> Tensor:
    """Rows (N, ...), in order, put where `where` (B, T) is True -> (B, T, ...), zero elsewhere."""
    return spread_rows(values, where, 0)


def spread_rows(values: Tensor, where: Tensor, elsewhere: float) -> Tensor:
    """Rows (N, ...), in order, read where `where` (G, K) is True -> (G, K, ...).

    A gather from the rows and one more, not a scatter, which ONNX has not for masks.
    """
    rest = values.new_full((1, *values.shape[1:]), elsewhere)
    number = where.flatten().cumsum(0).view(where.shape) - 1
    rows = torch.where(where, number, values.shape[0])
    return torch.cat([values, rest])[rows]


class ThumbnailAttention(nn.Module):
    """Text-guided weights of whole pictures, from thumbnails: no convolution has run yet."""

    SIDE = 8  # pixels of the thumbnail

    def __init__(self, channels: int, query_width: int) -> None:
        super().__init__()
        self.attention = AdditiveAttention(channels * self.SIDE**2, query_width)

    def forward(self, pictures: Tensor, where: Tensor, query: Tensor) -> Tensor:
        """pictures (n, C, h, w): those that are True in `where` (B, T). Returns (B, T)."""
        small = functional.adaptive_avg_pool2d(pictures, self.SIDE).flatten(1)  # (n, C*64)
        small = functional.layer_norm(small, small.shape[1:])  # power spans ten decades
        return grouped_softmax(self.attention(small, query, where.nonzero()[:, 0]), where)


class TokenAttention(nn.Module):
    """Text-guided weights of tokens that an encoder has made."""

    def __init__(self, channels: int, query_width: int) -> None:
        super().__init__()
        self.attention = AdditiveAttention(channels, query_width)

    def forward(self, values: Tensor, where: Tensor, query: Tensor) -> Tensor:
        """values (n, C): those that are True in `where` (B, T). Returns (B, T)."""
        return grouped_softmax(self.attention(values, query, where.nonzero()[:, 0]), where)


Rules = list[tuple[Tensor, Tensor]]  # of each of the 9 offsets: rows to read, rows to add to


@dataclass(frozen=True)
class Sites:
    """The active sites of a stack of maps."""

    values: Tensor  # (N, C)
    positions: Tensor  # (N,) int64: (map * height + y) * width + x
    shape: tuple[int, int, int]  # maps, height, width

    @classmethod
    def from_dense(cls, maps: Tensor) -> "Sites":
        """Every site of dense maps (G, C, H, W)."""
        count, channels, height, width = maps.shape
        values = maps.permute(0, 2, 3, 1).reshape(-1, channels)
        positions = torch.arange(values.shape[0], device=maps.device)
        return cls(values, positions, (count, height, width))

    @property
    def maps(self) -> Tensor:
        """Which map each site is on. (N,)"""
        return self.positions // (self.shape[1] * self.shape[2])

    @property
    def active(self) -> Tensor:
        """Where sites are. (G, H*W) bool."""
        count, height, width = self.shape
        mask = self.positions.new_zeros(count * height * width, dtype=torch.bool)
        return mask.index_fill(0, self.positions, True).view(count, height * width)

    def select(self, kept: Tensor) -> "Sites":
        """The sites that are True in `kept` (G, H*W)."""
        rows = kept.flatten()[self.positions].nonzero().squeeze(1)
        return Sites(self.values.index_select(0, rows), self.positions[rows], self.shape)

    def to_dense(self) -> Tensor:
        """Maps (G, C, H, W), zero where no site is."""
        count, height, width = self.shape
        flat = self.values.new_zeros(count * height * width, self.values.shape[1])
        flat = flat.index_copy(0, self.positions, self.values)
        return flat.view(*self.shape, self.values.shape[1]).permute(0, 3, 1, 2)


def rule_book(sites: Sites) -> Rules:
    """Which site feeds which, for each offset of a 3x3 window, row by row."""
    count, height, width = sites.shape
    x, y = sites.positions % width, sites.positions // width % height
    table = sites.positions.new_full((count, height + 2, width + 2), -1)  # a border of nothing
    table[sites.maps, y + 1, x + 1] = torch.arange(x.shape[0], device=x.device)
    rules = []
    for offset in range(9):
        near = table[sites.maps, y + offset // 3, x + offset % 3]  # (N,) a row, or -1
        target = (near >= 0).nonzero().squeeze(1)
        rules.append((near[target], target))
    return rules


class SubmanifoldConv(nn.Module):
    """3x3 convolution without bias whose output has the sites of its input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        scale = (2 / (9 * inputs)) ** 0.5
        self.weight = nn.Parameter(torch.randn(9, 1, inputs, outputs) * scale)

    def forward(self, values: Tensor, rules: Rules) -> Tensor:
        """(N, inputs) -> (N, outputs), summed in the type of `values`."""
        total = values.new_zeros(values.shape[0], self.weight.shape[-1])
        for weight, (source, target) in zip(self.weight[:, 0], rules, strict=True):
            product = values.index_select(0, source) @ weight
            total.index_add_(0, target, product.to(total.dtype))
        return total


def max_pool(sites: Sites) -> Sites:
    """2x2 maximum of values >= 0; a site is active if any of its four children is."""
    pooled = Sites.from_dense(functional.max_pool2d(sites.to_dense(), 2))
    active = sites.active.float().view(sites.shape[0], 1, *sites.shape[1:])
    return pooled.select(functional.max_pool2d(active, 2).flatten(1) > 0)


class SparseVgg(nn.Module):
    """Two submanifold convolutions with batch norm over active sites and ReLU, then max-pool."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = (
            SubmanifoldConv(inputs, outputs),
            SubmanifoldConv(outputs, outputs),
        )
        self.first_norm, self.second_norm = (
            nn.BatchNorm1d(outputs, eps=1e-4, momentum=0.01) for _ in range(2)
        )

    def forward(self, sites: Sites) -> Sites:
        rules = rule_book(sites)
        values = functional.relu(self.first_norm(self.first(sites.values, rules)))
        values = functional.relu(self.second_norm(self.second(values, rules)))
        return max_pool(replace(sites, values=values))  # half the height, half the width
