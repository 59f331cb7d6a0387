"""Several ratings of one clip: the majority, and how far raters agree."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emo_core.messages import say


class Vote(NamedTuple):
    """One row's label of a clip. rater: "" = not named, each row then counts as one."""

    line: int
    rater: str
    label: Hashable


@dataclass(frozen=True)
class Agreement:
    """How far raters agree on the clips that several of them rated."""

    clips: int
    raters: int
    pairs_equal: float  # share of pairs of ratings of one clip
    alpha: float | None  # Krippendorff's, None where all ratings are one label

    def sentence(self) -> str:
        """For `emo data check`."""
        alpha = say("undefined") if self.alpha is None else say("{alpha:.2f}", alpha=self.alpha)
        return say(
            "Clips with several ratings: {clips}, by {raters} raters; "
            "{pairs_equal:.0%} of the pairs of ratings of a clip agree, "
            "Krippendorff's alpha is {alpha} (1 = perfect, 0 = chance); each "
            "clip gets the label with most votes.",
            clips=self.clips,
            raters=self.raters,
            pairs_equal=self.pairs_equal,
            alpha=alpha,
        )


def one_vote_each(votes: Iterable[Vote]) -> tuple[list[Vote], list[Vote]]:
    """(votes that count, those of a rater who gave a clip two labels): equal ones count once.

    Rows of unnamed raters each count.
    """
    by_rater: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    counted, torn = by_rater.pop("", []), []
    for mine in by_rater.values():
        if len({vote.label for vote in mine}) > 1:
            torn += mine
        else:
            counted.append(mine[0])
    return counted, torn


def majority(labels: Sequence[Hashable]) -> Hashable | None:
    """The label that most have; None where two share the lead."""
    ranked = Counter(labels).most_common(2)
    tied = not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1])
    return None if tied else ranked[0][0]


def agreement(ratings: Mapping[Hashable, Sequence[Hashable]], raters: int) -> Agreement | None:
    """Agreement over clips with two or more ratings, labels taken as names; None = there are none.

    Alpha is 1 - observed / expected disagreement over pairs (Krippendorff 2011, nominal data).
    """
    several = [labels for labels in ratings.values() if len(labels) > 1]
    if not several:
        return None
    count = sum(map(len, several))
    total = Counter(label for labels in several for label in labels)
    observed = sum(_unequal(Counter(labels)) / (len(labels) - 1) for labels in several) / count
    expected = _unequal(total) / (count * (count - 1))
    pairs = sum(len(labels) * (len(labels) - 1) for labels in several)
    equal = 1 - sum(_unequal(Counter(labels)) for labels in several) / pairs
    return Agreement(len(several), raters, equal, 1 - observed / expected if expected else None)


def interval_alpha(ratings: Iterable[Sequence[float]]) -> float | None:
    """Krippendorff's alpha of numbers, by squared differences; None where it is not defined."""
    several = [values for values in ratings if len(values) > 1]
    everything = [value for values in several for value in values]
    expected = _square_gaps(everything)
    if not expected:
        return None
    count = len(everything)
    observed = sum(_square_gaps(values) / (len(values) - 1) for values in several) / count
    return 1 - observed / (expected / (count * (count - 1)))


def _square_gaps(values: Sequence[float]) -> float:
    """Squared differences of ordered pairs, summed."""
    mean = sum(values) / len(values) if values else 0.0
    return 2 * len(values) * sum((value - mean) ** 2 for value in values)


def _unequal(counts: Counter) -> int:
    """Ordered pairs of different labels."""
    size = sum(counts.values())
    return size * size - sum(n * n for n in counts.values())
