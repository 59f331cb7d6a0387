"""What each modality adds, and predictions of every kind of model and task."""

import math
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch import nn

from emo_core import viz as view
from emo_core.checkpoint import Checkpoint
from emo_core.cli.console import short_answer
from emo_core.inference.modality_shapley import exact_shapley, modalities
from emo_core.inference.predict import predict_clip
from emo_core.models import MODELS
from emo_core.preprocess.batch import Output
from emo_core.preprocess.sample import SampleConfig
from emo_core.preprocess.trace import Moments, Trace
from emo_core.tasks import Calibration, MultiLabel, SingleLabel, ValenceArousal
from emo_core.viz import captions as sentences

NAMES = ("video", "audio", "text")


def subsets(names):
    return [frozenset(s) for k in range(len(names) + 1) for s in combinations(names, k)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_shapley_values_are_the_mean_gain_over_all_orders(count):
    names, g = NAMES[:count], torch.Generator().manual_seed(0)
    scores = {s: torch.randn(4, 5, generator=g) for s in subsets(names)}
    values = exact_shapley(scores, names)
    assert values.shape == (4, count, 5)
    for place, name in enumerate(names):
        gains = []
        for order in permutations(names):
            before = frozenset(order[: order.index(name)])
            gains.append(scores[before | {name}] - scores[before])
        torch.testing.assert_close(values[:, place], torch.stack(gains).mean(0))
    whole, nothing = scores[frozenset(names)], scores[frozenset()]
    torch.testing.assert_close(values.sum(1), whole - nothing)


class Clip:
    """Twelve seconds of grey pictures and hum; reads like a file."""

    def __init__(self, text=None, has_video=True):
        from pathlib import Path

        self.text, self.has_video, self.has_audio, self.duration_s = text, has_video, True, 12.0
        self.path, self.size = Path("made.mp4"), (64, 48)
        self.fps = self.channels = self.sample_rate = self.video_codec = self.audio_codec = None
        self.variable_rate, self.timestamps_reset, self.rotation, self.notes = False, False, 0, ()

    def read_frames(self, times_s, size):
        from emo_core.clip import DecodedFrames

        noise = np.random.default_rng(0).integers(0, 256, (len(times_s), size[1], size[0], 3))
        return DecodedFrames(noise.astype(np.uint8), np.asarray(times_s))

    def read_in_turn(self, stretches, size):
        return (self.read_frames(times_s, size) for times_s in stretches)

    def read_audio(self, rate, start_s, end_s):
        from emo_core.clip import DecodedAudio

        tone = np.sin(np.arange(round((end_s - start_s) * rate)) / 9).astype(np.float32) / 9
        return DecodedAudio(tone, None)


def checkpoint(model, settings, sample, task, **calibration):
    return Checkpoint(
        "made", model.eval(), "made", settings, sample, task, Calibration(**calibration)
    )


SAMPLE = SampleConfig(frames=16, people=1, text_length=16)
KINDS = {
    "group": (SingleLabel(), {"video_widths": (8, 8), "audio_widths": (8, 8, 8, 8), "width": 16}),
    "fe2e": (MultiLabel(), {"widths": (8, 8, 8, 8), "hidden": 8}),
    "mesm": (MultiLabel(), {"widths": (8, 8, 8, 8), "hidden": 8}),
    "jmt": (ValenceArousal(), {"video_widths": (8, 8), "audio_widths": (8, 8, 8, 8), "width": 16}),
}


@pytest.fixture
def face(monkeypatch):
    """One face in every frame."""
    from emo_core.faces import tracking as faces

    def detector(picture):
        return np.array([[0.2, 0.2, 0.6, 0.8, 0.1]], np.float32)

    monkeypatch.setattr(faces, "face_detector", lambda: detector)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_catalogue_predicts(name, face):
    task, changes = KINDS[name]
    model_class, _, sizes = MODELS[name]
    settings = replace(sizes["pocket"], **changes)
    torch.manual_seed(0)
    made = checkpoint(model_class(settings), settings, SAMPLE, task)
    answer = predict_clip(Clip("hooray"), made)
    said = answer.as_dict()
    assert len(answer.timeline) == 3 and said["labels"] == list(task.labels)
    used = modalities(made)
    assert set(answer.modality_share) == set(used)
    assert set(answer.modality_shares) == set(task.labels)
    finite = [v for shares in answer.modality_shares.values() for v in shares.values()]
    assert np.isfinite(finite).all() and any(abs(v) > 1e-6 for v in finite)
    if name == "group":
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert {"present", "values", "moments"}.isdisjoint(said)
    silent = predict_clip(Clip(has_video=False), made)
    if "text" in used:
        assert answer.modality_share["text"] != 0 == silent.modality_share["text"]
        assert any("No transcript" in note for note in answer_without(made).notes)
    assert silent.modality_share["video"] == pytest.approx(0, abs=1e-6)


def answer_without(made):
    """Of a clip with a face and without a transcript."""
    return predict_clip(Clip(), made)


class Sayer(nn.Module):
    """Says fixed logits for what is there: audio adds to the first label, text to the second."""

    def forward(self, batch):
        heard, read = batch.mel_mask.any(1), batch.token_mask.any(1)
        logits = torch.tensor([-2.0, -1.0, -3.0]).repeat(len(batch), 1)
        logits = logits + torch.stack([3.0 * heard, 1.5 * read, 0.0 * read], dim=1)
        return Output(logits)


class Spoken:
    modalities = ("text", "audio")


def test_several_labels_are_judged_each_by_its_threshold():
    task = MultiLabel(("happy", "sad", "angry"))
    made = checkpoint(Sayer(), Spoken, SAMPLE, task, thresholds=(0.8, 0.5, 0.01))
    answer = predict_clip(Clip("well"), made)
    wanted = [1 / (1 + math.exp(-x)) for x in (1.0, 0.5, -3.0)]
    assert list(answer.probabilities.values()) == pytest.approx(wanted)
    assert answer.label == "happy" and answer.present == ("sad", "angry") and not answer.abstains
    assert answer.modality_share == pytest.approx({"audio": 3.0, "text": 0.0})
    assert answer.modality_shares["sad"] == pytest.approx({"audio": 0.0, "text": 1.5})
    assert answer.as_dict()["present"] == ["sad", "angry"]
    assert short_answer(answer) == "sad 0.62, angry 0.05"
    nobody = predict_clip(
        Clip("well"), replace(made, calibration=Calibration(thresholds=(1.0,) * 3))
    )
    assert "sad 62 %" in sentences.summarise(answer).split("Below")[0]
    bars = view.timeline(answer).data
    ends = [(bar.x[0] - bar.width[0] / 2, bar.x[0] + bar.width[0] / 2) for bar in bars[::-1]]
    assert np.array(ends).ravel() == pytest.approx([0, 4 / 3, 4 / 3, 8 / 3, 8 / 3, 4])
    assert nobody.present == () and short_answer(nobody) == "none of happy, sad, angry"


class Feeler(nn.Module):
    """Valence grows over four moments of a window, arousal is past the end; the last is masked."""

    def forward(self, batch):
        heard = batch.mel_mask.any(1)
        steps = torch.tensor([[0.1, 2.0], [0.2, 2.0], [0.3, 2.0], [0.9, -1.0]])
        mask = torch.tensor([True, True, True, False]).repeat(len(batch), 1)
        times_s = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat(len(batch), 1)
        trace = Trace(moments=Moments(times_s=times_s, mask=mask))
        return Output(steps * heard[:, None, None], trace)


def test_valence_and_arousal_have_moments_of_the_clip_and_no_label(face):
    made = checkpoint(Feeler(), object(), SAMPLE, ValenceArousal())
    answer = predict_clip(Clip(), made)
    times = [start + t for start in (0, 4, 8) for t in (1, 2, 3)]
    assert [m.time_s for m in answer.moments] == pytest.approx(times)
    assert [m.valence for m in answer.moments] == pytest.approx([0.1, 0.2, 0.3] * 3)
    assert all(m.arousal == 1 for m in answer.moments)  # within -1..1
    assert answer.values == pytest.approx({"valence": 0.2, "arousal": 1.0})
    assert answer.label is None and answer.probabilities == {} and not answer.abstains
    assert answer.modality_share == pytest.approx({"video": 0.0, "audio": 0.2})
    said = answer.as_dict()
    assert said["timeline"][0]["values"] == pytest.approx({"valence": 0.2, "arousal": 1.0})
    assert said["moments"][3]["time_s"] == pytest.approx(5.0)
    assert short_answer(answer) == "valence +0.20, arousal +1.00"
    assert "9 moments" in sentences.summarise(answer)
    assert list(view.timeline(answer).data[1].y) == [1.0] * 9
    assert not len(view.probability_bars(answer).data[0].x)
