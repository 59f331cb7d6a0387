"""Which arithmetic to use where."""

from contextlib import AbstractContextManager

import torch
from torch import nn

LARGE = 10_000_000  # parameters; below this a forward takes milliseconds in float32 anyway


def model_device(model: nn.Module) -> torch.device:
    """Where a model's weights are; the CPU of one that has none."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def bf16_is_fast(device: torch.device) -> bool:
    """Whether bf16 arithmetic is native here: four times faster on video convolutions.

    Below compute capability 8 (T4, V100, RTX 20) PyTorch emulates it, slowly, and cuDNN has no
    convolution in it.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager:
    """bf16 where `enabled`; weights and logits stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def for_inference(model: nn.Module, device: torch.device) -> AbstractContextManager:
    """bf16 for large models where it is fast; small ones stay exact, the same on every machine."""
    large = sum(parameter.numel() for parameter in model.parameters()) > LARGE
    return autocast(device, large and bf16_is_fast(device))
