"""Kernels of TensorFlow become torch's, whatever their kind."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from scripts.convert_encoders import _torch_kernel as torch_kernel  # noqa: PLC2701
from scripts.convert_encoders import checked_bytes, main


def test_a_kernel_weighs_the_same_pixels():
    """Against the sum written out: TensorFlow's axes are (height, width, in, out)."""
    rng = np.random.default_rng(0)
    kernel, picture = rng.normal(size=(3, 3, 2, 5)), rng.normal(size=(3, 3, 2))
    name, weight = torch_kernel("dense0.conv0.filters", kernel)
    assert name == "dense0.conv0.weight"
    expected = np.einsum("yxi,yxio->o", picture, kernel)
    found = functional.conv2d(torch.tensor(picture).permute(2, 0, 1)[None], weight)
    np.testing.assert_allclose(found.flatten().numpy(), expected)


def test_a_depthwise_kernel_has_one_map_a_channel():
    kernel = np.arange(9 * 4).reshape(3, 3, 4, 1)
    name, weight = torch_kernel("dense1.conv2.depthwise_filter", kernel)
    assert name == "dense1.conv2.depthwise.weight" and weight.shape == (4, 1, 3, 3)
    assert weight[2, 0, 1, 2] == kernel[1, 2, 2, 0]


def test_the_linear_layer_is_turned():
    name, weight = torch_kernel("fc.weights", np.arange(6).reshape(3, 2))
    assert name == "fc.weight" and weight.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_another_version_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"another")
    with pytest.raises(SystemExit, match="take that version"):
        checked_bytes(tmp_path / "model.onnx", "0" * 64)


@pytest.mark.real_data
def test_the_shipped_expression_net_is_what_the_script_makes(tmp_path, real_data, capsys):
    from emo_core.io.shipped_weights import SHIPPED_WEIGHTS

    main(["--expression", str(real_data / "weights" / "face_expression"), "--out", str(tmp_path)])
    assert SHIPPED_WEIGHTS["face-expression"].sha256 in capsys.readouterr().out
