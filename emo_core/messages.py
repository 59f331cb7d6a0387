"""Sentences for people: English where they are made, in another language where they are shown.

    note = say("{name} has {count} frames", name="a.mp4", count=2)
    print(in_language(note, "de"))

Errors make one of what they are given (emo_core.errors). A message is a str, its English sentence;
logs, JSON and tests see nothing else. It also knows the template and the values it was made of,
through which `in_language` says the same by a catalogue: locale/*.po, gettext's format, keyed by
the English template (docs/translation.md).
"""

import json
import re
import string
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from gettext import c2py
from numbers import Number
from pathlib import Path
from typing import Any

LOCALE = Path(__file__).resolve().parent / "locale"
ENGLISH = "en"
DECIMAL_COMMA = "X-Numbers: 1.234,5"  # in a catalogue's header
CHANGES: dict[str, Callable[[str], str]] = {  # of text in its place
    "clause": lambda text: text.rstrip("."),
    "inner": lambda text: text[:1].lower() + text[1:].rstrip("."),
    "capital": str.capitalize,
    "first": lambda text: text[:1].upper() + text[1:],
}
SWAPPED = str.maketrans(".,", ",.")
PLURAL = re.compile(r"plural=([^;\n]+);")
LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr)(?:\[\d\])? )?(".*")')


class Message(str):
    """An English sentence that can be said in another language.

    template: the sentence with {placeholders}, its key in a catalogue. form: the same, or its
    plural. number: what chose the form. values: of the placeholders; each may be a message.
    """

    template: str
    form: str
    number: int
    values: dict[str, Any]

    def __str__(self) -> "Message":
        """Itself, so that `str(error)` of an error raised with a message is the message."""
        return self


def say(template: str, /, **values: object) -> Message:
    """The sentence of a template, its {placeholders} filled in where there are values for them.

    Of text, {name:clause} is a sentence without its full stop, {name:inner} begins with a small
    letter too, {name:first} with a capital one; {name:capital} has no other capital letter.
    """
    return _message(template, template, 1, values)


def say_count(one: str, several: str, /, count: int, **values: object) -> Message:
    """The form that fits a count, which is a {placeholder} as well."""
    return _message(one, one if count == 1 else several, count, {"count": count, **values})


def say_list(parts: Iterable[object], between: str = ", ") -> Message:
    """Sentences or words in a row."""
    values = {f"part_{index}": part for index, part in enumerate(parts)}
    template = "{between}".join(f"{{{name}}}" for name in values)
    return say(template, between=between, **values)


def say_or(names: Sequence[str]) -> Message:
    """Names of which one is to be chosen."""
    *others, last = names
    return (
        say("{others} or {last}", others=", ".join(others), last=last) if others else say_name(last)
    )


def say_name(name: str) -> Message:
    """A name of the program's own, such as a label's; itself where a catalogue has none."""
    return _with(Message(name), name, name, 1, {})


def to_plain(text: str) -> object:
    """A message as JSON can hold it, for another process; other text as it is."""
    if not isinstance(text, Message):
        return text
    values = {name: to_plain(value) for name, value in text.values.items()}
    return [text.template, text.form, text.number, values]


def from_plain(found: Any) -> str:
    """What `to_plain` made."""
    if not isinstance(found, list):
        return found
    template, form, number, values = found
    return _message(template, form, number, {key: from_plain(one) for key, one in values.items()})


def _message(template: str, form: str, number: int, values: dict[str, Any]) -> Message:
    values = {name: _plain(value) for name, value in values.items()}
    text = catalogue(ENGLISH).vformat(form, (), values) if values else form
    return _with(Message(text), template, form, number, values)


def _with(
    message: Message, template: str, form: str, number: int, values: dict[str, Any]
) -> Message:
    message.template, message.form, message.number, message.values = template, form, number, values
    return message


def _plain(value: object) -> Any:
    """A value that other processes can have: a number, a str or a message."""
    return value if isinstance(value, Number) else str(value)


class Catalogue(string.Formatter):
    """The sentences of one language."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """paths: gettext's files; none for English."""
        self.texts: dict[str, list[str]] = {}  # template -> its forms by plural
        for path in paths:
            self.texts |= read_po(path)
        header = self.texts.pop("", [""])[0]
        self.comma = DECIMAL_COMMA in header
        found = PLURAL.search(header)
        self.plural: Callable[[int], int] = c2py(found[1] if found else "n != 1")

    def translate(self, text: str) -> str:
        """A message in this language; in English where it is not in the catalogue."""
        if not isinstance(text, Message):
            return text
        forms = self.texts.get(text.template, [text.form])
        form = forms[self.plural(text.number)] if len(forms) > 1 else forms[0]
        return self.vformat(form, (), text.values) if text.values else form

    def translate_all(self, found: Any) -> Any:
        """Messages, and those in dicts, lists and tuples, in this language; else unchanged."""
        if isinstance(found, str):
            return self.translate(found)
        if isinstance(found, dict):
            return {key: self.translate_all(value) for key, value in found.items()}
        if isinstance(found, (list, tuple)):
            return type(found)(map(self.translate_all, found))
        return found

    def format_field(self, value: Any, format_spec: str) -> str:
        """A value in its place; formatted numbers have the language's decimal sign."""
        if isinstance(value, str):
            change = CHANGES.get(format_spec)
            text = self.translate(value)
            return change(text) if change else format(text, format_spec)
        text = format(value, format_spec)
        return text.translate(SWAPPED) if self.comma and format_spec else text


def read_po(path: Path) -> dict[str, list[str]]:
    """msgid -> msgstr, or its plural forms; "" -> the header. Fuzzy entries are left out."""
    texts: dict[str, list[str]] = {}
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        fields: list[tuple[str, str]] = []
        for line in entry.splitlines():
            found = LINE.fullmatch(line)
            if found and found[1]:
                fields.append((found[1], json.loads(found[2])))
            elif found:
                fields[-1] = (fields[-1][0], fields[-1][1] + json.loads(found[2]))
        forms = [text for name, text in fields if name == "msgstr" and text]
        if forms and "#, fuzzy" not in entry:
            texts[dict(fields)["msgid"]] = forms
    return texts


@lru_cache(maxsize=8)
def catalogue(language: str, folders: tuple[Path, ...] = (LOCALE,)) -> Catalogue:
    """The sentences of a language that these folders have a catalogue of."""
    return Catalogue(path for folder in folders if (path := folder / f"{language}.po").is_file())


def languages(folders: tuple[Path, ...] = (LOCALE,)) -> tuple[str, ...]:
    """Every language that can be said, English first."""
    found = {path.stem for folder in folders for path in folder.glob("*.po")}
    return (ENGLISH, *sorted(found - {ENGLISH}))


def in_language(found: Any, language: str, folders: tuple[Path, ...] = (LOCALE,)) -> Any:
    """Messages, and those in dicts, lists and tuples, in a language; all else unchanged."""
    return catalogue(language, folders).translate_all(found)
