"""Diagrams of what keeps a result honest: the split, an attribution, the model card."""

import math
from collections.abc import Iterable

from diagrams.svg import COLOURS, INK, MUTED, Drawing


def split_by_source() -> Drawing:
    """Why clips of one recording must stay together."""
    d = Drawing(
        "Split by source, never by clip",
        "Four recordings are cut into five clips each. Split by clip, every recording is in train "
        "and in test, so the model may know test people and rooms: a leak. Split by source, all "
        "clips of a recording are on one side.",
    )
    kinds = ("video", "audio", "text", "both")
    d.label(
        40,
        78,
        "A source is what clips are cut from: a film, a dialogue, a speaker. A colour "
        "is one source.",
        colour=MUTED,
        anchor="start",
    )
    d.label(100, 132, "4 sources", weight=600)
    for row, kind in enumerate(kinds):
        _clips(d, 40, 150 + row * 84, kind, "ABCD"[row], range(1, 6))
        d.label(100, 200 + row * 84, f"recording {'ABCD'[row]}", 14, colour=MUTED)
    d.label(
        240, 132, "split by clip: a leak", anchor="start", weight=600, colour=COLOURS["warn"][0]
    )
    d.label(
        240, 322, "split by source: a test", anchor="start", weight=600, colour=COLOURS["both"][0]
    )
    by_clip = ([(k, range(1, 5)) for k in range(4)], [(k, (5,)) for k in range(4)])
    by_source = ([(k, range(1, 6)) for k in range(3)], [(3, range(1, 6))])
    for top, sides, kind in ((144, by_clip, "warn"), (334, by_source, "both")):
        for x, wide, name, side in ((240, 292, "train", sides[0]), (548, 150, "test", sides[1])):
            d.box(x, top, wide, 130, kind=kind)
            d.label(x + 14, top + 26, name, anchor="start", weight=600)
            columns = 2 if name == "train" else len(side)
            for place, (k, numbers) in enumerate(side):
                across = place % columns * (140 if name == "train" else 30)
                _clips(
                    d,
                    x + 16 + across,
                    top + 44 + place // columns * 42,
                    kinds[k],
                    "ABCD"[k],
                    numbers,
                )
    d.label(
        716,
        178,
        "The same people, rooms\nand microphones are on\nboth sides: the score is\n"
        "too high, and it does\nnot show.",
        16,
        "start",
    )
    d.label(
        716,
        368,
        "Test people are new: the\nscore says what happens\nwith a recording that "
        "the\nmodel has never met.",
        16,
        "start",
    )
    d.label(
        480,
        516,
        "Held-out clips for early stopping and calibration are split off by source as well.",
        15,
        colour=MUTED,
    )
    return d


def _clips(d: Drawing, x: float, y: float, kind: str, name: str, numbers: Iterable[int]) -> None:
    """Clips of one source side by side."""
    for place, number in enumerate(numbers):
        d.cell(x + place * 24, y, 21, 21, COLOURS[kind][1], COLOURS[kind][0])
        d.label(x + place * 24 + 10.5, y + 16, f"{name}{number}", 14, colour=INK)


def integrated_gradients() -> Drawing:
    """The path from the baseline to the window, and what is summed on it."""
    d = Drawing(
        "The path of integrated gradients",
        "On a straight line from a baseline (frames blurred to 3 by 3 patches, silence) to the "
        "window, the gradient of the score is read at 18 points and averaged; multiplied by the "
        "difference of window and baseline it gives each input's share. All shares together are "
        "the score of the window minus the score of the baseline.",
    )
    for place, share in enumerate((0, 0.25, 0.5, 0.75, 1)):
        x = 70 + place * 174
        for row in range(6):
            for column in range(8):
                near = math.exp(-((column - 4.6) ** 2 + (row - 2.4) ** 2) / 3.2)
                shade = round(176 - share * (150 * near - 40 * (1 - near)))
                d.cell(
                    x + column * 15,
                    84 + row * 15,
                    15.2,
                    15.2,
                    f"#{shade:02x}{shade:02x}{min(255, shade + 12):02x}",
                )
        d.label(x + 60, 198, f"α = {share:g}", 15, weight=600)
        if place:
            d.arrow((x - 48, 129), (x - 6, 129))
    d.label(130, 220, "baseline x′", 15, colour=MUTED)
    d.label(826, 220, "window x", 15, colour=MUTED)
    _score_curve(d)
    d.box(470, 246, 450, 150, kind="soft")
    d.label(695, 282, "IGᵢ = (xᵢ − x′ᵢ) · ∫₀¹ ∂F(x′ + α(x − x′)) / ∂xᵢ dα", 17, weight=600)
    d.label(
        695,
        326,
        "one share for every pixel and every mel value i:\ngradient averaged over "
        "the path,\ntimes what changed on the way",
        15,
        colour=MUTED,
    )
    d.box(470, 412, 450, 104, kind="both")
    d.label(695, 448, "Σᵢ IGᵢ = F(x) − F(x′)", 20, weight=700)
    d.label(
        695,
        480,
        "completeness: the shares add up to what the\nscore gained, which emo explain checks",
        15,
        colour=MUTED,
    )
    return d


def _score_curve(d: Drawing) -> None:
    """The score along the path, with the points at which gradients are read."""
    left, right, low, high = 96, 420, 478, 270
    d.arrow((left, low), (right + 22, low))
    d.arrow((left, low), (left, high - 20))
    d.label(left - 12, high + 60, "F", 18, "end", 700)
    d.label(262, 510, "α: share of the way (18 points of Gauss–Legendre)", 14, colour=MUTED)

    def score(a: float) -> float:
        return low - 12 - (low - high - 20) / (1 + math.exp(-9 * (a - 0.42)))

    curve = [(left + a * (right - left), round(score(a), 1)) for a in (i / 40 for i in range(41))]
    d.line(*curve, kind="video", width=2.5)
    for number in range(18):
        share = 0.5 - 0.5 * math.cos(math.pi * (number + 0.75) / 18.5)  # near the nodes' places
        d.dot(round(left + share * (right - left), 1), round(score(share), 1), 4.5, "warn")
    d.line((left, curve[0][1]), (right, curve[0][1]), kind="soft", dashed=True, width=1.5)
    d.line((right, curve[0][1]), (right, curve[-1][1]), kind="both", width=3)
    d.label(right - 8, 380, "F(x)\n− F(x′)", 14, "end", 600, COLOURS["both"][0])


def model_card() -> Drawing:
    """The parts of a card, and where each comes from."""
    d = Drawing(
        "A model card: what is said, and where it comes from",
        "A card has the recipe, scores with intervals on held-out sources, calibration, sources "
        "and labels of the data, licences of all parts, known failures, and intended and forbidden "
        "use. Scores and calibration are measured by the run, the statement is written by who "
        "made the data.",
    )
    d.box(300, 84, 360, 436, kind="plain")
    d.label(480, 112, "card.md", 18, weight=700)
    parts = (
        ("recipe, seed, corpus", "group-people, 0, collage", "video"),
        ("scores on held-out sources", "0.835 (95 % 0.797 to 0.870), n = 400", "both"),
        ("calibration", "temperature; “not sure” below 0.82", "both"),
        ("sources and labels", "whose clips, and what a label is", "audio"),
        ("known failures", "small, turned, dark faces; music …", "audio"),
        ("parts and licences", "of every part, together", "text"),
        ("intended and forbidden use", "never what a person feels", "warn"),
    )
    boxes = [
        d.box(316, 126 + n * 55, 328, 49, name, note, kind)
        for n, (name, note, kind) in enumerate(parts)
    ]
    run = d.box(40, 138, 176, 66, "emo train", "writes what it did", "video")
    score = d.box(40, 236, 176, 66, "measured", "clips of new sources", "both")
    data = d.box(40, 348, 176, 66, "data statement", "clips, labels, licence", "audio")
    d.arrow(run.right, (258, 171), (258, boxes[0].left[1]), boxes[0].left, kind="video")
    for target in boxes[1:3]:
        d.arrow(score.right, (258, 269), (258, target.left[1]), target.left, kind="both")
    for target in boxes[3:5]:
        d.arrow(data.right, (258, 381), (258, target.left[1]), target.left, kind="audio")
    readers = (
        (138, "before you use it", "Is my clip like its data?\nWhat does the label mean?", "soft"),
        (256, "before you compare", "Same clips? Intervals?\nHow many sources, seeds?", "soft"),
        (374, "before you share it", "Which licence binds me?\nWhom may it harm?", "soft"),
    )
    for y, name, note, kind in readers:
        box = d.box(724, y, 196, 88, name, note, kind)
        d.arrow((660, y + 44), box.left, kind="plain")
    d.label(
        128, 470, "A number without its\ndata, interval and date\nis not a result.", 15, weight=600
    )
    d.label(822, 500, "after Mitchell et al. 2019", 14, colour=MUTED)
    return d
