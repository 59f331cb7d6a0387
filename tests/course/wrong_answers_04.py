"""Wrong answers to lesson 4, and what the explanation must speak of."""

import math

import numpy as np
import solutions
import torch
from exercises import mymodel
from torch import nn
from torch.nn import functional


def _net(base, **methods):
    """A class like ours with other methods."""
    return type(base.__name__, (base,), methods)


def _changed(base, change):
    """Ours, with another answer."""
    return _net(base, forward=lambda self, *inputs: change(base.forward(self, *inputs)))


def _residual(forward):
    return _net(mymodel.Residual, forward=lambda self, x: forward(self.body(x), self.skip(x)))


def _no_relu(self, x):
    return self.trunk[1:](self.trunk[0][:2](x))


class _OneStride(mymodel.ConvNet):
    def __init__(self, channels, strides):
        super().__init__(channels, (2, 2, 2))


class _Renamed(mymodel.ConvNet):
    def __init__(self, channels, strides):
        super().__init__(channels, strides)
        self.layers = self.trunk
        del self.trunk


class _Short(mymodel.ConvNet):
    def __init__(self, channels, strides):
        super().__init__(channels, strides)
        self.trunk = self.trunk[:3]


class _Wide(mymodel.ConvNet):
    def __init__(self, channels, strides):
        super().__init__(channels, strides)
        self.trunk[3] = mymodel.Residual(64, 96, 2)


class _Deep(mymodel.ConvNet):
    def __init__(self, channels, strides):
        super().__init__(channels, strides)
        self.trunk.append(nn.Conv2d(128, 128, 1))


def _frames(image, order=None):
    """FrameNet whose pictures are made by `image`."""

    def forward(self, video, mask):
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.MEAN, self.STD))
        maps = self.trunk(image(video, mean, std, mask[..., None, None, None]).flatten(0, 1))
        tokens = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        return tokens.unflatten(0, mask.shape)

    return _net(mymodel.FrameNet, forward=forward)


def _mixed(tokens):
    return tokens.flatten(0, 1).unflatten(0, (3, 2)).transpose(0, 1)


def _mels(image):
    def forward(self, mel, mask):
        maps = self.trunk(image(mel, mask.unsqueeze(2)).unsqueeze(1))
        return torch.cat([maps.mean(3), maps.amax(3)], 1).transpose(1, 2)

    return _net(mymodel.MelNet, forward=forward)


def _swap(tokens):
    return torch.cat([tokens[..., 128:], tokens[..., :128]], -1)


def _encoding(period, turn=2 * math.pi):
    def encoding(times_s, width):
        angle = turn * times_s.unsqueeze(-1) / period(torch.linspace(0, 1, width // 2))
        return torch.cat([angle.sin(), angle.cos()], -1)

    return encoding


def _geometric(x):
    return 0.4 * 50**x


def _tower(change):
    """Tower whose tokens are `change(self, plain tokens, times_s)`."""

    def forward(self, x, mask, times_s):
        _, real = mymodel.Tower.forward(self, x, mask, times_s)
        return change(self, self.project(self.backbone(x, mask)), times_s), real

    return _net(mymodel.Tower, forward=forward)


def _clock(times_s):
    return mymodel.time_encoding(functional.adaptive_avg_pool1d(times_s, 6), 96)


class _mostly_real(mymodel.Tower):  # noqa: N801
    def forward(self, x, mask, times_s):
        tokens, real = super().forward(x, mask, times_s)
        share = functional.adaptive_avg_pool1d(mask.float(), real.shape[1])
        return tokens, share > 0.5


def _real(change):
    return _changed(mymodel.Tower, lambda found: (found[0], change(found[1])))


def _as_shipped(tower, batches):
    features = []
    for batch in batches:
        tokens, real = tower(*batch)
        real = real.unsqueeze(-1)
        features.append((tokens * real).sum(1) / real.sum(1).clamp(min=1))
    return torch.cat(features).detach()


def _padded(tower, batches):
    tower.eval()
    return torch.cat([tower(*batch)[0].mean(1) for batch in batches])


def _with_gradients(tower, batches):
    tower.eval()
    return _as_shipped(tower, batches) + 0 * tower.modality


def _one(tower, batches):
    return solutions.clip_features(tower, batches)[0]


WRONG = {
    "ceiling": [
        (lambda share, best: np.mean(list(best.values())), "equally frequent"),
        (lambda share, best: sum(np.array([*share.values()]) * [*best.values()]), "by name"),
        (lambda share, best: sum(share.values()), "everything can be known"),
        (lambda share, best: 0.2, "0.7"),
    ],
    "real_mean": [
        (lambda values, mask: values.mean(0), "averaged all"),
        (lambda values, mask: (values * mask[:, None]).mean(0), "number of all"),
        (lambda values, mask: (values * mask[:, None]).sum(0), "divide by how many"),
        (lambda values, mask: values[~mask].mean(0), "upside down"),
        (lambda values, mask: values[mask].mean(0), "NaN"),
        (lambda values, mask: values[mask].mean(), "shape"),
    ],
    "above_the_ceiling": [
        ("It has learnt to align sound with picture", "align"),
        ("The corpus leaks the label into the sound", "leak"),
    ],
    "Residual": [
        (mymodel.Residual(16, 32, 2), "class itself"),
        (_residual(lambda body, skip: body.relu()), "shortcut is missing"),
        (_residual(lambda body, skip: body), "last ReLU"),
        (_residual(lambda body, skip: skip.relu()), "Only the shortcut"),
        (_residual(lambda body, skip: body + skip), "after the sum"),
        (_residual(lambda body, skip: body.relu() + skip), "before the sum"),
        (_residual(lambda body, skip: body.relu() + skip.relu()), "Each branch"),
        (_residual(lambda body, skip: (body * skip).relu()), "multiplied"),
        (_residual(lambda body, skip: (body + 2 * skip).relu()), "expected"),
        (_residual(lambda body, skip: body[:, :3]), "shape"),
        (_residual(lambda body, skip: 3), "tensor"),
    ],
    "ConvNet": [
        (_net(mymodel.ConvNet, forward=_no_relu), "no ReLU"),
        (_OneStride, "own stride"),
        (_Renamed, "trunk.0.0.weight"),
        (_Short, "trunk.3"),
        (_Wide, "shape (96, 64, 3, 3)"),
        (_Deep, "trunk.4"),
    ],
    "FrameNet": [
        (_frames(lambda video, mean, std, real: (video - mean) / std * real), "255"),
        (_frames(lambda video, mean, std, real: video / 255 * real), "not used"),
        (_frames(lambda video, mean, std, real: (video / 255 - mean) / std), "missing frame"),
        (_frames(lambda video, mean, std, real: (video / 255 * real - mean) / std), "*after*"),
        (_changed(mymodel.FrameNet, _swap), "Means first"),
        (_changed(mymodel.FrameNet, lambda tokens: tokens[..., :128]), "Only the means"),
        (_changed(mymodel.FrameNet, lambda tokens: tokens[..., 128:]), "Only the peaks"),
        (_changed(mymodel.FrameNet, lambda tokens: tokens.flatten(0, 1)), "one axis"),
        (_changed(mymodel.FrameNet, _mixed), "mixed"),
    ],
    "MelNet": [
        (_mels(lambda mel, real: mel * real), "mean 0"),
        (_mels(lambda mel, real: (mel + 4) / 4), "mask is not used"),
        (_mels(lambda mel, real: (mel * real + 4) / 4), "mask last"),
        (_mels(lambda mel, real: (mel - 4) / 4 * real), "added"),
        (_changed(mymodel.MelNet, _swap), "Means first"),
        (_changed(mymodel.MelNet, lambda tokens: tokens.transpose(1, 2)), "Tokens come last"),
        (_changed(mymodel.MelNet, lambda tokens: tokens.mean(1)), "one token a clip"),
        (_changed(mymodel.MelNet, lambda tokens: tokens[:, :4]), "kept the bands"),
    ],
    "time_encoding": [
        (_encoding(_geometric, 1.0), "2π"),
        (_encoding(lambda x: 0.4 * 50 ** (x * (len(x) - 1) / len(x))), "D/2 - 1"),
        (_encoding(lambda x: 0.4 + 19.6 * x), "equal factors"),
        (_encoding(lambda x: _geometric(1 - x)), "long to short"),
        (_encoding(lambda x: 1 / _geometric(x)), "frequency"),
        (lambda t, w: mymodel.time_encoding(t, w).roll(w // 2, -1), "Sines first"),
        (
            lambda t, w: mymodel.time_encoding(t, w).unflatten(-1, (2, -1)).mT.flatten(-2),
            "alternate",
        ),
        (
            lambda t, w: torch.cat([mymodel.time_encoding(t, w)[..., : w // 2]] * 2, -1),
            "Both halves",
        ),
        (lambda t, w: mymodel.time_encoding(t, w)[0], "shape"),
    ],
    "Tower": [
        (_tower(lambda self, x, times_s: x), "Neither"),
        (_tower(lambda self, x, times_s: x + self.modality), "doesn't know when"),
        (_tower(lambda self, x, times_s: x + _clock(times_s)), "which sense"),
        (
            _tower(
                lambda self, x, t: x + mymodel.time_encoding(t[:, ::8], 96) + self.modality,
            ),
            "mean, not the first",
        ),
        (
            _tower(
                lambda self, x, t: (
                    x + mymodel.time_encoding(torch.arange(6.0).expand(2, -1), 96) + self.modality
                )
            ),
            "seconds",
        ),
        (_changed(mymodel.Tower, lambda found: found[0]), "two things"),
        (_real(lambda real: real.float()), "True and False"),
        (_real(lambda real: real.repeat_interleave(8, 1)), "tokens are fewer"),
        (_real(lambda real: torch.ones_like(real)), "called real"),
        (_mostly_real, "two of eight"),
        (_real(lambda real: real & torch.tensor([[True] * 3 + [False] * 3, [True] * 6])), "any"),
    ],
    "clip_features": [
        (_as_shipped, "changed numbers"),
        (_padded, "Padding counts"),
        (_with_gradients, "carry gradients"),
        (_one, "one row"),
    ],
}
