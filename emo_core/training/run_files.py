"""The files of one training run, each of them whole or not there.

`warm.pt` has the state after the last whole stage of pre-training (where there is one), `resume.pt`
the state after the last whole epoch, `best.pt` the best weights, `log.jsonl` a line an epoch.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from emo_core.distributed import on_rank_zero
from emo_core.errors import EmoError, os_reason
from emo_core.io.atomic import atomic_path
from emo_core.old_names import current_state, current_weights

if TYPE_CHECKING:
    from emo_core.training.trainer import Epoch


class TrainingError(EmoError):
    """Training can't start or go on; the message says why and what to change."""


@dataclass(frozen=True)
class RunFiles:
    """What a run in `folder` writes after each epoch and reads when it goes on."""

    folder: Path

    def save(self, record: "Epoch", state: dict, best: dict | None) -> None:
        """Write the state after an epoch; `best`: weights, where they are the best so far."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if best is not None:
            atomic_save(best, self.folder / "best.pt")
        log = [*self._read_log(record.index), json.dumps(asdict(record))]
        atomic_save({**state, "log": log}, self.folder / "resume.pt")
        self._write_log(log)

    def resume(self, load_state: Callable[[dict], None], device: torch.device) -> bool:
        """Pass the stored state to `load_state`; False where none is stored."""
        path = self.folder / "resume.pt"
        if not path.is_file():
            return False
        with as_training_error(path):
            state = current_state(torch.load(path, map_location=device, weights_only=True))
            load_state(state)
            log = state["log"]
        on_rank_zero(partial(self._write_log, log))
        return True

    def load_best(self, load: Callable[[dict], Any], device: torch.device) -> None:
        """Pass the best weights to `load`."""
        path = self.folder / "best.pt"
        with as_training_error(path):
            load(current_weights(torch.load(path, map_location=device, weights_only=True)))

    def _write_log(self, lines: list[str]) -> None:
        atomic_write(("\n".join(lines) + "\n").encode(), self.folder / "log.jsonl")

    def _read_log(self, epochs: int) -> list[str]:
        path = self.folder / "log.jsonl"
        return path.read_text(encoding="utf-8").splitlines()[:epochs] if path.is_file() else []


def atomic_save(state: dict, path: Path) -> None:
    """Write a state to a file that is never half there; raises TrainingError where it can't."""
    memory = io.BytesIO()
    torch.save(state, memory)
    atomic_write(memory.getbuffer(), path)


def atomic_write(content: bytes | memoryview, path: Path) -> None:
    """Write a file that is never half there; raises TrainingError where it can't."""
    try:
        with atomic_path(path) as part, part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise TrainingError(
            "{path} can't be written ({reason}); expected a folder with room; make some and go on "
            "with --resume, or choose another --out.",
            path=path,
            reason=os_reason(error),
        ) from error


@contextmanager
def as_training_error(path: Path) -> Iterator[None]:
    """Raise TrainingError where what a run wrote to `path` can't be taken up."""
    try:
        yield
    except (
        OSError,
        EOFError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
        UnpicklingError,
    ) as error:
        raise TrainingError(
            "{path} is missing, damaged or of another model; expected what this run wrote there; "
            "start again with another --out.",
            path=path,
        ) from error
