"""What plainer methods read on the same held-out faces and voices as the shipped model.

    python -m benchmarks.experiments.baselines [--of face voice] [--minutes 10] [--seeds 0 1 2]
        [--out FILE]

torchvision's ResNet-18 from scratch for so many minutes of one thread, on photographs alone or
voices alone of training people. Nothing is chosen on anybody: the last weights are scored, once.
Regressions on counted features and on frozen encoders stand in `real`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from benchmarks.experiments.real import mean_and_interval
from benchmarks.experiments.stated_sources import REAL, with_statement
from emo_core import metrics
from emo_core.preprocess.augment import spec_augment
from emo_core.preprocess.log_mel import MelConfig
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.pretraining import voice_mel
from emo_core.synthetic.composed.sources import SourceItem, SourcePool, photograph, read_sources

KINDS = {"face": "faces", "voice": "voices"}
BATCH, RATE, DECAY = 64, 1e-3, 5e-2
CROPS = {"face": (112, 112), "voice": (256, 64)}  # of 128x128 pixels; of log-mel, 2.6 s long


def targets(parts: list[SourceItem]) -> np.ndarray:
    """Polarities as class indices."""
    return np.array([POLARITIES.index(part.polarity) for part in parts])


def values(part: SourceItem) -> np.ndarray:
    """What ResNet-18 sees: standardised pixels or log-mel, at least as large as a crop."""
    if part.kind == "face":
        found = photograph(part.path).astype(np.float32)
    else:
        found = voice_mel(part.path, MelConfig())
        missing = max(0, CROPS["voice"][0] - len(found))
        found = np.pad(found, ((0, missing), (0, 0)), constant_values=found.min())
    return (found - found.mean()) / (found.std() + 1e-3)


def cropped(found: np.ndarray, kind: str, rng: np.random.Generator | None) -> np.ndarray:
    """A crop, half of the faces mirrored, voices with bands and moments missing; else the middle.

    rng: None for the middle as it is.
    """
    spare = np.subtract(found.shape, CROPS[kind])
    top, left = spare // 2 if rng is None else rng.integers(0, spare + 1)
    height, width = CROPS[kind]
    crop = found[top : top + height, left : left + width]
    if rng is None:
        return crop
    if kind == "face":
        return crop[:, ::-1] if rng.random() < 0.5 else crop
    crop = crop.copy()
    spec_augment(crop, 1.0, rng)
    return crop


def network(train: list[SourceItem], test: list[SourceItem], minutes: float, seed: int) -> Tensor:
    """Scores (n, 3) of `test` by a ResNet-18; every polarity is drawn as often."""
    torch.manual_seed(seed)
    rng, kind = np.random.default_rng(seed), train[0].kind
    model = resnet18(weights=None, num_classes=len(POLARITIES))
    model.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    shown, target = [values(part) for part in train], targets(train)
    rows = [np.flatnonzero(target == label) for label in range(len(POLARITIES))]
    start, steps = time.process_time(), 0  # whatever else this machine does
    while (spent := (time.process_time() - start) / 60 / minutes) < 1:
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, 20 * spent) * (1 - spent)
        labels = rng.integers(len(POLARITIES), size=BATCH)
        crops = [cropped(shown[rng.choice(rows[label])], kind, rng) for label in labels]
        batch = torch.from_numpy(np.stack(crops))[:, None].contiguous(
            memory_format=torch.channels_last
        )
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch)
        loss = nn.functional.cross_entropy(
            logits.float(), torch.from_numpy(labels), label_smoothing=0.1
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    print(f"{kind}, seed {seed}: {steps} batches of {BATCH}", file=sys.stderr, flush=True)
    with torch.inference_mode():
        model.eval()
        middles = np.stack([cropped(values(part), kind, None) for part in test])
        return torch.cat([model(b[:, None]) for b in torch.from_numpy(middles).split(BATCH)])


def scores(logits: Tensor, test: list[SourceItem]) -> dict[str, float]:
    """UAR of all and of each source."""
    target, told = targets(test), logits.argmax(-1).numpy()
    sources = np.array([part.source for part in test])
    chosen = {"": np.ones(len(test), bool)}
    chosen |= {f": {name}": sources == name for name in sorted(set(sources))}
    return {
        name: metrics.uar(metrics.confusion(target[rows], told[rows], len(POLARITIES)))
        for name, rows in chosen.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sources", type=Path, default=REAL, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=10, help="of one thread, a network")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--of", choices=[*KINDS], nargs="+", default=[*KINDS])
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--out", type=Path, metavar="FILE")
    args = parser.parse_args()
    if not args.sources.is_dir():
        print(
            f"{args.sources} is not here; give --sources with the photographs and recordings.",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(1)
    with with_statement(args.sources) as folder:
        return _compare(args, read_sources(folder))


def _compare(args: argparse.Namespace, sources: SourcePool) -> int:
    """Score the networks on the held-out people and print the table."""
    found: dict = {}
    for kind in args.of:
        folder = KINDS[kind]
        train, test = sources.items_of(kind, "train"), sources.items_of(kind, args.split)
        seeds = []
        for seed in args.seeds:
            seeds.append(scores(network(train, test, args.minutes, seed), test))
            print(f"{folder}, seed {seed}: {seeds[-1]}", file=sys.stderr)
        found |= {folder + name: [row[name] for row in seeds] for name in seeds[0]}
    lines = [
        f"| UAR, the same held-out people | ResNet-18, {args.minutes:g} minutes |",
        "|---|---|",
    ]
    lines += [f"| {name} | {mean_and_interval(row)} |" for name, row in found.items()]
    text = "\n".join(lines) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(json.dumps({"name": "baselines", "split": args.split, "scores": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
