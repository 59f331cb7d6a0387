"""Bring the catalogues of other languages up to date with the sentences of the code.

    python scripts/update_catalogues.py          adds what is new, takes out what is gone
    python scripts/update_catalogues.py --check  changes nothing; exits with 1 where one is behind

A new sentence comes with an empty translation, at the place of its file; fill it in by hand or with
any editor of gettext's .po files. tests/repository/test_catalogues.py holds them whole.
"""

import argparse
import ast
import errno
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args, get_origin

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from emo_core.messages import ENGLISH, languages, read_po  # noqa: E402

CATALOGUES = {"emo_core": ROOT / "emo_core" / "locale", "demo": ROOT / "demo" / "translations"}
NOT_WORDS = re.compile(r"\{\{|\}\}|\{[^{}]*\}|<[^<>]*>|[^A-Za-z]")  # of a template
OS_ERRORS = (  # of files and folders, as people meet them
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENOSPC,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.EIO,
)
HELP = ("positional arguments", "options", "show this help message and exit")  # argparse's own
SCORES = ("accuracy", "video", "audio")  # names of scores and modalities
UNTRANSLATED = {"s", "P", "HTTP", "MB", "emo"}  # words that are the same everywhere


class CatalogueError(Exception):
    """A sentence that can't be collected; one sentence for whoever wrote it."""


@dataclass(frozen=True)
class Entry:
    """One sentence of the code."""

    template: str
    several: str | None  # its form for a count other than one
    place: str  # the file it is first said in


def collect(package: str) -> list[Entry]:
    """Every sentence of a package, in order of files and lines, each once."""
    found: dict[str, Entry] = {}
    errors = error_classes()
    for path in sorted((ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        place = path.relative_to(ROOT).as_posix()
        for template, several in _said_in(tree, errors, place):
            if _has_words(template):
                found.setdefault(template, Entry(template, several, place))
    for name in names_of_data() if package == "emo_core" else ():
        found.setdefault(name, Entry(name, None, "names"))
    return list(found.values())


def error_classes() -> set[str]:
    """Names of the classes whose first argument is a sentence: EmoError and its subclasses."""
    bases: dict[str, set[str]] = {}
    for package in CATALOGUES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = {ast.unparse(base).split(".")[-1] for base in node.bases}
    known = {"EmoError"}
    while more := {name for name, base in bases.items() if base & known} - known:
        known |= more
    return known


def names_of_data() -> list[str]:
    """Names and sentences that are stored, not said by the code: labels, methods, warnings."""
    from emo_core.attribution.methods import METHODS
    from emo_core.attribution.types import PRESETS
    from emo_core.checkpoint import load_checkpoint, shipped_checkpoints
    from emo_core.corpora import CORPORA

    shipped = [load_checkpoint(name) for name in shipped_checkpoints()]
    labels = [label for checkpoint in shipped for label in checkpoint.labels]
    warnings = [checkpoint.data_warning for checkpoint in shipped]
    reasons = [os.strerror(number) for number in OS_ERRORS]
    methods = [method.about for method in METHODS.values()]
    corpora = [reader.about for reader in CORPORA.values()]
    said = [*methods, *corpora, *reasons, *map(str, warnings), *_ranges(), *HELP, *SCORES]
    return list(dict.fromkeys([*labels, *METHODS, *PRESETS, *said]))


def _ranges() -> list[str]:
    """What the types of settings say of their numbers."""
    from emo_core import ranges

    kinds = [kind for kind in vars(ranges).values() if get_origin(kind) is Annotated]
    return [get_args(kind)[-1].documentation for kind in kinds]


def _said_in(tree: ast.Module, errors: set[str], place: str) -> Iterator[tuple[str, str | None]]:
    tables, sayers = _tables(tree), _imported(tree) & {"say", "hover_text"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name, first = ast.unparse(node.func).split(".")[-1], node.args[0]
        if name == "say_count":
            yield _literal(first, place), _literal(node.args[1], place)
        elif isinstance(node.func, ast.Name) and name in sayers:
            yield from ((text, None) for text in _templates(first, tables, place))
        elif name in errors or (name == "__init__" and isinstance(first, ast.Constant)):
            yield from ((text, None) for text in _of_error(node, tables, place))


def _of_error(node: ast.Call, tables: dict[str, list[ast.expr]], place: str) -> list[str]:
    """The sentence that an error is made of: its first argument, or the one after a status."""
    said = [argument for argument in node.args if not _is_number(argument)]
    literal = bool(said) and isinstance(said[0], ast.Constant)
    return _templates(said[0], tables, place) if literal or (said and node.keywords) else []


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, str)


def _imported(tree: ast.Module) -> set[str]:
    """Names that a module has from others, and its own functions."""
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return own | {alias.name for node in nodes for alias in node.names}


def _tables(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Module-level dicts by name, with their values."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            for target in node.targets:
                found[ast.unparse(target)] = node.value.values
    return found


def _templates(first: ast.expr, tables: dict[str, list[ast.expr]], place: str) -> list[str]:
    """The templates that a call may say: a literal, or all of a module's table.

    None where it passes on what its own function was given to say.
    """
    if isinstance(first, ast.Name) and first.id in ("template", "sentence"):
        return []
    if isinstance(first, ast.Subscript) and ast.unparse(first.value) in tables:
        return [_literal(value, place) for value in tables[ast.unparse(first.value)]]
    return [_literal(first, place)]


def _literal(node: ast.expr, place: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise CatalogueError(
        f"{place} line {node.lineno} says {ast.unparse(node)}; expected a literal, or an entry of "
        "a table of literals in the same file; else no catalogue can have it."
    )


def _has_words(template: str) -> bool:
    """Whether there is anything to translate beside placeholders, tags and units."""
    return bool(set(NOT_WORDS.sub(" ", template).split()) - UNTRANSLATED)


def _quoted(name: str, text: str) -> str:
    """A field of a .po file; a long text has a line for each 90 letters or so."""
    pieces = re.findall(r".{1,90}(?:\s|$)|\S+", text, re.DOTALL) or [""]
    pieces = pieces if "".join(pieces) == text else [text]
    quoted = [json.dumps(piece, ensure_ascii=False) for piece in pieces]
    return f"{name} {quoted[0]}" if len(quoted) == 1 else "\n".join([f'{name} ""', *quoted])


def written(header: str, entries: Iterable[Entry], known: dict[str, list[str]]) -> str:
    """A catalogue of these sentences with the translations that are known."""
    blocks = [header]
    for entry in entries:
        forms = known.get(entry.template, [])
        lines = [f"#: {entry.place}", _quoted("msgid", entry.template)]
        if entry.several is None:
            lines.append(_quoted("msgstr", forms[0] if forms else ""))
        else:
            lines.append(_quoted("msgid_plural", entry.several))
            count = max(len(forms), 2)
            forms = forms or [""] * count
            lines += [_quoted(f"msgstr[{n}]", form) for n, form in enumerate(forms)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def updated(package: str, language: str) -> str:
    """The text of a package's catalogue as it should be."""
    path = CATALOGUES[package] / f"{language}.po"
    header = path.read_text(encoding="utf-8").split("\n\n")[0].rstrip("\n")
    return written(header, collect(package), read_po(path))


def main(arguments: list[str] | None = None) -> int:
    """Write or check every catalogue; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args(arguments).check
    behind = 0
    for package, folder in CATALOGUES.items():
        for language in languages((folder,)):
            path = folder / f"{language}.po"
            if language == ENGLISH or (text := updated(package, language)) == path.read_text(
                "utf-8"
            ):
                continue
            behind += 1
            print(f"{path.relative_to(ROOT)}: {'is behind the code' if check else 'updated'}")
            if not check:
                path.write_text(text, encoding="utf-8")
    return int(check and behind > 0)


if __name__ == "__main__":
    sys.exit(main())
