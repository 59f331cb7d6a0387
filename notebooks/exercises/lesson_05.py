"""Judges the exercises of lesson 5: cross-modal attention."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, number
from exercises.modules import answered, built, compare, ours, part


@exercise(
    "a number between 0 and 1",
    "0.4 + 0.2 + 0.2 + 0.2/2 = 0.9. Measured here: late fusion 0.891, two-way attention 0.987.",
    "Share times chance, summed, as in lesson 4.",
    "In how many of the `synced` scenes is a tossed coin right?",
)
def late_ceiling(answer: Any) -> None:
    found = number(answer)
    told = {
        0.8: "A coin is right half of the time; you gave `synced` nothing.",
        1.0: "In `synced` a coin is right only half of the time.",
        0.767: "That is one modality alone; together they get `seen` and `heard` as well.",
        90: "Right, in per cent; write it as a share.",
    }
    if abs(found - 0.9) > 1e-3:
        near = [text for value, text in told.items() if abs(found - value) < 1e-3]
        raise Mistake(near[0] if near else f"Not {found:g}: what is each regime's part in it?")


best_sum = Quiz(
    "best_sum",
    "Try rows (1, -1) and columns (1, -1). Which of the four sums are above zero, and which "
    "should be?",
    right=(
        "Three",
        "Rows (1, -1), columns (0.5, -1.5): only 'late and late' comes out wrong. So a sum "
        "tuned to be right often, rather than to say what it believes, could pass the coin, "
        "but not 3/4.",
    ),
    wrong=(
        (
            "Two",
            "Two is what training finds here, since being sure and wrong costs more than being "
            "unsure; by hand one more can be had.",
        ),
        (
            "Four",
            "Four would need row 1 + column 1 and row 2 + column 2 above zero, the crossed two "
            "not; but both pairs have the same total.",
        ),
    ),
)


@exercise(
    "a function of scores (K,) that returns weights (K,)",
    "Weights sum to one and survive any size of score; every attention layer does this.",
    "What must the weights sum to? Divide by what makes it so.",
    "How large may the largest exponent be, if you shift all scores by the same number first?",
)
def stable_softmax(answer: Any) -> None:
    import torch

    for scores in ([0.0, 1.0, 2.0], [1000.0, 1001.0, 1002.0], [-1000.0, -1000.0, -1000.0]):
        given = torch.tensor(scores)
        with np.errstate(all="ignore"):
            found = array(called(answer, given.clone()), (3,))
        right = given.softmax(0).numpy()
        if np.allclose(found, right, atol=1e-4):
            continue
        if not np.isfinite(found).all():
            raise Mistake(f"For {scores} you get {found.tolist()}: take off the largest first.")
        if abs(found.sum() - 1) > 1e-3:
            raise Mistake(f"Weights must sum to 1; yours of {scores} sum to {found.sum():.4g}.")
        raise Mistake(f"For {scores} expected {right.round(3)}; got {found.round(3)}.")


@exercise(
    "a function of q (D,), keys (K, D), values (K, D) that returns (D,)",
    "This line, four heads of it, is what brings picture and sound together in the group model.",
    "One product gives all K fits at once: which of the two matrices goes with q?",
    "The weights are (K,), the values (K, D): which product sums over K?",
)
def attend(answer: Any) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    q = torch.randn(4, generator=generator) * 2
    keys, values = torch.randn(2, 5, 4, generator=generator)
    found = array(called(answer, q.clone(), keys.clone(), values.clone()))
    if found.shape == (5,):
        raise Mistake("Those are five weights; multiply them with the values: expected (4,).")
    if found.shape != (4,):
        raise Mistake(f"Expected 4 numbers, one answer; got shape {found.shape}.")
    scores = keys @ q
    told = {
        "Divide the products by the root of D before the softmax.": scores.softmax(0) @ values,
        "Divide by the root of D, not by D.": (scores / 4).softmax(0) @ values,
        "You divide by the root of K, the number of keys; D is their width.": (
            (scores / 5**0.5).softmax(0) @ values
        ),
        "That is the mean of the keys; the weights belong to the values.": (
            (scores / 2).softmax(0) @ keys
        ),
        "That is the plain mean: the weights don't depend on the query.": values.mean(0),
        "Softmax is missing: the products themselves are no weights.": (scores / 2) @ values,
    }
    if np.allclose(found, (scores / 2).softmax(0) @ values, atol=1e-4):
        return
    near = [text for text, wrong in told.items() if np.allclose(found, wrong, atol=1e-4)]
    raise Mistake(near[0] if near else "Not the weighted mean of the values: softmax of what?")


@exercise(
    "your class Attention",
    "Queries, keys and values by head, one softmax over the context, and one linear map that mixes "
    "the heads: this is the layer of every transformer.",
    "First make q, k and v of shape (B, H, N, D/H); what is the shape of q times k transposed?",
    "The mask has shape (B, K); where must it have new axes, to fit scores of shape (B, H, N, K)?",
    "torch.finfo(scores.dtype).min is the smallest finite number; heads go back by transpose and "
    "flatten(-2).",
)
def Attention(answer: Any) -> None:  # noqa: N802 - named as what it judges
    import torch

    module = built(answer, ours("Attention", 8, 2), 8, 2)
    generator = torch.Generator().manual_seed(1)
    x, context = (torch.randn(2, n, 8, generator=generator) * 2 for n in (3, 5))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    with torch.no_grad():
        found = answered(module, x, context, mask)
        right, wrong = _attention_results(module, x, context, mask)
        compare(found, right, [*zip(wrong.values(), wrong, strict=True)])
        nothing = answered(module, x, context, mask & False)
    if not bool((nothing.abs() < 1e-6).all()):
        raise Mistake("Where nothing of the context is real, the answer must be zero.")


def _attention_results(module: Any, x: Any, context: Any, mask: Any) -> tuple[Any, dict]:
    """The right answer of a layer, and answers of common mistakes by what is said of them."""
    import torch

    def heads(tokens: Any) -> Any:
        return tokens.unflatten(-1, (2, -1)).transpose(1, 2)

    q, k, v = (heads(f(t)) for f, t in
               ((module.query, x), (module.key, context), (module.value, context)))  # fmt: skip
    products = q @ k.transpose(-2, -1)
    real, lowest = mask[:, None, None, :], torch.finfo(torch.float32).min

    def answer(scores: Any, hide: Any = real, axis: int = -1, mix: bool = True) -> Any:
        weights = scores.masked_fill(~hide, lowest).softmax(axis)
        joined = (weights @ v).transpose(1, 2).flatten(-2)
        return module.out(joined) if mix else joined

    scaled = products / 4**0.5
    late = (scaled.softmax(-1) * real) @ v
    return answer(scaled), {
        "Divide the products by √(D/H), the root of a head's width.": answer(products),
        "Each head is D/H = 4 numbers wide; you divide by the root of D.": answer(
            products / 8**0.5
        ),
        "The mask has no effect: padding is attended to.": answer(scaled, real | True),
        "The softmax runs over the queries; weights over the *context* must sum to 1.": answer(
            scaled, axis=-2
        ),
        "The heads' answers are not mixed: `self.out` is missing.": answer(scaled, mix=False),
        "The mask is upside down: True means real.": answer(scaled, ~real),
        "Heads and queries were mixed up on the way back: transpose before you flatten.": (
            module.out((scaled.masked_fill(~real, lowest).softmax(-1) @ v).reshape(x.shape))
        ),
        "You mask after the softmax, so the weights of short clips sum to less than 1.": module.out(
            late.transpose(1, 2).flatten(-2)
        ),
    }


@exercise(
    "your class CrossModalBlock",
    "Two residual steps, each with its norm before it. Without the residuals, stacks of such "
    "blocks "
    "make all tokens alike.",
    "Each of the two steps has the form x = x + dropout(something of x).",
    "Which of the two norms belongs to the tokens that ask, which to those that are asked?",
)
def CrossModalBlock(answer: Any) -> None:  # noqa: N802
    import torch

    block = built(answer, ours("CrossModalBlock", 8, 2), 8, 2)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        x, context = (torch.randn(2, n, 8, generator=generator) for n in (3, 5))
        mask = torch.ones(2, 5, dtype=torch.bool)
        asked = block.attention(block.norm(x), block.context_norm(context), mask)
        half = x + asked
        found = answered(block, x, context, mask)
        wrong = {
            "The input is not added to the answer of the attention.": asked
            + block.feed_forward(asked),
            "The feed-forward network has no residual connection.": block.feed_forward(half),
            "The feed-forward network is missing.": half,
            "The context goes in without its norm.": _with_ffn(
                block, x + block.attention(block.norm(x), context, mask)
            ),
            "The tokens that ask go in without their norm.": _with_ffn(
                block, x + block.attention(x, block.context_norm(context), mask)
            ),
            "That is post-norm: here the norms stand before the layers.": _with_ffn(
                block, block.norm(x + block.attention(x, context, mask))
            ),
            "The norms are missing: one for the tokens that ask, one for the context.": _with_ffn(
                block, x + block.attention(x, context, mask)
            ),
            "Both streams go through one norm; each has its own.": _with_ffn(
                block, x + block.attention(block.norm(x), block.norm(context), mask)
            ),
            "The feed-forward network brings its norm along; you norm twice.": (
                half + block.feed_forward(block.norm(half))
            ),
            "The two norms are exchanged.": _with_ffn(
                block, x + block.attention(block.context_norm(x), block.norm(context), mask)
            ),
        }
        compare(found, half + block.feed_forward(half), [*zip(wrong.values(), wrong, strict=True)])


def _with_ffn(block: Any, half: Any) -> Any:
    return half + block.feed_forward(half)


@exercise(
    "a function of scores (N, K) and mask (K,) that returns weights (N, K)",
    "Masked before the softmax, what is real shares the whole weight. Full clips have no "
    "padding, so "
    "there the two orders agree: a test needs a short clip.",
    "Print weights.sum(-1) for a mask with one False.",
    "What does the softmax divide by: the sum over all K, or over the real ones?",
)
def masked_weights(answer: Any) -> None:
    import torch

    scores = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, -1.0]])
    for mask in ([True, True, True], [True, True, False], [False, True, False]):
        real = torch.tensor(mask)
        found = called(answer, scores.clone(), real)
        right = scores.masked_fill(~real, -1e9).softmax(-1)
        after = scores.softmax(-1) * real
        wrong = {
            "Weights of a clip with padding still sum to less than 1.": after,
            "Padding still has weight.": scores.softmax(-1),
            "These are scores still; a softmax makes weights of them.": scores * real,
        }
        compare(found, right, [*zip(wrong.values(), wrong, strict=True)])


@exercise(
    "a function of tokens (B, N, D) and mask (B, N) that returns (B, D)",
    "A mean that counts padding would make every short clip look a little like silence.",
    "Multiply by the mask, sum, and divide. By what?",
    "clamp(min=1) keeps a clip with nothing real from dividing by zero.",
)
def masked_mean(answer: Any) -> None:
    import torch

    tokens = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 4, [True, False, True, False], [False] * 4])
    found = called(answer, tokens.clone(), mask)
    if isinstance(found, torch.Tensor) and not bool(found.isfinite().all()):
        raise Mistake("A clip with nothing real must give zeros; yours gives NaN or infinity.")
    real = tokens * mask.unsqueeze(-1)
    wrong = {
        "Padding is counted: divide by the number of *real* tokens.": real.sum(1) / 4,
        "That is the mean of all tokens, real or not.": tokens.mean(1),
        "That is the sum; a mean is wanted.": real.sum(1),
        "That is the maximum; a mean is wanted.": tokens.amax(1),
        "You divide by the real tokens of the whole batch; each clip has its own number.": (
            real.sum(1) / mask.sum()
        ),
    }
    right = real.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    compare(found, right, [*zip(wrong.values(), wrong, strict=True)])


@exercise(
    "your class CrossModalFusion",
    "Both directions ask what the towers saw, and the head reads both means side by side.",
    "Loop over self.blocks['video'] with the sound as context, then the other way round.",
    "Which mask goes with which context? And which with which mean?",
)
def CrossModalFusion(answer: Any) -> None:  # noqa: N802
    import torch

    net = built(answer, ours("CrossModalFusion", 8, 2, 2), 8, 2, 2)
    generator = torch.Generator().manual_seed(1)
    video, audio = (torch.randn(2, n, 8, generator=generator) for n in (3, 5))
    seen = torch.tensor([[True, True, True], [True, False, False]])
    heard = torch.tensor([[True, True, True, True, False], [True, True, False, False, False]])

    def one_after_the_other() -> tuple[Any, Any]:
        """Where the sound asks what the pictures have become."""
        x, y = video, audio
        for block in net.blocks["video"]:
            x = block(x, audio, heard)
        for block in net.blocks["audio"]:
            y = block(y, x, seen)
        return x, y

    def run(rounds: int, context: Any) -> tuple[Any, Any]:
        """Both streams after some rounds; context: what each asks, of both as they are now."""
        x, y = video, audio
        pairs = list(zip(net.blocks["video"], net.blocks["audio"], strict=True))
        for first, second in pairs[:rounds]:
            x = first(x, context(x, y)[1], heard)
            y = second(y, context(x, y)[0], seen)
        return x, y

    with torch.no_grad():
        mean = part("masked_mean")
        x, y = run(2, lambda x, y: (video, audio))
        crossed, once = run(2, lambda x, y: (x, y)), run(1, lambda x, y: (video, audio))
        late = one_after_the_other()
        found = answered(net, video, seen, audio, heard)
        wrong = {
            "The streams ask each other's *new* tokens; the towers' tokens are asked.": (
                torch.cat([mean(crossed[0], seen), mean(crossed[1], heard)], 1)
            ),
            "The sound asks what the pictures have become: keep the towers' video tokens under "
            "a name of their own.": torch.cat([mean(late[0], seen), mean(late[1], heard)], 1),
            "Only one block of each direction is used.": torch.cat(
                [mean(once[0], seen), mean(once[1], heard)], 1
            ),
            "The means count padding.": torch.cat([x.mean(1), y.mean(1)], 1),
            "The head wants the video's mean first.": torch.cat([mean(y, heard), mean(x, seen)], 1),
            "Nothing is asked: these are the means of the towers' own tokens.": torch.cat(
                [mean(video, seen), mean(audio, heard)], 1
            ),
        }
        wrong = {text: net.head(pooled) for text, pooled in wrong.items()}
        right = net.head(torch.cat([mean(x, seen), mean(y, heard)], 1))
        compare(found, right, [*zip(wrong.values(), wrong, strict=True)])


@exercise(
    "your class GroupModel",
    "From here on every number of the group model is yours to change.",
    "Each tower returns two things: tokens, and which of them are real.",
)
def GroupModel(answer: Any) -> None:  # noqa: N802
    import torch

    like = ours("GroupModel")
    net = built(answer, like)
    generator = torch.Generator().manual_seed(1)
    batch = {
        "video": torch.randint(0, 256, (2, 4, 3, 24, 32), generator=generator, dtype=torch.uint8),
        "video_mask": torch.tensor([[True] * 4, [True, True, False, False]]),
        "video_times_s": torch.arange(4.0).expand(2, -1),
        "mel": torch.randn(2, 32, 64, generator=generator) - 4,
        "mel_mask": torch.arange(32) < torch.tensor([[32], [16]]),
        "mel_times_s": (torch.arange(32) / 50).expand(2, -1),
    }
    with torch.no_grad():
        streams = [(like.video, "video", "video_times_s"), (like.audio, "mel", "mel_times_s")]
        seen, heard = (
            tower(batch[name], batch[f"{name}_mask"], batch[times])
            for tower, name, times in streams
        )
        exchanged = like.fusion(*heard, *seen)
        told = [(exchanged, "The fusion takes the tokens of video first, then those of sound.")]
        whole = ("for the clip without padding", "for the one with padding")
        compare(answered(net, batch), like(batch), told, "Your logits", rows=whole)


shuffled_tokens = Quiz(
    "shuffled_tokens",
    "Where is the time of a token written: in its place in the row, or in its numbers?",
    right=(
        "Nothing changes",
        "Attention sums over a *set* of tokens; the clock travels with each of them, and so "
        "does its place in the softmax. The next figure shows it.",
    ),
    wrong=(
        (
            "They fall to chance in `synced`, because the order of sounds is lost",
            "A token's time is in its numbers (the clock was added to them), not in its place.",
        ),
        (
            "They fall in all regimes, because the model was trained on ordered tokens",
            "Training on ordered tokens leaves no trace: nothing in the layer looks at places.",
        ),
    ),
)
