"""The catalogue of corpora. Readers know nothing of each other; each is imported when it is used.

Drawing clips needs no torch, and its worker processes import this package too.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from emo_core.data.corpus import CorpusError

if TYPE_CHECKING:
    from emo_core.data.corpus import Corpus

CORPORA = {"staged": "staged_corpus", "vgaf": "vgaf"}  # name -> module with `read_<name>`


def read_corpus(name: str, root: str | Path) -> "Corpus":
    """Reads a corpus by its name; raises CorpusError where the folder is not one."""
    if name not in CORPORA:
        raise CorpusError(f"corpus {name!r} is not known; expected one of {', '.join(CORPORA)}.")
    root = Path(root)
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; expected the root of the corpus {name!r}.")
    return getattr(import_module(f"emo_core.data.{CORPORA[name]}"), f"read_{name}")(root)
