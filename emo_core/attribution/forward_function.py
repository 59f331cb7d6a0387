"""One window and one score as a function of float inputs, with batches that fit in memory."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.attribution.activation_cache import cache_rows
from emo_core.attribution.tokens import TokenLogits
from emo_core.attribution.types import AttributionError, Cancelled, Target
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import modalities
from emo_core.messages import say, say_list
from emo_core.models.interface import SupportsFeatures, TwoStreams
from emo_core.models.precision import model_device
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.log_mel import follow_mel
from emo_core.preprocess.sample import Sample
from emo_core.preprocess.trace import Trace

T = TypeVar("T")

MOST = 8  # more at once are no faster on a processor
NEAR = 320 << 20  # bytes of layers' outputs beyond which a processor is slower: 1.4 times at 880 MB
SHARE = 0.5  # of the free memory that variants may fill
KEPT = 3  # a layer's output, what is made between layers, and the gradient of both


class Sizes:
    """Bytes that the layers of a model have put out."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, _: nn.Module, __: tuple, out: object) -> None:
        """A forward hook."""
        parts = out if isinstance(out, tuple) else (out,)
        self.total += sum(x.numel() * x.element_size() for x in parts if isinstance(x, Tensor))


@contextmanager
def counted(model: nn.Module) -> Iterator[Sizes]:
    """Count what a model's innermost layers put out while the context is open."""
    sizes = Sizes()
    leaves = [m for m in model.modules() if not any(True for _ in m.children())]
    hooks = [leaf.register_forward_hook(sizes.count) for leaf in leaves]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


def free_bytes(device: torch.device) -> int:
    """Memory that can be had now without pushing anything out."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            (found,) = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return int(found) * 1024
    except (OSError, ValueError):  # no Linux: half of what there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def fitting(one: int, free: int, near: int) -> int:
    """How many variants of `one` byte count go together into `free`, and are fast there.

    near: bytes that together are. Raises AttributionError where not even one fits.
    """
    room = int(SHARE * free)
    if one * KEPT > room:
        raise AttributionError(
            "explaining one window takes about {needed:.0f} MB, and of the {free:.0f} MB that are "
            "free it may fill half; close other programs, or choose a smaller model.",
            needed=one * KEPT / 2**20,
            free=free / 2**20,
        )
    return max(1, min(MOST, room // max(one * KEPT, 1), near // max(one, 1)))


MASKS = {"video": "video_mask", "faces": "face_mask", "mel": "mel_mask", "tokens": "token_mask"}
BASELINES = ("blur", "mean")
PATCHES = 3  # that a blurred picture still has across and down
BACKWARD = 2  # forward passes' time
Progress = Callable[[int, int], object]  # passes done, passes in all; False stops


def inputs_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The fields of a Sample that a model reads."""
    sample = checkpoint.sample
    picture = "faces" if sample.people and sample.face_size else "video"
    names = {"video": picture, "audio": "mel", "text": "tokens"}
    return tuple(names[modality] for modality in modalities(checkpoint))


class lazy_property(cached_property[T]):  # noqa: N801  # a decorator, as property is
    """`cached_property` without the lock that Python 3.11 holds for all instances together.

    What works one out may pause until another thread has worked out its own, as jobs of the page
    do: with that lock both would wait for ever.
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        kept = instance.__dict__
        if self.attrname not in kept:
            kept[self.attrname] = self.func(instance)
        return kept[self.attrname]


@dataclass
class PassBudget:
    """Counts forward passes, reports them to the caller, and stops at the caller's request."""

    total: int
    progress: Progress | None = None
    spent: int = 0

    def count(self, passes: int) -> None:
        self.spent += passes
        if self.progress and self.progress(min(self.spent, self.total), self.total) is False:
            raise Cancelled("the explanation was stopped before it was done.")


def has_separate_towers(checkpoint: Checkpoint) -> bool:
    """Whether a model reads picture and sound in towers of their own, and a window as a whole."""
    model = checkpoint.model
    apart = isinstance(model, SupportsFeatures) and isinstance(model, TwoStreams)
    return apart and not checkpoint.task.answers_moments


def refuse_without_towers(checkpoint: Checkpoint) -> None:
    """Raise AttributionError where a model does not read picture and sound apart, as a whole."""
    if not has_separate_towers(checkpoint):
        raise AttributionError(
            "{name} has no towers that read picture and sound apart; expected those of a group "
            "model; choose another method, as integrated_gradients.",
            name=checkpoint.name,
        )


class ForwardFunction:
    """Scores of one window's inputs, changed at will; works on a copy of the model.

    Inputs are float, (n, ...) each: pictures in [0, 1], log-mel, and for words a gate of 1 (there)
    or 0 (its embedding is zero), so that gradients reach all of them. What the window has not,
    is not among `names`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        sample: Sample,
        target: Target,
        baseline: str,
        meter: PassBudget,
    ) -> None:
        if baseline not in BASELINES:
            raise AttributionError(
                "baseline {baseline!r} is not known; expected one of {baselines}.",
                baseline=baseline,
                baselines=", ".join(BASELINES),
            )
        self.checkpoint, self.sample, self.target, self.meter = checkpoint, sample, target, meter
        self.model = deepcopy(checkpoint.model).eval().requires_grad_(False)
        self.batch: Batch = collate([sample]).to(model_device(self.model))
        self.kind = baseline
        self.names = tuple(
            n for n in inputs_of(checkpoint) if bool(getattr(self.batch, MASKS[n]).any())
        )
        if not self.names:
            raise AttributionError(
                "this window has nothing that the model looks at (no picture, face, sound or "
                "word); expected at least one; choose another window or clip."
            )

    @lazy_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The window itself, (1, ...) each."""
        return tuple(self._input(name) for name in self.names)

    @lazy_property
    def baselines(self) -> tuple[Tensor, ...]:
        """The window with nothing to be seen, heard or read in it, (1, ...) each."""
        made: dict[str, Callable[[Tensor], Tensor]]
        made = {"mel": self._silence, "tokens": torch.zeros_like}
        return tuple(
            made.get(n, self._plain)(x) for n, x in zip(self.names, self.inputs, strict=True)
        )

    @property
    def baseline_words(self) -> str:
        """The baseline, for people."""
        blurred = self.kind == "blur"
        size = {"across": PATCHES, "down": PATCHES}
        words = {
            "video": say("frames blurred to {across} × {down} patches", **size)
            if blurred
            else say("frames of their mean colour"),
            "faces": say("faces blurred to {across} × {down} patches", **size)
            if blurred
            else say("faces of their mean colour"),
            "mel": say("silence"),
            "tokens": say("words left out"),
        }
        if self.sample.face_eyes is not None and bool(self.sample.face_mask.any()):
            words["video"] = say_list([words["video"], say("faces kept where they were")])
        return say_list(words[name] for name in self.names)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The target's score of n variants, (n,)."""
        gradient = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
        self.meter.count(len(inputs[0]) * (1 + BACKWARD * gradient))
        values = dict(zip(self.names, inputs, strict=True))
        with self._gated(values.pop("tokens", None)):
            logits = self.model(self._batch(len(inputs[0]), values)).logits
        scores = logits[:, self.target.index] if logits.ndim == 2 else self._moment(logits)
        if gradient:  # an input that the model passes over has a gradient too: zero
            scores = scores + sum(0 * x.flatten(1).sum(1) for x in inputs)
        return scores

    @lazy_property
    def _sized(self) -> tuple[float, int]:
        """The window's score, and how many variants of it fit into memory together."""
        cache_rows(self.model)  # from here on: what was read before is not counted
        with torch.no_grad(), counted(self.model) as sizes:
            score = float(self(*self.inputs))
        device = self.batch.mel.device
        free = free_bytes(device)
        return score, fitting(sizes.total, free, NEAR if device.type == "cpu" else free)

    @property
    def score(self) -> float:
        """The target's score of the window as it is. Raises AttributionError: too little memory."""
        return self._sized[0]

    @property
    def max_batch(self) -> int:
        """Variants that may go through the model together: it bounds memory."""
        return self._sized[1]

    @lazy_property
    def baseline_score(self) -> float:
        """The target's score of the baselines."""
        with torch.no_grad():
            return float(self(*self.baselines))

    @lazy_property
    def tokens(self) -> TokenLogits:
        """The window as its towers read it. Raises AttributionError where a model has none."""
        refuse_without_towers(self.checkpoint)
        model = self.model
        assert isinstance(model, SupportsFeatures)
        self.meter.count(2)
        with torch.inference_mode():
            seen = model.features(self.batch)
        return TokenLogits(self.model, seen, self.target.index, self.meter.count)

    def trace(self) -> Trace:
        """What the model keeps of the pass in which it reads the window."""
        self.meter.count(1)
        with torch.no_grad():
            return self.model(self.batch).trace

    def _moment(self, logits: Tensor) -> Tensor:
        return logits[:, self.target.step, self.target.index]

    def _input(self, name: str) -> Tensor:
        values = getattr(self.batch, name)
        if name == "tokens":
            return self.batch.token_mask.float()
        return values.float() / 255 if values.dtype == torch.uint8 else values.float()

    def _silence(self, mel: Tensor) -> Tensor:
        floor = torch.tensor(self.checkpoint.sample.mel.floor).log()
        return torch.full_like(mel, float(floor))

    def _plain(self, pictures: Tensor) -> Tensor:
        flat = pictures.flatten(0, -4)  # (n, 3, h, w)
        side = PATCHES if self.kind == "blur" else 1
        small = functional.adaptive_avg_pool2d(flat, side)
        large = functional.interpolate(small, flat.shape[-2:], mode="bilinear", align_corners=False)
        return large.view_as(pictures)

    def _batch(self, rows: int, values: dict[str, Tensor]) -> Batch:
        whole = {
            name: x.expand(rows, *x.shape[1:])
            for name, x in vars(self.batch).items()
            if x is not None
        }
        if self.batch.wave is not None and "mel" in values:  # the model reads what it is made of
            change = values["mel"] - whole["mel"]
            values["wave"] = follow_mel(whole["wave"], change, self.checkpoint.sample.mel)
        return replace(Batch(**whole), **values)

    @contextmanager
    def _gated(self, gate: Tensor | None) -> Iterator[None]:
        """While open, embeddings of words are multiplied by gate (n, L)."""
        if gate is None:
            yield
            return
        embedding = next(m for m in self.model.modules() if isinstance(m, nn.Embedding))
        hook = embedding.register_forward_hook(lambda _, __, out: out * gate.unsqueeze(-1))
        try:
            yield
        finally:
            hook.remove()
