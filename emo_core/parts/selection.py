"""Choosing where to look: text-guided scores, and masks of what is kept.

Groups are what one softmax runs over: the sites of a picture, or the pictures of an utterance.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class AdditiveAttention(nn.Module):
    """One score for every candidate, given what is asked: w . tanh(W_c x + W_y query).

    Source: Bahdanau et al. 2015, appendix A.1.2; paper 2, our notes 2.7.
    """

    def __init__(self, width: int, query_width: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, width)
        self.query = nn.Linear(query_width, width, bias=False)
        self.score = nn.Linear(width, 1)

    def forward(self, values: Tensor, query: Tensor, owner: Tensor) -> Tensor:
        """values (N, C), query (B, D), owner (N,): the row of `query` that asks. Returns (N,)."""
        asked = self.query(query).index_select(0, owner)  # (N, C)
        scores = self.score(torch.tanh(self.content(values) + asked)).squeeze(-1)
        return scores.to(torch.promote_types(scores.dtype, torch.float32))  # bf16 sums badly


def grouped_softmax(scores: Tensor, where: Tensor) -> Tensor:
    """Scores (N,) of the candidates that are True in `where` (G, K), in order -> weights (G, K).

    Each group sums to one over its candidates; a group without any is zero.
    """
    spread = scores.new_full(where.shape, torch.finfo(scores.dtype).min)  # finite: no NaN
    return spread.masked_scatter(where, scores).softmax(-1) * where


def descending(weights: Tensor, where: Tensor) -> Tensor:
    """Positions from the strongest on, those outside `where` last; the first of equals leads."""
    return weights.detach().masked_fill(~where, -1.0).argsort(dim=-1, descending=True, stable=True)


def nucleus(weights: Tensor, where: Tensor, mass: float) -> Tensor:
    """The smallest set of each group whose weights reach `mass`; at least the strongest one.

    weights (G, K) sum to one over `where` (G, K) bool. Returns (G, K) bool, without gradient;
    from `mass` 1 on, everything in `where`. Source: Holtzman et al. 2020; paper 2.
    """
    order = descending(weights, where)
    ordered = weights.detach().gather(-1, order)
    keep = ordered.cumsum(-1) - ordered < mass  # mass reached before this one
    keep = keep | (mass >= 1)  # rounding must not cost the tail
    keep[:, 0] = True
    return torch.zeros_like(where).scatter(-1, order, keep) & where


def strongest(weights: Tensor, where: Tensor, share: float) -> Tensor:
    """The `share` of each group with the largest weights, rounded up, at least one. (G, K) bool.

    The count follows from the number of candidates alone, so full groups keep static shapes.
    """
    count = (share * where.sum(-1, keepdim=True).double() - 1e-6).ceil().clamp(min=1)
    rank = descending(weights, where).argsort(-1)
    return (rank < count) & where


def scatter_rows(values: Tensor, where: Tensor) -> Tensor:
    """Rows (N, ...) of what is True in `where` (B, T), in order -> (B, T, ...), zero elsewhere."""
    grid = values.new_zeros(*where.shape, *values.shape[1:])
    return grid.index_put(tuple(where.nonzero().unbind(1)), values)


class Glance(nn.Module):
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
