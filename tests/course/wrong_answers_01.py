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


def _loudness(of, drop_last=False, least=1):
    def answer(times_s, wave, rate):
        starts = np.round(times_s * rate).astype(int)
        last = starts[-1] + 5 if drop_last else len(wave)
        pieces = [wave[a:b] for a, b in zip(starts, [*starts[1:], last], strict=True)]
        return np.array([of(p) if len(p) >= least else 0.0 for p in pieces])

    return answer


def _window(moments, sound=lambda wave, a, b: wave[a:b]):
    def answer(times_s, wave, rate, start_s, end_s):
        asked_s = moments(start_s, end_s)
        frames = np.searchsorted(times_s, asked_s, side="right") - 1
        cut = sound(wave, round(start_s * rate), round(end_s * rate))
        return frames.clip(0, len(times_s) - 1), cut

    return answer


def _middles(start_s, end_s):
    return start_s + (np.arange(4) + 0.5) * (end_s - start_s) / 4


WRONG = {
    "loudness_per_frame": [
        (_loudness(lambda p: np.abs(p).mean()), "mean size"),
        (_loudness(lambda p: (p**2).mean()), "root is missing"),
        (_loudness(lambda p: p.std()), "standard deviation"),
        (_loudness(lambda p: np.sqrt((p**2).sum())), "number of samples"),
        (
            _loudness(lambda p: np.sqrt((p**2).sum() / len(p) if len(p) else np.nan), least=0),
            "no number",
        ),
        (_loudness(lambda p: np.sqrt((p**2).mean()), drop_last=True), "end of the sound"),
        (lambda times_s, wave, rate: np.zeros(len(times_s)), "round(time x rate)"),
        (lambda times_s, wave, rate: np.zeros(3), "pictures, but"),
        (lambda wave: wave, "TypeError"),
    ],
    "read_window": [
        (_window(lambda start_s, end_s: _middles(0, end_s - start_s)), "begins at 0"),
        (_window(lambda start_s, end_s: np.linspace(start_s, end_s, 4)), "edges"),
        (_window(_middles, lambda wave, a, b: wave[: b - a]), "before you changed"),
        (_window(lambda start_s, end_s: _middles(start_s, end_s) + 1), "expected"),
        (lambda times_s, wave, rate, start_s, end_s: 3, "two things"),
    ],
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
        (25 / 16_000, "on display"),
        (1764, "44,100"),
        (641, "on display"),
        ("640", "number"),
        (True, "number"),
    ],
    "sound_delay": [
        (_delay(sign=-1), "wrong way"),
        (_delay(unit=1), "step_s"),
        (_delay(middle=0), "Off by one"),
        (lambda early, late, step_s: 3.0, "means"),
        (lambda early, late, step_s: (late.argmax() - early.argmax()) * step_s, "whole curves"),
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
