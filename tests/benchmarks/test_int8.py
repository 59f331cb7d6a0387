"""A graph in int8 answers nearly as before, within the ranges that it was calibrated on."""

from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from benchmarks.experiments import int8


@pytest.fixture(name="graph")
def _graph(tmp_path):
    """One convolution and its ReLU, from `mel` to `logits`."""
    weights = np.random.default_rng(0).normal(0, 0.2, (8, 4, 3, 3)).astype(np.float32)
    shape = [1, 4, 8, 8]
    nodes = [
        helper.make_node("Conv", ["mel", "w"], ["sums"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["sums"], ["logits"], "relu"),
    ]
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("mel", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, 8, 8, 8])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def batches(count, scale=1.0):
    rng = torch.Generator().manual_seed(1)
    made = [scale * torch.randn(1, 4, 8, 8, generator=rng) for _ in range(count)]
    return [SimpleNamespace(mel=mel) for mel in made]


def test_int8_answers_nearly_alike_within_its_ranges(graph):
    windows = int8.Windows(batches(8), ["mel"])
    made = int8.quantized(int8.optimized(graph), int8.WAYS["convolutions"], windows)
    kinds = [node.op_type for node in onnx.load(made).graph.node]
    assert "QuantizeLinear" in kinds and windows.get_next() is None
    plain, small = (
        int8.OnnxModel(int8.open_session(p.read_bytes(), p.name)) for p in (graph, made)
    )
    (inside,) = batches(1)
    expected, found = plain.run(inside)["logits"], small.run(inside)["logits"]
    assert 0 < (found - expected).abs().max() < 0.1 < expected.max()
    (outside,) = batches(1, scale=50.0)
    expected, found = plain.run(outside)["logits"], small.run(outside)["logits"]
    assert (found - expected).abs().max() > 1  # cut off at what calibration saw


def test_labels_that_differ_are_counted_and_moments_have_none():
    expected = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert int8.other_labels(torch.tensor([[2.0, 1.0], [3.0, 0.0]]), expected) == 1
    assert int8.other_labels(torch.zeros(2, 4, 2), torch.ones(2, 4, 2)) is None
