"""Faces and chunks of sound as the small pictures that paper 2's towers read.

Both return the real pictures (n, C, h, w) and where they stand, (B, T) bool, so that what is masked
is never computed and never counted by a batch norm.
"""

import torch
from torch import Tensor
from torch.nn import functional

FACE_MEAN, FACE_STD = (159.0, 111.0, 102.0), (37.0, 33.0, 32.0)  # of 0 to 255; section 2.2
CHUNK = 32  # mel frames: 0.4 s at a hop of 200 samples and 16 kHz; section 2.3
LEAST_STD = 0.5  # of standardised log-mel: digital silence must not become loud noise


def face_pictures(faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The first person found in each frame, normalised.

    faces: (B, T, P, 3, h, w) uint8, or float in [0, 1]; mask: (B, T, P). P may be 0.
    """
    first = mask & (mask.cumsum(-1) == 1)
    scale = 1 if faces.dtype == torch.uint8 else 255
    mean, std = (torch.tensor(v, device=faces.device).view(3, 1, 1) for v in (FACE_MEAN, FACE_STD))
    return (faces[first].float() * scale - mean) / std, mask.any(-1)


def chunk_pictures(mel: Tensor, mask: Tensor, sound: str) -> tuple[Tensor, Tensor]:
    """Chunks of CHUNK mel frames as one-channel pictures (n, 1, M, CHUNK); the last is padded.

    mel: (B, F, M) natural log of power; mask: (B, F). sound: "power" turns it back, as the paper
    has it; "log" standardises each chunk over its real frames; "level" all chunks of an utterance
    together, so that loud ones stay loud. What is masked is zero.
    """
    if sound == "level":
        mel = standardised(mel, mask.unsqueeze(-1))
    extra = -mel.shape[1] % CHUNK
    real = functional.pad(mask, (0, extra)).unflatten(1, (-1, CHUNK))  # (B, S, CHUNK)
    where = real.any(-1)  # (B, S)
    chunks = functional.pad(mel, (0, 0, 0, extra)).unflatten(1, (-1, CHUNK))[where]  # (n, CHUNK, M)
    real = real[where].unsqueeze(-1)  # (n, CHUNK, 1)
    if sound == "power":
        chunks = chunks.masked_fill(~real, -torch.inf).exp()
    elif sound == "log":
        chunks = standardised(chunks, real)
    return chunks.transpose(1, 2).unsqueeze(1), where


def standardised(mel: Tensor, real: Tensor) -> Tensor:
    """Rows (n, F, M) of log-mel with mean 0 and spread 1 over what is real (n, F, 1); else 0."""
    count = (real.sum((1, 2), keepdim=True) * mel.shape[-1]).clamp(min=1)
    mean = mel.masked_fill(~real, 0).sum((1, 2), keepdim=True) / count
    centred = (mel - mean).masked_fill(~real, 0)
    spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    return centred / spread.clamp(min=LEAST_STD)
