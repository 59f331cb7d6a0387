"""What is said of a clip: records, and their form in JSON."""

from dataclasses import dataclass, field

from emo_core.clip import Clip
from emo_core.inference.presence import Presence
from emo_core.preprocess.sample import Sample


@dataclass(frozen=True)
class Span:
    """The model's answer to one window."""

    start_s: float
    end_s: float
    probabilities: dict[str, float]  # {} where the model gives values
    values: dict[str, float] | None = None  # mean valence and arousal, each -1 to 1


@dataclass(frozen=True)
class Moment:
    """Valence and arousal at one time of the clip, each -1 to 1."""

    time_s: float
    valence: float
    arousal: float


@dataclass(frozen=True)
class Media:
    """Facts of the file."""

    duration_s: float
    fps: float | None
    width: int | None  # pixels, as displayed
    height: int | None
    has_audio: bool
    has_video: bool
    variable_rate: bool
    channels: int | None
    audio_rate: int | None  # Hz
    rotation: int  # degrees
    video_codec: str | None
    audio_codec: str | None


@dataclass(frozen=True)
class Prediction:
    """Perceived affect of one clip, and what it rests on.

    Single label: `probabilities` sum to one. Multi-label: each is of its own question, and
    `present` are those above their thresholds. Valence and arousal: no probabilities and no label,
    but `values` and `moments`. Where there is `nobody` to read, the scores are kept for whoever
    wants to explain them, but they are no answer, and `as_dict` leaves them out.
    """

    clip: str
    model: str
    labels: tuple[str, ...]
    probabilities: dict[str, float]  # calibrated, mean over the windows by their length
    label: str | None  # the most probable one, also when `abstains`
    abstains: bool  # True = "not sure"
    timeline: tuple[Span, ...]
    modality_share: dict[str, float]  # exact Shapley values of the label's logit, or of valence
    frame_times_s: tuple[float, ...]  # of the frames really used
    media: Media
    notes: tuple[str, ...]  # what a person should know: a missing modality, time not read
    seconds: dict[str, float]  # "decode", "model"
    samples: tuple[Sample, ...] = field(default=(), repr=False)  # what the model saw, by window
    task: str = "single_label"
    modality_shares: dict[str, dict[str, float]] = field(default_factory=dict)  # of every label
    present: tuple[str, ...] | None = None
    values: dict[str, float] | None = None
    moments: tuple[Moment, ...] | None = None
    presence: Presence = Presence()  # faces and voice that were found
    nobody: str | None = None  # why there is nobody to read, in a sentence

    @property
    def best_label(self) -> str:
        """The most probable label; raises ValueError for valence and arousal, which have none."""
        if self.label is None:
            raise ValueError(f"{self.model} gives values and no label; expected a model of classes")
        return self.label

    def as_dict(self) -> dict:
        """The answer in the form `emo predict --json` prints; what a task has not, is left out."""
        return self._facts() | (self._answer() if self.nobody is None else self._no_answer())

    def _facts(self) -> dict:
        found = self.presence
        frames = [
            {"time_s": f.time_s, "boxes": [list(b) for b in f.boxes], "people": list(f.people)}
            for f in found.frames
        ]
        return {
            "clip": self.clip,
            "model": self.model,
            "task": self.task,
            "labels": list(self.labels),
            "abstains": self.abstains,
            "nobody": self.nobody,
            "faces": {"most": found.most_faces, "frames": frames},
            "voice_s": found.voice_s,
            "frame_times_s": list(self.frame_times_s),
            "media": vars(self.media),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }

    def _answer(self) -> dict:
        return {
            "probabilities": self.probabilities,
            "label": self.label,
            "timeline": [_stated(span) for span in self.timeline],
            "modality_share": self.modality_share,
            "modality_shares": self.modality_shares,
            **({} if self.present is None else {"present": list(self.present)}),
            **({} if self.values is None else {"values": self.values}),
            **({} if self.moments is None else {"moments": [vars(m) for m in self.moments]}),
        }

    def _no_answer(self) -> dict:
        return {
            "probabilities": {},
            "label": None,
            "timeline": [],
            "modality_share": {},
            "modality_shares": {},
            **({} if self.present is None else {"present": []}),
            **({} if self.values is None else {"values": None}),
            **({} if self.moments is None else {"moments": []}),
        }


def _stated(span: Span) -> dict:
    return {name: value for name, value in vars(span).items() if value is not None}


def media_facts(clip: Clip) -> Media:
    """Facts of a clip's file."""
    width, height = clip.size if clip.size else (None, None)
    return Media(
        round(clip.duration_s, 3),
        round(clip.fps, 3) if clip.fps else None,
        width,
        height,
        clip.has_audio,
        clip.has_video,
        clip.variable_rate,
        clip.channels,
        clip.sample_rate,
        clip.rotation,
        clip.video_codec,
        clip.audio_codec,
    )
