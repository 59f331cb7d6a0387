"""Promise `train`: a step of the Trainer against the bare step on the same tensors."""

import sys

import torch
from torch import nn
from torch.nn import functional

from benchmarks.common import FixedBatches, median_ms, report, shuffled_times
from emo_core.models.group import group
from emo_core.models.precision import bf16_is_fast
from emo_core.preprocess.batch import Batch
from emo_core.tasks import SingleLabel
from emo_core.training.trainer import TrainConfig, Trainer

BOUND, ROWS = 1.05, 16


def random_batch() -> Batch:
    return Batch(
        torch.randint(0, 256, (ROWS, 16, 3, 72, 96), dtype=torch.uint8),
        torch.ones(ROWS, 16, dtype=torch.bool),
        torch.linspace(0, 5, 16).repeat(ROWS, 1),
        torch.randn(ROWS, 250, 64) - 4,
        torch.ones(ROWS, 250, dtype=torch.bool),
        torch.linspace(0, 5, 250).repeat(ROWS, 1),
        torch.zeros(ROWS, 16, 0, 3, 48, 48, dtype=torch.uint8),
        torch.zeros(ROWS, 16, 0, dtype=torch.bool),
        torch.zeros(ROWS, 0, dtype=torch.int64),
        torch.zeros(ROWS, 0, dtype=torch.bool),
        torch.randint(0, 3, (ROWS,)),
    )


def main() -> int:
    torch.set_num_threads(2)
    torch.manual_seed(0)
    batch, config = random_batch(), TrainConfig(epochs=10**6)
    trainer = Trainer(group("pocket"), SingleLabel(), config)
    model = group("pocket").to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, fused=True)
    bf16 = bf16_is_fast(torch.device("cpu"))

    def bare() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(batch).logits
        functional.cross_entropy(logits.float(), batch.target).backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    epochs = trainer.epochs(FixedBatches([batch]), None)  # one step each
    spent = shuffled_times({"ours": lambda: next(epochs), "bare": bare}, rounds=25)
    ours, plain = min(spent["ours"]), min(spent["bare"])
    return report(
        "train",
        ours / plain,
        BOUND,
        True,
        ours_ms=round(1000 * ours, 1),
        bare_ms=round(1000 * plain, 1),
        statistic="best of 25",
        median_ours_ms=median_ms(spent["ours"]),
        median_bare_ms=median_ms(spent["bare"]),
        clips_per_s=round(ROWS / ours, 1),
        bf16=bf16,
    )


if __name__ == "__main__":
    sys.exit(main())
