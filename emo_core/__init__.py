"""emo: end-to-end audio-visual emotion recognition, explained and checked.

Data flows one way:
file -> Clip -> Sample -> Batch -> Output -> Prediction -> Attribution -> figure.

Axes, in every shape comment: B batch, T frames, F mel frames, M mel bands, S sound samples,
N tokens, H heads (in pictures: height), W picture width, D width of a token, C classes.
Masks are bool and True where something is real. Times are seconds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emo_core.attribution.explain import explain
    from emo_core.attribution.types import ExplainRequest
    from emo_core.checkpoint import load_checkpoint as load_model
    from emo_core.clip import load_clip
    from emo_core.inference.predict import predict

__version__ = "0.2.0"  # as in pyproject.toml; the page also runs where nothing is installed
__all__ = ["ExplainRequest", "explain", "load_clip", "load_model", "predict"]
_HOMES = {  # public name -> (module, name there); imported at first use: torch takes seconds
    "ExplainRequest": ("emo_core.attribution.types", "ExplainRequest"),
    "explain": ("emo_core.attribution.explain", "explain"),
    "load_clip": ("emo_core.clip", "load_clip"),
    "load_model": ("emo_core.checkpoint", "load_checkpoint"),
    "predict": ("emo_core.inference.predict", "predict"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'emo_core' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
