"""Every paper has an address, and what a lesson cites is a paper of the bibliography."""

import json
import re
from pathlib import Path

import pytest
import write_references
from write_references import Entry

ROOT = Path(__file__).parents[2]
PAPERS = write_references.entries(write_references.BIB.read_text(encoding="utf-8"))
CITED = re.compile(r"https?://(?:dx\.)?(?:doi\.org|arxiv\.org/(?:abs|pdf))/[^\s)\]>\"'`]+")
FORMS = {
    "doi": r"10\.\d{4,9}/\S+",
    "eprint": r"\d{4}\.\d{4,5}",
    "url": r"https://\S+",
    "year": r"(?:19|20)\d\d",
}


def faults(paper: Entry) -> list[str]:
    """What is missing or malformed in an entry."""
    fields = paper.fields
    missing = [name for name in ("author", "title", "year", "keywords") if not fields.get(name)]
    missing += [] if paper.addresses else ["address"]
    wrong = [n for n, form in FORMS.items() if n in fields and not re.fullmatch(form, fields[n])]
    unknown = ["keywords"] if fields.get("keywords") not in write_references.GROUPS else []
    return missing + wrong + unknown


def unknown_citations(text: str) -> list[str]:
    """Addresses of papers in a text that are in no entry."""
    known = {address.lower() for paper in PAPERS for address in paper.addresses.values()}
    found = (re.sub(r"v\d+$", "", x.rstrip(".,;")) for x in CITED.findall(text))
    return sorted({address for address in found if address.lower() not in known})


def prose(path: Path) -> str:
    """The text of a page, or of a lesson's Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.key)
def test_a_paper_has_all_that_is_cited(paper):
    assert faults(paper) == []


def test_no_paper_is_there_twice():
    for values in ([p.key for p in PAPERS], [a for p in PAPERS for a in p.addresses.values()]):
        assert len(values) == len(set(values))


def test_the_page_is_what_the_script_writes():
    page = write_references.PAGE.read_text(encoding="utf-8")
    assert page == write_references.page(PAPERS), "run python scripts/write_references.py"
    assert all(paper.fields["title"] in page for paper in PAPERS)


@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")),
        *sorted((ROOT / "docs/lessons").glob("*.md")),
    ],
    ids=lambda path: path.name,
)
def test_what_a_lesson_cites_is_in_the_bibliography(path):
    assert unknown_citations(prose(path)) == [], "add it to notebooks/references.bib"


def test_faults_are_found():
    good = PAPERS[0].fields
    assert faults(Entry("x", {**good, "year": "21", "keywords": "misc"})) == ["year", "keywords"]
    bare = {name: good[name] for name in ("author", "title", "year", "keywords")}
    assert faults(Entry("x", bare)) == ["address"]
    assert faults(Entry("x", {**bare, "doi": "doi:1"})) == ["doi"]
    text = "[a](https://arxiv.org/abs/1706.03762v5) [b](https://doi.org/10.1/nothing)."
    assert unknown_citations(text) == ["https://doi.org/10.1/nothing"]
    with pytest.raises(ValueError, match="2 entries, of which 1"):
        write_references.entries("@misc{a,\n  year = {1999},\n}\n@misc{b,\n")
    assert Entry("x", {"author": "A, B and C, D and E, F"}).authors == "A, C and E"
