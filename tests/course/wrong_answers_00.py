"""Wrong answers to lesson 0, and what the explanation must speak of."""

import numpy as np


def _late(sign=1, wrap=False, cut=False, inside=False, always=False):
    def answer(sound, seconds, rate):
        steps = sign * round(seconds * rate)
        if inside:
            sound[:steps] = 0
            return np.roll(sound, steps)
        if cut:
            return sound[: len(sound) - steps]
        moved = np.roll(sound, steps)
        if not wrap:
            moved[: max(steps, 1) if always else max(steps, 0)] = 0
            if steps < 0:
                moved[steps:] = 0
        return moved

    return answer


WRONG = {
    "what_it_states": [
        ("The man is 86 % happy", "amount"),
        ("86 of 100 people would call this clip positive", "votes"),
        ("Of clips with 0.86 the model is right in 86 %", "calibration"),
        ("zebra", "one letter"),
    ],
    "pairs_that_agree": [
        (lambda votes: max(votes) / sum(votes), "commonest"),
        (lambda votes: sum((n / sum(votes)) ** 2 for n in votes), "themselves"),
        (lambda votes: sum(n * (n - 1) for n in votes), "all pairs"),
        (
            lambda votes: sum(n * (n - 1) / 2 for n in votes) / (sum(votes) * (sum(votes) - 1)),
            "in order or not",
        ),
        (
            lambda votes: sum(n * (n - 1) for n in votes) / sum(votes) * (sum(votes) - 1),
            "never above 1",
        ),
        (lambda votes: 0.5, "[8, 1, 0, 0, 0, 0]"),
        (lambda votes: 1 / 0, "ZeroDivisionError"),
        (0.59, "function itself"),
    ],
    "late_and_sure": [
        ("People, too, would not notice 1.25 s of delay", "far less"),
        ("The model does not listen at all", "It does"),
        ("A late sound improves the answer, so sound should be delayed", "luck"),
    ],
    "late": [
        (_late(wrap=True), "comes back"),
        (_late(sign=-1), "earlier"),
        (_late(cut=True), "length"),
        (_late(inside=True), "copy"),
        (_late(always=True), "delay of 0"),
        (lambda sound, seconds, rate: sound * 0, "should be"),
        (lambda sound: sound, "TypeError"),
    ],
    "one_point_apart": [
        ("Yes: 61.61 is larger, and both were measured on the same clips", "same clips help"),
        ("No: the models are equally good", "equal"),
    ],
}
