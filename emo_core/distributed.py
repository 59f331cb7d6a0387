"""`torchrun` makes any run data-parallel; for one process every function here does nothing.

Each process computes its share of every batch. The loss, the moments of batch normalisation and
the scores are those of the whole batch, so N processes give one process's numbers at an N times
larger batch, up to rounding; only dropout draws other masks. A run folder and a cache must lie on
a disk that all processes see.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from emo_core.errors import EmoError

Value = TypeVar("Value")
PATIENCE_S = 300.0  # a process that answers nothing for so long is lost; a dead one is noticed now
POLL_S = 0.02

_store: dist.Store | None = None  # what the processes of this session write to each other
_turn = 0  # calls of `once` so far, the same number on every process


class DistributedError(EmoError):
    """Processes that can't start or go on together; the message says what to do."""


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def session() -> Iterator[bool]:
    """Join the processes that torchrun started; yield whether this one writes and prints.

    Raises DistributedError where one of them is lost: whole epochs are in the run folder by then.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    after = signal.signal(signal.SIGTERM, _raise_lost)  # torchrun's word to the survivors
    try:
        _join()
        yield rank() == 0
        dist.destroy_process_group()
    except BaseException as error:
        after = signal.SIG_IGN  # this process ends by itself, with its own exit code
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise _lost_error() from error
        raise
    finally:
        signal.signal(signal.SIGTERM, after)


def _join() -> None:
    global _store, _turn
    gpus, place = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK", "0"))
    if gpus and place >= gpus:
        raise DistributedError(
            "process {place} has no GPU of its own, this machine has {gpus}; start torchrun with "
            "--nproc-per-node {gpus}.",
            place=place + 1,
            gpus=gpus,
        )
    if gpus:
        torch.cuda.set_device(place)
    patience = timedelta(seconds=PATIENCE_S)
    try:
        _store, own, count = next(dist.rendezvous("env://", timeout=patience))
    except ValueError as error:
        why = f"WORLD_SIZE is set but {error}; start several processes with torchrun."
        raise DistributedError(why) from error
    _turn = 0
    backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
    dist.init_process_group(backend, store=_store, rank=own, world_size=count, timeout=patience)


def _lost_error() -> DistributedError:
    return DistributedError(
        "a process of this run was lost or stopped; expected all of them to the end; whole epochs "
        "are kept, so start the same command again with --resume."
    )


def _raise_lost(*_: object) -> None:
    raise _lost_error()


def is_main_process() -> bool:
    """Whether this process is the first to say why the run ends, so that it is said once."""
    if _store is None:
        return True
    try:
        return _store.add("said", 1) == 1
    except RuntimeError:  # the store is gone: rather twice than never
        return True


def on_rank_zero(make: Callable[[], Value]) -> Value:
    """What `make` returns or raises in the first process, on all; they wait as long as it takes."""
    global _turn
    if world_size() == 1:
        return make()
    assert _store is not None  # the processes met at it
    _turn += 1
    answer: list = [None]
    if rank() == 0:
        try:
            answer = [(make(), None)]
        except Exception as error:
            answer = [(None, error)]
        _store.set(f"once {_turn}", "done")
    else:
        while not _store.check([f"once {_turn}"]):
            time.sleep(POLL_S)
    dist.broadcast_object_list(answer)
    value, failure = answer[0]
    if failure is not None:
        raise failure
    return value


def rank_slice(batch: Sequence[Value]) -> Sequence[Value]:
    """This process's part of a batch; all of it where there are fewer rows than processes.

    Rows that every process computes change neither the mean loss nor its gradient.
    """
    return batch if len(batch) < world_size() else batch[rank() :: world_size()]


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, (sum of n, ...), the same everywhere; gradients reach own rows.

    So each process computes the loss of the whole batch, whatever the loss is, and the sum of
    all processes' parameter gradients is the whole batch's gradient.
    """
    if world_size() == 1:
        return rows
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)]))  # on the CPU: the GPU is not waited for
    padded = rows.new_zeros(int(max(counts)), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    parts = [part[:count] for part, count in zip(parts, counts, strict=True)]
    parts[rank()] = rows
    return torch.cat(parts)


def in_order(rows: Tensor, indices: Sequence[int]) -> Tensor:
    """Row i of all processes' rows at place i, each place once. rows (n, ...) at `indices` (n,)."""
    if world_size() == 1:
        return rows
    parts: list = [None] * world_size()
    dist.all_gather_object(parts, (list(indices), rows))
    whole = {place: row for where, part in parts for place, row in zip(where, part, strict=True)}
    return torch.stack([whole[place] for place in sorted(whole)])


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Sum the processes' gradients in one message; unused parameters keep no gradient."""
    if world_size() == 1:
        return
    learning = [p for p in parameters if p.requires_grad]
    used = torch.tensor([p.grad is not None for p in learning], dtype=torch.int32)
    dist.all_reduce(used)  # on the CPU: the GPU is not waited for
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
    message = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(message)
    sums = message.split([p.numel() for p in learning])
    for parameter, grad, total, use in zip(learning, grads, sums, used.tolist(), strict=True):
        if use:  # copied, because a fused optimizer needs the parameter's own memory layout
            parameter.grad = grad.copy_(total.view(grad.shape))


def wrap_model(model: nn.Module) -> nn.Module:
    """The model with the first process's weights and batch normalisation over all processes.

    Modules that skip empty inputs (`skip_empty`) no longer do so: all processes meet in each norm.
    """
    if world_size() == 1:
        return model
    for module in model.modules():
        if hasattr(module, "skip_empty"):
            vars(module)["skip_empty"] = False
    for value in model.state_dict().values():
        weights = value.contiguous()
        dist.broadcast(weights, 0)
        value.copy_(weights)
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for number, module in enumerate(model.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = SharedBatchNorm
            cast(SharedBatchNorm, module).number = number
    return model


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation by the moments of all processes' rows; torch's own needs GPUs.

    Every process must come here as often as the others, be it with no rows at all.
    """

    number: int  # of this layer in the model, the same on all processes

    def _check_input_dim(self, input: Tensor) -> None:
        pass  # the class it stands for has checked already

    def forward(self, x: Tensor) -> Tensor:  # (B, C, ...)
        if not self.training:
            return super().forward(x)
        over, shape = (0, *range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))
        rows = x.float()
        facts = rows.new_tensor([x.numel() // x.shape[1], self.number])
        *_, count, number = sums = all_reduce(torch.cat([rows.sum(over), facts]))
        if number != self.number * world_size():
            raise DistributedError(
                "processes computed different layers for their rows; expected the same for all; "
                "train with one process, or let the model compute layers for no rows too."
            )
        assert self.num_batches_tracked is not None and self.momentum is not None
        assert self.running_mean is not None and self.running_var is not None  # models track them
        mean = sums[:-2] / count  # (C,)
        centred = rows - mean.view(shape)
        variance = all_reduce(centred.square().sum(over)) / count  # (C,)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)
