"""Valence and arousal of a composed clip: a mapping of what was acted, not a rating of the clip.

Each emotion stands for one word, whose mean ratings are those of Warriner, Kuperman and Brysbaert
2013 (docs/papers/affect.md). Clips were never rated.
"""

from collections.abc import Sequence

from emo_core.synthetic.composed.utterances import NEUTRAL

# Class of an utterance -> its word, and the word's mean valence and arousal, 1 to 9 (unhappy to
# happy, calm to excited). Source: docs/papers/affect.md#ratings
WORD_RATINGS = {
    "anger": ("angry", 2.53, 6.20),
    "disgust": ("disgusted", 2.68, 4.89),
    "fear": ("fearful", 2.66, 5.45),
    "happy": ("happy", 8.47, 6.05),
    "sad": ("sad", 2.10, 3.49),
    "surprise": ("surprised", 6.57, 5.95),
    NEUTRAL: ("neutral", 5.50, 3.45),
}
# Share of the way from the rating of "neutral" to that of the word, by how it was acted ("": not
# stated). Assumed: docs/papers/affect.md#intensity
INTENSITY_SHARES = {"normal": 0.5, "strong": 1.0, "": 1.0}


def affect_of(emotion: str, intensities: Sequence[str] = ()) -> tuple[float, float]:
    """Valence and arousal, -1 to 1, that an acted emotion is mapped to.

    intensities: as acted, of each face and voice that shows it; their mean share counts, and the
    whole way where there are none. Raises ValueError for a word that is not in INTENSITY_SHARES.
    """
    for word in intensities:
        if word not in INTENSITY_SHARES:
            known = ", ".join(filter(None, INTENSITY_SHARES))
            raise ValueError(f"the intensity {word!r} is not known; expected {known} or nothing")
    shares = [INTENSITY_SHARES[word] for word in intensities] or [INTENSITY_SHARES[""]]
    share = sum(shares) / len(shares)
    valence, arousal = (
        round(_unit(base + share * (rating - base)), 4)
        for base, rating in zip(WORD_RATINGS[NEUTRAL][1:], WORD_RATINGS[emotion][1:], strict=True)
    )
    return valence, arousal


def _unit(rating: float) -> float:
    """A rating from 1 to 9 as -1 to 1."""
    return (rating - 5) / 4
