"""A checkpoint is a folder: config.json, model.safetensors, card.md. Nothing is unpickled.

config.json has the SHA-256 of the weights and of the settings that an answer rests on. What it says
is checked before anything is made of it.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast, get_type_hints

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from emo_core.data.statement import NOT_STATED, STATEMENT
from emo_core.errors import EmoError
from emo_core.io.atomic import atomic_path
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.messages import say_name
from emo_core.models import MODELS
from emo_core.models.interface import SupportsFrozenEncoders
from emo_core.old_names import ONLY_TASK, current_names, current_training, current_weights
from emo_core.preprocess.sample import SampleConfig
from emo_core.ranges import misfit
from emo_core.schema import DEFAULT_MODEL
from emo_core.tasks import TASKS, Calibration, Task

FORMAT = 1
SHIPPED = Path(__file__).parent / "checkpoints"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "card.md"
MEASURED = "MEASURED.md"  # optional: what was measured after the training; the card ends with it
DIGESTS = "sha256"  # key of CONFIG: {"weights": of WEIGHTS, "settings": of what else decides}
NOT_DECISIVE = (DIGESTS, "training")  # keys of CONFIG that no answer rests on
NO_DIGEST = "This checkpoint states no SHA-256: whether its weights are whole is not known."
LONGEST = 300  # letters of an error
MOST_CONFIG_BYTES = 4 << 20
MOST_WINDOW_BYTES = 256 << 20
SPARE_BYTES, MOST_TENSORS = 256 << 20, 20_000  # of a model, beside its stored weights


class CheckpointError(EmoError):
    """A checkpoint that is missing, damaged or made for something else; one line."""

    def __init__(self, sentence: str, /, **values: object) -> None:
        super().__init__(sentence, **values)
        text = " ".join(str(self).split())
        if len(text) > LONGEST:  # what was found may be of any length; what to do stands at the end
            text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 + 5 :]}"
        if text != str(self):
            super().__init__(text)


@dataclass(frozen=True)
class Checkpoint:
    """A model with everything needed to use it on a clip."""

    name: str
    model: nn.Module = field(repr=False)
    model_name: str
    settings: Any  # of the class that MODELS names
    sample: SampleConfig
    task: Task
    calibration: Calibration = field(default_factory=Calibration)
    training: dict = field(default_factory=dict)  # recipe, seed, data, scores
    notes: tuple[str, ...] = ()  # on the checkpoint itself, beside every answer

    @property
    def data_warning(self) -> str:
        """One sentence on the training data, beside every answer."""
        stated = self.training.get("data_statement")
        return say_name(stated["warning"]) if stated else NOT_STATED

    @property
    def labels(self) -> tuple[str, ...]:
        return self.task.labels

    def refuse_no_numbers(self, logits: Tensor) -> None:
        """Raise CheckpointError where scores are not finite, as of weights that explode."""
        if not logits.isfinite().all():
            raise CheckpointError(
                "{name} answers with numbers that are not finite; expected the weights of a "
                "training that did not diverge; copy the checkpoint again, or train again.",
                name=self.name,
            )


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
    weights = save(state, {"model": checkpoint.model_name})  # one key: stable bytes
    config = with_digests(config, weights)
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(weights)
    texts = {CONFIG: json.dumps(config, indent=1) + "\n", CARD: card, STATEMENT: statement}
    for name, text in texts.items():
        if name == STATEMENT and not statement:  # nor one of an earlier state of the run
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_path(folder / name) as part:
            part.write_text(text, encoding="utf-8")


def with_digests(config: dict, weights: bytes) -> dict:
    """The content of CONFIG with the SHA-256 of these weights and of the settings in it, last."""
    rest = {name: value for name, value in config.items() if name != DIGESTS}
    digests = {"weights": hashlib.sha256(weights).hexdigest(), "settings": _settings_digest(rest)}
    return {**rest, DIGESTS: digests}


def _settings_digest(config: dict) -> str:
    """SHA-256 of everything in CONFIG that an answer rests on, whatever its layout."""
    decisive = {name: value for name, value in config.items() if name not in NOT_DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def frozen_encoders(model: nn.Module) -> dict[str, str]:
    """Shipped weights that stand for parts of a model's state, by the prefix of their names."""
    return model.frozen_encoders() if isinstance(model, SupportsFrozenEncoders) else {}


def find_checkpoint(name: str | Path) -> Path:
    """A folder, a shipped name, or a run folder that holds `checkpoint/` -> the folder to load."""
    shipped = SHIPPED / str(name)
    for folder in (Path(name), Path(name) / "checkpoint", shipped):
        if (folder / CONFIG).is_file():
            return folder
    if str(name).endswith(".onnx"):
        raise CheckpointError(
            "{name} is a graph of `emo export`, which `emo predict` alone reads: it has no "
            "gradients, layers or training; expected a checkpoint; give the name or folder that "
            "it was exported from.",
            name=str(name),
        )
    known = ", ".join(shipped_checkpoints()) or "none"
    raise CheckpointError(
        "no checkpoint is called {name!r}; expected a folder with {config} and {weights}, or one "
        "of the shipped names ({known}).",
        name=str(name),
        config=CONFIG,
        weights=WEIGHTS,
        known=known,
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
    own_name = folder.name if folder.name != "checkpoint" else folder.parent.name
    try:
        checkpoint = checkpoint_of_config(own_name, config)
        _refuse_other_settings(config, folder)
        with _Allocations(_size(folder / WEIGHTS)):
            model = MODELS[checkpoint.model_name][0](checkpoint.settings)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            "{name}/{config} does not describe a model of this version ({error}); expected one "
            "written by `emo train`; train again or take the matching version.",
            name=folder.name,
            config=CONFIG,
            error=error,
        ) from error
    _refuse_other_encoders(model, config.get("encoders", {}), folder)
    _load_weights(model, folder, config.get(DIGESTS))
    return replace(checkpoint, model=model.eval())


def checkpoint_of_config(name: str, config: dict) -> Checkpoint:
    """What CONFIG says of a checkpoint, with an empty module in place of its model.

    Raises AttributeError, KeyError, TypeError or ValueError where it does not describe one.
    """
    _, settings_class, _ = MODELS[config["model"]]
    values = current_names("settings", config["settings"])
    values |= {"pretrained": False} if "pretrained" in values else {}  # the weights are here
    settings = settings_class(**_with_tuples(values))
    sample = SampleConfig.from_dict(current_names("sample", config["sample"]))
    calibration = Calibration(**_with_tuples(config["calibration"]))
    task = task_from_config(config.get("task", ONLY_TASK), config["labels"])
    _refuse_unfit(settings, sample, calibration, task)
    training = current_training(config.get("training", {}))
    return Checkpoint(
        name,
        nn.Module(),
        config["model"],
        settings,
        sample,
        task,
        calibration,
        training,
        () if config.get(DIGESTS) else (NO_DIGEST,),
    )


class _Allocations(TorchFunctionMode):
    """Refuse, with a ValueError, what allocates far more than weights of a file's size."""

    def __init__(self, weights_bytes: int) -> None:
        super().__init__()
        self.left: float = 4 * weights_bytes + SPARE_BYTES
        self.tensors = MOST_TENSORS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn):
            size = args[0] if args and isinstance(args[0], (tuple, list)) else args
            self._count(4 * math.prod(n for n in size if isinstance(n, int)))
        elif func is torch.arange:
            self._count(4 * max((abs(n) for n in args if isinstance(n, (int, float))), default=0))
        return func(*args, **(kwargs or {}))

    def _count(self, size: float) -> None:
        self.left, self.tensors = self.left - size, self.tensors - 1
        if self.left < 0 or self.tensors < 0:
            raise ValueError("its settings ask for a larger model than its weights are of")


def _refuse_unfit(
    settings: Any, sample: SampleConfig, calibration: Calibration, task: Task
) -> None:
    """Raise ValueError where a setting has another type or range, or does not fit the others."""
    for name, part in (
        ("settings", settings),
        ("sample", sample),
        ("calibration", calibration),
        ("task", task),
    ):
        _refuse_misfits(part, name)
    if sample.window_bytes > MOST_WINDOW_BYTES:
        raise ValueError(f"a window takes {sample.window_bytes:.3g} bytes")
    labels = task.labels
    scores = getattr(settings, "classes", len(labels))
    if not len(labels) == len(set(labels)) == scores:
        raise ValueError(f"labels are {', '.join(labels)}, scores {scores}")
    if len(calibration.thresholds or labels) != len(labels):
        raise ValueError(f"thresholds are {calibration.thresholds} for {len(labels)} labels")


def _refuse_misfits(part: Any, prefix: str) -> None:
    """Raise ValueError where a field of a dataclass has not the type and range that it states."""
    hints = get_type_hints(type(part), include_extras=True)
    for one in fields(part):
        value, name = getattr(part, one.name), f"{prefix}.{one.name}"
        if is_dataclass(hints[one.name]):
            if not isinstance(value, hints[one.name]):
                raise ValueError(f"{name} is {str(value)[:40]}")
            _refuse_misfits(value, name)
        elif words := misfit(value, hints[one.name]):
            raise ValueError(f"{name} is {str(value)[:40]}, expected {words}")


def _refuse_other_settings(config: dict, folder: Path) -> None:
    """Raise CheckpointError where settings are not those that were written."""
    stated = config.get(DIGESTS)
    if stated is None:
        return
    if not isinstance(stated, dict) or stated.keys() != {"weights", "settings"}:
        raise ValueError(f"{DIGESTS} is {str(stated)[:40]}")
    if stated["settings"] != _settings_digest(config):
        raise CheckpointError(
            "{name}/{config} does not fit the SHA-256 of its own settings: one of them was "
            "changed or is damaged; expected what was written; copy the checkpoint again, or take "
            "{digests!r} out if that was meant.",
            name=folder.name,
            config=CONFIG,
            digests=DIGESTS,
        )


def _with_tuples(values: dict) -> dict:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def _read_config(path: Path) -> dict:
    try:
        if _size(path) > MOST_CONFIG_BYTES:
            raise ValueError("it is larger than any settings")
        config = json.loads(path.read_text(encoding="utf-8"))
        found = config["format"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            "{name}/{path_name} can't be read as a checkpoint's settings; expected JSON with a "
            "format number; copy the checkpoint again.",
            name=path.parent.name,
            path_name=path.name,
        ) from error
    if found != FORMAT:
        raise CheckpointError(
            "{name} has checkpoint format {found}, expected {format}; take the version of this "
            "project that wrote it.",
            name=path.parent.name,
            found=str(found)[:40],
            format=FORMAT,
        )
    return config


def _size(path: Path) -> int:
    """Bytes of a file; 0 of none."""
    return path.stat().st_size if path.is_file() else 0


def _refuse_other_encoders(model: nn.Module, known: dict, folder: Path) -> None:
    """Raise CheckpointError where a checkpoint rests on other shipped weights than are here."""
    here = {p: SHIPPED_WEIGHTS[name].sha256 for p, name in frozen_encoders(model).items()}
    if known != here:
        known = known if isinstance(known, dict) else {"": known}
        found = ", ".join(str(digest)[:12] for digest in known.values()) or "none"
        expected = ", ".join(digest[:12] for digest in here.values()) or "none"
        raise CheckpointError(
            "{name} rests on encoders with SHA-256 {found}; this version has {expected}; take the "
            "version of this project that wrote it.",
            name=folder.name,
            found=found,
            expected=expected,
        )


def _load_weights(model: nn.Module, folder: Path, stated: dict | None) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        _refuse_other_weights(model, folder, stated)
        weights = current_weights(load_file(folder / WEIGHTS))
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise CheckpointError(
                "{name}/{weights} holds numbers that are not finite; expected the weights of a "
                "training that did not diverge; copy the checkpoint again, or train again.",
                name=folder.name,
                weights=WEIGHTS,
            )
        prefixes = tuple(frozen_encoders(model))
        own = model.state_dict() if prefixes else {}
        model.load_state_dict(weights | {k: v for k, v in own.items() if k.startswith(prefixes)})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            "{name}/{weights} is missing or damaged; expected the weights that belong to "
            "{config}; copy the checkpoint again.",
            name=folder.name,
            weights=WEIGHTS,
            config=CONFIG,
        ) from error
    except RuntimeError as error:
        raise CheckpointError(
            "{name}/{weights} does not fit {config}: {error}; expected files of one run.",
            name=folder.name,
            weights=WEIGHTS,
            config=CONFIG,
            error=" ".join(str(error).split())[:160],
        ) from error


def _refuse_other_weights(model: nn.Module, folder: Path, stated: dict | None) -> None:
    """Raise CheckpointError where a file is far too large or has another SHA-256 than stated."""
    path = folder / WEIGHTS
    most = 2 * sum(value.nbytes for value in model.state_dict().values()) + SPARE_BYTES
    if _size(path) > most:
        raise CheckpointError(
            "{name}/{weights} does not fit {config}: it has {size} bytes; expected files of one "
            "run; copy the checkpoint again.",
            name=folder.name,
            weights=WEIGHTS,
            config=CONFIG,
            size=_size(path),
        )
    if stated is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != stated["weights"]:
        raise CheckpointError(
            "{name}/{weights} is damaged: it has SHA-256 {found}; expected {stated}, as {config} "
            "says; copy the checkpoint again.",
            name=folder.name,
            weights=WEIGHTS,
            found=found[:12],
            stated=str(stated["weights"])[:12],
            config=CONFIG,
        )
