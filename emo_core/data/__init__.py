"""The catalogue of corpora, and their check-up. Readers know nothing of each other."""

from collections.abc import Callable
from pathlib import Path

from emo_core.data.corpus import Corpus, CorpusError
from emo_core.data.staged_corpus import read_staged
from emo_core.data.vgaf import read_vgaf

CORPORA: dict[str, Callable[[Path], Corpus]] = {"staged": read_staged, "vgaf": read_vgaf}


def read_corpus(name: str, root: str | Path) -> Corpus:
    """Reads a corpus by its name; raises CorpusError where the folder is not one."""
    if name not in CORPORA:
        raise CorpusError(f"corpus {name!r} is not known; expected one of {', '.join(CORPORA)}.")
    root = Path(root)
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; expected the root of the corpus {name!r}.")
    return CORPORA[name](root)
