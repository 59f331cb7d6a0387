"""What the attention of a model looked at: frame time × sound time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emo_core.batch import collate
from emo_core.checkpoint import Checkpoint
from emo_core.sample import Sample


@dataclass(frozen=True)
class Matrix:
    """Mean attention over heads, from moments of the picture to moments of the sound."""

    weights: Tensor  # (V, A); rows sum to one
    video_s: Tensor  # (V,) from the start of the clip
    audio_s: Tensor  # (A,)


def picture_to_sound(checkpoint: Checkpoint, sample: Sample) -> Matrix | None:
    """The last block's attention; None where the model or the window has none."""
    batch = collate([sample])
    with torch.no_grad():
        trace = {n.split(" (")[0]: v[0] for n, v in checkpoint.model(batch).trace.items()}
    names = sorted(n for n in trace if n.startswith("attention_video_to_audio"))
    if not names:
        return None
    weights = trace[names[-1]].mean(0)  # (V, A)
    own = trace.get("token_times_s")
    video_s = trace.get("video_times_s", own)
    audio_s = trace.get("audio_times_s", own)
    if video_s is None or audio_s is None or not bool(weights.any()):
        return None
    moments, which = video_s.unique(return_inverse=True)  # places of one moment: their mean
    rows = torch.zeros(len(moments), weights.shape[1]).index_add_(0, which, weights)
    rows = rows / torch.bincount(which).unsqueeze(1)
    return Matrix(rows, sample.start_s + moments, sample.start_s + audio_s)
