"""What is known of training data: a file DATA.md that lies with the data, and with its models.

The trainer copies it into the checkpoint, the model card repeats it, and its warning stands beside
every answer. Nothing is stated about data that has no such file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from emo_core.data.corpus import CorpusError

STATEMENT = "DATA.md"
NOT_STATED = "Whoever trained this model stated nothing about its training data."
HEADINGS = {  # heading of DATA.md -> field
    "Warning": "warning",
    "Label": "label",
    "Sources": "sources",
    "Labels": "label_mapping",
    "Licence": "licence",
    "Known failures": "failures",
}
HELD_OUT = "Held out for test"  # optional heading: speakers that `emo data make` keeps for test
_HEADING = re.compile(r"^## +(.+?) *$", re.M)


@dataclass(frozen=True)
class DataStatement:
    """What a reader must know of training data; each field is a part of the model card."""

    warning: str  # one sentence, shown beside every answer
    label: str  # what a label is, in the middle of a sentence
    sources: str
    label_mapping: str
    licence: str
    failures: str


def statement_text(folder: Path) -> str:
    """The text of a folder's DATA.md, "" where it has none; raises CorpusError if it is no text."""
    path = folder / STATEMENT
    try:
        return path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{folder.name}/{STATEMENT} can't be read as text; expected Markdown in UTF-8 with the "
            f"headings {', '.join(HEADINGS)}; write it again or take it away."
        ) from error


def parse_statement(text: str, name: str = STATEMENT) -> DataStatement | None:
    """A statement from the text of a DATA.md, None where the text is empty.

    name: of the file, for messages. Raises CorpusError where a heading is missing or empty, and
    where the warning is more than one line.
    """
    if not text.strip():
        return None
    parts = _sections(text)
    missing = [heading for heading in HEADINGS if not parts.get(heading)]
    if missing:
        raise CorpusError(
            f"{name} says nothing under {', '.join(missing)}; expected text under each of the "
            f"headings '## {', ## '.join(HEADINGS)}'; add it, or take the file away."
        )
    if "\n" in parts["Warning"]:
        raise CorpusError(
            f"the warning of {name} has several lines; expected one sentence on one line, which is "
            "shown beside every answer; shorten it."
        )
    return DataStatement(**{field: parts[heading] for heading, field in HEADINGS.items()})


def held_out_groups(text: str) -> frozenset[str]:
    """Speakers, as `NAME/SPEAKER`, that a DATA.md keeps for test: its list under HELD_OUT.

    Raises CorpusError on a line that is no item of a list.
    """
    lines = [
        line.strip() for line in _sections(text).get(HELD_OUT, "").splitlines() if line.strip()
    ]
    for line in lines:
        if not line.startswith("- "):
            raise CorpusError(
                f"{STATEMENT} has the line {line!r} under '## {HELD_OUT}'; expected a list of "
                "speakers, each as '- NAME/SPEAKER' of voices/NAME/labels.csv; correct that line."
            )
    return frozenset(line[2:].strip() for line in lines)


def _sections(text: str) -> dict[str, str]:
    """Heading -> what stands under it."""
    found = _HEADING.split(text)
    return {found[i]: found[i + 1].strip() for i in range(1, len(found) - 1, 2)}
