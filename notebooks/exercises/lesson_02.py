"""Judges the exercises of lesson 2: sound and faces."""

import math
from typing import Any

from exercises.grading import Mistake, Quiz, called, exercise, number


def _mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) / (math.log(6.4) / 27)


@exercise(
    "a function of Hz that returns mel",
    "Equal steps in mel are heard as about equal steps, so no band is wasted on nuances.",
    "Two cases: one line up to 1,000 Hz, another above. math.log is the natural logarithm.",
    "hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) / (math.log(6.4) / 27)",
)
def hz_to_mel(answer: Any) -> None:
    for hz in (200.0, 1000.0, 4000.0, 0.0):
        found, right = number(called(answer, hz)), _mel(hz)
        if abs(found - right) < 1e-3 * max(right, 1):
            continue
        told = f"{hz:g} Hz are {right:.2f} mel; your function says {found:.4g}."
        if abs(found - 2595 * math.log10(1 + hz / 700)) < 1:
            raise Mistake(f"{told} That is the other mel scale (HTK's); here Slaney's is used.")
        if hz > 1000 and abs(found - hz * 3 / 200) < 1e-6:
            raise Mistake(f"{told} Above 1,000 Hz the second formula counts.")
        if hz > 1000 and abs(found - 15 - math.log10(hz / 1000) / (math.log(6.4) / 27)) < 0.01:
            raise Mistake(f"{told} ln is the natural logarithm, not the one to base 10.")
        if hz > 1000 and abs(found - 15 - math.log(hz / 1000) / math.log(6.4) / 27) < 0.01:
            raise Mistake(f"{told} Mind the brackets: divide by (ln 6.4 / 27).")
        raise Mistake(told)


@exercise(
    "a number of columns",
    "160,000 samples / 320 = 500 columns, 100 a second: twice as fine in time as the pocket size.",
    "How many samples are five seconds at that rate?",
    "5 x 32,000 samples, one column every 320 of them.",
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
        raise Mistake(told.get(found, f"Not {found:g}: seconds x rate / hop."))


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
    "Detection benchmarks call 0.5 and more a hit; `linked` asks for 0.2 between two frames.",
    "The shared box reaches from the larger left to the smaller right; if that is negative, from "
    "nothing to nothing.",
    "shared = max(0, min(rights) - max(lefts)) * the same for top and bottom; divide by both "
    "areas less shared.",
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
    "Frames x height x width x colours.",
    "16 x 72 x 96 x 3.",
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
        raise Mistake(told.get(found, f"Not {found:g}: frames x height x width x colours."))
