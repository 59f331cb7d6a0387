"""Methods that follow gradients: saliency, integrated gradients, Grad-CAM."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.types import AttributionError, Preset
from emo_core.models.layers.joint_transformer import split_mel_into_steps
from emo_core.models.layers.vgg import CHUNK

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
    """The last map of each tower, weighted by its gradient (Selvaraju et al. 2017), signed."""
    from captum.attr import LayerGradCam

    layers: dict[str, nn.Module] = getattr(question.model, "cam_layers", dict)()
    if not layers:
        raise AttributionError(
            f"{question.checkpoint.name} names no layers for Grad-CAM; expected `cam_layers()`; "
            "choose another method."
        )
    maps = {}
    for tower, layer in layers.items():
        name = next((n for n in question.names if n in INPUT_OF[tower]), None)
        if name is None:
            continue
        inputs = tuple(x.clone().requires_grad_() for x in question.inputs)
        cam = LayerGradCam(question, layer).attribute(inputs).detach()
        maps[name] = _heard(question, cam) if name == "mel" else _seen(question, name, cam)
    return maps


def _named(question: ForwardFunction, maps: tuple[Tensor, ...]) -> Maps:
    return {name: x[0].detach() for name, x in zip(question.names, maps, strict=True)}


def _seen(question: ForwardFunction, name: str, cam: Tensor) -> Tensor:
    """Maps of frames (n, 1, h, w), or of pieces of film (n, 1, t, h, w), in the input's shape."""
    shape = getattr(question.sample, name).shape
    size = shape[-2:]
    if cam.ndim == 5:
        large = functional.interpolate(
            cam, (shape[0] // len(cam), *size), mode="trilinear", align_corners=False
        )
        frames = large.transpose(1, 2).flatten(0, 1)  # (T, 1, h, w)
    else:
        frames = functional.interpolate(cam, size, mode="bilinear", align_corners=False)
    if name == "video":
        return frames.expand(shape)
    mask = question.sample.face_mask.to(cam.device)
    if len(frames) == shape[0]:  # every step was read
        return (frames.unsqueeze(1) * mask[..., None, None, None]).expand(shape)
    first = mask & (mask.cumsum(-1) == 1)  # of each frame the first face was read, where kept
    first &= _kept(question, "video", mask.any(-1)).unsqueeze(-1)
    placed = cam.new_zeros(*shape[:2], 1, *size)
    placed[first] = frames
    return placed.expand(shape)


def _heard(question: ForwardFunction, cam: Tensor) -> Tensor:
    """Maps (n, 1, ., .) of the whole sound, of its steps, or of its chunks -> (F, M)."""
    frames, bands = question.sample.mel.shape
    model = question.checkpoint.model_name
    if model in ("mesm", "fe2e"):
        return _from_chunks(question, cam, frames, bands)
    if len(cam) == 1:
        return functional.interpolate(cam, (frames, bands), mode="bilinear", align_corners=False)[
            0, 0
        ]
    batch, steps = question.batch, len(cam)
    number = torch.arange(frames, device=cam.device).view(1, -1, 1)
    places = split_mel_into_steps(number, batch.mel_mask, batch.mel_times_s, steps).values.flatten()
    large = functional.interpolate(
        cam, (frames // steps, bands), mode="bilinear", align_corners=False
    )
    placed = cam.new_zeros(frames, bands)
    placed[places] = large.flatten(0, 2)
    return placed


def _from_chunks(question: ForwardFunction, cam: Tensor, frames: int, bands: int) -> Tensor:
    large = functional.interpolate(cam, (bands, CHUNK), mode="bilinear", align_corners=False)
    mask = functional.pad(question.batch.mel_mask[0], (0, -frames % CHUNK))
    kept = _kept(question, "audio", mask.unflatten(0, (-1, CHUNK)).any(-1))
    placed = cam.new_zeros(len(kept), CHUNK, bands)
    placed[kept] = large[:, 0].transpose(1, 2)
    return placed.flatten(0, 1)[:frames] * question.batch.mel_mask[0].unsqueeze(-1)


def _kept(question: ForwardFunction, tower: str, real: Tensor) -> Tensor:
    """Which pictures a tower computed: the real ones, or those that the text chose."""
    if getattr(question.checkpoint.settings, "mode", None) != "structured":
        return real
    with torch.no_grad():
        return question.model(question.batch).trace[f"kept_{tower} (B, T)"][0]
