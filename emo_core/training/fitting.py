"""A recipe fitted to data that brings its own labels: classes, task and head follow from them."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.corpora import CORPORA, find_reader, read_corpus
from emo_core.data.corpus import Corpus, CorpusError
from emo_core.data.folder.moments import ValuePath
from emo_core.messages import say
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
            "{name} has {found}; a {model} model answers {kind}; take the recipe {recipe}.",
            name=root.name,
            found=_in_words(corpus),
            model=recipe.model,
            kind=say("valence and arousal") if of_values else say("classes"),
            recipe=FOLDER_RECIPES["" if of_values else "valence_arousal"],
        )
    if len(corpus.labels) < 2:
        raise CorpusError(
            "all clips of {name} have the label {label!r}; expected two labels or more; a model "
            "of one class learns nothing.",
            name=root.name,
            label=corpus.labels[0],
        )
    if not any(item.label for item in corpus.items):
        raise CorpusError(
            "no clip of {name} has any label; expected 1 in some cells; nothing can be learnt of "
            "them.",
            name=root.name,
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
        return say("valence and arousal")
    few = ", ".join(corpus.labels[:6]) + (", …" if len(corpus.labels) > 6 else "")
    if corpus_task(corpus) is MultiLabel:
        return say("several labels a clip ({few})", few=few)
    return say("one label a clip ({few})", few=few)


def refuse_other_labels(corpus: Corpus, labels: Sequence[str], what: str) -> None:
    """Raise CorpusError where a corpus has labels that `what` does not answer."""
    unknown = [name for name in corpus.labels if name not in labels]
    exact = not CORPORA[corpus.name].own_labels
    if unknown or (exact and len(corpus.labels) != len(labels)):
        raise CorpusError(
            "{name} has labels {labels}; {what} answers {known}; choose a matching model.",
            name=corpus.root.name,
            labels=", ".join(corpus.labels),
            what=what,
            known=", ".join(labels),
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
