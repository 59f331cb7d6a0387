"""Backbones of other projects, through their libraries' own classes: sizes, licences, weights.

Each is built from the settings here, without any file. Its weights come from the hub's cache
folder, or are fetched once, by the revision that is pinned here.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.errors import EmoError
from emo_core.io.environment import offline
from emo_core.messages import say

LAYER = re.compile(r"(?:^|\.)(?:layers?|blocks|features)\.(\d+)\.")  # of a parameter's name
SHA256 = re.compile(r"[0-9a-f]{64}")  # as the hub's cache names a large file


class BackboneError(EmoError):
    """A published backbone that can't be had, or can't read what it is given."""


@dataclass(frozen=True)
class PublishedBackbone:
    """One backbone of transformers. Weights without a repository are random: to try things out."""

    model: str  # class of transformers
    settings: Mapping[str, Any]  # of its configuration class
    repository: str = ""
    revision: str = ""  # commit of the repository
    licence: str = ""  # SPDX, of the weights
    lora: tuple[str, ...] = ()  # linear layers that take low-rank adapters
    reads: Mapping[str, Any] = field(default_factory=dict)  # how its input is prepared


OPENAI = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
INCEPTION = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
# SpecAugment and LayerDrop draw from numpy's global numbers: a resumed run would draw others.
FIXED = {"layerdrop": 0.0, "apply_spec_augment": False}
TINY_WAVE = {
    **TINY,
    **FIXED,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
CLIP_B = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "patch_size": 16,
    "image_size": 224,
    "hidden_act": "gelu",  # OpenAI's own have quick_gelu
}
CLIP_L = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 224,
    "hidden_act": "gelu",
}
WAVLM_L = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}
# The card of the weights points to this one, the code's repository to MIT (microsoft/unilm#1757).
WAVLM_LICENCE = "CC-BY-SA-3.0"
QV = ("q_proj", "v_proj")
# WavLM's attention takes the weights out of its projections, so adapters there would do nothing
FEED_FORWARD = ("intermediate_dense", "output_dense")
BACKBONES = {
    "clip_vit_b_16": PublishedBackbone(
        "CLIPVisionModel",
        CLIP_B,
        "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
        "7288da5a0d6f0b51c4a2b27c624837a9236d0112",
        "MIT",
        QV,
        OPENAI,
    ),
    "clip_vit_l_14": PublishedBackbone(
        "CLIPVisionModel",
        CLIP_L,
        "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
        "1627032197142fbe2a7cfec626f4ced3ae60d07a",
        "MIT",
        QV,
        INCEPTION,  # not OpenAI's: timm states it, the repository's own file for transformers not
    ),
    "siglip2_base": PublishedBackbone(
        "SiglipVisionModel",
        {**CLIP_B, "hidden_act": "gelu_pytorch_tanh"},
        "google/siglip2-base-patch16-224",
        "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
        "Apache-2.0",
        QV,
        INCEPTION,
    ),
    "dinov2_base": PublishedBackbone(
        "Dinov2Model",
        {
            "hidden_size": 768,
            "mlp_ratio": 4,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "patch_size": 14,
            "image_size": 518,
        },
        "facebook/dinov2-base",
        "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        "Apache-2.0",
        QV,
        {**IMAGENET, "side": 224},  # positions are interpolated from 518 pixels
    ),
    "wavlm_base_plus": PublishedBackbone(
        "WavLMModel",
        FIXED,
        "microsoft/wavlm-base-plus",
        "4c66d4806a428f2e922ccfa1a962776e232d487b",
        WAVLM_LICENCE,
        FEED_FORWARD,
        {"normalised": False},
    ),
    "wavlm_large": PublishedBackbone(
        "WavLMModel",
        {**WAVLM_L, **FIXED},
        "microsoft/wavlm-large",
        "c1423ed94bb01d80a3f5ce5bc39f6026a0f4828c",
        WAVLM_LICENCE,
        FEED_FORWARD,
        {"normalised": True},
    ),
    "hubert_base": PublishedBackbone(
        "HubertModel",
        FIXED,
        "facebook/hubert-base-ls960",
        "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        "Apache-2.0",
        QV,
        {"normalised": True},
    ),
    "ast": PublishedBackbone(
        "ASTModel",
        {},
        "MIT/ast-finetuned-audioset-10-10-0.4593",
        "f826b80d28226b62986cc218e5cec390b1096902",
        "BSD-3-Clause",
        QV,
    ),
    "clip_tiny": PublishedBackbone(
        "CLIPVisionModel", {**TINY, "patch_size": 8, "image_size": 32}, lora=QV, reads=OPENAI
    ),
    "siglip2_tiny": PublishedBackbone(
        "SiglipVisionModel", {**TINY, "patch_size": 8, "image_size": 32}, lora=QV, reads=INCEPTION
    ),
    "dinov2_tiny": PublishedBackbone(
        "Dinov2Model",
        {**TINY, "mlp_ratio": 2, "patch_size": 8, "image_size": 56},
        lora=QV,
        reads={**IMAGENET, "side": 32},
    ),
    "wavlm_tiny": PublishedBackbone(
        "WavLMModel", TINY_WAVE, lora=FEED_FORWARD, reads={"normalised": False}
    ),
    "hubert_tiny": PublishedBackbone("HubertModel", TINY_WAVE, lora=QV, reads={"normalised": True}),
    "ast_tiny": PublishedBackbone("ASTModel", {**TINY, "max_length": 512}, lora=QV),
}
DECISIVE = (  # of a configuration: another value is another backbone
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "patch_size",
    "image_size",
    "hidden_act",
    "max_length",
    "num_mel_bins",
    "feat_extract_norm",
    "do_stable_layer_norm",
)


def make_backbone(name: str, pretrained: bool, lora_rank: int = 0) -> Any:
    """The model of transformers called `name`, of random or of its published weights.

    lora_rank: of adapters that learn in its place; 0 = none. Raises BackboneError.
    """
    import transformers  # takes seconds

    known = BACKBONES[name]
    kind = getattr(transformers, known.model)
    config = kind.config_class(**known.settings)
    model = (
        published_model(known, kind, config) if pretrained and known.repository else kind(config)
    )
    for part, parameter in model.named_parameters():
        if part in ("masked_spec_embed", "embeddings.mask_token"):  # of pre-training only
            parameter.requires_grad_(False)
    return add_adapters(model, lora_rank, known.lora) if lora_rank else model


def load_errors() -> tuple[type[Exception], ...]:
    """What transformers raises of files that are missing, damaged or of another model."""
    from safetensors import SafetensorError

    ours = (OSError, ValueError, RuntimeError, KeyError, EOFError)
    return (*ours, UnpicklingError, SafetensorError)


def published_model(known: PublishedBackbone, kind: Any, config: Any) -> Any:
    """A model with its published weights; raises BackboneError where they can't be had."""
    from transformers import AutoConfig

    where = {"revision": known.revision, "local_files_only": offline()}
    try:
        _refuse_other_sizes(known, config, AutoConfig.from_pretrained(known.repository, **where))
        model, report = kind.from_pretrained(
            known.repository, config=config, output_loading_info=True, dtype=torch.float32, **where
        )
    except load_errors() as error:
        raise _cannot_be_had(known, error) from error
    _refuse_damaged(known, model, report["missing_keys"])
    return model


def _refuse_other_sizes(known: PublishedBackbone, ours: Any, theirs: Any) -> None:
    """Raise BackboneError where a repository's configuration is of another backbone."""
    theirs = getattr(theirs, "vision_config", theirs)
    for name in DECISIVE:
        expected, found = getattr(ours, name, None), getattr(theirs, name, None)
        if expected != found:
            raise BackboneError(
                "{repository} at revision {revision} has {name} {found}, expected {expected}; take "
                "the weights that belong to this backbone.",
                repository=known.repository,
                revision=known.revision[:8],
                name=name,
                found=found,
                expected=expected,
            )


def _cannot_be_had(known: PublishedBackbone, error: Exception) -> BackboneError:
    """Why weights can't be loaded, as far as the hub's cache folder tells."""
    there = [path.name[:8] for path in _snapshots(known.repository) if any(path.iterdir())]
    revision = known.revision[:8]
    if revision in there:
        why = " ".join(str(error).split())[:120].rstrip(".")
        return BackboneError(
            "the weights of {repository} at revision {revision} can't be read ({kind}: {why}); "
            "expected whole files; delete them from the hub's cache folder and fetch them again.",
            repository=known.repository,
            revision=revision,
            kind=type(error).__name__,
            why=why,
        )
    nothing = say("nothing of it is there")
    found = say("it has revision {there}", there=", ".join(there)) if there else nothing
    return BackboneError(
        "the weights of {repository} at revision {revision} can't be had: they are not in the "
        "hub's cache folder ({found}); fetch them once online, or set pretrained=false to start "
        "from random weights.",
        repository=known.repository,
        revision=revision,
        found=found,
    )


def hub_file(url: str, name: str = "", md5: str = "") -> Path:
    """The file of an address, fetched where it is not there yet and the network is allowed.

    name: of the file; "" = as in the address, which states the beginning of its SHA-256 as
    torchvision's do. md5: where the publisher states that instead. Raises BackboneError.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / (name or url.rpartition("/")[2])
    stated, kind = (md5, "MD5") if md5 else (path.stem.rpartition("-")[2], "SHA-256")
    try:
        if not path.is_file() and not offline():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), None if md5 else stated, progress=False)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, kind.lower().replace("-", "")).hexdigest()
    except (OSError, RuntimeError) as error:
        raise BackboneError(
            "the weights {file} can't be had ({why}): they are not in torch's hub folder; fetch "
            "them once online, or set pretrained=false to start from random weights.",
            file=path.name,
            why=type(error).__name__,
        ) from error
    if not found.startswith(stated):
        raise BackboneError(
            "{file} has {kind} {found}, expected {expected}; delete it from torch's hub folder and "
            "fetch it again.",
            file=path.name,
            kind=kind,
            found=found[:12],
            expected=stated[:12],
        )
    return path


def _snapshots(repository: str) -> list[Path]:
    """Folders of the revisions of a repository in the hub's cache folder."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    return sorted((folder / "snapshots").glob("*"))


def _refuse_damaged(known: PublishedBackbone, model: nn.Module, missing: Sequence[str]) -> None:
    """Raise BackboneError for weights that are incomplete, changed, or no numbers.

    The library would put random numbers in the place of what is missing.
    """
    if missing:
        names = ", ".join(sorted(missing)[:3])
        raise BackboneError(
            "{repository} lacks {count} weights of this backbone ({names}); expected all of them; "
            "take the revision that is pinned.",
            repository=known.repository,
            count=len(missing),
            names=names,
        )
    for folder in _snapshots(known.repository):
        for path in folder.glob("*") if folder.name == known.revision else ():
            blob = path.resolve()
            if not SHA256.fullmatch(blob.name):  # small files are named otherwise
                continue
            with blob.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != blob.name:
                raise BackboneError(
                    "{file} of {repository} has SHA-256 {found}, expected {expected}; delete it "
                    "from the hub's cache folder and fetch it again.",
                    file=path.name,
                    repository=known.repository,
                    found=found[:12],
                    expected=blob.name[:12],
                )
    if not all(bool(value.isfinite().all()) for value in model.state_dict().values()):
        raise BackboneError(
            "{repository} holds weights that are not finite; expected numbers; delete it from the "
            "hub's cache folder and fetch it again.",
            repository=known.repository,
        )


def add_adapters(model: nn.Module, rank: int, layers: Sequence[str]) -> nn.Module:
    """Low-rank adapters (Hu et al. 2021) in a model's layers, in place; only they learn.

    Raises BackboneError where the package peft is missing.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model  # takes seconds
    except ImportError as error:
        raise BackboneError(
            "lora_rank is {rank}, which needs the package peft; it is not installed; install the "
            "extra lora, or set lora_rank=0.",
            rank=rank,
        ) from error
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(layers))
    return inject_adapter_in_model(config, model)


def layer_of(name: str, layers: int) -> int:
    """Which layer a parameter is of: 0 = before the first, 1 to `layers`, then what follows."""
    found = LAYER.search(name)
    if found:
        return int(found[1]) + 1
    begins = ("embed", "pre_lay", "feature_", "conv_proj", "pos_", "patch_", "encoder.pos_")
    return 0 if name.removeprefix("model.").startswith((*begins, "masked")) else layers + 1


def checkpoint_activations(model: Any) -> None:
    """Compute a model's layers again in the backward pass instead of keeping what they found."""
    name = "activation_checkpointing_enable"  # newer than our lower bound of transformers
    enable = getattr(model, name, None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def refuse_size(name: str, frames: Tensor, height: int, width: int, resize_mode: str) -> None:
    """Raise BackboneError unless frames (..., H, W) have the size that a backbone reads."""
    if tuple(frames.shape[-2:]) != (height, width):
        raise BackboneError(
            "frames are {wide} x {high} pixels; {name} reads {width} x {height}; give --set "
            "sample.width={width} --set sample.height={height} --set resize_mode={resize_mode}.",
            wide=frames.shape[-1],
            high=frames.shape[-2],
            name=name,
            width=width,
            height=height,
            resize_mode=resize_mode,
        )
