"""Fills the name of the account that publishes a copy into badges and links.

    make publish OWNER=name

Badges stand between markers, empty until this has run, so that no page shows a dead one. Running
it again, also with another name, leaves the repository as if that name had been the first.
"""

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")  # GitHub's rule
PLACEHOLDER = "OWNER"
BADGES = re.compile(r"(<!-- publish:badges -->\n)(.*?)(<!-- /publish -->)", re.S)
LINES = re.compile(r"(# publish:links\n)(.*?)(# /publish\n)", re.S)
ADDRESS = re.compile(r"((?:github\.com|huggingface\.co/spaces|colab/github)/)[\w-]+(/emo)(?![\w-])")
LINKS = {  # lines between the markers of a file
    "pyproject.toml": '[project.urls]\nRepository = "https://github.com/{owner}/emo"\n'
    'Issues = "https://github.com/{owner}/emo/issues"\n',
    "CITATION.cff": "repository-code: https://github.com/{owner}/emo\n",
}
CHECKS = (
    "[![Checks](https://github.com/{owner}/emo/actions/workflows/check.yml/badge.svg)]"
    "(https://github.com/{owner}/emo/actions/workflows/check.yml)\n"
)
SPACE = (
    "[![Open the app](https://huggingface.co/datasets/huggingface/badges/resolve/main/"
    "open-in-hf-spaces-sm.svg)](https://huggingface.co/spaces/{owner}/emo)\n"
)
COLAB = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{owner}/emo/blob/main/notebooks/{lesson})\n"
)


class PublishError(Exception):
    """A name that can't be an account's; the message says what is expected."""


def check_owner(owner: str) -> str:
    """Returns the name of an account, or raises PublishError."""
    if owner == PLACEHOLDER or not NAME.fullmatch(owner):
        raise PublishError(
            f"{owner!r} is no account name; expected 1 to 39 letters, digits and single hyphens "
            "between them, as in `make publish OWNER=ada-lovelace`."
        )
    return owner


def fill_addresses(text: str, owner: str) -> str:
    """The text with `owner` in every address of this repository and of its Space."""
    return ADDRESS.sub(rf"\g<1>{owner}\g<2>", text)


def fill_badges(text: str, badges: str) -> str:
    """The text with `badges` between its markers; without markers as it was."""
    return BADGES.sub(lambda match: match[1] + badges + match[3], text)


def publish_page(text: str, owner: str) -> str:
    """README.md, or another page in Markdown."""
    return fill_badges(fill_addresses(text, owner), (CHECKS + SPACE).format(owner=owner))


def publish_table(name: str, text: str, owner: str) -> str:
    """pyproject.toml or CITATION.cff: the lines between its markers."""
    lines = LINKS[name].format(owner=owner)
    return LINES.sub(lambda match: match[1] + lines + match[3], text)


def publish_lesson(path: Path, owner: str, digest: Callable) -> None:
    """A notebook: badges of its first cell, addresses in all cells, and the digest of its code."""
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    badges = (COLAB + SPACE).format(owner=owner, lesson=path.name)
    for cell in notebook.cells:
        cell.source = fill_badges(fill_addresses(cell.source, owner), badges)
    if "emo" in notebook.metadata:  # the stored outputs still belong to this code
        notebook.metadata["emo"]["source"] = digest(notebook)
    if nbformat.writes(notebook) != before:
        nbformat.write(notebook, path)


def publish(root: Path, owner: str) -> None:
    """Fills `owner` in below `root`. Raises PublishError before anything is written."""
    check_owner(owner)
    from run_notebooks import source_digest

    for name in ("README.md", "CONTRIBUTING.md", "notebooks/README.md"):
        _rewrite(root / name, lambda text: publish_page(text, owner))
    for name in LINKS:
        _rewrite(root / name, partial(publish_table, name, owner=owner))
    for path in sorted((root / "docs").rglob("*.md")):
        if not {"_build", "lessons", "project"} & set(path.relative_to(root / "docs").parts):
            _rewrite(path, lambda text: publish_page(text, owner))
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        publish_lesson(path, owner, source_digest)


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        changed = change(text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("owner", help="name of the account on GitHub and Hugging Face")
    owner = parser.parse_args().owner
    try:
        publish(ROOT, owner)
    except PublishError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 2
    print(f"badges and links name {owner}; look at `git diff`, then commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
