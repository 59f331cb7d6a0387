"""The page's words in every language it speaks: translations/*.json, one flat table each."""

import json
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "translations"
FALLBACK = "en"


class Words:
    """Says things in one language; what it lacks is said in English."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = tables()[language]

    def __call__(self, key: str, **values: object) -> str:
        return (self._texts.get(key) or tables()[FALLBACK][key]).format(**values)

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


def words_for(accepted: str | None) -> Words:
    """The first language of a browser's Accept-Language that the page speaks."""
    for part in (accepted or "").split(","):
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in tables():
            return Words(language)
    return Words(FALLBACK)
