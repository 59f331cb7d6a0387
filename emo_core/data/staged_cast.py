"""Sources of the drawn world: which clip belongs to which, and what its clips share."""

import random
from functools import lru_cache

from emo_core.data.staged_world import AMBIENCES, PLACES, SPLITS, Look, Style, Voice

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


def source_of(seed: int, split: str, index: int) -> tuple[int, int]:
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
        cast=tuple(_look(rng, fashion) for _ in range(10)),
        voice=Voice(rng.uniform(0.75, 1.35), rng.uniform(0.85, 1.2), rng.uniform(0.85, 1.18)),
    )


def _look(rng: random.Random, fashion: list[int]) -> Look:
    hair = rng.choice(HAIR)
    return Look(
        skin=rng.randrange(9),
        hair=hair,
        hair_colour=rng.randrange(10),
        clothes=rng.choice(CLOTHES),
        colours=tuple(rng.sample(fashion, 2)),
        hat=rng.choice(HATS),
        glasses=rng.choice((0, 0, 0, 0, 0, 0, 1, 2)),
        beard=rng.choice((0, 0, 0, 0, 1, 2)) if hair in ("short", "bald", "spiky", "curly") else 0,
        face_width=rng.uniform(0.93, 1.05),
        jaw=rng.random(),
        eye_size=rng.uniform(0.92, 1.15),
        rosy=rng.uniform(0.1, 0.8),
    )
