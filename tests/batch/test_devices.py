"""Workers compute on the GPUs that there are; who is given which is tested without one."""

import json
from collections import Counter
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn

from emo_core.batch import ray_data, run
from emo_core.batch.devices import card_share, worker_device
from emo_core.batch.names import AskedRow
from emo_core.batch.worker import ShardDone
from emo_core.checkpoint import load_checkpoint
from emo_core.clip import load_clip
from emo_core.inference import modality_shapley, predict
from emo_core.preprocess.batch import Output
from tests.batch.test_worker import CLIP, MODEL, work

__all__ = ["work"]


def test_workers_are_spread_over_the_cards():
    assert [worker_device(n, 0) for n in range(3)] == ["cpu"] * 3
    assert [worker_device(n, 2) for n in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    for workers, cards in ((16, 3), (7, 8), (64, 5)):
        held = Counter(worker_device(n, cards) for n in range(workers))
        assert len(held) == min(workers, cards) and max(held.values()) - min(held.values()) <= 1


def test_all_workers_have_a_share_of_one_card():
    assert card_share(8, 0) == 0
    assert card_share(2, 4) == card_share(4, 4) == 1
    assert card_share(8, 4) == 0.5
    for cards in range(1, 9):
        for workers in range(1, 129):
            share = round(10_000 * card_share(workers, cards))  # as Ray counts it
            assert 0 < share <= 10_000 and (10_000 // share) * cards >= workers


def test_cards_are_those_of_the_machine_or_of_the_cluster(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(ray_data, "cluster_cards", lambda: 12)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert (run.count_cards(local=True), run.count_cards(local=False)) == (2, 2)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert (run.count_cards(local=True), run.count_cards(local=False)) == (2, 12)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (run.count_cards(local=True), run.count_cards(local=False)) == (0, 0)


@pytest.mark.parametrize(("cards", "devices"), [(0, {"cpu"}), (2, {"cuda:0", "cuda:1"})])
def test_each_process_has_its_device_and_the_folder_says_so(monkeypatch, tmp_path, cards, devices):
    given = []

    def submit(self, shard):
        given.append(self.job.device)
        done = Future()
        done.set_result(ShardDone(shard, 2))
        return done

    monkeypatch.setattr(run._Slot, "submit", submit)
    monkeypatch.setattr(run, "count_cards", lambda local: cards)
    names = [AskedRow(f"{number}.mp4") for number in range(20)]
    assert run.write_rows(names, tmp_path / "out", MODEL, 3, local=True).written == 20
    assert set(given) == devices and len(given) == 10
    settings = json.loads((tmp_path / "out" / "batch.json").read_text())["settings"]
    assert settings.get("device") == ("cuda" if cards else None)


def test_a_card_that_is_not_there_ends_the_batch_with_a_sentence(work):
    (done,), rows = work(AskedRow(str(CLIP)), device="cuda:99")
    assert done.why.startswith("cuda:99 can't compute (") and "--workers" in done.why and not rows


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, torch.AcceleratorError])
def test_a_card_that_fails_is_no_clips_fault(work, monkeypatch, error):
    def fail(*_):
        raise error("CUDA: out of it")

    monkeypatch.setattr(predict, "predict_clip", fail)
    (done,), rows = work(AskedRow(str(CLIP)))
    assert "can't compute (CUDA: out of it)" in done.why and not rows


class FarModel(nn.Module):
    """A model on a device without values, which answers there."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device="meta"))
        self.seen = set()

    def forward(self, batch):
        self.seen |= {value.device.type for value in vars(batch).values() if value is not None}
        return Output(torch.zeros(len(batch), 3, device="meta"))


def test_windows_are_scored_where_the_model_is_and_answers_come_back(monkeypatch):
    checkpoint = load_checkpoint(MODEL)
    samples = predict.predict_clip(load_clip(CLIP), checkpoint, 1).samples
    monkeypatch.setattr(modality_shapley, "for_inference", lambda model, device: nullcontext())
    far = replace(checkpoint, model=FarModel())
    with pytest.raises(NotImplementedError, match="copy out of meta"):
        modality_shapley.score_windows(far, list(samples))
    assert far.model.seen == {"meta"}
