"""Wrong answers to lesson 5, and what the explanation must speak of."""

import torch
from exercises import mymodel
from torch import nn


def variant(base, forward):
    """A class like `base` whose forward is another."""
    return type(base.__name__, (base,), {"forward": forward})


def attention(
    scale=lambda q: q.shape[-1] ** 0.5, masked=True, axis=-1, mix=True, late=False, empty=True,
    upside=False, turned=True,
):  # fmt: skip
    def forward(self, x, context, mask):
        def heads(tokens):
            return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        q, k, v = heads(self.query(x)), heads(self.key(context)), heads(self.value(context))
        scores, real = q @ k.transpose(-2, -1) / scale(q), mask[:, None, None, :]
        if masked and not late:
            scores = scores.masked_fill(real if upside else ~real, -1e30)
        weights = scores.softmax(axis)
        if late:
            weights = weights * real
        answer = weights @ v
        answer = answer.transpose(1, 2).flatten(-2) if turned else answer.reshape(x.shape)
        answer = self.out(answer) if mix else answer
        return answer * mask.any(1)[:, None, None] if empty else answer

    return variant(mymodel.Attention, forward)


def block(forward):
    return variant(mymodel.CrossModalBlock, forward)


def _normed_twice(self, x, context, mask):
    half = x + self.attention(self.norm(x), self.context_norm(context), mask)
    return half + self.feed_forward(self.norm(half))


def _one_after_the_other(self, video, seen, audio, heard):
    for one in self.blocks["video"]:
        video = one(video, audio, heard)
    for one in self.blocks["audio"]:
        audio = one(audio, video, seen)
    means = [mymodel.masked_mean(x, m) for x, m in ((video, seen), (audio, heard))]
    return self.head(torch.cat(means, -1))


def ffn(self, half):
    return half + self.feed_forward(half)


def fusion(new=False, count=2, padded=False, swapped=False):
    def forward(self, video, seen, audio, heard):
        x, y = video, audio
        for a, b in list(zip(self.blocks["video"], self.blocks["audio"], strict=True))[:count]:
            x = a(x, y if new else audio, heard)
            y = b(y, x if new else video, seen)
        mean = (lambda t, m: t.mean(1)) if padded else mymodel.masked_mean
        pooled = [mean(x, seen), mean(y, heard)]
        return self.head(torch.cat(pooled[::-1] if swapped else pooled, 1))

    return variant(mymodel.CrossModalFusion, forward)


class Renamed(nn.Module):
    def __init__(self, *_):
        super().__init__()
        self.q = nn.Linear(8, 8)


def _sound_first(self, batch):
    video = self.video(batch["video"], batch["video_mask"], batch["video_times_s"])
    audio = self.audio(batch["mel"], batch["mel_mask"], batch["mel_times_s"])
    return self.fusion(*audio, *video)


def _all_real(self, batch):
    everything = {name: torch.ones_like(batch[name]) for name in ("video_mask", "mel_mask")}
    return mymodel.GroupModel.forward(self, batch | everything)


WRONG = {
    "Attention": [
        (attention(scale=lambda q: 1), "Divide the products by √"),
        (attention(scale=lambda q: 8**0.5), "you divide by the root of D"),
        (attention(masked=False), "mask has no effect"),
        (attention(axis=-2), "runs over the queries"),
        (attention(mix=False), "`self.out` is missing"),
        (attention(late=True), "mask after the softmax"),
        (attention(empty=False), "must be zero"),
        (attention(upside=True), "upside down"),
        (attention(turned=False), "way back"),
        (variant(mymodel.Attention, lambda self, x, c, m: x[:, :1]), "shape"),
        (Renamed, "has no key.bias"),
        (nn.Linear, "has no"),
    ],
    "CrossModalBlock": [
        (
            block(lambda s, x, c, m: ffn(s, s.attention(s.norm(x), s.context_norm(c), m))),
            "not added",
        ),
        (
            block(
                lambda s, x, c, m: s.feed_forward(x + s.attention(s.norm(x), s.context_norm(c), m))
            ),
            "no residual",
        ),
        (block(lambda s, x, c, m: x + s.attention(s.norm(x), s.context_norm(c), m)), "is missing"),
        (
            block(lambda s, x, c, m: ffn(s, x + s.attention(s.norm(x), c, m))),
            "context goes in without",
        ),
        (
            block(lambda s, x, c, m: ffn(s, x + s.attention(x, s.context_norm(c), m))),
            "ask go in without",
        ),
        (block(lambda s, x, c, m: ffn(s, s.norm(x + s.attention(x, c, m)))), "post-norm"),
        (
            block(lambda s, x, c, m: ffn(s, x + s.attention(s.context_norm(x), s.norm(c), m))),
            "exchanged",
        ),
        (block(lambda s, x, c, m: ffn(s, x + s.attention(x, c, m))), "norms are missing"),
        (
            block(lambda s, x, c, m: ffn(s, x + s.attention(s.norm(x), s.norm(c), m))),
            "each has its own",
        ),
        (block(_normed_twice), "norm twice"),
        (block(lambda s, x, c, m: x), "expected"),
    ],
    "masked_weights": [
        (lambda scores, mask: scores.softmax(-1) * mask, "less than 1"),
        (lambda scores, mask: scores.softmax(-1), "still has weight"),
        (lambda scores, mask: scores * mask, "scores still"),
    ],
    "masked_mean": [
        (lambda t, m: (t * m.unsqueeze(-1)).mean(1), "Padding is counted"),
        (lambda t, m: t.mean(1), "all tokens"),
        (lambda t, m: (t * m.unsqueeze(-1)).sum(1), "the sum"),
        (lambda t, m: (t * m.unsqueeze(-1)).sum(1) / m.sum(1, keepdim=True), "NaN"),
        (lambda t, m: (t * m.unsqueeze(-1)).sum(1) / m.sum(), "whole batch"),
        (lambda t, m: t.amax(1), "the maximum"),
    ],
    "CrossModalFusion": [
        (fusion(new=True), "*new* tokens"),
        (variant(mymodel.CrossModalFusion, _one_after_the_other), "have become"),
        (fusion(count=1), "Only one block"),
        (fusion(padded=True), "count padding"),
        (fusion(swapped=True), "video's mean first"),
        (fusion(count=0), "Nothing is asked"),
    ],
    "GroupModel": [
        (variant(mymodel.GroupModel, lambda self, batch: torch.zeros(2, 3)), "Your logits"),
        (variant(mymodel.GroupModel, lambda self, batch: torch.zeros(2, 4)), "shape"),
        (variant(mymodel.GroupModel, _sound_first), "video first"),
        (variant(mymodel.GroupModel, _all_real), "and wrong for the one with padding"),
    ],
    "late_ceiling": [
        (0.8, "half of the time"),
        (1.0, "only half"),
        (0.767, "one modality"),
        (90, "per cent"),
        (0.3, "each regime"),
    ],
    "best_sum": [("Two", "training finds"), ("Four", "same total")],
    "stable_softmax": [
        (lambda scores: scores.exp() / scores.exp().sum(), "largest first"),
        (lambda scores: (scores - scores.max()).exp(), "sum to 1"),
        (lambda scores: scores * 0 + 1 / 3, "expected"),
        (lambda scores: 1.0, "shape"),
    ],
    "attend": [
        (lambda q, keys, values: (keys @ q).softmax(0) @ values, "root of D before"),
        (lambda q, keys, values: (keys @ q / 4).softmax(0) @ values, "not by D"),
        (lambda q, keys, values: (keys @ q / 5**0.5).softmax(0) @ values, "root of K"),
        (lambda q, keys, values: (keys @ q / 2).softmax(0) @ keys, "mean of the keys"),
        (lambda q, keys, values: values.mean(0), "plain mean"),
        (lambda q, keys, values: keys @ q / 2 @ values, "Softmax is missing"),
        (lambda q, keys, values: (keys @ q / 2).softmax(0), "five weights"),
        (lambda q, keys, values: values, "one answer"),
        (lambda q, keys, values: values[0], "weighted mean"),
    ],
    "shuffled_tokens": [
        ("They fall to chance in `synced`, because the order of sounds is lost", "in its numbers"),
        ("They fall in all regimes, because the model was trained on ordered tokens", "places"),
    ],
}
