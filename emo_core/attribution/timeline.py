"""Maps on one clock: how much each moment of picture and sound moved the score."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from emo_core.attribution.types import AXES, Attribution

TIME_BINS = 20  # of the clock, where nothing else is asked for


class Peak(NamedTuple):
    """The part of a window in which one modality moved the score most."""

    start_s: float  # from the start of the clip
    end_s: float
    value: float  # in units of the score


@dataclass(frozen=True)
class Timeline:
    """Parts of a window and what each is worth, in units of the score."""

    edges_s: Tensor  # (n + 1,) from the start of the clip
    picture: Tensor | None  # (n,); None where the model looks at no picture
    sound: Tensor | None  # (n,)

    @property
    def both(self) -> Tensor:
        """Picture and sound together, (n,)."""
        found = [x for x in (self.picture, self.sound) if x is not None]
        return torch.stack(found).sum(0)

    def peaks(self) -> dict[str, Peak | None]:
        """By modality; None of one that did not move the score at all."""
        return {"picture": self._peak(self.picture), "sound": self._peak(self.sound)}

    def _peak(self, values: Tensor | None) -> Peak | None:
        if values is None or not bool(values.any()):
            return None
        at = int(values.abs().argmax())
        start_s, end_s = self.edges_s[at : at + 2].tolist()
        return Peak(start_s, end_s, float(values[at]))


def over_time(attribution: Attribution, name: str) -> Tensor:
    """One value a frame, mel frame or word: the sum of its map."""
    return attribution.maps[name].flatten(1).sum(1) if name != "tokens" else attribution.maps[name]


def in_space(attribution: Attribution, name: str) -> Tensor:
    """(T, H, W) of the picture: channels, and people side by side in faces, are added up."""
    values = attribution.maps[name]
    return values.sum(1) if name == "video" else values.sum(2).transpose(1, 2).flatten(2)


def to_timeline(attribution: Attribution, parts: int = TIME_BINS) -> Timeline:
    """Both modalities in equal parts of the window. A value of a frame fills the frame's time."""
    start_s, end_s = attribution.span
    edges_s = torch.linspace(start_s, end_s, parts + 1)
    found: dict[str, Tensor | None] = {"picture": None, "sound": None}
    for name in attribution.maps:
        if AXES[name] in found:
            found[AXES[name]] = rebin(over_time(attribution, name), parts)
    return Timeline(edges_s, **found)


def rebin(values: Tensor, parts: int) -> Tensor:
    """(n,) values of n equal stretches of time -> (parts,), sums kept."""
    total = torch.cat([torch.zeros(1), values.double().cumsum(0).cpu()])  # (n + 1,)
    place = torch.linspace(0, len(values), parts + 1, dtype=torch.float64)
    left = place.long().clamp(max=len(values) - 1)
    at = total[left] + (place - left) * (total[left + 1] - total[left])
    return at.diff().float()
