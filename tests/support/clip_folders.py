"""Folders of tiny clips for tests of own data: each clip has bytes of its own."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from emo_core.corpora import read_corpus
from emo_core.data.corpus import Corpus
from tests.support import media_files as media


@lru_cache(maxsize=4)
def clip_bytes(sound: bool = True) -> bytes:
    """A clip of one second with a tone, or without a sound track."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        tone = media.Sound(seconds=1.0, tone_hz=440.0) if sound else None
        media.write(path, media.Picture(media.regular(25)), tone)
        return path.read_bytes()


def put_clip(path: Path, sound: bool = True, same: bool = False) -> Path:
    """Writes a clip; unless `same`, bytes after its end, which no decoder reads, tell it apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tail = path.as_posix().encode()
    own = b"" if same else (8 + len(tail)).to_bytes(4, "big") + b"free" + tail
    path.write_bytes(clip_bytes(sound) + own)
    return path


def folder_of(root: Path, table: str | bytes | None, *clips: str) -> Path:
    """A folder with these clips and a labels.csv."""
    root.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        put_clip(root / clip)
    if table is not None:
        data = table.encode() if isinstance(table, str) else table
        (root / "labels.csv").write_bytes(data)
    return root


def read_own(root: Path, table: str | bytes | None, *clips: str) -> Corpus:
    """The corpus of such a folder."""
    return read_corpus("folder", folder_of(root, table, *clips))
