"""Bytes on disk have a bound by visit, address and in all; what no visit claims goes."""

import os
from collections import namedtuple
from dataclasses import replace

import pytest

from demo.doors import storage as module
from demo.doors.storage import AGENTS, LEAST_BYTES, MB, Storage, StorageError
from demo.sessions import Sessions
from demo.settings import Limits

SMALL = replace(Limits(), mb_of_visit=2, mb_of_address=3, mb_in_all=5)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def store(tmp_path):
    return Storage(tmp_path, SMALL, Clock())


def given(store, address="a", size=MB):
    stored = store.open(address)
    store.grow(stored, size - LEAST_BYTES)
    (stored.folder / "clip.mp4").write_bytes(b"x")
    store.finish(stored, 1)
    return stored


def test_each_bound_has_its_status_and_its_sentence(store):
    with pytest.raises(StorageError, match="all that a visit may give") as refused:
        store.open("a", 2 * MB + 1)
    assert refused.value.status == 413
    for _ in range(3):
        given(store)
    with pytest.raises(StorageError, match="your address have 3 MB .* of 3") as refused:
        store.open("a")
    assert refused.value.status == 413
    given(store, "b"), given(store, "b")
    with pytest.raises(StorageError, match="all visitors together") as refused:
        store.open("c")
    assert refused.value.status == 507


def test_what_comes_is_counted_whatever_was_announced(store):
    stored = store.open("a", size=10)
    with pytest.raises(StorageError, match="a visit may give"):
        for _ in range(40):
            store.grow(stored, 64 << 10)
    assert store.used("a") <= 2 * MB
    store.drop(stored)
    assert not stored.folder.exists() and store.used() == 0


def test_very_many_tiny_files_are_bounded_too(store):
    with pytest.raises(StorageError):
        for _ in range(1000):
            given(store, size=LEAST_BYTES)
    assert len(list(store.folder.iterdir())) == 3 * MB // LEAST_BYTES


def test_what_was_deleted_counts_no_more(store):
    for _ in range(3):
        stored = given(store)
    with pytest.raises(StorageError):
        store.open("a")
    (stored.folder / "clip.mp4").unlink(), stored.folder.rmdir()
    store.open("a")


def test_a_full_disk_is_said_and_has_room_again(store, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage(10 * MB))
    with pytest.raises(StorageError, match="disk of this page is full") as refused:
        store.open("a")
    assert refused.value.status == 507 and list(store.folder.iterdir()) == []
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage(1000 * MB))
    store.open("a")


def test_what_no_visit_claims_goes_after_minutes(store):
    unclaimed, claimed, asked = given(store), given(store), given(store)
    cut = store.open("b")
    assert store.claim(claimed.folder / "clip.mp4") == claimed.folder
    store.ask(str(asked.folder / "clip.mp4"))
    store.now.now_s = SMALL.claim_s + 1
    store.sweep()
    assert [s.folder.exists() for s in (unclaimed, claimed, asked, cut)] == [
        False,
        True,
        True,
        True,
    ]
    store.now.now_s = SMALL.keep_s + SMALL.claim_s
    store.sweep()
    assert not asked.folder.exists() and claimed.folder.exists(), "its job never had its turn"


def test_one_too_many_for_a_visit_is_refused_and_its_first_clips_stay(tmp_path):
    visits = Sessions(SMALL, tmp_path)
    visit = visits.of("one")
    clips = [given(visits.storage, size=MB - 1) for _ in range(3)]
    for stored in clips:
        (stored.folder / "clip.mp4").write_bytes(bytes(MB - 1))
    visits.claim(visit, clips[0].folder / "clip.mp4")
    visits.claim(visit, clips[1].folder / "clip.mp4")
    with pytest.raises(StorageError, match="take 2 MB .* than the 2 that a visit") as refused:
        visits.claim(visit, clips[2].folder / "clip.mp4")
    assert refused.value.status == 413
    visits.claim(visit, clips[1].folder / "clip.mp4")  # the same one again is none too many
    assert [stored.folder.exists() for stored in clips] == [True, True, False]
    with pytest.raises(StorageError, match="a visit may have"):
        (visits.new_folder(visit) / "film.mp4").write_bytes(bytes(MB))
        visits.new_folder(visit)
    visits.leave("one")
    assert list(tmp_path.iterdir()) == []
    visits.claim(visits.of("one"), given(visits.storage).folder / "clip.mp4")


def test_a_program_without_a_name_is_new_each_time(store):
    for _ in range(3):
        store.claim(given(store).folder / "clip.mp4")
    assert store.used() == 3 * MB


def test_what_is_made_for_a_visit_counts_as_well(tmp_path):
    visits = Sessions(SMALL, tmp_path)
    one, two = visits.of("one"), visits.of("two")
    one.address = two.address = "a"
    for visit in (one, one, two):
        (visits.new_folder(visit) / "overlay.mp4").write_bytes(bytes(MB))
    with pytest.raises(StorageError, match="a visit may have"):
        visits.new_folder(one)
    with pytest.raises(StorageError, match="your address"):
        visits.new_folder(two)
    assert len(one.files) == 2 and len(two.files) == 1


def test_what_an_agents_clip_was_unpacked_to_goes(store):
    copies = [store.folder / AGENTS / name / "file.mp4" for name in ("same", "other", "old")]
    for copy, content in zip(copies, (b"clip", b"another", b"older"), strict=True):
        copy.parent.mkdir(parents=True)
        copy.write_bytes(content)
    uploaded = store.open("1.2.3.4").folder / "file.mp4"
    uploaded.write_bytes(b"clip")
    store.drop_copies(uploaded)
    assert uploaded.is_file() and not copies[0].parent.exists() and copies[1].is_file()
    os.utime(copies[2], (0, 0))
    store.sweep()
    assert copies[1].is_file() and not copies[2].parent.exists()
