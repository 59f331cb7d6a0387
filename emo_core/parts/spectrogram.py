"""Paper 3's sound backbone: an image network that reads a spectrogram."""

import torch
from torch import Tensor, nn

from emo_core.parts.backbones import Tokens
from emo_core.parts.rowwise import rowwise

DECIBELS = 4.342945  # per unit of natural log power
RANGE_DB = 80.0  # what is quieter than the loudest by more counts as that (torchaudio's top_db)
MEAN_DB, STD_DB = -14.8, 19.895  # of the authors' training data (papers/3, section 3.3)


class SpectrogramResNet18(nn.Module):
    """ResNet-18 whose first convolution has one channel, the mean of ImageNet's three; one token.

    Source: papers/3, sections 2.3 and 3.3.
    """

    channels = 512

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        from torchvision.models import ResNet18_Weights, resnet18

        net = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if pretrained else None)
        stem = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        stem.weight.data = net.conv1.weight.data.mean(1, keepdim=True)
        self.trunk = nn.Sequential(
            stem, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4
        )

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(mel, mask).unsqueeze(1)  # (B, 1, 512)
        return Tokens(values, mask.any(1, keepdim=True), times_s[:, -1:])

    @rowwise
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> (B, 512)."""
        image = normalised_decibels(mel, mask).transpose(1, 2).unsqueeze(1)  # (B, 1, M, F)
        maps = self.trunk(image.contiguous(memory_format=torch.channels_last))  # (B, 512, m, f)
        return maps.mean((2, 3))

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]


def normalised_decibels(mel: Tensor, mask: Tensor) -> Tensor:
    """Natural log power -> decibels as the authors normalise them; masked mel frames are zero.

    (B, F, M), (B, F) -> (B, F, M). The range is below the loudest real value of each row.
    """
    real = mask.unsqueeze(-1)
    decibels = mel * DECIBELS
    loudest = decibels.masked_fill(~real, float("-inf")).amax((1, 2), keepdim=True)
    return (torch.maximum(decibels, loudest - RANGE_DB) - MEAN_DB) / STD_DB * real
