"""What `real.py` compares: checkpoints, and plain rivals that learn nothing but a regression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.experiments.plain_features import histograms, statistics
from benchmarks.experiments.real_inputs import Case, people, scenes
from emo_core.checkpoint import Checkpoint
from emo_core.clip import Recording
from emo_core.inference.predict import MOST_WINDOWS
from emo_core.models.layers.backbones import LUMINANCE
from emo_core.models.layers.expression import FACE_SIDE, shipped_expression
from emo_core.models.layers.people import face_crops
from emo_core.models.layers.whisper import shipped_whisper
from emo_core.models.precision import for_inference
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import SampleConfig, decode_window, to_sample, window_spans
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.tasks import WindowLogits
from emo_core.training.recipes import PEOPLE_SAMPLE

EVERY = 2  # frames from one whose faces are looked at to the next


@dataclass(frozen=True)
class Told:
    """What is said of one input."""

    probabilities: np.ndarray  # (3,) of POLARITIES
    abstains: bool = False

    @property
    def label(self) -> str:
        return POLARITIES[int(self.probabilities.argmax())]

    @property
    def answer(self) -> str:
        """As people are told it: "not sure" is an answer too."""
        return "not sure" if self.abstains else self.label


class Rival(Protocol):
    """Anything that answers the windows of a clip."""

    sample: SampleConfig

    def tell(self, windows: Batch, weights: Tensor) -> Told: ...


@dataclass(frozen=True)
class ModelRival:
    """A checkpoint, as `emo predict` asks it."""

    checkpoint: Checkpoint

    @property
    def sample(self) -> SampleConfig:
        return self.checkpoint.sample

    def tell(self, windows: Batch, weights: Tensor) -> Told:
        """weights (n,): share of each window in the clip."""
        checkpoint = self.checkpoint
        with torch.inference_mode(), for_inference(checkpoint.model, windows.mel.device):
            logits = checkpoint.model(windows).logits
        found = WindowLogits(logits, torch.zeros(len(logits), 0, dtype=torch.bool), weights)
        answer = checkpoint.task.answer(found, checkpoint.calibration)
        order = [checkpoint.labels.index(label) for label in POLARITIES]
        return Told(answer.clip[order].numpy(), answer.abstains)


@dataclass
class PlainRival:
    """One logistic regression a modality, their probabilities multiplied; it always answers."""

    heard: Callable[[Batch], np.ndarray]  # (B, D)
    seen: Callable[[Batch], np.ndarray]
    sample: SampleConfig = PEOPLE_SAMPLE  # so that a clip is decoded once for `group-people` too
    models: dict = field(default_factory=dict)

    def features(self, windows: Batch) -> dict[str, np.ndarray]:
        """What there is of each modality; all windows have it or none."""
        read = {"audio": (windows.mel_mask, self.heard), "video": (windows.video_mask, self.seen)}
        with torch.inference_mode():
            return {name: f(windows) for name, (mask, f) in read.items() if mask.any()}

    def fit(self, rows: dict[str, list[np.ndarray]], targets: dict[str, list[str]]) -> None:
        """One regression a modality; rows: features of training people."""
        for name, features in rows.items():
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=0.01, max_iter=500, class_weight="balanced")
            )
            self.models[name] = model.fit(np.concatenate(features), targets[name])

    def tell(self, windows: Batch, weights: Tensor) -> Told:
        """weights (n,): share of each window in the clip."""
        logits = np.zeros((len(windows), len(POLARITIES)))
        for name, features in self.features(windows).items():
            order = [list(self.models[name].classes_).index(label) for label in POLARITIES]
            logits += self.models[name].predict_log_proba(features)[:, order]
        probabilities = torch.from_numpy(logits).softmax(-1) * weights.unsqueeze(-1)
        return Told(probabilities.sum(0).numpy())


def crops_of(windows: Batch, row: int) -> Tensor:
    """Faces found in every second frame of a window, else its middle square: (n, 3, 112, 112)."""
    frames, eyes = windows.video[row, ::EVERY], windows.face_eyes
    mask = windows.face_mask[row, ::EVERY] & windows.video_mask[row, ::EVERY, None]
    step, person = mask.nonzero(as_tuple=True)
    if eyes is not None and len(step):
        return face_crops(frames[step], eyes[row, ::EVERY][step, person])
    spare = (frames.shape[3] - frames.shape[2]) // 2
    middle = frames[:1, ..., spare : frames.shape[3] - spare].float() / 255
    return interpolate(middle, (FACE_SIDE, FACE_SIDE), mode="area")


def mean_and_spread(values: Tensor) -> np.ndarray:
    """(n, D) -> (2D,)."""
    return torch.cat([values.mean(0), values.std(0, unbiased=False)]).numpy()


def counted() -> PlainRival:
    """Statistics of log-mel, gradient histograms of faces."""

    def heard(windows: Batch) -> np.ndarray:
        pairs = zip(windows.mel, windows.mel_mask, strict=True)
        return np.stack([statistics(mel[mask].numpy()) for mel, mask in pairs])

    def seen(windows: Batch) -> np.ndarray:
        rows = []
        for row in range(len(windows)):
            grey = np.einsum("nchw,c->nhw", crops_of(windows, row).numpy(), np.float32(LUMINANCE))
            rows.append(np.mean([histograms(255 * face) for face in grey], 0))
        return np.array(rows)

    return PlainRival(heard, seen)


def frozen_encoders() -> PlainRival:
    """Mean and spread of the first block of speech, and of features and scores of expressions."""
    speech, faces = shipped_whisper(1).eval(), shipped_expression().eval()

    def heard(windows: Batch) -> np.ndarray:
        tokens = speech(windows.mel, windows.mel_mask, windows.mel_times_s)
        pairs = zip(tokens.values, tokens.mask, strict=True)
        return np.stack([mean_and_spread(values[mask]) for values, mask in pairs])

    def seen(windows: Batch) -> np.ndarray:
        rows = []
        for row in range(len(windows)):
            features = faces.read(crops_of(windows, row))
            scores = faces.fc(features).log_softmax(-1)
            rows.append(mean_and_spread(torch.cat([features, scores], -1)))
        return np.stack(rows)

    return PlainRival(heard, seen)


PLAIN = {"counted features": counted, "frozen encoders": frozen_encoders}


def plain_rivals(sources: SourcePool, count: int, limit: int | None = None) -> dict[str, Rival]:
    """Rivals that learned from single faces and voices of train, and from `count` collages."""
    cases = [*some(people(sources, "face", "train"), limit)]
    cases += some(people(sources, "voice", "train"), limit)
    cases += some(scenes(sources, count), limit)
    rivals = {name: make() for name, make in PLAIN.items()}
    rows: dict = {name: {"audio": [], "video": []} for name in rivals}
    targets: dict = {"audio": [], "video": []}
    single = replace(PEOPLE_SAMPLE, frames=1)
    for case in cases:
        still = case.carries == ("video",) and not case.recording.has_audio
        windows, _ = read_windows(case.recording, single if still else PEOPLE_SAMPLE)
        for name, rival in rivals.items():
            features = rival.features(windows)
            for modality in case.carries:
                rows[name][modality].append(features[modality])
        for modality in case.carries:
            targets[modality].append(case.truth)
    for name, rival in rivals.items():
        rival.fit(rows[name], targets)
    return dict(rivals)


def some(cases: list[Case], limit: int | None) -> list[Case]:
    """At most `limit` of the cases, of each polarity its share."""
    if limit is None or len(cases) <= limit:
        return cases
    ordered = sorted(cases, key=lambda case: case.truth)
    return [ordered[index * len(cases) // limit] for index in range(limit)]


def read_windows(recording: Recording, config: SampleConfig) -> tuple[Batch, Tensor]:
    """The windows that `emo predict` reads, and the share (n,) of each in the clip."""
    spans = window_spans(recording.duration_s, config.window_s, MOST_WINDOWS)
    samples = [to_sample(decode_window(recording, config, *span), config) for span in spans]
    ends = [(start, min(end, max(recording.duration_s, start))) for start, end in spans]
    lengths = torch.tensor([max(end - start, 1e-6) for start, end in ends])
    return collate(samples), lengths / lengths.sum()


def tell_all(
    cases: Sequence[Case], rivals: dict[str, Rival], hidden: Sequence[str] = ("",)
) -> dict[tuple[str, str], list[Told]]:
    """(rival, hidden modality) -> answers; a clip is decoded once a SampleConfig."""
    told: dict[tuple[str, str], list[Told]] = {(r, h): [] for r in rivals for h in hidden}
    for case in cases:
        read: dict[SampleConfig, tuple[Batch, Tensor]] = {}
        for name, rival in rivals.items():
            if rival.sample not in read:
                read[rival.sample] = read_windows(case.recording, rival.sample)
            windows, weights = read[rival.sample]
            for part in hidden:
                shown = windows.without(part) if part else windows
                told[name, part].append(rival.tell(shown, weights))
    return told
