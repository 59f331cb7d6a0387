"""Transcript -> tokens."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from emo_core.errors import EmoError
from emo_core.io.weights_cache import offline

PADDING, CLS, FIRST = 0, 1, 2  # of the byte tokenizer: byte b is token FIRST + b
BYTES = "bytes"
BYTE_VOCABULARY = FIRST + 256


class TextError(EmoError):
    """A transcript that can't become tokens; the message says what to install or to choose."""


def tokens_of(text: str, length: int, tokenizer: str = BYTES) -> tuple[Tensor, Tensor]:
    """Tokens (L,) int64 and their mask (L,) bool; the rest of the text is cut off.

    The first token stands for the whole text (CLS); without any text nothing is real.
    tokenizer: "bytes", or a name that transformers knows. Raises TextError.
    """
    tokens = torch.zeros(length, dtype=torch.int64)
    if not text.strip() or not length:
        return tokens, torch.zeros(length, dtype=torch.bool)
    if tokenizer == BYTES:
        ids = [CLS, *(FIRST + byte for byte in text.encode("utf-8", "replace"))][:length]
    else:
        ids = _load_tokenizer(tokenizer)(text, truncation=True, max_length=length)["input_ids"]
    tokens[: len(ids)] = torch.tensor(ids)
    return tokens, torch.arange(length) < len(ids)


@lru_cache(maxsize=2)
def _load_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer  # takes seconds
    except ImportError as error:
        raise TextError(
            f"the tokenizer {name!r} needs the package transformers, which is not installed; "
            "install it, or choose a model that reads bytes."
        ) from error
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=offline())
    except (OSError, ValueError, ImportError) as error:
        raise TextError(
            f"the files of the tokenizer {name!r} can't be had ({str(error).splitlines()[0]}); "
            "expected them in the hub's cache folder; fetch them once online."
        ) from error
