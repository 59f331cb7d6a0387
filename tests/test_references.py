"""What a model of own clips is held against: counted by hand on planted answers."""

import json
from dataclasses import replace

import pytest
import torch

from emo_core.checkpoint import load_checkpoint
from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.references import MaskedModel, reference_lines, reference_scores
from tests.conftest import random_batch, small_group
from tests.support.clip_folders import folder_of

ROWS = [
    f"p{p}_{i}.mp4,{('Positive', 'negative', 'negative')[i]}" for p in range(4) for i in range(3)
]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    clips = [row.split(",")[0] for row in ROWS]
    return folder_of(root, "\n".join(["file,label", *ROWS]), *clips)


def test_the_commonest_class_the_shipped_model_and_each_modality_are_references(own):
    corpus = read_corpus("folder", own)
    shipped = load_checkpoint("group-staged")
    task = replace(shipped.task, labels=("Positive", "neutral", "negative"))
    found = reference_scores(replace(shipped, name="mine", task=task), corpus, "val")
    rows = found["references"]
    assert list(rows) == [
        "the commonest class (negative)",
        "video alone",
        "audio alone",
        "group-people",
    ]
    assert rows["the commonest class (negative)"]["a_score"] == pytest.approx(2 / 3)
    assert len({row["b_score"] for row in rows.values()}) == 1 and found["notes"] == []
    text = "\n".join(reference_lines(found))
    assert "val clips of 1 source, and how much better than" in text and "points" in text


def test_a_masked_model_is_the_model_without_a_modality():
    model, batch = small_group().eval(), random_batch()
    with torch.inference_mode():
        hidden = MaskedModel(model, ["audio"])(batch).logits
        assert torch.equal(hidden, model(batch.without("audio")).logits)
        assert not torch.equal(hidden, model(batch).logits)


def test_evaluate_names_them_for_own_clips(own, capsys, tmp_path):
    folder = folder_of(
        tmp_path,
        (own / "labels.csv").read_text().replace("Pos", "pos"),
        *(row.split(",")[0] for row in ROWS),
    )
    assert (
        main(["evaluate", "group-staged", "--data", str(folder), "--split", "val", "--json"]) == 0
    )
    scores = json.loads(capsys.readouterr().out)
    assert "group-people" in scores["references"]["references"]
