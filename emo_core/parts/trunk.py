"""Trunks: the costly part of a tower, and the part whose answer to one row asks no other row."""

from torch import nn


class Trunk(nn.Sequential):
    """Layers that read every row of their input by itself: a frame, a piece of film, a log-mel.

    Whoever changes some rows only needs to read those again (emo_core.attribution.rereading).
    """
