"""What happens in a drawn clip: pure data, computed from (seed, split, index) and nothing else.

Everything that must not carry the label is drawn from a random stream that never sees the label.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from emo_core.schema import POLARITIES, SPLITS
from emo_core.synthetic.drawn.schema import (
    ACTED_EMOTIONS,
    AMBIENCES,
    DURATION_S,
    FPS,
    HEIGHT,
    MIN_FACE_RADIUS,
    MOVES,
    PLACES,
    REGIMES,
    SOUNDS,
    WIDTH,
    Appearance,
    Evidence,
    Movement,
    Person,
    Scene,
    Sound,
    Style,
    Voice,
)

HAIR = ("short", "bob", "long", "bun", "curly", "spiky", "ponytail", "bald", "fringe", "afro")
HATS = ("none", "none", "none", "none", "beanie", "cap", "bow")
CLOTHES = ("plain", "stripes", "hoodie", "collar", "scarf", "dungarees")


_SOURCE_BLOCK = 60  # clips whose cut into sources is drawn together
_SOURCE_MIN, _SOURCE_MAX = 4, 20


@lru_cache(maxsize=4096)
def _source_sizes(seed: int, split: str, block: int) -> tuple[int, ...]:
    """Sizes of the sources that make up one block of clips, each within 4 to 20."""
    rng = random.Random(f"{seed}/{split}/{block}/sources")
    sizes, left = [], _SOURCE_BLOCK
    while left > _SOURCE_MAX:
        sizes.append(rng.randint(_SOURCE_MIN, min(_SOURCE_MAX, left - _SOURCE_MIN)))
        left -= sizes[-1]
    return (*sizes, left)


def drawn_source_of(seed: int, split: str, index: int) -> tuple[int, int]:
    """The source id of a clip, never shared between splits, and its number in the source."""
    block, offset = divmod(index, _SOURCE_BLOCK)
    for ordinal, size in enumerate(_source_sizes(seed, split, block)):
        if offset < size:
            ordinal += block * (_SOURCE_BLOCK // _SOURCE_MIN)
            return 10 + len(SPLITS) * ordinal + SPLITS.index(split), offset + 1
        offset -= size
    raise AssertionError("the sizes of a block add up to the block")


@lru_cache(maxsize=4096)
def style_of(seed: int, source: int) -> Style:
    """Place, palette, cast and voice of a source."""
    rng = random.Random(f"{seed}/{source}/style")
    fashion = rng.sample(range(16), 6)
    return Style(
        place=rng.choice(PLACES),
        variant=rng.getrandbits(24),
        ambience=rng.choice(AMBIENCES),
        cast=tuple(_appearance(rng, fashion) for _ in range(10)),
        voice=Voice(rng.uniform(0.75, 1.35), rng.uniform(0.85, 1.2), rng.uniform(0.85, 1.18)),
    )


def _two(rng: random.Random, fashion: list[int]) -> tuple[int, int]:
    first, second = rng.sample(fashion, 2)
    return first, second


def _appearance(rng: random.Random, fashion: list[int]) -> Appearance:
    hair = rng.choice(HAIR)
    return Appearance(
        skin=rng.randrange(9),
        hair=hair,
        hair_colour=rng.randrange(10),
        clothes=rng.choice(CLOTHES),
        colours=_two(rng, fashion),
        hat=rng.choice(HATS),
        glasses=rng.choice((0, 0, 0, 0, 0, 0, 1, 2)),
        beard=rng.choice((0, 0, 0, 0, 1, 2)) if hair in ("short", "bald", "spiky", "curly") else 0,
        face_width=rng.uniform(0.93, 1.05),
        jaw=rng.random(),
        eye_size=rng.uniform(0.92, 1.15),
        rosy=rng.uniform(0.1, 0.8),
    )


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


__all__ = [
    "ACTED_EMOTIONS",
    "DURATION_S",
    "FPS",
    "HEIGHT",
    "REGIMES",
    "WIDTH",
    "Scene",
    "make_drawn_scene",
]

# Which faces go with which sound, most likely first.
_FACES_FOR = {
    "laughter": ("happy",),
    "cheering": ("happy",),
    "crying": ("sad", "afraid"),
    "shouting": ("angry", "disgusted"),
    "alarm": ("afraid", "disgusted"),
}
_WORDS = {
    "positive": (
        "ha ha, that was wonderful",
        "yes, we did it, hooray",
        "what a lovely surprise, I am so happy",
        "oh that is brilliant, well done",
    ),
    "neutral": (
        "we can meet at the corner at four",
        "the next bus leaves from the other side",
        "I put the boxes on the second shelf",
        "it is about two pages long, I think",
        "there are some chairs over there",
        "then we turn left after the bridge",
    ),
    "negative": (
        "no, please, make it stop",
        "I cannot bear this any longer",
        "get out, get out of here, now",
        "this is terrible, somebody help us",
    ),
}


def make_drawn_scene(seed: int, split: str, index: int) -> Scene:
    """The scene number `index` of a split, whatever other scenes are made.

    Raises ValueError for an unknown split or a negative index.
    """
    if split not in SPLITS or index < 0:
        raise ValueError(f"no scene {index} in split {split!r}; splits are {', '.join(SPLITS)}")
    source, clip = drawn_source_of(seed, split, index)
    style = style_of(seed, source)
    regime, label = _cell(seed, split, index)
    look = random.Random(f"{seed}/{split}/{index}/look")
    layout = Layout.draw(look)
    planted = random.Random(f"{seed}/{split}/{index}/evidence")
    sounds, decisive = _sounds(planted, regime, label, layout)
    felt = _feelings(planted, label, sounds, decisive, layout)
    people = _people(look, style, regime, layout, felt)
    heard = regime != "seen"
    return Scene(
        seed=seed,
        split=split,
        index=index,
        source=source,
        clip=clip,
        label=label,
        regime=regime,
        style=style,
        people=people,
        sounds=sounds,
        movement=Movement(*layout.slots[layout.moving_slot], layout.movers),
        evidence=_evidence(regime, label, layout, felt, decisive),
        emotions=tuple(e for e in ACTED_EMOTIONS if e in felt.values()),
        text=planted.choice(_WORDS[label if heard and regime != "synced" else "neutral"]),
        pan=look.uniform(-1, 1),
        snr_db=look.uniform(0, 20),
        level_db=look.uniform(-26, -14),
        noise_seed=look.getrandbits(48),
    )


# One block of 30 clips has the exact shares: both 40 %, the others 20 %, labels even in each.
_CELLS = tuple(
    (regime, label)
    for regime, repeats in (("both", 4), ("seen", 2), ("heard", 2), ("synced", 3))
    for label in POLARITIES
    if not (regime == "synced" and label == "neutral")
    for _ in range(repeats)
)


@lru_cache(maxsize=4096)
def _shuffled_cells(seed: int, split: str, block: int) -> tuple[tuple[str, str], ...]:
    cells = list(_CELLS)
    random.Random(f"{seed}/{split}/{block}/cells").shuffle(cells)
    return tuple(cells)


def _cell(seed: int, split: str, index: int) -> tuple[str, str]:
    block, offset = divmod(index, len(_CELLS))
    return _shuffled_cells(seed, split, block)[offset]


def _sounds(
    rng: random.Random, regime: str, label: str, layout: Layout
) -> tuple[tuple[Sound, ...], int | None]:
    """The sound events in order of time, and the index of the one that carries the label."""
    if regime == "seen":
        return (), None
    if regime != "synced":
        return (Sound(rng.choice(SOUNDS[label]), label, *layout.interval),), 0
    other = "negative" if label == "positive" else "positive"
    events = []
    for number, slot in enumerate(layout.slots):
        polarity = label if number == layout.moving_slot else other
        events.append(Sound(rng.choice(SOUNDS[polarity]), polarity, *slot))
    return tuple(events), layout.moving_slot


def _feelings(
    rng: random.Random,
    label: str,
    sounds: tuple[Sound, ...],
    decisive: int | None,
    layout: Layout,
) -> dict[int, str]:
    """What each person who is not neutral feels: the label's emotion, or surprise beside it."""
    if label == "neutral":
        return {}
    kind = rng.choice(SOUNDS[label]) if decisive is None else sounds[decisive].kind
    matching = _FACES_FOR[kind]
    main = matching[0] if rng.random() < 0.7 else rng.choice(matching)
    felt = {i: main if rng.random() < 0.75 else rng.choice(matching) for i in layout.active}
    for bystander in range(len(layout.spots)):
        if bystander not in felt and rng.random() < 0.25:
            felt[bystander] = "surprised"
    return felt


def _people(
    rng: random.Random, style: Style, regime: str, layout: Layout, felt: dict[int, str]
) -> tuple[Person, ...]:
    shows = regime in ("both", "seen")
    facing = layout.hidden_by if regime == "heard" else "front"
    looks = rng.sample(style.cast, len(layout.spots))
    return tuple(
        _person(rng, looks[i], facing, layout, i, felt.get(i, "neutral"), shows)
        for i in range(len(looks))
    )


def _person(
    rng: random.Random,
    look: Appearance,
    facing: str,
    layout: Layout,
    number: int,
    felt: str,
    shows: bool,
) -> Person:
    emotion = felt if shows else "neutral"
    chat_start, chat_length = rng.uniform(0.1, 3.4), rng.uniform(0.9, 1.5)
    chats = ((chat_start, chat_start + chat_length),) if rng.random() < 0.4 else ()
    if number in layout.active:  # as much mouth as an emotion would move, at the same seconds
        chats = (layout.interval,) if emotion == "neutral" else ()
    first = rng.uniform(0, 2.5)
    return Person(
        look,
        *layout.spots[number],
        facing=facing,
        felt=felt,
        emotion=emotion,
        shown_s=None if emotion == "neutral" else layout.interval,
        strength=rng.uniform(0.88, 1.0),
        talks_s=chats,
        blinks_s=(first, first + rng.uniform(1.2, 2.4)),
        turn=rng.uniform(-1, 1),
        phase=rng.uniform(0, 6.283),
        tempo=rng.uniform(0.85, 1.2),
        move=rng.choice(MOVES),
    )


def _evidence(
    regime: str, label: str, layout: Layout, felt: dict[int, str], decisive: int | None
) -> Evidence:
    sounds = () if decisive is None else (decisive,)
    everybody = tuple(range(len(layout.spots)))
    if regime == "synced":
        return Evidence((layout.slots[layout.moving_slot],), layout.movers, sounds)
    if regime == "heard":
        return Evidence((layout.interval,), (), sounds)
    if label == "neutral":  # nothing happens on any face: all of them, all the time, say so
        seconds = layout.interval if regime == "both" else (0.0, DURATION_S)
        return Evidence((seconds,), everybody, sounds)
    faces = tuple(i for i in everybody if felt.get(i, "surprised") != "surprised")
    return Evidence((layout.interval,), faces, sounds)
