"""`make publish`: one name in every badge and link, and nothing dead before it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import publish
import pytest
import run_notebooks

ROOT = Path(__file__).parents[2]

PAGES = ("README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml")


@pytest.fixture
def copy(tmp_path):
    for name in PAGES:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "demo-and-spaces.md", tmp_path / "docs")
    (tmp_path / "notebooks").mkdir()
    for name in ("README.md", "01_clip.ipynb", "10_share.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, tmp_path / "notebooks")
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_one_name_fills_badges_and_links(copy):
    publish.publish(copy, "ada-lovelace")
    readme = (copy / "README.md").read_text()
    assert "](https://huggingface.co/spaces/ada-lovelace/emo)" in readme
    assert (
        'Repository = "https://github.com/ada-lovelace/emo"'
        in (copy / "pyproject.toml").read_text()
    )
    assert "https://github.com/ada-lovelace/emo\n" in (copy / "CITATION.cff").read_text()
    lesson = nbformat.read(copy / "notebooks" / "01_clip.ipynb", as_version=4)
    assert "colab/github".replace("colab/", "") and "ada-lovelace/emo/blob/main" in (
        lesson.cells[0].source
    )
    assert not [name for name, text in contents(copy).items() if b"/OWNER/emo" in text]


def test_front_matter_stays_first(copy):
    before = (copy / "README.md").read_text().split("---")[1]
    publish.publish(copy, "ada")
    assert (copy / "README.md").read_text().startswith(f"---{before}---\n")


def test_publishing_again_changes_nothing_and_another_name_replaces_the_first(copy):
    publish.publish(copy, "ada")
    first = contents(copy)
    publish.publish(copy, "ada")
    assert contents(copy) == first
    publish.publish(copy, "grace")
    publish.publish(copy, "ada")
    assert contents(copy) == first


def test_stored_outputs_still_belong_to_the_code(copy):
    publish.publish(copy, "ada")
    for path in (copy / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert notebook.metadata["emo"]["source"] == run_notebooks.source_digest(notebook)
        assert any("github.com/ada/emo" in cell.source for cell in notebook.cells)


@pytest.mark.parametrize("name", ["", "OWNER", "-ada", "ada-", "a--b", "a b", "a/b", "x" * 40])
def test_a_bad_name_is_refused_in_one_sentence_and_changes_nothing(copy, name):
    before = contents(copy)
    with pytest.raises(publish.PublishError, match="is no account name; expected"):
        publish.publish(copy, name)
    assert contents(copy) == before


def test_the_command_says_so_and_ends_with_2():
    command = [sys.executable, str(ROOT / "scripts" / "publish.py"), "a b"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2
    assert ended.stderr.startswith("publish: 'a b' is no account name") and not ended.stdout


def test_no_page_shows_a_dead_badge():
    badge = re.compile(r"^\[!\[.*OWNER", re.M)
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        assert not badge.search(path.read_text(encoding="utf-8")), path
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not any(badge.search(cell.source) for cell in cells), path
        assert "<!-- publish:badges -->" in cells[0].source, path
