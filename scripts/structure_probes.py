"""Run the program and print what it enters, as JSON; `measure_structure.py` starts this.

    python scripts/structure_probes.py clip|page|hops ROOT

The process imports emo_core and demo from ROOT, which is first in PYTHONPATH. The entry points
stand in `clip_trip`, `page_trip` and `hops`; change them here when they are renamed.
"""

import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

MODELS = ("group-staged", "group-collage")  # group-people adds faces and encoders: 27, page 34
EXAMPLE = "seen_negative.mp4"
RECIPE = "group-vgaf-pocket"  # reads the tree of a drawn corpus and has no pretraining
TINY_CORPUS = {"train": 24, "val": 2, "test": 2}  # of several sources: some are held out
INLINE = {"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"}  # not a call that a reader follows


def first(*names: str) -> Any:
    """The first of several `module:attribute` that can be imported."""
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"none of {', '.join(names)} is there; name the new one in {__file__}")


def example(root: Path) -> Path:
    """A shipped example clip, wherever assets lie."""
    found = sorted(root.glob(f"**/examples/{EXAMPLE}"))
    if not found:
        raise FileNotFoundError(f"no examples/{EXAMPLE} below {root}; expected a shipped clip")
    return found[0]


def clip_trip(root: Path, model: str) -> Callable[[], Any]:
    """From a file to the answer, in Python; the model is loaded already."""
    from emo_core import load_clip, predict

    path = example(root)
    predict(load_clip(path), model)
    return lambda: predict(load_clip(path), model)


def page_trip(root: Path, model: str) -> Callable[[], Any]:
    """From a visitor's file to the answer's HTML; the model is loaded already."""
    load_model = first("demo.service:load_model", "handlers:load_model")
    open_clip = first("demo.service:open_case", "handlers:open_case")
    render = first("demo.components:answer_html", "demo.components:answer")
    words = first("demo.i18n:Words", "words:Words")("en")
    load_model(model)
    path = example(root)
    return lambda: render(words, open_clip(path, model=model).prediction)


def entered(root: Path, trip: Callable[[], Any]) -> set[str]:
    """Files of emo_core and demo in which a function is called during the trip."""
    codes = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        trip()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    folders = tuple(str(root / name) + os.sep for name in ("emo_core", "demo"))
    files = {code.co_filename for code in codes if code.co_filename.startswith(folders)}
    return {Path(name).relative_to(root).as_posix() for name in files}


def most_entered(root: Path, make_trip: Callable[[Path, str], Callable[[], Any]]) -> list[str]:
    """The files of the model whose trip enters most."""
    found = [sorted(entered(root, make_trip(root, model))) for model in MODELS]
    return max(found, key=len)


class FirstStep(BaseException):
    """Ends a training at its first optimizer step; no handler of errors catches it."""


def call_chain(frame: FrameType | None, root: Path) -> list[str]:
    """Functions of emo_core on the stack, outermost first, from the command's main inwards."""
    names = []
    while frame:
        code = frame.f_code
        if code.co_filename.startswith(str(root / "emo_core")) and code.co_name not in INLINE:
            names.append(code.co_name)
        frame = frame.f_back
    names.reverse()
    return names[names.index("main") + 1 :]


def hops(root: Path) -> list[str]:
    """The calls below the command's main at the first step of a training, that one last."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    main = first("emo_core.cli:main", "emo_core.__main__:main")
    chain: list[str] = []

    def stop(*_: Any) -> NoReturn:
        chain.extend([*call_chain(sys._getframe(1), root), "optimizer.step"])
        raise FirstStep

    folder = Path(tempfile.mkdtemp())
    os.environ["EMO_CACHE"] = str(folder / "cache")
    try:
        counts = [word for name, n in TINY_CORPUS.items() for word in (f"--{name}", str(n))]
        main(["data", "make", "staged", str(folder / "corpus"), *counts, "--workers", "1"])
        register_optimizer_step_pre_hook(stop)
        corpus, run = str(folder / "corpus"), str(folder / "run")
        main(["train", RECIPE, "--data", corpus, "--out", run, "--set", "epochs=1"])
    except FirstStep:
        return chain
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise RuntimeError(f"emo train {RECIPE} ended without a step of the optimizer")


PROBES: dict[str, Callable[[Path], list[str]]] = {
    "clip": lambda root: most_entered(root, clip_trip),
    "page": lambda root: most_entered(root, page_trip),
    "hops": hops,
}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](Path(sys.argv[2]).resolve())))
