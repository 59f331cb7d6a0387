"""Sentences about a table, of each kind as many as can be read, the others counted."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

from emo_core.messages import Message, say

SHOWN = 20  # sentences of one kind


class Findings:
    """Collects what is wrong; of 40,000 rows with one fault it keeps 20 and the count."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = defaultdict(list)
        self._more: dict[str, list[int]] = defaultdict(list)  # kind -> count, first and last line

    def add(self, kind: str, sentence: str, line: int = 0) -> None:
        """Note one sentence. kind: a plural noun phrase, for the count of the others."""
        if len(self._kinds[kind]) < SHOWN:
            self._kinds[kind].append(sentence)
            return
        count, first, _ = self._more.get(kind) or (0, line, line)
        self._more[kind] = [count + 1, first, line]

    def extend(self, kind: str, sentences: Iterable[str]) -> None:
        """Note several sentences of one kind."""
        for sentence in sentences:
            self.add(kind, sentence)

    def count(self, kind: str) -> int:
        """How many of a kind there are."""
        return len(self._kinds.get(kind, ())) + (self._more.get(kind) or [0])[0]

    def sentences(self) -> tuple[str, ...]:
        """All that are kept, kind by kind, each followed by how many more there are."""
        listed: list[str] = []
        for kind, kept in self._kinds.items():
            listed += kept
            if kind in self._more:
                count, first, last = self._more[kind]
                listed.append(
                    say(
                        "And {count} more {kind}, lines {first} to {last}.",
                        count=count,
                        kind=kind,
                        first=first,
                        last=last,
                    )
                    if first
                    else say("And {count} more {kind}.", count=count, kind=kind)
                )
        return tuple(listed)


def few_of_each(sentences: Iterable[str]) -> tuple[str, ...]:
    """Sentences in their order, of each template the first SHOWN, and how many others there are."""
    counts: Counter[Hashable] = Counter()
    kept: list[str] = []
    for sentence in sentences:
        counts[_templates(sentence)] += 1
        if counts[_templates(sentence)] <= SHOWN:
            kept.append(sentence)
    firsts = {_templates(sentence): sentence for sentence in reversed(kept)}
    return *kept, *(
        say(
            "And {count} more problems such as: {first}",
            count=count - SHOWN,
            first=firsts[kind],
        )
        for kind, count in counts.items()
        if count > SHOWN
    )


def _templates(sentence: str) -> Hashable:
    """What sentences of one fault share; other text is of its own kind."""
    if not isinstance(sentence, Message):
        return sentence
    parts = (_templates(v) for v in sentence.values.values() if isinstance(v, Message))
    return sentence.template, *parts
