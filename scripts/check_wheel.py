"""Build the wheel, install it in an empty environment outside the checkout, and run `emo` there.

    python scripts/check_wheel.py [--versions pinned|lowest|newest]

Prints a line for each step with its seconds; exit code 1 at the first step that fails.
`pinned` installs the versions of requirements.txt, `lowest` the lower bounds of pyproject.toml.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from environments import clean_variables, install, make_environment

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "emo_core"
EXAMPLE = ROOT / "assets" / "examples" / "both_positive.mp4"
CHECKPOINTS = (
    "affect-people",
    "emotions-people",
    "mesm-people",
    "fe2e-utterances",
    "group-collage",
    "group-people",
    "group-staged",
    "jmt-staged",
    "mesm-staged",
)
CHECKPOINT_FILES = ("DATA.md", "card.md", "config.json", "model.safetensors")
ENCODERS = (
    "face_detection_yunet_2026may.onnx",
    "voice_detector.safetensors",
    "drawn_voice_detector.safetensors",
    "face_expression.safetensors",
    "whisper_tiny_2_blocks.safetensors",
)
STATEMENTS = ("cremad.md", "ravdess.md")  # of open corpora
LICENCES = ("LICENSE", "LICENSE-WEIGHTS", "THIRD_PARTY_NOTICES")
EXPLANATION = ("report.html", "overlay.mp4", "attribution.npz")
MOST_BYTES = 40 * 10**6
ABSENT = ("demo", "benchmarks", "tests", "scripts", "gradio", "jupyterlab")  # top-level packages
LIMIT_S = 900.0  # of one command; only a hang meets it
Result = TypeVar("Result")


class WheelError(Exception):
    """A wheel, or an installation of it, that does not work; one sentence."""


def main(argv: list[str] | None = None) -> int:
    """Run every step; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--versions", choices=["pinned", "lowest", "newest"], default="pinned")
    versions = parser.parse_args(argv).versions
    with tempfile.TemporaryDirectory(prefix="emo-wheel-") as folder:
        try:
            check(Path(folder), versions)
        except (WheelError, subprocess.SubprocessError) as error:
            print(f"wheel: {error}", flush=True)
            return 1
    return 0


def check(folder: Path, versions: str) -> None:
    """Build, install and use the wheel inside `folder`."""
    wheel = step("build", partial(build_wheel, folder))
    step("contents", partial(check_contents, wheel))
    python = step(f"install, {versions}", partial(install_wheel, wheel, folder, versions))
    work = folder / "elsewhere"
    work.mkdir()
    shutil.copy2(EXAMPLE, work / "clip.mp4")
    run = partial(run_python, python, work)
    for name, use in USES:
        step(name, partial(use, run, work))


def step(name: str, action: Callable[[], Result]) -> Result:
    """Time one step and print its line; pass on what it returns."""
    started = time.monotonic()
    result = action()
    shown = result.name if isinstance(result, Path) else result
    print(f"{name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    return result


def build_wheel(folder: Path) -> Path:
    """Build from a copy of what git has, so that no stale build folder gets into the wheel."""
    source, out = folder / "source", folder / "dist"
    listed = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    uv = shutil.which("uv")
    if uv:
        build = [
            uv,
            "build",
            "--quiet",
            "--wheel",
            "--out-dir",
            str(out),
            "--python",
            sys.executable,
        ]
    else:
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(out)]
    subprocess.run([*build, str(source)], check=True)
    return next(out.glob("*.whl"))


def check_contents(wheel: Path) -> str:
    """Refuse a wheel that holds another top-level package or lacks a file the package reads."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    foreign = {name.split("/")[0] for name in names if not is_own(name)}
    if foreign:
        raise WheelError(f"it holds {', '.join(sorted(foreign))}; expected {PACKAGE} alone.")
    needed = {
        f"{PACKAGE}/checkpoints/{name}/{file}" for name in CHECKPOINTS for file in CHECKPOINT_FILES
    }
    needed |= {f"{PACKAGE}/weights/{file}" for file in ENCODERS}
    needed |= {f"{PACKAGE}/data/open_corpora/statements/{file}" for file in STATEMENTS}
    missing = sorted({f"{PACKAGE}/py.typed", *needed} - names)
    missing += [one for one in LICENCES if not any(n.endswith(f"/licenses/{one}") for n in names)]
    if missing:
        raise WheelError(f"it lacks {', '.join(missing)}; add them to the package data.")
    size = wheel.stat().st_size
    if size > MOST_BYTES:
        raise WheelError(f"it has {size / 1e6:.1f} MB; expected at most {MOST_BYTES / 1e6:.0f}.")
    return f"{len(names)} files, {size / 1e6:.1f} MB, {PACKAGE} alone"


def is_own(name: str) -> bool:
    """Whether a wheel's member belongs to the package or to its metadata."""
    top = name.split("/")[0]
    return top == PACKAGE or (top.startswith(f"{PACKAGE}-") and top.endswith(".dist-info"))


def install_wheel(wheel: Path, folder: Path, versions: str) -> Path:
    """Install the wheel, with nothing else, in a new environment; return its Python."""
    python = make_environment(folder / "environment")
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(constraint_lines(versions)) + "\n", encoding="utf-8")
    install(python, wheel, "--constraint", constraints, cwd=folder)
    return python


def constraint_lines(versions: str) -> Iterable[str]:
    """Versions to install: the pins, the lower bounds, or none."""
    if versions == "pinned":
        return (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if versions == "newest":
        return []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [text.split(",")[0].replace(">=", "==") for text in project["dependencies"]]


def run_python(python: Path, work: Path, *arguments: str) -> str:
    """Run the environment's Python in `work`; return standard output."""
    variables = clean_variables(work, python)
    done = subprocess.run(
        [str(python), *arguments],
        cwd=work,
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise WheelError(
            f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-800:]}"
        )
    return done.stdout


def emo(run: Callable[..., str], *arguments: str) -> dict:
    """Run one `emo` command as its installed script is, with --json; return its object."""
    entry = (
        "import sys; from importlib.metadata import entry_points as e; "
        "sys.exit(next(iter(e(group='console_scripts', name='emo'))).load()())"
    )
    text = run("-c", entry, *arguments, "--json")
    try:
        return json.loads(text)
    except ValueError as error:
        raise WheelError(f"emo {' '.join(arguments)} printed no JSON: {text[:200]!r}") from error


def expect(found: object, expected: object, subject: str) -> None:
    """Raise WheelError where two values differ."""
    if found != expected:
        raise WheelError(f"{subject}: found {found}, expected {expected}.")


def use_nothing_else(run: Callable[..., str], work: Path) -> str:
    """The package lies in the environment, is typed, and brings no package but its own."""
    code = (
        "import importlib.util as u, json, sys, emo_core, pathlib; "
        "home = pathlib.Path(emo_core.__file__).parent; "
        "print(json.dumps({'home': str(home), 'typed': (home / 'py.typed').is_file(), "
        "'found': [name for name in sys.argv[1:] if u.find_spec(name)]}))"
    )
    found = json.loads(run("-c", code, *ABSENT))
    if ROOT in Path(found["home"]).parents or work.parent not in Path(found["home"]).parents:
        raise WheelError(f"emo_core was imported from {found['home']}; expected the environment's.")
    expect(found["typed"], True, "py.typed is there")
    expect(found["found"], [], "packages that are not the core's")
    return f"typed; none of {', '.join(ABSENT)}"


def use_lists(run: Callable[..., str], work: Path) -> str:
    """Every list is non-empty JSON, and the shipped checkpoints are all there."""
    counts = []
    for subject in ("models", "recipes", "corpora", "methods"):
        listed = emo(run, "list", subject)
        if not listed[subject]:
            raise WheelError(f"emo list {subject} is empty.")
        counts.append(f"{len(listed[subject])} {subject}")
    expect(sorted(emo(run, "list", "models")["checkpoints"]), sorted(CHECKPOINTS), "checkpoints")
    return ", ".join(counts)


def use_predict(run: Callable[..., str], work: Path) -> str:
    """The default model and every shipped checkpoint answer a clip."""
    answers = [emo(run, "predict", "clip.mp4")]
    answers += [emo(run, "predict", "clip.mp4", "--model", name) for name in CHECKPOINTS]
    for answer in answers:
        expect(answer["errors"], [], "errors of emo predict")
        expect(len(answer["results"]), 1, "answers of emo predict")
    labels = [answer["results"][0]["label"] for answer in answers]
    return f"default answers {labels[0]}; {len(CHECKPOINTS)} checkpoints answer"


def use_explain(run: Callable[..., str], work: Path) -> str:
    """A report, a film and the maps."""
    words = ("--method", "grad_cam", "--preset", "fast", "--model", "group-staged")
    emo(run, "explain", "clip.mp4", *words, "--out", "why")
    return require_files(work / "why", EXPLANATION)


def use_data(run: Callable[..., str], work: Path) -> str:
    """A small corpus is drawn and found free of problems."""
    counts = ("--train", "8", "--val", "4", "--test", "4", "--seed", "0", "--workers", "1")
    emo(run, "data", "make", "staged", "corpus", *counts)
    report = emo(run, "data", "check", "corpus", "--corpus", "staged")
    expect(report["problems"], [], "problems of the corpus")
    found = {split: part["clips"] for split, part in report["splits"].items()}
    expect(found, {"train": 8, "val": 4, "test": 4}, "clips of the corpus")
    return "16 clips, no problems"


def use_train(run: Callable[..., str], work: Path) -> str:
    """One epoch of a recipe; its checkpoint answers and is scored."""
    emo(run, "train", "group-staged", "--data", "corpus", "--out", "run", *TINY)
    require_files(work / "run" / "checkpoint", CHECKPOINT_FILES)
    expect(len(emo(run, "predict", "clip.mp4", "--model", "run")["results"]), 1, "answers")
    scored = emo(
        run, "evaluate", "run", "--data", "corpus", "--corpus", "staged", "--split", "test"
    )
    expect(scored["errors"], [], "errors of emo evaluate")
    return "a checkpoint that answers and is scored"


def require_files(folder: Path, names: Iterable[str]) -> str:
    """Raise WheelError unless every file is there and has content."""
    for name in names:
        path = folder / name
        if not path.is_file() or not path.stat().st_size:
            raise WheelError(f"{folder.name}/{name} is missing or empty.")
    return ", ".join(names)


TINY = tuple(
    word
    for setting in ("epochs=1", "batch_size=4", "synthetic_scenes=4", "drawn_frames.epochs=1")
    for word in ("--set", setting)
)
USES = (
    ("environment", use_nothing_else),
    ("emo list", use_lists),
    ("emo predict", use_predict),
    ("emo explain", use_explain),
    ("emo data", use_data),
    ("emo train", use_train),
)

if __name__ == "__main__":
    sys.exit(main())
