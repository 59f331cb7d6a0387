"""Normalisation of an encoder's features by statistics that training gathers."""

import torch
from torch import Tensor, nn

MOMENTUM = 0.02  # share of the newest batch, once as many have been seen


class RunningNorm(nn.Module):
    """Bring each feature to mean 0 and spread 1 over what is real.

    Features of an encoder that was trained for something else differ in scale from each other, so
    normalising whole tokens leaves most of them flat: a head on speech hears 0.57 of the sounds of
    unseen people after layer normalisation, 0.74 after this (docs/experiments/0138).
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """values (..., C), mask (...): what is real -> (..., C)."""
        if self.training and bool(mask.any()):
            self._gather(values.detach()[mask].float())
        return (values - self.mean) * (self.variance + 1e-5).rsqrt()

    def fit(self, rows: Tensor) -> None:
        """Take the statistics of rows (n, C), once for all of them."""
        self.mean.copy_(rows.mean(0))
        self.variance.copy_(rows.var(0, correction=0))

    def _gather(self, real: Tensor) -> None:
        """Statistics of rows (n, C) into the running ones, the first batches evenly."""
        self.batches += 1
        share = torch.clamp(1 / self.batches, min=MOMENTUM)
        moved = real.mean(0) - self.mean
        variance = real.var(0, correction=0) + (1 - share) * moved.square()
        self.mean += share * moved
        self.variance.lerp_(variance, share)
