"""Reads a folder of collages, and finds the sources they were made of."""

from collections.abc import Callable
from pathlib import Path

from emo_core.data.clip_tree import README
from emo_core.data.collage import MARK, SOURCES
from emo_core.data.collage_fresh import FreshDataset
from emo_core.data.collage_sources import Sources, read_sources
from emo_core.data.corpus import Corpus, CorpusError, Item, read_text
from emo_core.data.made_corpus import read_made
from emo_core.data.staged_scene import LABELS

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

    Raises CorpusError where they are no longer there, or others than the collages were made of.
    """
    return made_of(root, read_sources)


def made_of(root: Path, read: Callable[[Path], Sources]) -> Sources:
    """What `read` finds in the folder that the README of a composed corpus names as its sources.

    One person more or less and others change sides: new clips would show who is in the held-out
    ones. Raises CorpusError where the folder is no longer there or holds others than then.
    """
    text = read_text(root / README, f"in {root.name}/ as made")
    sources = read(_folder(root, _named(text, SOURCES)))
    if _named(text, MARK) not in ("", sources.mark()):  # older corpora have no mark
        raise CorpusError(
            f"the sources of {root.name} ({sources.root}) were changed since it was made, which "
            "may put its held-out people into training; expected the same files and tables; put "
            "them back, or make the corpus again in another folder."
        )
    return sources


def _named(text: str, what: str) -> str:
    """The rest of the line that begins so; "" where there is none."""
    lines = [line.removeprefix(what) for line in text.splitlines() if line.startswith(what)]
    return lines[0] if lines else ""


def _folder(root: Path, named: str) -> Path:
    if not named or not Path(named).is_dir():
        raise CorpusError(
            f"the sources of {root.name} ({named or 'not named'}) are not there; "
            "training composes new clips of them; put them back, or make the corpus again with "
            "--sources."
        )
    return Path(named)
