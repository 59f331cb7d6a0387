"""Counts what makes a lesson: introduced code, read figures, exercises, sizes, links, promises.

    python scripts/audit_notebooks.py

Prints a table; every fault is one line below it, and the exit code is then 1.
"""

import base64
import json
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from run_notebooks import HERE, lessons, source_digest

sys.path.append(str(HERE))
from exercises import EXERCISES  # noqa: E402

INTRODUCED, READ = 0.90, 0.95  # shares, at least
RUN_OF_CODE, CODE_LINES, CELLS, EXERCISE_COUNT = 3, 15, 66, 3
SET_UP, PART_LINES = 36, 45  # lines of the first cell, and of one that writes a part of mymodel.py
NOTEBOOK_BYTES, FIGURE_BYTES, ALL_BYTES = 550_000, 150_000, 10_000_000
LESSON_S, ALL_S = 180, 1200  # of processor: on two free cores a lesson takes less, never more
INTRODUCTION, READING = 8, 20  # words, at least
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
HEADER = ("time", "memory", "data", "you will be able to")
ENDING = ("gets wrong", "does not prove")
SCRIPTS = ("application/javascript",)
HOVER, HOVER_BYTES = "application/vnd.plotly.v1+json", 40_000  # data, beside a still picture
FIRST_CELL = "# Finds the project"
WRITES = "%%mymodel"  # heads a cell whose definitions go into the reader's file
TAUGHT = {  # what a lesson gives a student, counted in its text and code
    "model classes written": (WRITES, r"^class \w+\((?:nn\.Module|\w+Net)\)"),
    "equations": ("text", r"\$\$.+?\$\$|(?<![\$\w])\$[^$\n]+\$(?![\$\d])"),
    "papers linked": ("text", r"https://(?:doi\.org|arxiv\.org/abs)/[^)\s]+"),
    "diagrams": ("code", r"lesson\.diagram\(\"\w+\"\)"),
    "terms in bold": ("text", r"\*\*[a-z][\w /()-]+\*\*"),
    "device lines": ("code", r"\.to\(|device|cuda|pin_memory|autocast"),
}
ANCHORS = {  # UvA's tutorials 6 and 15, LLMs-from-scratch's chapters 3 and 5 (read in their files)
    "model classes written": ("5, 3", "5"),
    "equations": ("103, 8", "51, 1"),
    "papers linked": ("15, 9", "0"),
    "diagrams": ("18, 12", "27, 14"),
    "device lines": ("7, 1", "0, 16"),
}
FACT = re.compile(r"([−-]?\d[\d,]*\.?\d*)(?:\*\*|`)?\s?%?\s?<!--\s*(\w+)\s*-->")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DISPLAYED = re.compile(r"\$\$.+?\$\$", re.S)  # a formula of its own


@dataclass(frozen=True)
class Counts:
    """What one lesson holds."""

    name: str
    cells: int
    code: int
    introduced: int
    figures: int
    read: int
    longest: int  # code cells in a row
    exercises: int
    words: float  # of a text cell, median
    lines: float  # of a code cell, median
    size: int  # bytes
    seconds: float
    cpu_seconds: float
    peak_mb: int
    taught: dict[str, int]  # what TAUGHT counts, by its name
    faults: tuple[str, ...]


def words(text: str) -> int:
    """Words of prose: headings, code blocks, tables and addresses do not count."""
    text = re.sub(r"```.*?```|<[^>]*>|\]\([^)]*\)", " ", text, flags=re.S)
    lines = [line for line in text.splitlines() if not re.match(r"\s*[#|]", line)]
    return len(re.findall(r"[^\W_]{1,}", " ".join(lines)))


def prose(cells: list, place: int) -> int:
    """Words of the cell at `place` if there is one and it is text."""
    inside = 0 <= place < len(cells) and cells[place].cell_type == "markdown"
    return words(cells[place].source) if inside else 0


def pictures(cell: nbformat.NotebookNode) -> list[str]:
    """The pictures a code cell shows, as stored."""
    if cell.cell_type != "code":
        return []
    data = [output.get("data", {}) for output in cell.outputs]
    return [found[kind] for found in data for kind in PICTURES if kind in found]


def longest_run(cells: list) -> int:
    """The most code cells in a row."""
    kinds = "".join("c" if cell.cell_type == "code" else " " for cell in cells)
    return max(map(len, kinds.split()), default=0)


def asked(cells: list) -> list[str]:
    """Names of the exercises that the code cells ask, each once."""
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return list(dict.fromkeys(re.findall(r"\bcheck\.(?!(?:use|report)\()(\w+)\(", code)))


def count(path: Path) -> Counts:
    """Everything about one lesson."""
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    code = [n for n, cell in enumerate(cells) if cell.cell_type == "code"]
    shown = [n for n in code if pictures(cells[n])]
    facts = notebook.metadata.get("emo", {})
    texts = [words(cell.source) for cell in cells if cell.cell_type == "markdown"]
    counts = Counts(
        name=path.stem,
        cells=len(cells),
        code=len(code),
        introduced=sum(prose(cells, n - 1) >= INTRODUCTION for n in code),
        figures=len(shown),
        read=sum(prose(cells, n + 1) >= READING for n in shown),
        longest=longest_run(cells),
        exercises=len(set(asked(cells)) & set(EXERCISES)),
        words=statistics.median(texts or [0]),
        lines=statistics.median([len(cells[n].source.splitlines()) for n in code] or [0]),
        size=path.stat().st_size,
        seconds=facts.get("seconds", 0),
        cpu_seconds=facts.get("cpu_seconds", 0),
        peak_mb=facts.get("peak_mb", 0),
        taught=taught(cells, facts),
        faults=(),
    )
    faults = (
        *shape_faults(counts),
        *text_faults(path, cells),
        *output_faults(notebook),
        *figure_faults(facts),
        *fact_faults(cells, facts),
    )
    return Counts(**{**vars(counts), "faults": faults})


def taught(cells: list, facts: dict) -> dict[str, int]:
    """What TAUGHT names, and what figures tell, each counted once."""
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    written = "\n".join(cell.source for cell in cells if cell.source.startswith(WRITES))
    where = {"text": text, "code": code, WRITES: written}
    flags = re.M | re.S
    found = {name: re.findall(rule, where[place], flags) for name, (place, rule) in TAUGHT.items()}
    counts = {name: len(set(hits)) for name, hits in found.items()}
    counts["device lines"] = sum(
        bool(re.search(TAUGHT["device lines"][1], line)) for line in code.splitlines()
    )
    figures = facts.get("figures", [])
    return counts | {k: sum(f[k] for f in figures) for k in ("colour_bars", "titles")}


def figure_faults(facts: dict) -> list[str]:
    """What is wrong with the form of figures, as recorded when they were shown."""
    return [
        f"figure {number}: {fault}"
        for number, figure in enumerate(facts.get("figures", []), start=1)
        for fault in figure["faults"]
    ]


def fact_faults(cells: list, facts: dict) -> list[str]:
    """Numbers of the text, `0.35<!-- name -->`, that are not those of the same run."""
    known, faults = facts.get("facts", {}), []
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    named = FACT.findall(text)
    for said, name in named:
        plain = said.replace("−", "-").replace(",", "")
        digits = len(plain.partition(".")[2])
        if name not in known:
            faults.append(f"the text names {name}, which no cell recorded")
        elif abs(float(plain) - known[name]) > 0.5000001 * 10**-digits:
            faults.append(f"the text says {name} is {said}; the run says {known[name]:.6g}")
    silent = sorted(set(known) - {name for _, name in named})
    return faults + [f"no text names the recorded {name}" for name in silent]


def shape_faults(c: Counts) -> list[str]:
    """Too little told, too much shown, too large, too slow."""
    bounds = (
        (c.introduced < INTRODUCED * c.code, f"{c.introduced} of {c.code} code cells introduced"),
        (c.read < READ * c.figures, f"{c.read} of {c.figures} figures read"),
        (not c.figures, "no figure"),
        (c.longest > RUN_OF_CODE, f"{c.longest} code cells in a row"),
        (c.exercises < EXERCISE_COUNT, f"{c.exercises} exercises"),
        (c.cells > CELLS, f"{c.cells} cells"),
        (c.size > NOTEBOOK_BYTES, f"{c.size // 1000} kB"),
        (c.cpu_seconds > LESSON_S, f"{c.cpu_seconds} s of processor to run"),
    )
    return [sentence for wrong, sentence in bounds if wrong]


def text_faults(path: Path, cells: list) -> list[str]:
    """What header and ending must say, badges, links, exercises that are not there."""
    first, text = (
        cells[0].source.lower(),
        "\n".join(cell.source for cell in cells if cell.cell_type == "markdown"),
    )
    faults = [f"the header says nothing of {part}" for part in HEADER if part not in first]
    faults += [
        f"the end does not say what it {part}"
        for part in ENDING
        if part not in text[-4000:].lower()
    ]
    badges = re.search(r"<!-- publish:badges -->\n(.*?)<!-- /publish -->", first, re.S)
    if not badges or (badges[1] and f"/notebooks/{path.name.lower()})" not in badges[1]):
        faults.append("the header has no place for badges, or they open another lesson")
    faults += [f"check.{name} is no exercise" for name in asked(cells) if name not in EXERCISES]
    faults += formula_faults(cells)
    return faults + [f"dead link {link}" for link in dead_links(path, text)]


def formula_faults(cells: list) -> list[str]:
    """Displayed formulas within a paragraph, which the site would show with their dollar signs."""
    return [
        f"cell {number}: no empty line before or after the formula {match[0][:20]!r}"
        for number, cell in enumerate(cells)
        if cell.cell_type == "markdown"
        for match in DISPLAYED.finditer(cell.source)
        if cell.source[: match.start()][-2:] not in ("", "\n\n")
        or cell.source[match.end() :][:2] not in ("", "\n\n")
    ]


def dead_links(path: Path, text: str) -> list[str]:
    """Links to files that are not there, and addresses that are none."""
    dead = []
    for link in LINK.findall(text):
        target = link.split("#", 1)[0]
        if re.match(r"https://[\w.-]+\.\w+(/|$)", link) or not target:
            continue
        if ":" in link or not (path.parent / target).exists():
            dead.append(link)
    return dead


def output_faults(notebook: nbformat.NotebookNode) -> list[str]:
    """Outputs that are old, missing, failing, too large or made of script."""
    faults = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if notebook.metadata.get("emo", {}).get("source") != source_digest(notebook):
        faults.append("outputs come from other code")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        faults.append("cells did not run once each, in order")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            faults += [f"cell {number} {fault}" for fault in cell_faults(cell)]
    return list(dict.fromkeys(faults))


def cell_faults(cell: nbformat.NotebookNode) -> list[str]:
    """What is wrong with one code cell and what it shows."""
    faults = [f"ends in {out.ename}" for out in cell.outputs if out.output_type == "error"]
    for data in (output.get("data", {}) for output in cell.outputs):
        faults += data_faults(data)
    for picture in pictures(cell):
        size = len(picture) if "<svg" in picture else len(base64.b64decode(picture))
        if size > FIGURE_BYTES:
            faults.append(f"has a picture of {size // 1000} kB")
    lines = len(cell.source.splitlines())
    most = PART_LINES if cell.source.startswith(WRITES) else CODE_LINES
    if lines > (SET_UP if cell.source.startswith(FIRST_CELL) else most):
        faults.append(f"has {lines} lines")
    return faults


def data_faults(data: dict) -> list[str]:
    """What is wrong with one output."""
    script = any(kind in data for kind in SCRIPTS) or "<script" in data.get("text/html", "")
    bounds = (
        (script, "stores script"),
        (HOVER in data and "image/png" not in data, "has no still picture for where none moves"),
        (len(json.dumps(data.get(HOVER))) > HOVER_BYTES, "tells too much under the pointer"),
        (re.search(r" at 0x[0-9a-f]{6}", data.get("text/plain", "")), "shows an object's address"),
    )
    return [sentence for wrong, sentence in bounds if wrong]


def together(paths: list[Path], all_counts: list[Counts]) -> list[str]:
    """What must be true of all lessons at once."""
    runs = {nbformat.read(p, as_version=4).metadata.get("emo", {}).get("run") for p in paths}
    asked_for = {name for path in paths for name in asked(nbformat.read(path, 4).cells)}
    size, seconds = (sum(getattr(c, n) for c in all_counts) for n in ("size", "cpu_seconds"))
    idle = sorted(set(EXERCISES) - asked_for)
    bounds = (
        (len(runs) > 1, f"outputs come from {len(runs)} runs; make notebooks makes them in one"),
        (size > ALL_BYTES, f"{size / 1e6:.1f} MB together"),
        (seconds > ALL_S, f"{seconds / 60:.0f} minutes together"),
        (bool(idle), f"no lesson asks {', '.join(idle)}"),
    )
    return [sentence for wrong, sentence in bounds if wrong]


def table(all_counts: list[Counts]) -> str:
    """One row a lesson, and the sums. s: of the clock, cpu: seconds of processor."""
    heads = (
        "introduced",
        "figures read",
        "in a row",
        "exercises",
        "words",
        "lines",
        "kB",
        "s",
        "cpu",
    )
    widths = (12, 14, 10, 11, 7, 7, 8, 8, 8)
    titles = "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    rows = [f"{'lesson':28}{'cells':>6}{titles}{'MB':>7}"]
    for c in all_counts:
        introduced = f"{c.introduced}/{c.code} {100 * c.introduced / max(c.code, 1):.0f} %"
        read = f"{c.read}/{c.figures} {100 * c.read / max(c.figures, 1):.0f} %"
        rows.append(
            f"{c.name:28}{c.cells:6}{introduced:>12}{read:>14}{c.longest:10}{c.exercises:11}"
            f"{c.words:7.0f}{c.lines:7.0f}{c.size / 1000:8.0f}{c.seconds:8.1f}{c.cpu_seconds:8.1f}"
            f"{c.peak_mb:7}"
        )
    names = ("exercises", "size", "seconds", "cpu_seconds")
    exercises, size, seconds, cpu = (sum(getattr(c, name) for c in all_counts) for name in names)
    rows.append(f"{'together':70}{exercises:11}{size / 1000:22.0f}{seconds:8.1f}{cpu:8.1f}")
    return "\n".join(rows)


def taught_table(all_counts: list[Counts]) -> str:
    """What the lessons teach, each beside two courses that are admired."""
    rows = [f"{'all lessons':28}{'here':>8}{'UvA':>12}{'LLMs-from-scratch':>20}"]
    for name in all_counts[0].taught:
        here = sum(c.taught[name] for c in all_counts)
        others = ANCHORS.get(name, ("not counted", "not counted"))
        rows.append(f"{name.replace('_', ' '):28}{here:8}{others[0]:>12}{others[1]:>20}")
    return "\n".join(rows)


def main() -> int:
    paths = lessons()
    all_counts = [count(path) for path in paths]
    print(table(all_counts), taught_table(all_counts), sep="\n\n")
    faults = [f"{c.name}: {fault}" for c in all_counts for fault in c.faults]
    faults += [f"all: {fault}" for fault in together(paths, all_counts)]
    print("\n".join(faults) or "no faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
