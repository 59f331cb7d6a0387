"""Training at paper size on a GPU: clips a second, share of its matmul peak, memory, 30 epochs.

VGAF-sized random clips lie on the GPU as bytes; batches are gathered and normalised there, and the
Trainer's own step runs. Aim for `group`: 30 epochs in 90 s on one H200.
`python -m benchmarks.promises.gpu --compile default` fuses normalisation and activation;
`reduce-overhead` adds CUDA graphs.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import FixedBatches
from emo_core.models import MODELS
from emo_core.preprocess.batch import Batch
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.sample import PAPER, SampleConfig, frame_times
from emo_core.training.trainer import TrainConfig, Trainer

CLIPS, EPOCHS, AIM_S = 2661, 30, 90.0  # VGAF's training clips; the run that is aimed at
WARM_STEPS, MATMULS = 3, 30
FACES = SampleConfig(width=8, height=8, people=1)  # whole frames are not read
SAMPLES = {
    "group": replace(PAPER, frames=16),
    "mesm": replace(FACES, frames=10, text_length=100, mel=MelConfig(hop=200, bands=128)),
    "jmt": replace(
        FACES, window_s=512 / 30, frames=128, face_size=112, mel=MelConfig(44_100, 1024, 441)
    ),
}
TINY = {
    "group": SampleConfig(frames=2, width=32, height=24, window_s=1.0),
    "mesm": replace(FACES, frames=2, text_length=12, window_s=1.0),
    "jmt": replace(FACES, frames=32, face_size=32),
}


class Distance:
    """Stands for every task: its loss costs nothing beside the towers."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(logits.float(), target)


def random_clips(config: SampleConfig, clips: int, device: torch.device) -> Batch:
    """All clips of a corpus as one batch on the device; everything is real, targets are zero."""
    frames, people, side = config.frames, config.people, config.face_size
    steps, words = config.mel.frames(config.window_s), config.text_length

    def noise(*shape: int) -> Tensor:
        return torch.randint(0, 256, (clips, *shape), dtype=torch.uint8, device=device)

    def real(*shape: int) -> Tensor:
        return torch.ones(clips, *shape, dtype=torch.bool, device=device)

    def clock(times_s: Tensor) -> Tensor:
        return times_s.float().to(device).repeat(clips, 1)

    return Batch(
        noise(frames, 3, config.height, config.width),
        real(frames),
        clock(torch.from_numpy(frame_times(config))),
        torch.randn(clips, steps, config.mel.bands, device=device) * 2 - 4,
        real(steps),
        clock(torch.arange(steps) * config.mel.hop / config.mel.rate),
        noise(frames, people, 3, side, side),
        real(frames, people),
        torch.randint(2, 250, (clips, words), device=device),
        real(words),
        torch.zeros(clips, device=device),
    )


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Wall time of `run` until the device is done."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    started = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - started


def matmul_peak(device: torch.device, side: int) -> float:
    """FLOP/s of a square bf16 matmul, measured here and now."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)

    def run() -> None:
        for _ in range(MATMULS):
            torch.matmul(a, b, out=out)

    run()
    return MATMULS * 2 * side**3 / min(seconds(run, device) for _ in range(3))


@dataclass(frozen=True)
class ShuffledBatches:
    """Whole batches of clips on the device, in another order in every epoch."""

    clips: Batch
    batch: int

    def __len__(self) -> int:
        return max(1, len(self.clips) // self.batch)

    @property
    def sizes(self) -> list[int]:
        """Clips of each batch."""
        return [min(self.batch, len(self.clips))] * len(self)

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        order = torch.randperm(len(self.clips), device=self.clips.video.device)
        for step in range(len(self)):
            yield self.clips[order[step * self.batch :][: self.batch]]


def train_epochs(trainer: Trainer, batches: ShuffledBatches | FixedBatches, epochs: int) -> int:
    """Trains from the start of a run's schedule; returns clips trained on."""
    trainer.config, trainer.next_epoch = replace(trainer.config, epochs=epochs), 0
    for _ in trainer.epochs(batches, None):
        pass
    return epochs * sum(batches.sizes)


def measure(name: str, options: argparse.Namespace, peak: float) -> dict:
    """One model's numbers."""
    model_class, _, sizes = MODELS[name]
    size, sample = ("pocket", TINY[name]) if options.tiny else ("paper", SAMPLES[name])
    trainer = Trainer(model_class(sizes[size]), Distance(), TrainConfig(batch_size=options.batch))
    device, count = trainer.device, 2 * options.batch if options.tiny else CLIPS
    clips = random_clips(sample, count, device)
    with torch.no_grad():
        shape = trainer.model.eval()(clips[:2]).logits.shape
    clips = replace(clips, target=torch.rand(count, *shape[1:], device=device))
    trainer.model.train()
    few = clips[: options.batch]
    with FlopCounterMode(display=False) as counter:
        train_epochs(trainer, FixedBatches([few]), 1)
    if options.compile:
        trainer.model.compile(mode=options.compile)
    warm_s = seconds(lambda: train_epochs(trainer, FixedBatches([few]), WARM_STEPS), device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    trained = 0

    def run() -> None:
        nonlocal trained
        trained = train_epochs(trainer, ShuffledBatches(clips, options.batch), options.epochs)

    spent = seconds(run, device)
    flops = counter.get_total_flops() / options.batch
    return {
        "clips_per_s": round(trained / spent, 1),
        "share_of_matmul_peak": round(flops * trained / spent / peak, 4),
        "gflop_per_clip": round(flops / 1e9, 1),
        "peak_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2)
        if device.type == "cuda"
        else None,
        f"seconds_{EPOCHS}_epochs": round(spent / trained * CLIPS * EPOCHS, 1),
        "epochs_timed": options.epochs,
        "warm_up_s": round(warm_s, 1),
        "compiled": options.compile,
    }


def with_fallback(name: str, options: argparse.Namespace, peak: float) -> dict:
    """`measure`; eager where compiling fails, a reason where the model can't be had at all."""
    if name not in MODELS:
        return {"skipped": "this model is not in the catalogue"}
    try:
        return measure(name, options, peak)
    except (RuntimeError, ValueError, ImportError, OSError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if not options.compile:
        return {"skipped": reason}
    eager = argparse.Namespace(**{**vars(options), "compile": None})
    return with_fallback(name, eager, peak) | {"not_compiled": reason}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3, help=f"timed; {EPOCHS} are extrapolated")
    parser.add_argument("--compile", choices=["default", "reduce-overhead", "max-autotune"])
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)  # for the test
    options = parser.parse_args(words)
    if not torch.cuda.is_available() and not options.tiny:
        print(json.dumps({"name": "gpu", "skipped": "this machine has no GPU that torch can use"}))
        return 0
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    peak = matmul_peak(device, 128 if options.tiny else 8192)
    models = {name: with_fallback(name, options, peak) for name in SAMPLES}
    print(
        json.dumps(
            {
                "name": "gpu",
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                "matmul_peak_tflops": round(peak / 1e12, 3),
                "batch": options.batch,
                "aim_s": AIM_S,
                "models": models,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
