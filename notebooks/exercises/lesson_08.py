"""Judges the exercises of lesson 8: training."""

import contextlib
import math
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exercises.grading import Mistake, Quiz, Unanswered, called, exercise, number


def _run(answer: Any, *inputs: Any) -> Any:
    """As `called`, for functions that change what they are given and need return nothing."""
    if not callable(answer):
        raise Mistake("Expected your function itself, not its result.")
    try:
        result = answer(*inputs)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {str(error)[:120]}".rstrip(":. ")
        raise Mistake(f"Your function stopped with {said}.") from error
    if result is ...:
        raise Unanswered
    return result


@exercise(
    "a function of done and warmup that returns a number",
    "Equal to the library's lr_schedule. Height and length are all there is to choose.",
    "Two cases: done < warmup, and the rest.",
    "Let a share run from 0 to 1 between the end of the warm-up and the end of the run; what of "
    "it goes into the cosine so that the factor is 1 at the start and 0 at the end?",
)
def learning_rate(answer: Any) -> None:
    for warmup in (0.1, 0.25):
        for done in (0.0, 0.05, warmup, 0.5, 0.8, 1.0):
            rest = (done - warmup) / (1 - warmup)
            right = done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * rest))
            found = number(called(answer, done, warmup))
            if abs(found - right) > 1e-9:
                raise Mistake(_schedule_mistake(found, right, done, warmup))


def _schedule_mistake(found: float, right: float, done: float, warmup: float) -> str:
    asked = f"At {done:g} of the run with a warm-up of {warmup:g} you say {found:.4g}"
    if done < warmup:
        return f"{asked}; a straight line from 0 to 1 says {right:.4g}."
    if abs(found - 0.5 * (1 + math.cos(math.pi * done))) < 1e-9:
        return f"{asked}; the cosine starts where the warm-up ends, so at {warmup:g} it is 1."
    if abs(found - (1 - (done - warmup) / (1 - warmup))) < 1e-9:
        return f"{asked}; that is a straight line down, the schedule is half a cosine."
    if done == 1 and found > 0:
        return f"{asked}; at the end of the run the rate is 0."
    return f"{asked}; expected {right:.4g}."


@exercise(
    "a function of a batch (a dictionary of tensors) and a device that returns a new dictionary",
    "A new dictionary with every tensor there; with pinned memory and non_blocking the copy runs "
    "while the card still computes.",
    "A dictionary comprehension over batch.items() visits every tensor once.",
    "`Tensor.to` gives back a moved tensor and leaves the old one where it was.",
)
def to_device(answer: Any) -> None:
    import torch

    batch = {"mel": torch.ones(2, 3), "label": torch.tensor([1, 2])}
    found = called(answer, dict(batch), torch.device("meta"))
    if not isinstance(found, dict):
        raise Mistake("Return a dictionary with the same names as the batch.")
    if set(found) != set(batch):
        raise Mistake(f"The names should be {sorted(batch)}; got {sorted(map(str, found))}.")
    stayed = [
        n for n, value in found.items() if getattr(value, "device", None) != torch.device("meta")
    ]
    if stayed:
        raise Mistake(f"{' and '.join(stayed)} stayed behind: `.to` returns the moved tensor.")


@exercise(
    "a function of mean, model and keep that changes mean in place",
    "The running mean forgets slowly: with keep = 0.99 it looks back about a hundred steps.",
    "Both state_dict() list the same tensors in the same order.",
    "What is not a floating-point number (a counter of batch norm) can't be averaged; copy it.",
)
def move_mean(answer: Any) -> None:
    import torch
    from torch import nn

    def net(value: float) -> nn.Module:
        one = nn.BatchNorm1d(2)
        with torch.no_grad():
            for tensor in one.state_dict().values():
                tensor.fill_(value)
        return one

    mean, model = net(1), net(3)
    _run(answer, mean, model, 0.75)
    if not all(bool((value == 3).all()) for value in model.state_dict().values()):
        raise Mistake("You changed the model's weights; only the mean may move.")
    for name, value in mean.state_dict().items():
        expected = 1.5 if value.is_floating_point() else 3
        found = float(value.float().mean())
        if abs(found - expected) < 1e-6:
            continue
        if found == 1:
            raise Mistake(f"{name} did not move; change the tensors of `mean` in place.")
        if abs(found - 2.5) < 1e-6:
            raise Mistake("keep is the share of the old mean, not of the new weights.")
        raise Mistake(f"{name} should be {expected:g} after one step; got {found:g}.")


def _toy(settings: Any, dropout: float = 0.0) -> Any:
    """A run of a tiny model that notes in which mode it is called."""
    import torch
    from torch import nn

    from exercises import mymodel

    class Toy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head, self.modes = nn.Linear(4, 4), nn.Linear(4, 3), []
            self.dropout = nn.Dropout(dropout)

        def forward(self, batch: dict) -> Any:
            self.modes.append(self.training)
            return self.head(self.dropout(self.backbone(batch["mel"]).relu()))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return mymodel.Run(Toy().eval(), settings)


def _batches(seed: int = 1) -> list:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "mel": torch.randn(n, 4, generator=generator),
            "label": torch.randint(0, 3, (n,), generator=generator),
        }
        for n in (4, 4, 4, 4, 2)
    ]


def _loss_of(model: Any, batch: dict) -> Any:
    from torch.nn import functional

    return functional.cross_entropy(model(batch), batch["label"])


FORGOTTEN = {
    "divide": "Accumulated gradients are a sum: divide each loss by their number.",
    "last": "The batches left at the end of an epoch never led to a step.",
    "every": "You step after every batch; with accumulate = 2 only every second ends in one.",
    "rate": "The rates of the optimizer never changed: set group['lr'] before each step.",
    "first": "The schedule starts anew in each epoch: count the epochs that are over as well.",
    "steady": "The rate stands still within an epoch: count its batches as well.",
    "epochs": "The schedule ends with the first epoch: divide by settings.epochs.",
    "wipe": "Gradients of the step before are still there: optimizer_step(run) wipes them.",
    "mean": "run.mean did not move with the weights.",
}


def _epoch(run: Any, batches: list, forgotten: str = "") -> float:
    """Our train_epoch, with one thing forgotten."""
    from exercises import mymodel

    settings, total, clips = run.settings, 0.0, 0
    run.model.train()
    for n, batch in enumerate(batches, start=1):
        loss = _loss_of(run.model, batch)
        (loss / (1 if forgotten == "divide" else settings.accumulate)).backward()
        over = n == len(batches) and forgotten != "last"
        if n % settings.accumulate == 0 or over or forgotten == "every":
            before = 0 if forgotten == "first" else len(run.records)
            inside = 0 if forgotten == "steady" else n / len(batches)
            done = (before + inside) / (1 if forgotten == "epochs" else settings.epochs)
            for group in run.optimizer.param_groups:
                if forgotten != "rate":
                    group["lr"] = group["rate"] * mymodel.learning_rate(done)
            if forgotten == "wipe":
                run.optimizer.step()
            else:
                mymodel.optimizer_step(run)
            if settings.keep and forgotten != "mean":
                mymodel.move_mean(run.mean, run.model, settings.keep)
        total += float(loss.detach()) * len(batch["label"])
        clips += len(batch["label"])
    return total / clips


def _same(a: Any, b: Any) -> bool:
    """Whether two runs have equal weights and means."""
    import torch

    pairs = [
        (x, y)
        for part in ("model", "mean")
        for x, y in zip(
            getattr(a, part).state_dict().values(),
            getattr(b, part).state_dict().values(),
            strict=True,
        )
    ]
    return all(torch.allclose(x, y, atol=1e-6) for x, y in pairs)


@exercise(
    "a function of run, batches and loss_of that trains an epoch and returns the mean loss",
    "The same weights as ours after two epochs, with and without accumulated gradients.",
    "Seven things: train mode; move the batch; loss under autocast; backward of the scaled loss; "
    "at the end of each group of batches the rates, the step and the mean; count the loss.",
    "The share of the run that is over: (epochs done + batches done / batches) / epochs.",
    "What should happen after the last batch of an epoch, if its group is not yet full?",
)
def train_epoch(answer: Any) -> None:
    from exercises import mymodel

    for accumulate, keep in ((1, 0.0), (2, 0.5)):
        settings = mymodel.Settings(2, lr=0.05, backbone_lr=0.01, accumulate=accumulate, keep=keep)
        ours, theirs = _toy(settings), _toy(settings)
        batches = _batches()
        for _ in range(2):
            expected = _epoch(ours, batches)
            found = number(called(answer, theirs, batches, _loss_of))
            _judge_epoch(theirs, ours, settings, found, expected)
            ours.records.append({})
            theirs.records = [{} for _ in ours.records]


def _judge_epoch(theirs: Any, ours: Any, settings: Any, found: float, expected: float) -> None:
    if not theirs.model.modes:
        raise Mistake("The model was never called: loss_of(run.model, batch) calls it.")
    if not all(theirs.model.modes):
        raise Mistake("The model was not in training mode: dropout and batch norm need train().")
    if not _same(theirs, ours):
        for forgotten, words in FORGOTTEN.items():
            copy = _toy(settings)
            for _ in range(len(ours.records) + 1):
                _epoch(copy, _batches(), forgotten)
                copy.records.append({})
            if _same(theirs, copy):
                raise Mistake(words)
        raise Mistake(
            f"With accumulate = {settings.accumulate} the weights after the epoch are others than "
            "ours; compare your order with the diagram's."
        )
    if abs(found - expected) > 1e-4:
        raise Mistake(
            f"The weights are right; the mean loss of a clip is {expected:.4f}, you return "
            f"{found:.4f}. The last batch is smaller: weigh each by its clips."
        )


@exercise(
    "a function of model, train, valid, loss_of, settings, device, checkpoint that returns records",
    "It stops early, keeps the best weights, and a run that was stopped goes on as if nothing had "
    "happened.",
    "Begin with run = Run(model, settings, device), and load the checkpoint if it is a file.",
    "When is a run over? When the records are as many as epochs, or when the best of them lies "
    "`patience` records back.",
    "What must happen last, so that the model has the weights of its best epoch?",
)
def fit(answer: Any) -> None:
    import torch

    from exercises import mymodel

    batches, others = _batches(), _batches(seed=5)
    for patience in (99, 1):
        settings = mymodel.Settings(6, lr=0.3, backbone_lr=0.3, patience=patience, seed=2)
        ours, theirs = _toy(settings, 0.3).model, _toy(settings, 0.3).model
        expected = mymodel.fit(ours, batches, others, _loss_of, settings)
        torch.manual_seed(11)
        found = called(answer, theirs, batches, others, _loss_of, settings)
        _judge_seed(answer, found, settings)
        _judge_valid(found, settings)
        _judge_records(found, expected)
        if not _equal(ours, theirs):
            raise Mistake("The model should end with the weights of its best epoch.")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "run.pt"
        whole = mymodel.Settings(4, lr=0.05, seed=1)
        ours, first, second = (_toy(whole).model for _ in range(3))
        expected = mymodel.fit(ours, batches, batches, _loss_of, whole)
        _stopped(answer, first, batches, whole, file)
        if not file.is_file():
            raise Mistake("No checkpoint was written; save run.state() after each epoch.")
        found = called(answer, second, batches, batches, _loss_of, whole, "cpu", file)
        if len(found) == len(expected) and not _equal(ours, second):
            raise Mistake("Resumed from its checkpoint, the run ends with other weights.")
        _judge_records(found, expected)


def _judge_seed(answer: Any, found: Any, settings: Any) -> None:
    """The same run once more, where other random numbers were drawn before."""
    import torch

    torch.manual_seed(12)
    again = called(
        answer, _toy(settings, 0.3).model, _batches(), _batches(seed=5), _loss_of, settings
    )
    if str(again) != str(found):
        raise Mistake(
            "Two runs with one seed differ: dropout follows from what was drawn before. Seed each "
            "epoch, before it begins."
        )


def _judge_valid(found: Any, settings: Any) -> None:
    """Whether the accuracies are those of the clips that were learnt from."""
    from exercises import mymodel

    batches = _batches()
    wrong = mymodel.fit(_toy(settings, 0.3).model, batches, batches, _loss_of, settings)
    told = [row.get("accuracy") for row in found] if _are_records(found) else []
    if told and told == [row["accuracy"] for row in wrong][: len(told)]:
        raise Mistake("You score the clips that the model learns from; score `valid`.")


def _are_records(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(row, dict) for row in found)


def _stopped(answer: Any, model: Any, batches: list, settings: Any, file: Path) -> None:
    """Stop a run in its third epoch."""

    class PowerGone(BaseException):
        pass

    calls = []

    def until(model: Any, batch: dict) -> Any:
        calls.append(1)
        if len(calls) > 2 * len(batches):
            raise PowerGone
        return _loss_of(model, batch)

    with contextlib.suppress(PowerGone):
        answer(model, batches, batches, until, settings, "cpu", file)


def _equal(a: Any, b: Any) -> bool:
    import torch

    values = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.allclose(x, y, atol=1e-6) for x, y in values)


def _judge_records(found: Any, expected: list[dict]) -> None:
    if not _are_records(found):
        raise Mistake("Return run.records: a list with a dictionary for each epoch.")
    if len(found) != len(expected):
        raise Mistake(f"Expected {len(expected)} records, as many as epochs ran; got {len(found)}.")
    for place, (row, right) in enumerate(zip(found, expected, strict=True), start=1):
        for name in right:
            if name not in row:
                raise Mistake(f"The record of epoch {place} has no {name!r}.")
            if abs(float(row[name]) - right[name]) > 1e-4:
                raise Mistake(
                    f"In epoch {place} the {name} should be {right[name]:.4f}, and is "
                    f"{float(row[name]):.4f}."
                )


@exercise(
    "a function of step and batch that returns (largest batch that fits, batches to accumulate)",
    "Half the batch, twice the accumulated steps: the same sum of gradients, in less memory.",
    "Try the batch; where torch.cuda.OutOfMemoryError comes, try half of it.",
    "How many small batches make up the one you wanted?",
)
def batch_that_fits(answer: Any) -> None:
    import torch

    for fits, wanted in ((24, 64), (64, 64), (3, 32)):
        tried = []

        def step(batch: int, fits: int = fits, tried: list = tried) -> None:
            tried.append(batch)
            if batch > fits:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

        found = called(answer, step, wanted)
        right = wanted
        while right > fits:
            right //= 2
        pair = tuple(int(value) for value in found)
        if not tried:
            raise Mistake("You never tried: step(batch) says whether a batch fits.")
        if pair == (right, wanted // right):
            continue
        if pair[:1] == (right,):
            raise Mistake(
                f"{right} clips fit; to sum up {wanted} takes {wanted // right} such batches, not "
                f"{pair[1] if len(pair) > 1 else 'none'}."
            )
        raise Mistake(
            f"{wanted} clips wanted, {fits} fit: expected {(right, wanted // right)}; got {pair}."
        )


@exercise(
    "the function accumulate, corrected",
    "Gradients add up until they are wiped; wiping them before each backward leaves only the last.",
    "Print the norm of the gradient after each batch: does it grow?",
    "Which of its lines forgets what came before?",
)
def accumulate(answer: Any) -> None:
    import torch
    from torch import nn

    batches = [b for b in _batches() if len(b["label"]) == 4]
    settings_model = _toy_model(nn, torch)
    whole = {n: torch.cat([b[n] for b in batches]) for n in batches[0]}
    right = deepcopy(settings_model)
    _loss_of(right, whole).backward()
    _run(answer, settings_model, batches, _loss_of)
    if any(p.grad is None for p in settings_model.parameters()):
        raise Mistake("There are no gradients: each batch needs loss.backward().")
    ratio = [
        float((p.grad * q.grad).sum() / q.grad.square().sum())
        for p, q in zip(settings_model.parameters(), right.parameters(), strict=True)
    ]
    same = all(
        torch.allclose(p.grad, q.grad, atol=1e-6)
        for p, q in zip(settings_model.parameters(), right.parameters(), strict=True)
    )
    if same:
        return
    if all(abs(r - len(batches)) < 1e-3 for r in ratio):
        raise Mistake(f"{len(batches)} times too long: the loss of one batch is a mean already.")
    last = deepcopy(right)
    last.zero_grad()
    (_loss_of(last, batches[-1]) / len(batches)).backward()
    if all(
        torch.allclose(p.grad, q.grad, atol=1e-6)
        for p, q in zip(settings_model.parameters(), last.parameters(), strict=True)
    ):
        raise Mistake("Only the last batch is in the gradient: something wipes the others.")
    raise Mistake("The gradient is not that of all clips together.")


def _toy_model(nn: Any, torch: Any) -> Any:
    from exercises import mymodel

    return _toy(mymodel.Settings()).model.train()


weights_only = Quiz(
    "weights_only",
    "What else changes from step to step?",
    right=(
        "The optimizer's averages of gradients start from zero again, and so may the schedule "
        "and the order of clips",
        "All of that is state. Save it, or make it follow from (seed, epoch), as the library "
        "does with the order of clips and dropout.",
    ),
    wrong=(
        (
            "They do not: weights are all there is",
            "AdamW keeps two running averages for every weight; the schedule counts steps.",
        ),
        ("Because of rounding when saving", "float32 is saved as it is, bit for bit."),
    ),
)
