"""Reads the tree that `make_tree` writes: one clip a line of truth.jsonl."""

import json
from collections.abc import Callable
from pathlib import Path

from emo_core.data.clip_tree import TRUTH
from emo_core.data.corpus import Corpus, CorpusError, Item
from emo_core.data.staged_scene import LABELS, SPLITS


def read_made(
    root: Path, name: str, maker: str, labels: tuple[str, ...],
    make: Callable[[dict, Path], Item], polarities: tuple[str, ...] = LABELS,
) -> Corpus:  # fmt: skip
    """The corpus `name`, made by `emo data make <maker>`, whose lines `make` turns into items.

    make: gets a line and the clip's path; raises ValueError, KeyError or TypeError on bad ones.
    polarities: what "label" may be in a line; "" among them where some clips have none.
    """
    path = root / TRUTH
    if not path.is_file():
        raise CorpusError(
            f"{root} holds no {TRUTH}; expected a folder made by `emo data make {maker}`; "
            "make one, or name the corpus it is."
        )
    items, problems = [], []
    known: dict[str, int] = {}  # clip -> its line
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            truth = json.loads(line)  # of bytes: one that is no text costs its own line only
            item = make(truth, _checked(root, truth, polarities))
            if known.setdefault(item.name, number) == number:
                items.append(item)
            else:
                problems.append(
                    f"{TRUTH} line {number}: {item.name} is in line {known[item.name]} already, "
                    "expected one line a clip; this one is left out."
                )
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"{TRUTH} line {number}: {error}; the clip is left out.")
    if not items:
        raise CorpusError(f"{root.name}/{TRUTH} names no usable clip; make the corpus again.")
    return Corpus(name, root, labels, tuple(items), tuple(problems))


def _checked(root: Path, truth: dict, polarities: tuple[str, ...]) -> Path:
    name, label, split = truth["clip"], truth["label"], truth["split"]
    path = root / f"{name}.mp4"
    for key in ("clip", "regime", "text"):
        if not isinstance(truth.get(key, ""), str):
            raise ValueError(f"{key} is {repr(truth[key])[:40]}, expected text")
    if not path.is_file():
        raise ValueError(f"{name}.mp4 is missing")
    if label not in polarities:
        raise ValueError(f"label {label!r} is not one of {', '.join(filter(None, polarities))}")
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    return path
