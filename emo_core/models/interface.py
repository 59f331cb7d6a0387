"""What general code may ask of a model beside `forward(Batch) -> Output`; each part is optional.

A model outside the catalogue of this package takes part in inference and attribution by these. What
frozen backbones saw of a batch, computed once, may stand for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from emo_core.models.layers.towers import Tokens
from emo_core.preprocess.batch import Batch, Output, collate
from emo_core.preprocess.sample import Sample


@runtime_checkable
class TwoStreams(Protocol):
    """A model that reads video and audio apart from each other, then fuses them."""

    def encode(self, batch: Batch) -> tuple[Tokens, Tokens]: ...
    def fuse(self, video: Tokens, audio: Tokens) -> Output: ...


@runtime_checkable
class SupportsSubsets(Protocol):
    """A model that answers from every subset of its streams in one pass."""

    def by_subset(self, batch: Batch) -> Mapping[frozenset[str], Output]:
        """By the modalities that it may use: its answer, the other ones marked as missing."""
        ...


@runtime_checkable
class SupportsGradCam(Protocol):
    """A model that states where Grad-CAM looks, and where its maps belong in the input."""

    def cam_layers(self) -> dict[str, nn.Module]:
        """By tower, "video" or "audio": the layer that puts out its last map."""
        ...

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: Any) -> Tensor:
        """A layer's map in its input, for a batch of one window and the trace of that pass.

        cam: (n, 1, ...), of what went through the layer. Returns what broadcasts to the input:
        (T, 1, H, W) of frames, (T, P, 1, h, w) of faces or (F, M) of the mel.
        """
        ...


@runtime_checkable
class SupportsRollout(Protocol):
    """A model whose attention can be followed from the answer back to its tokens."""

    def rollout(self, batch: Batch, trace: Any, step: int | None) -> dict[str, Tensor]:
        """By stream, "video" or "audio": what each moment of its input adds.

        Of each frame (T,), its faces (T, P) or its pixels (T, H, W), and of each mel frame (F,);
        another number of values is taken for equal stretches of time. For a batch of one window and
        its trace; step: of a model of moments, the one that is explained. All values sum to one; {}
        where the model has no attention between moments.
        """
        ...


@runtime_checkable
class SupportsFrozenEncoders(Protocol):
    """A model with encoders that stay as they were shipped."""

    def frozen_encoders(self) -> dict[str, str]:
        """Names of `emo_core.io.shipped_weights` by the prefix of the state that they stand for."""
        ...


Features = Mapping[str, Tokens]  # by tower


@dataclass(frozen=True)
class FeatureBatch:
    """Stands for a Batch where every tower's backbone has been run already."""

    features: Features
    target: Tensor | None = None
    inputs: Batch | None = None  # of what no features are kept of: towers that learn, and words

    def __len__(self) -> int:
        return self.rows

    @property
    def rows(self) -> int:
        if self.inputs is not None:
            return self.inputs.rows
        return next(iter(self.features.values())).values.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "FeatureBatch":
        inputs = None if self.inputs is None else self.inputs.to(device, non_blocking)
        return self._each(lambda x: x.to(device, non_blocking=non_blocking), inputs)

    def pin_memory(self) -> "FeatureBatch":
        """In memory that a GPU copies from by itself; a DataLoader asks for it."""
        inputs = None if self.inputs is None else self.inputs.pin_memory()
        return self._each(lambda x: x.pin_memory(), inputs)

    def _each(self, change: Callable[[Tensor], Tensor], inputs: Batch | None) -> "FeatureBatch":
        changed = {
            name: Tokens(change(seen.values), change(seen.mask), change(seen.times_s))
            for name, seen in self.features.items()
        }
        target = None if self.target is None else change(self.target)
        return replace(self, features=changed, target=target, inputs=inputs)


def collate_features(
    rows: Sequence[Features],
    targets: Sequence[Any] | None = None,
    inputs: Sequence[Sample] = (),
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
    beside = collate(inputs) if inputs else None
    return FeatureBatch(stacked, torch.as_tensor(np.asarray(targets)), beside)


@runtime_checkable
class SupportsFeatures(Protocol):
    """A model whose backbones can be fixed, so that what they see is computed once and kept.

    kept_towers: those of a stream whose features may be kept; the others read `inputs`.
    """

    def freeze_towers(self) -> None: ...
    def towers_of(self, stream: str) -> tuple[str, ...]: ...
    def kept_towers(self, stream: str) -> tuple[str, ...]: ...
    def live_inputs(self) -> tuple[str, ...]:
        """The fields of a Sample that the rest of the model reads beside kept features."""
        ...

    def features(self, batch: Batch | FeatureBatch, streams: Sequence[str] = ()) -> Features:
        """What each tower's backbone saw, by tower; streams: of these only, "video" or "audio"."""
        ...
