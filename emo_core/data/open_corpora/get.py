"""`emo data get`: an open corpus from its official place, whole, checked and resumable.

What was fetched stands in download.json beside it: name, size, SHA-256, and whether a digest of the
publisher's vouches for it. A file that has none is recorded when it first comes, and never called
verified.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from emo_core.data.open_corpora import git_lfs, zenodo
from emo_core.data.statement import STATEMENT
from emo_core.io.atomic import atomic_path, remove_unfinished, sole_writer
from emo_core.io.transfer import Arrived, RemoteFile, TransferError, arrived, transfer
from emo_core.messages import say

RECORD = "download.json"
STATEMENTS = Path(__file__).parent / "statements"  # a DATA.md of each corpus
WORKERS = 4  # connections at once
SLACK = 1.02  # of what is fetched: tables, notes, the file system's own
SNAPSHOT = "snapshot.zip"

Progress = Callable[[int, int], None]  # bytes that are here, bytes in all


@dataclass(frozen=True)
class OpenSource:
    """Where an open corpus is given out, and under what terms. Each number has its source."""

    name: str
    title: str
    licence: str
    licence_url: str
    page: str
    size: str  # in words, with where they were read
    record: str = ""  # a record of Zenodo
    archives: str = ""  # pattern of its archives' names
    selections: Mapping[str, str] = field(
        default_factory=dict
    )  # what --part takes -> such a pattern
    repository: git_lfs.LfsRepository | None = None


SOURCES = {
    source.name: source
    for source in (
        OpenSource(
            "cremad",
            "CREMA-D, 7,442 clips of 91 actors (Cao et al. 2014)",
            "Open Database License 1.0, contents Database Contents License 1.0",
            "http://opendatacommons.org/licenses/odbl/1.0/",  # LICENSE.txt of the repository
            "https://github.com/CheyneyComputerScience/CREMA-D",
            "2.44 GB of flash video (sum of its 7,442 Git LFS pointers) and 24 MB of tables",
            repository=git_lfs.LfsRepository(
                "https://github.com/CheyneyComputerScience/CREMA-D/archive/"
                "1658cd342dff90010aa843eaeebd53610a08b1dc.zip",
                "7b9c2b0c33f2fd9f8077d0d32b8616ec81422965",  # git log -1 --format=%T
                (  # README.md: the mirror serves where GitHub's quota is used up
                    "https://github.com/CheyneyComputerScience/CREMA-D.git/info/lfs",
                    "https://gitlab.com/cs-cooper-lab/crema-d-mirror.git/info/lfs",
                ),
                ("VideoFlash",),
            ),
        ),
        OpenSource(
            "ravdess",
            "RAVDESS, video of speech and song of 24 actors (Livingstone and Russo 2018)",
            "CC BY-NC-SA 4.0",
            "https://creativecommons.org/licenses/by-nc-sa/4.0/",
            "https://zenodo.org/records/1188976",
            "24.8 GB with its sound-only archives, which are left out (description of the record)",
            record="https://zenodo.org/api/records/1188976",
            archives=r"Video_(Speech|Song)_Actor_\d{2}\.zip",
            selections={
                "speech": r"Video_Speech_Actor_\d{2}\.zip",
                "song": r"Video_Song_Actor_\d{2}\.zip",
            },
        ),
    )
}
WITHHELD = {  # corpora with a reader and no `emo data get`, and why
    "gavid": "its licence (zenodo.org/records/15448846) is not known to this command, which shows "
    "the licence first; read it there, download the clips yourself and use --corpus gavid",
    "meld": "its clips are from a television series, given out without a licence, checksum or "
    "https; download them as github.com/declare-lab/MELD says and use --corpus meld",
}


def find_source(name: str, part: str | None = None) -> OpenSource:
    """The source of a corpus, or of a part of it; raises TransferError where there is none."""
    if name in WITHHELD:
        raise TransferError(
            "{name} can't be downloaded with this command: {withheld}.",
            name=name,
            withheld=WITHHELD[name],
        )
    if name not in SOURCES:
        raise TransferError(
            "There is no open corpus {name!r}; expected one of {sources}.",
            name=name,
            sources=", ".join(SOURCES),
        )
    source = SOURCES[name]
    if part is None:
        return source
    if part not in source.selections:
        known = (
            say("one of {known}", known=", ".join(source.selections))
            if source.selections
            else say("no --part, since it comes as one")
        )
        raise TransferError(
            "{name} has no part {part!r}; expected {known}.", name=name, part=part, known=known
        )
    return replace(source, archives=source.selections[part])


class Fetching:
    """A corpus on its way to `dest`: what is here, what is missing, how far it is."""

    def __init__(self, source: OpenSource, dest: Path, progress: Progress) -> None:
        self.source, self.dest, self.progress = source, dest, progress
        self.done = self.total = 0
        self._lock = Lock()
        self.files: dict[str, dict] = self._noted()

    def _noted(self) -> dict[str, dict]:
        """What download.json says is here; refuses a folder of another corpus."""
        try:
            noted = json.loads((self.dest / RECORD).read_text(encoding="utf-8"))
            corpus, files = noted["corpus"], noted["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        if corpus != self.source.name:
            raise TransferError(
                "{dest} holds {corpus} already; expected an empty folder, or one that holds "
                "{name}; choose another.",
                dest=self.dest,
                corpus=corpus,
                name=self.source.name,
            )
        return files

    def note(self) -> None:
        """Writes download.json anew."""
        about = {"corpus": self.source.name, "licence": self.source.licence}
        listed = {**about, "page": self.source.page, "files": dict(sorted(self.files.items()))}
        with atomic_path(self.dest / RECORD) as part:
            part.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")

    def expect(self, files: Iterable[RemoteFile], beside: int = 0) -> None:
        """Says how much is to come, and raises TransferError where the disk has no room for it.

        beside: bytes that are needed for a while only.
        """
        listed = list(files)
        self.total = sum(remote.size or 0 for remote in listed)
        here = sum(_here(self.dest / remote.name) for remote in listed)
        need = int(max(self.total - here, 0) * SLACK) + beside
        free = shutil.disk_usage(self.dest).free
        if need > free:
            raise TransferError(
                "There are {free:.1f} GB free where {dest} is; expected {need:.1f} GB for what is "
                "still missing of {name}; make room, or choose a folder on another disk.",
                free=free / 1e9,
                dest=self.dest,
                need=need / 1e9,
                name=self.source.name,
            )

    def count(self, bytes_more: int) -> None:
        """Bytes that have come, or were found to be here."""
        with self._lock:
            self.done += bytes_more
            self.progress(self.done, self.total)

    def has(self, remote: RemoteFile) -> bool:
        """Whether a file is here with the digest that its publisher gives; if so, it is noted."""
        path = self.dest / remote.name
        found = arrived(remote, path) if path.is_file() else None
        if found is None:
            return False
        self.count(found.size)
        self._keep(remote, found)
        return True

    def get(self, remote: RemoteFile) -> Arrived:
        """One file, fetched and noted."""
        noted = self.files.get(remote.name, {})
        known = replace(remote, size=noted["size"]) if noted and not remote.size else remote
        found = transfer(known, self.dest, self.count)
        if noted and not remote.digest and noted["sha256"] != found.sha256:
            raise TransferError(
                "{name} is another file than at the first download: its SHA-256 begins with "
                "{sha256}, expected {noted} as in {record}; delete it and run the same command "
                "again.",
                name=remote.name,
                sha256=found.sha256[:12],
                noted=noted["sha256"][:12],
                record=RECORD,
            )
        self._keep(remote, found)
        return found

    def _keep(self, remote: RemoteFile, found: Arrived) -> None:
        self.files[remote.name] = {
            "size": found.size,
            "sha256": found.sha256,
            "digest": remote.digest or "not verified",
        }


def _here(path: Path) -> int:
    for found in (path, path.with_name(f"{path.name}.part")):
        if found.is_file():
            return found.stat().st_size
    return 0


def get_corpus(source: OpenSource, dest: Path, progress: Progress) -> dict:
    """Fetches a corpus to `dest` and says what is there. Raises TransferError, FolderInUseError.

    Returns {"corpus", "out", "files", "bytes", "verified", "not_verified"}.
    """
    dest.mkdir(parents=True, exist_ok=True)
    with sole_writer(dest):
        remove_unfinished(dest, deep=True)
        return _fill(source, dest, progress)


def _fill(source: OpenSource, dest: Path, progress: Progress) -> dict:
    """Fetch what is missing in a folder that this process holds."""
    fetching = Fetching(source, dest, progress)
    _state(source, dest)
    try:
        if source.repository is not None:
            _get_repository(fetching, source.repository)
        else:
            _get_archives(fetching, source)
    finally:
        fetching.note()
    sure = [name for name, f in fetching.files.items() if f["digest"] != "not verified"]
    return {
        "corpus": source.name,
        "out": str(dest),
        "files": len(fetching.files),
        "bytes": sum(f["size"] for f in fetching.files.values()),
        "verified": len(sure),
        "not_verified": sorted(set(fetching.files) - set(sure)),
    }


def _state(source: OpenSource, dest: Path) -> None:
    """Puts what is known of the data beside it, where nothing is stated yet."""
    if not (dest / STATEMENT).exists():
        text = (STATEMENTS / f"{source.name}.md").read_text(encoding="utf-8")
        with atomic_path(dest / STATEMENT) as part:
            part.write_text(text, encoding="utf-8")


def _get_repository(fetching: Fetching, repository: git_lfs.LfsRepository) -> None:
    """Tables from the snapshot of a commit, then media by Git LFS."""
    snapshot = transfer(RemoteFile(SNAPSHOT, repository.snapshot), fetching.dest)
    path = fetching.dest / snapshot.name
    try:
        media = git_lfs.unpack_snapshot(path, repository, fetching.dest)
    except TransferError:
        path.unlink()  # another one next time
        raise
    fetching.expect(media)
    missing = [remote for remote in media if not fetching.has(remote)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for ready in git_lfs.addressed(missing, repository.servers):
            for _ in pool.map(fetching.get, ready):
                pass
            fetching.note()


def _get_archives(fetching: Fetching, source: OpenSource) -> None:
    """Archives of a record, each unpacked into a folder of its name and then deleted."""
    listed = zenodo.record_files(source.record, source.archives)
    missing = [r for r in listed if not _unpacked(fetching, r)]
    # unpacked, an archive takes about the room that it took itself
    fetching.expect(missing, beside=int(max((r.size or 0 for r in missing), default=0) * SLACK))
    for remote in missing:
        fetching.get(remote)
        path = fetching.dest / remote.name
        try:
            zenodo.unpack_archive(path, path.with_suffix(""))
        except TransferError:
            if not remote.digest:  # it may be no archive: what comes next need not be the same
                del fetching.files[remote.name]
            raise
        fetching.files[remote.name]["unpacked"] = True
        fetching.note()
        path.unlink()


def _unpacked(fetching: Fetching, remote: RemoteFile) -> bool:
    """Whether an archive was unpacked before, by what is noted and by its folder."""
    noted = fetching.files.get(remote.name, {})
    same = noted.get("digest") == (remote.digest or "not verified")
    folder = (fetching.dest / remote.name).with_suffix("")
    return bool(noted.get("unpacked") and same and folder.is_dir())


def source_summary(source: OpenSource) -> dict:
    """What a person must know before anything is fetched."""
    shown = ("name", "title", "licence", "licence_url", "page", "size")
    return {name: getattr(source, name) for name in shown}
