"""References from code and lessons to docs/papers and docs/experiments lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("emo_core", "demo", "benchmarks", "notebooks")
PAPER = re.compile(r"(?:docs/)?papers/(\w+)\.md((?:(?:,| and)?\s?#[\w-]+)*)")
EXPERIMENT = re.compile(r"exp-(\d{4})|docs/experiments/(\d{4})")


def anchors(page: Path) -> set[str]:
    """Anchors of the headings down to the third level, as the site and GitHub form them."""
    headings = re.findall(r"^#{1,3} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def referring(root: Path) -> Iterator[Path]:
    """Python files and notebooks that may refer to a document, and the generated claims."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".ipynb") and ".ipynb_checkpoints" not in path.parts:
                yield path
    if (root / "docs" / "claims.md").is_file():
        yield root / "docs" / "claims.md"


def broken_references(root: Path) -> list[str]:
    """`file: reference` for each reference to a page, an anchor or an experiment that is not."""
    pages = {page.stem: anchors(page) for page in (root / "docs" / "papers").glob("*.md")}
    entries = {page.name[:4] for page in (root / "docs" / "experiments").glob("[0-9]*.md")}
    broken = []
    for path in referring(root):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
        for match in PAPER.finditer(text):
            named = re.findall(r"#([\w-]+)", match[2])
            page = match[1]
            missing = [anchor for anchor in named if anchor not in pages.get(page, set())]
            broken += [f"{name}: papers/{page}.md"] if page not in pages else []
            broken += [f"{name}: papers/{page}.md#{anchor}" for anchor in missing]
        numbers = {first or second for first, second in EXPERIMENT.findall(text)}
        broken += [f"{name}: experiment {number}" for number in sorted(numbers - entries)]
    return broken


def test_every_reference_resolves():
    assert broken_references(ROOT) == []


def test_the_code_refers_to_each_paper():
    text = "".join(path.read_text(encoding="utf-8") for path in referring(ROOT))
    assert {"group", "mesm", "jmt"} <= {match[1] for match in PAPER.finditer(text)}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# docs/papers/group.md#a1, #a2", []),
        ("# docs/experiments/0001 and exp-0001", []),
        ("# docs/papers/group.md#a99", ["emo_core/a.py: papers/group.md#a99"]),
        ("# docs/papers/group.md#a1, #a98", ["emo_core/a.py: papers/group.md#a98"]),
        ("# docs/papers/group.md#a1 and #a97", ["emo_core/a.py: papers/group.md#a97"]),
        ("# docs/papers/lost.md", ["emo_core/a.py: papers/lost.md"]),
        ("# docs/experiments/9999", ["emo_core/a.py: experiment 9999"]),
        ("# exp-9998", ["emo_core/a.py: experiment 9998"]),
    ],
)
def test_a_planted_fault_is_seen(tmp_path, line, found):
    for folder in ("emo_core", "docs/papers", "docs/experiments"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs/papers/group.md").write_text(
        "# Group\n\n## Assumptions\n\n### A1\n\n### A2\n"
    )
    (tmp_path / "docs/experiments/0001-threads.md").write_text("# 0001 Threads\n")
    (tmp_path / "emo_core/a.py").write_text(f"{line}\n")
    assert broken_references(tmp_path) == found
