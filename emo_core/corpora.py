"""The registry of corpora: how each is read, cut into windows, composed anew and made.

Stands above readers (`data`) and makers (`synthetic`), which know nothing of it or of each other.
Importing it imports all of them, and torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emo_core.data import affwild2, iemocap, meld, mosei, url_list, vgaf
from emo_core.data.corpus import Corpus, CorpusError
from emo_core.data.folder import reader as folder
from emo_core.data.folder.assembly import folder_windows
from emo_core.synthetic.composed import dataset as collage
from emo_core.synthetic.composed import utterance_dataset as utterances
from emo_core.synthetic.composed.dataset import OnTheFlyDataset
from emo_core.synthetic.composed.utterance_writer import make_utterances
from emo_core.synthetic.composed.writer import make_collage
from emo_core.synthetic.drawn import dataset as staged
from emo_core.synthetic.drawn.writer import make_staged


@dataclass(frozen=True)
class CorpusReader:
    """One corpus by its name.

    windows: (corpus, items, target) -> windows, where they are not one a file.
    open_item: what `emo data check` looks at, where it is not the whole file.
    compose: (root, count, config, seed, augment) -> clips composed anew in every epoch.
    own_labels: whether labels are the data's own, so that a recipe takes them from there.
    make: (out, [sources where it has `compose`,] train, val, test, seed, workers, progress).
    """

    name: str
    read: Callable[[Path], Corpus]
    windows: Callable[..., Sequence[Any]] | None = None
    compose: Callable[..., OnTheFlyDataset] | None = None
    make: Callable[..., None] | None = None
    open_item: Callable[..., Any] | None = None
    own_labels: bool = False


CORPORA = {
    reader.name: reader
    for reader in (
        CorpusReader("staged", staged.read_staged, staged.drawn_windows, make=make_staged),
        CorpusReader("staged-emotions", staged.read_staged_emotions, staged.drawn_windows),
        CorpusReader("staged-affect", staged.read_staged_affect, staged.drawn_windows),
        CorpusReader(
            "collage", collage.read_collage, compose=collage.compose_collages, make=make_collage
        ),
        CorpusReader(
            "utterances",
            utterances.read_utterances,
            utterances.utterance_windows,
            utterances.compose_utterances,
            make_utterances,
        ),
        CorpusReader("folder", folder.read_folder, folder_windows, own_labels=True),
        CorpusReader("folder-affect", folder.read_folder_affect, folder_windows, own_labels=True),
        CorpusReader("links", url_list.read_links, own_labels=True),
        CorpusReader("vgaf", vgaf.read_vgaf),
        CorpusReader(
            "iemocap", iemocap.read_iemocap, iemocap.actor_windows, open_item=iemocap.open_utterance
        ),
        CorpusReader(
            "iemocap-published",
            iemocap.read_iemocap_published,
            iemocap.actor_windows,
            open_item=iemocap.open_utterance,
        ),
        CorpusReader("mosei", mosei.read_mosei),
        CorpusReader("meld", meld.read_meld),
        CorpusReader("affwild2", affwild2.read_affwild2, affwild2.affwild2_windows),
    )
}


def find_reader(name: str) -> CorpusReader:
    """A corpus of the registry; raises CorpusError where there is none of that name."""
    if name not in CORPORA:
        raise CorpusError(f"corpus {name!r} is not known; expected one of {', '.join(CORPORA)}.")
    return CORPORA[name]


def read_corpus(name: str, root: str | Path) -> Corpus:
    """Reads a corpus by its name; raises CorpusError where the folder is not one."""
    reader = find_reader(name)
    root = Path(root).absolute()  # "." has no name
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; expected the root of the corpus {name!r}.")
    return replace(reader.read(root), windows=reader.windows, open_item=reader.open_item)
