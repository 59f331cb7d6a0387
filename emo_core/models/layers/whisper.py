"""Whisper's audio encoder on this project's log-mel: any size's first blocks (Radford et al. 2022).

Two blocks of the tiny size come with the package (`emo_core/weights`).
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.io.environment import offline
from emo_core.io.shipped_weights import shipped_state
from emo_core.models.layers.attention import Attention
from emo_core.models.layers.backbones import row_independent
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans, runs
from emo_core.preprocess.log_mel import MelConfig

# 80 bands of 0 to 8 kHz, 25 ms every 10 ms; of the shipped encoder and of every size up to large-v2
WHISPER_MEL = MelConfig(16_000, 400, 160, 80, 0.0, 8_000.0, 1e-10)
SHIPPED = "whisper-tiny-2"
WINDOW = 800  # mel frames, 8 s: over them the shipped encoder's training normalised the sound
RANGE = 8.0  # powers of ten below the loudest value, as which all that is quieter counts
PER_TOKEN = 8  # encoder steps of 20 ms in one token
LOUD_DB = 15.0  # below the loudest token: what is quieter is not read
NAMES = {  # transformers' -> those of this module
    "self_attn_layer_norm": "norm",
    "final_layer_norm": "last_norm",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.out_proj": "attention.out",
}


@dataclass(frozen=True)
class WhisperSize:
    """What a state says of its own architecture, but for the heads, which are 64 wide."""

    width: int
    feed_forward: int
    blocks: int
    positions: int
    bands: int

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> "WhisperSize":
        blocks = {name.split(".")[1] for name in state if name.startswith("layers.")}
        positions, width = state["embed_positions.weight"].shape
        feed_forward = len(state["layers.0.fc1.bias"])
        return cls(width, feed_forward, len(blocks), positions, state["conv1.weight"].shape[1])


class WhisperBlock(nn.Module):
    """Pre-norm transformer block with GELU."""

    def __init__(self, width: int, feed_forward: int) -> None:
        super().__init__()
        self.norm, self.last_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, width // 64)
        self.fc1, self.fc2 = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, N, D), mask (B, N) -> (B, N, D)."""
        x = x + self.attention(self.norm(x), context_mask=mask)[0]
        return x + self.fc2(functional.gelu(self.fc1(self.last_norm(x))))


class WhisperEncoder(Backbone):
    """Log-mel (WHISPER_MEL) -> a token every 0.16 s: mean and spread of 8 steps of the last block.

    Tokens quieter than the loudest by more than `loud_db` are masked: on composed sounds of unseen
    speakers these two raise logistic regression from 0.68 to 0.73 (docs/experiments/0138).
    """

    def __init__(self, size: WhisperSize, loud_db: float = LOUD_DB) -> None:
        super().__init__()
        self.size, self.channels, self.loud_db = size, 2 * size.width, loud_db
        self.conv1 = nn.Conv1d(size.bands, size.width, 3, 1, 1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, 2, 1)
        self.embed_positions = nn.Embedding(size.positions, size.width)
        self.layers = nn.ModuleList(
            WhisperBlock(size.width, size.feed_forward) for _ in range(size.blocks)
        )

    def extra_repr(self) -> str:
        return "" if self.loud_db == LOUD_DB else f"loud_db={self.loud_db:g}"

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        steps = self.read(mel, mask)  # (B, N', D)
        center = _centers(steps)
        real, at_s, power = (
            _by_token(x[:, center].float().unsqueeze(-1))
            for x in (mask, times_s, mel.exp().sum(2) * mask)
        )  # (B, N, 8, 1)
        there = _by_token(torch.ones_like(steps[..., :1]))
        steps = _by_token(steps)  # (B, N, 8, D)
        count = real.sum(2).clamp(min=1)  # (B, N, 1)
        mean = (steps * real).sum(2) / count
        variance = ((steps - mean.unsqueeze(2)).square() * real).sum(2) / count
        power = power.sum(2).squeeze(-1) / count.squeeze(-1)  # (B, N)
        loud = power >= power.amax(1, keepdim=True) * 10 ** (-self.loud_db / 10)
        middle_s = at_s.sum((2, 3)) / there.sum((2, 3))
        return Tokens(
            torch.cat([mean, (variance + 1e-6).sqrt()], dim=-1),
            (real.sum(2).squeeze(-1) > 0) & loud,
            ((at_s * real).sum(2) / count).squeeze(-1),
            spans=TokenSpans.of(middle_s, self.token_frames(mean.shape[1], mask.shape[1])),
        )

    @staticmethod
    def token_frames(count: int, mel_frames: int) -> Tensor:
        """Mel frames (count, 2) of each token, of so many: step i is centred on mel frame 2i."""
        return runs(count, 2 * PER_TOKEN, -1, mel_frames)

    @row_independent
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> the last block's steps (B, F / 2, D), two mel frames each."""
        if mel.shape[2] != self.size.bands or mel.shape[1] > 2 * self.size.positions:
            raise ValueError(
                f"the log-mel has {mel.shape[1]} frames of {mel.shape[2]} bands; this encoder "
                f"reads up to {2 * self.size.positions} of {self.size.bands}; set the sample's mel"
            )
        x = functional.gelu(self.conv1(whisper_scale(mel, mask).transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # (B, N', D)
        x = x + self.embed_positions.weight[-x.shape[1] :]  # the window's end is the last position
        for block in self.layers:
            x = block(x, mask[:, _centers(x)])
        return x

    @property
    def cam_layer(self) -> nn.Module:
        return self.conv2


def _centers(steps: Tensor) -> Tensor:
    """The mel frame on which each of N' steps (B, N', D) is centred, (N',): step i on frame 2i."""
    return 2 * torch.arange(steps.shape[1], device=steps.device)


def _by_token(steps: Tensor) -> Tensor:
    """(B, N', D) -> (B, N, 8, D), zeros after the last one."""
    count = (steps.shape[1] + PER_TOKEN - 1) // PER_TOKEN
    extra = count * PER_TOKEN - steps.shape[1]
    return functional.pad(steps, (0, 0, 0, extra)).unflatten(1, (count, PER_TOKEN))


def whisper_scale(mel: Tensor, mask: Tensor) -> Tensor:
    """Natural log of power -> Whisper's scale: of sound with variance one in 8 s, about -1 to 1.

    (B, F, M), (B, F) -> (B, F, M). The variance follows from the log-mel itself (Parseval; bands
    overlap to one), so gradients and changes of the log-mel reach it. What is masked is silence.
    """
    power = mel.exp() * mask.unsqueeze(-1)
    variance = (power @ mel.new_tensor(_band_energy(mel.shape[2]))).sum(1) / WINDOW  # (B,)
    level = (variance + 1e-7).log()[:, None, None]
    scaled = ((power + WHISPER_MEL.floor).log() - level).clamp(min=log(WHISPER_MEL.floor)) / log(10)
    loudest = scaled.amax((1, 2), keepdim=True)
    return (torch.maximum(scaled, loudest - RANGE) + 4) / 4


@lru_cache(maxsize=2)
def _band_energy(bands: int) -> tuple[float, ...]:
    """What a unit of power in each of M bands adds to the variance of the sound.

    Plain numbers: a tensor that was made while predicting has no part in a gradient.
    """
    from torchaudio.functional import melscale_fbanks  # torchaudio takes a second to import

    config = WHISPER_MEL
    edges = (config.window // 2 + 1, config.lowest_hz, config.highest_hz, bands, config.rate)
    plain = melscale_fbanks(*edges, norm=None, mel_scale="slaney")  # (K, M) triangles
    slaney = melscale_fbanks(*edges, norm="slaney", mel_scale="slaney")
    window = torch.hann_window(config.window).square().sum()
    return tuple((2 * plain.sum(0) / slaney.sum(0) / (config.window * window)).tolist())


def shipped_whisper(blocks: int | None = None, loud_db: float = LOUD_DB) -> WhisperEncoder:
    """The first blocks, at most two, of the tiny size that come with the package."""
    return whisper_from(shipped_state(SHIPPED), blocks, loud_db)


def whisper_from(
    state: dict[str, Tensor], blocks: int | None = None, loud_db: float = LOUD_DB
) -> WhisperEncoder:
    """An encoder from a state by transformers' names, with its first `blocks` blocks.

    Raises ValueError where it has fewer.
    """
    there = WhisperSize.of(state).blocks
    most = there if blocks is None else blocks
    if most > there:
        raise ValueError(f"blocks is {most}; this encoder has {there}")
    kept = {k: v for k, v in state.items() if _kept(k, most)}
    encoder = WhisperEncoder(WhisperSize.of(kept), loud_db)
    for block in cast("list[WhisperBlock]", encoder.layers):
        nn.init.zeros_(block.attention.key.bias)  # Whisper's keys have none
    known = encoder.state_dict()
    if not encoder.conv1.weight.is_meta:  # else only shapes are asked for
        encoder.load_state_dict(known | {_our_name(name): value for name, value in kept.items()})
    return encoder


def _kept(name: str, blocks: int) -> bool:
    parts = name.split(".")
    return int(parts[1]) < blocks if parts[0] == "layers" else parts[0] != "layer_norm"


def _our_name(name: str) -> str:
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def hub_whisper(name: str, blocks: int) -> WhisperEncoder:
    """The first blocks of any size, "openai/whisper-base", from the hub or its cache folder.

    Raises ValueError where it can't be had.
    """
    from transformers import WhisperModel  # takes seconds

    try:
        model = WhisperModel.from_pretrained(name, local_files_only=offline())
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"{name} can't be had ({why}); fetch it once online") from error
    return whisper_from(model.encoder.state_dict(), blocks)
