"""Learning from held-out people too, once a finished run has chosen all that they choose."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from emo_core.checkpoint import CheckpointError, load_checkpoint
from emo_core.recipes import Recipe, RecipeError
from emo_core.tasks import Calibration


@dataclass(frozen=True)
class Chosen:
    """What a finished run chose on its held-out clips, and how well it did there."""

    epochs: int
    calibration: Calibration
    scores: dict


def chosen_by(run: Path, recipe: Recipe) -> Chosen:
    """Reads a run folder; raises RecipeError where it is not a finished run of this recipe."""
    try:
        settings = json.loads((run / "run.json").read_text(encoding="utf-8"))["settings"]
        log = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
        epochs = [epoch["index"] for epoch in map(json.loads, log) if epoch["best"]]
        found = load_checkpoint(run)
    except (OSError, ValueError, KeyError, CheckpointError) as error:
        raise RecipeError(
            f"{run} is no finished run; expected what `emo train` leaves, with its checkpoint; "
            "train it without --refit first."
        ) from error
    if settings.get("refit"):
        raise RecipeError(
            f"{run} has learnt its held-out clips itself, so it chose nothing; give --refit the "
            "run that it was refitted from."
        )
    ours = json.loads(json.dumps(asdict(replace(recipe, refit=""))))
    if differing := sorted(name for name in ours if ours[name] != settings.get(name)):
        raise RecipeError(
            f"{run} was trained with another {', '.join(differing)}; expected the same recipe, "
            "--seed and --set, since its choices hold for those alone."
        )
    return Chosen(epochs[-1] + 1, found.calibration, found.training["held_out"])
