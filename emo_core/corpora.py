"""The registry of corpora: how each is read, cut into windows, composed anew and made.

Stands above readers (`data`) and makers (`synthetic`), which know nothing of it or of each other.
Importing it imports all of them, and torch.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emo_core.data import affwild2, iemocap, meld, mosei, url_list, vgaf
from emo_core.data.corpus import Corpus, CorpusError
from emo_core.data.folder import reader as folder
from emo_core.data.folder.assembly import folder_windows
from emo_core.data.open_corpora import cremad, gavid, ravdess
from emo_core.data.tables.findings import few_of_each
from emo_core.errors import name_choices
from emo_core.synthetic.composed import dataset as composed
from emo_core.synthetic.composed.dataset import OnTheFlyDataset
from emo_core.synthetic.composed.writer import make_collage, make_utterances
from emo_core.synthetic.drawn import dataset as staged
from emo_core.synthetic.drawn.writer import make_staged


@dataclass(frozen=True)
class CorpusReader:
    """One corpus by its name.

    about: what it is, in a line, for `emo list corpora`.
    windows: (corpus, items, target) -> windows, where they are not one a file.
    open_item: what `emo data check` looks at, where it is not the whole file; viewpoint: which of
    several such things of one file.
    compose: (root, count, config, seed, augment) -> clips composed anew in every epoch.
    own_labels: whether labels are the data's own, so that a recipe takes them from there.
    make: (out, [sources where it has `compose`,] train, val, test, seed, workers, progress).
    """

    name: str
    about: str
    read: Callable[[Path], Corpus]
    windows: Callable[..., Sequence[Any]] | None = None
    compose: Callable[..., OnTheFlyDataset] | None = None
    make: Callable[..., None] | None = None
    open_item: Callable[..., Any] | None = None
    viewpoint: Callable[..., Hashable] | None = None
    own_labels: bool = False


CORPORA = {
    reader.name: reader
    for reader in (
        CorpusReader(
            "staged",
            "Drawn groups: positive, neutral or negative.",
            staged.read_staged,
            staged.drawn_windows,
            make=make_staged,
        ),
        CorpusReader(
            "staged-emotions",
            "The same drawn groups: six emotions of their people.",
            staged.read_staged_emotions,
            staged.drawn_windows,
        ),
        CorpusReader(
            "staged-affect",
            "The same drawn groups: valence and arousal over time.",
            staged.read_staged_affect,
            staged.drawn_windows,
        ),
        CorpusReader(
            "collage",
            "Groups composed of face photographs and voice recordings.",
            composed.read_collage,
            compose=composed.compose_collages,
            make=make_collage,
        ),
        CorpusReader(
            "utterances",
            "One sentence of one person: a photograph and a recording composed.",
            composed.read_utterances,
            composed.utterance_windows,
            composed.compose_utterances,
            make_utterances,
        ),
        CorpusReader(
            "utterances-affect",
            "The same sentences: valence and arousal, mapped from the acted emotion.",
            composed.read_utterances_affect,
            composed.utterance_windows,
            composed.compose_affect,
        ),
        CorpusReader(
            "folder",
            "Your own clips: a folder with labels.csv, or with one sub-folder a label.",
            folder.read_folder,
            folder_windows,
            own_labels=True,
        ),
        CorpusReader(
            "folder-affect",
            "The same folder, of whose table valence and arousal are read.",
            folder.read_folder_affect,
            folder_windows,
            own_labels=True,
        ),
        CorpusReader(
            "links",
            "Clips that a table of web addresses names, fetched once.",
            url_list.read_links,
            own_labels=True,
        ),
        CorpusReader(
            "vgaf", "VGAF, the official tree of Video-level Group AFfect.", vgaf.read_vgaf
        ),
        CorpusReader(
            "iemocap",
            "IEMOCAP by session: the release tree and the layout of MESM's loader.",
            iemocap.read_iemocap,
            iemocap.actor_windows,
            open_item=iemocap.open_utterance,
            viewpoint=iemocap.speaker_side,
        ),
        CorpusReader(
            "iemocap-published",
            "IEMOCAP in the split that MESM's paper used: speakers are in train and test.",
            iemocap.read_iemocap_published,
            iemocap.actor_windows,
            open_item=iemocap.open_utterance,
            viewpoint=iemocap.speaker_side,
        ),
        CorpusReader(
            "mosei",
            "CMU-MOSEI: the raw tree or the flattened one of MESM's notebook.",
            mosei.read_mosei,
        ),
        CorpusReader(
            "meld",
            "MELD: utterances of a television series, the open stand-in for CMU-MOSEI.",
            meld.read_meld,
        ),
        CorpusReader(
            "affwild2",
            "Aff-Wild2: valence and arousal of every frame, the official tree.",
            affwild2.read_affwild2,
            affwild2.affwild2_windows,
        ),
        CorpusReader(
            "cremad",
            "CREMA-D: 91 actors say twelve sentences in six emotions, with their raters' votes.",
            cremad.read_cremad,
        ),
        CorpusReader(
            "cremad-polarity",
            "CREMA-D in three classes, mapped from what was acted.",
            cremad.read_cremad_polarity,
        ),
        CorpusReader(
            "ravdess",
            "RAVDESS: 24 actors speak and sing two sentences in eight emotions.",
            ravdess.read_ravdess,
        ),
        CorpusReader(
            "ravdess-polarity",
            "RAVDESS in three classes, mapped from what was acted, without surprise.",
            ravdess.read_ravdess_polarity,
        ),
        CorpusReader(
            "gavid",
            "GAViD: five-second clips of groups from the web, three classes by majority.",
            gavid.read_gavid,
        ),
    )
}


def find_reader(name: str) -> CorpusReader:
    """A corpus of the registry; raises CorpusError where there is none of that name."""
    if name not in CORPORA:
        choices = name_choices(name, CORPORA, "emo list corpora")
        raise CorpusError("There is no corpus {name!r}; {choices}.", name=name, choices=choices)
    return CORPORA[name]


def read_corpus(name: str, root: str | Path) -> Corpus:
    """Read a corpus by its name; raise CorpusError where the folder is not one."""
    reader = find_reader(name)
    root = Path(root).absolute()  # "." has no name
    if not root.is_dir():
        raise CorpusError(
            "{root} is not a folder; expected the root of the corpus {name!r}.",
            root=root,
            name=name,
        )
    corpus = reader.read(root)
    return replace(
        corpus,
        problems=few_of_each(corpus.problems),
        windows=reader.windows,
        open_item=reader.open_item,
        viewpoint=reader.viewpoint,
    )
