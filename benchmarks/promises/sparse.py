"""Promise `sparse`: MESM that convolves half the pictures against FE2E, forward and backward.

The face and sound towers alone carry the promise; the whole model is timed and counted beside.
"""

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import median_ms, report, shuffled_times
from emo_core.models.layers.vgg import CHUNK, chunk_pictures, face_pictures
from emo_core.models.mesm import Mesm, mesm
from emo_core.models.precision import autocast, bf16_is_fast
from emo_core.preprocess.batch import Batch

BOUND, ROUNDS = 0.60, 5
ROWS = 8  # utterances a batch, FE2E's published number; of one alone, fixed costs weigh more
FACES, CHUNKS, WORDS = 10, 12, 100  # 5 s at 2 faces a second, 12 chunks of 0.4 s
CPU = torch.device("cpu")


def random_batch() -> Batch:
    g = torch.Generator().manual_seed(0)
    return Batch(
        torch.zeros(ROWS, FACES, 3, 8, 8, dtype=torch.uint8),
        torch.ones(ROWS, FACES, dtype=torch.bool),
        torch.linspace(0, 5, FACES).repeat(ROWS, 1),
        torch.randn(ROWS, CHUNKS * CHUNK, 128, generator=g) - 4,
        torch.ones(ROWS, CHUNKS * CHUNK, dtype=torch.bool),
        torch.linspace(0, 5, CHUNKS * CHUNK).repeat(ROWS, 1),
        torch.randint(0, 256, (ROWS, FACES, 1, 3, 48, 48), generator=g).byte(),
        torch.ones(ROWS, FACES, 1, dtype=torch.bool),
        torch.randint(2, 30_000, (ROWS, WORDS), generator=g),
        torch.ones(ROWS, WORDS, dtype=torch.bool),
    )


def gigaflops(model: Mesm, batch: Batch) -> dict[str, float]:
    """Forward GFLOP an utterance, by part."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(batch)
    counts = counter.get_flop_counts()

    def of(name: str) -> float:
        return round(sum(counts[name].values()) / len(batch) / 1e9, 3) if name in counts else 0.0

    return {
        "text": of("Mesm.text"),
        "faces": of("Mesm.video.tower"),
        "sound": of("Mesm.audio.tower"),
        "transformers": round(
            of("Mesm.video.cls_transformer") + of("Mesm.audio.cls_transformer"), 3
        ),
        "all": of("Global"),
    }


def towers(
    model: Mesm, batch: Batch, query: Tensor, bf16: bool, spent: list[float]
) -> Callable[[], None]:
    """Forward and backward of both streams, with the choice of pictures, without the text.

    Processor seconds of every run are added to `spent`.
    """

    def run() -> None:
        started = time.process_time()
        with autocast(CPU, bf16):
            faces, sound = (
                face_pictures(batch.faces, batch.face_mask),
                chunk_pictures(batch.mel, batch.mel_mask, model.config.sound),
            )
            scores = model.video(*faces, query)[0] + model.audio(*sound, query)[0]
        scores.float().sum().backward()
        model.zero_grad(set_to_none=True)
        spent.append(time.process_time() - started)

    return run


def whole(model: Mesm, batch: Batch, bf16: bool) -> Callable[[], None]:
    def run() -> None:
        with autocast(CPU, bf16):
            scores = model(batch).logits
        scores.sum().backward()
        model.zero_grad(set_to_none=True)

    return run


def main() -> int:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # two threads spin beside other load (docs/experiments/0001)
    bf16, batch = bf16_is_fast(CPU), random_batch()
    modes = {"fe2e": ("dense", 1.0), "structured": ("structured", 0.5), "pixels": ("trained", 0.5)}
    models = {
        name: mesm("paper", mode=mode, keep=keep).to(memory_format=torch.channels_last).train()
        for name, (mode, keep) in modes.items()
    }
    query = torch.randn(ROWS, models["fe2e"].config.text_width)
    cpu = {name: [] for name in models}
    spent = shuffled_times(
        {name: towers(model, batch, query, bf16, cpu[name]) for name, model in models.items()},
        ROUNDS,
    )
    entire = shuffled_times(
        {name: whole(model, batch, bf16) for name, model in models.items()}, ROUNDS // 3
    )
    return report(
        "sparse",
        min(spent["structured"]) / min(spent["fe2e"]),
        BOUND,
        True,
        statistic=f"best of {ROUNDS}",
        bf16=bf16,
        median_ratio=round(median_ms(spent["structured"]) / median_ms(spent["fe2e"]), 3),
        processor_ratio=round(min(cpu["structured"]) / min(cpu["fe2e"]), 3),
        processor_ms={name: round(1000 * min(times), 1) for name, times in cpu.items()},
        towers_ms={name: round(1000 * min(times), 1) for name, times in spent.items()},
        median_towers_ms={name: median_ms(times) for name, times in spent.items()},
        whole_ms={name: round(1000 * min(times), 1) for name, times in entire.items()},
        gflop_an_utterance={name: gigaflops(model, batch) for name, model in models.items()},
        utterance={"faces": FACES, "chunks": CHUNKS, "tokens": WORDS, "rows": ROWS},
    )


if __name__ == "__main__":
    sys.exit(main())
