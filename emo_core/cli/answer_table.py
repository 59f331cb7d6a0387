"""What a model answered to each clip of a split, as a table that a spreadsheet opens."""

import csv
import io
from pathlib import Path

import torch

from emo_core.checkpoint import Checkpoint
from emo_core.data.corpus import Corpus
from emo_core.errors import EmoError, os_reason
from emo_core.io.atomic import atomic_path
from emo_core.tasks.interface import WindowLogits
from emo_core.training.run import Answers

COLUMNS = ("clip", "file", "source", "label", "answer", "right", "sure")


class TableError(EmoError):
    """A table that can't be written."""


def write_answers(path: Path, checkpoint: Checkpoint, corpus: Corpus, found: Answers) -> None:
    """One row a clip: its label, the answer, 1 or 0 where it is right and sure, each class's share.

    right, sure and the shares are left out of values of moments. Raises TableError.
    """
    judged = checkpoint.task.judge(found.logits, found.truth, corpus.labels, checkpoint.calibration)
    files = {item.name: item.path for item in corpus.items}
    moments = checkpoint.task.answers_moments
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*COLUMNS, *(() if moments else checkpoint.labels)))
    for row, window in enumerate(found.windows):
        label = checkpoint.task.target_words(found.truth[row])
        cells = [window.name, files.get(window.name, ""), window.group, label, judged.words[row]]
        rows.writerow(
            cells if moments else [*cells, int(judged.right[row]), *_sure(checkpoint, found, row)]
        )
    try:
        with atomic_path(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8-sig")  # else Excel misreads accents
    except OSError as error:
        raise TableError(
            "{path} can't be written ({reason}); expected a file in a folder that can be written "
            "to.",
            path=path,
            reason=os_reason(error),
        ) from error


def _sure(checkpoint: Checkpoint, found: Answers, row: int) -> list[str | int]:
    """Whether the model would have answered, and its calibrated probability of each class."""
    one = WindowLogits.of_equal_windows(found.logits[row : row + 1], torch.ones(1, 0).bool())
    answer = checkpoint.task.answer(one, checkpoint.calibration)
    return [int(not answer.abstains), *(f"{share:.4f}" for share in answer.clip.tolist())]
