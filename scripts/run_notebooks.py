"""Executes the lessons and stores their outputs: `make notebooks`, or names of some lessons.

    python scripts/run_notebooks.py [--small] [01_clip ...]

--small executes in the setting of the tests and stores nothing. Nothing is stored either unless
every lesson that was asked for ran through, so that stored outputs come from one run.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parents[1] / "notebooks"
SPENT = """import resource
own, others = (resource.getrusage(getattr(resource, f"RUSAGE_{w}")) for w in ("SELF", "CHILDREN"))
print(own.ru_maxrss, sum(use.ru_utime + use.ru_stime for use in (own, others)))"""
SPENT_NAMES = ("seconds", "cpu_seconds", "peak_mb")
ALT = 300  # letters of an alt text, at most
SLIM = 30_000  # bytes above which a picture gets a palette
NOT_STARTED = "Kernel died before replying"  # what jupyter_client says of it
TIMEOUT_S = 600  # a cell


def lessons(names: list[str] | None = None) -> list[Path]:
    """All lessons in order, or those named, with or without .ipynb."""
    found = sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return found
    wanted = [Path(name).stem for name in names]
    unknown = sorted(set(wanted) - {path.stem for path in found})
    if unknown:
        raise SystemExit(f"no lesson is called {', '.join(unknown)}; there are: {HERE}/[0-9]*")
    return [path for path in found if path.stem in wanted]


def source_digest(notebook: nbformat.NotebookNode) -> str:
    """Digest of the code cells: stored outputs name the code they come from."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.blake2b(code.encode(), digest_size=8).hexdigest()


def _execute(client: NotebookClient) -> None:
    """Run all cells; start once more where another program took the kernel's port meanwhile."""
    try:
        client.execute()
    except RuntimeError as error:
        if NOT_STARTED not in str(error):
            raise
        client.execute()


def execute(notebook: nbformat.NotebookNode, small: bool) -> nbformat.NotebookNode:
    """Runs a lesson from top to bottom in a fresh kernel; returns it with clean outputs."""
    os.environ["EMO_LESSON_STILL"] = "1"
    os.environ["EMO_LESSON_SMALL"] = "1" if small else "0"
    with tempfile.TemporaryDirectory(prefix="emo-lessons-") as folder:
        os.environ["EMO_LESSON_RECORD"] = str(Path(folder) / "record.jsonl")
        os.environ.setdefault("EMO_MYMODEL", str(Path(folder) / "mymodel.py"))
        try:
            return _executed(notebook, Path(os.environ["EMO_LESSON_RECORD"]))
        finally:
            del os.environ["EMO_LESSON_RECORD"]
            if os.environ["EMO_MYMODEL"].startswith(folder):
                del os.environ["EMO_MYMODEL"]


def _executed(notebook: nbformat.NotebookNode, record: Path) -> nbformat.NotebookNode:
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    notebook.cells.append(nbformat.v4.new_code_cell(SPENT))
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(HERE)}},
    )
    started = time.perf_counter()
    _execute(client)
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024  # bytes; what ru_maxrss counts in
    outputs = notebook.cells.pop().outputs  # one line, which may arrive in several pieces
    memory, cpu = map(float, "".join(one.text for one in outputs).split())
    cleaned(notebook)
    notebook.metadata["emo"] = {
        "source": source_digest(notebook),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(memory * unit / 1e6),
        **recorded(record),
    }
    return notebook


def recorded(file: Path) -> dict[str, Any]:
    """What a lesson recorded: the form of each figure, and the numbers that its text names."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    entries = [json.loads(line) for line in lines]
    facts = [entry["fact"] for entry in entries if "fact" in entry]
    return {
        "figures": [entry["figure"] for entry in entries if "figure" in entry],
        "facts": {fact["name"]: fact["value"] for fact in facts},
    }


def cleaned(notebook: nbformat.NotebookNode) -> None:
    """Leaves what a reader sees: no machine's metadata, no addresses in memory, slim pictures."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        after = notebook.cells[number + 1].source if number + 1 < len(notebook.cells) else ""
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = slim(data["image/png"])
                data["text/plain"] = "<a figure>"
                output.metadata["image/png"] = {"alt": alt_text(after)}


def alt_text(reading: str) -> str:
    """The first sentences of the paragraph that reads a figure, for those who cannot see it."""
    plain = re.sub(r"<!--.*?-->|^#+ [^\n]*$|(?<=\])\([^)]*\)", "", reading, flags=re.S | re.M)
    paragraph = plain.strip().split("\n\n")[0]
    words = " ".join(re.sub(r"[*`$\[\]]|(?<!\w)_|_(?!\w)", "", paragraph).split())
    if len(words) <= ALT:
        return words
    sentences = re.match(rf".{{1,{ALT - 1}}}[.!?](?= )", words)
    return sentences[0] if sentences else textwrap.shorten(words, ALT, placeholder=" …")


def slim(png: str) -> str:
    """A picture as a palette of 256 colours where that is smaller. Base64 in and out."""
    from PIL import Image

    raw = base64.b64decode(png)
    if len(raw) < SLIM:
        return png
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    smaller = file.getvalue()
    return base64.b64encode(smaller).decode() if len(smaller) < len(raw) else png


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help="lessons, as 01_clip; without: all")
    parser.add_argument("--small", action="store_true", help="as the tests do; stores nothing")
    asked = parser.parse_args()
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done: dict[Path, nbformat.NotebookNode] = {}
    for path in lessons(asked.names):
        try:
            done[path] = execute(nbformat.read(path, as_version=4), asked.small)
        except CellExecutionError as error:
            print(f"{path.name} stopped:\n{error}", file=sys.stderr)
            return 1
        facts = done[path].metadata["emo"]
        print(path.stem, *(f"{name} {facts[name]}" for name in SPENT_NAMES), flush=True)
    if not asked.small:
        for path, notebook in done.items():
            notebook.metadata["emo"]["run"] = stamp
            store(path, notebook)
    return 0


def store(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Writes a notebook whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as part:
        nbformat.write(notebook, part)
    Path(part.name).chmod(0o644)
    os.replace(part.name, path)


if __name__ == "__main__":
    sys.exit(main())
