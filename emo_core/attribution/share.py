"""How much of one window's score each modality adds: exact Shapley values."""

from emo_core.attribution.record import Target
from emo_core.checkpoint import Checkpoint
from emo_core.sample import Sample
from emo_core.scores import modalities, score_windows


def share(checkpoint: Checkpoint, sample: Sample, target: Target) -> dict[str, float]:
    """By modality, in units of the score; they sum to all modalities' score minus that of none.

    Of a model of moments, the mean over the window's moments. Costs 2^M forward passes.
    """
    values = score_windows(checkpoint, [sample]).shares[0, :, target.index]  # (M,)
    return dict(zip(modalities(checkpoint), values.tolist(), strict=True))
