"""A repository whose media lie in Git LFS: its files at one commit, and the addresses of the media.

The zip of a commit holds tables and, in place of media, pointers with SHA-256 and size. Everything
in it is checked against the commit's tree id, so that one number vouches for all. Media are asked
for by the batch API, of each server in turn: a pointer's digest is the same everywhere.
Sources: git-scm.com/docs (object ids), github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emo_core.io.atomic import atomic_path
from emo_core.io.transfer import RemoteFile, TransferError, read_small
from emo_core.messages import say

AT_ONCE = 100  # objects asked for in one request: the addresses are valid for a while only
POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
JSON = "application/vnd.git-lfs+json"


@dataclass(frozen=True)
class LfsRepository:
    """Where a repository is, and what its publisher's commit says of it."""

    snapshot: str  # address of the zip of one commit
    tree: str  # SHA-1 id of that commit's tree
    servers: tuple[str, ...]  # of LFS: https://host/owner/name.git/info/lfs, asked in this order
    media: tuple[str, ...]  # folders whose media are fetched; media of others are left out


def unpack_snapshot(path: Path, repository: LfsRepository, out: Path) -> list[RemoteFile]:
    """Writes a snapshot's tables to `out`; returns the media, without addresses.

    Raises TransferError where the zip is not the commit that was meant.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = {
                "/".join(PurePosixPath(info.filename).parts[1:]): info
                for info in archive.infolist()
                if not info.is_dir()
            }
            found = tree_id({n: (_mode(i), archive.read(i)) for n, i in files.items()})
            if found != repository.tree:
                raise TransferError(
                    "{name} does not hold the files that were published (git tree {found}, "
                    "expected {tree}); try again, and report it if that does not help.",
                    name=path.name,
                    found=found[:12],
                    tree=repository.tree[:12],
                )
            return _write(archive, files, repository, out)
    except (zipfile.BadZipFile, EOFError) as error:
        raise TransferError(
            "{name} is not a complete zip file ({error}); expected the repository's; try again.",
            name=path.name,
            error=error,
        ) from error


def _mode(info: zipfile.ZipInfo) -> bytes:
    """A file's mode as git writes it: `git archive` keeps only whether it may be run."""
    return b"100755" if (info.external_attr >> 16) & 0o111 else b"100644"


def _write(
    archive: zipfile.ZipFile,
    files: dict[str, zipfile.ZipInfo],
    repository: LfsRepository,
    out: Path,
) -> list[RemoteFile]:
    media = []
    for name, info in sorted(files.items()):
        content = archive.read(info)
        pointer = POINTER.fullmatch(content)
        if pointer is None:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(out / name) as part:
                part.write_bytes(content)
        elif name.split("/")[0] in repository.media:
            media.append(RemoteFile(name, "", int(pointer[2]), f"sha256:{pointer[1].decode()}"))
    return media


def tree_id(files: dict[str, tuple[bytes, bytes]]) -> str:
    """The SHA-1 id of a git tree: {path: (mode, content)} -> 40 hexadecimal digits.

    Trees are sorted as if folders' names ended in "/". Source: git-scm.com, "Git Objects".
    """
    return _tree({tuple(name.split("/")): value for name, value in files.items()}).hex()


def _tree(files: dict[tuple[str, ...], tuple[bytes, bytes]]) -> bytes:
    entries: dict[str, tuple[bytes, bytes]] = {}
    below: dict[str, dict[tuple[str, ...], tuple[bytes, bytes]]] = {}
    for names, (mode, content) in files.items():
        if len(names) == 1:
            entries[names[0]] = mode, _object_id(b"blob", content)
        else:
            below.setdefault(names[0], {})[names[1:]] = mode, content
    entries |= {f"{name}/": (b"40000", _tree(inside)) for name, inside in below.items()}
    ordered = sorted(entries.items(), key=lambda entry: entry[0].encode())
    return _object_id(
        b"tree",
        b"".join(mode + b" " + n.rstrip("/").encode() + b"\0" + sha for n, (mode, sha) in ordered),
    )


def _object_id(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content, usedforsecurity=False).digest()


def addressed(media: Sequence[RemoteFile], servers: Sequence[str]) -> Iterator[list[RemoteFile]]:
    """The same media with addresses that are valid now, AT_ONCE at a time.

    Raises TransferError where no server has one of them.
    """
    for start in range(0, len(media), AT_ONCE):
        asked, problems = list(media[start : start + AT_ONCE]), []
        ready: list[RemoteFile] = []
        for server in servers:
            try:
                found, refused = _ask(server, asked)
            except TransferError as error:
                problems.append(str(error))
                continue
            problems += refused
            ready += found
            asked = [remote for remote in asked if remote.name not in {f.name for f in found}]
            if not asked:
                break
        if asked:
            raise TransferError(
                "{name} and {count} more can't be downloaded now: {problem:clause}; run the same "
                "command later, which continues from here.",
                name=asked[0].name,
                count=len(asked) - 1,
                problem=(problems or [say("no server is known")])[0],
            )
        yield ready


def _ask(server: str, media: Sequence[RemoteFile]) -> tuple[list[RemoteFile], list[str]]:
    """(media with addresses, what was said of the others) of one server."""
    objects = {remote.digest.partition(":")[2]: remote for remote in media}
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": oid, "size": remote.size} for oid, remote in objects.items()],
    }
    headers = {"Accept": JSON, "Content-Type": JSON}
    answer = read_small(f"{server}/objects/batch", json.dumps(body).encode(), headers)
    ready, refused = [], []
    try:
        for found in json.loads(answer)["objects"]:
            remote, action = objects[found["oid"]], found.get("actions", {}).get("download")
            if action is None:
                refused.append(f"{server}: {found.get('error', {}).get('message', 'no address')}")
                continue
            same = (r for r in media if r.digest == remote.digest)  # one content, two names
            for twin in same:
                ready.append(
                    RemoteFile(
                        twin.name, action["href"], twin.size, twin.digest, action.get("header", {})
                    )
                )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransferError(
            "{server} did not send a list of addresses; expected the answer of a Git LFS server; "
            "try again later.",
            server=server,
        ) from error
    return ready, refused
