"""Executes the lessons as a reader who solves every part, and tries the `mymodel.py` that grows.

    python scripts/grow_mymodel.py [FOLDER]

Prints how long the file is, and how far its three models are from the library's on drawn clips.
"""

import argparse
import ast
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import run_notebooks
from audit_notebooks import WRITES

sys.path[:0] = [str(run_notebooks.HERE), str(run_notebooks.HERE.parent)]
import growing  # noqa: E402
import torch  # noqa: E402

from emo_core import load_model  # noqa: E402
from emo_core.preprocess.batch import collate  # noqa: E402
from emo_core.preprocess.sample import to_sample  # noqa: E402
from emo_core.synthetic.drawn.dataset import SceneWindow  # noqa: E402

MODELS = {  # checkpoint, class of the reader's file, drawn corpus
    "group-staged": ("GroupModel", "staged"),
    "mesm-staged": ("Mesm", "staged-emotions"),
    "jmt-staged": ("Jmt", "staged-affect"),
}


def solved(source: str) -> str:
    """A cell that writes parts, with our solution of each that is open."""
    ours = growing.reference()[1]
    head, _, body = source.partition("\n")
    lines = body.splitlines()
    for node in reversed(ast.parse(body).body):
        for name in growing.names_of(node):
            if name in ours and growing.is_open(node):
                lines[node.lineno - 1 : node.end_lineno] = ours[name].source.splitlines()
    return "\n".join([head, *lines])


def solve_lessons(file: Path) -> list[str]:
    """Execute the lessons that write parts, small and solved; returns their names."""
    os.environ["EMO_MYMODEL"] = str(file)
    executed = []
    for path in run_notebooks.lessons():
        notebook = nbformat.read(path, as_version=4)
        parts = [cell for cell in notebook.cells if cell.source.startswith(WRITES)]
        for cell in parts:
            cell.source = solved(cell.source)
        if parts:
            run_notebooks.execute(notebook, small=True)
            executed.append(path.stem)
    return executed


def furthest_from_ours(file: Path) -> dict[str, float]:
    """The largest difference of logits from the library's, by checkpoint, on eight drawn scenes."""
    mine, apart = growing.load(file), {}
    for name, (model_class, corpus) in MODELS.items():
        ours = load_model(name)
        scenes = [SceneWindow(7, "test", number, corpus) for number in range(8)]
        batch = collate([to_sample(scene.decode(ours.sample), ours.sample) for scene in scenes])
        net = getattr(mine, model_class)().eval()
        net.load_state_dict(ours.model.state_dict())
        with torch.no_grad():
            apart[name] = float((net(vars(batch)) - ours.model(batch).logits).abs().max())
    return apart


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where mymodel.py is to be; or none")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as passing:
        file = (folder or Path(passing)).resolve() / "mymodel.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        names = solve_lessons(file)
        text = file.read_text(encoding="utf-8")
        code = [line for line in text.splitlines() if line.strip()]
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        print(f"written by {', '.join(names)}")
        print(f"{len(text.splitlines())} lines, {len(code)} not empty, {len(classes)} classes")
        for name, apart in furthest_from_ours(file).items():
            print(f"{name}: logits differ by at most {apart:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
