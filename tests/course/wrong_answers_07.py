"""Wrong answers to lesson 7, and what the explanation must speak of."""

import numpy as np
import torch
from exercises import mymodel
from torch.nn import functional


def _parts(x, y):
    return np.cov(x, y, ddof=0)[0, 1], x.var() + y.var(), (x.mean() - y.mean()) ** 2


def _only_row_0(predict, rows):
    changed = rows.copy()
    changed[1] += 10
    return bool(np.allclose(predict(rows.copy())[0], predict(changed)[0]))


def _by_mean(predict, rows):
    changed = rows.copy()
    changed[0] += 10
    return bool(np.isclose(predict(rows.copy())[1:].mean(), predict(changed)[1:].mean()))


def _spoils(predict, rows):
    rows[0] += 10
    return True


def _with(ddof_covariance, ddof):
    def ccc(x, y):
        covariance = np.cov(x, y, ddof=ddof_covariance)[0, 1]
        return 2 * covariance / (x.var(ddof=ddof) + y.var(ddof=ddof) + (x.mean() - y.mean()) ** 2)

    return ccc


class _Stream(mymodel.Stream):
    def forward(self, x, mask):
        values = self.backbone(x.flatten(0, 1), mask.flatten(0, 1))
        real = functional.adaptive_max_pool1d(mask.flatten(0, 1).float(), values.shape[1]) > 0
        tokens = self.project(self.pooled(values, real)).unflatten(0, mask.shape[:2])
        return self.end(tokens, mask.any(-1)), mask.any(-1)

    def pooled(self, values, real):
        if self.pool == "mean":
            return mymodel.masked_mean(values, real)
        peak = values.masked_fill(~real.unsqueeze(-1), -1e9).amax(1)
        return peak * real.any(1, keepdim=True)

    def end(self, tokens, real):
        return tokens * real.unsqueeze(-1)


class _AlwaysMean(_Stream):
    def pooled(self, values, real):
        return mymodel.masked_mean(values, real)


class _OverPadding(_Stream):
    def pooled(self, values, real):
        return values.amax(1) if self.pool == "max" else values.mean(1)


class _PaddedMean(_Stream):
    def pooled(self, values, real):
        return values.mean(1) if self.pool == "mean" else super().pooled(values, real)


class _Bias(_Stream):
    def end(self, tokens, real):
        return tokens


class _Fusion(mymodel.JointFusion):
    first, last, counted, residual, every = False, slice(-1, None), False, False, False
    zeroed, order, both, read_all = True, slice(None), False, True

    def forward(self, video, seen, audio, heard):
        tokens = {"video": video, "audio": audio}
        tokens["joint"] = self.joint(torch.cat([video, audio][self.order], -1))
        real = {"video": seen, "audio": heard, "joint": seen & heard if self.both else seen | heard}
        if self.every:
            real = {n: torch.ones_like(mask) for n, mask in real.items()}
        tokens = self.read(tokens, real)
        answers, known = [], []
        for query, context in self.pairs():
            ask = self.module(query, context)
            there = real[query] & self.anything(real[context]) | self.counted
            said = ask(tokens[query], tokens[context], real[context])
            said = said + tokens[query] * self.residual
            answers.append(said * there.unsqueeze(-1) if self.zeroed else said)
            known.append(there)
        rows, known = torch.stack(answers, 2).flatten(0, 1), torch.stack(known, 2).flatten(0, 1)
        rows = self.mixed(rows, known)
        if not self.read_all:
            return rows[:, -1].unflatten(0, seen.shape)
        return self.readout.attention(rows[:, self.last], rows, known)[:, 0].unflatten(
            0, seen.shape
        )

    def pairs(self):
        return self.PAIRS

    def module(self, query, context):
        return self.cross_attention.layers[query]

    def anything(self, real):
        return real.any(1, keepdim=True)

    def read(self, tokens, real):
        return {n: layer(tokens[n], real[n]) for n, layer in self.encoders.layers.items()}

    def mixed(self, rows, known):
        return self.readout.mix(rows, known)


class _NoEncoders(_Fusion):
    def read(self, tokens, real):
        return tokens


class _FirstReads(_Fusion):
    last = slice(0, 1)


class _Swapped(_Fusion):
    def pairs(self):
        return [pair[::-1] for pair in self.PAIRS]


class _Padding(_Fusion):
    every = True


class _Counted(_Fusion):
    counted = True


class _Residual(_Fusion):
    residual = True


class _NoMix(_Fusion):
    def mixed(self, rows, known):
        return rows


class _ByContext(_Fusion):
    def module(self, query, context):
        return self.cross_attention.layers[context]


class _SameMoment(_Fusion):
    def anything(self, real):
        return real


class _NotZeroed(_Fusion):
    zeroed = False


class _AudioFirst(_Fusion):
    order = slice(None, None, -1)


class _BothReal(_Fusion):
    both = True


class _NotRead(_Fusion):
    read_all = False


class _OneAxis(_Fusion):
    def forward(self, *streams):
        return super().forward(*streams).flatten(0, 1)


class _LoosePadding(_Fusion):
    both, zeroed = True, False


class _NeitherReadsNorMixes(_NoEncoders):
    def mixed(self, rows, known):
        return rows


class _AllFaces(mymodel.Jmt):
    def forward(self, batch):
        return super().forward(batch | {"face_mask": torch.ones_like(batch["face_mask"])})


class _NoFusion(mymodel.Jmt):
    def __init__(self):
        super().__init__()
        self.fusion.forward = lambda video, seen, audio, heard: video + audio


class _Curves(mymodel.Jmt):
    cut, swap = (16, -1), False

    def forward(self, batch):
        faces, shown = (batch[n].squeeze(2).unflatten(1, self.cut) for n in ("faces", "face_mask"))
        if self.cut[0] == -1:
            faces, shown = faces.transpose(1, 2), shown.transpose(1, 2)
        video, seen = self.video(faces, shown)
        audio, heard = self.audio(*(self.steps(batch[n]) for n in ("mel", "mel_mask")))
        streams = [self.scaled(video), seen, self.scaled(audio), heard]
        fused = self.fusion(*(streams[2:] + streams[:2] if self.swap else streams))
        return torch.cat([self.valence_head(fused), self.arousal_head(fused)], -1)

    def scaled(self, tokens):
        return functional.normalize(tokens, dim=-1)


class _Woven(_Curves):
    cut = (-1, 16)


class _AudioBeforeVideo(_Curves):
    swap = True


class _OverTime(_Curves):
    def scaled(self, tokens):
        return functional.normalize(tokens, dim=1)


class _LayerNorm(_Curves):
    def scaled(self, tokens):
        return functional.layer_norm(tokens, tokens.shape[-1:])


class _Clipped(_Curves):
    def forward(self, batch):
        return super().forward(batch).clamp(-1, 1)


class _Turned(mymodel.Jmt):
    def forward(self, batch):
        return super().forward(batch).flip(-1)


class _Tanh(mymodel.Jmt):
    def forward(self, batch):
        return super().forward(batch).tanh()


class _LongTokens(mymodel.Jmt):
    def forward(self, batch):
        faces, shown = batch["faces"].squeeze(2), batch["face_mask"].squeeze(2)
        video = self.video(faces.unflatten(1, (16, -1)), shown.unflatten(1, (16, -1)))
        fused = self.fusion(
            *video, *self.audio(*(self.steps(batch[n]) for n in ("mel", "mel_mask")))
        )
        return torch.cat([self.valence_head(fused), self.arousal_head(fused)], -1)


def _in_only(layer, x, context):
    x, context = x.transpose(0, 1), context.transpose(0, 1)
    return layer(x, context, context)[0]


def _batch_first(layer, x, context):
    layer.batch_first = True
    return layer(x, context, context)[0]


def _by_halves(predict, rows):
    half = len(rows) // 2
    parts = np.concatenate([predict(rows[:half].copy()), predict(rows[half:].copy())])
    return bool(np.allclose(predict(rows.copy()), parts))


def _first_changes(predict, rows):
    changed = rows.copy()
    changed[0] += 1
    return bool(np.allclose(predict(rows.copy())[1:], predict(changed)[1:]))


WRONG = {
    "Stream": [
        (_AlwaysMean, "self.pool"),
        (_OverPadding, "padding"),
        (_PaddedMean, "masked_mean"),
        (_Bias, "bias"),
    ],
    "JointFusion": [
        (_NoEncoders, "encoders"),
        (_FirstReads, "last one"),
        (_Swapped, "exchanged"),
        (_Padding, "mask of its context"),
        (_Counted, "missing moments"),
        (_Residual, "no residual"),
        (_NoMix, "mixed first"),
        (_ByContext, "stream that asks"),
        (_SameMoment, "*anything*"),
        (_NotZeroed, "zero as well"),
        (_AudioFirst, "video, then audio"),
        (_BothReal, "*either*"),
        (_NotRead, "read all six"),
        (_OneAxis, "unflatten"),
        (_LoosePadding, "It is right where both streams are whole, and wrong where both end early"),
        (_NeitherReadsNorMixes, "It is wrong even where both streams are whole"),
        (torch.nn.Identity, "__init__"),
    ],
    "Jmt": [
        (_Turned, "Valence comes first"),
        (_Tanh, "tanh"),
        (_LongTokens, "length 1"),
        (_Woven, "frames 0 and 16"),
        (_AudioBeforeVideo, "video first"),
        (_OverTime, "not over time"),
        (_LayerNorm, "no length of 1"),
        (_Clipped, "clipping"),
        (_AllFaces, "and wrong for the one whose faces end early"),
        (_NoFusion, "It is wrong even for the clip where nothing is missing"),
    ],
    "ask_over_time": [
        (lambda layer, x, context: layer(x, context, context)[0], "ask each other"),
        (_in_only, "back"),
        (_batch_first, "layer itself"),
    ],
    "concordance": [
        (lambda x, y: np.corrcoef(x, y)[0, 1], "correlation"),
        (lambda x, y: _parts(x, y)[0] / sum(_parts(x, y)[1:]), "factor 2"),
        (lambda x, y: 2 * _parts(x, y)[0] / _parts(x, y)[1], "means"),
        (lambda x, y: 2 * np.cov(x, y)[0, 1] / sum(_parts(x, y)[1:]), "n - 1"),
        (_with(1, 1), "authors' loss"),
        (_with(0, 1), "take n for both"),
        (lambda x, y: 2 * (x * y).mean() / sum(_parts(x, y)[1:]), "taken off"),
        (
            lambda x, y: 2 * _parts(x, y)[0] / (x.std() + y.std() + _parts(x, y)[2]),
            "standard deviations",
        ),
        (lambda x, y: 0.5, "Expected"),
    ],
    "without_order": [
        ("Whether a smile and a laugh happened at the same moment", "joint token"),
        ("How loud the loudest moment was", "shuffling"),
    ],
    "is_batch_independent": [
        (lambda predict, rows: True, "mean over the batch"),
        (lambda predict, rows: False, "own row"),
        (_only_row_0, "neighbour"),
        (_by_mean, "other sign"),
        (_first_changes, "looks at the last"),
        (_by_halves, "2 and 3"),
        (_spoils, "copy"),
        (lambda predict, rows: "yes", "True or False"),
    ],
    "one_at_a_time": [
        ("94 %, because that is how the test set was distributed", "shuffled"),
        ("Their mean", "flattering"),
    ],
}
