"""Judges the exercises of lesson 8: training."""

import math
from typing import Any

from exercises.grading import Mistake, Quiz, called, exercise, number


@exercise(
    "a function of done and warmup that returns a number",
    "Equal to the library's rate_factor. Height and length are all there is to choose.",
    "Two cases: done < warmup, and the rest.",
    "After the warm-up: 0.5 * (1 + cos(pi * (done - warmup) / (1 - warmup))).",
)
def schedule(answer: Any) -> None:
    for warmup in (0.1, 0.25):
        for done in (0.0, 0.05, warmup, 0.5, 0.8, 1.0):
            rest = (done - warmup) / (1 - warmup)
            right = done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * rest))
            found = number(called(answer, done, warmup))
            if abs(found - right) > 1e-9:
                raise Mistake(_schedule_mistake(found, right, done, warmup))


def _schedule_mistake(found: float, right: float, done: float, warmup: float) -> str:
    asked = f"At {done:g} of the run with a warm-up of {warmup:g} you say {found:.4g}"
    if done < warmup:
        return f"{asked}; a straight line from 0 to 1 says {right:.4g}."
    if abs(found - 0.5 * (1 + math.cos(math.pi * done))) < 1e-9:
        return f"{asked}; the cosine starts where the warm-up ends, so at {warmup:g} it is 1."
    if abs(found - (1 - (done - warmup) / (1 - warmup))) < 1e-9:
        return f"{asked}; that is a straight line down, the schedule is half a cosine."
    if done == 1 and found > 0:
        return f"{asked}; at the end of the run the rate is 0."
    return f"{asked}; expected {right:.4g}."


weights_only = Quiz(
    "weights_only",
    "What else changes from step to step?",
    right=(
        "The optimizer's averages of gradients start from zero again, and so may the schedule "
        "and the order of clips",
        "All of that is state. Save it, or make it follow from (seed, epoch), as the library "
        "does with the order of clips and dropout.",
    ),
    wrong=(
        (
            "They do not: weights are all there is",
            "AdamW keeps two running averages for every weight; the schedule counts steps.",
        ),
        ("Because of rounding when saving", "float32 is saved as it is, bit by bit."),
    ),
)


@exercise(
    "a number",
    "Above 256 the next bf16 number is 258: adding 1 rounds back to 256, for ever.",
    "7 digits after the leading one make 8 binary digits in all.",
    "With 8 binary digits, 2**8 + 1 can't be written.",
)
def stuck_at(answer: Any) -> None:
    found = number(answer)
    told = {
        1000: "1000 is what a sum should give; bf16 stops long before.",
        255: "255 + 1 = 256 is a power of two, which any binary format can write.",
        257: "257 is the first whole number that bf16 can't write; the sum stops one before it.",
        128: "With 8 binary digits all whole numbers to 256 exist; the leading one counts too.",
        2048: "That is fp16, with 10 digits after the leading one; bf16 has 7.",
        65504: "That is the largest fp16 number; here the digits run out, not the range.",
    }
    if found == 256:
        return
    raise Mistake(told.get(found, f"Not {found:g}: which whole number has bf16 no successor for?"))


@exercise(
    "a number of clips",
    "4 processes of 4 clips make steps of 16. Or keep 16 and raise the rate, with care.",
    "How many clips does a step then see?",
    "16 / 4",
)
def batch_for_four(answer: Any) -> None:
    found = number(answer)
    told = {
        16: "Then a step sees 64 clips, and an epoch has a quarter of the steps.",
        64: "Then a step sees 256 clips: the recipe's batch is that of each process.",
        8: "Then a step sees 32 clips.",
        1: "Then a step sees 4 clips.",
    }
    if found == 4:
        return
    raise Mistake(told.get(found, f"Then a step sees {4 * found:g} clips; it should see 16."))
