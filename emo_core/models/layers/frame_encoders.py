"""Published picture and film backbones as towers: a token a frame, or one every second frame."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emo_core.models.layers.backbones import normalize_frames, row_independent
from emo_core.models.layers.cam import CellGrid
from emo_core.models.layers.published import (
    BACKBONES,
    checkpoint_activations,
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
