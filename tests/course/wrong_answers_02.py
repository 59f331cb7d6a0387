"""Wrong answers to lesson 2, and what the explanation must speak of."""

import math


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
WRONG = {
    "hz_to_mel": [
        (lambda hz: 2595 * math.log10(1 + hz / 700), "HTK"),
        (lambda hz: hz * 3 / 200, "second formula"),
        (lambda hz: hz * 3 / 200 if hz <= 1000 else 15 + math.log10(hz / 1000) / STEP, "base 10"),
        (
            lambda hz: (
                hz * 3 / 200 if hz <= 1000 else 15 + math.log(hz / 1000) / math.log(6.4) / 27
            ),
            "brackets",
        ),
        (lambda hz: 3.0, "1000 Hz are 15.00 mel"),
        (lambda hz: math.log(hz - 200), "ValueError"),
    ],
    "paper_columns": [(250, "pocket"), (501, "S // hop"), (160_000, "samples"), (7, "hop")],
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
        (1, "height"),
    ],
}
