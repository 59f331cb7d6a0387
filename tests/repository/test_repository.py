"""The repository agrees with itself: pins, imports that point one way, README code that runs."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import emo_core

ROOT = Path(__file__).parents[2]
FLOORS = {"yt-dlp"}  # sites change every few weeks and old releases stop working
OPTIONAL = {  # done without where they are missing, which is said
    "h5py",  # one file format of one corpus
    "spaces",  # a card lent by Hugging Face, there only
}
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "yt_dlp": "yt-dlp",
    "annotated_types": "annotated-types",
    "IPython": "ipykernel",
    "gradio_client": "gradio",  # of the version that gradio asks for
    "huggingface_hub": "transformers",  # the same
}


def requirements(lines: Iterable[str]) -> dict[str, Requirement]:
    """Requirements among the lines of a file, by name; options and comments left out."""
    texts = (line.strip().removeprefix("- ") for line in lines)
    found = [Requirement(text) for text in texts if re.match(r"[a-z0-9-]+[=<>]=", text)]
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def pins_of(name: str) -> dict[str, Requirement]:
    return requirements((ROOT / name).read_text(encoding="utf-8").splitlines())


def ranges_of(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for: the core's dependencies, and those of some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return requirements(lines)


def pinned_version(pin: Requirement) -> str:
    """The one version that a pin names; of FLOORS the oldest."""
    ((operator, version),) = ((each.operator, each.version) for each in pin.specifier)
    assert operator == (">=" if pin.name in FLOORS else "=="), f"{pin} is no pin"
    return version


def test_the_project_states_ranges_with_a_floor_and_a_ceiling():
    for name, wanted in ranges_of("demo", "course", "batch").items():
        operators = {each.operator for each in wanted.specifier}
        assert operators == ({">="} if name in FLOORS else {">=", "<"}), str(wanted)


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("requirements.txt", ("demo",)),
        ("environment.yml", ("demo", "course")),
    ],
)
def test_pins_lie_inside_the_ranges(file, extras):
    pins, ranges = pins_of(file), ranges_of(*extras)
    assert pins.keys() == ranges.keys()
    for name, pin in pins.items():
        assert ranges[name].specifier.contains(pinned_version(pin)), f"{pin}, {ranges[name]}"


def test_the_course_asks_for_its_extra_and_leaves_an_installed_torch_alone():
    lines = (ROOT / "requirements-course.txt").read_text(encoding="utf-8").splitlines()[1:]
    free = {"torch", "torchvision", "torchaudio", "numpy"}
    ranges = ranges_of("course")
    assert [Requirement(line).name for line in lines] == list(ranges)
    for line in lines:
        wanted = Requirement(line)
        expected = "" if wanted.name in free else ranges[wanted.name].specifier
        assert wanted.specifier == expected, line


def test_a_package_has_one_version_in_every_file_of_pins():
    known = pins_of("requirements.txt") | pins_of("requirements-dev.txt")
    for name, pin in pins_of("environment.yml").items():
        assert known[name] == pin
    assert not pins_of("requirements.txt").keys() & pins_of("requirements-dev.txt").keys()


@pytest.mark.parametrize(
    ("folder", "extras", "own"),
    [
        ("emo_core", ("batch", "export", "lora"), set()),
        ("demo", ("demo",), {path.stem for path in (ROOT / "demo").glob("*.py")}),
        (
            "notebooks",
            ("course",),
            {"exercises", *(path.stem for path in (ROOT / "notebooks").glob("*.py"))},
        ),
    ],
)
def test_every_runtime_import_is_a_stated_requirement(folder, extras, own):
    stated = {*ranges_of(*extras), *OPTIONAL}
    for path in (ROOT / folder).rglob("[!_]*.py"):
        for name in imported(path):
            top = name.split(".")[0]
            if top not in {*sys.stdlib_module_names, *own, "emo_core", "demo"}:
                assert DISTRIBUTIONS.get(top, top) in stated, f"{path.name} imports {top}"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    ("module", "line", "kept"),
    [
        ("data/vgaf", "", True),
        ("data/vgaf", "from emo_core.synthetic import corpus_io", False),
        ("media/probe", "from emo_core.clip import Clip", False),
        ("schema", "from emo_core.cli import main", False),
        ("viz/report", "from demo import theme", False),
        ("homeless", "", False),  # a module without a place among the layers
    ],
)
def test_imports_point_one_way(tmp_path, module, line, kept):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("emo_core", "demo"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "checkpoints", "examples"),
        )
    with open(tmp_path / "emo_core" / f"{module}.py", "a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == kept, done.stdout
    assert kept or "BROKEN" in done.stdout or "homeless" in done.stdout


def test_the_package_says_its_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert emo_core.__version__ == project["version"]
    assert f"## {project['version']} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_file_names_the_host_of_a_package_index():
    hosts = "|".join(("py" + "pi.org", "python" + "hosted", "registry.npm" + "js"))
    told = ["git", "-C", str(ROOT), "ls-files", "-z"]
    names = subprocess.run(told, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(paths) > 400
    for path in paths:
        if path.stat().st_size < 2 * 10**6:
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
