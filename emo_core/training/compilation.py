"""torch.compile, tried on one batch before a run relies on it."""

import torch
from torch import Tensor, nn

from emo_core.errors import EmoError
from emo_core.models.precision import for_inference, model_device
from emo_core.preprocess.batch import Batch

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune")  # the second one: CUDA graphs
APART = 0.1  # of the largest score; right kernels in bf16: 0.02, a wrong one: 2 (docs/predict.md)


class CompilationError(EmoError):
    """A model that can't be compiled here, or that answers otherwise once it is."""


def try_compiled(model: nn.Module, batch: Batch) -> None:
    """Raise CompilationError where a model on which `compile` was called fails, or answers wrongly.

    The batch is on the model's device; scores with and without the compiler's code are compared.
    """
    learning = model.training
    with torch.compiler.set_stance("force_eager"):
        plain = _scores(model.eval(), batch)
    try:
        compiled = _scores(model, batch)
    except Exception as error:  # of torch's compiler or of the C++ compiler, of many classes
        raise CompilationError(
            "the model can't be compiled here ({why}); expected a C++ compiler, and Triton for a "
            "GPU; install them, or train without the setting compile.",
            why=" ".join(str(error).split())[:160],
        ) from error
    model.train(learning)
    apart, largest = float((compiled - plain).abs().max()), float(plain.abs().max())
    if plain.isfinite().all() and not apart <= APART * max(largest, 1):
        raise CompilationError(
            "the compiled model answers {apart} apart from the plain one, whose largest score is "
            "{largest}; expected the same answers; train without the setting compile.",
            apart=f"{apart:.2g}",
            largest=f"{largest:.2g}",
        )


def _scores(model: nn.Module, batch: Batch) -> Tensor:
    with torch.inference_mode(), for_inference(model, model_device(model)):
        return model(batch).logits.float().cpu()
