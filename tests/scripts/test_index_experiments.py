"""The tables of experiments and decisions: complete entries, current tables, planted faults."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import index_experiments  # noqa: E402


@pytest.fixture
def docs(tmp_path):
    for folder in ("experiments", "decisions"):
        shutil.copytree(ROOT / "docs" / folder, tmp_path / folder)
    return tmp_path


def test_the_repository_is_complete_and_current():
    assert index_experiments.main(["--check"]) == 0


def test_every_entry_has_one_row_that_links_to_it(docs):
    for folder in ("experiments", "decisions"):
        entries = sorted(p.name for p in (docs / folder).glob("[0-9]*.md"))
        page = (docs / folder / "index.md").read_text()
        rows = [line for line in page.splitlines() if line.startswith("| [")]
        assert [row.split("](")[1].split(")")[0] for row in rows] == entries


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


FAULTS = {
    "field 'delta' is missing": ("delta: ", "unit: "),
    "field 'seeds' is missing": ("seeds: 1", "seeds: "),
    "verdict 'great' is none of": ("verdict: adopted", "verdict: great"),
    "id 'exp-9999' should be 'exp-0016'": ("id: exp-0016", "id: exp-9999"),
    "date '21.11.2026' is not": ("date: 2026-11-21", "date: 21.11.2026"),
    "section 'Set-up' is missing": ("## Set-up", "## Method"),
    "section 'Question' is empty": ("## Set-up", "## Question\n\n## Set-up"),
    "no front matter": ("---\n", "--\n"),
    "links to 0999-nothing.md": ("## Verdict\n", "## Verdict\n\nSee [that](0999-nothing.md).\n"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_planted_fault_is_named(docs, capsys, message):
    path = next((docs / "experiments").glob("0016-*.md"))
    edit(path, *FAULTS[message])
    assert index_experiments.main(["--check"], docs) == 1
    lines = capsys.readouterr().err.splitlines()
    assert any(path.name in line and message in line for line in lines)


@pytest.mark.parametrize("folder", ["experiments", "decisions"])
def test_a_stale_table_is_named_and_written_anew(docs, capsys, folder):
    path = next((docs / folder).glob("0001-*.md"))
    edit(path, "date: 2026-11-20", "date: 2026-11-19")
    assert index_experiments.main(["--check"], docs) == 1
    assert f"index.md of {folder} is stale" in capsys.readouterr().err
    assert index_experiments.main([], docs) == 0
    assert "2026-11-19" in (docs / folder / "index.md").read_text()
    assert index_experiments.main(["--check"], docs) == 0


def test_one_number_belongs_to_one_entry(docs, capsys):
    path = next((docs / "experiments").glob("0016-*.md"))
    shutil.copy(path, path.with_name("0016-another.md"))
    assert index_experiments.main(["--check"], docs) == 1
    assert "number 0016 is taken by 0016-another.md" in capsys.readouterr().err


def test_a_name_without_a_number_is_refused(docs, capsys):
    path = next((docs / "experiments").glob("0016-*.md"))
    path.rename(path.with_name("Alignment.md"))
    assert index_experiments.main(["--check"], docs) == 1
    assert "Alignment.md: the name should be NNNN" in capsys.readouterr().err
