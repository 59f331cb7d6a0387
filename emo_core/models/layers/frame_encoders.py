"""Published picture and film backbones as towers: a token a frame, or one every second frame.

Those of film are built by torchvision's classes. Their weights of Kinetics-400 come from torch's
hub folder, or are fetched once from torchvision's address, whose name states the beginning of their
SHA-256.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from emo_core.messages import say
from emo_core.models.layers.backbones import (
    at_strides,
    evenly,
    normalize_frames,
    of_groups,
    row_independent,
)
from emo_core.models.layers.cam import CellGrid
from emo_core.models.layers.published import (
    BACKBONES,
    IMAGENET,
    BackboneError,
    add_adapters,
    checkpoint_activations,
    hub_file,
    make_backbone,
    refuse_size,
)
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans, runs

FRAME_ENCODERS = tuple(n for n in BACKBONES if n.startswith(("clip", "siglip2", "dinov2")))
PREFIXES = {"CLIPVisionModel": 1, "SiglipVisionModel": 0, "Dinov2Model": 1}  # tokens before patches


class PatchMap(nn.Module):
    """The tokens of patches as a picture: what Grad-CAM takes for the last map."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, h * w, C) -> (n, C, h, w)."""
        side = int(tokens.shape[1] ** 0.5)
        return tokens.transpose(1, 2).unflatten(2, (side, -1))


class FrameEncoder(Backbone):
    """CLIP, SigLIP 2 or DINOv2 on every frame; its token is the library's pooled output.

    Frames come as the library's own processor would resize them (`resize_mode`).
    """

    def __init__(self, name: str, pretrained: bool = False, lora_rank: int = 0) -> None:
        super().__init__()
        known = BACKBONES[name]
        self.name, self.mean, self.std = name, known.reads["mean"], known.reads["std"]
        self.side = known.reads.get("side", known.settings["image_size"])
        self.model = make_backbone(name, pretrained, lora_rank)
        self.channels = known.settings["hidden_size"]
        self.patch, self.prefix = known.settings["patch_size"], PREFIXES[known.model]
        self.patches = PatchMap()
        encoder = self.model.encoder
        layers = encoder.layers if hasattr(encoder, "layers") else encoder.layer  # DINOv2's name
        self.layers = len(layers)
        layers[-1].register_forward_pre_hook(self._through_map)

    def extra_repr(self) -> str:
        return f"{self.name}, revision {BACKBONES[self.name].revision[:8] or 'none'}"

    def _through_map(self, layer: nn.Module, inputs: tuple) -> tuple:
        """What the last layer reads, patches through the map: only its first token goes on."""
        tokens, *rest = inputs
        first, patches = tokens[:, : self.prefix], tokens[:, self.prefix :]
        return (torch.cat([first, self.patches(patches).flatten(2).transpose(1, 2)], 1), *rest)

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(video.flatten(0, 1), mask.flatten())  # (B*T, C)
        spans = TokenSpans.of(times_s, runs(mask.shape[1], 1))
        return Tokens(values.unflatten(0, video.shape[:2]), mask, times_s, spans=spans)

    @row_independent
    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(n, 3, H, W), (n,) -> (n, C)."""
        refuse_size(self.name, frames, self.side, self.side, self.name.split("_")[0])
        shown = normalize_frames(frames, mask, self.mean, self.std)
        return self.model(pixel_values=shown).pooler_output

    def checkpoint_activations(self) -> None:
        """Compute its layers once more in the backward pass instead of keeping what they found."""
        checkpoint_activations(self.model)

    @property
    def cam_layer(self) -> nn.Module:
        return self.patches

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid.of_pooling(self.patch), CellGrid.of_pooling(self.patch)


@dataclass(frozen=True)
class FilmBackbone:
    """One film backbone of torchvision. Without a name of weights they are random."""

    model: str  # function or class of torchvision.models.video
    channels: int
    reads: Mapping[str, tuple[float, ...]]  # mean and std of its input's colours
    lora: tuple[str, ...]  # linear layers that take low-rank adapters
    frames: int = 0  # that it reads; 0 = any even number
    side: int = 224  # pixels
    stride: int = 32  # pixels between two cells of its last map
    weights: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""  # SPDX, of the weights

    @property
    def repository(self) -> str:
        """Where the weights are from, for people."""
        return f"torchvision's {self.weights}"


FORTY_FIVE = {"mean": (0.45, 0.45, 0.45), "std": (0.225, 0.225, 0.225)}
HEADS, WIDTHS, POOLED = (1, 2), (16, 32), ([1, 1, 1], [1, 2, 2])  # of the tiny MViT's two blocks
TINY_MVIT = {
    "spatial_size": (32, 32),
    "temporal_size": 8,
    "block_setting": [
        {
            "num_heads": heads,
            "input_channels": 16,
            "output_channels": width,
            "kernel_q": [3, 3, 3],
            "kernel_kv": [3, 3, 3],
            "stride_q": pooled,
            "stride_kv": [1, 2, 2],
        }
        for heads, width, pooled in zip(HEADS, WIDTHS, POOLED, strict=True)
    ],
    "residual_pool": True,
    "residual_with_cls_embed": False,
    "rel_pos_embed": True,
    "proj_after_attn": True,
}
TINY_SWIN = {
    "patch_size": [2, 4, 4],
    "embed_dim": 16,
    "depths": [2, 1],
    "num_heads": [1, 2],
    "window_size": [4, 4, 4],
}
# Swin's attention takes the weights out of its projections, so adapters there would do nothing
FEED_FORWARD = ("mlp.0", "mlp.3")
FILM_BACKBONES = {
    "mvit_v2_s": FilmBackbone(
        "mvit_v2_s",
        768,
        FORTY_FIVE,
        lora=("qkv",),
        frames=16,
        weights="MViT_V2_S_Weights.KINETICS400_V1",
        licence="BSD-3-Clause",
    ),
    "swin3d_t": FilmBackbone(
        "swin3d_t",
        768,
        IMAGENET,
        lora=FEED_FORWARD,
        weights="Swin3D_T_Weights.KINETICS400_V1",
        licence="BSD-3-Clause",
    ),
    "mvit_tiny": FilmBackbone(
        "MViT", 32, FORTY_FIVE, lora=("qkv",), frames=8, side=32, stride=8, settings=TINY_MVIT
    ),
    "swin3d_tiny": FilmBackbone(
        "SwinTransformer3d",
        32,
        IMAGENET,
        lora=FEED_FORWARD,
        side=32,
        stride=8,
        settings=TINY_SWIN,
    ),
}
FILM_ENCODERS = tuple(FILM_BACKBONES)


def build_film_model(known: FilmBackbone) -> Any:
    """torchvision's whole model, its classes included, with random weights."""
    from torchvision.models import video  # takes seconds
    from torchvision.models.video.mvit import MSBlockConfig

    settings = dict(known.settings)
    if blocks := settings.get("block_setting"):
        settings["block_setting"] = [MSBlockConfig(**block) for block in blocks]
    return getattr(video, known.model)(**settings)


def make_film_backbone(name: str, pretrained: bool, lora_rank: int = 0) -> Any:
    """torchvision's model called `name` without its classes; raises BackboneError."""
    known = FILM_BACKBONES[name]
    model = build_film_model(known)
    if pretrained and known.weights:
        model.load_state_dict(film_weights(known, model.state_dict()))
    model.head = nn.Identity()
    return add_adapters(model, lora_rank, known.lora) if lora_rank else model


def weights_url(known: FilmBackbone) -> str:
    """torchvision's address of a backbone's weights."""
    from torchvision.models import get_weight

    return get_weight(known.weights).url


def film_weights(known: FilmBackbone, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A backbone's published state; raises BackboneError where it can't be had or is another's."""
    path = hub_file(weights_url(known))
    state = torch.load(path, map_location="cpu", weights_only=True)
    different = {n for n in wanted.keys() | state.keys() if _shape(wanted, n) != _shape(state, n)}
    if different or not all(bool(value.isfinite().all()) for value in state.values()):
        raise BackboneError(
            "{file} does not fit {model} ({names}); expected finite weights of this backbone; "
            "delete it from torch's hub folder and fetch it again.",
            file=path.name,
            model=known.model,
            names=", ".join(sorted(different)[:3]) or say("not finite"),
        )
    return state


def _shape(state: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None


class FilmMap(nn.Module):
    """The last map as it is: what Grad-CAM looks at."""

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, t, h, w), unchanged."""
        return maps


class FilmEncoder(Backbone):
    """A film backbone's last map after its norm, averaged over each step's places: one token.

    Frames come as torchvision's own preset would resize them (`resize_mode` kinetics).
    """

    def __init__(self, name: str, pretrained: bool = False, lora_rank: int = 0) -> None:
        super().__init__()
        self.name, self.known = name, FILM_BACKBONES[name]
        self.model = make_film_backbone(name, pretrained, lora_rank)
        self.channels = self.known.channels
        self.maps = FilmMap()

    def extra_repr(self) -> str:
        return f"{self.name}, {self.known.weights or 'no weights'}"

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        self._refuse(video)
        maps = self.read(video, mask)  # (B, C, t, h, w)
        count = maps.shape[2]
        seen, first = self.steps(mask, times_s, count)
        spans = TokenSpans.of(seen[1], runs(count, 2, first, mask.shape[1]))
        stated = evenly(mask, times_s, count) if self.even_times else seen
        return Tokens(maps.mean((3, 4)).transpose(1, 2), *stated, spans=spans)

    def _refuse(self, video: Tensor) -> None:
        """Raise BackboneError unless frames (B, T, 3, H, W) are those that the backbone reads."""
        count, wanted = video.shape[1], self.known.frames
        refuse_size(self.name, video, self.known.side, self.known.side, "kinetics")
        if wanted and count != wanted or count % 2:
            raise BackboneError(
                "there are {count} frames; {name} reads {wanted}; give --set "
                "sample.frames={usable}.",
                count=count,
                name=self.name,
                wanted=wanted or say("an even number"),
                usable=wanted or count + 1,
            )

    @row_independent
    def read(self, video: Tensor, mask: Tensor) -> Tensor:
        """(B, T, 3, H, W), (B, T) -> (B, C, T / 2, h, w)."""
        shown = normalize_frames(video, mask, self.known.reads["mean"], self.known.reads["std"])
        return self.maps(self.read_film(shown.transpose(1, 2)))

    def read_film(self, film: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C, T / 2, h, w), as torchvision's forward up to its pooling."""
        raise NotImplementedError

    def steps(self, mask: Tensor, times_s: Tensor, count: int) -> tuple[tuple[Tensor, Tensor], int]:
        """Mask and times (B, count) of the steps, and the first frame that the first one is of."""
        raise NotImplementedError

    def blocks(self) -> list[nn.Module]:
        """The blocks of the transformer, in order."""
        raise NotImplementedError

    @property
    def layers(self) -> int:
        """How many layers its parameters' names count."""
        numbered = getattr(self.model, "blocks", None) or self.model.features
        return len(numbered)

    def checkpoint_activations(self) -> None:
        """Compute its blocks once more in the backward pass instead of keeping what they found."""
        for block in self.blocks():
            forward: Callable = partial(checkpoint, block.forward, use_reentrant=False)
            block.forward = forward

    @property
    def cam_layer(self) -> nn.Module:
        return self.maps


class MViTEncoder(FilmEncoder):
    """MViTv2 (Li et al. 2022): every place looks at every other; the class token is not read."""

    def read_film(self, film: Tensor) -> Tensor:
        model = self.model
        tokens = model.pos_encoding(model.conv_proj(film).flatten(2).transpose(1, 2))
        size = (model.pos_encoding.temporal_size, *model.pos_encoding.spatial_size)
        for block in model.blocks:
            tokens, size = block(tokens, size)
        return model.norm(tokens)[:, 1:].transpose(1, 2).unflatten(2, size)

    def steps(self, mask: Tensor, times_s: Tensor, count: int) -> tuple[tuple[Tensor, Tensor], int]:
        return at_strides(mask, times_s, count, 2), -1  # a convolution centred on frame 2i

    def blocks(self) -> list[nn.Module]:
        return list(self.model.blocks)

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        stride = self.known.stride
        return CellGrid(2), CellGrid(stride), CellGrid(stride)


class Swin3DEncoder(FilmEncoder):
    """Video Swin (Liu et al. 2022): places look at others in shifted windows of the film."""

    def read_film(self, film: Tensor) -> Tensor:
        model = self.model
        maps = model.norm(model.features(model.pos_drop(model.patch_embed(film))))
        return maps.permute(0, 4, 1, 2, 3)

    def steps(self, mask: Tensor, times_s: Tensor, count: int) -> tuple[tuple[Tensor, Tensor], int]:
        return of_groups(mask, times_s, 2), 0  # two frames each

    def blocks(self) -> list[nn.Module]:
        stages = cast("list[nn.Module]", self.model.features)
        return [block for stage in stages if isinstance(stage, nn.Sequential) for block in stage]

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        pooled = CellGrid.of_pooling(self.known.stride)
        return CellGrid.of_pooling(2), pooled, pooled


def film_encoder(name: str, pretrained: bool = False, lora_rank: int = 0) -> FilmEncoder:
    """The tower's backbone called `name`, one of FILM_ENCODERS."""
    kind = MViTEncoder if name.startswith("mvit") else Swin3DEncoder
    return kind(name, pretrained, lora_rank)
