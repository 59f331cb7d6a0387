"""Data sets of kept features: windows as they are, and new pairs of pictures and sounds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from emo_core.checkpoint import load_checkpoint
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, ConcatDataset, Loader
from emo_core.models.group import Group
from emo_core.models.interface import FeatureBatch, Features, SupportsFeatures, collate_features
from emo_core.preprocess.augment import NONE, Augment
from emo_core.preprocess.sample import Sample, SampleConfig
from emo_core.synthetic.composed.dataset import OnTheFlyDataset, OnTheFlyWindow
from emo_core.synthetic.composed.halves import SceneHalves, draw_pair
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.training.feature_cache import Progress, cached_features
from emo_core.training.feature_heads import fit_heads
from emo_core.training.pretrain import Data
from emo_core.training.recipes import Recipe, RecipeError

STREAMS = ("video", "audio")


FeatureRow = tuple[Features, Any] | tuple[Features, Any, Sample]


def collate_feature_rows(rows: Sequence[FeatureRow]) -> FeatureBatch:
    """(features, target) of single windows, or with the inputs that are read beside, -> a batch."""
    features, targets, *inputs = zip(*rows, strict=True)
    return collate_features(features, targets, *inputs)


class LiveInputs:
    """What is read beside kept features: some fields of each window's Sample, the others empty."""

    def __init__(self, windows: ClipDataset, fields: Sequence[str]) -> None:
        self.windows, self.fields = windows, tuple(fields)

    def __getitem__(self, position: tuple[int, int]) -> Sample:
        sample = self.windows[position][0]
        rest: dict[str, Any] = {
            name: value[:0]
            for name, value in vars(sample).items()
            if isinstance(value, torch.Tensor) and name not in self.fields
        }
        return replace(sample, **rest)


class FeatureDataset(Dataset):
    """Windows whose features are known, with what a loader of clips knows of them."""

    collate = staticmethod(collate_feature_rows)

    def __init__(
        self,
        windows: Sequence[Any],
        rows: Sequence[Features],
        dropout: float = 0.0,
        streams: dict[str, tuple[str, ...]] | None = None,
        seed: int = 0,
        inputs: LiveInputs | None = None,
    ) -> None:
        """dropout: chance that a stream is missing; streams: the towers of each."""
        self.windows, self.rows, self.inputs = list(windows), list(rows), inputs
        self.dropout, self.streams, self.seed = dropout, streams or {}, seed

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def groups(self) -> np.ndarray:
        return np.array([window.group for window in self.windows])

    def __getitem__(self, position: tuple[int, int]) -> FeatureRow:
        epoch, index = position
        rng = np.random.default_rng([self.seed, epoch, index, 5])
        missing = drawn_stream(self.streams, self.dropout, rng)
        row, target = (
            mask_stream(self.rows[index], self.streams, missing),
            self.windows[index].target,
        )
        if self.inputs is None:
            return row, target
        return row, target, mask_inputs(missing, self.inputs[position])


class Half(NamedTuple):
    """One picture or sound: what was seen of it, its label ("" = none), and how it is acted."""

    row: Features
    label: str
    intensities: tuple[str, ...] = ()


class PairDataset(Dataset):
    """`count` new pairs an epoch: picture and sound say the same, or one of them says nothing."""

    collate = staticmethod(collate_feature_rows)

    def __init__(
        self,
        halves: Mapping[str, Sequence[Half]],
        labels: Sequence[str],
        target: Callable[[str, Sequence[str]], Any],
        count: int,
        dropout: float,
        streams: dict[str, tuple[str, ...]],
        seed: int,
    ) -> None:
        """halves: by stream; each says one of `labels` or "".

        target: of a label, and of the intensities of the halves that say it. Labels come in turn;
        where a stream has none of one, it says nothing of it.
        """
        self.count, self.dropout, self.streams, self.seed = count, dropout, streams, seed
        self.halves, self.labels, self.target = halves, tuple(labels), target
        self.members = {
            name: {
                label: [i for i, half in enumerate(own) if half.label == label]
                for label in (*labels, "")
            }
            for name, own in halves.items()
        }
        said = (self.labels[index % len(labels)] for index in range(count))
        self.windows = [OnTheFlyWindow(i, target(label, ())) for i, label in enumerate(said)]

    def __len__(self) -> int:
        return self.count

    @property
    def groups(self) -> np.ndarray:
        return np.array([window.group for window in self.windows])

    def __getitem__(self, position: tuple[int, int]) -> tuple[Features, Any]:
        epoch, index = position
        rng = np.random.default_rng([self.seed, epoch, index, 6])
        drawn = [
            self.halves[stream][int(rng.choice(self.members[stream][said]))]
            for stream, said in zip(STREAMS, self._said(rng, index), strict=True)
        ]
        row = {name: seen for half in drawn for name, seen in half.row.items()}
        acted = [word for half in drawn if half.label for word in half.intensities]
        target = self.target(self.labels[index % len(self.labels)], acted)
        return without_stream(row, self.streams, self.dropout, rng), target

    def numbers(self, stream: str) -> list[int]:
        """Of each half of a stream, the number of what it says; one more where it says nothing."""
        said = (half.label for half in self.halves[stream])
        return [self.labels.index(label) if label else len(self.labels) for label in said]

    def _said(self, rng: np.random.Generator, index: int) -> tuple[str, str]:
        """What picture and sound say, of what there is."""
        label = self.labels[index % len(self.labels)]
        video, audio = draw_pair(rng, label)
        if not len(self.members["video"][label]):
            return "", label
        return (video, audio) if len(self.members["audio"][label]) else (label, "")


class JoinedFeatures(ConcatDataset):
    """Several data sets of features, one after the other."""

    collate = staticmethod(collate_feature_rows)

    def __init__(self, parts: Sequence[Any]) -> None:
        self.datasets = list(parts)
        self.windows = [window for part in self.datasets for window in part.windows]


def without_stream(
    row: Features, streams: dict[str, tuple[str, ...]], chance: float, rng: np.random.Generator
) -> Features:
    """The same features, or with one stream's towers marked as missing."""
    return mask_stream(row, streams, drawn_stream(streams, chance, rng))


def drawn_stream(
    streams: Mapping[str, Sequence[str]], chance: float, rng: np.random.Generator
) -> str:
    """A stream that is to be missing, each by `chance`; mostly none, ""."""
    drawn = rng.random()
    for number, stream in enumerate(streams, start=1):
        if (number - 1) * chance <= drawn < number * chance:
            return stream
    return ""


def mask_stream(row: Features, streams: Mapping[str, Sequence[str]], missing: str) -> Features:
    """The same features with the towers of the stream `missing` marked so; "" = none is."""
    if not missing:
        return row
    return {
        name: replace(seen, mask=torch.zeros_like(seen.mask)) if name in streams[missing] else seen
        for name, seen in row.items()
    }


def mask_inputs(missing: str, sample: Sample) -> Sample:
    """The same sample with the stream `missing`, "video" or "audio", marked so; "" = none is."""
    names = {"video": ("video_mask", "face_mask"), "audio": ("mel_mask",)}.get(missing, ())
    masks: dict[str, Any] = {name: torch.zeros_like(getattr(sample, name)) for name in names}
    return replace(sample, **masks)


def with_features(recipe: Recipe, model: Any, data: Data, progress: Progress | None = None) -> Data:
    """The same data as kept features of the model's towers, which are fixed from here on.

    Raises RecipeError where this model has no such towers.
    """
    precision, fields = recipe.features.precision, live_inputs(recipe, model)
    model.to("cuda" if torch.cuda.is_available() else "cpu").freeze_towers()
    config, seed, workers = recipe.train, recipe.train.seed, recipe.train.num_workers
    streams = {stream: model.towers_of(stream) for stream in STREAMS}
    dropout = recipe.augment.modality_dropout

    def read(windows: Any, key: Sequence[object], names: Sequence[str]) -> list[Features]:
        return cached_features(model, windows, key, names, workers, progress, precision)

    def files(loader: Loader, chance: float) -> FeatureDataset | None:
        own = [w for w in loader.dataset.windows if not isinstance(w, OnTheFlyWindow)]
        if not own:
            return None
        plain = ClipDataset(own, Cache(recipe.sample))
        key = ["windows", decisive_sample(recipe.sample), *(w.key(plain.cache) for w in own)]
        learning = loader is data.train
        sound = ClipDataset(own, plain.cache, sound_changes(recipe.augment), seed)
        inputs = LiveInputs(sound if learning else plain, fields) if fields else None
        return FeatureDataset(own, read(plain, key, STREAMS), chance, streams, seed, inputs)

    own = files(data.train, dropout)
    parts: list[Any] = [] if own is None else [own]
    if data.sources is not None and recipe.samples_on_the_fly:
        composer = next(d for d in data.train.dataset.datasets if isinstance(d, OnTheFlyDataset))
        halves = {
            stream: [
                Half(row, part.label(i), part.intensities(i))
                for part in made
                for i, row in enumerate(read(part, part.key, [stream]))
            ]
            for stream, made in _scene_halves(recipe, composer, data.sources).items()
        }
        asked = (composer.labels, composer.target_of, recipe.samples_on_the_fly)
        parts.append(PairDataset(halves, *asked, dropout, streams, seed))
    if isinstance(model, Group) and model.config.mixture:
        if knows_its_labels(recipe):
            model.freeze_heads()
        else:
            fit_heads(model, said_by_streams(parts, streams), recipe.features.head_l2)
    train = JoinedFeatures(parts)
    valid = files(data.valid, 0.0)
    return replace(
        data,
        train=Loader(train, config.batch_size, True, seed),
        valid=Loader(valid, config.batch_size, False),
    )


def sound_changes(augment: Augment) -> Augment:
    """Of the changes to a training window those that its sound alone may have."""
    changes = Augment(0, 0, 0, augment.gain_db, spec_stripes=augment.spec_stripes)
    return changes if changes != NONE else NONE


def decisive_sample(config: SampleConfig) -> dict[str, Any]:
    """Settings of a sample that decide what towers see; as until 0.2 where no waveform is kept."""
    settings = config.as_dict()
    return settings if config.wave else {k: v for k, v in settings.items() if k != "wave"}


def live_inputs(recipe: Recipe, model: Any) -> tuple[str, ...]:
    """The fields of a Sample that the model reads beside kept features.

    Raises RecipeError where none of its features can be kept, or where such fields are not there.
    """
    if not (isinstance(model, SupportsFeatures) and any(map(model.kept_towers, STREAMS))):
        raise RecipeError(
            "features of {model} can't be kept; expected a model with frozen towers; give --set "
            "features.windows=false.",
            model=recipe.model,
        )
    fields = model.live_inputs()
    if fields and recipe.samples_on_the_fly:
        raise RecipeError(
            "{model} reads {field} beside kept features, which pairs that are drawn anew do not "
            "have; give --set samples_on_the_fly=0 or --set features.windows=false.",
            model=recipe.model,
            field=fields[0],
        )
    return fields


def knows_its_labels(recipe: Recipe) -> bool:
    """Whether a run starts from a model of the same labels, whose heads saw more clips."""
    name = recipe.init_checkpoint if recipe.init_scope == "model" else ""
    return bool(name) and load_checkpoint(name).labels == tuple(recipe.task.labels)


def _scene_halves(
    recipe: Recipe, composer: OnTheFlyDataset, sources: SourcePool
) -> dict[str, list[SceneHalves]]:
    """Pictures and sounds of train people, and pictures of people unknown."""
    counts = {"video": recipe.features.videos, "audio": recipe.features.audios}
    rest = (recipe.sample, recipe.train.seed)
    made = {
        stream: [SceneHalves(composer.make, sources, stream, count, *rest)]
        for stream, count in counts.items()
    }
    if more := recipe.features.more_videos:
        faces = composer.more_faces(sources.root / recipe.features.more_faces)
        made["video"].append(SceneHalves(composer.make, faces, "video", more, *rest))
    return made


def said_by_streams(
    parts: Sequence[Any], streams: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[list[Features], list[int]]]:
    """By stream, features and the number of the class that it says; one more = it says nothing.

    Of a clip both streams are taken to say its label; one that is not there is left out. streams:
    the towers of each.
    """
    said: dict[str, tuple[list[Features], list[int]]] = {name: ([], []) for name in STREAMS}
    for part in parts:
        for stream, (rows, numbers) in said.items():
            if isinstance(part, PairDataset):
                rows += [half.row for half in part.halves[stream]]
                numbers += part.numbers(stream)
            else:
                for row, window in zip(part.rows, part.windows, strict=True):
                    if any(bool(row[name].mask.any()) for name in streams[stream]):
                        rows.append(row)
                        numbers.append(int(window.target))
    return said
