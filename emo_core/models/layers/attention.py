"""Attention, written once: self- and cross-attention are one class with a context argument."""

import math

import torch
from torch import Tensor, nn

SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 0.4, 20.0  # two mel tokens apart; four windows apart


def time_encoding(times_s: Tensor, width: int) -> Tensor:
    """Sinusoidal encoding of moments in seconds, so that both streams share one clock.

    times_s: (B, N). Returns (B, N, width): sines, then cosines, of periods from 0.4 to 20 s.
    Source: Vaswani et al. 2017, section 3.5, with seconds in place of token numbers.
    """
    half = width // 2
    ratio = torch.arange(half, device=times_s.device, dtype=torch.float32) / max(half - 1, 1)
    period_s = SHORTEST_PERIOD_S * (LONGEST_PERIOD_S / SHORTEST_PERIOD_S) ** ratio
    angle = 2 * math.pi * times_s.float().unsqueeze(-1) / period_s
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real tokens; zero where none is real. (B, N, D), (B, N) bool -> (B, D)."""
    weight = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)


def with_residual(weights: Tensor) -> Tensor:
    """Attention of a block whose other half is its residual path. (N, N) -> (N, N).

    Source: Abnar & Zuidema 2020, section 3.
    """
    return 0.5 * weights + 0.5 * torch.eye(len(weights), device=weights.device)


class Attention(nn.Module):
    """Multi-head scaled dot-product attention whose weights can be read.

    Source: Vaswani et al. 2017, section 3.2.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, context: Tensor | None = None, context_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (B, N, D) attends to context (B, K, D), or to itself; context_mask (B, K), True = real.

        Returns (B, N, D) and the weights (B, H, N, K). Where nothing is real, both are zero.
        """
        context = x if context is None else context
        query, key, value = (
            layer(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, N or K, D/H)
            for layer, tokens in ((self.query, x), (self.key, context), (self.value, context))
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, N, K)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))  # half is too coarse
        if context_mask is None:
            weights = scores.softmax(-1)
        else:
            real = context_mask[:, None, None, :]
            lowest = torch.finfo(scores.dtype).min  # finite: a row with nothing real stays a number
            weights = scores.masked_fill(~real, lowest).softmax(-1)  # exactly 0 where not real
            any_real = context_mask.any(-1)[:, None, None]  # `* real`: docs/experiments/0152
            weights = weights * any_real.unsqueeze(-1)
        mixed = self.dropout(weights).to(value.dtype) @ value  # (B, H, N, D/H)
        mixed = self.out(mixed.transpose(1, 2).flatten(-2))  # (B, N, D)
        if context_mask is not None:
            mixed = mixed * any_real
        return mixed, weights


class Block(nn.Module):
    """Pre-norm transformer block: attention over a context (or itself), then a feed-forward net.

    Queries and keys start equal, so at first the most similar tokens attend to each other: where
    two streams carry one clock, those of the same moment. From independent starts, matching in
    time was found after four epochs or not at all, so after two or three
    (docs/experiments/0016).
    Source: MulT (Tsai et al. 2019), section 3.2; docs/papers/group.md#a10.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        nn.init.orthogonal_(self.attention.query.weight)
        self.attention.key.load_state_dict(self.attention.query.state_dict())
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, N, D), context (B, K, D), mask (B, K) -> (B, N, D), weights (B, H, N, K)."""
        mixed, weights = self.attention(self.norm(x), self.context_norm(context), context_mask)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(x)), weights


class PostNormBlock(nn.Module):
    """Post-norm transformer block: torch's TransformerEncoderLayer, weights readable.

    It is born as torch's (nn.MultiheadAttention.in_proj_weight), with which the papers began.

    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        bound = math.sqrt(6 / (4 * width))  # Xavier over queries, keys and values together
        for layer in (self.attention.query, self.attention.key, self.attention.value):
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.attention.out.bias)
        self.widen, self.narrow = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)
        self.norm, self.last_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, N, D), mask (B, N) -> (B, N, D), weights (B, H, N, N)."""
        mixed, weights = self.attention(x, context_mask=mask)
        x = self.norm(x + self.dropout(mixed))
        wide = self.dropout(self.widen(x).relu())  # (B, N, feed_forward)
        return self.last_norm(x + self.dropout(self.narrow(wide))), weights


class ClsTransformer(nn.Module):
    """One vector for a set of tokens: a learned first token reads them.

    Source: docs/papers/mesm.md#pooling-over-time.

    Nothing encodes position, so the order of the tokens does not matter.
    """

    def __init__(
        self, width: int, layers: int, heads: int, feed_forward: int, dropout: float
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(width))
        self.layers = nn.ModuleList(
            PostNormBlock(width, heads, feed_forward, dropout) for _ in range(layers)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, N, D), (B, N) -> (B, D) and each layer's weights (B, H, 1+N, 1+N)."""
        first = self.cls_token.to(tokens.dtype).expand(tokens.shape[0], 1, -1)
        x = torch.cat([first, tokens], dim=1)  # (B, 1+N, D)
        mask = torch.cat([mask.new_ones(mask.shape[0], 1), mask], dim=1)
        attentions = []
        for layer in self.layers:
            x, weights = layer(x, mask)
            attentions.append(weights)
        return x[:, 0], attentions
