"""A checkpoint is what was written, or one short sentence; whatever it says, it takes no memory."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from emo_core.checkpoint import (
    CONFIG,
    DIGESTS,
    LONGEST,
    NO_DIGEST,
    SHIPPED,
    WEIGHTS,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    shipped_checkpoints,
)
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.training.run import answer_corpus
from tests.conftest import ROOT
from tests.support.damaged_checkpoints import CLIP

MOST_MB, MOST_CPU_S = 1024, 5.0


@pytest.fixture
def folder(tmp_path) -> Path:
    return shutil.copytree(SHIPPED / "group-staged", tmp_path / "mine")


def change(folder: Path, section: str, key: str, value: object, digests: bool) -> None:
    config = json.loads((folder / CONFIG).read_text())
    config[section][key] = value
    if not digests:
        del config[DIGESTS]
    (folder / CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_shipped_checkpoints_state_what_they_are(name):
    assert load_checkpoint(name).notes == ()


def test_a_written_checkpoint_states_its_digests_and_comes_back(tmp_path):
    given = load_checkpoint("group-people")
    save_checkpoint(tmp_path / "new", given, "card")
    config = json.loads((tmp_path / "new" / CONFIG).read_text())
    shipped = json.loads((SHIPPED / "group-people" / CONFIG).read_text())
    assert config[DIGESTS]["weights"] == shipped[DIGESTS]["weights"]
    assert list(config)[-1] == DIGESTS and set(config[DIGESTS]) == {"weights", "settings"}
    assert load_checkpoint(tmp_path / "new").notes == ()


def test_one_without_digests_is_loaded_with_a_note(folder):
    change(folder, "training", "seed", 0, digests=False)
    checkpoint = load_checkpoint(folder)
    assert checkpoint.notes == (NO_DIGEST,)
    assert NO_DIGEST in predict_clip(load_clip(CLIP), checkpoint).notes


def test_other_weights_and_other_settings_are_refused(folder):
    change(folder, "settings", "heads", 2, digests=True)
    with pytest.raises(CheckpointError, match="does not fit the SHA-256 of its own settings"):
        load_checkpoint(folder)
    shutil.copy(SHIPPED / "group-staged" / CONFIG, folder / CONFIG)
    weights = load_file(folder / WEIGHTS)
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match="has SHA-256 .*; expected 5850abd8ef28, as "):
        load_checkpoint(folder)


def test_what_is_said_of_the_training_may_change(folder):
    change(folder, "training", "minutes", 3, digests=True)
    assert load_checkpoint(folder).training["minutes"] == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_answers_that_are_no_numbers_are_an_error(value, drawn):
    from emo_core.corpora import read_corpus

    checkpoint = load_checkpoint("group-staged")
    with torch.no_grad():
        for parameter in checkpoint.model.parameters():
            parameter.fill_(value)
    with pytest.raises(CheckpointError, match="group-staged answers with numbers that are not fin"):
        predict_clip(load_clip(CLIP), checkpoint)
    with pytest.raises(CheckpointError, match="group-staged answers with numbers that are not fin"):
        answer_corpus(checkpoint, read_corpus("staged", drawn), "val")


@pytest.mark.parametrize("stated", ["", "abc", 3, [], {}, {"weights": 3}, {"weights": 1, "x": 2}])
def test_digests_that_are_none_are_refused(folder, stated):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, DIGESTS: stated}))
    with pytest.raises(CheckpointError):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("sample", "frames", 1e9, "sample.frames is 1000000000.0, expected a whole number"),
        ("sample", "frames", 10**9, "a window takes"),
        ("sample", "window_s", 1e300, "a window takes"),
        ("sample", "text_length", 10**9, "a window takes"),
        ("sample", "people", True, "sample.people is True, expected a whole number"),
        ("sample", "resize_mode", 3, "sample.resize_mode is 3, expected text"),
        ("sample", "mel", {"bands": 10**9}, "a window takes"),
        ("settings", "blocks", 10**9, "a larger model than its weights"),
        ("settings", "width", 10**6, "a larger model than its weights"),
        ("settings", "audio_widths", [10**6, 10**6], "a larger model than its weights"),
        ("settings", "video_widths", [8, "9"], "expected a whole number of at least 1"),
        ("settings", "video_widths", 8, "expected a list, each a whole number of at least 1"),
        ("settings", "frozen", 1, "settings.frozen is 1, expected true or false"),
        ("settings", "dropout", 1.5, "expected a share from 0 to less than 1"),
        ("calibration", "temperature", "1", "does not describe a model of this version"),
        ("calibration", "abstain_below", float("nan"), "expected a number of at least 0"),
        ("calibration", "thresholds", ["a"] * 3, "expected a number of at least 0"),
    ],
)
def test_types_and_ranges_are_checked_without_digests_too(folder, section, key, value, words):
    change(folder, section, key, value, digests=False)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(folder)
    assert len(str(caught.value)) <= LONGEST and "\n" not in str(caught.value)


def test_an_error_is_one_line_of_300_letters_that_ends_with_what_to_do(tmp_path):
    name = "n" * 200
    shutil.copytree(SHIPPED / "group-staged", tmp_path / name)
    change(tmp_path / name, "settings", "k\n" * 9999, 1, digests=False)
    with pytest.raises(
        CheckpointError, match=f"^{name[:100]}.* ... .*matching version.$"
    ) as caught:
        load_checkpoint(tmp_path / name)
    assert len(str(caught.value)) == LONGEST


def damaged(folder: Path, first: int, count: int) -> list[dict]:
    """What became of seeded damages, in a process that does nothing else."""
    words = [sys.executable, "-m", "tests.support.damaged_checkpoints", str(folder)]
    done = subprocess.run(
        [*words, str(first), str(count)], cwd=ROOT, capture_output=True, text=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == count, done.stderr
    return rows


def refuse_bad(rows: list[dict]) -> None:
    """Fail where a damage had another outcome than it may, or cost too much."""
    bad = [row for row in rows if row["outcome"] not in ("same", "CheckpointError")]
    bad += [row for row in rows if "\n" in row["message"] or len(row["message"]) > LONGEST]
    bad += [row for row in rows if row["cpu_s"] > MOST_CPU_S or row["above_mb"] > MOST_MB]
    assert not bad


def test_a_sample_of_damaged_checkpoints(tmp_path):
    rows = damaged(tmp_path, 0, 40)
    refuse_bad(rows)
    assert {row["outcome"] for row in rows} == {"same", "CheckpointError"}


@pytest.mark.slow
def test_500_damaged_checkpoints(tmp_path):
    """`pytest -m slow tests/test_checkpoint.py -s` prints the row of docs/results.md."""
    rows = damaged(tmp_path, 1000, 500)
    refuse_bad(rows)
    counts = Counter(row["outcome"] for row in rows)
    spent = [row["cpu_s"] for row in rows]
    print(
        f"\n| {len(rows)} | {counts['CheckpointError']} | {counts['same']} | "
        f"{max(len(row['message']) for row in rows)} letters | {np.median(spent):.2f} s, "
        f"{max(spent):.2f} s | {max(row['above_mb'] for row in rows)} MB |"
    )
