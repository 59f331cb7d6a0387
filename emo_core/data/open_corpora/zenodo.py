"""A record of Zenodo: its files with the sizes and checksums that its publisher gives.

Source: developers.zenodo.org, "Records" and "Files": each of `files` has `key`, `size`, `checksum`
and `links.self`.
"""

import json
import os
import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from emo_core.io.atomic import scratch_folder
from emo_core.io.transfer import RemoteFile, TransferError, read_small

MOST_GROWTH, SLACK_BYTES = 20, 1 << 20  # of an archive: films are compressed already


def record_files(url: str, wanted: str) -> list[RemoteFile]:
    """The files of a record whose names fit the pattern `wanted`, by name.

    url: https://zenodo.org/api/records/NUMBER. A file without a checksum has an empty digest.
    Raises TransferError where the record is no list of files, or none fits.
    """
    answer = read_small(url)
    try:
        files = [_file(entry) for entry in json.loads(answer)["files"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransferError(
            "{url} did not send a list of files; expected the name, size and address of each; try "
            "again later, and report it if that does not help.",
            url=url,
        ) from error
    found = sorted((f for f in files if re.fullmatch(wanted, f.name)), key=lambda f: f.name)
    if not found:
        raise TransferError(
            "{url} lists {count} files, but none with the expected name ({wanted}); its publisher "
            "may have changed them; report it.",
            url=url,
            count=len(files),
            wanted=wanted,
        )
    return found


def _file(entry: dict) -> RemoteFile:
    checksum = str(entry.get("checksum") or "")
    kind, _, digits = checksum.partition(":")
    known = kind in ("md5", "sha256") and re.fullmatch(r"[0-9a-f]{32,64}", digits)
    return RemoteFile(
        PurePosixPath(entry["key"]).name,
        entry["links"]["self"],
        int(entry["size"]),
        checksum if known else "",
    )


def unpack_archive(path: Path, out: Path) -> None:
    """Unpacks a zip into the new folder `out`, which is there only when all of it is.

    Raises TransferError where it is damaged or would write elsewhere.
    """
    with scratch_folder(".unpack-", out.parent) as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    _inside(path, info.filename)
                _refuse_bomb(path, archive)
                archive.extractall(folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise TransferError(
                "{name} can't be unpacked ({error}); expected a complete zip file; delete it and "
                "run the same command again.",
                name=path.name,
                error=error,
            ) from error
        if out.exists():  # of an earlier try that could not be noted
            shutil.rmtree(out)
        os.replace(folder, out)
        folder.mkdir()  # for the context, which takes it away


def _refuse_bomb(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise TransferError where an archive would become far larger than films can, or has no room.

    zipfile writes no more of a file than its entry states.
    """
    whole, packed = sum(info.file_size for info in archive.infolist()), path.stat().st_size
    if whole > MOST_GROWTH * packed + SLACK_BYTES:
        raise TransferError(
            "{name} would unpack from {packed:,} to {whole:,} bytes; expected videos, which "
            "hardly grow; it is not unpacked; delete it and report it.",
            name=path.name,
            packed=packed,
            whole=whole,
        )
    if whole > (free := shutil.disk_usage(path.parent).free):
        raise TransferError(
            "{name} unpacks to {whole:.1f} GB, and {free:.1f} GB are free; expected room for all "
            "of it; make room and run the same command again.",
            name=path.name,
            whole=whole / 1e9,
            free=free / 1e9,
        )


def _inside(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in (*parts.parts, "")[0]:
        raise TransferError(
            "{name} would write {file!r}, outside its folder; expected names inside it; it is "
            "not unpacked; delete it and report it.",
            name=path.name,
            file=name[:60],
        )
