"""Which part of a model reads every row by itself: whoever changes some rows asks for those only.

emo_core.attribution.rereading does so while it explains.
"""

from collections.abc import Callable

from torch import Tensor

Read = Callable[..., Tensor]


def rowwise(read: Read) -> Read:
    """Marks a module's method: tensors of n rows each -> n rows, none of which asks another one.

    Rows are frames, pieces of film or log-mels. So it holds where batch norm is not learning.
    """
    read.rowwise = True
    return read
