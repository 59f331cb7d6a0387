"""Which arithmetic is used where: bf16 for large models on machines that have it."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from emo_core.models import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("feature", ["avx512_bf16", "amx_bf16", None])
def test_either_instruction_set_is_enough(monkeypatch, feature):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {feature: True, "avx2": True})
    assert precision.bf16_is_fast(CPU) is (feature is not None)


@pytest.mark.parametrize(
    ("card", "major", "minor", "native"),
    [
        ("GTX 1080", 6, 1, False),
        ("V100", 7, 0, False),
        ("T4", 7, 5, False),
        ("A100", 8, 0, True),
        ("H100", 9, 0, True),
    ],
)
def test_a_graphics_card_without_bf16_gets_none(monkeypatch, card, major, minor, native):
    """PyTorch itself is asked; only what the driver would say is stubbed."""
    properties = SimpleNamespace(name=card, major=major, minor=minor)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert torch.cuda.is_bf16_supported()  # with emulation, on any card
    assert precision.bf16_is_fast(torch.device("cuda")) is native


@pytest.mark.parametrize("enabled", [True, False])
def test_weights_stay_float32(enabled):
    layer, x = nn.Linear(8, 4), torch.randn(3, 8)
    with precision.autocast(CPU, enabled):
        found = layer(x)
    assert found.dtype == (torch.bfloat16 if enabled else torch.float32)
    assert layer.weight.dtype == torch.float32
    torch.testing.assert_close(found.float(), x @ layer.weight.T + layer.bias, atol=0.03, rtol=0.03)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("more", [0, 1])
def test_only_a_large_model_gets_bf16_and_only_where_it_is_fast(monkeypatch, more, fast):
    model = nn.Linear(8, 4)
    monkeypatch.setattr(precision, "LARGE", 8 * 4 + 4 - more)
    monkeypatch.setattr(precision, "bf16_is_fast", lambda device: fast)
    with precision.for_inference(model, CPU):
        found = model(torch.ones(1, 8))
    assert (found.dtype == torch.bfloat16) is (bool(more) and fast)
