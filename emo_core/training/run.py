"""One training run: its data, its folder, its start and its end; and a checkpoint's scores."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.corpora import CORPORA, find_reader, read_corpus
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, CorpusError, hold_out, refuse_leaks
from emo_core.data.dataset import (
    ClipDataset,
    ConcatDataset,
    Loader,
    Window,
    corpus_windows,
    prepare,
)
from emo_core.data.statement import STATEMENT, parse_statement, statement_text
from emo_core.distributed import on_rank_zero, world_size
from emo_core.licences import published_weights, spdx_of
from emo_core.messages import say_or
from emo_core.models import MODELS
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import blank_sample
from emo_core.synthetic.composed.dataset import OnTheFlyDataset
from emo_core.synthetic.composed.pretraining import PretrainStage
from emo_core.synthetic.drawn.dataset import synthetic_windows
from emo_core.training.feature_data import with_features
from emo_core.training.fitting import refuse_other_labels, window_target
from emo_core.training.model_card import model_card
from emo_core.training.pretrain import Data, pretrain
from emo_core.training.recipes import Recipe, RecipeError
from emo_core.training.run_folder import clip_digests
from emo_core.training.trainer import Epoch, TrainConfig, Trainer, split_scores

HELD_OUT_OF_OWN = 0.15  # share of train, by source, that chooses where own clips have no val

log = logging.getLogger(__name__)


def loaders(
    recipe: Recipe, root: Path, seed: int, progress: Callable[[int, int], None] | None = None
) -> Data:
    """Read, check, split by source and decode the training data of a recipe."""
    corpus = refuse_leaks(read_corpus(recipe.corpus, root))
    refuse_other_labels(corpus, recipe.task.labels, f"the recipe for {recipe.corpus}")
    for label in absent_labels(recipe, corpus):
        log.warning("train has no clip of %r: the model can't learn it.", label)
    statement = statement_text(root)
    parse_statement(statement, f"{root.name}/{STATEMENT}")
    train_windows, valid_windows = _train_and_valid_windows(recipe, corpus, seed)
    cache, scenes = Cache(recipe.sample), synthetic_windows(recipe.synthetic_scenes, recipe.corpus)
    usable, problems = on_rank_zero(
        partial(prepare, train_windows + valid_windows, cache, progress=progress)
    )
    on_rank_zero(partial(prepare, scenes, cache, progress=progress))
    names, config = {window.name for window in valid_windows}, recipe.train
    valid_usable = [w for w in usable if w.name in names]
    learn = [*(w for w in usable if w.name not in names), *scenes]
    if copies := on_rank_zero(partial(copied_windows, learn, valid_usable, cache)):
        log.warning(
            "clips of train that are held out as well, byte for byte: %d (%s); the held-out score "
            "is too good; `emo data check` names the files.",
            len(copies),
            ", ".join(copies[:3]),
        )
    files = ClipDataset(learn, cache, recipe.augment, seed)
    train: ClipDataset | ConcatDataset = files
    sources = None
    if recipe.samples_on_the_fly or recipe.faces.epochs or recipe.voices.epochs:
        compose = _composer(recipe.corpus)
        on_the_fly = compose(root, recipe.samples_on_the_fly, recipe.sample, seed, recipe.augment)
        sources, train = on_the_fly.sources, ConcatDataset([files, on_the_fly])
    valid = ClipDataset(valid_usable, cache)
    return Data(
        Loader(train, config.batch_size, True, seed, config.num_workers),
        Loader(valid, config.batch_size, False, workers=config.num_workers),
        (*corpus.problems, *problems),
        sources,
        statement,
        on_rank_zero(partial(clip_digests, train_windows, valid_windows, cache)),
    )


def copied_windows(train: Sequence[Window], valid: Sequence[Window], cache: Cache) -> list[str]:
    """Names of the windows of train that show what one of valid shows."""
    held_out = {window.key(cache) for window in valid}
    return [window.name for window in train if window.key(cache) in held_out]


def absent_labels(recipe: Recipe, corpus: Corpus) -> list[str]:
    """Labels that no clip of train has; none where clips are composed or drawn beside the files."""
    if recipe.task.answers_moments or recipe.samples_on_the_fly or recipe.synthetic_scenes:
        return []
    found = {name for item in corpus.split("train") for name in item.present}
    return [name for name in recipe.task.labels if name not in found]


def _composer(corpus: str) -> Callable[..., OnTheFlyDataset]:
    """How clips of a corpus are composed anew; raises CorpusError where they can't be."""
    compose = find_reader(corpus).compose
    if compose is None:
        able = [name for name, reader in CORPORA.items() if reader.compose]
        raise CorpusError(
            "no new clips can be composed for the corpus {corpus!r}, only for {able}; leave fresh "
            "and the epochs of pre-training at 0.",
            corpus=corpus,
            able=", ".join(able),
        )
    return compose


def _train_and_valid_windows(
    recipe: Recipe, corpus: Corpus, seed: int
) -> tuple[list[Window], list[Window]]:
    """Windows to learn from, and those that choose: of held-out sources, or the val split."""
    files = any(item.split == "train" for item in corpus.items) or not recipe.samples_on_the_fly
    items = corpus.split("train") if files else []  # others are composed while training
    target = window_target(recipe.task, recipe.sample, recipe.settings)
    train = corpus_windows(corpus, items, target)
    if recipe.held_out:
        return hold_out(train, recipe.held_out, seed)
    if CORPORA[corpus.name].own_labels and not any(i.split == "val" for i in corpus.items):
        return hold_out(train, HELD_OUT_OF_OWN, seed)
    return train, corpus_windows(corpus, corpus.split("val"), target)


def build(recipe: Recipe) -> Any:
    """The untrained model of a recipe; raises RecipeError where its settings make none."""
    kind = type(recipe.settings)
    known = [name for name, (_, settings_class, _) in MODELS.items() if settings_class is kind]
    if recipe.model not in known:
        raise RecipeError(
            "model is {model!r}; expected {models}, whose settings this recipe has; give --set "
            "model={first} or choose another recipe.",
            model=recipe.model,
            models=say_or(known),
            first=known[0],
        )
    with _as_recipe_error(f"no {recipe.model} model can be built"):
        return MODELS[recipe.model][0](recipe.settings)


def try_out(recipe: Recipe) -> None:
    """Let an untrained model read one blank window, which is soon done and decoding may not be.

    Raises RecipeError for settings that make no model, or one that can't read such windows.
    """
    model = build(replace(recipe, settings=replace(recipe.settings, pretrained=False))).eval()
    sample = blank_sample(replace(recipe.sample, tokenizer="bytes"))
    with _as_recipe_error(f"the {recipe.model} model can't read a window"), torch.inference_mode():
        model(collate([sample]))


@contextmanager
def _as_recipe_error(what: str) -> Iterator[None]:
    """Turn the error of settings that do not fit together into a RecipeError."""
    try:
        yield
    except (ValueError, RuntimeError, IndexError) as error:
        why = " ".join(str(error).split())[:160].rstrip(".")
        raise RecipeError(
            "{what}: {why}; expected settings that fit together; change --set, or leave it out.",
            what=what,
            why=why,
        ) from error


def keep_features(
    recipe: Recipe, data: Data, progress: Callable[[str, int, int], None] | None = None
) -> dict[str, Any]:
    """Compute what a recipe's fixed backbones see of each window, once, for every run that asks.

    Raises RecipeError where its backbones are trained first, or are not fixed.
    """
    stages = [n for n, value in vars(recipe).items() if isinstance(value, PretrainStage)]
    if trained := [name for name in stages if getattr(recipe, name).epochs]:
        raise RecipeError(
            "the backbones of this recipe are trained first, by {stages}; expected ones that stay "
            "as they are; `emo train` keeps their features itself.",
            stages=", ".join(trained),
        )
    torch.manual_seed(recipe.train.seed)
    model = build(recipe)
    pretrain(recipe, model, data, log.info)
    began = time.perf_counter()
    kept = with_features(recipe, model, data, progress)
    seconds = time.perf_counter() - began
    rows = [row for part in kept.train.dataset.datasets for row in part.rows]
    rows += kept.valid.dataset.rows
    return {
        "windows": len(rows),
        "seconds": round(seconds, 1),
        "bytes": sum(seen.values.nbytes for row in rows for seen in row.values()),
        "towers": {
            name: {"backbone": getattr(model, name).backbone.extra_repr(), "tokens": list(v.shape)}
            for name, v in ((name, seen.values) for name, seen in rows[0].items())
        },
    }


def start(
    recipe: Recipe,
    run: Path,
    data: Data,
    resume: bool,
    log_line: Callable[[str], None] = log.info,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Trainer, Iterator[Epoch]]:
    """The trainer of a run, and its epochs: `for epoch in epochs` trains.

    log_line: gets a line for each epoch of pre-training; progress: see `Trainer`.
    """
    torch.manual_seed(recipe.train.seed)
    model = build(recipe)
    kept = recipe.features.windows
    if kept or not resume or not (run / "resume.pt").is_file():
        pretrain(recipe, model, data, log_line, progress, run / "warm.pt")
    if kept:
        data = with_features(recipe, model, data, progress)
    task = recipe.task.fitted([window.target for window in data.train.dataset.windows])
    trainer = Trainer(model, task, recipe.train, run, progress)
    if resume:
        trainer.resume()
    return trainer, trainer.epochs(data.train, data.valid)


def finish(
    name: str,
    recipe: Recipe,
    run: Path,
    trainer: Trainer,
    data: Data,
    command: str = "",
    minutes: float | None = None,
) -> dict:
    """Calibrate the best weights on held-out sources and write `checkpoint/`; return scores.

    command, minutes: what trains this again and how long it took, for the card; None = not
    measured in one piece.
    """
    trainer.load_best()
    logits, target = trainer.logits(data.valid)
    scores = split_scores(trainer.task, logits, target, data.valid)
    training = _record(name, recipe, trainer.model, scores, data.statement)
    if minutes is not None:
        training |= {
            "command": command,
            "minutes": round(minutes, 1),
            "machine": machine(trainer.device),
        }
    checkpoint = Checkpoint(
        run.name,
        trainer.model,
        recipe.model,
        recipe.settings,
        recipe.sample,
        trainer.task,
        trainer.task.calibrate(logits, target),
        training,
    )
    card = model_card(checkpoint)
    on_rank_zero(partial(save_checkpoint, run / "checkpoint", checkpoint, card, data.statement))
    return scores


def _record(
    name: str, recipe: Recipe, model: nn.Module, scores: dict, statement: str
) -> dict[str, Any]:
    """What a checkpoint keeps of its training."""
    stated = parse_statement(statement)
    published, origin = published_weights(model, recipe.settings), {}
    if start := recipe.init_checkpoint:
        origin = {"started_from": origin_of(start)}
        published = load_checkpoint(start).training.get("published_weights", {}) | published
    return {
        "recipe": name,
        "seed": recipe.train.seed,
        "corpus": recipe.corpus,
        "synthetic_scenes": recipe.synthetic_scenes,
        "held_out": scores,
        "data_statement": asdict(stated) if stated else None,
        **({"published_weights": published} if published else {}),
        **origin,
    }


def origin_of(name: str) -> dict[str, str]:
    """A checkpoint that a run started from, and the licence that its weights carry on."""
    found = load_checkpoint(name)
    own = (found.training.get("data_statement") or {}).get("licence", "").strip()
    before = (found.training.get("started_from") or {}).get("licence", "")
    if before and spdx_of(before) != spdx_of(own):  # the terms of the first go on
        own = f"{before} {own}".strip()
    return {"name": found.name, "licence": own}


def machine(device: torch.device) -> str:
    """What a run computed with, in words."""
    if device.type == "cuda":
        return f"{world_size()} × {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads() * world_size()
    return f"{threads} CPU thread{'s' * (threads > 1)}"


@dataclass(frozen=True)
class Answers:
    """A checkpoint's answers to the windows of one split."""

    windows: list[Window]
    logits: Tensor  # (n, C) or (n, S, 2)
    truth: Tensor  # (n,), (n, C) or (n, S, 2 or 3)
    loader: Loader
    problems: tuple[str, ...]  # clips that could not be read

    def rows(self, rows: Sequence[int]) -> "Answers":
        """Some of the windows, in the order asked for."""
        windows = [self.windows[i] for i in rows]
        chosen = list(rows)
        return replace(self, windows=windows, logits=self.logits[chosen], truth=self.truth[chosen])


def answer_corpus(
    checkpoint: Checkpoint,
    corpus: Corpus,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> Answers:
    """A checkpoint's answers to one split of a corpus with the checkpoint's labels."""
    refuse_other_labels(corpus, checkpoint.labels, checkpoint.name)
    cache = Cache(checkpoint.sample)
    target = window_target(checkpoint.task, checkpoint.sample, checkpoint.settings)
    windows, problems = prepare(
        corpus_windows(corpus, corpus.split(split), target), cache, progress=progress
    )
    trainer = Trainer(checkpoint.model, checkpoint.task, TrainConfig())
    loader = Loader(ClipDataset(windows, cache), 32, False)
    logits, truth = trainer.logits(loader)
    checkpoint.refuse_no_numbers(logits)
    return Answers(windows, logits, truth, loader, tuple(problems))


def score_corpus(
    checkpoint: Checkpoint,
    corpus: Corpus,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Scores of a checkpoint on one split of a corpus, as `emo evaluate` prints them."""
    return score_answers(
        checkpoint, corpus, split, answer_corpus(checkpoint, corpus, split, progress)
    )


def score_answers(checkpoint: Checkpoint, corpus: Corpus, split: str, found: Answers) -> dict:
    """Scores of the answers to one split."""
    scores = split_scores(
        checkpoint.task, found.logits, found.truth, found.loader, checkpoint.calibration
    )
    return {
        "model": checkpoint.name,
        "corpus": corpus.name,
        "split": split,
        **scores,
        "errors": [*corpus.problems, *found.problems],
    }
