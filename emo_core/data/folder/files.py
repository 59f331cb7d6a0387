"""Which file on disk a cell of a table means."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from emo_core.data.corpus import LEFT_BY_SYSTEMS, name_list
from emo_core.data.folder.columns import MEDIA, VIDEO
from emo_core.data.tables.cells import plain_text, shown
from emo_core.errors import os_reason
from emo_core.messages import say


def folded(text: str) -> str:
    """A name with composed letters, plain blanks and no capitals, as programs disagree on all."""
    return plain_text(text).casefold()


def ending(name: str) -> str:
    """What stands after the last dot of a name, in small letters."""
    return name.rpartition(".")[2].lower()


def without_ending(name: str) -> str:
    """A name without the ending of a media file; other dots stay."""
    stem = name.rpartition(".")[0]
    return stem if stem and ending(name) in MEDIA else name


class ClipIndex:
    """The clips below a folder, found by path or by name, with or without ending.

    skipped: a sentence for everything that looks like a clip and can't be one. others: files of
    other endings. folders: all that were entered, below the root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        walk = _Walk(root)
        self.paths, self.skipped = sorted(walk.clips), walk.skipped
        self.others, self.folders = sorted(walk.others), sorted(walk.folders)
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
                say(
                    "{cell} may mean {names}; expected one clip; write its full path",
                    cell=shown(cell),
                    names=name_list([shown(self.name(path)) for path in found]),
                )
            )
        raise ValueError(
            say(
                "{cell} is not in {folder}; expected the name of a clip in that "
                "folder; copy the clip there or correct the name",
                cell=shown(cell),
                folder=self.root.name,
            )
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


class _Walk:
    """What lies below a folder: clips, files by other endings, and what can't be reached."""

    def __init__(self, root: Path) -> None:
        self.root, self.clips, self.skipped = root, list[Path](), list[str]()
        self.others: list[Path] = []  # files that are no clips by their ending
        self.folders: list[Path] = []
        self._inside = os.path.realpath(root)
        self._linked: set[str] = set()  # folders outside that were reached by a link
        for folder, folders, files in os.walk(root, onerror=self._unreadable, followlinks=True):
            folders[:] = [name for name in sorted(folders) if self._is_entered(Path(folder, name))]
            self.folders += [Path(folder, name) for name in folders]
            for name in sorted(files):
                if not name.startswith((".", "~$")) and name not in LEFT_BY_SYSTEMS:
                    self._take(Path(folder, name))

    def _shown(self, path: Path) -> str:
        return shown(path.relative_to(self.root).as_posix())

    def _unreadable(self, error: OSError) -> None:
        self.skipped.append(
            say(
                "the folder {folder} can't be read ({reason}); its clips are left "
                "out; check its permissions.",
                folder=self._shown(Path(error.filename)),
                reason=os_reason(error),
            )
        )

    def _is_entered(self, path: Path) -> bool:
        """Not what is hidden or a system's, nor a link to where the walk comes anyway."""
        if path.name.startswith(".") or path.name in LEFT_BY_SYSTEMS:
            return False
        if not path.is_symlink():
            return True
        place = os.path.realpath(path)
        around = (*self._linked, self._inside)
        if any((place + os.sep).startswith(known + os.sep) for known in around) or (
            self._inside.startswith(place + os.sep)
        ):
            self.skipped.append(
                say(
                    "{path} links to a folder that is read anyway; the link is not "
                    "followed, so that no clip counts twice.",
                    path=self._shown(path),
                )
            )
            return False
        self._linked.add(place)
        return True

    def _take(self, path: Path) -> None:
        if ending(path.name) not in MEDIA:
            self.others.append(path)
        elif not path.is_file():
            broken = path.is_symlink() and not path.exists()
            what = say("a broken link") if broken else say("not a file")
            self.skipped.append(
                say(
                    "{path} is {what}; expected a clip; it is left out; copy the clip there.",
                    path=self._shown(path),
                    what=what,
                )
            )
        elif not _is_text(path.relative_to(self.root).as_posix()):
            self.skipped.append(
                say(
                    "{path} has a name that is not UTF-8; it is left out; rename the file.",
                    path=self._shown(path),
                )
            )
        else:
            self.clips.append(path)


def _is_text(name: str) -> bool:
    """Whether a name could be decoded; other bytes stand in it as surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
