"""The catalogue of corpora. Readers know nothing of each other; each is imported when it is used.

Drawing clips needs no torch, and its worker processes import this package too.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from emo_core.data.corpus import CorpusError

if TYPE_CHECKING:
    from emo_core.data.corpus import Corpus

# name -> module with `read_<name>`; also `windows` where a file is not a clip, and `sources_of` and
# `fresh` where new clips can be composed while training
CORPORA = {
    "staged": "emo_core.synthetic.drawn.dataset",
    "staged-emotions": "emo_core.synthetic.drawn.dataset",
    "staged-affect": "emo_core.synthetic.drawn.dataset",
    "collage": "emo_core.synthetic.composed.dataset",
    "utterances": "emo_core.synthetic.composed.utterance_dataset",
    "links": "emo_core.data.url_list",
    "vgaf": "emo_core.data.vgaf",
    "iemocap": "emo_core.data.iemocap",
    "iemocap-published": "emo_core.data.iemocap",
    "mosei": "emo_core.data.mosei",
    "meld": "emo_core.data.meld",
    "affwild2": "emo_core.data.affwild2",
}


def reader(name: str) -> ModuleType:
    """The module that reads a corpus; raises CorpusError where there is none."""
    if name not in CORPORA:
        raise CorpusError(f"corpus {name!r} is not known; expected one of {', '.join(CORPORA)}.")
    return import_module(CORPORA[name])


def read_corpus(name: str, root: str | Path) -> "Corpus":
    """Reads a corpus by its name; raises CorpusError where the folder is not one."""
    read = getattr(reader(name), f"read_{name.replace('-', '_')}")
    root = Path(root).absolute()  # "." has no name
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; expected the root of the corpus {name!r}.")
    return read(root)
