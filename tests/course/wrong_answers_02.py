"""Wrong answers to lesson 2, and what the explanation must speak of."""

import math

import numpy as np
import torch
from exercises import mymodel


def _cut(rows, whole=False):
    def answer(frame, box):
        height, width = frame.shape[:2]
        left, right = round(box[0] * width), round(box[2] * width)
        top, bottom = round(box[1] * height), round(box[3] * height)
        if whole:
            return np.roll(frame, 1, 0)[top:bottom, left:right]
        if rows.startswith("left"):
            return frame[left:right, top:bottom]
        return frame[top:bottom, left:right]

    return answer


def _over_first(a, b):
    wide, high = (
        max(0, min(a[2], b[2]) - max(a[0], b[0])),
        max(0, min(a[3], b[3]) - max(a[1], b[1])),
    )
    return wide * high / ((b[2] - b[0]) * (b[3] - b[1]))


def _unclipped(a, b):
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


STEP = math.log(6.4) / 27


def _mel(of):
    def answer(hz):
        return torch.where(hz < 1000, 3 * hz / 200, 15 + of(hz.clamp(min=1000) / 1000))

    return answer


def _edges(count, low, high):
    return mymodel.mel_to_hz(torch.linspace(*mymodel.hz_to_mel(torch.tensor([low, high])), count))


def _filters(edges=_edges, least=0.0, area=2, extra=2, top=8000):
    def answer(bands, low, high):
        hz, feet = torch.linspace(0, top, 257).unsqueeze(1), edges(bands + extra, low, high)
        left, centre, right = feet[:-2], feet[1:-1], feet[2:]
        table = torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))
        return table.clamp(min=least) * (area / (right - left) if area else 1)

    return answer


def _log_mel(change=lambda x: x, size=2, window=None, last=0, floor=1e-5):
    def answer(wave):
        fade = torch.hann_window(512) if window is None else window
        spectrum = torch.stft(wave, 512, 320, window=fade, return_complex=True)
        power = spectrum.abs().pow(size).mT[:, : wave.shape[1] // 320 + last]
        return change((power @ mymodel.mel_filters()).clamp(min=floor))

    return answer


def _log_first(wave):
    spectrum = torch.stft(wave, 512, 320, window=torch.hann_window(512), return_complex=True)
    power = spectrum.abs().square().mT[:, : wave.shape[1] // 320]
    return power.clamp(min=1e-5).log() @ mymodel.mel_filters()


def _added(wave):
    return (_log_mel(floor=0)(wave) + 1e-5).log()


WRONG = {
    "hz_to_mel": [
        (lambda hz: 2595 * torch.log10(1 + hz / 700), "HTK"),
        (lambda hz: hz * 3 / 200, "second formula"),
        (_mel(lambda ratio: ratio.log10() / STEP), "base 10"),
        (_mel(lambda ratio: ratio.log() / math.log(6.4) / 27), "fraction"),
        (_mel(lambda ratio: ratio * 0), "4000 Hz are"),
        (lambda hz: 15 + (hz / 1000).log() / STEP, "finite"),
        (lambda hz: hz * 3 / 200 if hz < 1000 else hz, "RuntimeError"),
        (lambda hz: 3.0, "a tensor"),
    ],
    "mel_filters": [
        (_filters(area=0), "factor"),
        (_filters(area=1), "half its width"),
        (_filters(least=-1e9), "below zero"),
        (_filters(lambda count, low, high: torch.linspace(low, high, count)), "even in Hz"),
        (_filters(extra=1), "(257, 64)"),
        (lambda *sizes: _filters()(*sizes).mT, "swapped"),
        (lambda *sizes: 2 * _filters()(*sizes), "its weight should be"),
        (_filters(top=16_000), "half the sampling rate"),
        (lambda: 1, "TypeError"),
    ],
    "log_mel": [
        (_log_mel(), "logarithm is missing"),
        (_log_mel(torch.log10), "log10"),
        (_log_mel(lambda x: 10 * torch.log10(x)), "decibels"),
        (_log_mel(torch.log, size=1), "squared"),
        (_log_mel(torch.log, floor=0), "minus infinity"),
        (_log_mel(torch.log, last=1), "one frame more"),
        (_log_mel(torch.log, window=torch.ones(512)), "faded"),
        (lambda wave: _log_mel(torch.log, last=1)(wave)[:, 1:], "first frame"),
        (lambda wave: _log_mel(torch.log)(wave).mT, "swapped"),
        (_log_first, "after the bands"),
        (_added, "you added it"),
        (_log_mel(lambda x: x.log() + 1), "differ"),
    ],
    "single_pulses": [
        ("Yes: a window of 4 ms is short enough for a pulse every 2.6 ms", "longer"),
        ("Yes, if the figure were printed larger", "enlarged"),
    ],
    "cut_out": [
        (_cut("left"), "rows run down"),
        (lambda frame, box: _cut("top")(frame, box).swapaxes(0, 1), "transposed"),
        (_cut("", whole=True), "the place"),
        (lambda frame, box: frame[:3], "expected shape"),
        (lambda frame: frame, "TypeError"),
    ],
    "paper_columns": [
        (250, "pocket"),
        (501, "S // hop"),
        (160_000, "samples"),
        (7, "five seconds"),
    ],
    "the_alarm": [
        ("A", "talk"),
        ("C", "crying"),
        ("D", "cheering"),
        ("E", "laughter"),
        ("F", "shout"),
    ],
    "box_overlap": [
        (_over_first, "both together"),
        (_unclipped, "negative width"),
        (lambda a, b: 1.0, "shifted by half"),
        (lambda a: 1.0, "TypeError"),
    ],
    "picture_numbers": [
        (110_592, "colours"),
        (20_736, "16"),
        (28_800_000, "whole clip"),
        (1, "one frame"),
    ],
}
