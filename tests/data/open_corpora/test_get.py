"""Small open corpora, published on this machine as they are, fetched, broken and resumed."""

import hashlib
import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.open_corpora import get as module
from emo_core.data.open_corpora.get import (
    RECORD,
    SOURCES,
    find_source,
    get_corpus,
    source_summary,
)
from emo_core.data.statement import STATEMENT, parse_statement, statement_text
from emo_core.io import transfer
from emo_core.io.transfer import ATTEMPTS, TransferError
from tests.support.file_server import serving
from tests.support.open_publishers import BATCH, publish_cremad, publish_ravdess
from tests.support.open_trees import make_cremad, make_ravdess


@pytest.fixture(scope="module")
def cremad(tmp_path_factory) -> Path:
    return make_cremad(tmp_path_factory.mktemp("published") / "CREMA-D")


@pytest.fixture(scope="module")
def ravdess(tmp_path_factory) -> Path:
    return make_ravdess(tmp_path_factory.mktemp("published") / "RAVDESS", (1, 15, 19))


@pytest.fixture
def site():
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)


def same_files(found: Path, wanted: Path, beside: set[str]) -> bool:
    def of(root: Path) -> dict[str, bytes]:
        paths = [path for path in root.rglob("*") if path.is_file()]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

    rest = {name: content for name, content in of(found).items() if name not in beside}
    return rest == of(wanted)


def fetch(source, dest, seen=None):
    seen = [] if seen is None else seen
    return get_corpus(source, dest, lambda done, total: seen.append((done, total)))


def test_cremad_comes_as_published_and_is_verified(site, cremad, tmp_path):
    seen: list[tuple[int, int]] = []
    result = fetch(publish_cremad(site, cremad), tmp_path / "out", seen)
    assert same_files(tmp_path / "out", cremad, {RECORD, STATEMENT, "snapshot.zip"})
    size = sum(path.stat().st_size for path in (cremad / "VideoFlash").iterdir())
    assert (result["files"], result["verified"], result["bytes"]) == (48, 48, size)
    assert result["not_verified"] == [] and seen[-1] == (size, size)
    report = check_corpus(read_corpus("cremad", tmp_path / "out"))
    assert report["problems"] == [] and report["human"]["clips"] == 48
    noted = json.loads((tmp_path / "out" / RECORD).read_text())
    first = noted["files"]["VideoFlash/1001_DFA_ANG_XX.flv"]
    assert first["digest"] == f"sha256:{first['sha256']}" and "Open Database" in noted["licence"]


def test_ravdess_comes_as_its_archives_unpack(site, ravdess, tmp_path):
    result = fetch(publish_ravdess(site, ravdess), tmp_path / "out")
    assert same_files(tmp_path / "out", ravdess, {RECORD, STATEMENT})
    assert (result["files"], result["verified"]) == (5, 5)
    assert not any("Audio" in path for path, _ in site.asked)
    assert check_corpus(read_corpus("ravdess", tmp_path / "out"))["problems"] == []


@pytest.mark.parametrize("kind", ["cremad", "ravdess"])
def test_what_is_here_is_not_fetched_again(site, cremad, ravdess, tmp_path, kind):
    source = publish_cremad(site, cremad) if kind == "cremad" else publish_ravdess(site, ravdess)
    first = fetch(source, tmp_path / "out")
    site.asked.clear()
    assert fetch(source, tmp_path / "out") == first
    assert [path for path, _ in site.asked] == (
        [] if kind == "cremad" else ["/api/records/1188976"]
    )


def test_a_broken_fetch_goes_on_inside_the_file(site, cremad, tmp_path):
    source, out = publish_cremad(site, cremad), tmp_path / "out"
    fetch(source, out)
    for name in ("1001_DFA_ANG_XX", "1002_DFA_SAD_XX"):
        path = out / "VideoFlash" / f"{name}.flv"
        path.with_name(f"{path.name}.part").write_bytes(path.read_bytes()[:1000])
        path.unlink()
    (out / "VideoFlash" / "1003_DFA_FEA_XX.flv").write_bytes(b"damaged")
    site.asked.clear()
    seen: list[tuple[int, int]] = []
    assert fetch(source, out, seen)["verified"] == 48
    media = [headers.get("Range") for path, headers in site.asked if path.startswith("/media")]
    assert sorted(media, key=str) == [None, "bytes=1000-", "bytes=1000-"]
    assert (
        same_files(out, cremad, {RECORD, STATEMENT, "snapshot.zip"}) and seen[-1][0] == seen[-1][1]
    )


def test_an_interrupted_record_of_archives_goes_on(site, ravdess, tmp_path):
    source, out = publish_ravdess(site, ravdess), tmp_path / "out"
    site.break_after = [10**9, 10**9, 2000]  # the record, one archive, and a part of the next
    with pytest.raises(TransferError, match="stopped after 2,000 bytes .* continues from there"):
        fetch(source, out)
    assert [p.name for p in out.iterdir() if p.is_dir()] == ["Video_Song_Actor_01"]
    site.asked.clear()
    fetch(source, out)
    assert "bytes=2000-" in site.ranges_asked and len(site.asked) == 1 + 4
    assert same_files(out, ravdess, {RECORD, STATEMENT})


def test_without_a_checksum_the_first_download_is_recorded_and_not_called_verified(
    site, ravdess, tmp_path
):
    source, out = publish_ravdess(site, ravdess, checksums=False), tmp_path / "out"
    result = fetch(source, out)
    assert result["verified"] == 0 and len(result["not_verified"]) == 5
    noted = json.loads((out / RECORD).read_text())["files"]["Video_Song_Actor_01.zip"]
    content = site.files["/api/records/1188976/files/Video_Song_Actor_01.zip/content"]
    assert noted["digest"] == "not verified"
    assert noted["sha256"] == hashlib.sha256(content).hexdigest()
    # another file under the same name is noticed by what was recorded
    shutil.rmtree(out / "Video_Song_Actor_01")
    other = content[:-1] + b"\1"
    site.put("/api/records/1188976/files/Video_Song_Actor_01.zip/content", other)
    with pytest.raises(TransferError, match="another file than at the first download: its SHA-256"):
        fetch(source, out)


def test_a_wrong_hash_ends_with_a_sentence(site, cremad, ravdess, tmp_path):
    source = publish_ravdess(site, ravdess)
    path = "/api/records/1188976/files/Video_Song_Actor_01.zip/content"
    site.files[path] = b"\0" * len(site.files[path])
    with pytest.raises(TransferError, match="is not the file that was published .its md5 is not"):
        fetch(source, tmp_path / "out")
    source = publish_cremad(site, cremad)
    forged = replace(source.repository, tree="0" * 40)
    with pytest.raises(TransferError, match="git tree .*, expected 000000000000"):
        fetch(replace(source, repository=forged), tmp_path / "other")
    assert not (tmp_path / "other" / "snapshot.zip").exists()  # another one next time


def test_the_disk_is_looked_at_first(site, cremad, ravdess, tmp_path, monkeypatch):
    room = namedtuple("room", "total used free")(1, 1, 1000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: room)
    sources = publish_cremad(site, cremad), publish_ravdess(site, ravdess)
    for source in sources:
        with pytest.raises(TransferError, match=r"There are 0\.0 GB free .* make room"):
            fetch(source, tmp_path / source.name)
    assert not any("media" in path or path.endswith("content") for path, _ in site.asked)


def test_a_folder_of_another_corpus_is_refused(site, cremad, ravdess, tmp_path):
    fetch(publish_ravdess(site, ravdess), tmp_path / "out")
    with pytest.raises(TransferError, match="holds ravdess already; expected"):
        fetch(publish_cremad(site, cremad), tmp_path / "out")


def test_a_server_that_has_no_media_leaves_the_tables(site, cremad, tmp_path):
    source = publish_cremad(site, cremad)
    site.posts[f"{BATCH}/objects/batch"] = lambda body: (403, {"message": "over budget"})
    with pytest.raises(
        TransferError, match="can't be downloaded now: .*HTTP 403.*continues from here"
    ):
        fetch(source, tmp_path / "out")
    assert (tmp_path / "out" / "processedResults" / "tabulatedVotes.csv").exists()


def test_every_source_says_its_terms_and_addresses_are_https():
    assert ATTEMPTS > 1
    for source in SOURCES.values():
        about = source_summary(source)
        assert all(about.values()) and "GB" in about["size"]
        urls = [source.page, source.record, *getattr(source.repository, "servers", ())]
        assert all(url.startswith("https://") for url in urls if url)


def test_what_is_known_of_the_data_comes_with_it_and_yours_stays(site, ravdess, tmp_path):
    source, out = publish_ravdess(site, ravdess), tmp_path / "out"
    fetch(source, out)
    stated = parse_statement(statement_text(out))
    assert stated.licence.startswith("CC BY-NC-SA 4.0") and "24 actors" in stated.sources
    (out / STATEMENT).write_text("mine")
    fetch(source, out)
    assert statement_text(out) == "mine"


def test_a_part_is_fetched_and_the_other_one_added_later(site, ravdess, tmp_path, monkeypatch):
    source, out = publish_ravdess(site, ravdess), tmp_path / "out"
    monkeypatch.setitem(SOURCES, "ravdess", source)
    assert fetch(find_source("ravdess", "song"), out)["files"] == 2
    assert {path.name.split("_")[1] for path in out.iterdir() if path.is_dir()} == {"Song"}
    assert fetch(find_source("ravdess"), out)["files"] == 5
    assert same_files(out, ravdess, {RECORD, STATEMENT})


def test_a_part_that_is_not_there_is_a_sentence():
    with pytest.raises(TransferError, match="has no part 'sound'; expected one of speech, song"):
        find_source("ravdess", "sound")
    with pytest.raises(TransferError, match="expected no --part, since it comes as one"):
        find_source("cremad", "speech")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_states_its_data_in_the_form_of_a_card(name):
    text = (module.STATEMENTS / f"{name}.md").read_text(encoding="utf-8")
    assert parse_statement(text, name) is not None
    assert {path.stem for path in module.STATEMENTS.iterdir()} == set(SOURCES)


@pytest.mark.parametrize("name", ["gavid", "meld", "vgaf", "../x"])
def test_what_is_not_given_out_openly_says_why(name):
    with pytest.raises(
        TransferError, match="can't be downloaded with this|There is no open corpus"
    ):
        find_source(name)


def test_a_web_page_in_place_of_an_unverified_archive_can_be_replaced(site, ravdess, tmp_path):
    source, out = publish_ravdess(site, ravdess, checksums=False), tmp_path / "out"
    path = next(path for path in site.files if "Video_Song_Actor_01" in path)
    good = site.files[path]
    site.files[path] = b"<html>please sign in</html>".ljust(len(good))
    with pytest.raises(TransferError, match="can't be unpacked .* delete it and run the same"):
        fetch(source, out)
    site.files[path] = good
    (out / "Video_Song_Actor_01.zip").unlink()
    fetch(source, out)
    assert same_files(out, ravdess, {RECORD, STATEMENT})
