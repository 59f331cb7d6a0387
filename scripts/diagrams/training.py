"""Diagrams of training: the loop, and several processes."""

import math

from diagrams.svg import COLOURS, MUTED, Drawing


def training_loop() -> Drawing:
    """One step as a ring, and what happens after an epoch."""
    d = Drawing(
        "The training loop",
        "A step: batch to the device, forward pass in mixed precision, loss in float32, backward, "
        "learning rate by warm-up and cosine, gradient norm cut at 1, AdamW, gradients to none, "
        "running mean of the weights. After each epoch held-out sources are scored, the best "
        "weights kept, and training stops after some epochs without a better score.",
    )
    d.label(40, 78, "one step", 16, "start", 600, COLOURS["video"][0])
    steps = (
        ("batch", "clips, to the device"),
        ("forward", "autocast where fast"),
        ("loss", "in float32"),
        ("is it a number?", "else stop and say so"),
        ("backward", "gradients add up over\nsome batches"),
        ("learning rate", "warm-up, then cosine"),
        ("clip", "norm of all ≤ 1"),
        ("optimizer.step", "AdamW; no decay of\nbiases and norms"),
    )
    boxes = []
    for number, (name, note) in enumerate(steps):
        place = number if number < 4 else 7 - number
        x, y = 40 + place * 165, 94 if number < 4 else 214
        boxes.append(d.box(x, y, 148, 82, name, note, "video" if number < 4 else "both"))
    for a, b in zip(boxes[:3], boxes[1:4], strict=True):
        d.arrow(a.right, b.left)
    d.arrow(boxes[3].bottom, boxes[4].top)
    for a, b in zip(boxes[4:7], boxes[5:8], strict=True):
        d.arrow(a.left, b.right)
    d.arrow(boxes[7].top, boxes[0].bottom)
    d.label(118, 196, "next batch", 14, "start", colour=MUTED)
    d.label(
        40,
        322,
        "then zero_grad, and the running mean of the weights (EMA) where it is on",
        14,
        "start",
        colour=MUTED,
    )
    _rates(d)
    _epoch(d)
    return d


def _rates(d: Drawing) -> None:
    """The factor on every learning rate over a run."""
    left, right, low, high = 726, 904, 270, 130
    d.label(left, 104, "factor on every rate", 14, "start", colour=MUTED)
    d.arrow((left, low), (right + 14, low))
    d.arrow((left, low), (left, high - 14))
    curve = [(left, low)] + [
        (
            round(left + s * (right - left), 1),
            round(low - (low - high) * 0.5 * (1 + math.cos(math.pi * (s - 0.1) / 0.9)), 1),
        )
        for s in (0.1 + 0.9 * i / 30 for i in range(31))
    ]
    d.line(*curve, kind="both", width=2.5)
    d.label(left + 4, low + 20, "10 % warm-up, cosine to zero", 14, "start", colour=MUTED)


def _epoch(d: Drawing) -> None:
    d.label(40, 368, "after every epoch", 16, "start", 600, COLOURS["audio"][0])
    names = (
        ("evaluate", "on held-out sources\nof train"),
        ("better?", "then keep these weights"),
        ("save", "weights, optimizer, seed,\nepoch: a run can go on"),
        ("stop early?", "patience: 6 epochs\nwithout a better score"),
    )
    boxes = [
        d.box(40 + n * 184, 382, 164, 78, name, note, "audio")
        for n, (name, note) in enumerate(names)
    ]
    for a, b in zip(boxes, boxes[1:], strict=False):
        d.arrow(a.right, b.left, kind="audio")
    last = d.box(780, 382, 140, 78, "best weights", "then calibration,\ncard, test once", "both")
    d.arrow(boxes[-1].right, last.left, kind="both")
    d.label(
        480,
        498,
        "Batches, augmentation and dropout follow from seed and epoch, so a run that is "
        "killed and resumed gives the same numbers.",
        14,
        colour=MUTED,
    )


def data_parallel() -> Drawing:
    """Two processes compute what one would with twice the batch."""
    d = Drawing(
        "Data-parallel training: two processes, one step",
        "Each process has the same weights and half of the batch. Logits are gathered, so that "
        "each process computes the loss of the whole batch; gradients are summed in one message; "
        "both make the same step, and the weights stay equal.",
    )
    rows = ((100, "process 0", "video"), (312, "process 1", "audio"))
    ends = []
    for y, name, kind in rows:
        d.label(40, y + 8, name, 16, "start", 600, COLOURS[kind][0])
        batch = d.box(40, y + 24, 112, 76, "its rows", "half of the batch", kind)
        model = d.box(180, y + 24, 128, 76, "model", "same weights", kind)
        loss = d.box(452, y + 24, 136, 76, "loss", "of the whole batch", kind)
        back = d.box(616, y + 24, 116, 76, "backward", "its rows' part", kind)
        d.arrow(batch.right, model.left, kind=kind)
        d.arrow(loss.right, back.left, kind=kind)
        step = d.box(800, y + 24, 120, 76, "same step", "clip, AdamW", kind)
        ends.append((model, loss, back, step))
    gather = d.box(330, 226, 122, 64, "gather", "logits, targets", "both")
    total = d.box(700, 226, 122, 64, "sum", "gradients, once", "both")
    for (model, loss, back, step), (y, _, kind) in zip(ends, rows, strict=True):
        up = y < 200
        edge, sums = (gather.top, total.top) if up else (gather.bottom, total.bottom)
        middle = model.right[1]
        d.arrow(model.right, (370, middle), (370, edge[1]), kind=kind)
        d.arrow((412, edge[1]), (412, middle), loss.left, kind="both")
        d.arrow(back.right, (745, middle), (745, sums[1]), kind=kind)
        d.arrow((777, sums[1]), (777, middle), step.left, kind="both")
    d.box(40, 438, 880, 82, kind="soft")
    d.label(
        480,
        466,
        "Equal to one process with twice the batch, up to rounding; statistics of "
        "batch norm are shared too.",
        16,
        weight=600,
    )
    d.label(
        480,
        494,
        "DistributedDataParallel averages the gradients of two losses: another step "
        "where the loss is no mean over clips, as CCC.",
        14,
        colour=MUTED,
    )
    return d
