"""Backbones: frames, log-mel or spectrogram to tokens on the clip's clock.

Each maps (input, mask, times) to `Tokens`. Values behind a False mask never reach the output.
`row_independent` marks methods whose rows can be cached one by one.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.cam import CellGrid
from emo_core.models.layers.published import hub_file
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans, is_exporting, runs

Read = Callable[..., Tensor]


def row_independent(read: Read) -> Read:
    """Mark a module's method: tensors of n rows each -> n rows, none of which depends on another.

    Rows are frames, pieces of film or log-mels. So it holds where batch norm is not learning.
    """
    vars(read)["row_independent"] = True
    return read


# docs/papers/group.md#a4
KINETICS_MEAN, KINETICS_STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (BT.601)
MEL_STRIDE = 8  # mel frames between two tokens of MelResNet
MEL_MEAN, MEL_STD = -4.0, 4.0  # natural log of power; centre and spread of ordinary sound
PANNS_WEIGHTS = (  # Kong et al. 2020; the publisher gives an MD5 sum and no SHA-256
    "https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth",
    "541141fa2ee191a88f24a3219fff024e",
)


def evenly(mask: Tensor, times_s: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Mask and times of T inputs -> of `steps` outputs: any real input, mean time. (B, T) each.

    As if each output saw an equal part of the inputs: what checkpoints until 0.2 learnt with.
    """
    if is_exporting():  # ONNX has no adaptive pooling
        return _evenly_by_shares(mask, times_s, steps)
    real = functional.adaptive_max_pool1d(mask.float().unsqueeze(1), steps).squeeze(1) > 0
    return real, functional.adaptive_avg_pool1d(times_s.float().unsqueeze(1), steps).squeeze(1)


def _evenly_by_shares(mask: Tensor, times_s: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """`evenly`, of any number of inputs in one graph: output i sees those that its share touches.

    Times are equal to it within 1e-6 s, the order of the sums aside.
    """
    count, step = mask.shape[1], torch.arange(steps, device=mask.device).unsqueeze(1)
    at = torch.arange(count, device=mask.device)
    seen = (at >= step * count // steps) & (at * steps < (step + 1) * count)  # (steps, T)
    real = (mask.unsqueeze(1) & seen).any(-1)
    share = seen.float() / seen.sum(1, keepdim=True)
    return real, times_s.float() @ share.T


def at_strides(mask: Tensor, times_s: Tensor, steps: int, stride: int) -> tuple[Tensor, Tensor]:
    """Mask and times of strided convolutions with padding: output i is centred on input i * stride.

    Real where any of the `stride` inputs around it is. (B, T) each -> (B, steps) each.
    """
    wide = functional.pad(mask, (stride // 2, stride))
    first = torch.arange(steps, device=mask.device) * stride
    around = first.unsqueeze(1) + torch.arange(stride, device=mask.device)
    return wide[:, around].any(-1), times_s.float()[:, first]


def of_groups(mask: Tensor, times_s: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Mask and times of pooled inputs: `size` following each other; what is left over is not read.

    (B, T) each -> (B, T // size) each: any real input, mean time.
    """
    count = mask.shape[1] // size
    groups = [x[:, : count * size].unflatten(1, (count, size)) for x in (mask, times_s.float())]
    return groups[0].any(2), groups[1].mean(2)


def normalize_frames(
    video: Tensor,
    mask: Tensor,
    of_mean: Sequence[float] = KINETICS_MEAN,
    of_std: Sequence[float] = KINETICS_STD,
) -> Tensor:
    """(..., 3, H, W) uint8, or float in [0, 1] -> normalised float; zero where mask (...) is."""
    unit = 255 if video.dtype == torch.uint8 else 1
    mean, std = (torch.tensor(v, device=video.device) for v in (of_mean, of_std))
    scale, shift = (1 / (unit * std)).view(3, 1, 1), (-mean / std).view(3, 1, 1)
    return torch.addcmul(shift, video.float(), scale) * mask[..., None, None, None]


def to_unit(video: Tensor) -> Tensor:
    """uint8, or float in [0, 1] -> float in [0, 1], of any shape."""
    return video.float() / 255 if video.dtype == torch.uint8 else video


def luminance(video: Tensor) -> Tensor:
    """(..., 3, H, W) uint8, or float in [0, 1] -> float in [0, 1], three times the same."""
    unit = 255 if video.dtype == torch.uint8 else 1
    weights = (torch.tensor(LUMINANCE, device=video.device) / unit).view(3, 1, 1)
    return (video * weights).sum(-3, keepdim=True).expand(video.shape)


class MaxOverScales(nn.Module):
    """Maps of one picture at several scales -> at each place of the first map the largest answer.

    Source: a maximum over scales, Riesenhuber & Poggio 1999.
    """

    def forward(self, maps: list[Tensor]) -> Tensor:
        """[(B, C, h, w), then coarser ones] -> (B, C, h, w)."""
        largest = maps[0]
        for coarse in maps[1:]:
            largest = torch.maximum(largest, functional.interpolate(coarse, largest.shape[2:]))
        return largest


class Residual(nn.Module):
    """Basic residual block (He et al. 2016, figure 5 left)."""

    def __init__(self, inputs: int, outputs: int, stride: int | tuple[int, int]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.skip(x))


def slim_trunk(inputs: int, widths: tuple[int, ...], strides: tuple) -> nn.Sequential:
    """A ResNet with one block a stage: a stem of stride 2, then a block for each further width.

    A stem of stride 4 trains twice as fast on a CPU, but needed twice the drawings to read faces
    as well (docs/experiments/0003 and 0005).
    """
    stem = nn.Sequential(
        nn.Conv2d(inputs, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
    )
    pairs = zip(widths, widths[1:], strides, strict=False)
    return nn.Sequential(stem, *(Residual(a, b, stride) for a, b, stride in pairs))


class FrameResNet(Backbone):
    """Pocket video backbone: a slim ResNet per frame; one token a frame, mean and peak of its map.

    The peak keeps a small face visible among eight. With more scales the same ResNet reads the
    frame at a half (a quarter, ...) of its size as well: at full size its fields see 87 pixels,
    less than a face that fills the frame (docs/experiments/0082 and 0091). Without colour
    (docs/experiments/0101) it sees luminance only.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        scales: int = 1,
        colour: bool = True,
        size: tuple[int, ...] = (),
    ) -> None:
        """size: width and height that frames are brought to; () = as they are."""
        super().__init__()
        self.scales, self.colour, self.size = scales, colour, size
        self.trunk = slim_trunk(3, widths, (2,) * (len(widths) - 1))
        self.largest = MaxOverScales()
        self.channels = 2 * widths[-1]

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(video.flatten(0, 1), mask.flatten())  # (B*T, 2C)
        spans = TokenSpans.of(times_s, runs(mask.shape[1], 1))
        return Tokens(values.unflatten(0, video.shape[:2]), mask, times_s, spans=spans)

    @row_independent
    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(n, 3, H, W), (n,) -> (n, 2C)."""
        if self.size and frames.shape[:1:-1] != self.size:
            frames = functional.interpolate(
                to_unit(frames), self.size[::-1], mode="bilinear", antialias=True
            )
        shown = normalize_frames(frames if self.colour else luminance(frames), mask)
        sizes = [shown.contiguous(memory_format=torch.channels_last)]
        while len(sizes) < self.scales:
            sizes.append(functional.avg_pool2d(sizes[-1], 2))
        maps = self.largest([self.trunk(picture) for picture in sizes])  # (n, C, h, w)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)

    @property
    def cam_layer(self) -> nn.Module:
        return self.largest

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        cells = CellGrid(2 ** len(self.trunk))
        read = self.size[::-1] or tuple(size)
        return tuple(cells.before_resize(a, b) for a, b in zip(read, size, strict=True))


class MelResNet(Backbone):
    """Pocket sound backbone: a slim ResNet over the log-mel; one token every 8 mel frames.

    pool: so many mel frames are averaged into one first.
    """

    def __init__(self, widths: tuple[int, ...], pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        strides = (2, 2, *((1, 2),) * (len(widths) - 3))  # (time, mel)
        self.trunk = slim_trunk(1, widths, strides)
        self.channels = 2 * widths[-1]

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(mel, mask)
        count, size = values.shape[1], MEL_STRIDE * self.pool
        seen = at_strides(*of_groups(mask, times_s, self.pool), count, MEL_STRIDE)
        spans = TokenSpans.of(seen[1], runs(count, size, -size // 2, mask.shape[1]))
        stated = evenly(mask, times_s, count) if self.even_times else seen
        return Tokens(values, *stated, spans=spans)

    @row_independent
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> (B, N, 2C)."""
        if self.pool > 1:
            count = mel.shape[1] // self.pool
            mel, mask = (
                x[:, : count * self.pool].unflatten(1, (count, self.pool)) for x in (mel, mask)
            )
            mel, mask = mel.mean(2), mask.any(2)
        image = ((mel - MEL_MEAN) / MEL_STD * mask.unsqueeze(-1)).unsqueeze(1)  # (B, 1, F, M)
        maps = self.trunk(image.contiguous(memory_format=torch.channels_last))  # (B, C, N, m)
        return torch.cat([maps.mean(3), maps.amax(3)], dim=1).transpose(1, 2)

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid(MEL_STRIDE).after_pooling(self.pool), CellGrid(2 ** len(self.trunk))


class R2Plus1D(Backbone):
    """Paper video backbone: torchvision's R(2+1)D-18; tokens are its space-time map.

    Source: docs/papers/group.md#a1, #a5.
    """

    channels, by_cell = 512, True
    TIME_STRIDE, STRIDE = 8, 16  # frames; pixels

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

        weights = R2Plus1D_18_Weights.KINETICS400_V1
        if pretrained:
            hub_file(weights.url)  # where torchvision looks, without looking whether it is whole
        net = r2plus1d_18(weights=weights if pretrained else None)
        self.trunk = nn.Sequential(net.stem, net.layer1, net.layer2, net.layer3, net.layer4)

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        maps = self.read(video, mask)
        count, places = maps.shape[2], maps.shape[3] * maps.shape[4]
        seen = at_strides(mask, times_s, count, self.TIME_STRIDE)
        stated = evenly(mask, times_s, count) if self.even_times else seen
        frames = runs(count, self.TIME_STRIDE, -self.TIME_STRIDE // 2, mask.shape[1])
        spans = TokenSpans.of(
            seen[1].repeat_interleave(places, dim=1), frames.repeat_interleave(places, dim=0)
        )
        step_mask, step_times = (x.repeat_interleave(places, dim=1) for x in stated)
        values = maps.flatten(2).transpose(1, 2)  # (B, t*h*w, C)
        return Tokens(values, step_mask, step_times, spans=spans)

    @row_independent
    def read(self, video: Tensor, mask: Tensor) -> Tensor:
        """(B, T, 3, H, W), (B, T) -> (B, C, t, h, w)."""
        clip = normalize_frames(video, mask).transpose(1, 2)  # (B, 3, T, H, W)
        return self.trunk(clip.contiguous(memory_format=torch.channels_last_3d))

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid(self.TIME_STRIDE), CellGrid(self.STRIDE), CellGrid(self.STRIDE)


class MelCnn(Backbone):
    """Plain convolutions over the log-mel, from scratch; one token every 16 mel frames.

    Four stages to 512 channels, each a 3x3 convolution of stride 2. The network of the VGAF winner
    of 2023 has three a stage, unpadded, without normalisation (docs/papers/group.md#winner-2023).
    """

    channels, from_scratch = 512, True
    WIDTHS, STRIDE = (64, 128, 256, 512), 16  # mel frames, and bands

    def __init__(self) -> None:
        super().__init__()
        pairs = zip((1, *self.WIDTHS), self.WIDTHS, strict=False)
        self.trunk = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
                )
                for a, b in pairs
            )
        )

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(mel, mask)
        seen = at_strides(mask, times_s, values.shape[1], self.STRIDE)
        frames = runs(values.shape[1], self.STRIDE, -self.STRIDE // 2, mask.shape[1])
        stated = evenly(mask, times_s, values.shape[1]) if self.even_times else seen
        return Tokens(values, *stated, spans=TokenSpans.of(seen[1], frames))

    @row_independent
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> (B, N, 512)."""
        image = ((mel - MEL_MEAN) / MEL_STD * mask.unsqueeze(-1)).unsqueeze(1)  # (B, 1, F, M)
        maps = self.trunk(image.contiguous(memory_format=torch.channels_last))  # (B, C, N, m)
        return maps.mean(3).transpose(1, 2)

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid(self.STRIDE), CellGrid(self.STRIDE)


class ConvBlock(nn.Module):
    """Two 3x3 convolutions and average pooling, named as in PANNs so that its weights load."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, pool: int) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        return functional.avg_pool2d(x, pool) if pool > 1 else x


class Cnn14(Backbone):
    """Paper audio backbone: PANNs CNN14 up to block 6; 15 tokens for 5 s.

    Source: Kong et al. 2020; docs/papers/group.md#a8.
    """

    channels = 2048
    POOLED = 32  # mel frames, and bands: five halvings
    DECIBELS = 4.342945  # per unit of natural log power; PANNs' weights expect dB

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(64)  # one statistic a mel band
        widths = (1, 64, 128, 256, 512, 1024, 2048)
        for index, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False), start=1):
            self.add_module(f"conv_block{index}", ConvBlock(inputs, outputs))
        if pretrained:
            self.load_state_dict(panns_weights(set(self.state_dict())))

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(mel, mask)
        seen = of_groups(mask, times_s, self.POOLED)
        stated = evenly(mask, times_s, values.shape[1]) if self.even_times else seen
        spans = TokenSpans.of(seen[1], runs(values.shape[1], self.POOLED))
        return Tokens(values, *stated, spans=spans)

    @row_independent
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> (B, N, 2048)."""
        image = (mel * self.DECIBELS).unsqueeze(1)  # (B, 1, F, M)
        image = self.bn0(image.transpose(1, 3)).transpose(1, 3) * mask[:, None, :, None]
        image = image.contiguous(memory_format=torch.channels_last)
        for index in range(1, 7):
            pool = 2 if index < 6 else 1
            image = self.get_submodule(f"conv_block{index}")(image, pool)  # (B, C, F/2, M/2)
        return image.mean(3).transpose(1, 2)

    @property
    def cam_layer(self) -> nn.Module:
        return self.get_submodule("conv_block6")

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid.of_pooling(self.POOLED), CellGrid.of_pooling(self.POOLED)


def panns_weights(wanted: set[str]) -> dict[str, Tensor]:
    """Fetch CNN14's AudioSet weights once into torch's hub folder, check and filter them."""
    url, md5 = PANNS_WEIGHTS
    path = hub_file(url, "Cnn14_mAP=0.431.pth", md5)
    state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    return {name: value for name, value in state.items() if name in wanted}


DECIBELS = 4.342945  # per unit of natural log power
RANGE_DB = 80.0  # what is quieter than the loudest by more counts as that (torchaudio's top_db)
MEAN_DB, STD_DB = -14.8, 19.895  # of the authors' training data (docs/papers/jmt.md#spectrogram)


class SpectrogramResNet18(Backbone):
    """ResNet-18 whose first convolution has one channel, the mean of ImageNet's three; one token.

    Source: docs/papers/jmt.md#audio-backbone and #spectrogram.
    """

    channels = 512
    time_first = False

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        from torchvision.models import ResNet18_Weights, resnet18

        if pretrained:
            hub_file(ResNet18_Weights.IMAGENET1K_V1.url)
        net = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if pretrained else None)
        stem = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        stem.weight.data = net.conv1.weight.data.mean(1, keepdim=True)
        self.trunk = nn.Sequential(
            stem, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4
        )

    def forward(self, mel: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        values = self.read(mel, mask).unsqueeze(1)  # (B, 1, 512)
        spans = TokenSpans.of(times_s.mean(1, keepdim=True), runs(1, mask.shape[1]))
        return Tokens(values, mask.any(1, keepdim=True), times_s[:, -1:], spans=spans)

    @row_independent
    def read(self, mel: Tensor, mask: Tensor) -> Tensor:
        """(B, F, M), (B, F) -> (B, 512)."""
        image = normalize_decibels(mel, mask).transpose(1, 2).unsqueeze(1)  # (B, 1, M, F)
        maps = self.trunk(image.contiguous(memory_format=torch.channels_last))  # (B, 512, m, f)
        return maps.mean((2, 3))

    @property
    def cam_layer(self) -> nn.Module:
        return self.trunk[-1]

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        return CellGrid(32), CellGrid(32)


def normalize_decibels(mel: Tensor, mask: Tensor) -> Tensor:
    """Natural log power -> decibels as the authors normalise them; masked mel frames are zero.

    (B, F, M), (B, F) -> (B, F, M). The range is below the loudest real value of each row.
    """
    real = mask.unsqueeze(-1)
    decibels = mel * DECIBELS
    loudest = decibels.masked_fill(~real, float("-inf")).amax((1, 2), keepdim=True)
    return (torch.maximum(decibels, loudest - RANGE_DB) - MEAN_DB) / STD_DB * real
