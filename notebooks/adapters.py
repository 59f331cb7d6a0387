"""The reader's batches, dictionaries of tensors, as the library's `Trainer` takes them."""

from collections.abc import Iterator
from dataclasses import fields

import torch
from torch import nn

from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.trace import Trace


class SameBatches:
    """The same batches in every epoch."""

    def __init__(self, batches: list[dict[str, torch.Tensor]]) -> None:
        self.batches = [as_library(batch) for batch in batches]
        self.sizes = [len(batch["label"]) for batch in batches]

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, index: int) -> Iterator[Batch]:
        return iter(self.batches)


def as_library(batch: dict[str, torch.Tensor]) -> Batch:
    """A batch without faces and words."""
    clips = len(batch["label"])
    none = {
        "faces": torch.zeros(clips, 1, 0, 3, 1, 1, dtype=torch.uint8),
        "face_mask": torch.zeros(clips, 1, 0, dtype=torch.bool),
        "tokens": torch.zeros(clips, 0, dtype=torch.long),
        "token_mask": torch.zeros(clips, 0, dtype=torch.bool),
        "target": batch["label"],
    }
    known = {field.name for field in fields(Batch)}
    return Batch(**{k: v for k, v in {**batch, **none}.items() if k in known})


class AsLibrary(nn.Module):
    """A reader's model behind the library's interface: Batch -> Output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Output:
        return Output(self.model(vars(batch)), Trace())
