"""Samples -> Batch, and what every model answers: Output."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emo_core.preprocess.sample import Sample
from emo_core.preprocess.trace import Trace


@dataclass(frozen=True)
class Batch:
    """Model input, batch first; masks are bool, True = real; times in seconds within the window."""

    video: Tensor  # (B, T, 3, H, W) uint8, or float in [0, 1]
    video_mask: Tensor  # (B, T)
    video_times_s: Tensor  # (B, T)
    mel: Tensor  # (B, F, M) natural log of power
    mel_mask: Tensor  # (B, F)
    mel_times_s: Tensor  # (B, F)
    faces: Tensor  # (B, T, P, 3, h, w) uint8, or float in [0, 1]; at video_times_s
    face_mask: Tensor  # (B, T, P)
    tokens: Tensor  # (B, L) int64
    token_mask: Tensor  # (B, L)
    target: Tensor | None = None  # what the task says: class index (B,), classes (B, C), ...
    face_eyes: Tensor | None = None  # (B, T, P, 4) x, y of both eyes, 0 to 1 of the frame
    wave: Tensor | None = None  # (B, S) -1 to 1; S is a multiple of F

    def __len__(self) -> int:
        return self.rows

    @property
    def rows(self) -> int:
        """Samples in it; while a model is exported, a symbol for any number, which `len` is not."""
        return self.video.shape[0]

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> "Batch":
        """Some of the samples, in the order of `rows`."""
        held = {name: value for name, value in vars(self).items() if value is not None}
        return Batch(**{name: value[rows] for name, value in held.items()})

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {
            k: v.to(device, non_blocking=non_blocking) for k, v in held.items() if v is not None
        }
        return replace(self, **moved)

    def pin_memory(self) -> "Batch":
        """In memory that a GPU copies from by itself; a DataLoader asks for it."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v.pin_memory() for k, v in held.items() if v is not None})

    def without(self, modality: str) -> "Batch":
        """The same batch with "video" (frames and faces), "audio" or "text" marked as missing."""
        names = {
            "video": ("video_mask", "face_mask"),
            "audio": ("mel_mask",),
            "text": ("token_mask",),
        }[modality]
        return replace(self, **{name: torch.zeros_like(getattr(self, name)) for name in names})


@dataclass(frozen=True)
class Output:
    """A model's answer: scores, and intermediates for attribution and teaching."""

    logits: Tensor  # (B, C); a model of moments: (B, S, C)
    trace: Trace = Trace()


def collate(samples: Sequence[Sample], targets: Sequence[Any] | None = None) -> Batch:
    """Stack samples of one SampleConfig into a batch."""
    names = [f.name for f in fields(Batch) if f.name != "target"]
    held = {name: [getattr(s, name) for s in samples] for name in names}
    stacked = {name: torch.stack(own) for name, own in held.items() if own[0] is not None}
    target = None if targets is None else torch.as_tensor(np.asarray(targets))
    return Batch(**stacked, target=target)
