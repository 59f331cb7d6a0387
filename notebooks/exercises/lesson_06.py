"""Judges the exercises of lesson 6: sparse end to end."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from exercises.grading import Mistake, Quiz, array, called, exercise, number
from exercises.modules import answered, built, close, compare, listed, ours, part


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@exercise(
    "your class TransformerLayer, with its forward written",
    "Self-attention, residual, norm; feed-forward net, residual, norm. The norm stands after the "
    "sum, as in 2017 (post-norm); your block of lesson 5 has it before (pre-norm).",
    "Two sublayers. Each one's result is added to what went in, and the sum is normalised.",
    "The layer asks itself: query and context of its attention are the same tokens.",
)
def TransformerLayer(answer: Any) -> None:  # noqa: N802
    net = ours("TransformerLayer", 16, 4, 24)
    x, mask = _random(2, 5, 16), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
    layer = built(answer, net, 16, 4, 24)
    with torch.no_grad():
        asked, unmasked = net.attention(x, x, mask), net.attention(x, x, torch.ones_like(mask))

        def feed(y: Tensor) -> Tensor:
            return net.narrow(net.widen(y).relu())

        first, normed = net.norm(x + asked), net.norm(x)
        pre = x + net.attention(normed, normed, mask)
        other = net.norm(x + unmasked)
        linear = net.narrow(net.widen(first))
        mistakes = [
            (pre + feed(net.last_norm(pre)), "The norm stands before each sublayer (pre-norm); "
             "these weights were trained with the norm after the sum."),
            (net.last_norm(net.norm(asked) + feed(net.norm(asked))), "The first residual is "
             "missing: what went into the attention is added to what came out."),
            (net.last_norm(feed(first)), "The second residual is missing: what went into the "
             "feed-forward net is added to what came out."),
            (net.last_norm(other + feed(other)), "Padding takes part: hand the mask to the "
             "attention."),
            (net.last_norm(first + linear), "The ReLU between `widen` and `narrow` is missing; "
             "two linear layers in a row are one."),
            (first, "That is the first half; the feed-forward net follows."),
            (net.norm(first + feed(first)), "The second sum has a norm of its own, `last_norm`."),
        ]  # fmt: skip
        right = net.last_norm(first + feed(first))
        mistakes += _layer_mistakes(net, x, mask)
    compare(answered(layer, x, mask), right, mistakes)


def _layer_mistakes(net: nn.Module, x: Tensor, mask: Tensor) -> list[tuple[Tensor, str]]:
    """What a layer returns whose parts stand in the wrong order."""

    def feed(y: Tensor) -> Tensor:
        return net.narrow(net.widen(y).relu())

    asked, padding = net.attention(x, x, mask), net.attention(x, x, ~mask)
    first, swapped = net.norm(x + asked), net.last_norm(x + asked)
    inner, turned = x + net.norm(asked), net.norm(x + padding)
    return [
        (net.norm(swapped + feed(swapped)), "The two norms are exchanged: `norm` belongs to the "
         "attention, `last_norm` to the feed-forward net."),
        (inner + net.last_norm(feed(inner)), "What the sublayer returns was normalised; here the "
         "sum is, with what went in."),
        (net.last_norm(first + net.narrow(net.widen(first)).relu()), "The ReLU stands between "
         "`widen` and `narrow`, not after both."),
        (net.last_norm(turned + feed(turned)), "Only padding is read: True in the mask means "
         "real, so hand it on as it is."),
    ]  # fmt: skip


@exercise(
    "your class AdditiveAttention, with its forward written",
    "One score for each candidate. A dot product asks whether two vectors point the same way; "
    "this small network can learn any comparison, at the price of a tanh for each pair.",
    "Each candidate already has its own row of `query`, so nothing has to be repeated.",
    "A linear layer to width 1 leaves an axis of length 1 at the end.",
)
def AdditiveAttention(answer: Any) -> None:  # noqa: N802
    net = ours("AdditiveAttention", 12, 6, spread=0.5)
    layer, x, query = built(answer, net, 12, 6), _random(7, 12), _random(7, 6, seed=1)
    with torch.no_grad():
        content, asked = net.content(x), net.query(query)
        right = net(x, query)
        mistakes = [
            (net.energy(content + asked).squeeze(-1), "The tanh is missing: without it the query "
             "adds the same to every candidate, and the softmax forgets it."),
            (right.unsqueeze(-1), "The scores still have an axis of length 1; one number for each "
             "candidate is asked."),
            (right.softmax(0), "Return the scores; their softmax comes later, over the candidates "
             "of one clip."),
            (net.energy(torch.tanh(content) + torch.tanh(asked)).squeeze(-1), "The sum stands "
             "inside the tanh, not outside."),
            ((content * asked).sum(-1), "That is a dot product; here the two are added."),
            (net.energy(torch.tanh(content)).squeeze(-1), "The query has no say: add what its "
             "layer makes of it, inside the tanh."),
            (torch.tanh(content + asked).sum(-1), "A plain sum counts all numbers alike; `energy` "
             "weighs them."),
            (net.energy((content + asked).relu()).squeeze(-1), "The formula has a tanh, not a "
             "ReLU."),
            (net.energy((content + asked).sigmoid()).squeeze(-1), "The formula has a tanh, not a "
             "sigmoid."),
        ]  # fmt: skip
    compare(answered(layer, x, query), right, mistakes)


@exercise(
    "a function of weights and p that returns an array of True and False",
    "The smallest set that reaches p. Comparing the mass *before* each candidate, and not the mass "
    "with it, keeps the one that crosses the line, and does not fail at p = 1, as the published "
    "code does.",
    "In descending order, what is the mass before the first candidate? Before the second?",
    "np.argsort(-weights) gives places; kept[places] = ... puts True back where it belongs.",
)
def top_p(answer: Any) -> None:
    weights = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
    for p, right in (
        (0.5, [0, 1, 0, 1, 0]),
        (0.71, [0, 1, 0, 1, 1]),
        (0.3, [0, 1, 0, 0, 0]),
        (0.0, [0, 1, 0, 0, 0]),
        (1.0, [1, 1, 1, 1, 1]),
    ):
        found = array(called(answer, weights.copy(), p), (5,))
        if not np.isin(found, (0, 1)).all():
            raise Mistake("Expected True and False for each candidate.")
        if not np.array_equal(found.astype(int), right):
            raise Mistake(_top_p_mistake(found.astype(int), right, p))


def _top_p_mistake(found: np.ndarray, right: list[int], p: float) -> str:
    asked = f"Weights 0.1, 0.4, 0.05, 0.3, 0.15 and p = {p:g}: you keep {found.sum()}"
    if not found.any():
        return f"{asked}; at least the strongest one is always kept."
    if found.sum() == sum(right):
        return f"{asked}, which is the right number, but others; put them back in their own order."
    if found.sum() < sum(right):
        return f"{asked}, which do not reach p; the one that crosses the line is kept as well."
    return f"{asked}; {sum(right)} are enough to reach p."


@exercise(
    "a function of weights, real and share that returns a mask of their shape",
    "The number kept follows from the number of real candidates alone, so a batch of full clips "
    "has fixed shapes. A fixed share is what a GPU likes; top-p is what a paper likes.",
    "How many are to be kept in each row? That is one number a row, of shape (B, 1).",
    "argsort of an argsort is a rank: 0 for the strongest, 1 for the next.",
)
def keep_strongest(answer: Any) -> None:
    right = part("keep_strongest")
    full = _random(4, 10).softmax(-1)
    ragged = torch.arange(10) < torch.tensor([[10], [7], [3], [0]])
    long = _random(1, 25, seed=2).softmax(-1)
    for weights, real, share in (
        (full, torch.ones_like(ragged), 0.5),
        (full, torch.ones_like(ragged), 0.25),
        (full * ragged, ragged, 0.5),
        (full * ragged, ragged, 0.01),
        (long, torch.ones_like(long).bool(), 0.6),
        (full, ragged, 1.0),
    ):
        found = answered(answer, weights.clone(), real.clone(), share)
        wanted = right(weights, real, share)
        if not isinstance(found, Tensor) or found.dtype != torch.bool:
            raise Mistake("Expected a tensor of True and False, of the shape of `weights`.")
        if found.shape != wanted.shape or not torch.equal(found, wanted):
            _over_the_batch(found, wanted)
            raise Mistake(_share_mistake(found, wanted, weights, real, share))


def _over_the_batch(found: Tensor, wanted: Tensor) -> None:
    if found.shape != wanted.shape or len(found) == 1:
        return
    said, asked = found.sum(-1), wanted.sum(-1)
    if said.sum() == asked.sum() and not torch.equal(said, asked):
        raise Mistake(
            f"You keep {said.tolist()} in the rows, {int(said.sum())} in all as it should be, but "
            "over the batch; each row keeps its own share."
        )


def _share_mistake(
    found: Tensor, wanted: Tensor, weights: Tensor, real: Tensor, share: float
) -> str:
    if found.shape != wanted.shape:
        return f"Expected shape {tuple(wanted.shape)}, as `weights`; got {tuple(found.shape)}."
    if (found & ~real).any():
        return "You keep candidates that are padding; `real` says which exist."
    said, asked = found.sum(-1), wanted.sum(-1)
    row = int((said != asked).float().argmax())
    if torch.equal(said, asked):
        return "The right number in each row, but not the strongest ones in their own places."
    have, count = int(real[row].sum()), int(said[row])
    told = f"A row with {have} real candidates and share {share:g}: you keep {count}"
    if not count and have:
        return f"{told}; at least one is always kept."
    if abs(share * have - round(share * have)) < 1e-9 and count == round(share * have) + 1:
        return (
            f"{told}, because {share:g} x {have} is a millionth above {round(share * have)} in "
            "float32; take 1e-6 off before you round up."
        )
    if count == int(share * have):
        return f"{told}; round up, not down."
    if have < real.shape[-1] and count == min(have, -(-int(share * 1000) * real.shape[1] // 1000)):
        return f"{told}; the share is meant of the real candidates, not of the row's length."
    return f"{told}, expected {int(asked[row])}."


no_gradient = Quiz(
    "no_gradient",
    "Change one weight by a millionth. What changes in the result?",
    right=(
        "The result depends on the weights only through a comparison: a little change of a "
        "weight changes nothing, or jumps",
        "A mask is constant between its jumps, so its slope is zero where it exists at all. "
        "PyTorch does not even try: a comparison cuts the graph.",
    ),
    wrong=(
        (
            "Top-p throws small gradients away",
            "Top-p runs forwards and picks places; it never sees a gradient.",
        ),
        (
            "The softmax is saturated",
            "Then gradients would be small. Here they are None: nobody asked for them.",
        ),
    ),
)


@exercise(
    "your function compute_kept, corrected",
    "Places and values now run through the same list: clip by clip. The published code of MESM "
    "sorts the one by place and the other by clip, so features land in other people's "
    "utterances, and its published scores contain that.",
    "Which picture is row 1 of `pictures[kept[real]]`? Which place is row 1 of `places`?",
    "Print `places` for a batch of two clips. In which order do they come?",
)
def compute_kept(answer: Any) -> None:
    real = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]]).bool()
    kept = torch.tensor([[1, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0]]).bool()
    pictures, seen = _random(int(real.sum()), 5), []

    def compute(x: Tensor) -> Tensor:
        seen.append(len(x))
        return torch.stack([x.sum(1), x[:, 0]], 1)

    found = called(answer, pictures.clone(), real.clone(), kept.clone(), compute)
    right = torch.zeros(3, 4, 2)
    right[kept] = compute(pictures[kept[real]])
    wrong = torch.zeros(3, 4, 2)
    places = kept.T.nonzero().flip(1)
    wrong[places[:, 0], places[:, 1]] = compute(pictures[kept[real]])
    every = torch.zeros(3, 4, 2)
    every[real] = compute(pictures)
    mistakes = [
        (wrong, "Values still land in other clips: places are listed moment by moment, pictures "
         "clip by clip."),
        (every, "You compute all real pictures; only those kept are to be computed."),
    ]  # fmt: skip
    compare(found, right, mistakes)
    if seen[0] != int(kept.sum()):
        raise Mistake(
            f"The numbers are right, but {seen[0]} pictures were computed where {int(kept.sum())} "
            "are kept: nothing is saved."
        )


@exercise(
    "a function of mel and mask that returns chunks and where they are",
    "Each chunk is a small picture with mean 0 and spread 1 over what is real in it. How loud a "
    "chunk is, is thereby lost: the shipped model hears colour, not volume.",
    "Pad both, mel and mask, to a multiple of 32, and unflatten the axis of time.",
    "A masked mean is a sum of what is real, over the count of what is real (frames times bands).",
    "Where nothing sounds the spread is nearly zero; what does a division by it do?",
)
def sound_pictures(answer: Any) -> None:
    mel, mask = 2 * _random(2, 70, 6) - 4, torch.arange(70) < torch.tensor([[70], [40]])
    mel[0, 32:64] = -11.5 + 0.01 * mel[0, 32:64]  # nearly silent
    mel[1, 40:] = 7.0  # what stands in padding must not matter
    found = answered(answer, mel.clone(), mask.clone())
    if not isinstance(found, tuple) or len(found) != 2:
        raise Mistake("Expected two results: the chunks (n, 1, M, 32) and where they are (B, T).")
    right, where = part("sound_pictures")(mel, mask)
    places = [
        (right, "The two results are exchanged: first the chunks, then which of them are real."),
        (where[:, :-1], "The last frames are gone: pad to a multiple of 32, do not cut off."),
        (torch.tensor([[1, 1, 0], [1, 0, 0]]).bool(), "A chunk in which only some frames are real "
         "was left out: keep it if *anything* in it is."),
    ]  # fmt: skip
    compare(found[1], where, places, "Which chunks are real")
    compare(found[0], right, _sound_mistakes(mel, mask), "The chunks")
    even = answered(answer, mel[:, :64].clone(), mask[:, :64].clone())[1]
    more = "64 frames are two whole chunks and need no padding; yours has a third, empty one."
    whole = where[:, :2]
    compare(even, whole, [(functional.pad(whole, (0, 1)), more)], "Of 64 frames, the real chunks")


def _sound_mistakes(mel: Tensor, mask: Tensor) -> list[tuple[Tensor, str]]:
    chunks = functional.pad(mel, (0, 0, 0, 26)).unflatten(1, (-1, 32))
    padded = functional.pad(mask, (0, 26)).unflatten(1, (-1, 32))
    where = padded.any(2)
    chunks, real = chunks[where], padded[where].unsqueeze(-1)
    count = real.sum((1, 2), keepdim=True) * mel.shape[2]

    def shown(x: Tensor) -> Tensor:
        return x.transpose(1, 2).unsqueeze(1)

    centred = (chunks - (chunks * real).sum((1, 2), keepdim=True) / count) * real
    spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    every = chunks - chunks.mean((1, 2), keepdim=True)
    every_spread = every.square().mean((1, 2), keepdim=True).sqrt().clamp(min=0.5)
    right = shown(centred / spread.clamp(min=0.5))
    frames = count / mel.shape[2]
    few = (chunks - (chunks * real).sum((1, 2), keepdim=True) / frames) * real
    few_spread = (few.square().sum((1, 2), keepdim=True) / frames).sqrt().clamp(min=0.5)
    band = (chunks - (chunks * real).sum(1, keepdim=True) / frames) * real
    band_spread = (band.square().sum(1, keepdim=True) / frames).sqrt().clamp(min=0.5)
    return [
        (shown(band / band_spread), "Each band was standardised by itself, which takes away the "
         "colour of the sound; one mean and one spread for the whole chunk."),
        (shown(centred / (spread * (count / (count - 1)).sqrt()).clamp(min=0.5)), "Your spread "
         "divides by n - 1; here it is n (unbiased=False)."),
        (shown(centred / (spread + 0.5)), "0.5 was added to every spread; clamp it, so that only "
         "a smaller one is changed."),
        (right.transpose(2, 3).reshape(right.shape), "reshape keeps the order in memory and mixes "
         "frames with bands; exchange the axes (transpose)."),
        (shown(every / every_spread), "Padding takes part in mean and spread: sum what is real, "
         "and divide by its count."),
        (shown(every * real / every_spread), "Padding takes part in mean and spread: sum what is "
         "real, and divide by its count."),
        (shown(centred / spread), "The nearly silent chunk was blown up to spread 1: clamp the "
         "spread to at least 0.5."),
        (shown(centred), "The mean is gone; the spread is still there."),
        (shown((chunks - (chunks * real).sum((1, 2), keepdim=True) / count)
               / spread.clamp(min=0.5)), "Padding must be 0 in the end as well: mask once more."),
        (shown(centred / spread.square().clamp(min=0.5)), "That is the variance; the spread is "
         "its root."),
        (right.squeeze(1), "The axis for the one channel is missing: (n, 1, M, 32)."),
        (right.transpose(2, 3), "Bands stand upright in a picture: (n, 1, M, 32), not "
         "(n, 1, 32, M)."),
        (shown(few / few_spread), "The count is of frames; each frame has M bands."),
    ]  # fmt: skip


@exercise(
    "your class SparseTower, with its forward written",
    "Only what the words choose is convolved, and attention learns because it makes what it "
    "likes louder.",
    "First the scores of all real pictures, in the form (B, T), where softmax runs over T.",
    "`pictures` lists what is True in `real`; so does anything indexed by [real].",
    "What is kept is computed and put back in its place; the transformer's mask is `kept`.",
)
def SparseTower(answer: Any) -> None:  # noqa: N802
    net = ours("SparseTower", 1, 32, 16, 0.5, spread=0.02)
    with torch.no_grad():  # scores below -1: a softmax does not see it
        net.thumbnail_attention.attention.energy.bias -= 3
    real = torch.arange(6) < torch.tensor([[6], [3], [0], [5]])
    pictures, query = _random(int(real.sum()), 1, 32, 16), _random(4, 64, seed=1)
    tower, passed = built(answer, net, 1, 32, 16, 0.5), []
    if not hasattr(tower, "tower"):
        raise Mistake("Leave __init__ as it was: the convolutions are called self.tower.")
    tower.tower.register_forward_hook(lambda _, x, y: passed.append(len(y)))
    found = answered(tower, pictures, real, query)
    with torch.no_grad():
        right, mistakes = net(pictures, real, query), _tower_mistakes(net, pictures, real, query)
    compare(found, right, mistakes, "The scores", 1e-5, rows=TOWER_ROWS)
    count = int(part("keep_strongest")(real.float(), real, 0.5).sum())
    if sum(passed) != count:
        raise Mistake(
            f"The numbers are right, but {sum(passed)} pictures went through the convolutions "
            f"where {count} are kept: nothing is saved."
        )
    called(tower, pictures, real, query).square().sum().backward()
    if all(p.grad is None or not p.grad.any() for p in tower.thumbnail_attention.parameters()):
        raise Mistake(
            "The numbers are right, but no gradient reaches the attention, so it would never "
            "learn: the factor must not be detached."
        )


TOWER_ROWS = (
    "for the clip of six real pictures",
    "for the one of three",
    "for the one without any",
    "for the one of five",
)


def _tower_mistakes(
    net: nn.Module, pictures: Tensor, real: Tensor, query: Tensor
) -> list[tuple[Tensor, str]]:
    """What a tower returns with one thing wrong."""
    scores = query.new_full(real.shape, -1e9)
    raw = net.thumbnail_attention(pictures, query[real.nonzero()[:, 0]])
    scores[real] = raw
    weights = scores.softmax(-1) * real
    together = query.new_zeros(*real.shape)
    together[real] = raw.softmax(0)
    tokens = query.new_zeros(*real.shape, 64)
    tokens[real] = net.flatten(net.tower(pictures))
    strongest = part("keep_strongest")
    kept = strongest(weights, real, net.share)
    there = real.any(1, keepdim=True)

    def end(loud: Tensor, chosen: Tensor, seen: Tensor, empty: bool = False) -> Tensor:
        found = net.head(net.cls_transformer(tokens * chosen[..., None] * loud[..., None], seen))
        return found if empty else found * there

    louder = weights * real.sum(1, keepdim=True)
    chosen = kept.sum(1, keepdim=True)
    shares = weights * kept / (weights * kept).sum(1, keepdim=True).clamp(min=1e-9)
    by_score = strongest(scores, real, net.share)
    return [
        (end(weights * chosen, kept, kept), "The factor is attention times the number of *real* "
         "pictures; you took the number of those kept."),
        (end(weights * real.shape[1], kept, kept), "The factor is attention times the number of "
         "real pictures; padding was counted as well."),
        (end(shares * chosen, kept, kept), "The attention was made to sum to one again over what "
         "is kept; take it as it is."),
        (end(louder, by_score, by_score), "keep_strongest takes weights from 0 on; raw scores "
         "may be below its padding. Softmax first."),
        (end(torch.ones_like(louder), kept, kept), "What is kept is not made louder by its "
         "attention, so the attention would never learn."),
        (end(weights, kept, kept), "The factor is attention times the number of real pictures, so "
         "that even attention changes nothing; you left out the number."),
        (end(louder, real, real), "All real pictures reach the transformer; only those kept may."),
        (end(louder, kept, real), "Pictures that were not computed reach the transformer as "
         "zeros; its mask is `kept`."),
        (end(louder, kept, kept, True), "A clip without pictures must score zero, not the bias "
         "of the last layer."),
        (end(together * real.sum(1, keepdim=True), k := strongest(together, real, net.share), k),
         "The softmax runs over all pictures of the batch: clips share what each should have for "
         "itself."),
    ]  # fmt: skip


@exercise(
    "your class Mesm, with its forward written",
    "Your file answers as the library does with the shipped weights: words choose faces and "
    "sounds, three streams vote, and six emotions get a score each.",
    "The encoder's vector is two things at once: what the words say, and what they ask.",
    "Clips without words: the class token reads itself and still answers. What takes that answer "
    "out, both as a vote and as a query?",
    "Three scores of shape (B, 6), each times its own weight, summed.",
)
def Mesm(answer: Any) -> None:  # noqa: N802
    with torch.random.fork_rng():
        net = part("Mesm")().eval()
    net.load_state_dict(shipped_weights("mesm-staged"))
    batch = _mesm_batch()
    model = built(answer, net)
    found = answered(model, dict(batch))
    with torch.no_grad():
        right, mistakes = net(batch), _mesm_mistakes(net, batch)
    try:
        compare(found, right, mistakes, "The scores", rows=MESM_ROWS)
    except Mistake as mistake:
        raise Mistake(f"{mistake}{_wrong_streams(model, net, batch)}") from None


MESM_ROWS = (
    "for the clip where nothing is missing",
    "for the one without words",
    "for the one without faces",
    "for the one whose sound ends early",
)


def _wrong_streams(model: nn.Module, net: nn.Module, batch: dict[str, Tensor]) -> str:
    """Whose vote is wrong by itself, as a sentence; "" where all are, or none is."""
    names, weight = ("words", "faces", "sound"), net.fusion.weight
    kept, wrong = weight.detach().clone(), []
    with torch.no_grad():
        for place, name in enumerate(names):
            alone = torch.eye(3)[place]
            weight.copy_(alone), model.fusion.weight.copy_(alone)
            if not close(answered(model, dict(batch)), net(batch)):
                wrong.append(name)
        weight.copy_(kept), model.fusion.weight.copy_(kept)
    if 0 < len(wrong) < 3:
        right = listed([name for name in names if name not in wrong])
        return f" By itself the vote of {right} is right; look at that of {listed(wrong)}."
    return ""


@lru_cache
def shipped_weights(name: str) -> dict[str, Tensor]:
    """The weights of a shipped checkpoint."""
    from safetensors.torch import load_file

    from emo_core.checkpoint import find_checkpoint

    return load_file(find_checkpoint(name) / "model.safetensors")


def _mesm_batch() -> dict[str, Tensor]:
    """Four clips of noise: whole, without words, without faces, and with half the sound."""
    g = torch.Generator().manual_seed(0)
    here = torch.ones(4, 1).bool()
    words, faces = here.clone(), here.clone()
    words[1], faces[2] = False, False
    heard = torch.arange(128) < torch.tensor([[128], [128], [128], [70]])
    return {
        "tokens": torch.randint(4, 260, (4, 12), generator=g) * words,
        "token_mask": words.expand(-1, 12),
        "faces": torch.randint(0, 256, (4, 4, 1, 3, 48, 48), generator=g).byte(),
        "face_mask": faces.view(4, 1, 1).expand(-1, 4, -1),
        "mel": torch.randn(4, 128, 64, generator=g) * 2 - 4,
        "mel_mask": heard,
    }


def _mesm_mistakes(net: nn.Module, batch: dict[str, Tensor]) -> list[tuple[Tensor, str]]:
    said = batch["token_mask"].any(1, keepdim=True)
    raw = net.text.backbone["encoder"](batch["tokens"], batch["token_mask"] | ~said)
    faces = part("face_pictures")(batch["faces"], batch["face_mask"])
    sound = part("sound_pictures")(batch["mel"], batch["mel_mask"])

    def terms(query: Tensor, silent: Tensor) -> Tensor:
        text = net.text.backbone["head"](query) * silent
        return torch.stack([text, net.video(*faces, query), net.audio(*sound, query)])

    weight, ones = net.fusion.weight[:, None, None], torch.ones(4, 1)
    right = terms(raw * said, said)
    return [
        ((weight[[2, 0, 1]] * right).sum(0), "The weights belong to text, video, audio, in this "
         "order."),
        ((weight.softmax(0) * right).sum(0), "The weights are used as they are, without a "
         "softmax."),
        ((weight / weight.sum() * right).sum(0), "The weights are used as they are; they need not "
         "sum to one."),
        ((weight[1:] * right[1:]).sum(0), "The text asks, and it votes as well: its scores are "
         "missing."),
        (right.sum(0), "The streams are summed without their learnt weights (`fusion.weight`)."),
        ((weight * right).mean(0), "That is the mean over the streams; their sum is asked."),
        ((weight * terms(raw * said, ones)).sum(0), "Where nothing is said, the text votes with "
         "the bias of its head; its scores must be zero there."),
        ((weight * terms(raw, said)).sum(0), "Where nothing is said, the query should be zero: "
         "the encoder read padding."),
        ((weight * terms(raw, ones)).sum(0), "Where nothing is said, the encoder's vector should "
         "be zero: it read padding."),
        ((weight * right).sum(0).sigmoid(), "Return the scores; the sigmoid belongs to the loss."),
    ]  # fmt: skip


@exercise(
    "a number, the share",
    "(47.01 - 29.65 / 2) / 47.01 = 0.68. Halving a part never halves the whole.",
    "How much is saved, in GFLOP? And of what whole?",
    "The words' share stays as it is, and so does what the transformers need.",
)
def share_left(answer: Any) -> None:
    found = number(answer)
    told = {
        0.5: "Only the towers compute half; words and transformers stay as they are.",
        0.315: "That is the share saved; asked is the share left.",
        0.63: "That is the towers' share of everything; half of it is saved.",
        68.5: "As a share, not in per cent.",
        0.677: "Leave the transformers' few operations in: start from 47.01.",
    }
    if abs(found - 0.6846) < 0.006:
        return
    near = [text for value, text in told.items() if abs(found - value) < 0.003]
    raise Mistake(near[0] if near else f"Not {found:.4g}: what is computed before, what after?")


always_no = Quiz(
    "always_no",
    "Count: an utterance has one 'yes' and how many 'no'?",
    right=(
        '83.3 %: five of the six answers are "no" anyway',
        "So 84.5 is 1.2 points above knowing nothing. Look at F1, or at accuracy that weighs "
        "'yes' and 'no' alike (WAcc).",
    ),
    wrong=(
        (
            "16.7 %, one in six",
            "That is guessing the one emotion right. Here six questions are counted, most with "
            "'no'.",
        ),
        (
            "50 %, as for any yes-or-no question",
            "Only where 'yes' and 'no' are equally frequent; here 'no' is five times as frequent.",
        ),
    ),
)


@exercise(
    "a function of truth and predicted (both True or False) that returns a number",
    "Half the recall of 'yes' and half the recall of 'no': always 'no' gets 0.5, however rare the "
    "emotion is. It is the UA of one yes-or-no question.",
    "Of the clips where the emotion is there, which share is found? Of the others?",
    "Two recalls and their mean; no count of one class may weigh on the other.",
)
def weighted_accuracy(answer: Any) -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(200) < 30
    for share in (0.7, 0.2):
        predicted = generator.random(200) < np.where(truth, share, 0.1)
        found = number(called(answer, truth.copy(), predicted.copy()))
        yes, no = predicted[truth].mean(), (~predicted[~truth]).mean()
        told = {
            (truth == predicted).mean(): "That is plain accuracy (WA in speech papers); a rare "
            "'yes' hardly counts in it.",
            yes: "That is the recall of 'yes' alone; who always says 'yes' has 1.",
            no: "That is the recall of 'no' alone; who always says 'no' has 1.",
            yes + no: "The two recalls are summed; their mean is asked.",
            2 * predicted[truth].sum() / (truth.sum() + predicted.sum()): "That is F1.",
            truth[predicted].mean(): "That is precision: of what you call 'yes', how much is.",
            (truth[predicted].mean() + (~truth[~predicted]).mean()) / 2: "You divide by what was "
            "predicted; divide by what is true.",
        }
        if abs(found - (yes + no) / 2) > 1e-9:
            near = [text for value, text in told.items() if abs(found - value) < 1e-9]
            raise Mistake(near[0] if near else f"Expected {(yes + no) / 2:.4f}; got {found:.4f}.")


which_accuracy = Quiz(
    "which_accuracy",
    "Which of the numbers could you compute from a confusion matrix of both?",
    right=(
        "Neither, before you have read both papers' definitions; best of all, their confusion "
        "matrices",
        "The letters say nothing: both readings are in print, and so are implementations that "
        "compute a third thing.",
    ),
    wrong=(
        (
            "WA against WA: the letters are the field's standard",
            "They are used with both meanings; the larger number is often called WA in one paper "
            "and UA in the next.",
        ),
        (
            "The larger number against the larger number",
            "On uneven classes plain accuracy is often the larger one, but not always.",
        ),
    ),
)
