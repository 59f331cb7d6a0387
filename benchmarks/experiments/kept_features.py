"""An epoch from kept features against one with the backbone in it, and what keeping them costs.

`group-clip` with CLIP ViT-B/16 of random weights on 64 windows of noise, decoded beforehand, in
processor time of one thread: the Trainer's own epoch either way, and `emo features` against bare
calls of the backbone on the same frames.

    python -m benchmarks kept_features [--backbone clip_tiny --windows 8]
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import report
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader, prepare
from emo_core.models.layers.published import BACKBONES
from emo_core.models.precision import for_inference
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import DecodedWindow, SampleConfig, frame_times
from emo_core.training.feature_cache import AT_ONCE
from emo_core.training.feature_data import with_features
from emo_core.training.pretrain import Data
from emo_core.training.recipes import Recipe, find_recipe
from emo_core.training.run import build
from emo_core.training.trainer import Trainer

BOUND, MOST_KEEPING = 50.0, 1.1  # times faster; keeping beside the bare backbone


@dataclass(frozen=True)
class Noise:
    """A window of noise, as the cache keeps it."""

    index: int
    regime = None
    processes = False

    @property
    def name(self) -> str:
        return f"noise/{self.index}"

    @property
    def target(self) -> int:
        return self.index % 3

    @property
    def group(self) -> str:
        return str(self.index)

    def key(self, cache: Cache) -> str:
        return f"noise{self.index}"

    def decode(self, config: SampleConfig) -> DecodedWindow:
        rng = np.random.default_rng(self.index)
        size = (config.frames, config.height, config.width, 3)
        samples = round(config.window_s * config.mel.rate)
        return DecodedWindow(
            rng.integers(0, 256, size, dtype=np.uint8),
            frame_times(config).astype(np.float32),
            rng.integers(-9000, 9000, samples, dtype=np.int16),
            config.window_s,
            config.window_s,
        )


def recipe_of(backbone: str) -> Recipe:
    """group-clip with another backbone of random weights, one epoch."""
    recipe, reads = find_recipe("group-clip"), BACKBONES[backbone]
    side = reads.reads.get("side", reads.settings["image_size"])
    return replace(
        recipe,
        settings=replace(recipe.settings, video_backbone=backbone, pretrained=False),
        sample=replace(recipe.sample, width=side, height=side),
        train=replace(recipe.train, epochs=1),
    )


def processor_s(run: Callable[[], object]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def measure(recipe: Recipe, windows: int) -> dict[str, float]:
    """Processor seconds of an epoch either way, of keeping features, and of the bare backbone."""
    cache = Cache(recipe.sample)
    parts = [[Noise(i) for i in range(n)] for n in (windows, windows + 4)]
    sets = [ClipDataset(part, cache) for part in (parts[0], parts[1][windows:])]
    prepare(parts[1], cache)
    size = recipe.train.batch_size
    data = Data(Loader(sets[0], size, True), Loader(sets[1], size, False), ())

    def epoch(model: Any, of: Data) -> Callable[[], object]:
        trainer = Trainer(model, recipe.task, recipe.train)
        return lambda: list(trainer.epochs(of.train, None))

    model = build(recipe)
    frames = [sets[0][0, i][0] for i in range(windows)]
    batches = [collate(frames[n : n + AT_ONCE]) for n in range(0, windows, AT_ONCE)]
    backbone = model.video.backbone.eval()

    def bare(shown: list[Batch]) -> None:
        with torch.inference_mode(), for_inference(model, torch.device("cpu")):
            for batch in shown:
                backbone(batch.video, batch.video_mask, batch.video_times_s)

    bare([batches[0][:1]])  # warms up
    found = {"bare_s": processor_s(lambda: bare(batches))}
    kept: list[Data] = []
    found["keeping_s"] = processor_s(lambda: kept.append(with_features(recipe, model, data)))
    found["epoch_kept_s"] = processor_s(epoch(model, kept[0]))
    found["epoch_with_backbone_s"] = processor_s(epoch(model, data))
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="clip_vit_b_16")
    parser.add_argument("--windows", type=int, default=64)
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="emo-kept-") as folder:
        os.environ["EMO_CACHE"] = str(Path(folder))
        found = measure(recipe_of(options.backbone), options.windows)
    ratio = found["epoch_with_backbone_s"] / found["epoch_kept_s"]
    keeping = round(found["keeping_s"] / found["bare_s"], 3)
    facts = {name: round(value, 2) for name, value in found.items()}
    facts |= {"keeping_to_bare": keeping, "most_keeping": MOST_KEEPING}
    broken = report("kept_features", ratio, BOUND, False, **facts)
    return int(broken or keeping > MOST_KEEPING)


if __name__ == "__main__":
    sys.exit(main())
