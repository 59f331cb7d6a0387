"""`make lab` serves what lessons link to; make says what is wrong with a Python that is given."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from jupyter_server.serverapp import ServerApp

ROOT = Path(__file__).parents[2]
BESIDE = re.compile(r"""(?:\]\(|(?:src|href)=["'])(\.\.?/[^)"'#?]+)""")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True)


def served_folder(command: str, monkeypatch) -> Path:
    """The folder that a JupyterLab started by this command shows; nothing outside it opens."""
    monkeypatch.chdir(ROOT)
    server = ServerApp()
    server.parse_command_line(shlex.split(command)[2:])
    return Path(server.root_dir).resolve()


def beside(path: Path) -> list[Path]:
    """Files that a lesson links to or shows, also in its stored outputs."""
    cells = nbformat.read(path, as_version=4).cells
    stored = [one.get("data", {}) for cell in cells for one in cell.get("outputs", [])]
    texts = [cell.source for cell in cells] + [one.get("text/html", "") for one in stored]
    return [(path.parent / found).resolve() for text in texts for found in BESIDE.findall(text)]


def test_lab_serves_what_lessons_link_to(monkeypatch):
    command = next(line for line in make("-n", "lab").stdout.splitlines() if "jupyter lab" in line)
    root = served_folder(command, monkeypatch)
    linked = {found for path in ROOT.glob("notebooks/*.ipynb") for found in beside(path)}
    outside = {str(found) for found in linked if not found.is_relative_to(root)}
    assert any("docs" in found.parts for found in linked) and not outside


@pytest.mark.parametrize(
    ("python", "said"),
    [("no-such-python", "can't be run"), ("./old", "is older than 3.11")],
)
def test_make_says_what_is_wrong_with_a_python(tmp_path, python, said):
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\ntest -z "$2"\n')  # runs, and is older than asked for
    old.chmod(0o755)
    python = str(old) if python == "./old" else python
    done = make("demo", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    assert done.returncode == 2 and f"emo: {python} {said}" in done.stdout
