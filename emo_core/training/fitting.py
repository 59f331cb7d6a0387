"""A recipe fitted to data that brings its own labels: classes, task and head follow from them."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.corpora import CORPORA, find_reader, read_corpus
from emo_core.data.corpus import Corpus, CorpusError
from emo_core.data.folder.moments import ValuePath
from emo_core.models import GroupConfig, JmtConfig
from emo_core.preprocess.sample import SampleConfig
from emo_core.synthetic.composed.pretraining import PretrainStage
from emo_core.tasks import TASKS, MultiLabel, SingleLabel, Task, ValenceArousal
from emo_core.training.recipes import Recipe

FOLDER_RECIPES = {"valence_arousal": "jmt-folder", "": "people, group-folder or fe2e-folder"}


def fit_recipe(recipe: Recipe, root: Path) -> Recipe:
    """The recipe with the labels, task and number of classes of the data below `root`.

    The same recipe where its corpus has labels of its own. Nothing is composed or rendered beside
    the clips. Raises CorpusError where the model can't answer in the data's kind of labels.
    """
    if not find_reader(recipe.corpus).own_labels:
        return recipe
    corpus = read_corpus(recipe.corpus, root)
    kind = corpus_task(corpus)
    of_values = isinstance(recipe.settings, JmtConfig)
    if of_values != (kind is ValenceArousal):
        raise CorpusError(
            f"{root.name} has {_in_words(corpus)}; a {recipe.model} model answers "
            f"{'valence and arousal' if of_values else 'classes'}; take the recipe "
            f"{FOLDER_RECIPES['' if of_values else 'valence_arousal']}."
        )
    if len(corpus.labels) < 2:
        raise CorpusError(
            f"all clips of {root.name} have the label {corpus.labels[0]!r}; expected two labels or "
            "more; a model of one class learns nothing."
        )
    if not any(item.label for item in corpus.items):
        raise CorpusError(
            f"no clip of {root.name} has any label; expected 1 in some cells; nothing can be "
            "learnt of them."
        )
    settings: Any = recipe.settings
    if not of_values:
        settings = replace(settings, classes=len(corpus.labels))
    if isinstance(settings, GroupConfig) and kind is not SingleLabel:
        settings = replace(settings, mixture=False)  # its towers name one class
    stages: dict[str, Any] = {
        f.name: replace(stage, epochs=0)
        for f in fields(recipe)
        if isinstance(stage := getattr(recipe, f.name), PretrainStage)
    }
    task = fitted_task(recipe.task, kind, corpus.labels)
    return replace(
        recipe, settings=settings, task=task, synthetic_scenes=0, samples_on_the_fly=0, **stages
    )


def corpus_task(corpus: Corpus) -> type[SingleLabel] | type[MultiLabel] | type[ValenceArousal]:
    """The kind of task that a corpus with its own labels asks for."""
    return TASKS[corpus.details.get("task", "single_label")]


def fitted_task(task: Task, kind: Any, labels: Sequence[str]) -> Task:
    """A task of the wanted kind for these labels, in the order of `task` where it has the same."""
    same = set(labels) == set(task.labels)
    names = task.labels if same else tuple(labels)
    return replace(task, labels=names) if isinstance(task, kind) else kind(labels=names)


def _in_words(corpus: Corpus) -> str:
    if corpus_task(corpus) is ValenceArousal:
        return "valence and arousal"
    many = "several labels a clip" if corpus_task(corpus) is MultiLabel else "one label a clip"
    return f"{many} ({', '.join(corpus.labels[:6])}{', …' if len(corpus.labels) > 6 else ''})"


def refuse_other_labels(corpus: Corpus, labels: Sequence[str], what: str) -> None:
    """Raise CorpusError where a corpus has labels that `what` does not answer."""
    unknown = [name for name in corpus.labels if name not in labels]
    exact = not CORPORA[corpus.name].own_labels
    if unknown or (exact and len(corpus.labels) != len(labels)):
        raise CorpusError(
            f"{corpus.root.name} has labels {', '.join(corpus.labels)}; {what} answers "
            f"{', '.join(labels)}; choose a matching model."
        )


def window_target(task: Task, sample: SampleConfig, settings: Any) -> Callable[[Any], Any]:
    """What a task makes of an item's label; a path of values is read where the model answers.

    A step's value belongs to its end, as in Aff-Wild2 (docs/papers/jmt.md#windows).
    """
    steps = getattr(settings, "steps", 1)
    ends_s = (np.arange(steps) + 1) * sample.window_s / steps

    def target(label: Any) -> Any:
        if isinstance(label, ValuePath):
            ends = np.minimum(ends_s, label.seconds)
            label = label.at(ends, ends_s - sample.window_s / steps)
        return task.target(label)

    return target
