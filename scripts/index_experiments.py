"""Writes the tables of docs/experiments/index.md and docs/decisions/index.md from their entries.

    python scripts/index_experiments.py            write both tables
    python scripts/index_experiments.py --check    exit 1 if a table is stale or an entry incomplete

Entries are NNNN-slug.md with front matter of `key: value` lines between two lines of `---`.
"""

import argparse
import datetime
import re
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILE_NAME = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n(.*)", re.S)
LINK = re.compile(r"\]\((\d{4}-[^)#]+\.md)")
VERDICTS = ("adopted", "rejected", "negative", "mixed", "undecided", "measurement")
STATUSES = ("proposed", "accepted", "superseded", "deprecated")

EXPERIMENTS_INTRO = """# Experiments

One entry an idea or measurement: question, set-up, numbers, verdict. Code cites an entry by its
id, as in `# exp-0016`; ids never change. Times are of two shared x86-64 cores without a GPU
unless an entry says otherwise.

Verdicts: *adopted* (in the product), *rejected* (worked or nearly so, left out for a stated
reason), *negative* (no gain or a loss), *mixed*, *undecided*, *measurement* (no change was at
stake). Δ is the number that decided. *Seeds* counts training runs; *none* means that nothing was
trained. Names of modules and settings in older entries may have changed since.

Regimes of the drawn corpus: `both` (faces and audio agree), `seen` (audio is ambience), `heard`
(faces hidden), `synced` (movement picks one of two sounds). A range in parentheses after a score
is a 95 % interval. "News" and "film" are the two kinds of face photographs; UAR is the unweighted
average recall, 0.333 at chance.

**Adding an entry.** Copy the newest file to the next free number, keep all fields (`id`, `date`,
`idea`, `verdict`, `delta`, `seeds`, `system`; `commit` where it is known: the one that made the
change, or that recorded the result) and the four sections, state only numbers that were measured,
then run `python scripts/index_experiments.py`.
"""
DECISIONS_INTRO = """# Decisions

Why the structure is as it is: context, decision, consequences. A decision is never rewritten; a
newer one supersedes it.

**Adding a decision.** Copy the newest file to the next free number, keep the fields (`id`,
`date`, `title`, `status`) and the three sections, then run `python scripts/index_experiments.py`.
"""


@dataclass(frozen=True)
class Collection:
    """A folder of entries and what each of them must have."""

    folder: str
    prefix: str  # of ids
    fields: tuple[str, ...]
    sections: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]  # field: allowed values
    columns: dict[str, str]  # heading: field
    intro: str


COLLECTIONS = (
    Collection(
        folder="experiments",
        prefix="exp",
        fields=("id", "date", "idea", "verdict", "delta", "seeds", "system"),
        sections=("Question", "Set-up", "Numbers", "Verdict"),
        choices={"verdict": VERDICTS},
        columns={
            "date": "date",
            "idea": "idea",
            "verdict": "verdict",
            "Δ": "delta",
            "seeds": "seeds",
        },
        intro=EXPERIMENTS_INTRO,
    ),
    Collection(
        folder="decisions",
        prefix="adr",
        fields=("id", "date", "title", "status"),
        sections=("Context", "Decision", "Consequences"),
        choices={"status": STATUSES},
        columns={"date": "date", "decision": "title", "status": "status"},
        intro=DECISIONS_INTRO,
    ),
)


@dataclass(frozen=True)
class Entry:
    """One file: its fields, its body and what is wrong with it."""

    path: Path
    fields: dict[str, str]
    body: str
    faults: list[str]


def read_entry(path: Path, collection: Collection) -> Entry:
    """Parse one file; faults are sentences, each naming the file."""
    parts = FRONT_MATTER.fullmatch(path.read_text())
    if parts is None:
        fault = f"{path.name}: no front matter; begin with ---, key: value lines and ---"
        return Entry(path, {}, "", [fault])
    pairs = (line.partition(": ") for line in parts[1].splitlines())
    fields = {key: value.strip().strip('"') for key, _, value in pairs}
    faults = [*field_faults(fields, path, collection), *body_faults(parts[2], path, collection)]
    return Entry(path, fields, parts[2], [f"{path.name}: {fault}" for fault in faults])


def field_faults(fields: dict[str, str], path: Path, collection: Collection) -> list[str]:
    faults = [f"field '{name}' is missing" for name in collection.fields if not fields.get(name)]
    for name, allowed in collection.choices.items():
        if fields.get(name) and fields[name] not in allowed:
            faults.append(f"{name} '{fields[name]}' is none of {', '.join(allowed)}")
    expected = f"{collection.prefix}-{path.name[:4]}"
    if fields.get("id") and fields["id"] != expected:
        faults.append(f"id '{fields['id']}' should be '{expected}'")
    if fields.get("date") and not is_date(fields["date"]):
        faults.append(f"date '{fields['date']}' is not YYYY-MM-DD")
    return faults


def is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def body_faults(body: str, path: Path, collection: Collection) -> list[str]:
    parts = re.split(r"^## (.+)$", body, flags=re.M)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    faults = []
    for name in collection.sections:
        if name not in texts:
            faults.append(f"section '{name}' is missing")
        elif not texts[name].strip():
            faults.append(f"section '{name}' is empty")
    targets = (path.parent / target for target in LINK.findall(body))
    return faults + [f"links to {t.name}, which is not there" for t in targets if not t.exists()]


def read_entries(collection: Collection, docs: Path) -> tuple[list[Entry], list[str]]:
    """All entries of a folder in the order of their numbers, and every fault."""
    entries: list[Entry] = []
    faults: list[str] = []
    numbers: dict[str, str] = {}
    for path in sorted((docs / collection.folder).glob("*.md")):
        if path.name == "index.md":
            continue
        name = FILE_NAME.fullmatch(path.name)
        if name is None:
            faults.append(f"{path.name}: the name should be NNNN-lower-case-slug.md")
            continue
        if name[1] in numbers:
            faults.append(f"{path.name}: number {name[1]} is taken by {numbers[name[1]]}")
        numbers[name[1]] = path.name
        entries.append(read_entry(path, collection))
        faults += entries[-1].faults
    return entries, faults


def index_page(collection: Collection, entries: list[Entry]) -> str:
    headings = ["id", *collection.columns]
    rows = [headings, ["---"] * len(headings)]
    for entry in entries:
        cells = [
            entry.fields.get(field, "").replace("|", "\\|") for field in collection.columns.values()
        ]
        rows.append([f"[{entry.path.name[:4]}]({entry.path.name})", *cells])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    note = f"<!-- Written by scripts/index_experiments.py from the {len(entries)} entries. -->"
    return f"{collection.intro}\n{note}\n\n{table}\n"


def main(argv: list[str] | None = None, docs: Path = DOCS) -> int:
    parser = argparse.ArgumentParser(description="Tables of experiments and decisions.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a fault")
    check = parser.parse_args(argv).check
    faults: list[str] = []
    for collection in COLLECTIONS:
        entries, found = read_entries(collection, docs)
        faults += found
        index = docs / collection.folder / "index.md"
        page = index_page(collection, entries)
        if not check:
            index.write_text(page)
        elif not index.exists() or index.read_text() != page:
            faults.append(
                f"{index.name} of {collection.folder} is stale; run {Path(__file__).name}"
            )
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
