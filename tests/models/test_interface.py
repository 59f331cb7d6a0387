"""A model and a task that this package does not know go through inference and attribution."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emo_core.attribution.counterfactuals import mute, what_if
from emo_core.attribution.explain import explain, make_target, modality_share
from emo_core.attribution.rollout import picture_to_sound
from emo_core.attribution.types import AttributionError, ExplainRequest
from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.models import MODELS
from emo_core.models.interface import SupportsGradCam, SupportsRollout, TwoStreams
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.sample import SampleConfig
from emo_core.preprocess.trace import CrossAttention, Trace, axes
from emo_core.tasks import TASKS, UNCALIBRATED, Answer, Calibration, WindowLogits
from tests.conftest import ROOT, small_group

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
SAMPLE = SampleConfig(frames=4, width=32, height=24)


@dataclass(frozen=True)
class LoudestConfig:
    """Nothing to choose."""

    classes: int = 2


@dataclass(frozen=True, kw_only=True)
class LoudestTrace(Trace):
    weights: Tensor = axes("B, F")
    times_s: Tensor = axes("B, F")

    @property
    def video_to_audio(self) -> CrossAttention:
        weights, times_s = self.weights[:, None, None], self.times_s
        return CrossAttention(weights=weights, video_times_s=times_s[:, :1], audio_times_s=times_s)


class Loudest(nn.Module):
    """Intensity of the loudest mel frames, and of brightness, by a learned attention over time."""

    def __init__(self, config: LoudestConfig) -> None:
        super().__init__()
        self.config = config
        self.read = nn.Conv2d(1, 1, 1)
        self.head = nn.Linear(2, config.classes)

    def forward(self, batch: Batch) -> Output:
        image = self.read(batch.mel.transpose(1, 2).unsqueeze(1))  # (B, 1, M, F): bands first
        loud = image.mean((1, 2))  # (B, F)
        weights = loud.masked_fill(~batch.mel_mask, -1e9).softmax(-1) * batch.mel_mask
        unit = 255 if batch.video.dtype == torch.uint8 else 1
        bright = (batch.video.float() / unit).mean((2, 3, 4)) * batch.video_mask  # (B, T)
        facts = torch.stack([(weights * loud).sum(1), bright.mean(1)], dim=1)
        trace = LoudestTrace(weights=weights, times_s=batch.mel_times_s)
        return Output(self.head(facts), trace)

    def cam_layers(self) -> dict[str, nn.Module]:
        return {"audio": self.read}

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: LoudestTrace) -> Tensor:
        return cam[0, 0].T  # (M, F) -> (F, M)

    def rollout(self, batch: Batch, trace: LoudestTrace, step: int | None) -> dict[str, Tensor]:
        return {"audio": trace.weights[0]}


@dataclass(frozen=True)
class Intensity:
    """How strong each of some affects is, 0 to 1: neither a class nor a moment."""

    labels: tuple[str, ...] = ("joy", "fear")
    main: str = "error"
    name: str = "intensity"
    answers_moments: bool = False

    def fitted(self, targets: Sequence) -> "Intensity":
        return self

    def target(self, label: Sequence[float]) -> np.ndarray:
        return np.asarray(label, np.float32)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits.sigmoid() - target).square().mean()

    def answer(self, found: WindowLogits, calibration: Calibration = UNCALIBRATED) -> Answer:
        windows = found.logits.sigmoid()
        return Answer(windows, found.mean(windows), are_probabilities=False)


@pytest.fixture
def fourth(monkeypatch, tmp_path) -> Checkpoint:
    """A checkpoint of both, written and read back."""
    monkeypatch.setitem(MODELS, "loudest", (Loudest, LoudestConfig, {"pocket": LoudestConfig()}))
    monkeypatch.setitem(TASKS, "intensity", Intensity)
    torch.manual_seed(0)
    model = Loudest(LoudestConfig())
    made = Checkpoint("mine", model, "loudest", model.config, SAMPLE, Intensity())
    save_checkpoint(tmp_path / "mine", made, "# a card\n")
    return load_checkpoint(tmp_path / "mine")


@pytest.fixture(scope="module")
def clip():
    return load_clip(CLIP)


def test_it_predicts_in_the_words_of_its_task(fourth, clip):
    found = predict_clip(clip, fourth)
    assert found.task == "intensity" and found.label is None and found.moments is None
    assert set(found.values) == {"joy", "fear"} and not found.probabilities
    assert all(0 < value < 1 for value in found.values.values())
    assert found.timeline[0].values and set(found.modality_share) == {"video", "audio"}
    assert found.as_dict()["values"] == found.values


@pytest.mark.parametrize("method", ["grad_cam", "rollout", "integrated_gradients", "occlusion"])
def test_it_is_explained(fourth, clip, method):
    prediction = predict_clip(clip, fourth)
    found = explain(fourth, prediction, ExplainRequest(method, "fast", "fear"))
    sample = prediction.samples[0]
    assert found.maps["mel"].shape == sample.mel.shape and found.maps["mel"].any()
    assert found.maps["video"].shape == sample.video.shape
    if method == "rollout":
        with torch.no_grad():
            loud = fourth.model.read(sample.mel.T[None, None]).mean((0, 1, 2))
        assert int(found.maps["mel"].sum(1).argmax()) == int(loud.argmax())
        assert float(found.maps["mel"].sum()) == pytest.approx(1, abs=1e-4)


def test_it_answers_what_if(fourth, clip):
    sample = predict_clip(clip, fourth).samples[0]
    changed = what_if(fourth, sample, "silent sound", lambda x: mute(x, SAMPLE.mel))
    assert set(changed.before) == {"joy", "fear"} and changed.before != changed.after
    share = modality_share(fourth, sample, make_target(fourth, sample, "joy"))
    assert share["audio"] != 0
    assert picture_to_sound(fourth, sample).weights.shape == (1, len(sample.mel))


class Bare(nn.Module):
    """The same without a hook."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Output:
        return Output(self.model(batch).logits)


def test_a_model_without_hooks_says_what_it_has_not(fourth, clip):
    bare = replace(fourth, model=Bare(fourth.model))
    prediction = predict_clip(clip, bare)
    with pytest.raises(AttributionError, match="cam_placement"):
        explain(bare, prediction, ExplainRequest("grad_cam", "fast", "joy"))
    with pytest.raises(AttributionError, match="no attention between moments"):
        explain(bare, prediction, ExplainRequest("rollout", "fast", "joy"))
    assert picture_to_sound(bare, prediction.samples[0]) is None


def test_the_catalogue_has_the_hooks():
    for model_class, _, sizes in MODELS.values():
        with torch.device("meta"):
            model = model_class(sizes["pocket"])
        assert isinstance(model, SupportsGradCam) and isinstance(model, SupportsRollout)
    assert isinstance(small_group(), TwoStreams)


def test_no_general_layer_names_a_model_or_a_task():
    """What differs between models or tasks is theirs to say."""
    known = ("ValenceArousal", "MultiLabel", "SingleLabel", "model_name ==", "model_name in")
    folders = ("inference", "attribution", "viz")
    texts = {p: p.read_text() for f in folders for p in (ROOT / "emo_core" / f).glob("*.py")}
    texts |= {p: p.read_text() for f in ("emo_core", "demo") for p in (ROOT / f).glob("*.py")}
    assert len(texts) > 40
    assert [(p.name, word) for p, text in texts.items() for word in known if word in text] == []
