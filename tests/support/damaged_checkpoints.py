"""Damaged checkpoints, seeded: what becomes of each, and what it costs.

    python -m tests.support.damaged_checkpoints FOLDER FIRST COUNT

writes a line of JSON a damage: what it was, the outcome ("same", "other", an error's class), the
message, seconds of processor time, and megabytes of memory above those after the import of torch.
"""

import copy
import json
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from emo_core.checkpoint import CONFIG, SHIPPED, WEIGHTS, load_checkpoint, shipped_checkpoints
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip

CLIP = Path(__file__).parents[2] / "assets" / "examples" / "both_positive.mp4"
ANSWER = ("probabilities", "values", "label", "abstains", "present")
HUGE, LONG = 1 << 34, "x" * 100_000
VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 2, 7, 10**9, 10**30, 1e9, 1e308, -0.5, float("nan"), float("inf")),
    *("", LONG, "late", "../..", None, True, False, [], {}, [10**9] * 9, {"a": {}}, [[[]]]),
)


def leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """Paths of everything in a dict, dicts among it."""
    found = [path] if path else []
    for name, one in value.items() if isinstance(value, dict) else ():
        found += leaves(one, (*path, name))
    return found


def damage_settings(folder: Path, rng: np.random.Generator) -> str:
    """One setting with another value, left out, or beside one that does not exist."""
    config = json.loads((folder / CONFIG).read_text())
    section = sorted(config)[rng.integers(len(config))]  # most of them are of the training
    paths = [path for path in leaves(config) if path[0] == section]
    *above, name = paths[rng.integers(len(paths))]
    part = config
    for key in above:
        part = part[key]
    kind = int(rng.integers(8))
    if kind == 0:
        del part[name]
    elif kind == 1:
        part[f"{name}_too"] = part[name]
    elif kind == 2 and isinstance(part[name], (int, float)):
        part[name] *= 2
    else:
        part[name] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    (folder / CONFIG).write_text(json.dumps(config))
    return f"{'.'.join((*above, name))}, kind {kind}: {str(part.get(name))[:30]}"


def damage_bytes(path: Path, rng: np.random.Generator) -> str:
    """Bytes changed, left out, put in, repeated, cut off."""
    data, kind = path.read_bytes(), int(rng.integers(6))
    near = min(len(data), int(rng.choice([64, 4096, len(data)])))  # the header, or anywhere
    at, length = int(rng.integers(near)), int(rng.choice([1, 4, 64, 4096]))
    noise = rng.bytes(length)
    path.write_bytes(
        (
            data[:at] + noise + data[at + length :],
            data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :],
            data[:at] + data[at + length :],
            data[:at] + noise + data[at:],
            data[:at] + data[at : at + length] * 2 + data[at + length :],
            data[:at],
        )[kind]
    )
    return f"{path.name} at {at}, {length} bytes, kind {kind}"


def damage_numbers(folder: Path, rng: np.random.Generator) -> str:
    """Weights that a safetensors file may well hold: no numbers, huge ones, others, fewer."""
    weights, kind = load_file(folder / WEIGHTS), int(rng.integers(5))
    name = sorted(weights)[rng.integers(len(weights))]
    if kind == 4:
        del weights[name]
    elif weights[name].numel():
        flat = weights[name].view(-1)
        flat[0] = (
            (float("nan"), float("inf"), 1e38, float(flat[0]) + 1)[kind]
            if (flat.dtype.is_floating_point)
            else flat[0] + 1
        )
    save_file(weights, folder / WEIGHTS)
    return f"{name}, kind {kind}"


def damage_whole_file(folder: Path, rng: np.random.Generator) -> str:
    """A file that is no such file at all."""
    kind, path = int(rng.integers(9)), folder / (CONFIG, WEIGHTS)[rng.integers(2)]
    content = (b"", b"[" * 200_000, b"null", b"[]", b"3", b" " * (5 << 20), b"\xff\xfe{}")
    if kind < len(content):
        path.write_bytes(content[kind])
    elif kind == len(content):
        path.unlink()
        path.mkdir()
    else:
        with path.open("r+b") as file:
            file.truncate(HUGE)  # sparse
    return f"{path.name}, kind {kind}"


def damage(folder: Path, number: int) -> str:
    """Damage a checkpoint in place as this number says; return what was done."""
    rng = np.random.default_rng(number)
    kinds = (
        damage_settings,
        damage_settings,
        damage_numbers,
        damage_whole_file,
        lambda *given: damage_bytes(folder / CONFIG, rng),
        lambda *given: damage_bytes(folder / WEIGHTS, rng),
    )
    return kinds[number % len(kinds)](folder, rng)


def answer(folder: Path) -> list:
    """What a checkpoint answers to one clip."""
    found = predict_clip(load_clip(CLIP), load_checkpoint(folder))
    return [getattr(found, name) for name in ANSWER]


def outcome(folder: Path, expected: list) -> tuple[str, str]:
    """("same" or "other", "") or an error's class and message."""
    try:
        return ("same" if answer(folder) == expected else "other"), ""
    except Exception as error:
        return type(error).__name__, str(error)


def main(folder: Path, first: int, count: int) -> None:
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = shipped_checkpoints()
    usual = {name: answer(SHIPPED / name) for name in names}
    for number in range(first, first + count):
        name = names[number % len(names)]
        copied = folder / name
        shutil.copytree(SHIPPED / name, copied)
        done = damage(copied, number)
        started = time.process_time()
        found, message = outcome(copied, usual[name])
        spent = time.process_time() - started
        above = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        row = {"number": number, "checkpoint": name, "damage": done, "outcome": found}
        row |= {"message": message, "cpu_s": round(spent, 3), "above_mb": round(above)}
        print(json.dumps(row), flush=True)
        shutil.rmtree(copied)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
