"""Judges the exercises of lesson 1: a clip is two clocks."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number

TIMES_S = np.array([0.0, 0.04, 0.08, 0.20, 0.24])  # uneven, as phones make them


@exercise(
    "a function of times and a moment that returns a frame's index",
    "A picture stays until the next one starts. Searching takes about log2(n) looks, not n.",
    "np.searchsorted(times_s, ask_s, side='right') counts the times that are at or before ask_s.",
    "How far is that count from the index of the last one that has started? And what if none has?",
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
    "16,000 / 25 = 640 samples, 40 ms. The spectrogram of lesson 2 has one column every 320.",
    "How long is one frame on display, in seconds?",
    "And how many samples come by in a second, so in that part of one?",
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
    near = [text for value, text in told.items() if abs(found - value) < 0.01 * value]
    asked = f"Not {found:,.6g}: for how long is one frame on display?"
    raise Mistake(near[0] if near else asked)


@exercise(
    "a function of two curves and a step that returns seconds",
    "This is how recorders are synchronised by a clap, and how a lesson can test its own files.",
    "np.correlate(late, early, mode='full') has 2n-1 sums; the one in the middle is for shift 0.",
    "Where in that answer is its largest sum, counted from the middle? Take the means off "
    "first, and mind the unit.",
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
    late = np.roll(curve, 6)
    late[70] = 6  # a door slams in one of the recordings only
    found = number(called(answer, curve, late, 0.04))
    if abs(found - 0.24) > 1e-6:
        raise Mistake(
            "Where a door slams in one of two recordings, the delay is +0.24 s; your function "
            f"says {found:+.4g}. Compare the whole curves, not their loudest moments."
        )


def _delay_mistake(found: float, right: float, steps: int) -> str:
    asked = f"The second curve is {right:+.2f} s late; your function says {found:+.4g}."
    if steps and abs(found + right) < 1e-6:
        return f"{asked} The sign is the wrong way round: late is positive."
    if steps and abs(found - steps) < 1e-6:
        return f"{asked} Those are steps; multiply by step_s."
    if abs(found - right) < 0.11:
        return f"{asked} Off by one: the middle of np.correlate's answer is number n - 1."
    return f"{asked} Are the means taken off, and is the shift counted from the middle?"


@exercise(
    "a function of times, sound and rate that returns one loudness a picture",
    "One number a picture, whatever the camera did: features of different clocks are joined like "
    "this all over the field.",
    "Two neighbouring times make one stretch of the sound. What ends the last one?",
    "np.round(times_s * rate).astype(int) gives all beginnings; each end is the next beginning. "
    "Beware of a stretch without samples.",
)
def loudness_per_frame(answer: Any) -> None:
    rng = np.random.default_rng(0)
    wave, rate = rng.normal(size=130) + 0.5, 500
    cases = {"at 25 frames/s": np.arange(5) * 0.04, "that come unevenly": TIMES_S}
    cases["of which the last two start after the sound has ended"] = np.arange(9) * 0.04
    for name, times_s in cases.items():
        found = array(called(answer, times_s, wave, rate))
        asked = f"For pictures {name}"
        if found.shape != times_s.shape:
            count = "one value" if found.size == 1 else f"values of shape {found.shape}"
            raise Mistake(f"{asked}: {len(times_s)} pictures, but {count}.")
        starts = np.round(times_s * rate).astype(int)
        pieces = [wave[a:b] for a, b in zip(starts, [*starts[1:], len(wave)], strict=True)]
        right = np.array([_rms(piece) for piece in pieces])
        if np.allclose(found, right, atol=1e-9):
            continue
        _explain_loudness(asked, found, pieces, right)


def _rms(piece: np.ndarray) -> float:
    return float(np.sqrt((piece**2).mean())) if len(piece) else 0.0


def _explain_loudness(asked: str, found: np.ndarray, pieces: list, right: np.ndarray) -> None:
    heard = np.array([len(piece) > 0 for piece in pieces])
    if not np.isfinite(found).all():
        raise Mistake(f"{asked} there is a value that is no number: no samples, so 0.")
    if np.allclose(found[heard], [np.abs(p).mean() for p in pieces if len(p)]):
        raise Mistake(f"{asked} that is the mean size; RMS squares, averages, takes the root.")
    if np.allclose(found[heard], [(p**2).mean() for p in pieces if len(p)]):
        raise Mistake(f"{asked} the root is missing.")
    if np.allclose(found[heard], [p.std() for p in pieces if len(p)]):
        raise Mistake(
            f"{asked} that is the standard deviation, which takes the mean off; RMS doesn't."
        )
    if np.allclose(found[heard], [np.sqrt((p**2).sum()) for p in pieces if len(p)]):
        raise Mistake(f"{asked} a longer picture gets louder: divide by the number of samples.")
    wrong = int(np.abs(found - right).argmax())
    if np.allclose(np.delete(found, wrong), np.delete(right, wrong)) and wrong == heard.sum() - 1:
        raise Mistake(f"{asked} the last one that has sound goes on to the end of the sound.")
    raise Mistake(
        f"{asked} number {wrong} should be {right[wrong]:.4g}; it is {found[wrong]:.4g}. Does its "
        "sound begin at round(time x rate) and end where the next begins?"
    )


before_the_sound = Quiz(
    "before_the_sound",
    "Which clock do we ask by: that of the sound track, or that of the clip?",
    right=(
        "Zeros: on the clip's clock there is no sound yet",
        "The clip's clock starts with what comes first, here the picture; before the sound comes, "
        "sound is zero.",
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


@exercise(
    "the function `read_window`, corrected",
    "Sound of one second under pictures of another: scores drop and nothing crashes. Test a loader "
    "on a window that does not begin at 0.",
    "Take a window from 3 s to 5 s and work out by hand at which moments you would look.",
    "From which clock are those moments counted, the window's or the clip's?",
)
def read_window(answer: Any) -> None:
    times_s, wave = np.arange(50) * 0.04, np.arange(200.0)
    for times, start_s, end_s in (
        (times_s, 0.0, 1.0),
        (times_s, 1.0, 1.8),
        (TIMES_S, 0.04, 0.24),
        (times_s, 1.0, 5.0),
    ):
        asked = f"From {start_s:g} s to {end_s:g} s"
        answered = called(answer, times, wave, 100, start_s, end_s)
        if not isinstance(answered, tuple) or len(answered) != 2:
            raise Mistake("The function should still return two things: frames, and sound.")
        sound = array(answered[1])
        if not np.array_equal(sound, wave[round(start_s * 100) : round(end_s * 100)]):
            raise Mistake(f"{asked} the sound was right before you changed it.")
        inside_s = (np.arange(4) + 0.5) * (end_s - start_s) / 4
        frames = array(answered[0], (4,))
        if np.array_equal(frames, _shown(times, start_s + inside_s)):
            continue
        told = f"{asked} you show frames {frames.astype(int).tolist()}"
        if np.array_equal(frames, _shown(times, inside_s)):
            raise Mistake(f"{told}: those of a window that begins at 0, under sound of another.")
        if np.array_equal(frames, _shown(times, np.linspace(start_s, end_s, 4))):
            raise Mistake(f"{told}: the middles of four parts are asked for, not the edges.")
        raise Mistake(f"{told}; expected {_shown(times, start_s + inside_s).tolist()}.")


def _shown(times_s: np.ndarray, asked_s: np.ndarray) -> np.ndarray:
    return (np.searchsorted(times_s, asked_s, side="right") - 1).clip(0, len(times_s) - 1)
