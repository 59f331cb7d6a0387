"""Comparing two maps, and the model without what it learned."""

from copy import deepcopy
from threading import Lock

import torch
from torch import Tensor, nn

_CHANCE = Lock()  # torch has one source of random numbers for all threads


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation of (n,) and (n,), ties at their mean rank; 0 of constants."""
    ranks = torch.stack([_ranks(a), _ranks(b)])
    ranks = ranks - ranks.mean(1, keepdim=True)
    norms = ranks.norm(dim=1).prod()
    return float((ranks[0] * ranks[1]).sum() / norms) if norms > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    _, which, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[which]


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """A copy whose every weight is drawn anew; the same seed gives the same, also in threads.

    Source: Adebayo et al. 2018.
    """
    twin = deepcopy(model)
    with _CHANCE, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in twin.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            else:
                for parameter in module.parameters(recurse=False):
                    parameter.copy_(torch.randn(parameter.shape) * parameter.std(correction=0))
    return twin.eval()
