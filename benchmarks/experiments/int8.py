"""Static int8 by ONNX Runtime: scores on held-out people and processor time, beside float32.

Ranges are calibrated on clips of train, weights are quantized a channel at a time (QDQ). Ways are
chosen on val; `--split test` scores the people of test. CORPUS is made by `emo data make`.

    python -m benchmarks int8 MODEL --data CORPUS --corpus NAME [--split val|test]
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import shuffled_times
from emo_core.checkpoint import Checkpoint, load_checkpoint
from emo_core.corpora import CORPORA, read_corpus
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus
from emo_core.data.dataset import ClipDataset, corpus_windows, prepare
from emo_core.inference.modality_shapley import answer_by_subset, modalities, subsets_of
from emo_core.inference.onnx_export import SUBSET_LOGITS, export_onnx
from emo_core.inference.onnx_runtime import OnnxModel, OnnxStreams, open_session
from emo_core.preprocess.batch import Batch, collate
from emo_core.training.run import answer_corpus, window_target
from emo_core.training.trainer import split_scores

WAYS = {  # what is computed in int8
    "convolutions": ("Conv",),
    "convolutions and sums": ("Conv", "Add", "Relu", "MaxPool"),
    "convolutions and products": ("Conv", "MatMul", "Gemm"),
}
EAGER, ONNX = "torch float32", "ONNX float32"


class Windows:
    """Windows of train one at a time, as onnxruntime's calibration asks for them."""

    def __init__(self, batches: list[Batch], names: list[str]) -> None:
        self.feeds: Iterator[dict[str, np.ndarray]] = (
            {name: getattr(batch, name).numpy() for name in names} for batch in batches
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def train_windows(checkpoint: Checkpoint, corpus: Corpus, count: int) -> list[Batch]:
    """The first windows of train, one in each batch."""
    cache = Cache(checkpoint.sample)
    target = window_target(checkpoint.task, checkpoint.sample, checkpoint.settings)
    found = corpus_windows(corpus, corpus.split("train")[:count], target)
    data = ClipDataset(prepare(found, cache)[0], cache)
    return [collate([data[0, index][0]]) for index in range(len(data))]


def optimized(path: Path) -> Path:
    """The graph with what ONNX Runtime folds beforehand, such as normalisation in convolutions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path.with_suffix(".basic.onnx"))
    options.log_severity_level = 4
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Path(options.optimized_model_filepath)


def quantized(path: Path, operators: tuple[str, ...], windows: Windows) -> Path:
    """The graph with these operators in int8: activations unsigned, weights by channel."""
    from onnxruntime import quantization

    out = path.with_name("-".join(operators) + ".onnx")
    quantization.quantize_static(
        path,
        out,
        windows,
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=list(operators),
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},  # attention's products stay in float32
    )
    return out


def graphs(checkpoint: Checkpoint, batches: list[Batch], folder: Path) -> dict[str, Path]:
    """The model as ONNX in float32, and in int8 in every way, by the name of the way."""
    plain = folder / "model.onnx"
    export_onnx(checkpoint.name, plain)
    names = opened(checkpoint, plain).input_names
    basic = optimized(plain)
    int8 = {n: quantized(basic, ops, Windows(batches, names)) for n, ops in WAYS.items()}
    return {ONNX: plain, **int8}


def opened(checkpoint: Checkpoint, path: Path) -> OnnxModel:
    """A graph as a model, whatever its digest."""
    session = open_session(path.read_bytes(), path.name)
    if SUBSET_LOGITS in [one.name for one in session.get_outputs()]:
        return OnnxStreams(session, [sorted(s) for s in subsets_of(modalities(checkpoint))])
    return OnnxModel(session)


def measure(name: str, corpus: Corpus, split: str, clips: int, rounds: int) -> dict[str, Any]:
    """Scores of a split and processor time of a window, by the way of computing."""
    checkpoint = load_checkpoint(name)
    batches = train_windows(checkpoint, corpus, clips)
    with tempfile.TemporaryDirectory(prefix="emo-int8-") as folder:
        paths = graphs(checkpoint, batches, Path(folder))
        models = {way: opened(checkpoint, path) for way, path in paths.items()}
        sizes = {way: round(path.stat().st_size / 1e6, 2) for way, path in paths.items()}
    answers, task = answer_corpus(checkpoint, corpus, split), checkpoint.task
    logits = {EAGER: answers.logits}
    for way, model in models.items():
        every = answers.loader.epoch(0)
        rows = (batch[i : i + 1] for batch in every for i in range(len(batch)))  # little memory
        logits[way] = torch.cat([model(row).logits for row in rows])
    spent = times(checkpoint, {EAGER: checkpoint.model, **models}, batches, rounds)
    medians = {way: statistics.median(seconds) for way, seconds in spent.items()}
    found: dict[str, Any] = {"n": len(answers.logits), "calibrated_on": len(batches)}
    for way, one in logits.items():
        scores = split_scores(task, one, answers.truth, answers.loader, checkpoint.calibration)
        names = (task.main, "uar", "auc")
        found[way] = {
            **{n: round(float(scores[n]), 4) for n in names if n in scores},
            "apart": round(float((one - answers.logits).abs().max()), 3),
            "other_labels": other_labels(one, answers.logits),
            "ms": round(1000 * medians[way], 1),
            "ratio": round(medians[way] / medians[ONNX], 3),
            "mb": sizes.get(way),
        }
    return found


def other_labels(logits: Tensor, expected: Tensor) -> int | None:
    """How many windows have another most probable label; None of moments, which have no labels."""
    if logits.dim() > 2:
        return None
    return int((logits.argmax(1) != expected.argmax(1)).sum())


def times(
    checkpoint: Checkpoint, models: Mapping[str, nn.Module], batches: list[Batch], rounds: int
) -> dict[str, list[float]]:
    """Processor seconds of a whole answer to a window, that to every subset of modalities."""
    subsets = subsets_of(modalities(checkpoint))
    turn = itertools.count()

    def answer(model: nn.Module) -> None:
        with torch.inference_mode():
            each = answer_by_subset(model, batches[next(turn) % len(batches)])
            for subset in subsets:
                each(subset)

    ways = {way: partial(answer, model) for way, model in models.items()}
    return shuffled_times(ways, rounds, clock=time.process_time)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--corpus", choices=list(CORPORA), required=True)
    parser.add_argument("--split", choices=["val", "test"], default="val")
    parser.add_argument("--clips", type=int, default=128, help="of train, to calibrate on")
    parser.add_argument("--rounds", type=int, default=100, help="of timing")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    corpus = read_corpus(options.corpus, options.data)
    found = {
        name: measure(name, corpus, options.split, options.clips, options.rounds)
        for name in options.models
    }
    print(json.dumps({"name": "int8", "split": options.split, "models": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
