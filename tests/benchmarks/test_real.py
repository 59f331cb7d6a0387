"""The table of real people: what is asked, of whom, and what is counted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.experiments import real, real_rivals
from benchmarks.experiments.real_inputs import (
    CHANGES,
    Case,
    Later,
    Made,
    Recolored,
    colour_bars,
    encoded_again,
    labelled_clips,
    noise,
    people,
    versions,
)
from benchmarks.experiments.real_rivals import (
    ModelRival,
    Told,
    counted,
    read_windows,
    some,
    tell_all,
)
from emo_core import load_clip
from emo_core.checkpoint import CheckpointError, load_checkpoint
from emo_core.inference.predict import predict_clip
from emo_core.preprocess.sample import SampleConfig
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.sources import read_sources
from emo_core.synthetic.composed.writer import COLLAGE, make_composed
from tests.benchmarks.test_baselines import make_planted
from tests.synthetic.test_composed import make_sources

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "assets" / "examples" / "both_positive.mp4"


def told(*labels: str, unsure: str = "") -> list[Told]:
    """An answer a letter: its first letter names the label, "u" in `unsure` that it abstains."""
    rows = [np.full(3, 0.1) + 0.7 * np.eye(3)[POLARITIES.index(label)] for label in labels]
    return [Told(p, mark == "u") for p, mark in zip(rows, unsure.ljust(len(rows)), strict=True)]


def cases(*truths: str) -> list[Case]:
    return [Case(str(n), noise(), truth, str(n), "x") for n, truth in enumerate(truths)]


def test_a_model_is_asked_as_the_command_asks_it():
    """The long clip has several windows, of which the last is shorter."""
    checkpoint, clip = load_checkpoint("group-staged"), load_clip(EXAMPLE)
    for recording in (clip, Later(clip, 4.3)):
        windows, weights = read_windows(recording, checkpoint.sample)
        found = ModelRival(checkpoint).tell(windows, weights)
        if recording is clip:
            answer = predict_clip(clip, checkpoint)
            for label, p in zip(POLARITIES, found.probabilities, strict=True):
                assert p == pytest.approx(answer.probabilities[label], abs=1e-6)
            assert (found.label, found.abstains) == (answer.label, answer.abstains)
        else:
            assert len(windows) == 2 and float(weights.sum()) == pytest.approx(1)


def test_a_single_face_has_no_sound_and_a_single_voice_no_picture(tmp_path):
    pool = read_sources(make_planted(tmp_path))
    config = SampleConfig(frames=2, width=64, height=48)
    face, voice = (people(pool, kind, "test")[0] for kind in ("face", "voice"))
    seen, _ = read_windows(face.recording, config)
    heard, _ = read_windows(voice.recording, config)
    assert seen.video_mask.all() and not seen.mel_mask.any()
    assert heard.mel_mask.any() and not heard.video_mask.any()
    assert {case.group for case in people(pool, "voice", "test")}.isdisjoint(
        case.group for case in people(pool, "voice", "train")
    )


def test_counted_features_read_what_is_planted_from_train_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(real_rivals, "PLAIN", {"counted features": counted})
    pool = read_sources(make_planted(tmp_path))
    asked = []
    read = real_rivals.read_windows
    monkeypatch.setattr(real_rivals, "read_windows", lambda *a: asked.append(a[0]) or read(*a))
    rivals = real_rivals.plain_rivals(pool, 0)
    assert len(asked) == len(pool.items_of("face", "train")) + len(pool.items_of("voice", "train"))
    for kind in ("face", "voice"):
        judged = people(pool, kind, "test")
        rows = tell_all(judged, rivals)["counted features", ""]
        assert real.uar(judged, rows)["value"] == 1.0


def test_a_rival_without_any_modality_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(real_rivals, "PLAIN", {"counted features": counted})
    rivals = real_rivals.plain_rivals(read_sources(make_planted(tmp_path)), 0)
    voice = people(read_sources(tmp_path), "voice", "test")[:1]
    answer = tell_all(voice, rivals, ("audio",))["counted features", "audio"][0]
    assert answer.probabilities == pytest.approx(1 / 3)


def test_uar_counts_each_class_alike_and_its_interval_draws_groups():
    facts = real.uar(
        cases("positive", "positive", "positive", "neutral"),
        told("positive", "positive", "neutral", "neutral"),
    )
    assert facts["value"] == pytest.approx((2 / 3 + 1) / 2) and facts["recalls"][2] is None
    assert facts["interval"][0] <= facts["value"] <= facts["interval"][1]


def test_right_wrong_and_not_sure_add_up():
    asked = cases("positive", "neutral", "negative", "negative")
    answers = told("positive", "positive", "negative", "neutral", unsure=" .u.".replace(".", " "))
    facts = real.counts(asked, answers)
    assert facts == {"right": 1, "wrong": 2, "not sure": 1, "out of": 4, "labels right": 2}
    assert real.answered(asked, answers)["value"] == 0.75
    assert real.right_if_answered(asked, answers)["value"] == pytest.approx(1 / 3)
    assert real.right_if_answered(asked[:1], told("positive", unsure="u"))["value"] is None
    assert real.called(asked, answers)["not sure"] == 1
    assert real.shown([facts, facts]) == "1 / 2 / 1 of 4, labels 2; 1 / 2 / 1 of 4, labels 2"


@pytest.mark.parametrize(
    ("facts", "cell"),
    [
        ([{"value": 0.5, "interval": [0.25, 0.75]}], "0.500 (0.250 to 0.750)"),
        ([{"value": 0.5}, {"value": None}], "0.500; -"),
        ([{"label": "positive", "p": 0.94, "unsure": True}], "positive 0.94 (not sure)"),
        ([{"positive": 1, "not sure": 0}], "1 / 0"),
        ([], "trained on it"),
    ],
)
def test_a_cell_says_what_was_found(facts, cell):
    assert real.shown(facts) == cell


def test_seeds_are_a_mean_with_their_interval():
    assert real.mean_and_interval([0.1, 0.2, 0.3]).startswith("0.200 ± 0.248 (0.100, 0.200")


def test_some_have_every_polarity():
    asked = cases(*["neutral"] * 4, *["positive"] * 4, *["negative"] * 4)
    assert {case.truth for case in some(asked, 3)} == set(POLARITIES)
    assert some(asked, None) == some(asked, 12) == asked and len(some(asked, 5)) == 5


def test_a_clip_that_begins_later_holds_its_first_frame_in_silence():
    clip = load_clip(EXAMPLE)
    later = Later(clip, 1.0)
    assert later.duration_s == clip.duration_s + 1 and later.size == clip.size
    first, moved = clip.read_frames([0.0, 1.5]), later.read_frames([0.0, 0.9, 2.5])
    assert np.array_equal(moved.pixels[0], first.pixels[0])
    assert np.array_equal(moved.pixels[1], first.pixels[0])
    assert np.array_equal(moved.pixels[2], first.pixels[1])
    assert moved.times_s[2] == pytest.approx(first.times_s[1] + 1)
    assert not later.audio(16_000, 0.0, 1.0).any()
    assert np.array_equal(later.audio(16_000, 1.5, 2.0), clip.audio(16_000, 0.5, 1.0))
    assert len(later.audio(16_000, 0.5, 2.0)) == 24_000 and len(later.audio(16_000)) == round(
        16_000 * later.duration_s
    )


def test_changed_pixels_are_what_they_are_called():
    pixels = np.random.default_rng(0).integers(0, 255, (2, 4, 6, 3), dtype=np.uint8)
    assert np.array_equal(CHANGES["mirrored"](pixels), pixels[:, :, ::-1])
    grey = CHANGES["grey"](pixels)
    assert (np.ptp(grey, axis=-1) == 0).all() and grey.std() > 10
    assert CHANGES["warm tint"](pixels)[..., 2].sum() < pixels[..., 2].sum()
    assert CHANGES["cold tint"](pixels)[..., 0].sum() < pixels[..., 0].sum()
    made = Made(lambda times, size: pixels[: len(times)], (6, 4))
    assert np.array_equal(Recolored(made, CHANGES["grey"]).read_frames([0, 1]).pixels, grey)


def test_a_clip_that_is_encoded_again_is_nearly_the_same(tmp_path):
    clip = load_clip(EXAMPLE)
    again = encoded_again(clip, tmp_path / "again.mp4")
    assert again.duration_s == pytest.approx(clip.duration_s, abs=0.1) and again.has_audio
    shown = [one.read_frames([2.0]).pixels.astype(int) for one in (clip, again)]
    assert 0 < np.abs(shown[0] - shown[1]).mean() < 6
    names = list(versions(Case("c", clip, "neutral", "c"), tmp_path))
    assert names == ["as it is", *CHANGES, "encoded again", "a second later"]


def test_bars_and_noise_are_read_like_clips():
    config = SampleConfig(frames=2, width=64, height=48)
    for made, colours in ((colour_bars(), 9), (noise(), 500)):
        windows, weights = read_windows(made, config)
        assert windows.video_mask.all() and windows.mel_mask.all() and len(weights) == 1
        shown = windows.video[0, 0].flatten(1).T.unique(dim=0)
        assert 8 <= len(shown) <= colours if colours < 100 else len(shown) >= colours
    with pytest.raises(ValueError, match="16000 Hz"):
        noise().audio(8_000)


def statement(sources: Path, held_out: str) -> None:
    parts = ("Warning", "Label", "Sources", "Labels", "Licence", "Known failures")
    text = "\n".join(f"## {part}\n\nx\n" for part in parts)
    (sources / "DATA.md").write_text(f"{text}\n## Held out for test\n\n- {held_out}\n")


def test_a_model_that_held_out_others_is_not_scored(tmp_path):
    statement(tmp_path, "made/7")
    found = {"group-collage": load_checkpoint("group-collage")}
    with pytest.raises(CheckpointError, match=r"ravdess/1.*made/7"):
        real.refuse_leaks(found, tmp_path)
    real.refuse_leaks({"group-staged": load_checkpoint("group-staged")}, tmp_path)


def test_models_of_other_labels_are_refused_and_the_old_default_is_there():
    with pytest.raises(CheckpointError, match="answers anger"):
        real.columns_of(["fe2e-utterances"])
    columns, checkpoints = real.columns_of(["group-staged"])
    assert [c.title for c in columns] == ["group-staged", "group-collage"]
    assert set(checkpoints) == {"group-staged", "group-collage"}
    assert real.columns_of(["group-collage"])[0] == real.columns_of(["group-collage"])[0][:1]
    seeds, _ = real.columns_of(["group-staged,group-staged"])
    assert seeds[0].title == "group-staged, 2 seeds" and len(seeds[0].rivals) == 2


def test_voices_that_a_model_learned_from_are_no_score_of_it():
    checkpoint = load_checkpoint("group-collage")
    assert not real.knows_nemo(checkpoint)
    stated = {**checkpoint.training["data_statement"], "sources": "Voices: nEMO, eight speakers."}
    taught = replace(checkpoint, training={**checkpoint.training, "data_statement": stated})
    assert real.knows_nemo(taught)


@pytest.mark.timeout(600)
def test_the_whole_table_of_made_people(tmp_path, monkeypatch, capsys):
    """Made sources have no real clips: those rows are not there."""
    sources = make_sources(tmp_path / "sources")
    make_composed(COLLAGE, tmp_path / "corpus", sources, 0, 1, 6, 0, workers=1)
    words = ["--data", str(tmp_path / "corpus"), "--sources", str(sources), "--limit", "6"]
    words += ["--model", "group-staged", "--scenes", "6", "--out", str(tmp_path / "t.md")]
    monkeypatch.setattr("sys.argv", ["real", *words])
    assert real.main() == 2 and "made-up" not in (said := capsys.readouterr()).err
    assert "group-collage kept ravdess/1" in said.err  # the old default would be scored on train
    monkeypatch.setattr(real, "OLD_DEFAULT", "group-staged")
    assert real.main() == 0
    out = capsys.readouterr().out
    facts = json.loads(out.splitlines()[-1])
    titles = [row["row"] for row in facts["rows"]]
    for title in ("UAR voices", "UAR faces: news", "UAR collages, sound alone", "noise (not labe"):
        assert any(one.startswith(title) for one in titles), title
    assert not any("CREMA-D" in one or "nemo" in one for one in titles)
    head = (tmp_path / "t.md").read_text().splitlines()[0]
    assert head == "| | n | group-staged | counted features | frozen encoders |"


@pytest.mark.real_data
def test_the_labelled_clips_are_22_of_which_12_are_neutral(real_data):
    known = labelled_clips(real_data)
    kinds = [case.kind for case in known]
    assert [kinds.count(k) for k in ("CREMA-D", "RAVDESS", "GRID")] == [8, 3, 11]
    assert [case.truth for case in known].count("neutral") == 12


@pytest.mark.real_data
def test_a_tint_does_not_change_what_people_are_told(real_data, tmp_path):
    rivals = {"old": ModelRival(load_checkpoint("group-collage"))}
    for case in labelled_clips(real_data):
        if case.kind == "CREMA-D":
            changed = versions(case, tmp_path)
            asked = [changed[n] for n in ("as it is", "grey", "warm tint", "cold tint")]
            answers = {t.answer for t in tell_all(asked, rivals)["old", ""]}
            assert len(answers) == 1, (case.name, answers)


@pytest.mark.real_data
def test_encoders_tell_voices_apart(real_sources):
    """Twelve voices a polarity teach more than chance about people never heard."""
    pool = read_sources(real_sources)
    rival = real_rivals.frozen_encoders()
    train = [
        some([c for c in people(pool, "voice", "train") if c.truth == p], 12) for p in POLARITIES
    ]
    rows, targets = [], []
    for case in sum(train, []):
        windows, _ = read_windows(case.recording, rival.sample)
        rows.append(rival.features(windows)["audio"])
        targets.append(case.truth)
    rival.fit({"audio": rows}, {"audio": targets})
    judged = some(people(pool, "voice", "test"), 40)
    assert real.uar(judged, tell_all(judged, {"e": rival})["e", ""])["value"] > 0.5
    assert torch.is_tensor(read_windows(judged[0].recording, rival.sample)[1])
