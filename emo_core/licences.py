"""Licences of a checkpoint: of its own weights, and of the weights of other projects it rests on.

The licences themselves stand where the weights do: DATA.md (`## Licence`) beside a checkpoint,
`emo_core.io.shipped_weights` for the others. What they allow: docs/licences.md.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from emo_core.checkpoint import Checkpoint, frozen_encoders
from emo_core.faces.detection import YUNET
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.models.layers.backbones import Cnn14, R2Plus1D, SpectrogramResNet18
from emo_core.models.layers.expression import SHIPPED as EXPRESSION
from emo_core.models.layers.expression import ExpressionNet
from emo_core.models.layers.frame_encoders import FILM_BACKBONES
from emo_core.models.layers.published import BACKBONES
from emo_core.models.layers.text_encoders import Albert, HubText
from emo_core.models.layers.whisper import SHIPPED as WHISPER
from emo_core.models.layers.whisper import WhisperEncoder

SPDX = {  # how the text under `## Licence` begins -> identifier
    "MIT": "MIT",
    "CC0 1.0": "CC0-1.0",
    "CC BY 4.0": "CC-BY-4.0",
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "CC BY-NC 4.0": "CC-BY-NC-4.0",
    "CC BY-NC-SA 4.0": "CC-BY-NC-SA-4.0",
}
OTHER, NOT_STATED = "LicenseRef-see-card", "LicenseRef-not-stated"
ENCODERS: dict[str, type[nn.Module]] = {EXPRESSION: ExpressionNet, WHISPER: WhisperEncoder}

PUBLISHED: dict[type[nn.Module], tuple[str, str]] = {  # licence of the weights, where they are from
    R2Plus1D: ("BSD-3-Clause", "torchvision's R(2+1)D-18 of Kinetics-400"),
    SpectrogramResNet18: ("BSD-3-Clause", "torchvision's ResNet-18 of ImageNet"),
    Cnn14: ("CC-BY-4.0", "CNN14 of PANNs, AudioSet (Zenodo 3987831)"),
    Albert: ("Apache-2.0", "albert-base-v2"),
}


@dataclass(frozen=True)
class ComponentLicence:
    """One part of a model and its licence."""

    component: str  # module, or what the part is for
    parameters: int  # 0 = not in the model: the face detector
    licence: str  # SPDX expression
    about: str
    sha256: str = ""  # of the shipped file that is not in the checkpoint


def stated_licence(checkpoint: Checkpoint) -> str:
    """SPDX identifier of a checkpoint's own weights, as its DATA.md states it."""
    return spdx_of((checkpoint.training.get("data_statement") or {}).get("licence", ""))


def spdx_of(text: str) -> str:
    """SPDX identifier of a text under `## Licence`."""
    text = text.strip()
    if not text:
        return NOT_STATED
    known = [name for name in SPDX if text.startswith(name)]
    return SPDX[max(known, key=len)] if known else OTHER


def component_licences(checkpoint: Checkpoint) -> tuple[ComponentLicence, ...]:
    """Own weights by module, then frozen encoders, then the face detector where it is used."""
    frozen, own = frozen_encoders(checkpoint.model), stated_licence(checkpoint)
    parts = [
        ComponentLicence(name, count, own, "own weights")
        for name, child in checkpoint.model.named_children()
        if (count := _count(child, name, tuple(frozen)))
    ]
    for prefix, name in frozen.items():
        module = checkpoint.model.get_submodule(prefix.rstrip("."))
        parts.append(_shipped(prefix.rstrip("."), name, _count(module)))
    for name in sorted(_learned(checkpoint.model) - set(frozen.values())):
        shipped = SHIPPED_WEIGHTS[name]
        parts.append(ComponentLicence("learned further", 0, shipped.licence, shipped.origin))
    for name, began in checkpoint.training.get("published_weights", {}).items():
        parts.append(
            ComponentLicence(f"{name}, at its start", 0, began["licence"], began["origin"])
        )
    if checkpoint.sample.people:
        parts.append(_shipped("finding faces", YUNET, 0))
    return tuple(parts)


def published_weights(model: nn.Module, settings: Any) -> dict[str, dict[str, str]]:
    """Licence and origin of the published weights that an untrained model has, by module."""
    found = {}
    for name, module in model.named_modules():
        own = str(getattr(module, "name", ""))
        if known := BACKBONES.get(own):
            licence, origin = known.licence, f"{known.repository} at {known.revision[:8]}"
        elif film := FILM_BACKBONES.get(own):
            licence, origin = film.licence, film.repository
        elif isinstance(module, HubText):
            licence, origin = NOT_STATED, module.name
        else:
            licence, origin = PUBLISHED.get(type(module), ("", ""))
        if licence and getattr(settings, "pretrained", False):
            found[name] = {"licence": licence, "origin": origin}
    return found


def licence_expression(checkpoint: Checkpoint) -> str:
    """SPDX expression of all parts together, that of the own weights first.

    Weights that started from another checkpoint carry its licence as well.
    """
    found = [one for part in component_licences(checkpoint) for one in part.licence.split(" AND ")]
    origin = checkpoint.training.get("started_from")
    own = [stated_licence(checkpoint), *([spdx_of(origin["licence"])] if origin else [])]
    return " AND ".join(dict.fromkeys([*own, *found]))


def _count(module: nn.Module, name: str = "", without: tuple[str, ...] = ()) -> int:
    """Parameters of a module but for those whose names begin so."""
    return sum(
        parameter.numel()
        for key, parameter in module.named_parameters(name)
        if not (without and key.startswith(without))
    )


def _learned(model: nn.Module) -> set[str]:
    """Shipped encoders that are in a model; Whisper of the hub is not one of them."""
    modules = list(model.modules())
    found = {n for n, kind in ENCODERS.items() if any(isinstance(m, kind) for m in modules)}
    hub = "/" in str(getattr(getattr(model, "config", None), "speech", ""))
    return found - {WHISPER} if hub else found


def _shipped(component: str, name: str, parameters: int) -> ComponentLicence:
    weights = SHIPPED_WEIGHTS[name]
    return ComponentLicence(component, parameters, weights.licence, weights.origin, weights.sha256)
