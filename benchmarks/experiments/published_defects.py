"""Defects of published code, behind named switches: only claims and their tests use them.

    python -m benchmarks.experiments.published_defects DEFECT WORDS OF THE EMO COMMAND…

runs `emo` with the defect.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from emo_core.cli.main import main as emo
from emo_core.models.layers.joint_transformer import Fused, StepTrace, VanillaFusion
from emo_core.models.layers.sparse import Sites
from emo_core.models.layers.towers import Tokens
from emo_core.models.layers.vgg import SparseTower
from emo_core.preprocess.batch import Batch
from emo_core.tasks import Calibration, MultiLabel


def scrambled(sites: Sites) -> Sites:
    """Places sorted by (y, x, map) beside values sorted by (map, y, x), as in MESM's first block.

    Vectors so land on wrong pixels and in other utterances of the batch
    (docs/papers/mesm.md#d2).
    """
    count = sites.shape[0]
    area = sites.shape[1] * sites.shape[2]
    order = (sites.positions % area * count + sites.maps).argsort()
    return replace(sites, positions=sites.positions[order])


@contextmanager
def scrambled_rows(model: nn.Module) -> Iterator[None]:
    """The published MESM's row order while the context is open; needs a sparse mode.

    Source: docs/papers/mesm.md#d2.
    """
    towers = [module for module in model.modules() if isinstance(module, SparseTower)]
    hooks = [
        tower.stages[0].convolutions.register_forward_pre_hook(
            lambda _, inputs: (scrambled(*inputs),)
        )
        for tower in towers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def without_attention_gradient(model: nn.Module) -> list[str]:
    """Names of the attention parameters that a backward pass left without gradient.

    Source: docs/papers/mesm.md#d1.

    Call it after `backward` on a model of mode "faithful": the published code has 30 of them.
    """
    return [
        name
        for name, parameter in model.named_parameters()
        if ".tower.stages." in name and ".attention." in name and parameter.grad is None
    ]


def leak(model: nn.Module, batch: Batch, disturbed: Batch) -> float:
    """How far row 0's scores move between two batches that are equal there: 0 unless rows mix."""
    model.eval()
    with torch.no_grad():
        return (model(batch).logits[0] - model(disturbed).logits[0]).abs().max().item()


def scramble_every_tower() -> None:
    """MESM's first block puts rows where they don't belong, in training and in use.

    Source: docs/papers/mesm.md#d2.
    """
    build = SparseTower.__init__

    def init(tower: SparseTower, *sizes: object) -> None:
        build(tower, *sizes)
        tower.stages[0].convolutions.register_forward_pre_hook(
            lambda _, inputs: (scrambled(*inputs),)
        )

    SparseTower.__init__ = init


def attend_across_the_batch() -> None:
    """JMT's vanilla baseline mistakes the batch for time (docs/papers/jmt.md#d5)."""
    over_time = VanillaFusion.forward

    def turned(tokens: Tokens) -> Tokens:
        return replace(tokens, values=tokens.values.transpose(0, 1), mask=tokens.mask.T)

    def forward(fusion: VanillaFusion, video: Tokens, audio: Tokens) -> Fused:
        values, _ = over_time(fusion, turned(video), turned(audio))  # (S, B, D)
        return values.transpose(0, 1), StepTrace()

    VanillaFusion.forward = forward


def attend_across_a_batch_of_one() -> None:
    """The same weights where every clip comes alone, as on a visitor's page."""
    attend_across_the_batch()
    together = VanillaFusion.forward

    def row(tokens: Tokens, index: int) -> Tokens:
        parts = (tokens.values, tokens.mask, tokens.times_s)
        return Tokens(*(part[index : index + 1] for part in parts))

    def forward(fusion: VanillaFusion, video: Tokens, audio: Tokens) -> Fused:
        rows = range(len(video.values))
        alone = [together(fusion, row(video, n), row(audio, n))[0] for n in rows]
        return torch.cat(alone), StepTrace()

    VanillaFusion.forward = forward


def tune_on_the_scored_split() -> None:
    """MESM's evaluation chooses thresholds on the split that it scores (docs/papers/mesm.md#d6)."""
    score = MultiLabel.scores

    def scores(
        task: MultiLabel, logits: Tensor, target: Tensor, groups: np.ndarray, _: Calibration
    ) -> dict:
        return score(task, logits, target, groups, task.calibrate(logits, target))

    MultiLabel.scores = scores


DEFECTS: dict[str, Callable[[], None]] = {
    "scrambled-rows": scramble_every_tower,
    "across-the-batch": attend_across_the_batch,
    "across-a-batch-of-one": attend_across_a_batch_of_one,
    "tuned-on-test": tune_on_the_scored_split,
}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(emo(sys.argv[2:]))
