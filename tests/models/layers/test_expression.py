"""The expression network against the original, which ran in TensorFlow.js."""

import numpy as np
import pytest
import torch

from emo_core.models.layers.expression import (
    EXPRESSIONS,
    DenseBlock,
    shipped_expression,
    tensorflow_padding,
)


def pictures():
    """Two fixed pictures of 0 to 255, (2, 112, 112, 3): counted noise, and waves."""
    noise = np.arange(112 * 112 * 3).reshape(112, 112, 3) * 7919 % 256
    y, x, c = np.mgrid[:112, :112, :3]
    waves = np.floor(128 + 60 * np.sin(x / 9 + c) + 50 * np.cos(y / 13 - c))
    return np.stack([noise, waves])


# FaceExpressionNet of @vladmandic/face-api 1.7.15 on these pictures (tfjs, backend cpu, node 20)
SCORES = [
    [-0.910950, -2.350065, 0.438603, -3.200976, -2.601418, -7.831859, -2.918396],
    [-3.444626, -4.235635, -5.581716, -6.056323, -7.457778, -7.966733, -7.331287],
]
FEATURES = [
    [1.434670, 0.551837, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 0.000000],
    [0.925628, 0.000000, 0.388257, 0.000000, 0.000000, 1.792601, 1.854381, 0.000000],
]


@pytest.fixture(scope="module")
def net():
    return shipped_expression().eval()


def test_it_answers_as_the_original(net):
    faces = torch.tensor(pictures(), dtype=torch.float32).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        features, scores = net.read(faces), net(faces)
    torch.testing.assert_close(scores, torch.tensor(SCORES), atol=1e-5, rtol=0)
    torch.testing.assert_close(features[:, :8], torch.tensor(FEATURES), atol=1e-5, rtol=0)
    assert scores.shape[1] == len(EXPRESSIONS)


def test_padding_is_that_of_tensorflow():
    """At stride 2 an even side is padded below and to the right only, at stride 1 all around."""
    ones = torch.ones(1, 1, 4, 5)
    assert tensorflow_padding(ones, 2).shape == (1, 1, 5, 7)
    assert float(tensorflow_padding(ones, 2)[0, 0, 0].sum()) == 5.0
    assert tensorflow_padding(ones, 1).shape == (1, 1, 6, 7)
    assert float(tensorflow_padding(ones, 1)[0, 0, 0].sum()) == 0.0


def test_a_block_sums_all_before():
    block = DenseBlock(3, 4, plain=True)
    x = torch.randn(2, 3, 8, 8)
    one = block.conv0(x).relu()
    two = block.conv1(one)
    three = block.conv2((one + two).relu())
    four = block.conv3((one + two + three).relu())
    torch.testing.assert_close(block(x), (one + two + three + four).relu())
    assert block(x).shape == (2, 4, 4, 4)


def test_gradients_reach_the_pixels(net):
    face = torch.rand(1, 3, 112, 112, requires_grad=True)
    net(face)[0, 1].backward()
    assert face.grad is not None and float(face.grad.abs().max()) > 0
