"""The part of a drawn clip that is decided before anybody knows its label or its regime."""

import random
from dataclasses import dataclass

from emo_core.data.staged_world import DURATION_S, MIN_FACE_RADIUS, WIDTH


@dataclass(frozen=True)
class Layout:
    """Who stands where, when something may happen, and who moves when."""

    spots: tuple[tuple[float, float, float], ...]  # x, y, radius; back row first
    active: tuple[int, ...]  # at least half of the people: they show the evidence, or talk
    interval: tuple[float, float]  # 2 to 4 s
    slots: tuple[tuple[float, float], tuple[float, float]]  # 1.1 to 1.7 s each
    moving_slot: int
    movers: tuple[int, ...]
    hidden_by: str  # away or dark, where the regime hides the faces

    @classmethod
    def draw(cls, rng: random.Random) -> "Layout":
        count = rng.choices(range(1, 9), (2, 3, 4, 4, 3, 3, 2, 2))[0]
        length = rng.uniform(2, 4)
        start = rng.uniform(0.1, DURATION_S - 0.1 - length)
        return cls(
            spots=_spots(rng, count),
            active=_subset(rng, count),
            interval=(round(start, 3), round(start + length, 3)),
            slots=_two_slots(rng),
            moving_slot=rng.randrange(2),
            movers=_subset(rng, count),
            hidden_by=rng.choice(("away", "away", "dark")),
        )


def _subset(rng: random.Random, count: int) -> tuple[int, ...]:
    size = rng.randint((count + 1) // 2, count)
    return tuple(sorted(rng.sample(range(count), size)))


def _two_slots(rng: random.Random) -> tuple[tuple[float, float], tuple[float, float]]:
    first, second = rng.uniform(1.1, 1.7), rng.uniform(1.1, 1.7)
    free = DURATION_S - 0.2 - 0.42 - first - second
    low, high = sorted((rng.random() * free, rng.random() * free))
    start, later = 0.1 + low, 0.1 + high + first + 0.42
    return (
        (round(start, 3), round(start + first, 3)),
        (round(later, 3), round(later + second, 3)),
    )


def _spots(rng: random.Random, count: int) -> tuple[tuple[float, float, float], ...]:
    """Resting places of the heads: one row, or from five people on mostly two."""
    two_rows = count >= 6 or (count >= 4 and rng.random() < 0.5)
    if not two_rows:
        largest = {1: 60, 2: 50, 3: 37, 4: 28, 5: 22.5}[count]
        radius = rng.uniform(max(MIN_FACE_RADIUS, 0.62 * largest), largest)
        return _row(rng, count, 0.0, rng.uniform(104, 134), radius)
    back = rng.choice((count // 2, (count + 1) // 2))
    shift = 16.0 if 2 * back == count else 0.0
    side = rng.choice((-1, 1))
    radius = rng.uniform(MIN_FACE_RADIUS, 25)
    height = rng.uniform(66, 78)
    front_radius = rng.uniform(radius, 28)
    return (
        *_row(rng, back, shift * side, height, radius),
        *_row(rng, count - back, -shift * side, height + rng.uniform(76, 88), front_radius),
    )


def _row(
    rng: random.Random, count: int, shift: float, height: float, radius: float
) -> tuple[tuple[float, float, float], ...]:
    slot = (WIDTH - 2 * abs(shift)) / count
    play = max(0.0, slot / 2 - 1.35 * radius)
    spots = []
    for number in range(count):
        size = max(MIN_FACE_RADIUS, radius * rng.uniform(0.92, 1.04))
        x = WIDTH / 2 + shift + (number + 0.5 - count / 2) * slot + rng.uniform(-1, 1) * play
        y = height + rng.uniform(-0.22, 0.22) * size
        spots.append((round(x, 2), round(y, 2), round(size, 2)))
    return tuple(spots)
