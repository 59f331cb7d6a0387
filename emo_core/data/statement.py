"""What is known of training data: a file DATA.md that lies with the data, and with its models.

The trainer copies it into the checkpoint, the model card repeats it, and its warning stands beside
every answer. Nothing is stated about data that has no such file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emo_core.data.corpus import CorpusError
from emo_core.errors import os_reason
from emo_core.io.atomic import atomic_path

STATEMENT = "DATA.md"
NOT_STATED = "Nothing is known about this model's training data: no statement came with it."
HEADINGS = {  # heading of DATA.md -> field
    "Warning": "warning",
    "Label": "label",
    "Sources": "sources",
    "Labels": "label_mapping",
    "Licence": "licence",
    "Known failures": "failures",
}
HELD_OUT = "Held out for test"  # optional heading: speakers that `emo data make` keeps for test
QUESTIONS = {  # what a template asks under each heading
    "Warning": "One sentence, shown beside every answer. Whom do the clips show, and what does a "
    "model of them therefore not know? E.g.: Trained on 12 students acting in one room.",
    "Label": "What a label is, in the middle of a sentence. E.g.: what three raters saw in a clip",
    "Sources": "Who or what is on the clips, how many, when and where recorded? Did everyone agree "
    "to this use, and in writing? Ages, languages, cameras; who is missing?",
    "Labels": "Who gave them, from what (picture, sound, both), with which instruction, and how "
    "far did raters agree (`emo data check` prints it)? Which labels were merged or left out?",
    "Licence": "What may be done with the clips, and with a model trained on them? Until when, and "
    "how does someone withdraw?",
    "Known failures": "For whom and for what does the model fail, as far as you know? What did you "
    "not try?",
}
_COMMENT = re.compile(r"<!--.*?-->", re.S)
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
            "{name}/{statement} can't be read as text; expected Markdown in UTF-8 with the "
            "headings {headings}; write it again or take it away.",
            name=folder.name,
            statement=STATEMENT,
            headings=", ".join(HEADINGS),
        ) from error


def write_template(folder: Path, facts: Sequence[str] = ()) -> Path:
    """Write a DATA.md that asks what a card must say; a question that stays is no answer.

    facts: lines on the clips, put below the title. Raises CorpusError where there is one already.
    """
    path = folder / STATEMENT
    if path.exists():
        raise CorpusError(
            "{path} exists already; expected to write a new one; edit that file.", path=path
        )
    lines = ["# What is known of these clips", "", *facts, *[""] * bool(facts)]
    for heading, question in QUESTIONS.items():
        lines += [f"## {heading}", "", f"<!-- {question} -->", ""]
    try:
        with atomic_path(path) as part:
            part.write_text("\n".join(lines), encoding="utf-8")
    except OSError as error:
        raise CorpusError(
            "{path} can't be written ({reason}); expected a folder that can be written to.",
            path=path,
            reason=os_reason(error),
        ) from error
    return path


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
            "{name} says nothing under {missing}; expected text under each of the headings '## "
            "{headings}'; add it, or take the file away.",
            name=name,
            missing=", ".join(missing),
            headings=", ## ".join(HEADINGS),
        )
    if "\n" in parts["Warning"]:
        raise CorpusError(
            "the warning of {name} has several lines; expected one sentence on one line, which is "
            "shown beside every answer; shorten it.",
            name=name,
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
                "{statement} has the line {line!r} under '## {held_out}'; expected a list of "
                "speakers, each as '- NAME/SPEAKER' of voices/NAME/labels.csv; correct that line.",
                statement=STATEMENT,
                line=line,
                held_out=HELD_OUT,
            )
    return frozenset(line[2:].strip() for line in lines)


def _sections(text: str) -> dict[str, str]:
    """Heading -> what stands under it."""
    found = _HEADING.split(_COMMENT.sub("", text))  # questions of a template stand in comments
    return {found[i]: found[i + 1].strip() for i in range(1, len(found) - 1, 2)}
