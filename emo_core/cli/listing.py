"""What there is: models with their sizes, recipes, corpora."""

from inspect import getdoc, getmodule

import torch

from emo_core.checkpoint import shipped_checkpoints
from emo_core.corpora import CORPORA
from emo_core.models import MODELS
from emo_core.training.recipes import RECIPES


def models() -> dict:
    """Every model in every size with its parameter counts; nothing is allocated."""
    rows = []
    for name, (model_class, _, sizes) in MODELS.items():
        for size, settings in sizes.items():
            with torch.device("meta"):
                model = model_class(settings)
            parts = {
                part: sum(p.numel() for p in child.parameters())
                for part, child in model.named_children()
            }
            total = sum(p.numel() for p in model.parameters())
            rows.append({"name": name, "size": size, "parameters": total, "parts": parts})
    return {"models": rows, "checkpoints": shipped_checkpoints()}


def recipes() -> dict:
    """Every recipe with what its docstring says."""
    return {
        "recipes": [
            {"name": name, "about": " ".join((make.__doc__ or "").split())}
            for name, make in RECIPES.items()
        ]
    }


def corpora() -> dict:
    """Names that --corpus takes, with what they are."""
    return {
        "corpora": [
            {"name": name, "about": (getdoc(getmodule(reader.read)) or "").split("\n")[0]}
            for name, reader in CORPORA.items()
        ]
    }


def methods() -> dict:
    """Ways to explain, with what each is and what it costs of the shipped model."""
    from emo_core.attribution.methods import METHODS, cost
    from emo_core.attribution.types import PRESETS
    from emo_core.inference.predict import load_cached

    checkpoint = load_cached()
    return {
        "methods": [
            {
                "name": name,
                "about": method.about,
                "forward_passes": {preset: cost(name, preset, checkpoint) for preset in PRESETS},
            }
            for name, method in METHODS.items()
        ]
    }


LISTS = {"models": models, "recipes": recipes, "corpora": corpora, "methods": methods}
