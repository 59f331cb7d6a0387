"""Weights of other projects that come with the package, each known by its SHA-256."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from emo_core.errors import EmoError

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = Path(__file__).resolve().parents[1] / "weights"
SCALE, ZERO = ".scale", ".zero"  # names of what a stored whole number is multiplied by, then added


class WeightsError(EmoError):
    """Shipped weights that are missing or damaged."""


@dataclass(frozen=True)
class ShippedWeights:
    """One file of `emo_core/weights`; notices: THIRD_PARTY_NOTICES."""

    file: str
    sha256: str
    licence: str  # SPDX
    origin: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file


# Made by scripts/convert_encoders.py; the voice detectors by `python -m benchmarks voice_detector`.
SHIPPED_WEIGHTS = {
    "whisper-tiny-2": ShippedWeights(
        "whisper_tiny_2_blocks.safetensors",
        "b312f31085f46f452eeb0b777998c9edfdcceb3b9ed9be2b82e92aa23d0506ee",
        "BSD-2-Clause AND MIT",
        "first two encoder blocks of smart-turn v3.2 (Daily), a fine-tuned Whisper tiny (OpenAI)",
    ),
    "face-expression": ShippedWeights(
        "face_expression.safetensors",
        "a3c5d8f83e713b0ebf70921e422f8d66fd0978a7152f0d5293e1b9f2d49dc3e4",
        "MIT",
        "face expression model of face-api 1.7.15 (Vladimir Mandic); "
        "its training pictures are documented nowhere",
    ),
    "yunet-2026may": ShippedWeights(
        "face_detection_yunet_2026may.onnx",
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        "MIT",
        "face detector YuNet, May 2026 (Shiqi Yu and contributors), from OpenCV's model zoo",
    ),
    "voice-detector": ShippedWeights(
        "voice_detector.safetensors",
        "60d02f0028bee6a176fe9d96d54b1e31e67985d25c0e259f56172405f5623ec4",
        "MIT",
        "this project's regression on the encoder above, fitted to recordings that are free to use",
    ),
    "drawn-voice-detector": ShippedWeights(
        "drawn_voice_detector.safetensors",
        "376f129b0c198ae356a7e086cb07dfbaba2216264bac8b906c1ee4f8ffad1c68",
        "MIT",
        "the same, fitted to the sounds of drawn clips",
    ),
}


@lru_cache(maxsize=len(SHIPPED_WEIGHTS))
def shipped_weights(name: str) -> Path:
    """Path of shipped weights after a look at their SHA-256; raises WeightsError."""
    shipped = SHIPPED_WEIGHTS[name]
    try:
        found = hashlib.sha256(shipped.path.read_bytes()).hexdigest()
    except OSError:
        found = "no such file"
    if found != shipped.sha256:
        raise WeightsError(
            "emo_core/weights/{file} has SHA-256 {found}, expected {sha256}; install the package "
            "again.",
            file=shipped.file,
            found=found[:12],
            sha256=shipped.sha256[:12],
        )
    return shipped.path


def shipped_state(name: str) -> "dict[str, Tensor]":
    """A shipped encoder's state as float32; whole numbers are times their scale, plus their zero.

    Raises WeightsError.
    """
    from safetensors.torch import load_file

    stored = load_file(shipped_weights(name))
    state = {k: v for k, v in stored.items() if not k.endswith((SCALE, ZERO))}
    for key, value in state.items():
        if not value.dtype.is_floating_point:
            scale, zero = stored[key + SCALE], stored.get(key + ZERO)
            value = value.float() * scale.reshape(-1, *(1,) * (value.ndim - 1))
            value = value if zero is None else value + zero
        state[key] = value.float()
    return state
