"""The base of every error that reaches people; imports little, so that `emo` starts fast."""

from collections.abc import Collection

from emo_core.messages import Message, say, say_name

MOST_NAMES = 12  # that one sentence lists
NEAREST, ALIKE = 3, 0.6  # names offered of many; share of letters in common, at least


class EmoError(Exception):
    """One sentence for people: what was found, what was expected, what to do.

        raise EmoError("{name} is empty; expected a clip; give another.", name=path.name)

    `str(error)` is the English sentence, as a message that `in_language` says in others.
    """

    def __init__(self, sentence: str, /, **values: object) -> None:
        """sentence: with values, a template with their {placeholders}; else what is said."""
        super().__init__(_message_of(sentence, values))


def os_reason(error: Exception) -> Message:
    """Why the system refused, such as "Permission denied"."""
    return say_name(getattr(error, "strerror", None) or "error")


def _message_of(sentence: str, values: dict[str, object]) -> Message:
    if isinstance(sentence, Message):
        return sentence
    return say(sentence, **values) if values else say_name(sentence)


def name_choices(name: str, known: Collection[str], command: str) -> Message:
    """What was expected in place of an unknown name: all names, or of many the nearest.

    command: prints them all. Of a dotted name its last part alone may be near.
    """
    if len(known) <= MOST_NAMES:
        return say("expected one of {known}", known=", ".join(known))
    near = _nearest(name, known)
    if not near:
        return say(
            "expected one of the {count} that `{command}` lists", count=len(known), command=command
        )
    return say(
        "expected one such as {near}; `{command}` lists all {count}",
        near=", ".join(near),
        command=command,
        count=len(known),
    )


def _nearest(name: str, known: Collection[str]) -> list[str]:
    from difflib import SequenceMatcher

    def likeness(other: str) -> float:
        parts = other, other.rpartition(".")[2]
        return max(SequenceMatcher(None, name.lower(), part).ratio() for part in parts)

    likely = sorted(known, key=likeness, reverse=True)[:NEAREST]
    return [other for other in likely if likeness(other) >= ALIKE]


def failure_sentence(error: Exception) -> str:
    """Why a command ends, for people."""
    if isinstance(error, EmoError):
        return str(error)
    if isinstance(error, OSError):
        name = error.filename or say("a file")
        return say("{name}: {why}.", name=name, why=say_name(error.strerror or str(error)))
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return say(
        "this should not happen ({what}); run again with --debug and report what it prints.",
        what=what,
    )
