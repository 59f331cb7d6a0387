"""A checkpoint is a folder: config.json, model.safetensors, card.md. Nothing is unpickled."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from torch import nn

from emo_core.data.statement import NOT_STATED, STATEMENT
from emo_core.errors import EmoError
from emo_core.io.atomic import atomic_path
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.models import MODELS
from emo_core.models.interface import SupportsFrozenEncoders
from emo_core.old_names import ONLY_TASK, current_names, current_training, current_weights
from emo_core.preprocess.sample import SampleConfig
from emo_core.schema import DEFAULT_MODEL
from emo_core.tasks import TASKS, Calibration, Task

FORMAT = 1
SHIPPED = Path(__file__).parent / "checkpoints"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "card.md"
MEASURED = "MEASURED.md"  # optional: what was measured after the training; the card ends with it


class CheckpointError(EmoError):
    """A checkpoint that is missing, damaged or made for something else."""


@dataclass(frozen=True)
class Checkpoint:
    """A model with everything needed to use it on a clip."""

    name: str
    model: nn.Module
    model_name: str
    settings: Any  # of the class that MODELS names
    sample: SampleConfig
    task: Task
    calibration: Calibration = field(default_factory=Calibration)
    training: dict = field(default_factory=dict)  # recipe, seed, data, scores

    @property
    def data_warning(self) -> str:
        """One sentence on the training data, beside every answer."""
        stated = self.training.get("data_statement")
        return stated["warning"] if stated else NOT_STATED

    @property
    def labels(self) -> tuple[str, ...]:
        return self.task.labels


def task_config(task: Task) -> dict:
    """A task but for its labels, for config.json; `task_from_config` reads it back."""
    stored = asdict(cast("Any", task))  # every task is a dataclass
    settings = {name: value for name, value in stored.items() if name != "labels"}
    return {"name": task.name, "settings": settings}


def task_from_config(found: dict, labels: Sequence[str]) -> Task:
    """The task that `task_config` wrote; raises KeyError or TypeError on anything else."""
    if not isinstance(labels, (list, tuple)) or not all(isinstance(name, str) for name in labels):
        raise TypeError(f"labels are {labels!r}, expected a list of names")
    return TASKS[found["name"]](**_with_tuples({"labels": labels, **found["settings"]}))


def save_checkpoint(folder: Path, checkpoint: Checkpoint, card: str, statement: str = "") -> None:
    """Write the three files, and DATA.md where there is one; each appears whole or not at all."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "model": checkpoint.model_name,
        "settings": asdict(checkpoint.settings),
        "sample": checkpoint.sample.as_dict(),
        "task": task_config(checkpoint.task),
        "labels": list(checkpoint.labels),
        "calibration": asdict(checkpoint.calibration),
        "training": checkpoint.training,
    }
    encoders = frozen_encoders(checkpoint.model)
    if encoders:
        config["encoders"] = {p: SHIPPED_WEIGHTS[name].sha256 for p, name in encoders.items()}
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in checkpoint.model.state_dict().items()
        if not (encoders and name.startswith(tuple(encoders)))
    }
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(save(state, {"model": checkpoint.model_name}))  # one key: stable bytes
    texts = {CONFIG: json.dumps(config, indent=1) + "\n", CARD: card, STATEMENT: statement}
    for name, text in texts.items():
        if name == STATEMENT and not statement:  # nor one of an earlier state of the run
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_path(folder / name) as part:
            part.write_text(text, encoding="utf-8")


def frozen_encoders(model: nn.Module) -> dict[str, str]:
    """Shipped weights that stand for parts of a model's state, by the prefix of their names."""
    return model.frozen_encoders() if isinstance(model, SupportsFrozenEncoders) else {}


def find_checkpoint(name: str | Path) -> Path:
    """A folder, a shipped name, or a run folder that holds `checkpoint/` -> the folder to load."""
    shipped = SHIPPED / str(name)
    for folder in (Path(name), Path(name) / "checkpoint", shipped):
        if (folder / CONFIG).is_file():
            return folder
    known = ", ".join(shipped_checkpoints()) or "none"
    raise CheckpointError(
        f"no checkpoint is called {str(name)!r}; expected a folder with {CONFIG} and {WEIGHTS}, "
        f"or one of the shipped names ({known})."
    )


def shipped_checkpoints() -> list[str]:
    """Names of the checkpoints that come with the project."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def load_checkpoint(name: str | Path = DEFAULT_MODEL) -> Checkpoint:
    """Load a checkpoint by folder or shipped name, ready to predict.

    Raises CheckpointError where it is missing, damaged, newer than this code or does not fit.
    """
    folder = find_checkpoint(name)
    config = _read_config(folder / CONFIG)
    try:
        model_class, settings_class, _ = MODELS[config["model"]]
        values = current_names("settings", config["settings"])
        values |= {"pretrained": False} if "pretrained" in values else {}  # the weights are here
        settings = settings_class(**_with_tuples(values))
        sample = SampleConfig.from_dict(current_names("sample", config["sample"]))
        calibration = Calibration(**_with_tuples(config["calibration"]))
        model = model_class(settings)
        task = task_from_config(config.get("task", ONLY_TASK), config["labels"])
        _refuse_unfit(settings, sample, calibration, config["labels"])
        training = current_training(config.get("training", {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.name}/{CONFIG} does not describe a model of this version ({error}); "
            "expected one written by `emo train`; train again or take the matching version."
        ) from error
    _refuse_other_encoders(model, config.get("encoders", {}), folder)
    _load_weights(model, folder)
    return Checkpoint(
        folder.name if folder.name != "checkpoint" else folder.parent.name,
        model.eval(),
        config["model"],
        settings,
        sample,
        task,
        calibration,
        training,
    )


def _refuse_unfit(
    settings: Any, sample: SampleConfig, calibration: Calibration, labels: Sequence[str]
) -> None:
    """Raise ValueError where labels are not one for each score, or a window has no size."""
    scores = getattr(settings, "classes", len(labels))
    if not len(labels) == len(set(labels)) == scores:
        raise ValueError(f"labels are {', '.join(labels)}, scores {scores}")
    if len(calibration.thresholds or labels) != len(labels):
        raise ValueError(f"thresholds are {calibration.thresholds} for {len(labels)} labels")
    for name in ("window_s", "frames", "width", "height"):
        if not 0 < getattr(sample, name) < math.inf:
            raise ValueError(f"{name} is {getattr(sample, name)}")


def _with_tuples(values: dict) -> dict:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found = config["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path.parent.name}/{path.name} can't be read as a checkpoint's settings; "
            "expected JSON with a format number; copy the checkpoint again."
        ) from error
    if found != FORMAT:
        raise CheckpointError(
            f"{path.parent.name} has checkpoint format {found}, expected {FORMAT}; "
            "take the version of this project that wrote it."
        )
    return config


def _refuse_other_encoders(model: nn.Module, known: dict, folder: Path) -> None:
    """Raise CheckpointError where a checkpoint rests on other shipped weights than are here."""
    here = {p: SHIPPED_WEIGHTS[name].sha256 for p, name in frozen_encoders(model).items()}
    if known != here:
        found = ", ".join(str(digest)[:12] for digest in known.values()) or "none"
        expected = ", ".join(digest[:12] for digest in here.values()) or "none"
        raise CheckpointError(
            f"{folder.name} rests on encoders with SHA-256 {found}; this version has {expected}; "
            "take the version of this project that wrote it."
        )


def _load_weights(model: nn.Module, folder: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = current_weights(load_file(folder / WEIGHTS))
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise CheckpointError(
                f"{folder.name}/{WEIGHTS} holds numbers that are not finite; expected the weights "
                "of a training that did not diverge; copy the checkpoint again, or train again."
            )
        prefixes = tuple(frozen_encoders(model))
        own = model.state_dict() if prefixes else {}
        model.load_state_dict(weights | {k: v for k, v in own.items() if k.startswith(prefixes)})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder.name}/{WEIGHTS} is missing or damaged; expected the weights that belong to "
            f"{CONFIG}; copy the checkpoint again."
        ) from error
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder.name}/{WEIGHTS} does not fit {CONFIG}: "
            f"{' '.join(str(error).split())[:160]}; expected files of one run."
        ) from error
