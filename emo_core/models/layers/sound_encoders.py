"""Published sound backbones as towers: they read the waveform, a token every 0.16 or 0.1 s."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.backbones import row_independent
from emo_core.models.layers.cam import CellGrid
from emo_core.models.layers.published import (
    BACKBONES,
    BackboneError,
    checkpoint_activations,
    make_backbone,
)
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans

SOUND_ENCODERS = tuple(n for n in BACKBONES if n.startswith(("wavlm", "hubert", "ast")))
RATE = 16_000  # Hz, of all of them


class WaveBackbone(Backbone):
    """A backbone of the waveform; each row is read as long as it lasts, so padding changes nothing.

    A subclass states the samples between two of its steps, how many of them make a token, and the
    samples that a step reads.
    """

    reads_wave = True
    STEP, PER_TOKEN, FIELD = 320, 8, 400

    def __init__(self, name: str, pretrained: bool = False, lora_rank: int = 0) -> None:
        super().__init__()
        self.name = name
        self.model = make_backbone(name, pretrained, lora_rank)
        self.channels = self.model.config.hidden_size
        self.layers = self.model.config.num_hidden_layers

    def extra_repr(self) -> str:
        return f"{self.name}, revision {BACKBONES[self.name].revision[:8] or 'none'}"

    def steps_of(self, samples: int) -> int:
        """How many steps a sound of so many samples has."""
        return max(0, (samples - self.FIELD) // self.STEP + 1)

    def read_sound(self, wave: Tensor) -> Tensor:
        """Sounds of one length (n, S) -> their steps (n, N, C)."""
        raise NotImplementedError

    def forward(self, wave: Tensor | None, mask: Tensor, times_s: Tensor) -> Tokens:
        """wave (B, S) at 16 kHz, mask and times of its F mel frames (B, F) -> N tokens."""
        if wave is None:
            raise BackboneError(
                "{name} reads the waveform, which the sample does not keep; give --set "
                "sample.wave=true --set sample.mel.rate={rate}.",
                name=self.name,
                rate=RATE,
            )
        steps = self.read(wave, mask)  # (B, N', C)
        hop = wave.shape[1] // mask.shape[1]
        counts = self._real_steps(mask, hop)  # (B,)
        place = torch.arange(steps.shape[1], device=steps.device)
        real = (place < counts.unsqueeze(1)).unsqueeze(-1)  # (B, N', 1)
        grouped, there, size = (
            self._by_token(x) for x in (steps * real, real.float(), torch.ones_like(real).float())
        )  # (B, N, 8, ...)
        seconds = self._by_token((place * self.STEP + self.FIELD / 2).view(1, -1, 1) / RATE)
        start_s = times_s[:, :1]
        middle_s = start_s + (seconds.sum(2) / size.sum(2)).squeeze(-1)  # (B, N)
        count = there.sum(2)  # (B, N, 1)
        heard_s = (seconds * there).sum(2) / count.clamp(min=1)
        spans = TokenSpans.of(middle_s, self.token_frames(grouped.shape[1], mask.shape[1], hop))
        heard_at_s = torch.where(count > 0, start_s.unsqueeze(-1) + heard_s, middle_s.unsqueeze(-1))
        values = grouped.sum(2) / count.clamp(min=1)
        return Tokens(values, count.squeeze(-1) > 0, heard_at_s.squeeze(-1), spans=spans)

    @row_independent
    def read(self, wave: Tensor, mask: Tensor) -> Tensor:
        """(B, S), (B, F) -> steps (B, N', C), zeros after a row's end; what is masked is silent."""
        hop = wave.shape[1] // mask.shape[1]
        shown = wave[:, : hop * mask.shape[1]] * mask.repeat_interleave(hop, dim=1)
        counts = self._real_steps(mask, hop)
        ends = self._ends(mask) * hop
        found = shown.new_zeros(len(wave), self.steps_of(wave.shape[1]), self.channels)
        for end in ends.unique().tolist():
            rows = (ends == end).nonzero().flatten()
            if int(counts[rows[0]]):
                steps = self.read_sound(shown[rows, :end])
                padded = functional.pad(steps, (0, 0, 0, found.shape[1] - steps.shape[1]))
                found = found.index_copy(0, rows, padded.to(found.dtype))
        return found

    @staticmethod
    def _ends(mask: Tensor) -> Tensor:
        """Mel frames (B,) up to the last one that is real."""
        number = torch.arange(1, mask.shape[1] + 1, device=mask.device)
        return (number * mask).amax(1)

    def _real_steps(self, mask: Tensor, hop: int) -> Tensor:
        samples = self._ends(mask) * hop
        return ((samples - self.FIELD).div(self.STEP, rounding_mode="floor") + 1).clamp(min=0)

    def _by_token(self, steps: Tensor) -> Tensor:
        """(B, N', D) -> (B, N, 8, D), zeros after the last one."""
        extra = -steps.shape[1] % self.PER_TOKEN
        return functional.pad(steps, (0, 0, 0, extra)).unflatten(1, (-1, self.PER_TOKEN))

    def token_frames(self, count: int, end: int, hop: int) -> Tensor:
        """Mel frames (count, 2) of each token, of `end` that are `hop` samples apart."""
        first = (self.FIELD - self.STEP) / 2  # where a step's middle part begins
        edges = (first + torch.arange(count + 1) * self.STEP * self.PER_TOKEN) / hop
        edges = edges.round().long()
        edges[-1:] = edges[-1:].clamp(min=end)
        return torch.stack([edges[:-1], edges[1:]], dim=1)

    def checkpoint_activations(self) -> None:
        """Compute its layers once more in the backward pass instead of keeping what they found."""
        checkpoint_activations(self.model)


class SpeechEncoder(WaveBackbone):
    """WavLM or HuBERT: the last layer's steps of 20 ms, the mean of 8 of them a token."""

    def __init__(self, name: str, pretrained: bool = False, lora_rank: int = 0) -> None:
        super().__init__(name, pretrained, lora_rank)
        self.normalised = BACKBONES[name].reads["normalised"]

    def read_sound(self, wave: Tensor) -> Tensor:
        """(n, S) -> (n, N, C), as the library's feature extractor and model do."""
        if self.normalised:  # of each sound by itself
            mean, variance = wave.mean(1, keepdim=True), wave.var(1, correction=0, keepdim=True)
            wave = (wave - mean) / (variance + 1e-7).sqrt()
        return self.model(wave).last_hidden_state

    @property
    def cam_layer(self) -> nn.Module | None:
        return None  # its last map has no bands

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return ()


class AudioSpectrogramTransformer(WaveBackbone):
    """AST: Kaldi's filter banks, patches of 16 x 16; a token of 0.1 s is the mean over bands."""

    STEP, PER_TOKEN, FIELD = 1600, 1, 2800  # samples; a patch spans 16 frames of 25 ms, 10 ms apart
    MEAN, STD = -4.2677393, 4.5689974  # of AudioSet, as published

    def read_sound(self, wave: Tensor) -> Tensor:
        """(n, S) -> (n, N, C), as the library's feature extractor and model do."""
        config = self.model.config
        banks = torch.stack([self._banks(row) for row in wave])[:, : config.max_length]  # (n, F, M)
        count = self.steps_of(wave.shape[1])
        padded = functional.pad(banks, (0, 0, 0, config.max_length - banks.shape[1]))
        hidden = self.model((padded - self.MEAN) / (2 * self.STD)).last_hidden_state
        bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        patches = hidden[:, 2:].unflatten(1, (bands, -1))  # (n, bands, time, C)
        return patches.mean(1)[:, :count]

    def steps_of(self, samples: int) -> int:
        """How many steps a sound of so many samples has; AST reads 10 s at most."""
        config = self.model.config
        most = (config.max_length - config.patch_size) // config.time_stride + 1
        return min(super().steps_of(samples), most)

    def _real_steps(self, mask: Tensor, hop: int) -> Tensor:
        return super()._real_steps(mask, hop).clamp(max=self.steps_of(mask.shape[1] * hop))

    def _banks(self, wave: Tensor) -> Tensor:
        """(S,) -> (F, M)."""
        from torchaudio.compliance.kaldi import fbank  # torchaudio takes a second to import

        return fbank(
            wave.float().unsqueeze(0),
            sample_frequency=RATE,
            window_type="hanning",
            num_mel_bins=self.model.config.num_mel_bins,
        )

    @property
    def cam_layer(self) -> nn.Module | None:
        return None  # its map's bands are Kaldi's, not those of the log-mel that is explained

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return ()


def sound_encoder(name: str, pretrained: bool = False, lora_rank: int = 0) -> WaveBackbone:
    """The tower's backbone called `name`, one of SOUND_ENCODERS."""
    kind = AudioSpectrogramTransformer if name.startswith("ast") else SpeechEncoder
    return kind(name, pretrained, lora_rank)
