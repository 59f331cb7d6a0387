"""Fresh virtual environments for the scripts that check an installation; uv where there is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLEARED = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}  # would lead back into the checkout


def make_environment(folder: Path) -> Path:
    """Create an empty environment of the running Python's version; return its interpreter."""
    uv = shutil.which("uv")
    if uv:
        create = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable]
    else:
        create = [sys.executable, "-m", "venv"]
    subprocess.run([*create, str(folder)], check=True)
    return folder / "bin" / "python"


def install(python: Path, *arguments: str | Path, cwd: Path | None = None) -> None:
    """Install into the environment of `python`; arguments are those of `pip install`."""
    uv = shutil.which("uv")
    if uv:
        tool = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        tool = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*tool, *map(str, arguments)], check=True, cwd=cwd)


def clean_variables(home: Path, python: Path) -> dict[str, str]:
    """Variables of a first use: own home and caches, the environment's commands first."""
    kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "EMO_OFFLINE": "1"}
    return {**kept, **own, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
