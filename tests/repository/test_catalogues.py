"""Catalogues of other languages: whole, nothing left over, the same placeholders everywhere."""

import ast
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from emo_core.messages import ENGLISH, languages, read_po
from scripts import update_catalogues
from scripts.update_catalogues import CATALOGUES

ROOT = Path(__file__).resolve().parents[2]
collect = cache(update_catalogues.collect)
KNOWN = [
    (package, language)
    for package, folder in CATALOGUES.items()
    for language in languages((folder,))
    if language != ENGLISH
]


def placeholders(text: str) -> set:
    try:
        return {part[1:] for part in Formatter().parse(text) if part[1] is not None}
    except ValueError:  # said as it stands, braces and all
        return set()


@pytest.mark.parametrize(("package", "language"), KNOWN)
def test_every_sentence_is_translated_and_none_is_left_over(package, language):
    texts = read_po(CATALOGUES[package] / f"{language}.po")
    texts.pop("")
    entries = {entry.template: entry for entry in collect(package)}
    assert set(entries) - set(texts) == set(), "without a translation"
    assert set(texts) - set(entries) == set(), "no longer said"
    for template, forms in texts.items():
        assert len(forms) == (1 if entries[template].several is None else 2), template


@pytest.mark.parametrize(("package", "language"), KNOWN)
def test_a_translation_has_the_placeholders_of_its_sentence(package, language):
    texts = read_po(CATALOGUES[package] / f"{language}.po")
    for entry in collect(package):
        wanted = placeholders(entry.template) | placeholders(entry.several or "")
        for form in texts.get(entry.template, []):
            assert placeholders(form) == wanted, form


@pytest.mark.parametrize(("package", "language"), KNOWN)
def test_a_catalogue_is_as_the_script_writes_it_and_nothing_in_it_is_fuzzy(package, language):
    text = (CATALOGUES[package] / f"{language}.po").read_text(encoding="utf-8")
    assert text == update_catalogues.updated(package, language)
    assert "fuzzy" not in text and "\n#~" not in text


@pytest.mark.parametrize(("package", "language"), KNOWN)
def test_spaces_and_stops_at_the_ends_are_those_of_the_sentence(package, language):
    texts = read_po(CATALOGUES[package] / f"{language}.po")
    for template, forms in list(texts.items())[1:]:
        for form in forms:
            assert form[0].isspace() == template[0].isspace(), form
            assert form[-1:] == template[-1:] or not {form[-1:], template[-1:]} & set(" ."), form


def test_no_error_is_raised_with_a_bare_sentence():
    """One that people read has to be a template with values; an f-string has no translation."""
    errors, bare = update_catalogues.error_classes(), []
    for package in CATALOGUES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(
                    node.func, (ast.Name, ast.Attribute)
                ):
                    continue
                name = ast.unparse(node.func).split(".")[-1]
                composed = (ast.JoinedStr, ast.BinOp)
                if name in errors and any(isinstance(one, composed) for one in node.args):
                    bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert bare == []
