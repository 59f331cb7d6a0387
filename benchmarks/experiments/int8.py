"""Static int8 by ONNX Runtime: accuracy on people held out, and processor time.

Calibrated on windows of the train split alone, chosen on val; test is scored once with `--split
test`. One thread, ways shuffled among each other.

    python -m benchmarks int8 --data CORPUS [--model group-collage] [--split val]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import shuffled_times
from emo_core.checkpoint import Checkpoint, load_checkpoint
from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, corpus_windows, prepare
from emo_core.inference.onnx_export import export_onnx
from emo_core.inference.onnx_runtime import OnnxModel, open_session
from emo_core.preprocess.batch import Batch, collate

CALIBRATED, ROUNDS = 128, 40  # windows of train; timed answers
KINDS = {"int8, convolutions": ["Conv"], "int8, all": ["Conv", "MatMul", "Gemm"]}


def windows(
    checkpoint: Checkpoint, root: Path, split: str, most: int = 0
) -> tuple[list[Batch], Tensor]:
    """Each window of a split as a batch of its own, and their classes."""
    corpus = read_corpus("collage", root)
    found = corpus_windows(corpus, corpus.split(split), checkpoint.labels.index)
    usable, _ = prepare(found[:most] if most else found, Cache(checkpoint.sample))
    data = ClipDataset(usable, Cache(checkpoint.sample))
    batches = [collate([data[0, i][0]]) for i in range(len(data))]
    return batches, torch.tensor([window.target for window in usable])


class Reader:
    """What the quantiser is shown, one window at a time."""

    def __init__(self, names: list[str], batches: list[Batch]) -> None:
        self.feeds: Iterator[dict[str, Any]] = iter(
            [{name: getattr(batch, name).numpy() for name in names} for batch in batches]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self.feeds, None)


def quantised(file: Path, operators: list[str], batches: list[Batch]) -> bytes:
    """The graph in a file with these operators in int8, activations by what the batches show."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    names = OnnxModel(open_session(file.read_bytes(), file.name)).input_names
    out = file.with_suffix(".int8.onnx")
    quantize_static(
        str(file),
        str(out),
        Reader(names, batches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=operators,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    return out.read_bytes()


def uar(logits: Tensor, truth: Tensor) -> float:
    """Mean recall of the classes."""
    right = logits.argmax(-1) == truth
    return float(torch.stack([right[truth == c].float().mean() for c in truth.unique()]).mean())


def measure(name: str, root: Path, split: str) -> dict[str, Any]:
    """By way to compute: accuracy, unweighted recall, agreement with torch, time beside it."""
    checkpoint = load_checkpoint(name)
    train, _ = windows(checkpoint, root, "train", CALIBRATED)
    held, truth = windows(checkpoint, root, split)
    file = Path(tempfile.mkdtemp(prefix="emo-int8-")) / f"{name}.onnx"
    export_onnx(name, file)
    models: dict[str, Any] = {"torch float32": checkpoint.model}
    models["ONNX float32"] = OnnxModel(open_session(file.read_bytes(), name))
    for kind, operators in KINDS.items():
        models[kind] = OnnxModel(open_session(quantised(file, operators, train), name))
    with torch.inference_mode():
        logits = {k: torch.cat([m(batch).logits for batch in held]) for k, m in models.items()}
        spent = shuffled_times(
            {k: lambda m=m: m(held[0]) for k, m in models.items()}, ROUNDS, clock=time.process_time
        )
    plain, base = logits["torch float32"], statistics.median(spent["torch float32"])
    return {
        kind: {
            "n": len(truth),
            "accuracy": round(float((own.argmax(-1) == truth).float().mean()), 4),
            "uar": round(uar(own, truth), 4),
            "same_labels": round(float((own.argmax(-1) == plain.argmax(-1)).float().mean()), 4),
            "apart": round(float((own - plain).abs().max()), 3),
            "time_ratio": round(statistics.median(spent[kind]) / base, 3),
        }
        for kind, own in logits.items()
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS", help="of collage")
    parser.add_argument("--model", action="append", metavar="NAME")
    parser.add_argument("--split", choices=["val", "test"], default="val")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    names = options.model or ["group-collage", "group-people"]
    found = {name: measure(name, options.data, options.split) for name in names}
    print(json.dumps({"name": "int8", "split": options.split, "models": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
