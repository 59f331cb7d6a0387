"""Measure how easily a line's home is found: files, names, words, types, references.

    python scripts/measure_structure.py            every row but the wheel
    python scripts/measure_structure.py --static   rows that run no model; part of `make check`
    python scripts/measure_structure.py --wheel    every row, the installed wheel too
    python scripts/measure_structure.py --row words

Prints a Markdown table, then the places of each broken limit; exits with 1 where one is broken.
Each measure is one function of the repository's root; `structure_probes.py` holds the entry points
of the two rows that run the program, `structure_words.py` the meaning that each word keeps.
"""

import argparse
import ast
import io
import json
import os
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [] if str(HERE) in sys.path else [str(HERE)]

from structure_words import WORDS, Site, misplaced, sites  # noqa: E402

ROOT = HERE.parent
PACKAGES = ("emo_core", "demo")
MAX_FILES_PER_FOLDER = 16
MAX_FMT_SKIPS = 20
MAX_README_WORDS = 900
MAX_FILES_ENTERED = {"clip": 22, "page": 30}  # beside those of LOOKING_FOR_PEOPLE and SENTENCES
LOOKING_FOR_PEOPLE = (  # in every clip since "nobody to read" is an answer (docs/decisions/0036)
    "emo_core/faces/detection.py",
    "emo_core/faces/tracking.py",
    "emo_core/inference/presence.py",
    "emo_core/io/shipped_weights.py",
)
SENTENCES = ("emo_core/messages.py",)  # every one is made there, so that it can be translated
MAX_HOPS = 3
MAX_PLACES_PRINTED = 40
SHARED_NAMES: dict[str, str] = {}  # public name -> why several modules may define it
SELF = ("scripts/measure_structure.py", "scripts/structure_")  # name what they look for


class MeasureError(Exception):
    """A row that cannot be measured here; one sentence."""


@dataclass(frozen=True)
class Measured:
    """One row's result."""

    text: str
    broken: bool
    places: tuple[str, ...] = ()  # of what breaks the limit


# ---------------------------------------------------------------------------- reading the tree


def python_files(root: Path, *folders: str) -> list[Path]:
    """The .py files under the named folders of a repository, sorted."""
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(root: Path, path: Path) -> str:
    """emo_core/media/__init__.py -> emo_core.media."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def landed_files(root: Path) -> list[Path]:
    """Files that a clone of the repository holds or would hold; all files where git is unused."""
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        return sorted(path for path in root.rglob("*") if path.is_file())
    paths = {root / line for line in listed.stdout.splitlines()}
    return sorted(path for path in paths if path.is_file())


def text_lines(path: Path) -> list[str]:
    """The lines of a text file; none of a file that is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def place(root: Path, path: Path, line: int) -> str:
    return f"{path.relative_to(root).as_posix()}:{line}"


# ---------------------------------------------------------------------------- static rows


def measure_files(root: Path) -> Measured:
    """Files in emo_core, and the largest folder's; only the latter has a limit."""
    counts: dict[str, int] = defaultdict(int)
    for path in python_files(root, "emo_core"):
        counts[str(path.parent.relative_to(root))] += 1
    largest = max(counts, key=lambda folder: counts[folder])
    over = [f"{f}/: {n} files" for f, n in counts.items() if n > MAX_FILES_PER_FOLDER]
    text = f"{sum(counts.values())} files; at most {counts[largest]} in a folder ({largest}/)"
    return Measured(text, bool(over), tuple(over))


def public_definitions(tree: ast.Module) -> Iterator[str]:
    """Names of the public classes and functions at a module's top level."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=n) | ast.FunctionDef(name=n) | ast.AsyncFunctionDef(name=n):
                if not n.startswith("_"):
                    yield n


def defined_twice(root: Path, *folders: str) -> dict[str, list[str]]:
    """Public name -> the modules that define it, where there are two or more."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in python_files(root, *folders):
        for name in set(public_definitions(parse(path))):
            homes[name].append(module_name(root, path))
    return {n: m for n, m in sorted(homes.items()) if len(m) > 1 and n not in SHARED_NAMES}


def measure_twice(root: Path) -> Measured:
    """Public classes and functions that two modules define; constants are not counted."""
    core, both = defined_twice(root, "emo_core"), defined_twice(root, *PACKAGES)
    places = tuple(f"{name}: {', '.join(modules)}" for name, modules in both.items())
    return Measured(f"{len(core)} in emo_core; {len(both)} with demo", bool(both), places)


def measure_words(root: Path) -> Measured:
    """Words of `structure_words.WORDS` that an identifier still uses in another sense."""
    found: list[Site] = []
    for path in python_files(root, *PACKAGES):
        found += sites(parse(path), module_name(root, path))
    faults = {word: misplaced(rule, found) for word, rule in WORDS.items()}
    places = tuple(f"{word}: {site}" for word, bad in faults.items() for site in bad)
    several = [word for word, bad in faults.items() if bad]
    text = f"{len(several)} of {len(WORDS)} words"
    return Measured(f"{text} ({', '.join(several)})" if several else text, bool(several), places)


def mypy_config(root: Path) -> Path:
    """The pyproject.toml with mypy's settings: the measured tree's, else this repository's."""
    own = root / "pyproject.toml"
    has_settings = own.is_file() and "[tool.mypy]" in own.read_text(encoding="utf-8")
    return own if has_settings else ROOT / "pyproject.toml"


def measure_types(root: Path) -> Measured:
    """Errors of mypy in emo_core, demo and scripts, with the settings of pyproject.toml."""
    folders = [name for name in (*PACKAGES, "scripts") if any((root / name).rglob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--config-file", str(mypy_config(root)), *folders]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True)
    errors = tuple(line for line in ran.stdout.splitlines() if ": error: " in line)
    if not errors and ran.returncode:
        raise MeasureError(f"mypy did not run: {(ran.stderr or ran.stdout).strip()}")
    core = sum(line.startswith("emo_core") for line in errors)
    return Measured(f"{core} in emo_core; {len(errors)} in all", bool(errors), errors)


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment of a Python file; strings that look like one are not."""
    source = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def measure_fmt(root: Path) -> Measured:
    """Comments that switch the formatter off: `fmt: skip` and `fmt: off`."""
    found = tuple(
        place(root, path, line)
        for path in python_files(root, *PACKAGES, "benchmarks")
        for line, text in comments(path)
        if re.search(r"fmt:\s*(skip|off)", text)
    )
    return Measured(str(len(found)), len(found) > MAX_FMT_SKIPS, found)


OUTSIDE = re.compile(r"our notes|papers/[123]\b")  # the notes that lie beside the checkout
CODE = re.compile(r"\b[AD](?:1[0-9]|[1-9])\b(?!-)")  # an assumption or a defect, by number alone
LINK = re.compile(r"docs/papers/\w+\.md")
SHARED = re.compile(r"""\.\./shared|["']shared["']|\bshared/(?:data|papers)""")
MAY_NAME_SHARED = ("tests/", "benchmarks/", "docs/archive/", "docs/train", "docs/experiments/")


def outside_notes(root: Path) -> list[str]:
    """Mentions of notes that are not in the repository, in code and benchmarks."""
    return [
        place(root, path, number)
        for path in python_files(root, *PACKAGES, "benchmarks")
        for number, line in enumerate(text_lines(path), start=1)
        if OUTSIDE.search(LINK.sub("", line))
    ]


def unlinked_codes(root: Path) -> list[str]:
    """Assumption and defect codes (A13, D1) with no docs/papers link in the line or beside it."""
    found = []
    for path in python_files(root, *PACKAGES, "benchmarks"):
        lines = ["", *text_lines(path), ""]
        for number in range(1, len(lines) - 1):
            near = "\n".join(lines[number - 1 : number + 2])
            if CODE.search(lines[number]) and not LINK.search(near):
                found.append(place(root, path, number))
    return found


def shared_folder(root: Path) -> list[str]:
    """Mentions of the folder beside the checkout, where a reader does not have it."""
    found = []
    for path in landed_files(root):
        name = path.relative_to(root).as_posix()
        if name.startswith(MAY_NAME_SHARED) or name.startswith(SELF):
            continue
        lines = enumerate(text_lines(path), start=1)
        found += [f"{name}:{number}" for number, line in lines if SHARED.search(line)]
    return found


def measure_outside(root: Path) -> Measured:
    """References that a reader of the repository cannot follow."""
    notes, codes, shared = outside_notes(root), unlinked_codes(root), shared_folder(root)
    files = {where.rsplit(":", 1)[0] for where in codes}
    text = f"{len(notes)} places, codes in {len(files)} files, ../shared in {len(shared)} places"
    labels = (("notes", notes), ("code", codes), ("../shared", shared))
    places = tuple(f"{label}: {where}" for label, found in labels for where in found)
    return Measured(text, bool(places), places)


def measure_readme(root: Path) -> Measured:
    """Words of README.md as `wc -w` counts them: front matter and code blocks included."""
    words = len((root / "README.md").read_text(encoding="utf-8").split())
    return Measured(f"{words} words", words > MAX_README_WORDS)


def imported_modules(tree: ast.Module) -> set[str]:
    """Every name that an import statement could mean as a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def measure_untested(root: Path) -> Measured:
    """Modules that no file under tests/ imports itself; an import by another module is none."""
    modules = {module_name(root, path) for path in python_files(root, *PACKAGES)}
    imported: set[str] = set()
    for path in python_files(root, "tests"):
        imported |= imported_modules(parse(path))
    if not (root / "demo" / "__init__.py").is_file():  # its modules are imported by bare names
        imported |= {f"demo.{name}" for name in imported}
    imported |= {name.rpartition(".")[0] for name in imported}  # a package, by what it holds
    missed = sorted(modules - imported)
    core = sum(name.startswith("emo_core") for name in missed)
    return Measured(f"{core} in emo_core; {len(missed)} with demo", bool(missed), tuple(missed))


# ---------------------------------------------------------------------------- rows that run


def probe(root: Path, name: str) -> list[str]:
    """What a probe of `structure_probes.py` prints, run in a process that imports from `root`."""
    path = os.pathsep.join([str(root), str(root / "demo")])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "EMO_OFFLINE": "1"}
    command = [sys.executable, str(HERE / "structure_probes.py"), name, str(root)]
    ran = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["no message"]
        raise MeasureError(f"the probe {name!r} failed: {last[0]}")
    return json.loads(ran.stdout.splitlines()[-1])


def measure_clip(root: Path) -> Measured:
    """Files of which a function runs between load_clip, or the page's upload, and the answer."""
    every = {name: probe(root, name) for name in MAX_FILES_ENTERED}
    found = {
        name: [f for f in files if f not in LOOKING_FOR_PEOPLE + SENTENCES]
        for name, files in every.items()
    }
    over = [name for name, limit in MAX_FILES_ENTERED.items() if len(found[name]) > limit]
    text = (
        f"{len(found['clip'])} files / {len(found['page'])} from the page, and "
        f"{len(every['clip']) - len(found['clip'])} / {len(every['page']) - len(found['page'])} "
        "that look for people or make sentences"
    )
    return Measured(text, bool(over), tuple(f"{name}: {f}" for name in over for f in found[name]))


def measure_hops(root: Path) -> Measured:
    """Calls from the command's main to optimizer.step(), that one counted."""
    chain = probe(root, "hops")
    return Measured(f"{len(chain)}: main -> {' -> '.join(chain)}", len(chain) > MAX_HOPS)


def measure_wheel(root: Path) -> Measured:
    """Whether the wheel, installed in an empty environment, answers a clip."""
    command = [sys.executable, str(root / "scripts" / "check_wheel.py")]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True)
    said = tuple((ran.stdout + ran.stderr).strip().splitlines()[-5:])
    return Measured("no" if ran.returncode else "yes", bool(ran.returncode), said)


# ---------------------------------------------------------------------------- the table


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    title: str
    aim: str
    measure: Callable[[Path], Measured]
    static: bool = True  # needs neither a model nor a wheel


ROWS = {
    "files": Row("files in `emo_core`", "no folder over 16", measure_files),
    "clip": Row("files a clip enters", "at most 22 / 30 from the page", measure_clip, False),
    "hops": Row("calls from the command to `optimizer.step()`", "3", measure_hops, False),
    "twice": Row("public names defined in two modules", "0", measure_twice),
    "words": Row("words with several meanings", "0", measure_words),
    "types": Row("mypy errors", "0", measure_types),
    "fmt": Row("`# fmt: skip`", "at most 20", measure_fmt),
    "outside": Row("references to documents outside the repository", "0", measure_outside),
    "wheel": Row("an installed wheel answers a clip", "yes", measure_wheel, False),
    "readme": Row("README", "at most 900 words", measure_readme),
    "untested": Row("modules imported by no test", "0", measure_untested),
}


def chosen(args: argparse.Namespace) -> list[str]:
    """Names of the rows to measure."""
    if args.row:
        return [args.row]
    names = [name for name, row in ROWS.items() if row.static or not args.static]
    return [name for name in names if name != "wheel" or args.wheel]


def table(results: dict[str, Measured]) -> str:
    """The results as a Markdown table."""
    lines = ["| | measured | to reach | command |", "|---|---|---|---|"]
    for name, result in results.items():
        row, mark = ROWS[name], " **broken**" if result.broken else ""
        command = f"`python scripts/measure_structure.py --row {name}`"
        lines.append(f"| {row.title} | {result.text}{mark} | {row.aim} | {command} |")
    return "\n".join(lines)


def broken_places(results: dict[str, Measured], most: int | None) -> str:
    """A list of what breaks each limit; at most `most` places a row."""
    blocks = []
    for name, result in results.items():
        if result.broken and result.places:
            shown = result.places[:most]
            rest = len(result.places) - len(shown)
            more = [f"  … and {rest} more: --row {name}"] if rest else []
            blocks.append("\n".join([f"{name}:", *(f"  {where}" for where in shown), *more]))
    return "\n".join(blocks)


def main(argv: list[str] | None = None) -> int:
    """Print the table; returns 1 where a limit is broken, 2 where a row cannot be measured."""
    parser = argparse.ArgumentParser(description="Measure the structure of the repository.")
    parser.add_argument("--static", action="store_true", help="only rows that run no model")
    parser.add_argument("--wheel", action="store_true", help="also build and install the wheel")
    parser.add_argument("--row", choices=ROWS, help="one row, with all its places")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository to measure")
    args = parser.parse_args(argv)
    try:
        root = args.root.resolve()
        results = {name: ROWS[name].measure(root) for name in chosen(args)}
    except MeasureError as error:
        print(f"measure_structure: {error}", file=sys.stderr)
        return 2
    print(table(results))
    if places := broken_places(results, None if args.row else MAX_PLACES_PRINTED):
        print(f"\n{places}")
    return int(any(result.broken for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
