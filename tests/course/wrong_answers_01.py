"""Wrong answers to lesson 1, and what the explanation must speak of."""

import numpy as np


def _nearest(times_s, ask_s):
    return int(np.abs(np.asarray(times_s) - ask_s).argmin())


def _next(times_s, ask_s):
    return int(np.clip(np.searchsorted(times_s, ask_s, side="right"), 0, len(times_s) - 1))


def _left(times_s, ask_s):
    return int(np.clip(np.searchsorted(times_s, ask_s, side="left") - 1, 0, len(times_s) - 1))


def _unclipped(times_s, ask_s):
    return int(np.searchsorted(times_s, ask_s, side="right")) - 1


def _by_rate(times_s, ask_s):
    return round(ask_s * 25)


def _delay(sign=1, unit=None, middle=-1, mean=True):
    def answer(early, late, step_s):
        centre = (np.mean(late), np.mean(early)) if mean else (0, 0)
        sums = np.correlate(late - centre[0], early - centre[1], mode="full")
        return sign * (int(sums.argmax()) - (len(early) + middle)) * (unit or step_s)

    return answer


WRONG = {
    "frame_on_display": [
        (_nearest, "future"),
        (_next, "future"),
        (_left, "side"),
        (_unclipped, "before the first"),
        (_by_rate, "last one that has started"),
        (lambda times_s, ask_s: "first", "number"),
        (lambda times_s: 0, "TypeError"),
        (3, "function itself"),
    ],
    "sixteen_frames": [
        ("Frame numbers 0, 8, 16, … up to 120", "60 frames/s"),
        (
            "16 evenly spaced frame numbers between the first and the last frame, counted by "
            "decoding the file once",
            "slowed down",
        ),
        ("d", "one letter"),
        (2, "letter"),
    ],
    "samples_per_frame": [
        (400, "25 ms"),
        (16_000 / 30, "30 frames"),
        (0.04, "how long"),
        (16_000 * 25, "divide"),
        (1764, "44,100"),
        (641, "samples per second"),
        ("640", "number"),
        (True, "number"),
    ],
    "sound_delay": [
        (_delay(sign=-1), "wrong way"),
        (_delay(unit=1), "step_s"),
        (_delay(middle=0), "Off by one"),
        (lambda early, late, step_s: 3.0, "means"),
        (lambda early, late, step_s: 1 / 0, "ZeroDivisionError"),
    ],
    "before_the_sound": [
        (
            "The first 0.7 s of the sound track: reading starts where the sound starts",
            "belong together",
        ),
        ("An error, because there is no sound in that stretch", "answer"),
    ],
}
