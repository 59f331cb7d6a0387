"""Scores of one window with some of its tokens left out: towers read once, the fusion repeated.

What is left out is masked, as a face that was not found is, or sound that is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emo_core.messages import Message, say
from emo_core.models.interface import FeatureBatch, Features
from emo_core.models.layers.towers import Tokens

AT_ONCE = 12  # variants that go through the fusion together, for the time of one forward pass
PICTURE, PEOPLE, SOUND = "video", "people", "sound"  # two towers of the picture, all others


@dataclass(frozen=True)
class TokenGroups:
    """Which tokens of each tower stand and fall together: players of a game for the score."""

    ids: Mapping[str, Tensor]  # by tower, (N,) long; -1 = nothing real
    keys: tuple[tuple[str, int, int], ...]  # of each group: tower, part of the clock, person or 0

    @classmethod
    def by_time(cls, features: Features, parts: int, window_s: float, people: int) -> "TokenGroups":
        """Equal parts of the clock: frames, each person's faces, and sound apart."""
        keys: dict[tuple[str, int, int], int] = {}
        ids: dict[str, Tensor] = {}
        for tower, seen in features.items():
            times_s = seen.times_s[0] if seen.spans is None else seen.spans.times_s[0]
            when = (times_s.double() * parts / window_s).long().clamp(0, parts - 1).tolist()
            kind = tower if tower in (PICTURE, PEOPLE) else SOUND
            own = torch.full((len(when),), -1)
            for token in seen.mask[0].nonzero().flatten().tolist():
                person = token % people if tower == PEOPLE else 0
                own[token] = keys.setdefault((kind, when[token], person), len(keys))
            ids[tower] = own
        return cls(ids, tuple(keys))


class TokenLogits:
    """A target's score of one window, by the tokens that are there."""

    def __init__(
        self,
        model: nn.Module,
        features: Features,
        index: int,
        count: Callable[[int], object],
    ) -> None:
        """index: of the label; count: told of the forward passes that it takes."""
        self.model, self.features, self.index, self.count = model, features, index, count
        device = next(iter(features.values())).values.device
        both = {
            name: torch.stack([seen.mask[0], torch.zeros_like(seen.mask[0])]).to(device)
            for name, seen in features.items()
        }
        self.score, self.baseline_score = self._scores(both).tolist()

    @property
    def baseline_words(self) -> Message:
        """What stands for "nothing there", for people."""
        return say("no frame, face or sound there")

    def of(self, groups: TokenGroups, there: Tensor) -> Tensor:
        """Scores (n,) of n variants by the groups that are there, (n, k) bool."""
        found = []
        for rows in there.split(AT_ONCE):
            padded = torch.cat([rows, torch.zeros(len(rows), 1, dtype=torch.bool)], 1)
            masks = {
                name: padded[:, ids].to(self.features[name].mask.device)
                for name, ids in groups.ids.items()
            }
            self.count(1)
            found.append(self._scores(masks))
        return torch.cat(found)

    @torch.inference_mode()
    def _scores(self, masks: Mapping[str, Tensor]) -> Tensor:
        rows = {name: _rows(self.features[name], mask) for name, mask in masks.items()}
        return self.model(FeatureBatch(rows)).logits[:, self.index].float().cpu()


def _rows(seen: Tokens, mask: Tensor) -> Tokens:
    """The tokens of one window in every row, each with its own mask (n, N)."""
    values, times_s = (x.expand(len(mask), *x.shape[1:]) for x in (seen.values, seen.times_s))
    return replace(seen, values=values, mask=mask, times_s=times_s, spans=None)
