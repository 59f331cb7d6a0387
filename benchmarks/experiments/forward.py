"""Ways to compute an answer faster: processor time beside eager float32, and how far logits move.

Windows of the examples, one at a time, one thread, every way shuffled among the others. An answer
is what `emo predict` computes of a window: the scores of picture and sound, of each, and of none.

    python -m benchmarks forward [MODEL ...]
"""

import argparse
import copy
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.common import shuffled_times
from emo_core.checkpoint import load_checkpoint
from emo_core.clip import load_clip
from emo_core.inference.modality_shapley import answer_by_subset, modalities, subsets_of
from emo_core.inference.onnx_export import export_onnx
from emo_core.inference.onnx_runtime import load_onnx
from emo_core.models.precision import autocast
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import decode_windows, to_sample, window_spans
from emo_core.training.trainer import channels_last

EXAMPLES = sorted(Path(__file__).resolve().parents[2].glob("assets/examples/*.mp4"))
MODELS = ("group-collage", "group-people")
ROUNDS = 15
EAGER = "eager float32"


def folded(model: nn.Module) -> nn.Module:
    """The same with every batch norm that follows a convolution worked into it, in place."""
    for module in model.modules():
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            first, second = module[index], module[index + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(first, second)
                module[index + 1] = nn.Identity()
    return model


def windows_of(name: str) -> list[Batch]:
    """Every window of the examples as a batch of its own."""
    config, found = load_checkpoint(name).sample, []
    for path in EXAMPLES:
        clip = load_clip(path)
        spans = window_spans(clip.duration_s, config.window_s)
        found += [collate([to_sample(w, config)]) for w in decode_windows(clip, config, spans)]
    return found


Answer = Callable[[Batch], Tensor]


def ways(name: str) -> dict[str, Answer]:
    """Every way to answer a window, by its name: (1,) batches -> logits of each subset."""
    checkpoint = load_checkpoint(name)
    subsets = subsets_of(modalities(checkpoint))
    plain = checkpoint.model
    tuned = channels_last(folded(copy.deepcopy(plain)))
    models = {
        EAGER: plain,
        "channels-last weights": channels_last(copy.deepcopy(plain)),
        "folded normalisation": folded(copy.deepcopy(plain)),
        "both": tuned,
    }
    file = Path(tempfile.mkdtemp(prefix="emo-forward-")) / f"{name}.onnx"
    export_onnx(name, file)
    graph = load_onnx(file).model

    def of(model: nn.Module, bf16: bool = False) -> Answer:
        def answer(batch: Batch) -> Tensor:
            with torch.inference_mode(), autocast(torch.device("cpu"), bf16):
                each = answer_by_subset(model, batch)
                return torch.stack([each(subset).logits.float() for subset in subsets])

        return answer

    answers = {label: of(model) for label, model in models.items()}
    answers["bfloat16"] = of(plain, bf16=True)
    answers["both, bfloat16"] = of(tuned, bf16=True)
    answers["ONNX Runtime"] = of(graph)
    return answers


def measure(name: str, rounds: int) -> dict[str, dict[str, object]]:
    """Processor time of each way beside eager float32, and its logits beside those."""
    windows, answers = windows_of(name), ways(name)
    expected = [answers[EAGER](batch) for batch in windows]
    turn = itertools.count()
    spent = shuffled_times(
        {label: lambda f=f: f(windows[next(turn) % len(windows)]) for label, f in answers.items()},
        rounds * len(windows),
        clock=time.process_time,
    )
    medians = {label: statistics.median(times) for label, times in spent.items()}
    found = {}
    for label, answer in answers.items():
        logits = [answer(batch) for batch in windows]
        pairs = list(zip(logits, expected, strict=True))
        found[label] = {
            "ratio": round(medians[label] / medians[EAGER], 3),
            "ms": round(1000 * medians[label], 1),
            "apart": float(f"{max(float((a - b).abs().max()) for a, b in pairs):.2g}"),
            "same_labels": all(
                bool((a[-1].argmax(-1) == b[-1].argmax(-1)).all()) for a, b in pairs
            ),
        }
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="over all windows")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    found = {name: measure(name, options.rounds) for name in options.models}
    print(json.dumps({"name": "forward", "models": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
