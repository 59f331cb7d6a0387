"""Named runs: a recipe is a value; its docstring says what it reproduces, on what, in what time."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from emo_core.checkpoint import Calibration, Checkpoint, save_checkpoint
from emo_core.data import read_corpus
from emo_core.data.augment import Augment
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, CorpusError, hold_out, refuse_leaks
from emo_core.data.dataset import ClipDataset, Loader, file_windows, prepare
from emo_core.data.staged_corpus import FrameDataset, SceneWindow, rendered
from emo_core.models import MODELS
from emo_core.models.group import PAPER as GROUP_PAPER
from emo_core.models.group import POCKET as GROUP_POCKET
from emo_core.models.group import FrameReader, GroupConfig
from emo_core.sample import PAPER as PAPER_SAMPLE
from emo_core.sample import SampleConfig
from emo_core.tasks import FrameLabel, SingleLabel
from emo_core.train import Epoch, TrainConfig, Trainer

FRAME_EVERY = 4  # of the 16 frames of a scene, one in so many is shown in an epoch of warm-up
DRAWN_WORLD = "This model has only ever seen drawings: on a real clip its answer means nothing yet."


class RecipeError(Exception):
    """A recipe, a setting or a run folder that can't be used; the message says what to do."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, beside the data and the seed."""

    corpus: str
    model: str = "group"
    settings: GroupConfig = field(default_factory=GroupConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    task: SingleLabel = field(default_factory=SingleLabel)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: Augment = field(default_factory=Augment)
    held_out: float = 0.1  # share of train, by source, that early stopping looks at
    rendered: int = 0  # drawn scenes added to train without becoming files
    warm_up: int = 0  # epochs in which the video backbone first learns single rendered frames
    world: str = ""  # what a visitor must know of the training data


def group_vgaf() -> Recipe:
    """Paper 1 (arXiv 2111.05890) on VGAF: R(2+1)D-18 + CNN14, two-way cross-modal attention.

    Published: 60.37 % on Val; 58-64 % expected, hyper-parameters assumed. Not run here: VGAF is
    gated. Needs a GPU of 24 GB; weights are fetched at first use.
    """
    return Recipe("vgaf", settings=replace(GROUP_PAPER, pretrained=True), sample=PAPER_SAMPLE)


def group_vgaf_pocket() -> Recipe:
    """The pocket model on VGAF from scratch: for a laptop; no published score to compare with."""
    return Recipe(
        "vgaf",
        settings=GROUP_POCKET,
        train=TrainConfig(epochs=40, batch=32, lr=1e-3, backbone_lr=1e-3, patience=10),
        augment=Augment(drop=0.05, shorten=0.2),
    )


def group_staged() -> Recipe:
    """The shipped pocket checkpoint, on drawn groups: `emo data make staged`, then this.

    Ceilings by construction: one modality 0.767, late fusion 0.900, alignment 1.000.
    Measured: 0.858 on test (seed 0). Two CPU cores, about ten minutes after drawing. The
    warm-up uses the planted evidence of rendered scenes as frame labels.
    """
    return Recipe(
        "staged",
        settings=GROUP_POCKET,
        train=TrainConfig(epochs=4, batch=32, lr=2e-3, backbone_lr=2e-3, patience=8),
        augment=Augment(zoom=0.0, drop=0.15, shorten=0.1, thin=2),
        rendered=6_000,
        warm_up=8,
        world=DRAWN_WORLD,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "group-vgaf": group_vgaf,
    "group-vgaf-pocket": group_vgaf_pocket,
    "group-staged": group_staged,
}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`; raises RecipeError with the known names."""
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r} is not known; expected one of {', '.join(RECIPES)}.")
    return RECIPES[name]()


def setting_names(value: Any, prefix: str = "") -> dict[str, type]:
    """Every dotted setting of a recipe with its type: {"train.lr": float, ...}."""
    names: dict[str, type] = {}
    for f in fields(value):
        kind, current = get_type_hints(type(value))[f.name], getattr(value, f.name)
        if is_dataclass(current):
            names |= setting_names(current, f"{prefix}{f.name}.")
        else:
            names[prefix + f.name] = kind
    return names


def with_setting(recipe: Recipe, text: str) -> Recipe:
    """A recipe with one `key=value` changed; `lr` is enough where only one setting ends so.

    Raises RecipeError on an unknown or ambiguous key and on a value of the wrong type.
    """
    key, equals, value = text.partition("=")
    names = setting_names(recipe)
    found = [n for n in names if n == key] or [n for n in names if n.endswith(f".{key}")]
    if not equals or len(found) != 1:
        why = "is ambiguous" if len(found) > 1 else "is not key=value of a known setting"
        raise RecipeError(f"{text!r} {why}; expected one of {', '.join(found or sorted(names))}.")
    return _replaced(recipe, found[0].split("."), _typed(found[0], value, names[found[0]]))


def _replaced(value: Any, path: Sequence[str], new: Any) -> Any:
    if len(path) > 1:
        new = _replaced(getattr(value, path[0]), path[1:], new)
    return replace(value, **{path[0]: new})


def _typed(key: str, text: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float, str):
            return kind(text)
        return tuple(type(kind.__args__[0]())(part) for part in text.split(","))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise RecipeError(f"{key}={text!r} is not of type {name}; give such a value.") from error


@dataclass(frozen=True)
class Data:
    """The loaders of one run, and what could not be used."""

    train: Loader
    valid: Loader
    problems: tuple[str, ...]


def loaders(
    recipe: Recipe, root: Path, seed: int, progress: Callable[[int, int], None] | None = None
) -> Data:
    """Reads, checks, splits by source and decodes the training data of a recipe."""
    corpus = refuse_leaks(read_corpus(recipe.corpus, root))
    if tuple(corpus.labels) != tuple(recipe.task.labels):
        raise CorpusError(f"{root.name} has labels {corpus.labels}; expected {recipe.task.labels}.")
    rest, held = hold_out(corpus.split("train"), recipe.held_out, seed)
    cache = Cache(recipe.sample)
    windows = [file_windows(part, corpus.labels) for part in (rest, held)]
    names = {window.name for window in windows[1]}
    usable, problems = prepare([*windows[0], *windows[1]], cache, progress=progress)
    scenes = rendered(recipe.rendered, seed)
    prepare(scenes, cache, progress=progress)
    config = recipe.train
    train = [w for w in usable if w.name not in names] + scenes
    valid = [w for w in usable if w.name in names]
    return Data(
        Loader(
            ClipDataset(train, cache, recipe.augment, seed),
            config.batch, True, seed, config.workers,
        ),
        Loader(ClipDataset(valid, cache), config.batch, False, workers=config.workers),
        (*corpus.problems, *problems),
    )  # fmt: skip


def open_run(run: Path, name: str, recipe: Recipe, root: Path, resume: bool) -> None:
    """Makes or reopens a run folder; raises RecipeError where it belongs to another run."""
    described = {"recipe": name, "settings": asdict(recipe), "data": str(root.resolve())}
    described = json.loads(json.dumps(described))  # tuples become lists, as in the file
    path = run / "run.json"
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if not resume:
            raise RecipeError(f"{run} holds a run already; add --resume or choose another --out.")
        if found != described:
            raise RecipeError(
                f"{run} holds a run with other settings or data; expected the same recipe, --set, "
                "--seed and --data as at its start; choose another --out."
            )
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise RecipeError(f"{run} holds something that is no run; choose an empty or new folder.")
    try:
        run.mkdir(parents=True, exist_ok=True)
        part = run / "run.json.part"
        part.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        why = f"{run} can't be written ({error.strerror}); choose another --out."
        raise RecipeError(why) from error


def build(recipe: Recipe) -> Any:
    """The untrained model of a recipe."""
    model_class, _, _ = MODELS[recipe.model]
    return model_class(recipe.settings)


def start(recipe: Recipe, run: Path, data: Data, resume: bool) -> tuple[Trainer, Iterator[Epoch]]:
    """The trainer of a run, and its epochs: `for epoch in epochs` trains."""
    import torch

    torch.manual_seed(recipe.train.seed)
    model = build(recipe)
    if not resume or not (run / "resume.pt").is_file():
        warm_up(recipe, model, data)
    trainer = Trainer(model, recipe.task, recipe.train, run)
    if resume:
        trainer.resume()
    return trainer, trainer.epochs(data.train, data.valid)


def warm_up(recipe: Recipe, model: Any, data: Data) -> None:
    """Teaches the video backbone single frames of the rendered scenes, if the recipe says so.

    From clip labels alone a small network from scratch does not find a mouth of four pixels in
    12,000 clips; told which frames act the label, it does in 50,000 frames (docs/log.md).
    """
    scenes = [w for w in data.train.dataset.windows if isinstance(w, SceneWindow)]
    if not (recipe.warm_up and scenes and hasattr(model, "video")):
        return
    config = replace(recipe.train, epochs=recipe.warm_up, lr=3e-3, backbone_lr=3e-3)
    frames = FrameDataset(scenes, data.train.dataset.cache, FRAME_EVERY, config.seed)
    loader = Loader(frames, config.batch, True, config.seed)
    trainer = Trainer(FrameReader(model), FrameLabel(recipe.task.labels), config)
    for epoch in range(recipe.warm_up):
        loss = trainer.train_epoch(loader, epoch)
        logging.getLogger(__name__).info("warm-up %d: loss %.4f", epoch + 1, loss)


def finish(name: str, recipe: Recipe, run: Path, trainer: Trainer, data: Data) -> dict:
    """Calibrates the best weights on held-out sources and writes `checkpoint/`; returns scores."""
    trainer.load_best()
    logits, target = trainer.logits(data.valid)
    scores = trainer.evaluate(data.valid)
    temperature = recipe.task.calibrate(logits, target)
    training = {
        "recipe": name, "seed": recipe.train.seed, "corpus": recipe.corpus,
        "rendered": recipe.rendered, "held_out": scores, "world": recipe.world,
    }  # fmt: skip
    checkpoint = Checkpoint(
        run.name, trainer.model, recipe.model, recipe.settings, recipe.sample, recipe.task.labels,
        Calibration(temperature), training,
    )  # fmt: skip
    save_checkpoint(run / "checkpoint", checkpoint, card(checkpoint))
    return scores


def card(checkpoint: Checkpoint) -> str:
    """The model card of a finished run, from what was measured."""
    t = checkpoint.training
    scores = t["held_out"]
    rows = [
        f"| {label} | {part['recall']:.3f} | {part['n']} |"
        for label, part in scores["per_class"].items()
        if part["recall"] is not None
    ]
    low, high = scores["interval"]
    return "\n".join(
        [
            f"# {checkpoint.name}",
            "",
            f"Recipe `{t['recipe']}`, seed {t['seed']}, corpus `{t['corpus']}`"
            + (f" and {t['rendered']} rendered scenes" if t["rendered"] else "") + ".",
            t["world"],
            "",
            "## Scores on held-out training sources",
            "",
            f"Accuracy {scores['accuracy']:.3f} (95 % interval over sources {low:.3f} to "
            f"{high:.3f}), UAR {scores['uar']:.3f}, macro F1 {scores['f1']:.3f}, "
            f"n = {scores['n']}; always the commonest class: {scores['chance']:.3f}.",
            "",
            "| class | recall | clips |",
            "|---|---|---|",
            *rows,
            "",
            "## Calibration",
            "",
            f"Temperature {checkpoint.calibration.temperature:.3f}, chosen on the same clips; "
            f'"not sure" below {checkpoint.calibration.abstain_below:g}.',
            "",
            "## Intended and forbidden use",
            "",
            "For teaching and research. The label is perceived group affect, as annotators would "
            "say it; never what a person feels. Not for use at work, in class or on anybody who "
            "has not agreed.",
            "",
        ]
    )  # fmt: skip


def score_corpus(checkpoint: Checkpoint, corpus: Corpus, split: str,
                 progress: Callable[[int, int], None] | None = None) -> dict:  # fmt: skip
    """Scores of a checkpoint on one split of a corpus, as `emo evaluate` prints them."""
    if tuple(corpus.labels) != tuple(checkpoint.labels):
        raise CorpusError(
            f"{corpus.root.name} has labels {', '.join(corpus.labels)}; "
            f"{checkpoint.name} answers {', '.join(checkpoint.labels)}; choose a matching model."
        )
    cache = Cache(checkpoint.sample)
    windows, problems = prepare(
        file_windows(corpus.split(split), corpus.labels), cache, progress=progress
    )
    task = SingleLabel(tuple(checkpoint.labels))
    trainer = Trainer(checkpoint.model, task, TrainConfig())
    loader = Loader(ClipDataset(windows, cache), 32, False)
    logits, target = trainer.logits(loader)
    from emo_core.metrics import calibration_error
    from emo_core.train import split_scores

    calibrated = task.probabilities(logits, checkpoint.calibration.temperature).numpy()
    return {
        "model": checkpoint.name,
        "corpus": corpus.name,
        "split": split,
        **split_scores(task, logits, target, loader),
        "calibration_error": calibration_error(calibrated, target.numpy()),
        "errors": [*corpus.problems, *problems],
    }
