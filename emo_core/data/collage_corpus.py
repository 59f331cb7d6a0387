"""Reads a folder of collages, and finds the sources they were made of."""

from pathlib import Path

from emo_core.data.clip_tree import README
from emo_core.data.collage_fresh import FreshDataset
from emo_core.data.collage_sources import Sources, read_sources
from emo_core.data.corpus import Corpus, CorpusError, Item, read_text
from emo_core.data.made_corpus import read_made
from emo_core.data.staged_scene import LABELS

SOURCES = "Sources: "  # a line of the folder's README
fresh = FreshDataset  # what training composes anew in every epoch


def read_collage(root: Path) -> Corpus:
    """Every clip is its own group: people of one split meet in many of its clips, and only there.

    Raises CorpusError where the folder is not one that `emo data make collage` made.
    """
    return read_made(root, "collage", "collage", LABELS, _item)


def _item(truth: dict, path: Path) -> Item:
    return Item(
        truth["clip"], path, truth["split"], truth["label"], str(truth["source"]), truth["regime"]
    )


def sources_of(root: Path) -> Sources:
    """The photographs and recordings that the collages in `root` were made of.

    Raises CorpusError where they are no longer there.
    """
    return read_sources(folder_of(root))


def folder_of(root: Path) -> Path:
    """The folder that the README of a composed corpus names as its sources.

    Raises CorpusError where it is no longer there.
    """
    lines = read_text(root / README, f"in {root.name}/ as made").splitlines()
    named = [line.removeprefix(SOURCES) for line in lines if line.startswith(SOURCES)]
    if not named or not Path(named[0]).is_dir():
        raise CorpusError(
            f"the sources of {root.name} ({named[0] if named else 'not named'}) are not there; "
            "training composes new clips of them; put them back, or make the corpus again with "
            "--sources."
        )
    return Path(named[0])
