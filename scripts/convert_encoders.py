"""Convert published weights into the files of emo_core/weights, bit by bit the same numbers.

    python scripts/convert_encoders.py --smart-turn FILE.onnx --expression FOLDER [--out FOLDER]

Needs the package `onnx`. Whole numbers stay whole, with a scale for each row or tensor
(`emo_core.io.shipped_weights.shipped_state` multiplies). Prints name, bytes and SHA-256.

--smart-turn: smart-turn-v3.2-cpu.onnx of the wheel of pipecat-ai 1.14.0 (BSD-2-Clause, Daily; a
fine-tuned Whisper tiny, MIT, OpenAI). --expression: folder with face_expression_model.bin and its
-weights_manifest.json of @vladmandic/face-api 1.7.15 (MIT, Vladimir Mandic).
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from emo_core.io.shipped_weights import FOLDER, SCALE, SHIPPED_WEIGHTS, ZERO

BLOCKS = 2  # of the four; the third and fourth know turns of talk, not voices
PREFIX = "inner.encoder."
SOURCES = {  # SHA-256
    "smart-turn": "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
    "expression": "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
}


def main(argv: list[str] | None = None) -> int:
    """Convert what is given; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smart-turn", type=Path)
    parser.add_argument("--expression", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args(argv)
    jobs: list[tuple[str, Path | None, Callable[[Path], dict[str, Tensor]]]] = [
        ("whisper-tiny-2", args.smart_turn, whisper_blocks),
        ("face-expression", args.expression, expression_net),
    ]
    for name, source, convert in jobs:
        if source is not None:
            path = args.out / SHIPPED_WEIGHTS[name].file
            path.write_bytes(save(convert(source)))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            print(f"{path.name} {path.stat().st_size:,} bytes {digest}")
    return 0


def checked_bytes(path: Path, sha256: str) -> bytes:
    """A source file's bytes; ends the program where they are others than were converted."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        sys.exit(f"{path.name} has SHA-256 {found}; expected {sha256}; take that version.")
    return content


def whisper_blocks(path: Path) -> dict[str, Tensor]:
    """Convolutions, positions and the first blocks by transformers' names of WhisperEncoder."""
    import onnx

    graph = onnx.load_model_from_string(checked_bytes(path, SOURCES["smart-turn"])).graph
    tensors = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    state: dict[str, Tensor] = {}
    for name, values in tensors.items():
        if name.startswith(PREFIX) and values.dtype == np.float32 and not _quantised(name):
            state[name.removeprefix(PREFIX)] = torch.from_numpy(values.copy())
    for conv in ("conv1", "conv2"):
        _put(state, f"{conv}.weight", tensors, f"{PREFIX}{conv}.weight", rows=0)
        bias = f"{PREFIX}{conv}.bias_quantized"
        values = tensors[bias].astype(np.float32) * tensors[f"{bias}_scale"]
        state[f"{conv}.bias"] = torch.from_numpy(values)
    for stem, name in _products(graph.node, tensors):
        _put(state, f"{name}.weight", tensors, stem, rows=1)
    return {k: v for k, v in state.items() if _kept(k)}


def _quantised(name: str) -> bool:
    return name.endswith(("_scale", "_zero_point", "_quantized"))


def _kept(name: str) -> bool:
    """Blocks past BLOCKS, and the norm after the last of all, are left out."""
    parts = name.split(".")
    return int(parts[1]) < BLOCKS if parts[0] == "layers" else parts[0] != "layer_norm"


def _put(
    state: dict[str, Tensor], name: str, tensors: dict[str, np.ndarray], stem: str, rows: int
) -> None:
    """Adds an int8 weight, one scale a row; `rows`: the axis that the graph scales along."""
    values, scale = tensors[f"{stem}_quantized"], tensors[f"{stem}_scale"]
    assert values.dtype == np.int8 and not tensors[f"{stem}_zero_point"].any(), stem
    values = values.T if rows == 1 else values
    state[name] = torch.tensor(np.ascontiguousarray(values))
    state[name + SCALE] = torch.from_numpy(scale.copy())


def _products(nodes: Iterable[Any], tensors: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Initialiser stem and module name of each matrix product; keys are those without a bias."""
    nodes = list(nodes)
    readers: dict[str, list[Any]] = {}
    for node in nodes:
        for source in node.input:
            readers.setdefault(source, []).append(node)
    found, block = [], -1
    for node in nodes:
        stem = node.input[1].removesuffix("_DequantizeLinear_Output") if node.input[1:] else ""
        if node.op_type != "MatMul" or f"{stem}_quantized" not in tensors:
            continue
        bias = _bias(node.output[0], readers)
        if bias is None:
            block += 1
            found.append((stem, f"layers.{block}.self_attn.k_proj"))
        elif bias.startswith(PREFIX):
            found.append((stem, bias.removeprefix(PREFIX).removesuffix(".bias")))
    return found


def _bias(output: str, readers: dict[str, list[Any]]) -> str | None:
    """Name of the bias that is added to a product, quantised on the way or not."""
    for node in readers.get(output, []):
        if node.op_type == "Add":
            return next((i for i in node.input if i.endswith(".bias")), None)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            return _bias(node.output[0], readers)
    return None


def expression_net(folder: Path) -> dict[str, Tensor]:
    """Names as in the manifest with dots, kernels as torch has them: (out, in, height, width)."""
    content = checked_bytes(folder / "face_expression_model.bin", SOURCES["expression"])
    text = (folder / "face_expression_model-weights_manifest.json").read_text(encoding="utf-8")
    state, start = {}, 0
    for weight in json.loads(text)[0]["weights"]:
        known = weight.get("quantization")
        kind = np.dtype(known["dtype"] if known else weight["dtype"])
        count = int(np.prod(weight["shape"]))
        values = np.frombuffer(content, kind, count, start).reshape(weight["shape"])
        start += count * kind.itemsize
        name, tensor = _torch_kernel(weight["name"].replace("/", "."), values)
        state[name] = tensor
        if known:
            state[name + SCALE] = torch.tensor([known["scale"]], dtype=torch.float32)
            state[name + ZERO] = torch.tensor([known["min"]], dtype=torch.float32)
    assert start == len(content), "the manifest describes other bytes"
    return state


def _torch_kernel(name: str, values: np.ndarray) -> tuple[str, Tensor]:
    """A TensorFlow weight (height, width, in, out) under torch's name and axes."""
    layer, _, kind = name.rpartition(".")
    if kind == "bias":
        return name, torch.from_numpy(values.copy())
    if kind == "weights":  # of the linear layer
        return f"{layer}.weight", torch.tensor(np.ascontiguousarray(values.T))
    axes = (2, 3, 0, 1) if kind == "depthwise_filter" else (3, 2, 0, 1)
    part = {"depthwise_filter": ".depthwise", "pointwise_filter": ".pointwise"}.get(kind, "")
    return f"{layer}{part}.weight", torch.tensor(np.ascontiguousarray(values.transpose(axes)))


if __name__ == "__main__":
    sys.exit(main())
