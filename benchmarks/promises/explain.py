"""Promise `explain`: any method with preset `fast`, in forward passes' time of the same window."""

import sys

import torch

from benchmarks.common import median_ms, report, shuffled_times
from emo_core.attribution.methods import METHODS, cost, explain_window
from emo_core.attribution.types import PRESETS, Target
from emo_core.inference.predict import load_cached
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import to_sample
from emo_core.synthetic.drawn.dataset import SceneWindow

BOUND = PRESETS["fast"].passes


def main() -> int:
    torch.set_num_threads(1)  # ratios of short passes: threads would wait for each other
    checkpoint = load_cached()
    sample = to_sample(SceneWindow(1, "test", 0).decode(checkpoint.sample), checkpoint.sample)
    batch, target = collate([sample]), Target(checkpoint.labels[0], 0)

    def forward() -> None:
        with torch.inference_mode():
            checkpoint.model(batch)

    def way(method: str, preset: str) -> None:
        explain_window(checkpoint, sample, target, method, preset)

    contenders = {"forward": forward}
    contenders |= {name: lambda n=name: way(n, "fast") for name in METHODS}
    fast = shuffled_times(contenders, rounds=9)
    contenders = {"forward": forward}
    contenders |= {name: lambda n=name: way(n, "standard") for name in METHODS}
    standard = shuffled_times(contenders, rounds=3)
    passes = [
        {n: round(median_ms(t[n]) / median_ms(t["forward"]), 2) for n in METHODS}
        for t in (fast, standard)
    ]
    return report(
        "explain",
        max(passes[0].values()),
        BOUND,
        True,
        forward_ms=median_ms(fast["forward"]),
        fast=passes[0],
        standard=passes[1],
        standard_bound=PRESETS["standard"].passes,
        promised={n: cost(n, "fast", checkpoint) for n in METHODS},
        model=checkpoint.name,
    )


if __name__ == "__main__":
    sys.exit(main())
