"""Publishers of open corpora on this machine: GitHub with Git LFS, and Zenodo, of small trees."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

from emo_core.data.open_corpora.get import SOURCES, OpenSource
from emo_core.data.open_corpora.git_lfs import LfsRepository, tree_id
from tests.support.file_server import Site

COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
BATCH = "/CREMA-D.git/info/lfs"


def publish_cremad(site: Site, tree: Path) -> OpenSource:
    """A zip of tables and pointers, moved as GitHub moves it, and an LFS server with the media."""
    files: dict[str, bytes] = {}
    for path in sorted(p for p in tree.rglob("*") if p.is_file()):
        name, content = path.relative_to(tree).as_posix(), path.read_bytes()
        if path.suffix == ".flv":
            oid = hashlib.sha256(content).hexdigest()
            site.put(f"/media/{oid}", content)
            spec = "version https://git-lfs.github.com/spec/v1"
            content = f"{spec}\noid sha256:{oid}\nsize {len(content)}\n".encode()
        files[name] = content
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"CREMA-D-{COMMIT}/{name}", content)
    site.put(f"/zip/{COMMIT}", made.getvalue())
    site.moved[f"/archive/{COMMIT}.zip"] = f"{site.url}/zip/{COMMIT}"

    def answer(body: dict) -> tuple[int, dict]:
        found = [
            {**asked, "actions": {"download": {"href": f"{site.url}/media/{asked['oid']}"}}}
            for asked in body["objects"]
        ]
        return 200, {"transfer": "basic", "objects": found}

    site.posts[f"{BATCH}/objects/batch"] = answer
    tree_of = tree_id({name: (b"100644", content) for name, content in files.items()})
    repository = LfsRepository(
        f"{site.url}/archive/{COMMIT}.zip", tree_of, (site.url + BATCH,), ("VideoFlash",)
    )
    return replace(SOURCES["cremad"], repository=repository)


def publish_ravdess(site: Site, tree: Path, checksums: bool = True) -> OpenSource:
    """A record that lists an archive for each folder of the tree, and one that is not wanted."""
    entries = []
    for folder in sorted(p for p in tree.iterdir() if p.is_dir()):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for path in sorted(folder.rglob("*.mp4")):
                archive.write(path, path.relative_to(folder).as_posix())
        entries.append(_entry(site, f"{folder.name}.zip", made.getvalue(), checksums))
    entries.append(_entry(site, "Audio_Speech_Actors_01-24.zip", b"sound", checksums))
    record = site.put("/api/records/1188976", json.dumps({"files": entries}).encode())
    return replace(SOURCES["ravdess"], record=record)


def _entry(site: Site, name: str, content: bytes, checksums: bool) -> dict:
    url = site.put(f"/api/records/1188976/files/{name}/content", content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    said = {"key": name, "size": len(content), "links": {"self": url}}
    return {**said, "checksum": f"md5:{digest}"} if checksums else said
