"""What a run learns before its clips: single frames, photographs and voices."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emo_core.checkpoint import CheckpointError, load_checkpoint
from emo_core.data.dataset import Loader
from emo_core.distributed import on_rank_zero
from emo_core.models.group import AudioPretrainHead, Group, VideoPretrainHead
from emo_core.models.mesm import Mesm
from emo_core.models.pretraining_heads import TowerPretrainHead
from emo_core.synthetic.composed.pretraining import (
    Faces,
    Frames,
    Mixes,
    Photographs,
    Voices,
    Warm,
    WarmDataset,
)
from emo_core.synthetic.composed.sources import Sources
from emo_core.synthetic.drawn.dataset import FRAME_LABELS, FrameDataset, SceneWindow
from emo_core.tasks import FrameLabel, Task
from emo_core.training.recipes import Recipe, RecipeError
from emo_core.training.trainer import Trainer, as_training_error, atomic_save

Tell = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def _read(stream: str) -> Callable[[Mesm, int], nn.Module]:
    return lambda model, classes: TowerPretrainHead(getattr(model, stream), model.config, classes)


STEPS = {  # model -> stream, what it is shown, what reads it, the recipe's field
    Group: (
        ("video", Photographs, VideoPretrainHead, "faces"),
        ("video", Frames, VideoPretrainHead.sharing_head, "frames"),
        ("audio", Voices, AudioPretrainHead, "voices"),
        ("audio", Mixes, AudioPretrainHead.sharing_head, "mixes"),
    ),
    Mesm: (
        ("video", Faces, _read("video"), "faces"),
        ("audio", Voices, _read("audio"), "voices"),
    ),
}


@dataclass(frozen=True)
class Data:
    """The loaders of one run, and what could not be used."""

    train: Loader
    valid: Loader
    problems: tuple[str, ...]
    sources: Sources | None = None  # what collages are composed of, where a run composes any
    statement: str = ""  # text of the DATA.md that lies with the corpus


def warm_up(
    recipe: Recipe,
    model: Any,
    data: Data,
    tell: Tell,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> None:
    """Teaches the backbones what the recipe says, in place: single parts first, then scenes.

    From clip labels alone a small network from scratch does not find a mouth of four pixels in
    24,000 clips; told what each frame shows, it does in 100,000 frames
    (docs/experiments/0003, 0005 and 0014).

    kept: a file that takes the state after each step; where there is one, what it holds is done.
    """
    _refuse_unread(recipe, model)
    if recipe.initial:
        take_backbones(recipe.initial, model)
    steps = [partial(step, recipe, model, data, tell, progress) for step in _steps(recipe, model)]
    done = _taken_up(model, kept, tell) if kept and kept.is_file() else 0
    for number, step in enumerate(steps[done:], start=done + 1):
        step()
        if kept:
            state = {"model": model.state_dict(), "chance": torch.get_rng_state(), "done": number}
            on_rank_zero(partial(atomic_save, state, kept))


def _taken_up(model: Any, kept: Path, tell: Tell) -> int:
    """Puts the state of a killed run into a model; returns how many steps it had done."""
    with as_training_error(kept):
        state = torch.load(kept, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        torch.set_rng_state(state["chance"])
        done = int(state["done"])
    tell(f"warm-up goes on after step {done}")
    return done


def _steps(recipe: Recipe, model: Any) -> list[Callable]:
    steps = [_drawn] if recipe.warm_up and hasattr(model, "video") else []
    for stream, kind, reader, what in STEPS.get(type(model), ()):
        if getattr(recipe, what).passes and hasattr(model, stream):
            steps.append(partial(_composed, kind, reader, what))
    return steps


def _drawn(recipe: Recipe, model: Any, data: Data, tell: Tell, progress: Progress | None) -> None:
    """Single frames of drawn scenes, where a run has any."""
    scenes = [w for w in data.train.dataset.windows if isinstance(w, SceneWindow)]
    if not scenes:
        return
    frames = FrameDataset(scenes, data.train.dataset.cache, recipe.train.seed)
    reader, task = VideoPretrainHead(model, len(FRAME_LABELS)), FrameLabel(FRAME_LABELS)
    warm = Warm(recipe.warm_up, 0, recipe.warm_up_lr, recipe.warm_up_batch)
    _warm(reader, task, frames, recipe, warm, "warm-up", tell, progress)


def _composed(
    kind: type[WarmDataset],
    reader: Callable,
    what: str,
    recipe: Recipe,
    model: Any,
    data: Data,
    tell: Tell,
    progress: Progress | None,
) -> None:
    """Parts or scenes of photographs and recordings, where a run has any."""
    if data.sources is None:
        return
    warm = getattr(recipe, what)
    shown = kind(data.sources, warm, recipe.sample, recipe.train.seed)
    task = FrameLabel(tuple(shown.classes), warm.smoothing)
    _warm(reader(model, len(shown.classes)), task, shown, recipe, warm, what, tell, progress)


def _refuse_unread(recipe: Recipe, model: Any) -> None:
    """Raises RecipeError for a step that this model has no reader for."""
    known = {what for _, _, _, what in STEPS.get(type(model), ())}
    known |= {"warm_up"} if isinstance(model, Group) else set()
    asked = {
        what for what in ("faces", "frames", "voices", "mixes") if getattr(recipe, what).passes
    }
    asked |= {"warm_up"} if recipe.warm_up else set()
    if unread := sorted(asked - known):
        raise RecipeError(
            f"{recipe.model} has no warm-up by {', '.join(unread)}; it has "
            f"{', '.join(sorted(known)) or 'none'}; leave the others at 0."
        )


def take_backbones(name: str, model: Any) -> None:
    """Copies the backbones of a checkpoint into a model, in place.

    Raises CheckpointError where they have other shapes.
    """
    found = load_checkpoint(name).model
    for stream in ("video", "audio"):
        if hasattr(model, stream) and hasattr(found, stream):
            try:
                state = getattr(found, stream).backbone.state_dict()
                getattr(model, stream).backbone.load_state_dict(state)
            except (RuntimeError, AttributeError) as error:
                raise CheckpointError(
                    f"the {stream} backbone of {name} does not fit this recipe's; expected the "
                    "same kind and widths; give --set initial= to start from nothing."
                ) from error


def _warm(
    reader: nn.Module,
    task: Task,
    dataset: Any,
    recipe: Recipe,
    warm: Warm,
    what: str,
    tell: Tell,
    progress: Progress | None,
) -> None:
    rate, passes, seed = warm.learning, warm.passes, recipe.train.seed
    config = replace(
        recipe.train,
        epochs=passes,
        lr=rate,
        backbone_lr=rate,
        warmup_fraction=0.05,
        ema_decay=warm.average,
    )
    trainer = Trainer(reader, task, config, progress=progress)
    loader = Loader(dataset, warm.rows, True, seed, config.num_workers)
    for epoch in trainer.epochs(loader, None, what):
        tell(f"{what} {epoch.index + 1}/{passes}: loss {epoch.loss:.4f}")
    reader.load_state_dict(trainer.scored_model.state_dict())
