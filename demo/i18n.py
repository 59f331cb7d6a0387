"""The page's words in every language it speaks.

Words of the page itself have keys, in translations/*.json, one flat table each: `words("busy")`.
Sentences of the library, and errors, are messages: show each by `words.say(sentence)`, and a figure
by `words.show(figure)`; who shows `str(error)` or a note as it is, shows English.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_core.messages import ENGLISH, LOCALE, catalogue, in_language

if TYPE_CHECKING:
    import plotly.graph_objects as go

FOLDER = Path(__file__).resolve().parent / "translations"
FOLDERS = (LOCALE, FOLDER)  # of catalogues: the library's and the page's
FALLBACK = ENGLISH
CHOICE, COOKIE = "lang", "emo_lang"  # in the page's address, and what remembers it (language.js)
NAMES = {"en": "English", "de": "Deutsch"}  # of the languages, each in its own


class Words:
    """Says things in one language; what it lacks is said in English."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = tables()[language]
        self._catalogue = catalogue(language, FOLDERS)

    def __call__(self, key: str, **values: object) -> str:
        return self._catalogue.vformat(self.template(key), (), values)

    def template(self, key: str) -> str:
        """The words of a key with {places} for values, which the browser fills."""
        return self._texts.get(key) or tables()[FALLBACK][key]

    def say(self, found: Any) -> Any:
        """A sentence of the library's, or several in a list, a tuple or a dict."""
        return in_language(found, self.language, FOLDERS)

    def show(self, figure: "go.Figure") -> "go.Figure":
        """A figure of the library's with its words and numbers in this language."""
        from emo_core.viz.prediction import figure_in

        return figure_in(figure, self.language)

    def number(self, template: str, value: float) -> str:
        """A number in the place {value:…} of a template, with this language's decimal sign."""
        return self._catalogue.vformat(template, (), {"value": value})

    def values(self, found: Mapping[str, float]) -> str:
        """Valence and arousal, or other values from -1 to 1, in words."""
        named = ((self.name_of("label", name), value) for name, value in found.items())
        return self.listed(f"{name} {self.number('{value:+.2f}', v)}" for name, v in named)

    def listed(self, numbers: Iterable[str]) -> str:
        """Texts with numbers one after another, apart from this language's decimal sign."""
        return ("; " if self._catalogue.comma else ", ").join(numbers)

    def name_of(self, kind: str, name: str) -> str:
        """A name of the library's (a label, a method) as people say it; itself where unknown."""
        key = f"{kind}_{name}"
        known = key in self._texts or key in tables()[FALLBACK]
        return self(key) if known else name.replace("_", " ").capitalize()


@lru_cache(maxsize=1)
def tables() -> dict[str, dict[str, str]]:
    """Language -> key -> text."""
    paths = sorted(FOLDER.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def words_for(
    accepted: str | None,
    query: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
) -> Words:
    """The language chosen on the page, else the first of Accept-Language that the page speaks."""
    chosen = [(query or {}).get(CHOICE, ""), (cookies or {}).get(COOKIE, "")]
    for part in [*chosen, *(accepted or "").split(",")]:
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in tables():
            return Words(language)
    return Words(FALLBACK)
