"""What is kept of clips has a bound; what was let go is read again, bit for bit."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from demo import explanations, memory, service
from demo.memory import BASE_BYTES, CaseMemory, WindowsOnDemand, array_bytes
from tests.support.page import FAST, asked_by, shown
from tests.support.predictions import write_people_clip


class Case:
    """As much of a clip's session as its memory asks for."""

    def __init__(self, size: int) -> None:
        self.bytes, self.forgotten = size, 0

    def size(self) -> int:
        return self.bytes

    def forget(self) -> None:
        self.forgotten += 1


def test_the_arrays_of_the_least_used_go_first():
    kept = CaseMemory(100)
    one, two, three = Case(40), Case(40), Case(40)
    kept.note(one), kept.note(two), kept.note(one), kept.note(three)
    assert (one.forgotten, two.forgotten, three.forgotten) == (0, 1, 0) and kept.used() == 80
    one.bytes = 90  # a map was made of it
    kept.note(one)
    assert three.forgotten == 1 and one.forgotten == 0
    one.bytes = 101
    kept.note(one)
    assert one.forgotten == 1 and kept.used() == 0


def test_who_has_gone_counts_no_more():
    kept = CaseMemory(100)
    one = Case(60)
    kept.note(one)
    del one
    gc.collect()
    other = Case(60)
    kept.note(other)
    assert other.forgotten == 0 and kept.used() == 60


def test_arrays_are_counted_once_wherever_they_stand():
    array, tensor = np.zeros(1000, np.float32), torch.zeros(10, dtype=torch.float64)
    found = {"a": [array, (array, tensor)], "b": SimpleNamespace(x=array), "c": b"12345"}
    assert array_bytes(found) == 4000 + 80 + 5
    loop: list = []
    loop.append(loop)
    assert array_bytes(loop) == 0


@pytest.mark.parametrize("seconds", [2.0, 11.0])
def test_what_was_let_go_is_read_again_bit_for_bit(tmp_path, seconds):
    case = service.open_case(write_people_clip(tmp_path / "mine.mp4", seconds))
    before, size = case.prediction.samples, case.size()
    case.lighten()
    after = case.prediction.samples
    assert isinstance(after, WindowsOnDemand) and len(after) == len(before)
    assert case.size() == BASE_BYTES < size / 10
    for kept, again in zip(before, after, strict=True):
        for name, value in vars(kept).items():
            same = vars(again)[name]
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, same), name
            elif isinstance(value, np.ndarray):
                assert np.array_equal(value, same), name
    with pytest.raises(IndexError):
        after[len(before)]


def test_the_page_keeps_little_and_explains_the_same(events, explains, first_maps, tmp_path):
    path = write_people_clip(tmp_path / "mine.mp4", 2.0)
    shown(events, path)
    case = events.visits.of("one").current
    assert list(first_maps.first_map(asked_by()))[-1]["player"]["map"]["picture"]
    assert isinstance(case.prediction.samples, memory.WindowsOnDemand)
    assert case.size() == BASE_BYTES, "the map is drawn, and let go"
    list(explains.explain(*FAST, asked_by()))
    usual = explanations.ExplainRequest(method=FAST[0], preset=FAST[1])
    page = explanations.map_of(case, usual)
    assert case.prediction.samples.last is None, "read for the map, and let go again"
    whole = service.open_case(path)
    alone = explanations.map_of(whole, usual)
    for name, value in vars(alone).items():
        if isinstance(value, (np.ndarray, torch.Tensor)):
            assert np.array_equal(np.asarray(value), np.asarray(getattr(page, name))), name
    path.unlink()
    case.forget()
    said = list(explains.explain(*FAST, asked_by()))[-1]["explain_status"]
    assert "alert" in said, "the clip is gone: a sentence, no failure"
