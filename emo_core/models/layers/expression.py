"""Seven facial expressions from aligned faces: the network of face-api in plain torch.

Four dense blocks of depthwise separable convolutions, then a mean and a linear layer. Weights and
architecture: @vladmandic/face-api 1.7.15, MIT; the training pictures are documented nowhere.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.io.shipped_weights import shipped_state
from emo_core.models.layers.backbones import row_independent

EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
FACE_SIDE = 112  # pixels
MEAN = (122.782, 117.001, 104.298)  # of 255: red, green, blue
SHIPPED = "face-expression"


class SeparableConv(nn.Module):
    """3x3 a channel, then 1x1 over channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pointwise(self.depthwise(tensorflow_padding(x, self.depthwise.stride[0])))
        return x + self.bias.view(-1, 1, 1)


class PlainConv(nn.Conv2d):
    """3x3 over all channels."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(tensorflow_padding(x, self.stride[0]))


def tensorflow_padding(x: Tensor, stride: int) -> Tensor:
    """Zeros around (n, C, h, w) as TensorFlow's "same" has them: more below and to the right."""
    height, width = (max((-(-n // stride) - 1) * stride + 3 - n, 0) for n in x.shape[2:])
    return functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


class DenseBlock(nn.Module):
    """Four convolutions, each of the sum of those before it; halves height and width."""

    def __init__(self, inputs: int, outputs: int, plain: bool) -> None:
        super().__init__()
        first = PlainConv(inputs, outputs, 3, 2) if plain else SeparableConv(inputs, outputs, 2)
        self.conv0 = first
        self.conv1, self.conv2, self.conv3 = (SeparableConv(outputs, outputs, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        one = self.conv0(x).relu()
        two = one + self.conv1(one)
        three = two + self.conv2(two.relu())
        return (three + self.conv3(three.relu())).relu()


class ExpressionNet(nn.Module):
    """Aligned faces (n, 3, 112, 112) -> 256 features each, of which `fc` makes seven scores."""

    channels = 256

    def __init__(self) -> None:
        super().__init__()
        self.dense0 = DenseBlock(3, 32, plain=True)
        self.dense1 = DenseBlock(32, 64, plain=False)
        self.dense2 = DenseBlock(64, 128, plain=False)
        self.dense3 = DenseBlock(128, 256, plain=False)
        self.fc = nn.Linear(256, len(EXPRESSIONS))

    @row_independent
    def read(self, faces: Tensor) -> Tensor:
        """(n, 3, 112, 112) of 0 to 1 -> features (n, 256)."""
        x = (faces - faces.new_tensor(MEAN).view(3, 1, 1) / 255).contiguous(
            memory_format=torch.channels_last
        )
        return self.dense3(self.dense2(self.dense1(self.dense0(x)))).mean((2, 3))

    def forward(self, faces: Tensor) -> Tensor:
        """(n, 3, 112, 112) of 0 to 1 -> scores (n, 7), before the softmax."""
        return self.fc(self.read(faces))

    @property
    def cam_layer(self) -> nn.Module:
        return self.dense3


def shipped_expression() -> ExpressionNet:
    """The network with the weights that come with the package."""
    net = ExpressionNet()
    if not net.fc.weight.is_meta:  # else only shapes are asked for
        net.load_state_dict(shipped_state(SHIPPED))
    return net
