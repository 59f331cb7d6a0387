"""Python that stands in a string, for a process of its own, imports names that exist."""

import ast
import importlib
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"emo_core", "demo", "benchmarks"}
FOLDERS = ("emo_core", "demo", "benchmarks", "scripts", "tests")
PLANTED = {  # made-up trees, whose imports are not meant to exist
    "tests/scripts/test_measure_structure.py",
    "tests/repository/test_code_in_strings.py",
    "tests/repository/test_imports.py",
}


def imports(code: str) -> set[tuple[str, str, bool]]:
    """(module, name, called?) of what a piece of code imports of this project."""
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return set()  # a string like most
    nodes = list(ast.walk(tree))
    called = {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    found = {(a.name, "", False) for n in nodes if isinstance(n, ast.Import) for a in n.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and not node.level:
            found |= {
                (node.module or "", a.name, (a.asname or a.name) in called) for a in node.names
            }
    return {row for row in found if row[0].split(".")[0] in OURS}


def in_strings() -> set[tuple[str, str, str, bool]]:
    """(file, module, name, called?) of every import that stands in a string here."""
    found = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {(where, *row) for row in imports(node.value)}
    return {row for row in found if row[0] not in PLANTED}


def fault(module: str, name: str, called: bool) -> str:
    """What is wrong with an import; empty where nothing is."""
    try:
        home = importlib.import_module(module)
        if not name:
            return ""
        found = getattr(home, name, None) or importlib.import_module(f"{module}.{name}")
    except ImportError:
        return f"there is no {module}.{name}"
    return f"{module}.{name} is a module, and is called" * (
        called and isinstance(found, ModuleType)
    )


@pytest.mark.parametrize(("where", "module", "name", "called"), sorted(in_strings()))
def test_what_code_in_a_string_imports_is_there(where, module, name, called):
    assert not fault(module, name, called), where


def test_a_name_that_moved_is_found():
    code = "from emo_core.inference import predict\nprint(predict('a.mp4'))\nimport emo_core.gone"
    assert sorted(filter(None, (fault(*row) for row in imports(code)))) == [
        "emo_core.inference.predict is a module, and is called",
        "there is no emo_core.gone.",
    ]
