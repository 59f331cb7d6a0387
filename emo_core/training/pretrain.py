"""What a run learns before its clips: single frames, photographs and voices."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from emo_core.data.dataset import Loader
from emo_core.distributed import on_rank_zero
from emo_core.messages import say
from emo_core.models.group import Group
from emo_core.models.mesm import Mesm
from emo_core.models.pretraining_heads import (
    AudioPretrainHead,
    TowerPretrainHead,
    VideoPretrainHead,
)
from emo_core.old_names import current_state
from emo_core.synthetic.composed.pretraining import (
    Faces,
    Frames,
    Photographs,
    PretrainDataset,
    PretrainStage,
    SceneAudio,
    Voices,
)
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.synthetic.drawn.dataset import FrameDataset, SceneWindow
from emo_core.tasks import FrameLabel
from emo_core.training.init_weights import take_backbones, take_model
from emo_core.training.recipes import Recipe, RecipeError
from emo_core.training.run_files import as_training_error, atomic_save
from emo_core.training.run_folder import ClipDigests
from emo_core.training.trainer import Trainer

LogLine = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Data:
    """The loaders of one run, and what could not be used."""

    train: Loader
    valid: Loader
    problems: tuple[str, ...]
    sources: SourcePool | None = None  # what collages are composed of, where a run composes any
    statement: str = ""  # text of the DATA.md that lies with the corpus
    clips: ClipDigests = field(default_factory=dict)  # what they are, by content


class StageKind(NamedTuple):
    """A kind of pre-training: what a backbone is shown, and the head that reads it."""

    name: str  # the recipe's field with its settings, a PretrainStage
    stream: str  # whose backbone learns
    dataset: Callable[[PretrainStage, Recipe, Data], Any]  # a dataset; None where a run has no such
    head: Callable[[Any, int], nn.Module]  # (model, classes) -> what is trained


def _drawn_frames(_: PretrainStage, recipe: Recipe, data: Data) -> FrameDataset | None:
    """Single frames of drawn scenes, where a run has any."""
    scenes = [w for w in data.train.dataset.windows if isinstance(w, SceneWindow)]
    return FrameDataset(scenes, data.train.dataset.cache, recipe.train.seed) if scenes else None


def _dataset_of(kind: type[PretrainDataset]) -> Callable[[PretrainStage, Recipe, Data], Any]:
    """Photographs, recordings or scenes of them, where a run has any."""

    def build(stage: PretrainStage, recipe: Recipe, data: Data) -> PretrainDataset | None:
        if data.sources is None:
            return None
        return kind(data.sources, stage, recipe.sample, recipe.train.seed)

    return build


def _tower(stream: str) -> Callable[[Mesm, int], nn.Module]:
    return lambda model, classes: TowerPretrainHead(getattr(model, stream), model.config, classes)


STAGES: dict[type[nn.Module], tuple[StageKind, ...]] = {  # of a model, in the order they run
    Group: (
        StageKind("drawn_frames", "video", _drawn_frames, VideoPretrainHead),
        StageKind("faces", "video", _dataset_of(Photographs), VideoPretrainHead),
        StageKind("frames", "video", _dataset_of(Frames), VideoPretrainHead.sharing_head),
        StageKind("voices", "audio", _dataset_of(Voices), AudioPretrainHead),
        StageKind("mixes", "audio", _dataset_of(SceneAudio), AudioPretrainHead.sharing_head),
    ),
    Mesm: (
        StageKind("faces", "video", _dataset_of(Faces), _tower("video")),
        StageKind("voices", "audio", _dataset_of(Voices), _tower("audio")),
    ),
}


def pretrain(
    recipe: Recipe,
    model: Any,
    data: Data,
    log_line: LogLine,
    progress: Progress | None = None,
    state_file: Path | None = None,
) -> None:
    """Run the recipe's stages of pre-training, in place: single frames and parts, then scenes.

    From clip labels alone a small network from scratch does not find a mouth of four pixels in
    24,000 clips; from labels of single frames it does in 100,000 of them
    (docs/experiments/0003, 0005 and 0014).

    state_file: takes the state after each stage; the stages that it already holds are not repeated.
    """
    _refuse_unread(recipe, model)
    if recipe.init_checkpoint and recipe.init_scope == "model":
        take_model(recipe.init_checkpoint, model, recipe.task.labels)
    elif recipe.init_checkpoint:
        take_backbones(recipe.init_checkpoint, model)
    kinds = [kind for kind in STAGES.get(type(model), ()) if _is_wanted(kind, recipe, model)]
    done = _resume_stages(model, state_file, log_line) if state_file and state_file.is_file() else 0
    for number, kind in enumerate(kinds[done:], start=done + 1):
        _run_stage(kind, recipe, model, data, log_line, progress)
        if state_file:
            state = {"model": model.state_dict(), "chance": torch.get_rng_state(), "done": number}
            on_rank_zero(partial(atomic_save, state, state_file))


def _resume_stages(model: Any, state_file: Path, log_line: LogLine) -> int:
    """Put the state of a killed run into a model; return how many steps it had done."""
    with as_training_error(state_file):
        state = current_state(torch.load(state_file, map_location="cpu", weights_only=True))
        model.load_state_dict(state["model"])
        torch.set_rng_state(state["chance"])
        done = int(state["done"])
    log_line(f"pre-training goes on after stage {done}")
    return done


def _is_wanted(kind: StageKind, recipe: Recipe, model: Any) -> bool:
    return getattr(recipe, kind.name).epochs > 0 and hasattr(model, kind.stream)


def _refuse_unread(recipe: Recipe, model: Any) -> None:
    """Raise RecipeError for a stage that this model has no head for."""
    known = {kind.name for kind in STAGES.get(type(model), ())}
    every = {kind.name for kinds in STAGES.values() for kind in kinds}
    if unread := sorted(n for n in every - known if getattr(recipe, n).epochs):
        raise RecipeError(
            "{model} has no pre-training by {unread}; it has {known}; leave the epochs of the "
            "others at 0.",
            model=recipe.model,
            unread=", ".join(unread),
            known=", ".join(sorted(known)) or say("none"),
        )


def _run_stage(
    kind: StageKind,
    recipe: Recipe,
    model: Any,
    data: Data,
    log_line: LogLine,
    progress: Progress | None,
) -> None:
    """Train one head and its backbone, in place; the backbone stays with the model."""
    stage: PretrainStage = getattr(recipe, kind.name)
    shown = kind.dataset(stage, recipe, data)
    if shown is None:
        return
    config = replace(
        recipe.train,
        epochs=stage.epochs,
        lr=stage.lr,
        backbone_lr=stage.lr,
        warmup_fraction=0.05,
        ema_decay=stage.ema_decay,
    )
    head = kind.head(model, len(shown.classes))
    task = FrameLabel(tuple(shown.classes), stage.smoothing)
    trainer = Trainer(head, task, config, progress=progress)
    loader = Loader(shown, stage.batch_size, True, recipe.train.seed, config.num_workers)
    for epoch in trainer.epochs(loader, None, kind.name):
        log_line(f"{kind.name} {epoch.index + 1}/{stage.epochs}: loss {epoch.loss:.4f}")
    head.load_state_dict(trainer.scored_model.state_dict())
