"""Checks, without the network's help, that the repository as it is runs as a Space: `make space`.

Front matter, pins, sizes; then a start in an environment made of requirements.txt alone, of what
git would push and nothing else. Prints a line a check; exit code 1 where one fails.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

from environments import install, make_environment

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
NEEDED = {
    "title",
    "emoji",
    "colorFrom",
    "colorTo",
    "sdk",
    "sdk_version",
    "python_version",
    "app_file",
    "license",
}
KNOWN = NEEDED | {
    "short_description",
    "suggested_hardware",
    "models",
    "tags",
    "pinned",
    "header",
    "fullWidth",
    "thumbnail",
    "datasets",
    "preload_from_hub",
    "hf_oauth",
    "startup_duration_timeout",
    "disable_embedding",
}
PYTHONS = {"3.10.13", "3.12", "3.12.12"}  # of ZeroGPU machines, November 2026
TORCHES = {"2.8.0", "2.9.1", "2.10.0", "2.11.0"}  # of the same
MOST_BYTES = 10 * 10**6  # larger files need another storage than git
UP_S, ANSWER_S = 15.0, 120.0
FLOATING = {"yt-dlp"}  # sites change, and old releases stop working


class SpaceError(Exception):
    """Something that would not run as a Space; one sentence."""


def front_matter(readme: str) -> dict[str, str]:
    """The settings between the first two lines of ---."""
    found = re.match(r"---\n(.*?)\n---\n", readme, re.S)
    if not found:
        raise SpaceError("README.md does not begin with settings between two lines of ---.")
    pairs = (line.split(":", 1) for line in found[1].splitlines() if line.strip())
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def check_front_matter(front: dict[str, str], root: Path) -> str:
    """Every setting known, the needed ones there and possible."""
    missing, unknown = NEEDED - set(front), set(front) - KNOWN
    if missing or unknown:
        raise SpaceError(f"front matter: missing {sorted(missing)}, unknown {sorted(unknown)}.")
    emoji = front["emoji"]
    wrong = {
        "colorFrom": front["colorFrom"] not in COLOURS,
        "colorTo": front["colorTo"] not in COLOURS,
        "emoji": not any(unicodedata.category(letter) == "So" for letter in emoji),
        "sdk": front["sdk"] != "gradio",
        "python_version": front["python_version"] not in PYTHONS,
        "app_file": not (root / front["app_file"]).is_file(),
        "short_description": len(front.get("short_description", "")) > 60,
    }
    if any(wrong.values()):
        raise SpaceError(f"front matter: {[key for key, is_wrong in wrong.items() if is_wrong]}.")
    return f"{len(front)} settings"


def check_pins(front: dict[str, str], requirements: str) -> str:
    """Exact versions, no index, and those that the machine has."""
    lines = [line.strip() for line in requirements.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    pins = {}
    for line in lines:
        found = re.fullmatch(r"([a-z0-9-]+)(==|>=)([\w.]+)", line)
        if not found or (found[2] == ">=" and found[1] not in FLOATING):
            raise SpaceError(f"requirements.txt: {line!r} is no exact version and nothing else.")
        pins[found[1]] = found[3]
    if pins.get("gradio") != front["sdk_version"]:
        raise SpaceError(
            f"gradio is pinned to {pins.get('gradio')}, sdk_version says {front['sdk_version']}."
        )
    if pins.get("torch") not in TORCHES:
        raise SpaceError(f"torch {pins.get('torch')} is none of {sorted(TORCHES)}.")
    return f"{len(pins)} pins"


def tracked(root: Path) -> list[Path]:
    """What git would push."""
    told = ["git", "-C", str(root), "ls-files", "-z"]
    names = subprocess.run(told, check=True, capture_output=True).stdout.decode().split("\0")
    return [root / name for name in names if name and (root / name).is_file()]


def check_sizes(paths: list[Path]) -> str:
    """No file too large for git's own storage, and none that is only a pointer to another."""
    for path in paths:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SpaceError(f"{path.name} has {size / 1e6:.1f} MB; a Space takes up to 10 MB.")
        if size < 200 and path.read_bytes().startswith(b"version https://git-lfs"):
            raise SpaceError(f"{path.name} is a pointer of git-lfs; its content is not here.")
    largest = max(paths, key=lambda path: path.stat().st_size)
    whole = sum(path.stat().st_size for path in paths)
    return (
        f"{len(paths)} files, {whole / 1e6:.1f} MB, largest {largest.name} "
        f"{largest.stat().st_size / 1e6:.1f} MB"
    )


def check_start(python: Path, root: Path, app_file: str) -> str:
    """The app comes up from a copy of the repository, and answers a shipped example."""
    with tempfile.TemporaryDirectory(prefix="space-") as folder:
        copy = Path(folder) / "repository"
        for path in tracked(root):
            to = copy / path.relative_to(root)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "SPACE_ID": "check/space",
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "EMO_OFFLINE": "1",
        }
        started = time.monotonic()
        with (Path(folder) / "log").open("wb") as log:
            app = subprocess.Popen(
                [str(python), app_file],
                cwd=copy,
                env=settings,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            up_s = _until_up(app, f"http://127.0.0.1:{port}/config", started, Path(folder) / "log")
            work_s = processor_s(app.pid, up_s)
            said = _asked(python, copy, port, settings)
        finally:
            app.terminate()
            app.wait(30)
    spent = f"up after {up_s:.1f} s, of which {work_s:.1f} s were its own work"
    if work_s > UP_S:  # a busy machine makes anything late
        raise SpaceError(f"{spent}; expected at most {UP_S:.0f} s.")
    return f"{spent}; {said}"


def processor_s(pid: int, otherwise: float) -> float:
    """Processor time of a process so far; `otherwise` where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return otherwise
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until_up(app: subprocess.Popen, url: str, started: float, log: Path) -> float:
    while time.monotonic() - started < ANSWER_S and app.poll() is None:
        try:
            with urlopen(url, timeout=5) as response:
                config = json.load(response)
            if links_shown(config):
                raise SpaceError("the tab of links is open on a Space; expected it closed.")
            return time.monotonic() - started
        except OSError:
            time.sleep(0.2)
    raise SpaceError(f"the app did not come up: {log.read_text(errors='replace')[-800:]}")


def links_shown(config: dict) -> bool:
    """Whether the page has a tab that fetches clips by their address."""
    tabs = [it["props"] for it in config["components"] if it["type"] == "tabitem"]
    return any("tab_link" in json.dumps(tab.get("label")) and tab.get("visible") for tab in tabs)


def _asked(python: Path, root: Path, port: int, settings: dict[str, str]) -> str:
    """A program in the same environment asks for one answer."""
    example = next((root / "assets" / "examples").glob("*.mp4"))
    code = (
        "import gradio_client as c\n"
        f"client = c.Client('http://127.0.0.1:{port}', verbose=False)\n"
        f"answer = client.predict(c.handle_file({str(example)!r}), False, api_name='/predict')\n"
        "print(answer['results'][0]['label'])"
    )
    done = subprocess.run(
        [str(python), "-c", code], env=settings, capture_output=True, text=True, timeout=ANSWER_S
    )
    if done.returncode:
        raise SpaceError(f"no answer came: {done.stderr[-400:]}")
    return f"{example.stem} called {done.stdout.split()[-1]}"


def checks(python: Path | None) -> Iterator[tuple[str, str]]:
    """(what, found) of each check; raises SpaceError at the first that fails."""
    front = front_matter((ROOT / "README.md").read_text(encoding="utf-8"))
    yield "front matter", check_front_matter(front, ROOT)
    requirements = ROOT / "requirements.txt"
    yield "pins", check_pins(front, requirements.read_text(encoding="utf-8"))
    yield "sizes", check_sizes(tracked(ROOT))
    if python is None:
        folder = ROOT / "build" / "space"
        python = make_environment(folder)
        install(python, "-r", requirements)
        yield "environment", f"made of requirements.txt alone in {folder.relative_to(ROOT)}"
    yield "start", check_start(python, ROOT, front["app_file"])


def main(argv: list[str]) -> int:
    """Optional argument: a Python whose environment is made already."""
    try:
        for what, found in checks(Path(argv[0]) if argv else None):
            print(f"{what}: {found}", flush=True)
    except SpaceError as error:
        print(f"not a Space: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
