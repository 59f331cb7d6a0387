"""What frozen backbones saw of a batch: computed once, trained on many times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emo_core.models.layers.towers import Tokens

Features = Mapping[str, Tokens]  # by tower


@dataclass(frozen=True)
class FeatureBatch:
    """Stands for a Batch where every tower's backbone has been run already."""

    features: Features
    target: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.features.values())).values)

    def to(self, device: torch.device | str) -> "FeatureBatch":
        moved = {
            name: Tokens(seen.values.to(device), seen.mask.to(device), seen.times_s.to(device))
            for name, seen in self.features.items()
        }
        target = None if self.target is None else self.target.to(device)
        return replace(self, features=moved, target=target)


def collate_features(
    rows: Sequence[Features], targets: Sequence[Any] | None = None
) -> FeatureBatch:
    """Rows of single windows, tokens without a batch axis, -> a batch; values become float32."""
    stacked = {
        name: Tokens(
            torch.stack([row[name].values for row in rows]).float(),
            torch.stack([row[name].mask for row in rows]),
            torch.stack([row[name].times_s for row in rows]),
        )
        for name in rows[0]
    }
    return FeatureBatch(stacked, torch.as_tensor(np.asarray(targets)))
