"""Defects of published code, behind named switches: only claims and their tests use them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from emo_core.batch import Batch
from emo_core.parts.sparse import Sites
from emo_core.parts.vgg import SparseTower


def scrambled(sites: Sites) -> Sites:
    """Places sorted by (y, x, map) beside values sorted by (map, y, x), as in MESM's first block.

    Vectors so land on wrong pixels and in other utterances of the batch (D2).
    """
    count = sites.shape[0]
    area = sites.shape[1] * sites.shape[2]
    order = (sites.places % area * count + sites.maps).argsort()
    return replace(sites, places=sites.places[order])


@contextmanager
def scrambled_rows(model: nn.Module) -> Iterator[None]:
    """The published MESM's row order (D2) while the context is open; needs a sparse mode."""
    towers = [module for module in model.modules() if isinstance(module, SparseTower)]
    hooks = [
        tower.stages[0].convolutions.register_forward_pre_hook(
            lambda _, inputs: (scrambled(*inputs),)
        )
        for tower in towers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def without_attention_gradient(model: nn.Module) -> list[str]:
    """Names of the attention parameters that a backward pass left without gradient (D1).

    Call it after `backward` on a model of mode "faithful": the published code has 30 of them.
    """
    return [
        name
        for name, parameter in model.named_parameters()
        if ".tower.stages." in name and ".attention." in name and parameter.grad is None
    ]


def leak(model: nn.Module, batch: Batch, disturbed: Batch) -> float:
    """How far row 0's scores move between two batches that are equal there: 0 unless rows mix."""
    model.eval()
    with torch.no_grad():
        return (model(batch).logits[0] - model(disturbed).logits[0]).abs().max().item()
