"""Diagrams of MESM and of JMT, with the shapes of `mesm-staged` and `jmt-staged`."""

from diagrams.svg import MUTED, Drawing


def mesm() -> Drawing:
    """FE2E and MESM, as `mesm-staged` computes them."""
    d = Drawing(
        "FE2E computes everything, MESM what the text points at",
        "Text, faces and sound give six scores each, which are weighted and added. In MESM the "
        "vector of the text asks the pictures: here 4 of 8 faces and 4 of 8 sound chunks are kept "
        "before any convolution. In FE2E nothing is left out.",
    )
    text = d.box(40, 96, 120, 62, "text", "64 bytes", "text")
    coder = d.box(186, 96, 130, 62, "transformer", "vector of 64", "text")
    d.arrow(text.right, coder.left, kind="text")
    own = d.box(660, 96, 80, 62, "linear", "6 scores", "text")
    d.arrow(coder.right, own.left, kind="text")
    total = d.box(784, 226, 136, 90, "weighted sum", "one weight each,\n6 sigmoids", "both")
    d.arrow(own.right, (852, 127), total.top, kind="text")
    for y, kind, rows in (
        (210, "video", ("8 faces", "3 × 48 × 48", "128 × 3 × 3")),
        (336, "audio", ("8 chunks", "64 bands × 32", "128 × 4 × 2")),
    ):
        source = d.box(40, y, 120, 76, rows[0], rows[1], kind)
        choose = d.box(
            186,
            y,
            130,
            76,
            "keep 4 of 8",
            "by thumbnails of\n8 × 8 and the text",
            "warn",
            dashed=True,
        )
        tower = d.box(346, y, 112, 76, "VGG tower", rows[2], kind)
        token = d.box(482, y, 60, 76, "linear", "64", kind)
        over = d.box(
            566, y, 174, 76, "transformer, 2 layers", "first token reads all:\n6 scores", kind
        )
        for a, b in ((source, choose), (choose, tower), (tower, token), (token, over)):
            d.arrow(a.right, b.left, kind=kind)
        end = (784, 262) if kind == "video" else (852, 374)
        corners = (
            [over.right, (762, 248), (762, 262), end]
            if kind == "video"
            else [over.right, end, (852, 318)]
        )
        d.arrow(*corners, kind=kind)
    d.arrow(coder.bottom, (251, 208), kind="text")
    d.arrow((330, 127), (330, 318), (251, 318), (251, 334), kind="text")
    d.label(344, 186, "query: what is said asks\nwhere to look", 14, "start", colour=MUTED)
    d.box(40, 436, 880, 84, kind="soft")
    d.label(
        60,
        461,
        "FE2E (mode=dense): the dashed boxes are not there; all 8 pictures are computed.",
        15,
        "start",
    )
    d.label(
        60,
        484,
        "MESM as published: selection at sites inside the tower, three times, by "
        "top-p of additive attention.",
        15,
        "start",
    )
    d.label(
        60,
        507,
        "mesm-staged (mode=structured, drawn here) chooses whole pictures: 1,183,415 parameters.",
        15,
        "start",
    )
    return d


PAIRS = (
    ("v → a", "video"),
    ("a → v", "audio"),
    ("j → v", "text"),
    ("v → j", "video"),
    ("j → a", "text"),
    ("a → j", "audio"),
)


def jmt() -> Drawing:
    """The joint block, as `jmt-staged` computes it."""
    d = Drawing(
        "JMT's joint block: six questions",
        "Video and audio have 16 steps of 96 values; a linear layer of both makes a joint stream. "
        "Each stream passes one transformer layer, then the three ask each other in six "
        "cross-attentions. The six answers of a step pass one more layer, an attention reads the "
        "last one, and two heads give valence and arousal of each step.",
    )
    video = d.box(40, 110, 120, 70, "video v", "16 steps × 96", "video")
    audio = d.box(40, 350, 120, 70, "audio a", "16 steps × 96", "audio")
    joint = d.box(40, 230, 120, 70, "joint j", "linear 192 → 96", "text")
    d.arrow(video.bottom, joint.top, kind="video")
    d.arrow(audio.top, joint.bottom, kind="audio")
    layers = []
    for source, kind in ((video, "video"), (joint, "text"), (audio, "audio")):
        layer = d.box(194, source.y, 124, 70, "transformer", "1 layer, 1 head", kind)
        d.arrow(source.right, layer.left, kind=kind)
        layers.append(layer)
    d.label(256, 96, "over the 16 steps", 14, colour=MUTED)
    d.label(444, 96, "asks → is asked", 14, colour=MUTED)
    tops = [110 + number * 54 for number in range(6)]
    for (name, kind), top in zip(PAIRS, tops, strict=True):
        pair = d.box(384, top, 120, 42, name, "", kind)
        asks = layers[{"v": 0, "j": 1, "a": 2}[name[0]]]
        d.line(asks.right, pair.left, kind=kind, width=1.6)
        last = name == "a → j"
        d.arrow(pair.right, (548, pair.left[1]), kind="both" if last else "soft")
    stack = d.box(
        550, 104, 124, 322, "transformer", "1 layer over the\n6 answers of\neach step", "both"
    )
    read = d.box(696, 230, 114, 70, "attention", "the last answer\nasks all six", "both")
    d.arrow(stack.right, read.left, kind="both")
    heads = [
        d.box(834, y, 92, 66, name, "96 → 32 → 1", "both")
        for y, name in ((150, "valence"), (314, "arousal"))
    ]
    d.arrow(read.right, (822, 265), (822, 183), heads[0].left, kind="both")
    d.arrow(read.right, (822, 265), (822, 347), heads[1].left, kind="both")
    d.label(880, 138, "16 values", 14, colour=MUTED)
    d.label(880, 402, "16 values", 14, colour=MUTED)
    d.box(40, 444, 880, 76, kind="soft")
    d.label(
        480,
        470,
        "Tokens have length 1 and carry no positions, as published; no residual or "
        "norm around the six questions.",
        15,
    )
    d.label(
        480,
        500,
        "jmt-staged: 32 faces of 48 × 48 and 250 mel frames in 16 steps, 1,053,602 parameters.",
        15,
        colour=MUTED,
    )
    return d
