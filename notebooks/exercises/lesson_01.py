"""Judges the exercises of lesson 1: a clip is two clocks."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, called, exercise, number

TIMES_S = np.array([0.0, 0.04, 0.08, 0.20, 0.24])  # uneven, as phones make them


@exercise(
    "a function of times and a moment that returns a frame's index",
    "A picture stays until the next one starts. Searching takes about log2(n) looks, not n.",
    "np.searchsorted(times_s, ask_s, side='right') counts the times that are at or before ask_s.",
    "The index is that count minus one; np.clip keeps it between 0 and len(times_s) - 1.",
)
def frame_on_display(answer: Any) -> None:
    for ask_s, right in (
        (0.04, 1),
        (0.05, 1),
        (0.19, 2),
        (0.20, 3),
        (0.21, 3),
        (-1.0, 0),
        (9.0, 4),
    ):
        found = number(called(answer, TIMES_S, ask_s))
        if found == right:
            continue
        asked = f"Pictures start at {TIMES_S.tolist()} s. At {ask_s} s you show number {found:g}"
        if ask_s < 0:
            raise Mistake(f"{asked}; before the first picture the first one, 0, is shown.")
        if ask_s > 1:
            raise Mistake(f"{asked}; after the last picture the last one, 4, stays.")
        if found == right + 1:
            raise Mistake(
                f"{asked}, but that one starts only at {TIMES_S[right + 1]} s: the future."
            )
        if found == right - 1 and ask_s in TIMES_S:
            raise Mistake(f"{asked}; a picture is shown from its own time on, so {right} (side=?).")
        raise Mistake(f"{asked}; the last one that has started is number {right}.")


sixteen_frames = Quiz(
    "sixteen_frames",
    "Think of the dark clip: what does a number mean there?",
    right=(
        "16 evenly spaced times between start and end, and whatever is on display then",
        "Times mean the same in every file, and sound is asked for by the same times.",
    ),
    wrong=(
        (
            "Frame numbers 0, 8, 16, … up to 120",
            "Numbers mean other moments in every file: at 60 frames/s, number 120 is second 2, "
            "and in a file of 100 frames it does not exist.",
        ),
        (
            "16 evenly spaced frame numbers between the first and the last frame, counted by "
            "decoding the file once",
            "It always gives 16 frames, but in a clip that slowed down they crowd where the "
            "camera was fast, and nobody tells the sound. It also decodes the whole file.",
        ),
    ),
)


@exercise(
    "a number of samples",
    "16,000 / 25 = 640 samples, 40 ms. The pocket models' spectrogram has one column every 320.",
    "How long is one frame on display, in seconds?",
    "1/25 s times 16,000 samples per second.",
)
def samples_per_frame(answer: Any) -> None:
    found = number(answer)
    told = {
        400: "400 samples are 25 ms; 25 frames per second means that one lasts 1/25 s = 40 ms.",
        533: "That is for 30 frames per second; this clip has 25.",
        0.04: "0.04 s is how long a frame is on display; how many samples go by in that time?",
        40: "40 ms is how long a frame is on display; how many samples go by in that time?",
        400_000: "You multiplied the two rates; a frame lasts 1/25 of a second, so divide.",
        1764: "That is at 44,100 samples per second; here sound has 16,000.",
    }
    if round(found, 3) == 640:
        return
    near = [text for value, text in told.items() if abs(found - value) < 0.5 and found != 0]
    raise Mistake(near[0] if near else f"Not {found:g}: samples per second / frames per second.")


@exercise(
    "a function of two curves and a step that returns seconds",
    "This is how recorders are synchronised by a clap, and how a lesson can test its own files.",
    "np.correlate(late, early, mode='full') has 2n-1 sums; the one in the middle is for shift 0.",
    "argmax() - (n - 1) is the shift in steps. Take the means off first; times step_s is seconds.",
)
def sound_delay(answer: Any) -> None:
    curve = np.zeros(80)
    curve[20:26], curve[40:44] = (1, 3, 2, 2, 1, 1), (2, 4, 1, 1)
    for steps in (6, -5, 0):
        for step_s in (0.04, 0.1):
            found = number(called(answer, curve + 5, np.roll(curve, steps) + 5, step_s))
            right = steps * step_s
            if abs(found - right) > 1e-6:
                raise Mistake(_delay_mistake(found, right, steps))


def _delay_mistake(found: float, right: float, steps: int) -> str:
    asked = f"The second curve is {right:+.2f} s late; your function says {found:+.4g}."
    if steps and abs(found + right) < 1e-6:
        return f"{asked} The sign is the wrong way round: late is positive."
    if steps and abs(found - steps) < 1e-6:
        return f"{asked} Those are steps; multiply by step_s."
    if abs(found - right) < 0.11:
        return f"{asked} Off by one: the middle of np.correlate's answer is number n - 1."
    return f"{asked} Are the means taken off, and is the shift counted from the middle?"


before_the_sound = Quiz(
    "before_the_sound",
    "Which clock do we ask by: that of the sound track, or that of the clip?",
    right=(
        "Zeros: on the clip's clock there is no sound yet",
        "The clip's clock starts with the picture; where the file has no sound, sound is zero.",
    ),
    wrong=(
        (
            "The first 0.7 s of the sound track: reading starts where the sound starts",
            "Then frames and sound of the same seconds would not belong together any more: "
            "exactly the mistake this lesson is about.",
        ),
        (
            "An error, because there is no sound in that stretch",
            "Silence is an answer, not a fault. Errors are kept for files that can't be read.",
        ),
    ),
)
