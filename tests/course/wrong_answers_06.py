"""Wrong answers to lesson 6, and what the explanation must speak of."""

import numpy as np
import torch
from exercises import mymodel
from torch.nn import functional


def _below(weights, p):
    order = np.argsort(-weights)
    kept = np.zeros(len(weights), bool)
    kept[order[np.cumsum(weights[order]) < p]] = True
    return kept


def _sorted(weights, p):
    ordered = np.sort(weights)[::-1]
    kept = np.cumsum(ordered) - ordered < p
    kept[0] = True
    return kept


class _Layer(mymodel.TransformerLayer):
    def feed(self, x):
        return self.narrow(self.widen(x).relu())


class _PreNorm(_Layer):
    def forward(self, x, mask):
        y = self.norm(x)
        x = x + self.attention(y, y, mask)
        return x + self.feed(self.last_norm(x))


class _NoResidual(_Layer):
    def forward(self, x, mask):
        x = self.norm(self.attention(x, x, mask))
        return self.last_norm(x + self.feed(x))


class _NoSecondResidual(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, mask))
        return self.last_norm(self.feed(x))


class _NoMask(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, torch.ones_like(mask)))
        return self.last_norm(x + self.feed(x))


class _NoRelu(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, mask))
        return self.last_norm(x + self.narrow(self.widen(x)))


class _Half(_Layer):
    def forward(self, x, mask):
        return self.norm(x + self.attention(x, x, mask))


class _OneNorm(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, mask))
        return self.norm(x + self.feed(x))


class _Renamed(mymodel.TransformerLayer):
    def __init__(self, width, heads, hidden):
        super().__init__(width, heads, hidden)
        self.norm1 = self.norm
        del self.norm


class _Additive(mymodel.AdditiveAttention):
    def forward(self, x, query):
        return self.answer(self.content(x), self.query(query))


class _NoTanh(_Additive):
    def answer(self, x, query):
        return self.energy(x + query).squeeze(-1)


class _Column(_Additive):
    def answer(self, x, query):
        return self.energy(torch.tanh(x + query))


class _Softmax(_Additive):
    def answer(self, x, query):
        return self.energy(torch.tanh(x + query)).squeeze(-1).softmax(0)


class _TwoTanh(_Additive):
    def answer(self, x, query):
        return self.energy(torch.tanh(x) + torch.tanh(query)).squeeze(-1)


class _Dot(_Additive):
    def answer(self, x, query):
        return (x * query).sum(-1)


def _kept(count):
    """The strongest of each row, as many as count(share, real) says."""

    def keep(weights, real, share):
        rank = weights.masked_fill(~real, -1).argsort(-1, descending=True).argsort(-1)
        return (rank < count(share, real)) & real

    return keep


def _real(real):
    return real.sum(-1, keepdim=True)


def _keeps_padding(weights, real, share):
    rank = (-weights.masked_fill(~real, -1)).argsort(-1).argsort(-1)
    return rank < (share * real.sum(-1, keepdim=True)).ceil().clamp(min=1)


def _weakest(weights, real, share):
    rank = weights.masked_fill(~real, 9).argsort(-1).argsort(-1)
    return (rank < (share * _real(real) - 1e-6).ceil().clamp(min=1)) & real


def _scrambled(pictures, real, kept, compute):
    places = kept.T.nonzero().flip(1)
    values = compute(pictures[kept[real]])
    tokens = values.new_zeros(*real.shape, values.shape[1])
    tokens[places[:, 0], places[:, 1]] = values
    return tokens


def _all_computed(pictures, real, kept, compute):
    tokens = torch.zeros(*real.shape, 2)
    tokens[real] = compute(pictures)
    return tokens


def _computed_and_hidden(pictures, real, kept, compute):
    return _all_computed(pictures, real, kept, compute) * kept.unsqueeze(-1)


def _sound(change):
    """sound_pictures with one thing changed: change(chunks, real) -> pictures (n, 32, M)."""

    def pictures(mel, mask):
        more = -mel.shape[1] % 32
        chunks = functional.pad(mel, (0, 0, 0, more)).unflatten(1, (-1, 32))
        real = functional.pad(mask, (0, more)).unflatten(1, (-1, 32))
        where = real.any(2)
        return change(chunks[where], real[where].unsqueeze(-1)), where

    return pictures


def _standard(chunks, real, least=0.5, count=None):
    count = count or real.sum((1, 2), keepdim=True) * chunks.shape[2]
    centred = (chunks - (chunks * real).sum((1, 2), keepdim=True) / count) * real
    spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    return (centred / spread.clamp(min=least)).transpose(1, 2).unsqueeze(1)


def _with_padding(chunks, real):
    centred = chunks - chunks.mean((1, 2), keepdim=True)
    spread = centred.square().mean((1, 2), keepdim=True).sqrt().clamp(min=0.5)
    return (centred * real / spread).transpose(1, 2).unsqueeze(1)


def _only_centred(chunks, real):
    count = real.sum((1, 2), keepdim=True) * chunks.shape[2]
    centred = (chunks - (chunks * real).sum((1, 2), keepdim=True) / count) * real
    return centred.transpose(1, 2).unsqueeze(1)


def _parts(chunks, real):
    count = real.sum((1, 2), keepdim=True) * chunks.shape[2]
    centred = chunks - (chunks * real).sum((1, 2), keepdim=True) / count
    return centred, ((centred * real).square().sum((1, 2), keepdim=True) / count)


def _shifted_padding(chunks, real):
    centred, variance = _parts(chunks, real)
    return (centred / variance.sqrt().clamp(min=0.5)).transpose(1, 2).unsqueeze(1)


def _by_variance(chunks, real):
    centred, variance = _parts(chunks, real)
    return (centred * real / variance.clamp(min=0.5)).transpose(1, 2).unsqueeze(1)


class _Tower(mymodel.SparseTower):
    """Ours, in pieces that can go wrong one by one."""

    def forward(self, pictures, real, query):
        weights = self.weigh(pictures, real, query)
        kept = mymodel.keep_strongest(weights, real, self.share)
        tokens = self.tokens(pictures, real, kept)
        loud = self.loud(weights, real).unsqueeze(-1)
        return self.end(self.head(self.cls_transformer(tokens * loud, self.seen(kept, real))), real)

    def weigh(self, pictures, real, query):
        scores = query.new_full(real.shape, -1e9)
        scores[real] = self.thumbnail_attention(pictures, query[real.nonzero()[:, 0]])
        return scores.softmax(-1) * real

    def tokens(self, pictures, real, kept):
        tokens = torch.zeros(*real.shape, 64)
        tokens[kept] = self.flatten(self.tower(pictures[kept[real]]))
        return tokens

    def loud(self, weights, real):
        return weights * real.sum(1, keepdim=True)

    def seen(self, kept, real):
        return kept

    def end(self, scores, real):
        return scores * real.any(1, keepdim=True)


class _Quiet(_Tower):
    def loud(self, weights, real):
        return torch.ones_like(weights)


class _NoCount(_Tower):
    def loud(self, weights, real):
        return weights


class _SeesZeros(_Tower):
    def seen(self, kept, real):
        return real


class _Everything(_SeesZeros):
    def tokens(self, pictures, real, kept):
        return super().tokens(pictures, real, real)


class _ComputesEverything(_Tower):
    def tokens(self, pictures, real, kept):
        return super().tokens(pictures, real, real) * kept.unsqueeze(-1)


class _Bias(_Tower):
    def end(self, scores, real):
        return scores


class _OverTheBatch(_Tower):
    def weigh(self, pictures, real, query):
        weights = torch.zeros(real.shape)
        weights[real] = self.thumbnail_attention(pictures, query[real.nonzero()[:, 0]]).softmax(0)
        return weights


class _Mesm(mymodel.Mesm):
    def terms(self, batch, query_counts=True, text_counts=True):
        said = batch["token_mask"].any(1, keepdim=True)
        query = self.text.backbone["encoder"](batch["tokens"], batch["token_mask"] | ~said)
        query = query * said if query_counts else query
        text = self.text.backbone["head"](query)
        return torch.stack([
            text * said if text_counts else text,
            self.video(*mymodel.face_pictures(batch["faces"], batch["face_mask"]), query),
            self.audio(*mymodel.sound_pictures(batch["mel"], batch["mel_mask"]), query),
        ])  # fmt: skip

    def weighted(self, terms):
        return (self.fusion.weight[:, None, None] * terms).sum(0)


class _PlainSum(_Mesm):
    def forward(self, batch):
        return self.terms(batch).sum(0)


class _Mean(_Mesm):
    def forward(self, batch):
        return self.weighted(self.terms(batch)) / 3


class _TextAlwaysVotes(_Mesm):
    def forward(self, batch):
        return self.weighted(self.terms(batch, text_counts=False))


class _AsksWithoutWords(_Mesm):
    def forward(self, batch):
        return self.weighted(self.terms(batch, query_counts=False))


class _Probabilities(_Mesm):
    def forward(self, batch):
        return self.weighted(self.terms(batch)).sigmoid()


class _NormsExchanged(_Layer):
    def forward(self, x, mask):
        x = self.last_norm(x + self.attention(x, x, mask))
        return self.norm(x + self.feed(x))


class _NormInside(_Layer):
    def forward(self, x, mask):
        x = x + self.norm(self.attention(x, x, mask))
        return x + self.last_norm(self.feed(x))


class _ReluLast(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, mask))
        return self.last_norm(x + self.narrow(self.widen(x)).relu())


class _PaddingOnly(_Layer):
    def forward(self, x, mask):
        x = self.norm(x + self.attention(x, x, ~mask))
        return self.last_norm(x + self.feed(x))


class _NoQuery(mymodel.AdditiveAttention):
    def forward(self, x, query):
        return self.energy(torch.tanh(self.content(x))).squeeze(-1)


class _NoEnergy(mymodel.AdditiveAttention):
    def forward(self, x, query):
        return torch.tanh(self.content(x) + self.query(query)).sum(-1)


class _Relu(mymodel.AdditiveAttention):
    def forward(self, x, query):
        return self.energy((self.content(x) + self.query(query)).relu()).squeeze(-1)


class _Sigmoid(mymodel.AdditiveAttention):
    def forward(self, x, query):
        return self.energy((self.content(x) + self.query(query)).sigmoid()).squeeze(-1)


def _kept_over_the_batch(weights, real, share):
    rank = weights.masked_fill(~real, -1).flatten().argsort(descending=True).argsort()
    return (rank < torch.ceil(share * real.sum() - 1e-6)).view_as(real)


def _chunks(mel, mask, kind):
    """Chunks and where they are, with one thing wrong."""
    if kind == "cut":
        mel, mask = (x[:, : x.shape[1] // 32 * 32] for x in (mel, mask))
    more = 32 - mel.shape[1] % 32 if kind == "always" else -mel.shape[1] % 32
    chunks = functional.pad(mel, (0, 0, 0, more)).unflatten(1, (-1, 32))
    real = functional.pad(mask, (0, more)).unflatten(1, (-1, 32))
    where = real.all(2) if kind == "all" else real.any(2)
    chunks, real = chunks[where], real[where].unsqueeze(-1)
    axes, bands = (1, 1) if kind == "band" else ((1, 2), mel.shape[2])
    count = real.sum((1, 2), keepdim=True) * bands
    centred = (chunks - (chunks * real).sum(axes, keepdim=True) / count) * real
    lost = 1 if kind == "unbiased" else 0
    spread = (centred.square().sum(axes, keepdim=True) / (count - lost)).sqrt()
    pictures = centred / (spread + 0.5 if kind == "added" else spread.clamp(min=0.5))
    upright = pictures.reshape(-1, mel.shape[2], 32) if kind == "reshape" else None
    upright = pictures.transpose(1, 2) if upright is None else upright
    return upright.unsqueeze(1), where


def _sound_with(kind):
    return lambda mel, mask: _chunks(mel, mask, kind)


def _tower_with(kind):
    class Tower(mymodel.SparseTower):
        def forward(self, pictures, real, query):
            scores = query.new_full(real.shape, -1e9)
            scores[real] = self.thumbnail_attention(pictures, query[real.nonzero()[:, 0]])
            weights = scores.softmax(-1) * real
            by = scores if kind == "scores" else weights
            kept = mymodel.keep_strongest(by, real, self.share)
            count = {"kept": kept.sum(1, keepdim=True), "length": real.shape[1]}
            tokens = query.new_zeros(*real.shape, 64)
            tokens[kept] = self.flatten(self.tower(pictures[kept[real]]))
            if kind == "again":
                weights = weights * kept / (weights * kept).sum(1, keepdim=True).clamp(min=1e-9)
                count["again"] = count["kept"]
            louder = (weights * count.get(kind, real.sum(1, keepdim=True))).unsqueeze(-1)
            louder = louder.detach() if kind == "detached" else louder
            return self.head(self.cls_transformer(tokens * louder, kept)) * real.any(1)[:, None]

    return Tower


def _mesm_with(vote):
    class Votes(mymodel.Mesm):
        def forward(self, batch):
            said = batch["token_mask"].any(1, keepdim=True)
            encoder, head = self.text.backbone["encoder"], self.text.backbone["head"]
            query = encoder(batch["tokens"], batch["token_mask"]) * said
            faces = mymodel.face_pictures(batch["faces"], batch["face_mask"])
            sound = mymodel.sound_pictures(batch["mel"], batch["mel_mask"])
            video, audio = self.video(*faces, query), self.audio(*sound, query)
            weight = self.fusion.weight[:, None, None]
            return vote(weight, torch.stack([head(query) * said, video, audio])).sum(0)

    return Votes


class _CountsPadding(_Tower):
    def loud(self, weights, real):
        return weights * real.shape[1]

    def end(self, scores, real):
        return scores


class _ReluAtTheEnd(_Tower):
    def end(self, scores, real):
        return scores.relu() * real.any(1, keepdim=True)


class _RawFaces(mymodel.Mesm):
    def forward(self, batch):
        faces = batch["faces"].float() / 255  # not standardised by the means of faces
        return super().forward(batch | {"faces": faces})


class _HeardAsOne(mymodel.Mesm):
    def forward(self, batch):
        return super().forward(batch | {"mel_mask": torch.ones_like(batch["mel_mask"])})


class _Upscaled(mymodel.Mesm):
    def forward(self, batch):
        return 2 * super().forward(batch)


WRONG = {
    "TransformerLayer": [
        (_NormsExchanged, "two norms are exchanged"),
        (_NormInside, "here the sum is"),
        (_ReluLast, "not after both"),
        (_PaddingOnly, "Only padding"),
        (_PreNorm, "pre-norm"),
        (_NoResidual, "first residual"),
        (_NoSecondResidual, "second residual"),
        (_NoMask, "mask"),
        (_NoRelu, "ReLU"),
        (_Half, "first half"),
        (_OneNorm, "norm of its own"),
        (_Renamed, "__init__"),
        (torch.nn.Linear, "__init__"),
    ],
    "AdditiveAttention": [
        (_NoQuery, "no say"),
        (_NoEnergy, "`energy` weighs"),
        (_Relu, "not a ReLU"),
        (_Sigmoid, "not a sigmoid"),
        (_NoTanh, "tanh"),
        (_Column, "axis of length 1"),
        (_Softmax, "softmax"),
        (_TwoTanh, "inside"),
        (_Dot, "dot product"),
    ],
    "top_p": [
        (_below, "crosses the line"),
        (_sorted, "own order"),
        (lambda weights, p: np.zeros(5, bool), "strongest"),
        (lambda weights, p: np.ones(5, bool), "enough"),
        (lambda weights, p: weights, "True and False"),
        (lambda weights, p: 1, "shape"),
    ],
    "keep_strongest": [
        (_kept_over_the_batch, "over the batch"),
        (_kept(lambda share, real: (share * _real(real)).floor().clamp(min=1)), "round up"),
        (_kept(lambda share, real: (share * _real(real)).ceil().clamp(min=1)), "float32"),
        (lambda weights, real, share: torch.zeros_like(real), "at least one"),
        (_kept(lambda share, real: -(-share * real.shape[1] // 1)), "row's length"),
        (_weakest, "strongest"),
        (_keeps_padding, "padding"),
        (lambda weights, real, share: weights, "True and False"),
    ],
    "no_gradient": [
        ("Top-p throws small gradients away", "forwards"),
        ("The softmax is saturated", "None"),
    ],
    "compute_kept": [
        (_scrambled, "other clips"),
        (_all_computed, "only those kept"),
        (_computed_and_hidden, "nothing is saved"),
    ],
    "sound_pictures": [
        (_sound_with("cut"), "do not cut off"),
        (_sound_with("always"), "third, empty"),
        (_sound_with("all"), "anything"),
        (_sound_with("band"), "Each band"),
        (_sound_with("unbiased"), "n - 1"),
        (_sound_with("added"), "added to every"),
        (_sound_with("reshape"), "order in memory"),
        (lambda mel, mask: _chunks(mel, mask, "")[::-1], "exchanged"),
        (_sound(_with_padding), "Padding takes part"),
        (_sound(lambda chunks, real: _standard(chunks, real, least=0)), "silent"),
        (_sound(_only_centred), "spread is still there"),
        (_sound(_shifted_padding), "mask once more"),
        (_sound(_by_variance), "its root"),
        (_sound(lambda chunks, real: _standard(chunks, real).squeeze(1)), "channel"),
        (_sound(lambda chunks, real: _standard(chunks, real).transpose(2, 3)), "upright"),
        (lambda mel, mask: mel, "two results"),
    ],
    "SparseTower": [
        (_tower_with("kept"), "number of those kept"),
        (_tower_with("length"), "padding was counted"),
        (_tower_with("again"), "sum to one again"),
        (_tower_with("scores"), "raw scores"),
        (_tower_with("detached"), "no gradient"),
        (_Quiet, "louder"),
        (_NoCount, "number"),
        (_Everything, "only those kept"),
        (_SeesZeros, "as zeros"),
        (_Bias, "without pictures"),
        (_OverTheBatch, "batch"),
        (_ComputesEverything, "nothing is saved"),
        (_CountsPadding, "It is right for the clip of six real pictures, and wrong for the one of"),
        (_ReluAtTheEnd, "It is wrong even for the clip of six real pictures"),
    ],
    "Mesm": [
        (_mesm_with(lambda weight, scores: weight * scores.roll(-1, 0)), "in this order"),
        (_mesm_with(lambda weight, scores: weight.softmax(0) * scores), "without a softmax"),
        (_mesm_with(lambda weight, scores: weight / weight.sum() * scores), "sum to one"),
        (_mesm_with(lambda weight, scores: (weight * scores)[1:]), "votes as well"),
        (_PlainSum, "fusion.weight"),
        (_Mean, "mean"),
        (_TextAlwaysVotes, "bias"),
        (_AsksWithoutWords, "query"),
        (_Probabilities, "sigmoid"),
        (_RawFaces, "the vote of words and sound is right; look at that of faces"),
        (_HeardAsOne, "wrong for the one whose sound ends early"),
        (_Upscaled, "Every number is 2 times what it should be"),
    ],
    "share_left": [(0.5, "towers"), (0.315, "saved"), (68.5, "per cent"), (0.1, "before")],
    "always_no": [
        ("16.7 %, one in six", "six questions"),
        ("50 %, as for any yes-or-no question", "equally"),
    ],
    "weighted_accuracy": [
        (lambda t, p: (t == p).mean(), "plain accuracy"),
        (lambda t, p: p[t].mean(), "recall of 'yes'"),
        (lambda t, p: p[t].mean() + (~p[~t]).mean(), "mean"),
        (lambda t, p: 2 * (t & p).sum() / (t.sum() + p.sum()), "F1"),
        (lambda t, p: t[p].mean(), "precision"),
        (lambda t, p: (t[p].mean() + (~t[~p]).mean()) / 2, "what was predicted"),
    ],
    "which_accuracy": [
        ("WA against WA: the letters are the field's standard", "both meanings"),
        ("The larger number against the larger number", "not always"),
    ],
}
