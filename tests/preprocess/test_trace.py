"""Every tensor of a trace has a name by which it is found, and axes as many as it has."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from emo_core.preprocess.trace import CrossAttention, Moments, Trace, axes
from tests.conftest import random_batch, small_group
from tests.support.explained import checkpoint_of


@dataclass(frozen=True, kw_only=True)
class Deep(Trace):
    blocks: dict[tuple[str, str], tuple[Tensor, ...]] = axes("B, N")
    one: Tensor | None = axes("B", default=None)


def test_a_trace_of_nothing_is_empty():
    assert list(Trace().named_tensors()) == [] and Trace().video_to_audio is None


def test_names_are_what_stands_behind_the_dot_in_python():
    moments = Moments(times_s=torch.ones(1, 2), mask=torch.ones(1, 2).bool())
    trace = Deep(moments=moments, blocks={("a", "b"): (torch.zeros(1, 2), torch.ones(1, 2))})
    found = list(trace.named_tensors())
    assert [(name, axes) for name, axes, _ in found] == [
        ("moments.times_s", "B, S"),
        ("moments.mask", "B, S"),
        ("blocks['a', 'b'][0]", "B, N"),
        ("blocks['a', 'b'][1]", "B, N"),
    ]
    for name, _, value in found:
        assert eval(f"trace.{name}", {"trace": trace}) is value


@pytest.mark.parametrize("name", ["group", "fe2e", "mesm", "mesm-structured", "jmt"])
def test_a_models_tensors_have_the_axes_that_their_fields_name(name):
    checkpoint, _ = checkpoint_of(name)
    frames, side = (8, 32) if name == "jmt" else (4, 48)
    people = 1 if name == "jmt" else 2
    trace = checkpoint.model(random_batch(3, frames=frames, people=people, face=side)).trace
    found = list(trace.named_tensors())
    assert found
    for label, named, value in found:
        assert value.ndim == len(named.split(", ")) and len(value) == 3, label


def test_the_last_block_is_what_a_video_asks_its_audio():
    trace = small_group()(random_batch()).trace
    last = trace.video_to_audio
    assert isinstance(last, CrossAttention)
    assert last.weights is trace.attention["video", "audio"][-1]
    assert last.video_times_s.shape == (3, 4) and last.audio_times_s.shape == (3, 10)
    assert small_group("audio_queries")(random_batch()).trace.video_to_audio is None
    assert small_group("late")(random_batch()).trace.video_to_audio is None
