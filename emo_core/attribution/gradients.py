"""Methods that follow gradients: saliency, integrated gradients, Grad-CAM."""

from torch import Tensor, nn

from emo_core.attribution.feature_mask import real_of
from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.types import AttributionError, Preset
from emo_core.models.interface import SupportsGradCam
from emo_core.preprocess.trace import Trace

INPUT_OF = {"video": ("video", "faces"), "audio": ("mel",)}  # tower -> what it reads
Maps = dict[str, Tensor]


def saliency(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """Size of the gradient: where a small change would move the score most."""
    from captum.attr import Saliency

    inputs = tuple(x.clone().requires_grad_() for x in question.inputs)
    return _named(question, Saliency(question).attribute(inputs))


def integrated_gradients(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """Gradients summed on the way from nothing there to the window (Sundararajan et al. 2017)."""
    from captum.attr import IntegratedGradients

    maps = IntegratedGradients(question).attribute(
        question.inputs,
        question.baselines,
        n_steps=preset.steps,
        internal_batch_size=question.max_batch,
    )
    return _named(question, maps)


def grad_cam(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """The last map of each tower, weighted by its gradient (Selvaraju et al. 2017), signed.

    Cells stand where their fields are centred, not stretched over the input as published. A map is
    of everything that the tower read; what is behind a mask gets none of it.
    """
    model = question.model
    if not isinstance(model, SupportsGradCam):
        raise AttributionError(
            "{name} names no layers for Grad-CAM; expected `cam_layers()` and `cam_placement()`; "
            "choose another method.",
            name=question.checkpoint.name,
        )
    layers, maps = model.cam_layers(), {}
    if not layers:  # its towers are pretrained encoders
        raise AttributionError(
            "{name} has no convolutional towers of its own; expected some for Grad-CAM; choose "
            "another method, as integrated_gradients.",
            name=question.checkpoint.name,
        )
    for tower, layer in layers.items():
        name = next((n for n in question.names if n in INPUT_OF[tower]), None)
        if name is None:
            continue
        cam, trace = _cam(question, layer)
        placed = model.cam_placement(tower, cam, question.batch, trace)
        real = real_of(question, name, placed).to(placed.device)
        maps[name] = (placed * real).expand(getattr(question.sample, name).shape)
    return maps


def _cam(question: ForwardFunction, layer: nn.Module) -> tuple[Tensor, Trace]:
    """A layer's map (n, 1, ...), and the trace of the pass that it was made in."""
    from captum.attr import LayerGradCam

    traces: list[Trace] = []
    hook = question.model.register_forward_hook(lambda _, __, out: traces.append(out.trace))
    inputs = tuple(x.clone().requires_grad_() for x in question.inputs)
    try:
        cam = LayerGradCam(question, layer).attribute(inputs).detach()
    finally:
        hook.remove()
    return cam, traces[-1]


def _named(question: ForwardFunction, maps: tuple[Tensor, ...]) -> Maps:
    return {name: x[0].detach() for name, x in zip(question.names, maps, strict=True)}
