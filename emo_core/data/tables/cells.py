"""What stands in one cell: text without what programs put around it, numbers, times, yes or no.

The parsers raise ValueError with the form that they expect, to be put behind row and column.
"""

import re
import unicodedata

from emo_core.messages import say

_ERRORS = (
    "#value!",
    "#ref!",
    "#name?",
    "#div/0!",
    "#num!",
    "#null!",
    "#spill!",
    "#calc!",
    "#error!",
)
BLANK = frozenset(("", "na", "n/a", "#n/a", "nan", "null", ".", "?", *_ERRORS))
YES = frozenset(("1", "1.0", "true", "t", "yes", "y", "x", "ja", "j", "wahr", "oui", "vrai", "✓"))
NO = frozenset(("0", "0.0", "false", "f", "no", "n", "nein", "falsch", "non", "faux", "-"))
QUOTES = (("“", "”"), ("„", "“"), ("‘", "’"), ("«", "»"), ("'", "'"), ('"', '"'))
_SPACES = {ord(c): " " for c in "\xa0\u202f\u2007\u3000"} | dict.fromkeys(
    [
        *map(ord, "\ufeff\u200b\x7f\xad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060"),
        *(c for c in range(32) if chr(c) not in "\t\n\r"),
    ]
)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:[.,]\d+)?)")
_UNIT = re.compile(r"\s*(seconds|second|secs|sec|s|msec|ms|min)\.?$", re.I)
_FACTOR = {"ms": 0.001, "msec": 0.001, "min": 60.0}
_SHOWN = 40  # letters of a cell that a sentence repeats


def plain_text(text: str) -> str:
    """Text in composed letters, with plain blanks and without invisible marks."""
    return unicodedata.normalize("NFC", text.translate(_SPACES))


def clean_cell(text: str) -> str:
    """A cell in composed letters, without blanks, quotation marks or ="..." around it."""
    text = plain_text(text).strip()
    if text.startswith('="') and text.endswith('"'):  # how Excel keeps leading zeros
        text = text[2:-1]
    for left, right in QUOTES:
        if len(text) > 1 and text.startswith(left) and text.endswith(right):
            return text[1:-1].strip()
    return text


def is_blank(text: str) -> bool:
    """Whether a cell says that nothing is known, in any program's words."""
    return text.casefold() in BLANK


def shown(text: str) -> str:
    """A cell as a sentence repeats it."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def parse_number(text: str) -> float:
    """A number with a decimal point or comma: "0.5", "0,5", "−.5", "1e-3"."""
    plain = text.strip().replace("−", "-")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(
            say("found {text}, expected a number such as 0.5 or 0,5", text=shown(text))
        )
    return float(plain.replace(",", "."))


def parse_seconds(text: str) -> float:
    """Seconds from "5", "5,25", "5.25 s", "250 ms", "1:05", "0:01:05.5"."""
    unit = _UNIT.search(text)
    amount = text[: unit.start()] if unit else text
    clock = _CLOCK.fullmatch(amount.strip())
    try:
        if clock is None:
            value = parse_number(amount) * _FACTOR.get(unit[1].lower() if unit else "", 1.0)
        else:
            hours, minutes, seconds = clock[1] or "0", clock[2], clock[3].replace(",", ".")
            if float(seconds) >= 60 or (clock[1] and int(minutes) >= 60):
                raise ValueError
            value = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if not 0 <= value < 1e9:
            raise ValueError
    except ValueError:
        raise ValueError(
            say(
                "found {text}, expected seconds such as 5.25 or 5,25, or a time "
                "such as 0:05 or 0:00:05.250",
                text=shown(text),
            )
        ) from None
    return value


def parse_yes(text: str) -> bool | None:
    """Yes or no in the words of several programs; None = blank."""
    word = text.casefold().replace(",", ".")
    if is_blank(text):
        return None
    if word in YES or word in NO:
        return word in YES
    raise ValueError(say("found {text}, expected 1 or 0, or yes or no", text=shown(text)))
