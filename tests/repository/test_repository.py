"""The repository agrees with itself: pins, imports that point one way, README code that runs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = (  # a module imports only from what stands before it
    "defaults", "distributed", "whole", "fetch", "media", "clip", "detectors", "faces", "reach",
    "download", "metrics", "tasks", "parts", "sample", "batch", "models", "data", "checkpoint",
    "worlds", "card", "train", "settings", "recipes", "ranges", "warming", "run",
    "prediction", "scores", "inference", "attribution", "listing", "view", "sentences",
    "explaining", "terminal", "commands",
)  # fmt: skip


FLOORS = {"yt-dlp"}  # sites change every few weeks and old releases stop working
OPTIONAL = {  # done without where they are missing, which is said
    "h5py",  # one file format of one corpus
    "spaces",  # a card lent by Hugging Face, there only
}


def pins(lines: list[str]) -> set[str]:
    return {line.strip() for line in lines if re.match(r"^[a-z0-9-]+[=>]=[\w.]+$", line.strip())}


def names(pinned: set[str]) -> list[str]:
    return [re.split("[=>]=", pin)[0] for pin in pinned]


def test_requirements_environment_and_pyproject_name_the_same_versions():
    requirements = pins((ROOT / "requirements.txt").read_text().splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    text = (ROOT / "environment.yml").read_text()
    environment = pins([line.strip().removeprefix("- ") for line in text.splitlines()])
    assert requirements == set(project) == environment
    assert len(requirements) == len(set(names(requirements))) >= 9
    assert {names({pin})[0] for pin in requirements if ">=" in pin} == FLOORS


def test_every_runtime_import_is_a_pinned_requirement():
    packages = {"cv2": "opencv-python-headless", "yt_dlp": "yt-dlp"}
    pinned = {*names(pins((ROOT / "requirements.txt").read_text().splitlines())), *OPTIONAL}
    page = list((ROOT / "demo").glob("*.py"))
    own = {"emo_core", "demo", *(path.stem for path in page)}
    for path in [*(ROOT / "emo_core").rglob("*.py"), *page]:
        for name in imported(path):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in own:
                assert packages.get(top, top) in pinned, f"{path.name} imports {top}"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "emo_core").rglob("*.py")), ids=lambda p: p.name)
def test_imports_point_one_way(path):
    own = path.relative_to(ROOT / "emo_core").parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in ORDER, f"{own} has no place in the order of imports"
    for name in imported(path):
        if name.startswith("emo_core."):
            other = name.split(".")[1]
            assert other == own or ORDER.index(other) < ORDER.index(own), f"{own} imports {other}"


def test_the_design_forbids_index_hosts_in_files():
    hosts = "|".join(("py" + "pi.org", "python" + "hosted", "registry.npm" + "js"))
    for path in ROOT.glob("*"):
        if path.is_file() and path.stat().st_size < 10**6:
            assert not re.search(hosts, path.read_text(encoding="utf-8", errors="ignore")), path


def test_front_matter_makes_the_repository_a_space():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    front = dict(line.split(": ", 1) for line in text.split("---")[1].strip().splitlines())
    assert front["sdk"] == "gradio" and (ROOT / front["app_file"]).is_file()
    requirements = (ROOT / "requirements.txt").read_text()
    assert f"gradio=={front['sdk_version']}" in requirements


def test_the_readmes_python_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()
