"""Training of paper-size and strong recipes on a GPU: clips/s, share of its matmul peak, memory.

VGAF-sized random clips lie on the GPU as bytes; batches are gathered and normalised there, and the
Trainer's own step runs, with fixed backbones in it where the recipe fixes them. Weights are random,
so nothing is fetched. Aim for `group-vgaf` with 16 frames: 30 epochs in 90 s on one H200.
`python -m benchmarks gpu --compile default` fuses normalisation and activation; `reduce-overhead`
adds CUDA graphs.
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

from benchmarks.common import FixedBatches
from benchmarks.random_clips import random_clips
from emo_core.preprocess.batch import Batch
from emo_core.training.recipes import Recipe, find_recipe
from emo_core.training.run import build
from emo_core.training.settings import with_setting
from emo_core.training.speed import flop_counter, matmul_peak, peak_memory_gb
from emo_core.training.trainer import TrainConfig, Trainer

CLIPS, EPOCHS, AIM_S = 2661, 30, 90.0  # VGAF's training clips; the run that is aimed at
WARM_STEPS = 3
SKIPPED = (
    "this machine has no GPU that torch can use; on one, clips/s, share of the matmul peak "
    "measured there and peak memory of each recipe are printed"
)
FACES = ("sample.width=8", "sample.height=8")  # whole frames are not read
RECIPES = {  # with what differs from the recipe here
    "group-vgaf": ("sample.frames=16",),
    "fe2e-mosei": FACES,
    "mesm-mosei": FACES,
    "jmt-affwild2": FACES,
    "jmt-affwild2-end-to-end": FACES,
    "group-clip": (),
    "group-siglip2": (),
    "group-wavlm": (),
    "mesm-wavlm": (),
    "jmt-wavlm": FACES,
}
SMALL_FRAMES = ("sample.width=32", "sample.height=32", "sample.window_s=1")
SLIM = ("video_backbone=slim", "audio_backbone=slim", "settings.width=32", "video_widths=8,16")
SMALL_TEXT = (
    *("text_encoder=bytes", "vocabulary=260", "text_width=32", "text_layers=1", "text_heads=2"),
    *("text_feed_forward=32", "widths=4,8,8,8", "hidden=16", "layers=1", "feed_forward=32"),
    *("sample.window_s=1", "text_length=12", "sample.frames=2"),
)
SMALL_STEPS = ("sample.frames=32", "sample.window_s=5", "face_size=32")
TINY = {  # the same recipes at pocket size, for the test
    "group-vgaf": ("sample.frames=4", *SMALL_FRAMES, *SLIM),
    "fe2e-mosei": SMALL_TEXT,
    "mesm-mosei": SMALL_TEXT,
    "jmt-affwild2": (*SMALL_STEPS, *SLIM),
    "jmt-affwild2-end-to-end": (*SMALL_STEPS, *SLIM),
    "group-clip": ("video_backbone=clip_tiny", *SMALL_FRAMES),
    "group-siglip2": ("video_backbone=siglip2_tiny", *SMALL_FRAMES),
    "group-wavlm": ("video_backbone=clip_tiny", "audio_backbone=wavlm_tiny", *SMALL_FRAMES),
    "mesm-wavlm": ("audio_encoder=wavlm_tiny", *SMALL_TEXT, "sample.width=64", "sample.height=48"),
    "jmt-wavlm": (*SMALL_STEPS, "video_backbone=slim", "audio_encoder=wavlm_tiny", *SLIM[2:]),
}


def recipe_of(name: str, tiny: bool) -> Recipe:
    """The recipe as it is measured, with random weights."""
    recipe = find_recipe(name)
    for text in ("pretrained=false", *RECIPES[name], *(TINY[name] if tiny else ())):
        recipe = with_setting(recipe, text)
    return recipe


class Distance:
    """Stands for every task: its loss costs nothing beside the towers."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(logits.float(), target)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Wall time of `run` until the device is done."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    started = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - started


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
    """One recipe's numbers."""
    recipe = recipe_of(name, options.tiny)
    trainer = Trainer(build(recipe), Distance(), TrainConfig(batch_size=options.batch))
    device, count = trainer.device, 2 * options.batch if options.tiny else CLIPS
    clips = random_clips(recipe.sample, count, device)
    with torch.no_grad():
        shape = trainer.model.eval()(clips[:2]).logits.shape
    clips = replace(clips, target=torch.rand(count, *shape[1:], device=device))
    trainer.model.train()
    few = clips[: options.batch]
    with flop_counter() as counter:
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
        "gflop_per_clip": round(flops / 1e9, 3),
        "peak_memory_gb": peak_memory_gb(device) if device.type == "cuda" else None,
        f"seconds_{EPOCHS}_epochs": round(spent / trained * CLIPS * EPOCHS, 1),
        "epochs_timed": options.epochs,
        "warm_up_s": round(warm_s, 1),
        "compiled": options.compile,
    }


def with_fallback(name: str, options: argparse.Namespace, peak: float) -> dict:
    """`measure`; eager where compiling fails, a reason where the recipe can't run at all."""
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
    about = f"default: all of {', '.join(RECIPES)}"
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=about)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3, help=f"timed; {EPOCHS} are extrapolated")
    parser.add_argument("--compile", choices=["default", "reduce-overhead", "max-autotune"])
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)  # for the test
    options = parser.parse_args(words)
    if unknown := set(options.recipes) - set(RECIPES):
        parser.error(f"{', '.join(sorted(unknown))}: {about}")
    if not torch.cuda.is_available() and not options.tiny:
        print(json.dumps({"name": "gpu", "skipped": SKIPPED}))
        return 0
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    peak = matmul_peak(device, bf16=True, side=128 if options.tiny else 0)
    measured = {n: with_fallback(n, options, peak) for n in options.recipes or RECIPES}
    print(
        json.dumps(
            {
                "name": "gpu",
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                "matmul_peak_tflops": round(peak / 1e12, 3),
                "batch": options.batch,
                "aim_s": AIM_S,
                "recipes": measured,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
