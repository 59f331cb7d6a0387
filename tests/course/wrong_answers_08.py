"""Wrong answers to lesson 8, and what the explanation must speak of."""

import math


def _from(start):
    def answer(done, warmup):
        if done < warmup:
            return done / warmup
        return start(done, warmup)

    return answer


WRONG = {
    "schedule": [
        (lambda done, warmup: 1.0, "straight line"),
        (_from(lambda d, w: 0.5 * (1 + math.cos(math.pi * d))), "starts where"),
        (_from(lambda d, w: 1 - (d - w) / (1 - w)), "straight line down"),
        (_from(lambda d, w: 1.0), "expected"),
        (lambda done: 1.0, "TypeError"),
    ],
    "weights_only": [
        ("They do not: weights are all there is", "AdamW"),
        ("Because of rounding when saving", "bit by bit"),
    ],
    "stuck_at": [(1000, "long before"), (257, "one before"), (2048, "fp16"), ("256", "number")],
    "batch_for_four": [(16, "64 clips"), (64, "256 clips"), (3, "12 clips"), ("4", "number")],
}
