"""Judges the exercises of lesson 2: sound and faces."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from exercises.grading import Mistake, Quiz, array, called, exercise, kind_of, number

SCALE = math.log(6.4) / 27


def _mel(hz: Tensor) -> Tensor:
    above = 15 + (hz.clamp(min=1000) / 1000).log() / SCALE
    return torch.where(hz < 1000, 3 * hz / 200, above)


def _edges(count: int, low: float, high: float) -> Tensor:
    mel = torch.linspace(*_mel(torch.tensor([low, high])).tolist(), count)
    return torch.where(mel < 15, 200 * mel / 3, 1000 * ((mel - 15) * SCALE).exp())


def _triangles(edges: Tensor, frequencies: int = 257, top: float = 8000.0) -> Tensor:
    hz = torch.linspace(0, top, frequencies).unsqueeze(1)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))


def _filters(bands: int = 64, low: float = 50.0, high: float = 7600.0) -> Tensor:
    edges = _edges(bands + 2, low, high)
    return _triangles(edges).clamp(min=0) * 2 / (edges[2:] - edges[:-2])


def _tensor(answer: Any, like: Tensor, asked: str) -> Tensor:
    """What the reader's function returned, if it is a tensor of the right shape."""
    if not isinstance(answer, Tensor):
        raise Mistake(f"{asked} expected a tensor; got {kind_of(answer)}.")
    if answer.shape != like.shape:
        told = f"{asked} expected shape {tuple(like.shape)}; got {tuple(answer.shape)}."
        if answer.shape == like.mT.shape:
            raise Mistake(f"{told} The last two axes are swapped.")
        if answer.dim() == 3 and answer.shape[1] == like.shape[1] + 1:
            raise Mistake(f"{told} torch.stft gives one frame more, centred on the end: drop it.")
        raise Mistake(told)
    return answer.detach().float()


def _near(found: Tensor, right: Tensor, within: float = 1e-3) -> bool:
    return torch.allclose(found, right, atol=within, rtol=1e-3)


@exercise(
    "a function of a tensor in Hz that returns mel",
    "Equal steps in mel are heard as about equal steps, so no band is wasted on nuances.",
    "Two cases, element by element: torch.where(condition, one, other). log() of a tensor is the "
    "natural logarithm.",
    "ln(f / 1000) of f = 0 is minus infinity, and a gradient through it is not a number: clamp f "
    "from below before you take it.",
)
def hz_to_mel(answer: Any) -> None:
    hz = torch.tensor([[200.0, 1000.0], [4000.0, 0.0]])
    right = _mel(hz)
    found = _tensor(called(answer, hz.clone()), right, "Of a (2, 2) tensor")
    if not torch.isfinite(found).all():
        raise Mistake("Something in your answer is not finite: 0 Hz are 0 mel.")
    if _near(found, right):
        return
    above = hz.clamp(min=1000) / 1000
    for wrong, said in (
        (2595 * (1 + hz / 700).log10(), "That is the other mel scale (HTK's); Slaney's is asked."),
        (hz * 3 / 200, "Above 1,000 Hz the second formula counts."),
        (
            torch.where(hz < 1000, 3 * hz / 200, 15 + above.log10() / SCALE),
            "ln is the natural logarithm, not the one to base 10.",
        ),
        (
            torch.where(hz < 1000, 3 * hz / 200, 15 + above.log() / math.log(6.4) / 27),
            "Mind the fraction: 27 stands above ln 6.4.",
        ),
    ):
        if _near(found, wrong):
            raise Mistake(said)
    at = int((found - right).abs().argmax())
    raise Mistake(
        f"{hz.flatten()[at]:g} Hz are {right.flatten()[at]:.2f} mel; your function says "
        f"{found.flatten()[at]:.4g}."
    )


@exercise(
    "a function of bands, low and high that returns a tensor (257, bands)",
    "The same table stands in every speech recogniser; some learn it, and find nearly this.",
    "64 triangles have 66 feet and centres: even in mel between the two ends, then back to Hz.",
    "unsqueeze the frequencies to (257, 1): then (hz - left) / (centre - left) is a table. "
    "torch.minimum takes the lower of the two flanks.",
)
def mel_filters(answer: Any) -> None:
    for bands, low, high in ((64, 50.0, 7600.0), (20, 100.0, 4000.0)):
        right, edges = _filters(bands, low, high), _edges(bands + 2, low, high)
        asked = f"With {bands} bands"
        found = _tensor(called(answer, bands, low, high), right, asked)
        if _near(found, right, 1e-6):
            continue
        even_hz = torch.linspace(low, high, bands + 2)
        for wrong, said in (
            (_triangles(edges).clamp(min=0), "the areas are not one: the factor is missing."),
            (
                _triangles(edges) * 2 / (edges[2:] - edges[:-2]),
                "weights below zero: outside its feet a triangle is 0.",
            ),
            (
                _triangles(even_hz).clamp(min=0) * 2 / (even_hz[2:] - even_hz[:-2]),
                "the edges are even in Hz; they should be even in mel.",
            ),
            (
                _triangles(edges).clamp(min=0) / (edges[2:] - edges[:-2]),
                "a triangle of height 1 has half its width as area; where is the 2?",
            ),
            (
                _triangles(edges, top=16_000).clamp(min=0) * 2 / (edges[2:] - edges[:-2]),
                "a spectrum ends at half the sampling rate: 257 frequencies from 0 to 8,000 Hz.",
            ),
        ):
            if _near(found, wrong, 1e-6):
                raise Mistake(f"{asked} {said}")
        row, band = divmod(int((found - right).abs().argmax()), bands)
        raise Mistake(
            f"{asked} band {band} is off: at {8000 * row / 256:,.0f} Hz its weight should be "
            f"{right[row, band]:.4g}; it is {found[row, band]:.4g}."
        )


@exercise(
    "a function of sound (B, S) that returns (B, S // 320, 64)",
    "With these lines your models hear. The library adds other rates and sizes to them, no more.",
    "spectrum.abs().square() is the power. Which axis of it must meet the 257 rows of the filters?",
    "Spectra, power, bands, floor, logarithm. torch.stft's documentation names window, hop and "
    "complex numbers; it gives one column more than is asked.",
)
def log_mel(answer: Any) -> None:
    noise = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)) / 10
    sound = noise * torch.linspace(0, 1, 8000) ** 2
    sound[1, :4000] = 0  # silence, which meets the floor
    right = _log_mel(sound)
    found = _tensor(called(answer, sound.clone()), right, "Of sound (2, 8000)")
    if torch.isneginf(found).any():
        raise Mistake("Silence became minus infinity: power needs its floor of 0.00001.")
    if _near(found, right):
        return
    floored = torch.tensor(1e-5)
    power = _power(sound)
    for wrong, said in (
        (right.exp(), "The logarithm is missing."),
        (right / math.log(10), "That is log10; ln is asked for."),
        (right * 10 / math.log(10), "Those are decibels; ln is asked for."),
        ((power.sqrt() @ _filters()).maximum(floored).log(), "Take the power: abs, squared."),
        ((power @ _filters() + 1e-5).log(), "The floor is a maximum; you added it."),
        (
            power.maximum(floored).log() @ _filters(),
            "The logarithm comes after the bands are collected, not before.",
        ),
        (
            (_power(sound, torch.ones(512)) @ _filters()).maximum(floored).log(),
            "The pieces are not faded: give torch.stft a Hann window.",
        ),
        (
            (_all_power(sound)[:, 1:] @ _filters()).maximum(floored).log(),
            "You dropped the first frame; the last one is too many.",
        ),
    ):
        if _near(found, wrong):
            raise Mistake(said)
    apart = (found - right).abs().max()
    raise Mistake(f"The numbers differ from the formula's by up to {apart:.3g}.")


def _all_power(sound: Tensor, window: Tensor | None = None) -> Tensor:
    fade = torch.hann_window(512) if window is None else window
    spectrum = torch.stft(sound, 512, 320, window=fade, return_complex=True)
    return spectrum.abs().square().transpose(1, 2)


def _power(sound: Tensor, window: Tensor | None = None) -> Tensor:
    return _all_power(sound, window)[:, : sound.shape[1] // 320]


def _log_mel(sound: Tensor) -> Tensor:
    return (_power(sound) @ _filters()).clamp(min=1e-5).log()


@exercise(
    "a number of columns",
    "160,000 samples / 320 = 500 columns, 100 a second: twice as fine in time as the pocket size.",
    "How many samples are five seconds at that rate?",
    "And how often does a column begin, counted in samples?",
)
def paper_columns(answer: Any) -> None:
    found = number(answer)
    told = {
        250: "250 is the pocket model's; at 32,000 samples per second a hop takes half as long.",
        501: "torch.stft gives 501; the last, centred on the end itself, is dropped: S // hop.",
        100: "100 is one second.",
        160_000: "Those are the samples; a column comes every 320 of them.",
        1000: "A hop stays 320 samples; only the rate doubled.",
    }
    if found != 500:
        raise Mistake(told.get(found, f"Not {found:,.6g}: how many samples are five seconds?"))


the_alarm = Quiz(
    "the_alarm",
    "A machine has no breath and no throat: look for stripes that do not waver.",
    right=("B", "B is the alarm: stripes as level as a ruler that pulse, with nothing in between."),
    wrong=(
        ("A", "A is talk: syllables whose strong bands move as the mouth changes shape."),
        ("C", "C is crying: long stripes that tremble together, with a pause for breath."),
        (
            "D",
            "D is cheering: many voices, hands clapping (upright lines) and a whistle (the arch).",
        ),
        ("E", "E is laughter: short falling strokes of one voice, several a second."),
        ("F", "F is shouting: a pressed, rough voice, its strength spread up to 3,000 Hz."),
    ),
    shuffle=False,
)


@exercise(
    "a function of two boxes that returns 0 to 1",
    "Detection benchmarks call 0.5 and more a hit; `link_detections` asks for 0.2 from one frame "
    "to the next.",
    "The shared box reaches from the larger left to the smaller right; if that is negative, from "
    "nothing to nothing.",
    "What both cover together is not the sum of the areas: what is counted twice in it?",
)
def box_overlap(answer: Any) -> None:
    cases = {
        "the same box twice": ((0, 0, 2, 2), (0, 0, 2, 2), 1.0, None),
        "a box shifted by half": ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3, 0.5),
        "a small box in a large one": ((0, 0, 4, 4), (1, 1, 2, 2), 1 / 16, 1.0),
        "boxes apart in one direction": ((0, 0, 1, 1), (3, 0, 4, 1), 0.0, None),
        "boxes apart in both directions": ((0, 0, 1, 1), (3, 3, 4, 4), 0.0, None),
    }
    for name, (a, b, right, naive) in cases.items():
        found = number(called(answer, a, b))
        if abs(found - right) < 1e-6:
            continue
        told = f"For {name}, {a} and {b}, it is {right:.4g}; your function says {found:.4g}."
        if naive is not None and abs(found - naive) < 1e-6:
            raise Mistake(f"{told} Divide by the area of both together, not by one box's.")
        if right == 0:
            raise Mistake(f"{told} A negative width times a negative height is not a shared area.")
        raise Mistake(told)


@exercise(
    "a number",
    "331,776 of about 28.8 million: 1.2 % of the clip's pixels, and enough for drawn groups.",
    "Count one frame first: how many pixels, and how many numbers is a pixel?",
)
def picture_numbers(answer: Any) -> None:
    found = number(answer)
    told = {
        110_592: "Three colours: each pixel is three numbers.",
        20_736: "That is one frame; there are 16.",
        6_912: "That is one frame in one colour.",
        28_800_000: "That is the whole clip; the model gets 16 small frames of it.",
    }
    if found != 331_776:
        raise Mistake(told.get(found, f"Not {found:,.10g}. How many numbers is one frame?"))


single_pulses = Quiz(
    "single_pulses",
    "How many columns a second does the picture have, and what does lesson 1 say of half a rate?",
    right=(
        "No: it has 250 columns a second, so nothing faster than 125 changes a second can be drawn",
        "And its window of 4 ms is longer than the 2.6 ms between two pulses. Read off a figure "
        "only what its grid can hold.",
    ),
    wrong=(
        (
            "Yes: a window of 4 ms is short enough for a pulse every 2.6 ms",
            "It is longer than that, so every window holds a pulse or two; and a column every 4 ms "
            "comes too seldom as well.",
        ),
        (
            "Yes, if the figure were printed larger",
            "More pixels show the same 250 columns. What was not computed can't be enlarged.",
        ),
    ),
)


@exercise(
    "the function `cut_out`, corrected",
    "Down before across: the commonest slip with pictures. A frame that is not square, and a face "
    "that is not in the middle, find it.",
    "frame.shape is (height, width, 3). Which of the two comes first in an index?",
    "What do `left` and `right` count: rows or columns?",
)
def cut_out(answer: Any) -> None:
    frame = np.arange(40 * 80 * 3).reshape(40, 80, 3)
    cases = ((0.5, 0.25, 0.75, 0.5), (0.1, 0.6, 0.3, 0.9), (0.0, 0.0, 1.0, 1.0))
    for box in cases:
        found = array(called(answer, frame, box))
        left, right = round(box[0] * 80), round(box[2] * 80)
        top, bottom = round(box[1] * 40), round(box[3] * 40)
        expected = frame[top:bottom, left:right]
        if np.array_equal(found, expected):
            continue
        asked = f"Of a frame 80 wide and 40 high, {box}"
        if np.array_equal(found, frame[left:right, top:bottom]):
            raise Mistake(f"{asked}: rows were taken from left to right; rows run down.")
        if found.shape == expected.shape[1::-1] + (3,):
            raise Mistake(f"{asked}: right place, wrong way up: the picture is transposed.")
        if found.shape == expected.shape:
            raise Mistake(f"{asked}: the size is right, the place is not.")
        raise Mistake(f"{asked}: expected shape {expected.shape}; got {found.shape}.")
