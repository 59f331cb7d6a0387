"""Weights that a run takes from a checkpoint: backbones, or all but heads of other classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from emo_core.checkpoint import CheckpointError, load_checkpoint


def head_names(model: Any) -> set[str]:
    """Weights whose shape depends on the number of classes; none of a model without classes."""
    classes = getattr(model.config, "classes", 0)
    if not classes:
        return set()
    with torch.device("meta"):
        other = type(model)(replace(model.config, classes=classes + 1, pretrained=False))
    ours, theirs = model.state_dict(), other.state_dict()
    return {name for name, value in ours.items() if value.shape != theirs[name].shape}


def take_model(name: str, model: nn.Module, labels: Sequence[str]) -> set[str]:
    """Copy a checkpoint's weights into a model, in place; return the names of those left new.

    Heads are left new unless the checkpoint answers the same labels in the same order. Raises
    CheckpointError where another weight does not fit.
    """
    found = load_checkpoint(name)
    new = set() if tuple(found.labels) == tuple(labels) else head_names(model)
    ours, theirs = model.state_dict(), found.model.state_dict()
    wanted = ours.keys() - new
    unfit = sorted(k for k in wanted if k not in theirs or theirs[k].shape != ours[k].shape)
    if unfit:
        raise CheckpointError(
            "{count} weights of {name} do not fit this recipe's model, {unfit} first; expected "
            "the same model and settings; give --set init_scope=backbones, or --set "
            "init_checkpoint= to start from nothing.",
            count=len(unfit),
            name=name,
            unfit=unfit[0],
        )
    model.load_state_dict({key: theirs[key] for key in wanted}, strict=False)
    return new


def take_backbones(name: str, model: Any) -> None:
    """Copy the backbones of a checkpoint into a model, in place.

    Raises CheckpointError where they have other shapes.
    """
    found = load_checkpoint(name).model
    for stream in ("video", "audio"):
        if hasattr(model, stream) and hasattr(found, stream):
            try:
                state = getattr(found, stream).backbone.state_dict()
                getattr(model, stream).backbone.load_state_dict(state)
            except (RuntimeError, AttributeError) as error:
                raise CheckpointError(
                    "the {stream} backbone of {name} does not fit this recipe's; expected the "
                    "same kind and widths; give --set init_checkpoint= to start from nothing.",
                    stream=stream,
                    name=name,
                ) from error
