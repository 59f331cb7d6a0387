"""What a model of own clips beats: the commonest class, the shipped model, each modality alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from emo_core.checkpoint import Checkpoint, load_checkpoint
from emo_core.comparison import (
    MAIN_SCORES,
    Judged,
    compare_answers,
    judge,
    on_same_clips,
    points,
    sources,
)
from emo_core.data.corpus import Corpus, Item
from emo_core.inference.modality_shapley import modalities
from emo_core.messages import say, say_name
from emo_core.preprocess.batch import Batch, Output
from emo_core.schema import DEFAULT_MODEL
from emo_core.training.run import Answers, answer_corpus


class MaskedModel(nn.Module):
    """A model that is not shown some modalities."""

    def __init__(self, model: nn.Module, hidden: Sequence[str]) -> None:
        super().__init__()
        self.model, self.hidden = model, tuple(hidden)

    def forward(self, batch: Batch) -> Output:
        for name in self.hidden:
            batch = batch.without(name)
        return self.model(batch)


def reference_scores(
    checkpoint: Checkpoint,
    corpus: Corpus,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """How much better a checkpoint is than simpler answers to the same clips, with intervals.

    References: the commonest class of train (of several labels: yes to all; of values: a
    constant), the same model with one modality alone, and the shipped model where it has the
    labels.
    """
    ours = answer_corpus(checkpoint, corpus, split, progress)
    name = MAIN_SCORES[checkpoint.task.main]
    constant, said = _constant(checkpoint, corpus)
    rivals: list[tuple[str, Checkpoint, Answers]] = [
        (said, checkpoint, replace(ours, logits=constant.expand_as(ours.logits)))
    ]
    used = modalities(checkpoint)
    for kept in used if len(used) > 1 else ():
        masked = MaskedModel(checkpoint.model, [other for other in used if other != kept])
        found = answer_corpus(replace(checkpoint, model=masked.eval()), corpus, split)
        rivals.append((say("{part} alone", part=say_name(kept)), checkpoint, found))
    notes = []
    mapped = _mapped(corpus, checkpoint)
    if mapped is None and checkpoint.name != DEFAULT_MODEL:
        notes.append(
            say("The shipped {name} has other labels, so it is no reference.", name=DEFAULT_MODEL)
        )
    if mapped is not None:
        shipped = load_checkpoint()
        rivals.append((shipped.name, shipped, answer_corpus(shipped, mapped, split, progress)))
    rows = {}
    for rival_name, rival, theirs in rivals:
        a, b = on_same_clips(theirs, ours)
        answered = _lowered(corpus) if rival.name == DEFAULT_MODEL and mapped else corpus.labels
        rows[rival_name] = _row(
            judge(rival, a, answered), judge(checkpoint, b, corpus.labels), b, name
        )
    first = next(iter(rows.values()))
    return {
        "split": split,
        "score": name,
        "value": first["b_score"],
        "clips": first["clips"],
        "sources": first["sources"],
        "references": rows,
        "notes": notes,
    }


def _row(theirs: Judged, ours: Judged, answers: Answers, name: str) -> dict:
    groups = np.array([window.group for window in answers.windows])
    return compare_answers(theirs, ours, groups, (), name)


def _constant(checkpoint: Checkpoint, corpus: Corpus) -> tuple[Tensor, str]:
    """(logits that answer the same to every clip, what they answer in words)."""
    train = [item.label for item in corpus.items if item.split == "train"]
    return checkpoint.task.constant_answer(train or [item.label for item in corpus.items])


def _lowered(corpus: Corpus) -> tuple[str, ...]:
    return tuple(name.casefold() for name in corpus.labels)


def _mapped(corpus: Corpus, checkpoint: Checkpoint) -> Corpus | None:
    """The corpus in the shipped model's labels, capitals aside; None where it has others."""
    if checkpoint.name == DEFAULT_MODEL:
        return None
    shipped = load_checkpoint()
    same_kind = type(checkpoint.task) is type(shipped.task)
    if not same_kind or not set(_lowered(corpus)) <= set(shipped.labels):
        return None

    def lowered(item: Item) -> Any:
        return replace(item, label=str(item.label).casefold()) if item.label else item

    return replace(corpus, labels=_lowered(corpus), items=tuple(map(lowered, corpus.items)))


def reference_lines(result: dict) -> list[str]:
    """The references for people."""
    lines = [
        say(
            "{score} {value:.3f} on {clips} {split} clips of {sources}, and how much better than",
            score=say_name(result["score"]),
            sources=sources(result),
            **{name: result[name] for name in ("value", "clips", "split")},
        )
    ]
    lines += [
        say("  {name} ({score:.3f}): {points}", name=name, score=row["a_score"], points=points(row))
        for name, row in result["references"].items()
    ]
    return lines + result["notes"]
