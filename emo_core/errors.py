"""The base of every error that reaches people, import-free so that the command line starts fast."""

from collections.abc import Collection

MOST_NAMES = 12  # that one sentence lists
NEAREST, ALIKE = 3, 0.6  # names offered of many; share of letters in common, at least


class EmoError(Exception):
    """One sentence for people: what was found, what was expected, what to do."""


def name_choices(name: str, known: Collection[str], command: str) -> str:
    """What was expected in place of an unknown name: all names, or of many the nearest.

    command: prints them all. Of a dotted name its last part alone may be near.
    """
    if len(known) <= MOST_NAMES:
        return f"expected one of {', '.join(known)}"
    near = _nearest(name, known)
    if not near:
        return f"expected one of the {len(known)} that `{command}` lists"
    return f"expected one such as {', '.join(near)}; `{command}` lists all {len(known)}"


def _nearest(name: str, known: Collection[str]) -> list[str]:
    from difflib import SequenceMatcher

    def likeness(other: str) -> float:
        parts = other, other.rpartition(".")[2]
        return max(SequenceMatcher(None, name.lower(), part).ratio() for part in parts)

    likely = sorted(known, key=likeness, reverse=True)[:NEAREST]
    return [other for other in likely if likeness(other) >= ALIKE]
