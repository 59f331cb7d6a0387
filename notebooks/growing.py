"""The reader's own file, `mymodel.py`, which grows lesson by lesson: `%%mymodel` heads a cell.

What such a cell defines goes into the file under its name; the rest of the cell runs as usual. A
definition that is still open (`...`) is replaced by ours until the reader writes it, and so is what
an earlier lesson would have asked for. The file holds what has been reached so far, in one order.
"""

import ast
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

REFERENCE = Path(__file__).parent / "exercises" / "mymodel.py"
HEAD = (
    '"""My model, written in the lessons of emo; a cell that begins with %%mymodel adds to it."""'
)


class GrowError(Exception):
    """A cell that can't become a part of the file; the message says why."""


GrowError.__module__ = "emo_core.course"  # told in one sentence, as the package's own mistakes


@dataclass(frozen=True)
class Part:
    """A top-level definition or constant."""

    name: str
    source: str
    lesson: str = ""  # under which heading it stands
    open: bool = False  # it still has dots where code belongs


def is_open(node: ast.AST) -> bool:
    """Whether dots stand where code belongs; those of an index (`x[..., 0]`) are none."""
    places = (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)
    return any(
        isinstance(value := getattr(inner, "value", None), ast.Constant) and value.value is ...
        for inner in ast.walk(node)
        if isinstance(inner, places)
    )


def names_of(node: ast.AST) -> list[str]:
    """What a top-level statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = [t for one in node.targets for t in getattr(one, "elts", [one])]
        return [t.id for t in targets if isinstance(t, ast.Name)]
    return []


def split(source: str) -> tuple[list[str], list[Part], list[ast.stmt]]:
    """Imports, parts, and all other statements of a source. Raises SyntaxError."""
    imports, parts, rest, lesson = [], [], [], ""
    lines = source.splitlines()
    marks = {n: line[5:] for n, line in enumerate(lines, 1) if line.startswith("# %% ")}
    for node in ast.parse(source).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        lesson = next((marks[n] for n in sorted(marks, reverse=True) if n < first), lesson)
        text = "\n".join(lines[first - 1 : node.end_lineno])
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(text)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) or (
            isinstance(node, ast.Assign) and names_of(node) and names_of(node)[0].isupper()
        ):
            parts.append(Part(names_of(node)[0], text, lesson, is_open(node)))
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            rest.append(node)
    return imports, parts, rest


@lru_cache
def reference() -> tuple[tuple[str, ...], dict[str, Part]]:
    """Our imports and our parts by name, in the order of the file."""
    imports, parts, _ = split(REFERENCE.read_text(encoding="utf-8"))
    return tuple(imports), {part.name: part for part in parts}


def path() -> Path:
    """Where the reader's file is: beside the lessons, unless EMO_MYMODEL names another place."""
    return Path(os.environ.get("EMO_MYMODEL") or Path(__file__).parent / "mymodel.py")


def assemble(imports: list[str], parts: list[Part], least: str | None = None) -> str:
    """The text of the file: the reader's parts, and ours wherever one is open or was left out.

    The file reaches to the last of the reader's parts, or to `least` where that is further.
    """
    our_imports, ours = reference()
    order = list(ours)
    known = {part.name: part for part in parts if part.name in ours}
    helpers: dict[str, list[Part]] = {}
    waiting: list[Part] = []
    for part in parts:  # what we do not know stands before what followed it
        waiting.append(part)
        if part.name in ours:
            helpers[part.name], waiting = waiting[:-1], []
    reached = [order.index(name) for name in [*known, *([least] if least else [])]]
    pieces = [HEAD, "\n".join(dict.fromkeys([*our_imports, *imports]))]
    lesson = ""
    for name in order[: max(reached, default=-1) + 1]:
        if ours[name].lesson != lesson:
            lesson = ours[name].lesson
            pieces.append(f"# %% {lesson}")
        pieces += [helper.source for helper in helpers.get(name, ())]
        own = known.get(name)
        pieces.append(own.source if own and not own.open else ours[name].source)
    pieces += [helper.source for helper in waiting]
    return "\n\n\n".join(pieces) + "\n"


def load(file: Path) -> ModuleType:
    """The module `mymodel` from a file, anew."""
    spec = importlib.util.spec_from_file_location("mymodel", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mymodel"] = module
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # processes that load data import it by name
    spec.loader.exec_module(module)
    return module


def grow(source: str, file: Path | None = None) -> tuple[ModuleType, list[Part], list[ast.stmt]]:
    """Write the definitions of a cell into the file.

    Returns the new module, the cell's parts and its other statements. Raises GrowError; the file
    is then as it was.
    """
    file = file or path()
    try:
        imports, parts, rest = split(source)
    except SyntaxError as error:
        raise GrowError(
            f"Line {error.lineno} of the cell is no Python: {error.msg}; mymodel.py is as it was."
        ) from error
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    new = {part.name for part in parts}
    try:
        old_imports, old_parts, _ = split(before)
    except SyntaxError as error:
        raise GrowError(f"Line {error.lineno} of {file.name} is no Python: {error.msg}.") from error
    kept = [part for part in old_parts if part.name not in new]
    _replace(file, assemble([*old_imports, *imports], [*kept, *parts]))
    try:
        return load(file), parts, rest
    except Exception as error:
        _replace(file, before)
        raise GrowError(
            f"Your definitions stopped with {type(error).__name__}: {error}; "
            "mymodel.py is as it was."
        ) from error


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)


def mymodel(least: str) -> ModuleType:
    """The reader's file as a module that reaches at least to the part called `least`.

    What is not written yet, or can't be run, is ours.
    """
    file = path()
    if least not in reference()[1]:
        raise GrowError(f"{least} is no part of mymodel.py.")
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    try:
        imports, parts, _ = split(before)
        _replace(file, assemble(imports, parts, least))
        return load(file)
    except Exception as error:
        aside = file.with_suffix(".broken.py")
        aside.write_text(before, encoding="utf-8")
        print(f"{file.name} can't be read ({error}); it was kept as {aside.name}, ours is used.")
        _replace(file, assemble([], [], least))
        return load(file)


def told(file: Path, parts: list[Part]) -> str:
    """What a cell did, in one line."""
    ours = reference()[1]
    lines = len(file.read_text(encoding="utf-8").splitlines())
    waiting = [part.name for part in parts if part.open and part.name in ours]
    if waiting:
        names = " and ".join(waiting)
        return f"mymodel.py ({lines} lines) holds our {names} until you replace the dots."
    return f"mymodel.py: {lines} lines, with your {', '.join(part.name for part in parts)}."


def register(shell: Any) -> None:
    """Give the notebook's shell the cell magic `%%mymodel`."""
    shell.register_magic_function(partial_magic(shell), "cell", "mymodel")


def partial_magic(shell: Any) -> Callable[[str, str], Any]:
    def magic(line: str, cell: str) -> Any:
        module, parts, rest = grow(cell)
        for part in parts:
            value = getattr(module, part.name)
            if part.open and callable(value):
                value.is_ours = True  # so that its check says: open
            shell.user_ns[part.name] = value
        print(told(path(), parts))
        last = rest.pop() if rest and isinstance(rest[-1], ast.Expr) else None
        exec(compile(ast.Module(rest, []), "<cell>", "exec"), shell.user_ns)
        if last is None:
            return None
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), shell.user_ns)

    return magic
