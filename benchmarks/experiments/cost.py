"""What every recipe costs: parameters, arithmetic, memory and time of a clip, licence of weights.

Models have random weights, so nothing is fetched. Each is measured in a process of its own, on the
GPU where there is one, else on one thread; a clip is one window of noise, all of it real, and an
answer is computed as `emo predict` does. Reading the clip and finding faces are not counted.

    python -m benchmarks cost [RECIPE ...] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.random_clips import random_clips
from emo_core.checkpoint import load_checkpoint
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.licences import licence_expression, published_weights
from emo_core.models.interface import SupportsFeatures, SupportsFrozenEncoders
from emo_core.models.precision import for_inference
from emo_core.training.recipes import RECIPES, Recipe, find_recipe
from emo_core.training.run import build
from emo_core.training.speed import flop_counter

ROUNDS = 3
SECONDS = 1800  # longest for one recipe; then it is said that it took longer
HEADS = ("recipe", "parameters, M", "learn, M", "GFLOP", "memory, GB", "s", "start from weights of")


def untrained(recipe: Recipe) -> nn.Module:
    """The recipe's model with random weights, its towers fixed where the recipe keeps features."""
    model = build(replace(recipe, settings=replace(recipe.settings, pretrained=False)))
    if recipe.features.windows and isinstance(model, SupportsFeatures):
        model.freeze_towers()
    return model.eval()


def parameters(recipe: Recipe) -> dict[str, float]:
    """Millions of parameters, and of those that learn; counted without memory for them."""
    with torch.device("meta"):
        model = untrained(recipe)
    every = list(model.parameters())
    learn = sum(p.numel() for p in every if p.requires_grad)
    return {
        "parameters_m": round(sum(p.numel() for p in every) / 1e6, 2),
        "learn_m": round(learn / 1e6, 2),
    }


def licence(recipe: Recipe) -> str:
    """SPDX expression of the weights that a run of the recipe starts from; "" = of none."""
    found = []
    if recipe.init_checkpoint:
        found.append(licence_expression(load_checkpoint(recipe.init_checkpoint)))
    with torch.device("meta"):
        model = untrained(recipe)
    if isinstance(model, SupportsFrozenEncoders):
        found += [SHIPPED_WEIGHTS[name].licence for name in model.frozen_encoders().values()]
    found += [one["licence"] for one in published_weights(model, recipe.settings).values()]
    return " AND ".join(dict.fromkeys(" AND ".join(found).split(" AND ")))


def measure(recipe: Recipe, rounds: int = ROUNDS) -> dict[str, Any]:
    """Arithmetic, peak memory and seconds of one clip, in this process."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    before_gb = 0.0 if device.type == "cuda" else resident_gb("VmRSS")  # the programs themselves
    model = untrained(recipe).to(device)
    clip = random_clips(replace(recipe.sample, tokenizer="bytes"), 1, device)
    with torch.inference_mode(), for_inference(model, device):
        model(clip)  # warms up
        memory_gb = peak_gb(device) - before_gb  # before what counts operations is loaded
        spent = [_seconds(lambda: model(clip), device) for _ in range(rounds)]
    with flop_counter() as counter, torch.no_grad():
        model(clip)
    return {
        **parameters(recipe),
        "gflop": round(counter.get_total_flops() / 1e9, 2),
        "memory_gb": round(memory_gb, 2),
        "seconds": round(statistics.median(spent), 3),
        "clock": "GPU" if device.type == "cuda" else "processor",
    }


def resident_gb(field: str) -> float:
    """VmRSS, or VmHWM, its peak, of this process; `getrusage` counts the parent's memory as well.

    Raises OSError where the system is not Linux.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e9
    raise OSError(f"/proc/self/status has no {field}")


def peak_gb(device: torch.device) -> float:
    """Most memory so far, of the GPU or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resident_gb("VmHWM")


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    """Of the GPU by the wall; of the processor its own, so that other programs do not count."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    began = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def measured_apart(name: str) -> dict[str, Any]:
    """`measure` in a process of its own; what it could not is said in `not_measured`."""
    words = [sys.executable, "-m", "benchmarks", "cost", name, "--here"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"not_measured": f"took longer than {SECONDS} s"}
    if done.returncode:
        return {"not_measured": (done.stderr.strip().splitlines() or ["it was killed"])[-1][:200]}
    return json.loads(done.stdout)


def rows(names: list[str], apart: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a recipe; recipes of the same model and input are measured once."""
    known: dict[str, dict[str, Any]] = {}
    found = []
    for name in names:
        recipe = find_recipe(name)
        same = repr((recipe.model, astuple(recipe.settings), astuple(recipe.sample)))
        same += str(recipe.features.windows)
        if same not in known:
            known[same] = apart(name)
        numbers = known[same]
        if "not_measured" in numbers:
            numbers = {**parameters(recipe), **numbers}
        found.append({"recipe": name, **numbers, "licence": licence(recipe)})
        print(f"{name}: {numbers}", file=sys.stderr, flush=True)
    return found


def table(found: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [f"| {' | '.join(HEADS)} |", "|---|" + "---:|" * 5 + "---|"]
    for row in found:
        cells = [f"`{row['recipe']}`", f"{row['parameters_m']:.1f}", f"{row['learn_m']:.1f}"]
        if "not_measured" in row:
            cells += ["–", "–", row["not_measured"]]
        else:
            cells += [f"{row['gflop']:.1f}", f"{row['memory_gb']:.2f}", f"{row['seconds']:.2f}"]
        lines.append(f"| {' | '.join([*cells, row['licence'] or 'none'])} |")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="default: all of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process
    options = parser.parse_args(words)
    if options.here:
        print(json.dumps(measure(find_recipe(options.recipes[0]))))
        return 0
    found = rows(options.recipes or list(RECIPES), measured_apart)
    print(json.dumps({"name": "cost", "recipes": found}) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
