"""Every command that the lessons and the site's pages tell somebody to type exists as written."""

import re
import shlex
from pathlib import Path

import nbformat
import pytest

import benchmarks.__main__ as benchmarks
from emo_core.cli.main import UsageError, build_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/lessons/*.md"), *ROOT.glob("docs/*.md")]
    + [ROOT / "README.md", ROOT / "notebooks" / "README.md"]
)
FENCE = re.compile(r"^```(?:bash|sh|console|text)?\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`((?:emo|make|python -m benchmarks|python scripts/)[ /][^`\n]+)`")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


def text_of(path: Path) -> str:
    """The prose of a page; of a notebook that of its text cells."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def commands(text: str) -> list[str]:
    """Lines of fenced blocks and inline code that call the project's own commands."""
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    lines = [re.sub(r"\s+#.*|\s{3,}.*", "", line) for line in lines]  # what says what it does
    starts = ("emo ", "make ", "python -m benchmarks ", "python scripts/")
    return [line for line in lines if line.startswith(starts)] + INLINE.findall(text)


def fault(command: str) -> str:
    """What is wrong with a command; "" if nothing is. What it leaves out is not asked for."""
    plain = re.sub(r"\|[\w-]+|[\[\]…]", "", command)  # one of what a synopsis leaves open
    words = shlex.split(re.sub(r"\bN\b", "1", plain))
    if words[0] == "make":
        return "" if words[1] in TARGETS else f"make has no {words[1]}"
    if words[:2] == ["python", "-m"]:
        return "" if words[3] in benchmarks.known() else f"no benchmark {words[3]}"
    if words[0] == "python":
        return "" if (ROOT / words[1]).is_file() else f"no file {words[1]}"
    try:
        build_parser().parse_args(words[1:])
    except SystemExit:  # --help
        return ""
    except UsageError as error:
        return "" if "are required" in str(error) else str(error)
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_of_a_page_exist(path):
    faults = {command: fault(command) for command in commands(text_of(path))}
    assert {command: words for command, words in faults.items() if words} == {}


def test_a_command_that_is_not_there_is_found():
    text = (
        "`emo bench sparse`, `emo predict`\n```\nemo train a --data b --zebra  # 1\nmake zebra\n```"
    )
    assert commands(text) == ["emo train a --data b --zebra", "make zebra", "emo bench sparse",
                              "emo predict"]  # fmt: skip
    assert [bool(fault(command)) for command in commands(text)] == [True, True, True, False]
    assert fault("python -m benchmarks zebra") and fault("python scripts/zebra.py")
    assert not fault("emo list corpora")
