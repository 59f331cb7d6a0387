"""Sources of the site that lie elsewhere in the repository: lessons, root pages, API pages."""

import ast
import json
import os
import re
import tomllib
from pathlib import Path

import course_pages

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PACKAGE = ROOT / "emo_core"
PAGES = {  # page of the site -> file of the repository
    "project/contributing": "CONTRIBUTING.md",
    "project/changelog": "CHANGELOG.md",
    "project/use-policy": "USE_POLICY.md",
    "project/code-of-conduct": "CODE_OF_CONDUCT.md",
}
COURSE_PAGES = ("glossary", "references", "capstone", "troubleshooting", "teach")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```[ \t]*$|`[^`\n]+`)", re.M | re.S)
BADGES = re.compile(r"<!-- publish:badges.*?<!-- /publish -->\n?", re.S)


def repository_url() -> str:
    """Address of the published repository from pyproject.toml; "" before `make publish`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def write_if_changed(path: Path, text: str) -> None:
    """Writes a generated source, but leaves an equal one alone, so that Sphinx reads it once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def site_page(target: Path) -> str | None:
    """Path of the page below docs/ that shows a file of the repository; None where there is none.

    Raises nothing: a file that the site does not show is an ordinary case.
    """
    inside = {ROOT / file: f"{page}.md" for page, file in PAGES.items()}
    if target in inside:
        return inside[target]
    if target.parent == ROOT / "notebooks" and target.suffix == ".ipynb":
        return f"lessons/{target.name}"
    if target.parent == ROOT / "notebooks" / "diagrams":
        return f"lessons/diagrams/{target.name}"
    if target in (ROOT / "notebooks", ROOT / "notebooks" / "README.md"):
        return "lessons/index.md"
    if target.is_relative_to(DOCS) and target.is_file():
        return target.relative_to(DOCS).as_posix()
    if target.is_dir() and target.is_relative_to(DOCS) and (target / "index.md").is_file():
        return (target / "index.md").relative_to(DOCS).as_posix()
    return None


def site_links(text: str, source: Path, page: Path) -> str:
    """Rewrites the relative links of `source` for the site, where it is the page `page`.

    A file that the site shows is linked there; any other file of the repository is linked at its
    published address, or named without a link before there is one.
    """

    def link(match: re.Match) -> str:
        words, address = match.groups()
        if re.match(r"[a-z]+:|#|\{", address):
            return match.group()
        path, _, anchor = address.partition("#")
        target = (source.parent / path).resolve()
        if not target.exists():
            return match.group()  # Sphinx reports the dead link
        shown = site_page(target)
        if shown:
            relative = os.path.relpath(DOCS / shown, page.parent)
            return f"[{words}]({relative}{'#' + anchor if anchor else ''})"
        base = repository_url()
        inside = target.relative_to(ROOT).as_posix()
        return f"[{words}]({base}/blob/main/{inside})" if base else words

    parts = FENCE.split(text)
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    return _rejoined_links("".join(parts), link)


def _rejoined_links(text: str, link) -> str:
    """Rewrites links whose words are inline code, which the split at code leaves apart."""
    blocks = re.split(r"(^```.*?^```[ \t]*$)", text, flags=re.M | re.S)
    coded = re.compile(r"(?<!!)\[(`[^`\n]+`)\]\(([^)\s]+)\)")
    blocks[::2] = [coded.sub(link, block) for block in blocks[::2]]
    return "".join(blocks)


def write_pages() -> None:
    """Brings the pages of the repository's root into docs/project/."""
    for page, file in PAGES.items():
        source, target = ROOT / file, DOCS / f"{page}.md"
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            write_if_changed(target, site_links(text, source, target))


def write_diagrams() -> None:
    """Brings the lessons' diagrams beside their pages."""
    for source in sorted((ROOT / "notebooks" / "diagrams").glob("*.svg")):
        target = DOCS / "lessons" / "diagrams" / source.name
        write_if_changed(target, source.read_text(encoding="utf-8"))


def write_lessons() -> None:
    """Brings the notebooks with their stored outputs into docs/lessons/, without their badges.

    Pages about the course, which are written there by hand, follow the lessons in the list.
    """
    names = []
    write_diagrams()
    for source in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = json.loads(source.read_text(encoding="utf-8"))
        target = DOCS / "lessons" / source.name
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = BADGES.sub("", "".join(cell["source"]))
                cell["source"] = site_links(text, source, target).splitlines(keepends=True)
            course_pages.fold_first_cell(cell)
            course_pages.keep_alt_texts(cell)
            course_pages.keep_clips(cell)
            course_pages.keep_hovering(cell)
        notebook["metadata"]["language_info"]["pygments_lexer"] = "lesson"  # LessonLexer
        write_if_changed(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
        names.append(source.stem)
    for stale in (DOCS / "lessons").glob("*.ipynb"):
        if stale.stem not in names:
            stale.unlink()
    entries = "\n".join([*names, *COURSE_PAGES])
    head = (DOCS / "_templates" / "lessons.md").read_text(encoding="utf-8")
    toctree = f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"
    write_if_changed(DOCS / "lessons" / "index.md", f"{head}\n{toctree}")


def module_name(path: Path) -> str:
    """Dotted name of a module file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_sentence(path: Path) -> str:
    """First line of a module's docstring; "" where there is none."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0] if text else ""


def literal(text: str) -> str:
    """Text of a docstring as reStructuredText: code in backticks, nothing else marked up."""
    parts = re.split(r"`+([^`\n]+)`+", text)
    parts[::2] = [re.sub(r"([\\*_|])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"\\ ``{part.strip()}``\\ " for part in parts[1::2]]
    return "".join(parts)


def plain_docstring(lines: list[str]) -> list[str]:
    """A docstring as reStructuredText: paragraphs, lists and indented blocks as they stand."""
    blocks = re.split(r"\n[ \t]*\n", "\n".join(lines).strip("\n"))
    out: list[str] = []
    for block in blocks:
        rows = block.split("\n")
        if any(row.startswith((" ", "\t")) for row in rows):
            out += ["::", "", *(f"   {row}" for row in rows), ""]
        elif all(row.startswith("- ") for row in rows):
            out += [*(f"- {literal(row[2:])}" for row in rows), ""]
        else:
            out += [*map(literal, rows), ""]
    return out


def api_page(folder: Path) -> str:
    """reStructuredText of one package: a table of its modules, then each module's members."""
    name = module_name(folder / "__init__.py")
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__main__.py"]
    modules.sort(key=lambda path: path.name != "__init__.py")
    rows = [f"   * - :py:mod:`{module_name(p)}`\n     - {literal(first_sentence(p))}"
            for p in modules if p.name != "__init__.py"]  # fmt: skip
    text = [f"``{name}``", "=" * (len(name) + 4), ""]
    if rows:
        text += [".. list-table::\n   :widths: 35 65\n   :class: modules\n", *rows, ""]
    for path in modules:
        module = module_name(path)
        title = f"``{module.removeprefix(name).lstrip('.') or name}``"
        if path.name != "__init__.py":
            text += [title, "-" * len(title), ""]
        text += [f".. automodule:: {module}", "   :members:", ""]
    return "\n".join(text)


def write_api() -> None:
    """Writes one API page a package of emo_core, and removes pages of packages that are gone."""
    folders = sorted({path.parent for path in PACKAGE.rglob("*.py")})
    wanted = {f"{module_name(folder / '__init__.py')}.rst": folder for folder in folders}
    for name, folder in wanted.items():
        write_if_changed(DOCS / "api" / name, api_page(folder))
    for stale in (DOCS / "api").glob("*.rst"):
        if stale.name not in {*wanted, "index.rst"}:
            stale.unlink()
    rows = [
        f"   * - :doc:`{Path(name).stem}`\n     - {literal(first_sentence(folder / '__init__.py'))}"
        for name, folder in wanted.items()
        if (folder / "__init__.py").is_file()
    ]
    entries = "\n".join(f"   {Path(name).stem}" for name in wanted)
    text = (
        "API reference\n=============\n\nBuilt from the docstrings of the package. Axes in shapes: "
        "see :py:mod:`emo_core`.\n\n.. list-table::\n   :widths: 35 65\n\n"
        + "\n".join(rows)
        + f"\n\n.. toctree::\n   :hidden:\n\n{entries}\n"
    )
    write_if_changed(DOCS / "api" / "index.rst", text)


def write_sources() -> None:
    """Everything the site shows and docs/ does not hold."""
    write_pages()
    write_lessons()
    write_api()
