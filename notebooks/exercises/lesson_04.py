"""Judges the exercises of lesson 4: one modality."""

from functools import lru_cache
from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, kind_of, number
from exercises.modules import answered, built, compare

SHARE = {"a": 0.5, "b": 0.3, "c": 0.2}
BEST = {"c": 0.25, "a": 1.0, "b": 0.5}  # in another order on purpose


@exercise(
    "a function of two tables that returns an accuracy",
    "This one line tells a model that fuses from one that does not, before anything is trained.",
    "A regime contributes how often it comes times how often it is then right.",
    "One sum over the regimes; look both numbers up by the regime's name.",
)
def ceiling(answer: Any) -> None:
    found = number(called(answer, dict(SHARE), dict(BEST)))
    told = {
        float(np.mean(list(BEST.values()))): "That is the plain mean of the chances; regimes are "
        "not equally frequent.",
        sum(x * y for x, y in zip(SHARE.values(), BEST.values(), strict=True)): "You paired the "
        "tables by order; pair them by name.",
        1.0: "A ceiling of 1 would mean that everything can be known from one modality.",
    }
    if abs(found - 0.7) > 1e-6:
        near = [text for value, text in told.items() if abs(found - value) < 1e-6]
        asked = f"For {SHARE} and {BEST} it is 0.7; your function says {found:.4g}."
        raise Mistake(near[0] if near else asked)


@exercise(
    "a function of values (N, D) and a mask (N,) that returns (D,)",
    "Padding has no say, and nothing real gives zeros: a missing modality is data, not an error.",
    "Multiply by the mask before summing; divide by how many are real, but never by zero.",
    "mask[:, None] fits values; mask.sum().clamp(min=1) is a safe number to divide by.",
)
def real_mean(answer: Any) -> None:
    import torch

    values = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, -99.0], [5.0, 50.0]])
    mask = torch.tensor([True, True, False, False])
    found = array(called(answer, values.clone(), mask.clone()), (2,))
    told = {
        (27.0, -2.25): "You averaged all four tokens; the mask says that two are real.",
        (1.0, 10.0): "You divided by the number of all tokens; divide by the number of real ones.",
        (4.0, 40.0): "That is the sum of the real ones; divide by how many they are.",
        (52.0, -24.5): "The mask is upside down: True means real.",
    }
    if not np.allclose(found, [2, 20]):
        near = [text for value, text in told.items() if np.allclose(found, value)]
        raise Mistake(near[0] if near else f"Expected [2, 20]; got {found.round(3).tolist()}.")
    nothing = array(called(answer, values.clone(), torch.zeros(4, dtype=torch.bool)), (2,))
    if not np.isfinite(nothing).all():
        raise Mistake("With nothing real you divide by zero and get NaN; expected zeros.")
    if nothing.any():
        raise Mistake(f"With nothing real expected zeros; got {nothing.tolist()}.")


above_the_ceiling = Quiz(
    "above_the_ceiling",
    "Lesson 3: how wide is the interval of an accuracy on 400 clips?",
    right=(
        "Nothing yet: 400 scenes are uncertain by about ±0.04",
        "1.96 times the root of 0.767 x 0.233 / 400 is 0.041. Our three sound-only runs score "
        "0.772, 0.782 and 0.780 on the same 400 scenes: their luck is shared, so three runs "
        "don't help.",
    ),
    wrong=(
        (
            "It has learnt to align sound with picture",
            "A model without the picture can't align anything with it, whatever it scores.",
        ),
        (
            "The corpus leaks the label into the sound",
            "A leak would do this, so it was looked for; but one score inside its own "
            "uncertainty is no evidence for one. If it stayed above on 40,000 scenes, look "
            "again.",
        ),
    ),
)


@lru_cache
def shipped(name: str) -> Any:
    """Our tower "video" or "audio" with the weights of group-staged."""
    from emo_core import load_model
    from exercises import mymodel

    net = mymodel.Tower(mymodel.FrameNet() if name == "video" else mymodel.MelNet())
    net.load_state_dict(getattr(load_model("group-staged").model, name).state_dict())
    return net.eval()


def seeded() -> Any:
    import torch

    return torch.Generator().manual_seed(5)


@exercise(
    "your class, with `forward` written",
    "The block only has to learn what is to be *added* to its input, so gradients reach the first "
    "layer of a deep net undamped.",
    "Both branches read x; their answers meet, and only then comes the last ReLU.",
    "self.body and self.skip give maps of one shape: add them, and let functional.relu have the "
    "last word.",
)
def Residual(answer: Any) -> None:  # noqa: N802
    import torch

    ours = shipped("video").backbone.trunk[1]
    net = built(answer, ours, 16, 32, 2)
    x = torch.randn(2, 16, 8, 10, generator=seeded())
    with torch.no_grad():
        body, skip = ours.body(x), ours.skip(x)
    told = (
        (body.relu(), "The shortcut is missing: self.skip is never used."),
        (body, "The shortcut is missing, and so is the last ReLU."),
        (skip.relu(), "Only the shortcut is there: self.body is never used."),
        (body + skip, "The last ReLU is missing: it comes after the sum."),
        (body.relu() + skip, "The ReLU comes before the sum; it belongs after it."),
        (body.relu() + skip.relu(), "Each branch has its ReLU; one after the sum is asked."),
        ((body * skip).relu(), "The branches are added, not multiplied."),
    )
    compare(answered(net, x), (body + skip).relu(), told)


@exercise(
    "your class, with the trunk built",
    "Your 60 tensors have the names and shapes of the shipped ones, so its weights fit.",
    "A stem of convolution, batch norm and ReLU makes 16 maps at half the size; three residual "
    "blocks follow.",
    "nn.Sequential(stem, Residual(...), Residual(...), Residual(...)), under the name self.trunk; "
    "each block doubles the maps.",
)
def ConvNet(answer: Any) -> None:  # noqa: N802
    import torch
    from torch import nn

    from exercises import mymodel

    ours = mymodel.ConvNet(3, (2, 2, 2))
    ours.trunk.load_state_dict(shipped("video").backbone.trunk.state_dict())
    ours.eval()
    net = built(answer, ours, 3, (2, 2, 2))
    x = torch.randn(2, 3, 72, 96, generator=seeded())
    no_relu = nn.Sequential(ours.trunk[0][:2], *ours.trunk[1:])
    with torch.no_grad():
        told = ((no_relu(x), "The stem has no ReLU after its batch norm."),)
        compare(answered(net, x), ours(x), told)
        uneven = mymodel.ConvNet(3, (2, 2, (1, 2)))
        uneven.load_state_dict(ours.state_dict())
        other = built(answer, ours, 3, (2, 2, (1, 2)))
        if answered(other, x).shape != uneven.eval()(x).shape:
            raise Mistake("Strides (2, 2, (1, 2)) change nothing; give each block its own stride.")


@exercise(
    "your class, with `forward` written",
    "256 numbers a frame: how much of each feature there is, and whether it is anywhere.",
    "Bytes to 0…1, minus the mean, over the deviation, times the mask; then B and T become one "
    "axis for the trunk, and two again.",
    "The trunk takes (n, 3, h, w): what is n here? 128 maps give 256 numbers, two of each; which "
    "two axes are gone then, and which one is split in the end?",
)
def FrameNet(answer: Any) -> None:  # noqa: N802
    import torch

    ours = shipped("video").backbone
    net = built(answer, ours)
    video = torch.randint(0, 255, (2, 3, 3, 72, 96), generator=seeded(), dtype=torch.uint8)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (ours.MEAN, ours.STD))
    real = mask[..., None, None, None]

    def tokens(image: Any) -> Any:
        maps = ours.trunk(image.flatten(0, 1))
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1).unflatten(0, (2, 3))

    with torch.no_grad():
        right = ours(video, mask)
        told = (
            (tokens((video - mean) / std * real), "The bytes are not divided by 255."),
            (tokens(video / 255 * real), "Mean and deviation of the colours are not used."),
            (tokens((video / 255 - mean) / std), "The mask is not used: a missing frame counts."),
            (
                tokens((video / 255 * real - mean) / std),
                "A missing frame must be zero *after* the normalisation; black is not zero there.",
            ),
            (torch.cat([right[..., 128:], right[..., :128]], -1), "Means first, then peaks."),
            (right[..., :128], "Only the means are there; the peaks are missing."),
            (right[..., 128:], "Only the peaks are there; the means are missing."),
            (right.flatten(0, 1), "B and T are still one axis; unflatten it."),
            (
                right.flatten(0, 1).unflatten(0, (3, 2)).transpose(0, 1),
                "Frames of different clips are mixed: B comes before T, going in and coming out.",
            ),
        )
    compare(answered(net, video, mask), right, told)


@exercise(
    "your class, with `forward` written",
    "The same network reads sound: a log-mel is a picture whose one axis is time, and that axis "
    "stays.",
    "Shift by 4 and divide by 4, mask, add one axis for the channel. Mean and peak run over the "
    "bands only: time must stay.",
    "Write the shapes down: (B, F, 64), a picture of one channel, (B, 128, N, 4) from the trunk, "
    "(B, N, 256) in the end. Which axis of the third are the bands?",
)
def MelNet(answer: Any) -> None:  # noqa: N802
    import torch

    ours = shipped("audio").backbone
    net = built(answer, ours)
    mel = torch.randn(2, 48, 64, generator=seeded()) * 3 - 4
    mask = torch.arange(48) < torch.tensor([[30], [48]])

    def tokens(image: Any) -> Any:
        maps = ours.trunk(image.unsqueeze(1))
        return torch.cat([maps.mean(3), maps.amax(3)], 1).transpose(1, 2)

    with torch.no_grad():
        right = ours(mel, mask)
        told = (
            (tokens(mel * mask.unsqueeze(2)), "The log-mel is not brought to mean 0, spread 1."),
            (tokens((mel + 4) / 4), "The mask is not used: padding sounds like something."),
            (
                tokens((mel * mask.unsqueeze(2) + 4) / 4),
                "Padding must be zero *after* the shift; mask last.",
            ),
            (tokens((mel - 4) / 4 * mask.unsqueeze(2)), "The centre is -4, so 4 is added."),
            (torch.cat([right[..., 128:], right[..., :128]], -1), "Means first, then peaks."),
            (right.transpose(1, 2), "Tokens come last; expected (B, N, 256)."),
        )
    found = answered(net, mel, mask)
    if getattr(found, "shape", None) == (2, 256):
        raise Mistake("You pooled over time as well: one token a clip. Only the bands go.")
    if getattr(found, "shape", None) == (2, 4, 256):
        raise Mistake("You pooled over time and kept the bands; it is the other way round.")
    compare(found, right, told)


@exercise(
    "a function of times (B, N) and a width that returns (B, N, width)",
    "Two tokens of one moment carry the same 96 numbers, whichever stream they come from. That is "
    "how lesson 5's attention can compare moments.",
    "A power of 50 that runs from 0 to 1 in equal steps goes from 1 to 50; times 0.4 s.",
    "How many periods are there, if each gives a sine and a cosine? Write the angle of one time "
    "for one period first. The order is: all sines, then all cosines.",
)
def time_encoding(answer: Any) -> None:
    import math

    import torch

    from exercises import mymodel

    times = torch.tensor([[0.0, 0.3, 1.7], [2.0, 2.5, 4.9]])
    right = mymodel.time_encoding(times, 8)
    period = 0.4 * 50 ** torch.linspace(0, 1, 4)

    def encoded(period: Any, turn: float = 2 * math.pi) -> Any:
        angle = turn * times.unsqueeze(-1) / period
        return torch.cat([angle.sin(), angle.cos()], -1)

    sines, cosines = right.chunk(2, -1)
    told = (
        (encoded(0.4 * 50 ** (torch.arange(4) / 4)), "The longest period is too short: the last "
         "exponent is 1, so divide k by D/2 - 1."),
        (encoded(period, 1.0), "A full turn is 2π; without it the periods are six times longer."),
        (encoded(torch.linspace(0.4, 20, 4)), "The periods grow by equal steps; by equal factors "
         "is asked, so that short ones are not lost."),
        (encoded(period.flip(0)), "The periods run from long to short; begin with 0.4 s."),
        (encoded(1 / period), "That is a frequency; divide the time by the period."),
        (torch.cat([cosines, sines], -1), "Sines first, then cosines."),
        (torch.stack([sines, cosines], -1).flatten(-2), "Sines and cosines alternate; first all "
         "sines, then all cosines."),
        (torch.cat([sines, sines], -1), "Both halves are sines; the second half are cosines."),
    )  # fmt: skip
    compare(called(answer, times.clone(), 8), right, told)


@exercise(
    "your class, with `forward` written",
    "Content, moment and sense in one token, added up: the width stays 96, and attention can use "
    "any of the three.",
    "Four things in order: project the backbone's tokens, shrink the mask, shrink the times, add "
    "encoding and modality.",
    "functional.adaptive_max_pool1d of mask.float(), then > 0, keeps what is real anywhere; "
    "functional.adaptive_avg_pool1d gives mean times.",
)
def Tower(answer: Any) -> None:  # noqa: N802
    import torch
    from torch.nn import functional

    from exercises import mymodel

    ours = shipped("audio")
    backbone = mymodel.MelNet().eval()
    net = built(answer, ours, backbone, 96)
    mel, times = torch.randn(2, 48, 64, generator=seeded()) - 4, torch.arange(48) * 0.02
    mask, times = torch.arange(48) < torch.tensor([[26], [48]]), times.expand(2, -1).contiguous()
    found = answered(net, mel, mask, times)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise Mistake(f"Expected two things, tokens and which are real; got {kind_of(found)}.")
    with torch.no_grad():
        right, real = ours(mel, mask, times)
        plain = ours.project(ours.backbone(mel, mask))
        mean_s = functional.adaptive_avg_pool1d(times, 6)
        first = plain + mymodel.time_encoding(times[:, ::8], 96) + ours.modality
        places = plain + mymodel.time_encoding(torch.arange(6.0).expand(2, -1), 96) + ours.modality
        clock = mymodel.time_encoding(mean_s, 96)
    told = (
        (plain, "Neither the time nor the modality is added."),
        (plain + ours.modality, "The time encoding is not added: the token doesn't know when."),
        (plain + clock, "self.modality is not added: the token doesn't know by which sense."),
        (first, "A token stands for eight mel frames; its time is their mean, not the first."),
        (places, "The encoding takes seconds, not the number of the token."),
    )
    compare(found[0], right, told)
    _real_of(found[1], mask, real)


def _real_of(found: Any, mask: Any, real: Any) -> None:
    import torch

    if getattr(found, "dtype", None) != torch.bool:
        raise Mistake("Which tokens are real is a mask: True and False; compare with 0.")
    if found.shape == mask.shape:
        raise Mistake("The mask still has one entry for each input; tokens are fewer.")
    if torch.equal(found, torch.ones_like(real)):
        raise Mistake("Every token is called real; the first clip ends after 26 mel frames.")
    if not torch.equal(found, real):
        raise Mistake(
            "A token is real if *any* of its inputs is. Of the fourth of the first clip two of "
            "eight are, so it is."
        )


@exercise(
    "your corrected function",
    "Batch norm in training mode uses means of the batch and keeps running ones: a clip's tokens "
    "then depend on its neighbours, and reading changes the model. One call ends both.",
    "Read one clip alone and with others. Which layer of the tower looks at the whole batch?",
    "Batch norm has two modes. Which one is a module in that was just made, and what switches it?",
)
def clip_features(answer: Any) -> None:
    import copy

    import torch

    tower = copy.deepcopy(shipped("audio")).train()
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    mel = torch.randn(3, 48, 64, generator=seeded()) * 2 - 4
    mask, times = torch.arange(48) < torch.tensor([[48], [48], [30]]), torch.arange(48) * 0.02
    whole = (mel, mask, times.expand(3, -1).contiguous())
    found = called(answer, tower, [whole])
    with torch.no_grad():
        tokens, real = shipped("audio")(*whole)
        right = (tokens * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
    changed = any(not torch.equal(before[name], v) for name, v in tower.state_dict().items())
    if not isinstance(found, torch.Tensor) or found.shape != right.shape:
        raise Mistake(f"Expected one row of 96 numbers a clip, (3, 96); got {kind_of(found)}.")
    if changed:
        raise Mistake(
            "Reading three clips has changed numbers in the tower itself, and each clip's features "
            "depend on who shares its batch."
        )
    told = ((tokens.mean(1), "Padding counts in the mean; the mask says which tokens are real."),)
    compare(found.detach(), right, told)
    if found.requires_grad:
        raise Mistake("The features carry gradients of the whole tower; a probe needs none.")
