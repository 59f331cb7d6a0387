"""Clips of noise in the shapes that a recipe reads, to measure models without a corpus."""

import torch
from torch import Tensor

from emo_core.preprocess.batch import Batch
from emo_core.preprocess.sample import SampleConfig, frame_times

EYES = (0.4, 0.45, 0.6, 0.45)  # x, y of both, where faces are taken from the frames
FIRST, AFTER = 2, 250  # tokens that every tokenizer has


def random_clips(config: SampleConfig, clips: int, device: torch.device | str = "cpu") -> Batch:
    """So many clips as one batch; everything is real, targets are zero."""
    frames, people, side = config.frames, config.people, config.face_size
    steps, words = config.mel.frames(config.window_s), config.text_length

    def noise(*shape: int) -> Tensor:
        return torch.randint(0, 256, (clips, *shape), dtype=torch.uint8, device=device)

    def real(*shape: int) -> Tensor:
        return torch.ones(clips, *shape, dtype=torch.bool, device=device)

    def clock(times_s: Tensor) -> Tensor:
        return times_s.float().to(device).repeat(clips, 1)

    eyes = torch.tensor(EYES, device=device).expand(clips, frames, people, 4)
    samples = steps * config.mel.hop
    return Batch(
        noise(frames, 3, config.height, config.width),
        real(frames),
        clock(torch.from_numpy(frame_times(config))),
        torch.randn(clips, steps, config.mel.bands, device=device) * 2 - 4,
        real(steps),
        clock(torch.arange(steps) * config.mel.hop / config.mel.rate),
        noise(frames, people, 3, side, side),
        real(frames, people),
        torch.randint(FIRST, AFTER, (clips, words), device=device),
        real(words),
        torch.zeros(clips, device=device),
        eyes if people and not side else None,
        torch.randn(clips, samples, device=device) * 0.1 if config.wave else None,
    )
