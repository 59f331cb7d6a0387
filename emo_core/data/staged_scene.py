"""What happens in a drawn clip: pure data, computed from (seed, split, index) and nothing else.

Everything that must not carry the label is drawn from a random stream that never sees the label.
"""

import random
from functools import lru_cache

from emo_core.data.staged_cast import source_of, style_of
from emo_core.data.staged_layout import Layout
from emo_core.data.staged_world import (
    DURATION_S,
    EMOTIONS,
    FPS,
    HEIGHT,
    LABELS,
    MOVES,
    REGIMES,
    SOUNDS,
    SPLITS,
    WIDTH,
    Evidence,
    Look,
    Movement,
    Person,
    Scene,
    Sound,
    Style,
)

__all__ = [
    "DURATION_S",
    "EMOTIONS",
    "FPS",
    "HEIGHT",
    "LABELS",
    "REGIMES",
    "SPLITS",
    "WIDTH",
    "Scene",
    "make_scene",
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


def make_scene(seed: int, split: str, index: int) -> Scene:
    """The scene number `index` of a split, whatever other scenes are made.

    Raises ValueError for an unknown split or a negative index.
    """
    if split not in SPLITS or index < 0:
        raise ValueError(f"no scene {index} in split {split!r}; splits are {', '.join(SPLITS)}")
    source, clip = source_of(seed, split, index)
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
        emotions=tuple(e for e in EMOTIONS if e in felt.values()),
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
    for label in LABELS
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
    look: Look,
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
