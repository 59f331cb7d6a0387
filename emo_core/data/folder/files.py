"""Which file on disk a cell of a table means."""

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from emo_core.data.corpus import name_list
from emo_core.data.folder.columns import MEDIA, VIDEO
from emo_core.data.tables.cells import shown

LEFT_BY_SYSTEMS = ("__MACOSX", "@eaDir", "System Volume Information", "$RECYCLE.BIN")


def folded(text: str) -> str:
    """A name with composed letters and without capitals, as programs disagree on both."""
    return unicodedata.normalize("NFC", text).casefold()


def ending(name: str) -> str:
    """What stands after the last dot of a name, in small letters."""
    return name.rpartition(".")[2].lower()


def without_ending(name: str) -> str:
    """A name without the ending of a media file; other dots stay."""
    stem = name.rpartition(".")[0]
    return stem if stem and ending(name) in MEDIA else name


class ClipIndex:
    """The clips below a folder, found by path or by name, with or without ending."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = sorted(_media_below(root))
        self._exact = {self.name(path): path for path in self.paths}
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_stem[without_ending(folded(path.name))].append(path)

    def name(self, path: Path) -> str:
        """A clip's path inside the folder."""
        return path.relative_to(self.root).as_posix()

    def find(self, cell: str) -> Path:
        """The clip that a cell means; raises ValueError in words where none is, or several are."""
        found = self._candidates(cell)
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(
                f"{shown(cell)} may be {name_list([shown(self.name(path)) for path in found])}; "
                "expected one clip; write its whole path"
            )
        raise ValueError(
            f"{shown(cell)} is not in {self.root.name}; expected the name of a clip in that "
            "folder; copy the clip there or correct the name"
        )

    def count_known(self, cells: Sequence[str]) -> int:
        """How many cells mean a clip."""
        return sum(bool(self._candidates(cell)) for cell in cells)

    def _candidates(self, cell: str) -> list[Path]:
        text = cell.removeprefix("file://").replace("\\", "/")
        tried = (self._closest(place) for place in dict.fromkeys((text, unquote(text))))
        return next((found for found in tried if found), [])

    def _closest(self, name: str) -> list[Path]:
        """Clips whose path ends as this one does, or the other way round; the closest of them.

        Capitals, composed letters and the ending may differ; a folder that differs may not.
        """
        if name in self._exact:
            return [self._exact[name]]
        asked = [part for part in folded(posixpath.normpath(name)).split("/") if part]
        if not asked:
            return []
        close: dict[tuple[bool, int], list[Path]] = defaultdict(list)
        for path in self._by_stem.get(without_ending(asked[-1]), ()):
            parts = folded(self.name(path)).split("/")
            common = min(len(asked), len(parts))
            if asked[-common:-1] == parts[-common:-1]:
                close[parts[-1] == asked[-1], common].append(path)
        found = close[max(close)] if close else []
        return [path for path in found if ending(path.name) in VIDEO] or found


def _media_below(root: Path) -> Iterator[Path]:
    """Media files below a folder, not hidden ones nor those of systems; links are followed."""
    for folder, folders, files in os.walk(root, followlinks=True):
        here = os.path.realpath(folder) + os.sep
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".")
            and name not in LEFT_BY_SYSTEMS
            and not here.startswith(os.path.realpath(os.path.join(folder, name)) + os.sep)
        ]
        for name in files:
            if not name.startswith(".") and ending(name) in MEDIA:
                yield Path(folder, name)
