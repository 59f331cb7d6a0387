"""What a model keeps of one forward pass beside its logits, as typed fields with named axes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from torch import Tensor


def axes(names: str, **options: Any) -> Any:
    """A dataclass field whose tensors have the axes `names`, for example "B, H, S, S"."""
    return field(metadata={"axes": names}, **options)


class NamedTensor(NamedTuple):
    """A tensor of a trace with its place in it, for example "attention['video', 'audio'][0]"."""

    name: str
    axes: str
    value: Tensor


@dataclass(frozen=True, kw_only=True)
class Moments:
    """The S moments that a model answers for."""

    times_s: Tensor = axes("B, S")  # seconds from the start of the window
    mask: Tensor = axes("B, S")  # bool, True = real


@dataclass(frozen=True, kw_only=True)
class CrossAttention:
    """Attention of V video tokens (queries) over A audio tokens (keys)."""

    weights: Tensor = axes("B, H, V, A")
    video_times_s: Tensor = axes("B, V")  # where each looked, seconds from the start of the window
    audio_times_s: Tensor = axes("B, A")
    video_mask: Tensor | None = axes("B, V", default=None)  # bool, True = real; None: all are
    audio_mask: Tensor | None = axes("B, A", default=None)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Intermediates for attribution and teaching; a model that has more adds fields.

    moments: of a model that answers moments of a window, else None.
    """

    moments: Moments | None = axes("", default=None)

    @property
    def video_to_audio(self) -> CrossAttention | None:
        """The last attention of the video's tokens to the audio's, where the model has any."""
        return None

    def named_tensors(self) -> Iterator[NamedTensor]:
        """Every tensor with its name and axes, in the order of the fields."""
        for part in fields(self):
            yield from _named(part.name, part.metadata.get("axes", ""), getattr(self, part.name))


def _named(name: str, axes: str, value: Any) -> Iterator[NamedTensor]:
    """The tensors in a field: one, some by position or key, a record of them, or None."""
    if isinstance(value, Tensor):
        yield NamedTensor(name, axes, value)
    elif isinstance(value, Mapping):
        for key, own in value.items():
            yield from _named(f"{name}[{repr(key).strip('()')}]", axes, own)
    elif isinstance(value, tuple):
        for index, own in enumerate(value):
            yield from _named(f"{name}[{index}]", axes, own)
    elif value is not None:
        for part in fields(value):
            own = getattr(value, part.name)
            yield from _named(f"{name}.{part.name}", part.metadata["axes"], own)
