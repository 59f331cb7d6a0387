"""Sound to log-mel, the only place where a spectrogram is computed."""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from emo_core.ranges import Amount, Count, CountOrNone, Positive


@dataclass(frozen=True)
class MelConfig:
    """Settings of the log-mel; the defaults are the pocket size's, `PANNS` is the paper size's."""

    rate: Count = 16_000  # Hz
    window: Count = 512  # samples
    hop: Count = 320  # samples
    bands: Count = 64
    lowest_hz: Amount = 50.0
    highest_hz: Positive = 7_600.0
    floor: Positive = 1e-5  # power; silence is log(floor)
    fft: CountOrNone = 0  # samples of the transform that the window is centred in; 0 = window
    filters: str = "slaney"  # bands of equal area; or "htk", of equal height: torchaudio's default

    def frames(self, seconds: float) -> int:
        """How many mel frames a stretch of sound has."""
        return round(seconds * self.rate) // self.hop


PANNS = MelConfig(32_000, 1024, 320, 64, 50.0, 14_000.0, 1e-10)  # docs/papers/group.md#a7


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # what is kept here must also take part in a gradient
def _filters(config: MelConfig) -> tuple[Tensor, Tensor]:
    """The window (W,) and the bands' filters (K, M) of a log-mel."""
    from torchaudio.functional import melscale_fbanks  # torchaudio takes a second to import

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel")  # MESM: 128 bands, 201 frequencies
        filters = melscale_fbanks(
            (config.fft or config.window) // 2 + 1,
            config.lowest_hz,
            config.highest_hz,
            config.bands,
            config.rate,
            norm="slaney" if config.filters == "slaney" else None,
            mel_scale=config.filters,
        )
    return torch.hann_window(config.window), filters


def log_mel(wave: Tensor, config: MelConfig) -> Tensor:
    """Log-mel spectrogram of mono sound.

    wave: (B, S) float32 in [-1, 1] at config.rate. Returns (B, F, M), natural log of power, with
    F = S // hop; frame f is centred on second f * hop / rate. Raises ValueError on S < window.
    `torch.stft` with torchaudio's filters is 1.5 times faster than its MelSpectrogram.
    """
    if wave.shape[-1] < config.window:
        raise ValueError(f"{wave.shape[-1]} samples are fewer than one window of {config.window}")
    window, filters = _filters(config)
    spectrum = torch.stft(
        wave,
        config.fft or config.window,
        config.hop,
        config.window,
        window.to(wave),
        return_complex=True,
    )
    power = torch.view_as_real(spectrum).square().sum(-1)  # (B, K, F'); abs() takes a root first
    power = power.transpose(1, 2)[:, : wave.shape[-1] // config.hop]  # (B, F, K)
    return (power @ filters.to(wave)).clamp(min=config.floor).log()


def follow_mel(wave: Tensor, change: Tensor, config: MelConfig) -> Tensor:
    """Sound whose log-mel has changed by `change`: each frequency is louder or softer by its bands.

    wave (B, S), change (B, F, M), natural log of power -> (B, S). What no band covers follows their
    mean. Gradients reach `change`.
    """
    window, filters = (x.to(wave) for x in _filters(config))
    covered = filters.sum(1, keepdim=True)  # (K, 1)
    even = torch.full_like(filters, 1 / filters.shape[1])
    share = torch.where(covered > 0, filters / covered.clamp(min=1e-12), even)  # (K, M)
    sizes = config.fft or config.window, config.hop, config.window
    spectrum = torch.stft(wave, *sizes, window, return_complex=True)  # (B, K, F')
    gain = (change @ share.T / 2).exp().transpose(1, 2)  # (B, K, F), of amplitude
    after = spectrum.shape[2] - gain.shape[2]  # the last frame is centred on the end
    gain = torch.cat([gain, gain[:, :, -1:].expand(-1, -1, after)], dim=2)
    return torch.istft(spectrum * gain, *sizes, window, length=wave.shape[1])
