"""Ways to compute an answer faster: processor time beside eager float32, and how far logits move.

Windows of the examples, one at a time, one thread, every way warm and shuffled among the others. An
answer is what `emo predict` computes of a window: the scores of each subset of its modalities.
Compiling needs a C++ compiler; where it fails, why is said in its place.

    python -m benchmarks forward [MODEL ...]    default: every shipped checkpoint
"""

import argparse
import copy
import itertools
import json
import os
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
from emo_core.checkpoint import load_checkpoint, shipped_checkpoints
from emo_core.clip import load_clip
from emo_core.inference.modality_shapley import answer_by_subset, modalities, subsets_of
from emo_core.inference.onnx_export import export_onnx
from emo_core.inference.onnx_runtime import load_onnx
from emo_core.models.precision import autocast
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import decode_windows, to_sample, window_spans
from emo_core.training.trainer import channels_last

EXAMPLES = sorted(Path(__file__).resolve().parents[2].glob("assets/examples/*.mp4"))
TEXT = "I would love to"  # for models that read words
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


def compiled(model: nn.Module) -> nn.Module:
    """The same with its parts in the hands of torch.compile, in place."""
    model.compile()
    for part in ("encode", "fuse"):  # what is called of a model of two streams
        if hasattr(model, part):
            setattr(model, part, torch.compile(getattr(model, part)))
    return model


def windows_of(name: str) -> list[Batch]:
    """Every window of the examples as a batch of its own."""
    config, found = load_checkpoint(name).sample, []
    for path in EXAMPLES:
        clip = load_clip(path, TEXT)
        spans = window_spans(clip.duration_s, config.window_s)
        found += [collate([to_sample(w, config)]) for w in decode_windows(clip, config, spans)]
    return found


Answer = Callable[[Batch], Tensor]


def ways(name: str, folder: Path) -> dict[str, Answer]:
    """Every way to answer a window, by its name: (1,) batches -> logits of each subset."""
    checkpoint = load_checkpoint(name)
    subsets = subsets_of(modalities(checkpoint))
    plain = checkpoint.model
    tuned = channels_last(folded(copy.deepcopy(plain)))
    export_onnx(name, folder / f"{name}.onnx")

    def of(model: nn.Module, bf16: bool = False) -> Answer:
        def answer(batch: Batch) -> Tensor:
            with torch.inference_mode(), autocast(torch.device("cpu"), bf16):
                each = answer_by_subset(model, batch)
                return torch.stack([each(subset).logits.float() for subset in subsets])

        return answer

    return {
        EAGER: of(plain),
        "channels-last weights": of(channels_last(copy.deepcopy(plain))),
        "folded normalisation": of(folded(copy.deepcopy(plain))),
        "both": of(tuned),
        "bfloat16": of(plain, bf16=True),
        "both, bfloat16": of(tuned, bf16=True),
        "compiled": of(compiled(copy.deepcopy(plain))),
        "compiled, bfloat16": of(compiled(copy.deepcopy(plain)), bf16=True),
        "ONNX Runtime": of(load_onnx(folder / f"{name}.onnx").model),
    }


def processor_s() -> float:
    """Processor time of this process and of those that it waited for, such as a compiler."""
    return sum(os.times()[:4])


def measure(name: str, rounds: int, asked: list[str]) -> dict[str, dict[str, object]]:
    """Processor time of the ways asked for beside eager float32, and their logits beside those."""
    windows, found = windows_of(name), {}
    with tempfile.TemporaryDirectory(prefix="emo-forward-") as folder:
        every = ways(name, Path(folder))
    answers = {label: way for label, way in every.items() if label in (EAGER, *(asked or every))}
    expected = [answers[EAGER](batch) for batch in windows]
    for label in list(answers):
        began = processor_s()
        try:
            logits = [answers[label](batch) for batch in windows]
        except Exception as error:  # of torch's compiler or the C++ compiler, of many classes
            answers.pop(label)
            found[label] = {"failed": " ".join(str(error).split())[:200]}
            continue
        found[label] = {**beside(logits, expected), "first_s": round(processor_s() - began, 1)}
    turn = itertools.count()
    spent = shuffled_times(
        {label: lambda f=f: f(windows[next(turn) % len(windows)]) for label, f in answers.items()},
        rounds * len(windows),
        clock=time.process_time,
    )
    medians = {label: statistics.median(times) for label, times in spent.items()}
    for label, median in medians.items():
        found[label] |= {
            "ratio": round(median / medians[EAGER], 3),
            "ms": round(1000 * median, 1),
        }
    return found


def beside(logits: list[Tensor], expected: list[Tensor]) -> dict[str, object]:
    """How far logits are from those of eager float32, how large those are, and the labels."""
    pairs = list(zip(logits, expected, strict=True))
    return {
        "apart": float(f"{max(float((a - b).abs().max()) for a, b in pairs):.2g}"),
        "of_up_to": round(max(float(b.abs().max()) for b in expected), 1),
        "same_labels": all(bool((a[-1].argmax(-1) == b[-1].argmax(-1)).all()) for a, b in pairs),
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="over all windows")
    about = "only these beside eager float32, such as 'ONNX Runtime'"
    parser.add_argument("--ways", nargs="+", default=[], metavar="WAY", help=about)
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    names = options.models or shipped_checkpoints()
    found = {name: measure(name, options.rounds, options.ways) for name in names}
    print(json.dumps({"name": "forward", "models": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
