"""Judges the exercises of lesson 7: a joint transformer for valence and arousal."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from exercises.grading import Mistake, Quiz, Unanswered, called, exercise, number
from exercises.lesson_06 import shipped_weights
from exercises.modules import answered, built, compare, ours, part


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@exercise(
    "a function of two arrays that returns a number",
    "2 * covariance over both variances and the squared distance of the means.",
    "np.var divides by n, and so must your covariance.",
    "Subtract both means first; a covariance is the mean of a product.",
)
def concordance(answer: Any) -> None:
    truth = np.array([-0.5, 0.0, 0.2, 0.9, 0.4])
    for told in (truth * 0.5 + 0.3, np.array([0.1, -0.2, 0.3, 0.5, 0.7])):
        x, y = told - told.mean(), truth - truth.mean()
        apart = (told.mean() - truth.mean()) ** 2
        right = 2 * (x * y).mean() / (told.var() + truth.var() + apart)
        found = number(called(answer, told, truth))
        if abs(found - right) > 1e-9:
            raise Mistake(_concordance_mistake(found, right, told, truth))


def _concordance_mistake(
    found: float, right: float, told: np.ndarray, truth: np.ndarray
) -> str:  # fmt: skip
    both, apart = told.var() + truth.var(), (told.mean() - truth.mean()) ** 2
    covariance, several = np.cov(told, truth, ddof=0)[0, 1], len(told) / (len(told) - 1)
    twice = 2 * covariance
    known = (
        (np.corrcoef(told, truth)[0, 1], "That is the correlation, which forgives scale and "
         "offset."),
        (covariance / (both + apart), "The factor 2 is missing: two equal curves must give 1."),
        (twice / both, "The distance of the means is missing below: an offset must cost "
         "something."),
        (several * twice / (both + apart), "np.cov divides by n - 1 and np.var by n; take one of "
         "them for both."),
        (several * twice / (several * both + apart), "You divide by n - 1 in covariance and "
         "variances alike. That is the form of the authors' loss; the score divides by n. The two "
         "differ because the distance of the means has no n in it."),
        (twice / (several * both + apart), "Your variances divide by n - 1 and your covariance by "
         "n; take n for both."),
        (1 - right, "That is the loss, 1 - CCC."),
        (2 * (told * truth).mean() / (both + apart), "A covariance is the mean of a product "
         "*after* both means are taken off."),
        (twice / (told.std() + truth.std() + apart), "Below stand variances; yours are standard "
         "deviations."),
    )  # fmt: skip
    near = [words for value, words in known if abs(found - value) < 1e-9]
    return near[0] if near else f"Expected {right:.4f}; got {found:.4f}."


@exercise(
    "your class Stream, with its forward written",
    "One token for each step, from what is real in it; a step without anything is zero and masked.",
    "The backbone reads one step at a time: let batch and steps be one axis, and split it after.",
    "A token of the backbone is real where any input under it is.",
    "Maximum: what is not real must not win. Mean: masked_mean is a part of yours already.",
)
def Stream(answer: Any) -> None:  # noqa: N802
    shown = torch.tensor([[[1, 1], [1, 0], [0, 0]], [[1, 1], [1, 1], [0, 1]]]).bool()
    frames = torch.randint(0, 256, (2, 3, 2, 3, 24, 24), generator=torch.Generator().manual_seed(0))
    heard = torch.arange(20) < torch.tensor([[20, 9, 0], [20, 20, 3]]).unsqueeze(-1)
    cases = (("FrameNet", "max", frames, shown), ("MelNet", "mean", _random(2, 3, 20, 64), heard))
    for name, pool, x, mask in cases:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            backbone = part(name)()
        net = ours("Stream", backbone, pool, spread=0.02)
        stream = built(answer, net, backbone, pool)
        found = answered(stream, x, mask)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Mistake("Expected two results: tokens (B, S, 96) and which are real (B, S).")
        with torch.no_grad():
            right, real = net(x, mask)
            mistakes = _stream_mistakes(net, x, mask, pool)
        compare(found[1], real, what="Which steps are real")
        compare(found[0], right, mistakes, f"With pool {pool!r}, the tokens")


def _stream_mistakes(
    net: nn.Module, x: Tensor, mask: Tensor, pool: str
) -> list[tuple[Tensor, str]]:
    values = net.backbone(x.flatten(0, 1), mask.flatten(0, 1))
    real = functional.adaptive_max_pool1d(mask.flatten(0, 1).float(), values.shape[1]) > 0
    mean = part("masked_mean")(values, real)
    peak = values.masked_fill(~real.unsqueeze(-1), -1e9).amax(1) * real.any(1, keepdim=True)

    def end(pooled: Tensor, masked: bool = True) -> Tensor:
        tokens = net.project(pooled).unflatten(0, mask.shape[:2])
        return tokens * mask.any(-1, keepdim=True) if masked else tokens

    other, name = (mean, "mean") if pool == "max" else (peak, "max")
    return [
        (end(values.mean(1)), "That is the mean over padding as well; masked_mean counts what is "
         "real."),
        (end(values.amax(1)), "The maximum runs over padding as well; what is not real must not "
         "win."),
        (end(other), f"Every stream is pooled by {name}; `self.pool` says which one."),
        (end(peak if pool == "max" else mean, masked=False), "A step without anything must be "
         "zero; here it is the bias of the projection."),
    ]  # fmt: skip


@exercise(
    "your class JointFusion, with its forward written",
    "Six questions, each with a mask of its own; a stream that is missing is never asked, and the "
    "last answer reads all six.",
    "First three streams of tokens, then each through its own encoder, then the six pairs.",
    "An answer counts where the one who asks is real and the other stream is real anywhere.",
    "Six answers of one moment are a set of six tokens: put batch and moments into one axis.",
)
def JointFusion(answer: Any) -> None:  # noqa: N802
    net = ours("JointFusion", 16)
    block = built(answer, net, 16)
    video, audio = _random(3, 5, 16), _random(3, 5, 16, seed=1)
    seen = torch.arange(5) < torch.tensor([[5], [3], [0]])
    heard = torch.arange(5) < torch.tensor([[5], [2], [4]])
    video, audio = video * seen.unsqueeze(-1), audio * heard.unsqueeze(-1)
    found = answered(block, video, seen, audio, heard)
    with torch.no_grad():
        right = net(video, seen, audio, heard)
        mistakes = [
            (_fused(net, video, seen, audio, heard, **wrong), said)
            for wrong, said in FUSION_MISTAKES
        ]
        mistakes.append((right.mean(1), "One token for each moment is asked, not their mean."))
        mistakes.append((right.flatten(0, 1), "Moments still lie in one axis with the batch: "
                         "unflatten it to (B, S, D)."))  # fmt: skip
    compare(found, right, mistakes, "The tokens", 1e-5, rows=FUSION_ROWS)


FUSION_ROWS = (
    "where both streams are whole",
    "where both end early",
    "where there is no picture",
)


FUSION_MISTAKES = (
    ({"encode": False}, "The three streams ask before their encoders have read them."),
    ({"row": 0}, "The first of the six answers reads the others; the last one should."),
    ({"swap": True}, "Query and context are exchanged: (query, context) in PAIRS."),
    ({"everything": True}, "Padding takes part: each question needs the mask of its context."),
    ({"counted": True}, "Answers of missing moments count: one is known where the query is real "
     "and the context is real anywhere."),
    ({"residual": True}, "There is no residual here: an answer is what the attention returns."),
    ({"mix": False}, "The six answers are read without being mixed first."),
    ({"by_context": True}, "The module of a question is that of the stream that asks."),
    ({"same_moment": True}, "An answer is known where the context has *anything* real, at any "
     "moment."),
    ({"zeroed": False}, "Answers that are not known must be zero as well as masked."),
    ({"exchanged": True}, "The joint layer reads video, then audio, in this order."),
    ({"both": True}, "A joint token is real where *either* stream is."),
    ({"read": False}, "The last of the mixed answers still has to read all six "
     "(readout.attention)."),
)  # fmt: skip


def _fused(
    net: nn.Module, video: Tensor, seen: Tensor, audio: Tensor, heard: Tensor, encode: bool = True,
    row: int = -1, swap: bool = False, everything: bool = False, counted: bool = False,
    residual: bool = False, mix: bool = True, by_context: bool = False, same_moment: bool = False,
    zeroed: bool = True, exchanged: bool = False, both: bool = False, read: bool = True,
) -> Tensor:  # fmt: skip
    """Our joint fusion, with what can go wrong."""
    joint = net.joint(torch.cat([audio, video] if exchanged else [video, audio], -1))
    real = {"video": seen, "audio": heard, "joint": seen & heard if both else seen | heard}
    if everything:
        real = {n: torch.ones_like(mask) for n, mask in real.items()}
    tokens = {"video": video, "audio": audio, "joint": joint}
    if encode:
        tokens = {n: layer(tokens[n], real[n]) for n, layer in net.encoders.layers.items()}
    answers, known = [], []
    for query, context in net.PAIRS:
        if swap:
            query, context = context, query
        ask = net.cross_attention.layers[context if by_context else query]
        said = ask(tokens[query], tokens[context], real[context])
        anything = real[context] if same_moment else real[context].any(1, keepdim=True)
        there = real[query] & anything
        there = torch.ones_like(there) if counted else there
        said = said + tokens[query] * residual
        answers.append(said * there.unsqueeze(-1) if zeroed else said)
        known.append(there)
    rows, there = torch.stack(answers, 2).flatten(0, 1), torch.stack(known, 2).flatten(0, 1)
    rows = net.readout.mix(rows, there) if mix else rows
    at = rows[:, [row]]
    if not read:
        return at.squeeze(1).unflatten(0, seen.shape)
    return net.readout.attention(at, rows, there).squeeze(1).unflatten(0, seen.shape)


@exercise(
    "your class Jmt, with its forward written",
    "Faces and sound of any clip become two curves, and the shipped weights draw in your file what "
    "they draw in the library.",
    "32 frames belong to 16 steps, in order: unflatten the axis of time.",
    "Tokens of both streams have length 1 before they are fused.",
    "Two heads, one number each; valence first.",
)
def Jmt(answer: Any) -> None:  # noqa: N802
    with torch.random.fork_rng():
        net = part("Jmt")().eval()
    net.load_state_dict(shipped_weights("jmt-staged"))
    with torch.no_grad():  # beyond 1 in places, so that clipping shows
        net.valence_head[-1].bias += 1
    generator = torch.Generator().manual_seed(0)
    batch = {
        "faces": torch.randint(0, 256, (3, 32, 1, 3, 48, 48), generator=generator).byte(),
        "face_mask": (torch.arange(32) < torch.tensor([[32], [20], [32]])).unsqueeze(-1),
        "mel": torch.randn(3, 250, 64, generator=generator) * 2 - 4,
        "mel_mask": torch.arange(250) < torch.tensor([[250], [250], [180]]),
    }
    model = built(answer, net)
    found = answered(model, dict(batch))
    with torch.no_grad():
        right = net(batch)
        raw = _curves(net, batch, lambda x: x)
        by_step = _curves(net, batch, lambda x: functional.normalize(x, dim=1))
        normed = _curves(net, batch, lambda x: functional.layer_norm(x, x.shape[-1:]))
        turned = _curves(net, batch, exchanged=True)
        woven = _curves(net, batch, woven=True)
    mistakes = [
        (by_step, "Length 1 is meant of each token: normalize over the last axis, not over time."),
        (normed, "A layer norm is no length of 1; functional.normalize is."),
        (turned, "The fusion takes video first, then audio."),
        (woven, "Frames 0 and 1 make step 0; yours takes frames 0 and 16. The step is the first "
         "of the two new axes."),
        (raw, "The tokens were not brought to length 1 (functional.normalize)."),
        (right.flip(-1), "Valence comes first, then arousal."),
        (right[..., :1].expand(-1, -1, 2), "Both curves come from the valence head."),
        (right.clamp(-1, 1), "Return what the heads say; clipping to -1..1 belongs to scoring."),
        (right.tanh(), "The published model has no tanh at its end; its outputs are clipped when "
         "they are scored."),
    ]  # fmt: skip
    compare(found, right, mistakes, "The curves", rows=JMT_ROWS)


JMT_ROWS = (
    "for the clip where nothing is missing",
    "for the one whose faces end early",
    "for the one whose sound ends early",
)


def _curves(
    net: nn.Module,
    batch: dict[str, Tensor],
    scale: Callable | None = None,
    exchanged: bool = False,
    woven: bool = False,
) -> Tensor:
    """What the model draws with one thing wrong."""
    scale = scale or functools.partial(functional.normalize, dim=-1)
    faces, shown = (batch[n].squeeze(2) for n in ("faces", "face_mask"))
    cut = (-1, net.STEPS) if woven else (net.STEPS, -1)
    faces, shown = (x.unflatten(1, cut) for x in (faces, shown))
    if woven:
        faces, shown = faces.transpose(1, 2), shown.transpose(1, 2)
    video, seen = net.video(faces, shown)
    audio, heard = net.audio(*(net.steps(batch[n]) for n in ("mel", "mel_mask")))
    streams = [(scale(video), seen), (scale(audio), heard)]
    first, second = reversed(streams) if exchanged else streams
    fused = net.fusion(*first, *second)
    return torch.cat([net.valence_head(fused), net.arousal_head(fused)], -1)


@exercise(
    "your function ask_over_time, corrected",
    "Two axes changed places before, and back after. batch_first=True would have done it when the "
    "layer was made; both are one word, and neither is missed by any error message.",
    "Which axis does the layer take for time? Its documentation says (L, N, E).",
    "Exchange the axes of what goes in, and of what comes out.",
)
def ask_over_time(answer: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.MultiheadAttention(8, 1).eval()
    x, context = _random(3, 5, 8), _random(3, 5, 8, seed=1)
    with torch.no_grad():
        over = layer(x, context, context)[0]
        turned = [t.transpose(0, 1) for t in (x, context)]
        right = layer(turned[0], turned[1], turned[1])[0]
    mistakes = [
        (over, "Clips still ask each other: the layer takes the first axis for time."),
        (right, "Now the layer attends over time, but its answer has time first; exchange the axes "
         "back."),
    ]  # fmt: skip
    compare(answered(answer, layer, x.clone(), context.clone()), right.transpose(0, 1), mistakes)
    if layer.batch_first:
        raise Mistake(
            "You changed the layer itself; whoever else uses it now gets other axes. Exchange the "
            "axes of what goes in and comes out."
        )


without_order = Quiz(
    "without_order",
    "Each token holds one moment of both. What is lost if moments are shuffled?",
    right=(
        "Whether the voice rose before or after the face changed",
        "Before and after need an order; the tokens carry none. `positions='sin'` adds the clock.",
    ),
    wrong=(
        (
            "Whether a smile and a laugh happened at the same moment",
            "Face and sound of one moment meet in its joint token, so coincidence is known.",
        ),
        (
            "How loud the loudest moment was",
            "That is a property of single moments; shuffling does not change the loudest one.",
        ),
    ),
)


def _alone(rows: np.ndarray) -> np.ndarray:
    return np.tanh(rows).sum(1)


def _centred(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(0)).sum(1)


def _neighbour(rows: np.ndarray) -> np.ndarray:
    return rows.sum(1) + 0.1 * np.roll(rows.sum(1), 1)


def _last_asks_first(rows: np.ndarray) -> np.ndarray:
    told = rows.sum(1)
    told[-1] += rows[0, 0]
    return told


def _signed(rows: np.ndarray) -> np.ndarray:  # leaks cancel in the mean
    told = rows.sum(1)
    return told + rows[0].sum() * np.resize([0.5, -0.5], len(rows)) * (np.arange(len(rows)) > 0)


def _pairs(rows: np.ndarray) -> np.ndarray:
    told = rows.sum(1)
    partner = np.arange(len(rows)) ^ 1
    return told + 0.1 * np.where(partner < len(rows), told[np.minimum(partner, len(rows) - 1)], 0)


def _first_asks_last(rows: np.ndarray) -> np.ndarray:
    told = rows.sum(1)
    told[0] += rows[-1, 0]
    return told


CASES: tuple[tuple[Callable, bool, str], ...] = (
    (_alone, True, "each answer comes from its own row"),
    (_centred, False, "the mean over the batch is subtracted"),
    (_neighbour, False, "each row takes a tenth of its neighbour"),
    (_last_asks_first, False, "the last row looks at the first"),
    (_signed, False, "all rows look at the first, half of them with the other sign"),
    (_first_asks_last, False, "the first row looks at the last"),
    (_pairs, False, "rows 0 and 1 look at each other, 2 and 3, and so on"),
)


@exercise(
    "a function of predict and rows that returns True or False",
    "The test of the suite. It needs no labels, no training, and catches what scores hide.",
    "What may the answer for clip 3 depend on? Change everything else, or take it away.",
    "Two forms are right: change a copy of one row and compare the others, for each row; or "
    "predict each row alone and compare with its answer in the batch.",
)
def is_batch_independent(answer: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 3))
    for predict, right, what in CASES:
        kept = rows.copy()
        found = called(answer, predict, kept)
        if found is ...:
            raise Unanswered
        if not isinstance(found, bool | np.bool_):
            raise Mistake("Expected True or False.")
        if not np.array_equal(kept, rows):
            raise Mistake("You changed the rows you were given; work on a copy.")
        if bool(found) is not right:
            raise Mistake(f"A model in which {what} is called {bool(found)} by your test.")


one_at_a_time = Quiz(
    "one_at_a_time",
    "Who sits beside a clip when the model is used?",
    right=(
        "86 %: in use a clip comes alone, without neighbours who share its label",
        "And even that only if it was trained to work alone. Report what does not need neighbours.",
    ),
    wrong=(
        (
            "94 %, because that is how the test set was distributed",
            "The order of a test set is no property of clips; shuffled, the model has another "
            "score.",
        ),
        ("Their mean", "A mean of a true and a flattering number is half flattering."),
    ),
)
