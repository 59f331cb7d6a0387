"""Writes docs/lessons/references.md from notebooks/references.bib: the papers of the course.

python scripts/write_references.py
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIB = ROOT / "notebooks" / "references.bib"
PAGE = ROOT / "docs" / "lessons" / "references.md"
GROUPS = {  # keyword of an entry -> heading
    "systems": "The three systems, and their field",
    "data": "Data",
    "architecture": "Building blocks",
    "training": "Training",
    "measures": "Measures and intervals",
    "explanation": "Explanations",
    "people": "People",
}
ENTRY = re.compile(r"^@(\w+)\{([\w-]+),\n(.*?)^\}$", re.M | re.S)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.M)


@dataclass(frozen=True)
class Entry:
    """One paper of the bibliography."""

    key: str
    fields: dict[str, str]

    @property
    def addresses(self) -> dict[str, str]:
        """Words of a link -> address, the one to cite first."""
        made = {
            "doi": "https://doi.org/{}",
            "eprint": "https://arxiv.org/abs/{}",
            "url": "{}",
        }
        names = {"doi": "doi {}", "eprint": "arXiv {}", "url": "paper"}
        return {
            names[name].format(self.fields[name]): made[name].format(self.fields[name])
            for name in made
            if name in self.fields
        }

    @property
    def authors(self) -> str:
        """Family names: up to three, else the first "et al."."""
        names = [name.partition(",")[0] for name in self.fields["author"].split(" and ")]
        if len(names) > 3:
            return f"{names[0]} et al."
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def entries(text: str) -> list[Entry]:
    """All entries, in order. Raises ValueError where something is not read as an entry."""
    found = [Entry(key, dict(FIELD.findall(body))) for _, key, body in ENTRY.findall(text)]
    written = len(re.findall(r"^@", text, re.M))
    if len(found) != written:
        raise ValueError(f"{BIB.name} has {written} entries, of which {len(found)} can be read")
    return found


def line(entry: Entry) -> str:
    """A paper as one item of a list."""
    fields = entry.fields
    where = next((fields[n] for n in ("journal", "booktitle", "howpublished") if n in fields), "")
    links = ", ".join(f"[{words}]({address})" for words, address in entry.addresses.items())
    venue = f"{where}, {fields['year']}" if where else fields["year"]
    return f"- {entry.authors}, *{fields['title']}*. {venue}. {links}"


def page(papers: list[Entry]) -> str:
    """The page of all papers, by group and year."""
    parts = [
        "# References",
        "",
        "The papers that the lessons cite. A citation in a lesson is a link to an address that",
        "stands here; `notebooks/references.bib` has the same entries for BibTeX. This page is",
        "written by `python scripts/write_references.py`.",
    ]
    for keyword, heading in GROUPS.items():
        group = [paper for paper in papers if paper.fields["keywords"] == keyword]
        group.sort(key=lambda paper: (paper.fields["year"], paper.key))
        parts += ["", f"## {heading}", "", *map(line, group)]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(entries(BIB.read_text(encoding="utf-8"))), encoding="utf-8")
