"""Towers' own heads, fitted to kept features before anything else learns.

Each is a logistic regression, so the best weights are found, not approached: heads that learn
together with the fusion trust the stream more whose people they know by heart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from emo_core.models.interface import Features, collate_features
from emo_core.models.layers.fusion import PooledHead
from emo_core.training.recipes import RecipeError

AT_ONCE = 512  # windows that are pooled together
Halves = Mapping[str, tuple[Sequence[Features], Sequence[int]]]


def fit_heads(model: Any, halves: Halves, l2: float) -> None:
    """Fit the head of each tower to what its stream says, in place, and fix it.

    halves: by stream, features and the number of the class of each; the number after the last
    class where it says nothing. l2: weight of half the squared norm beside the mean cross-entropy.
    Raises RecipeError where a stream has no rows.
    """
    for stream, (rows, numbers) in halves.items():
        names = model.towers_of(stream)
        if names and not len(rows):
            raise RecipeError(
                "no window of the training data has {stream}; the heads of {names} can't be "
                "fitted; give --set mixture=false.",
                stream=stream,
                names=", ".join(names),
            )
        for name in names:
            tower = getattr(model, name)
            pooled = _pooled(tower.unimodal_head, rows, name)
            fit_head(tower.unimodal_head, pooled, torch.tensor(numbers), l2)
            tower.freeze_head()


def _pooled(head: PooledHead, rows: Sequence[Features], name: str) -> Tensor:
    parts = []
    for first in range(0, len(rows), AT_ONCE):
        some = [{name: row[name]} for row in rows[first : first + AT_ONCE]]
        batch = collate_features(some, [0] * len(some))
        parts.append(head.pool(batch.features[name]))
    return torch.cat(parts)


def fit_head(head: PooledHead, pooled: Tensor, numbers: Tensor, l2: float) -> None:
    """Fit one head to (n, 3C) and (n,), in place, by L-BFGS."""
    head.norm.fit(pooled)
    head.eval()
    values = head.norm(pooled, torch.ones(len(pooled), dtype=torch.bool))
    weight, bias = head.classifier.weight, head.classifier.bias
    torch.nn.init.zeros_(weight)
    torch.nn.init.zeros_(bias)
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=200, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        solver.zero_grad()
        total = functional.cross_entropy(head.classifier(values), numbers)
        total = total + l2 / 2 * weight.square().sum()
        total.backward()
        return total

    solver.step(loss)
