"""Diagrams of fusion and of the group model, with the shapes of `group-staged`."""

from diagrams.svg import COLOURS, MUTED, Box, Drawing


def fusion() -> Drawing:
    """Late fusion beside cross-modal attention."""
    d = Drawing(
        "Late fusion, and cross-modal attention",
        "In late fusion each stream gives its own three scores, which are added: nothing can "
        "depend on when picture and sound happen together. In cross-modal attention tokens of each "
        "stream attend to tokens of the other one before there is any score.",
    )
    d.line((480, 76), (480, 446), kind="soft", width=1.5)
    d.label(250, 92, "late: decide, then add", 18, weight=700)
    d.label(710, 92, "cross-modal: meet, then decide", 18, weight=700)
    for y, kind, name in ((116, "video", "frames"), (306, "audio", "log-mel")):
        source = d.box(40, y + 20, 86, 60, name, "", kind)
        tower = d.box(150, y + 20, 92, 60, "tower", "tokens", kind)
        scores = d.box(266, y + 20, 96, 60, "head", "3 scores", kind)
        d.arrow(source.right, tower.left, kind=kind)
        d.arrow(tower.right, scores.left, kind=kind)
        d.arrow(scores.right, (400, y + 50), (400, 232 if y < 200 else 260), kind=kind)
    total = d.plus(400, 246)
    d.arrow(total.right, (446, 246))
    d.label(442, 272, "answer", 15, weight=600)
    d.label(200, 262, "no way across", 15, colour=COLOURS["warn"][0], weight=600)
    _crossing(d)
    coincide = ("that both coincide cannot matter", "what counts may be that both coincide")
    d.box(40, 458, 400, 62, "each says what it believes", coincide[0], "soft")
    d.box(520, 458, 400, 62, "each sees the other first", coincide[1], "both")
    return d


def _crossing(d: Drawing) -> None:
    """The right half of `fusion`: tokens of both streams ask each other."""
    rows = {"video": (520, 138, "video tokens"), "audio": (520, 356, "audio tokens")}
    for kind, (x, y, name) in rows.items():
        d.label(x, y - 10 if kind == "video" else y + 56, name, 15, "start", 600, COLOURS[kind][0])
        for number in range(6):
            d.cell(x + number * 38, y, 32, 32, COLOURS[kind][1], COLOURS[kind][0])
    for number in range(6):
        x = 536 + number * 38
        d.line((x, 172), (x, 354), kind="soft", width=2.5)
        if number % 2 == 0:
            d.line((x, 172), (536 + (5 - number) * 38, 354), kind="soft", dashed=True, width=1)
    d.box(552, 242, 162, 50, "attention", "who asks whom, when", "both")
    head = d.box(800, 238, 92, 58, "head", "3 scores", "both")
    d.arrow((748, 154), (846, 154), head.top, kind="video")
    d.arrow((748, 372), (846, 372), head.bottom, kind="audio")
    d.label(802, 344, "means over\ntime", 14, "end", colour=MUTED)


def attention_block() -> Drawing:
    """The pre-norm block of the group model: video asks audio."""
    d = Drawing(
        "One block of cross-modal attention",
        "Video tokens are normalised and projected to queries, audio tokens to keys and values. "
        "Four heads of 24 values score every pair, softmax over the audio tokens gives weights, "
        "which mix the values; heads are joined by a linear layer and added to the video tokens "
        "(residual). A feed-forward net of 96 to 384 to 96 with its own norm is added as well.",
    )
    x = d.box(40, 120, 118, 62, "video x", "16 × 96", "video")
    context = d.box(40, 330, 118, 62, "audio c", "32 × 96", "audio")
    norms = [
        d.box(182, y, 96, 54, "LayerNorm", "", kind) for y, kind in ((124, "video"), (334, "audio"))
    ]
    d.arrow(x.right, norms[0].left, kind="video")
    d.arrow(context.right, norms[1].left, kind="audio")
    query = d.box(306, 124, 96, 54, "query", "linear", "video")
    key = d.box(306, 292, 96, 54, "key", "linear", "audio")
    value = d.box(306, 378, 96, 54, "value", "linear", "audio")
    d.arrow(norms[0].right, query.left, kind="video")
    d.arrow(norms[1].right, (292, 361), (292, 319), key.left, kind="audio")
    d.arrow(norms[1].right, (292, 361), (292, 405), value.left, kind="audio")
    _heads(d, query, key, value)
    out = d.box(664, 210, 84, 62, "linear", "join heads", "both")
    add = d.plus(776, 241)
    d.arrow((640, 241), out.left, kind="both")
    d.arrow(out.right, add.left, kind="both")
    d.arrow((99, 118), (99, 84), (776, 84), add.top, kind="video")
    d.label(588, 76, "residual: x stays, the answer is added", 15, colour=COLOURS["video"][0])
    norm = d.box(716, 304, 120, 38, "LayerNorm", "", "both")
    wide = d.box(716, 354, 120, 76, "feed-forward", "96 → 384, ReLU\n→ 96", "both")
    second = d.plus(884, 392)
    d.arrow(add.bottom, norm.top, kind="both")
    d.arrow(norm.bottom, wide.top, kind="both")
    d.arrow(wide.right, second.left, kind="both")
    d.arrow(add.right, (884, 241), second.top, kind="both")
    d.label(878, 290, "residual", 14, "end", colour=MUTED)
    d.arrow(second.bottom, (884, 448), kind="both")
    d.label(874, 470, "new x, 16 × 96", 15, weight=600)
    d.box(40, 454, 640, 66, kind="soft")
    d.label(360, 482, "attention(Q, K, V) = softmax( Q Kᵀ / √24 ) V", 19, weight=600)
    d.label(
        360,
        507,
        "softmax over the 32 audio tokens; masked ones get weight 0; dropout 0.1 in training",
        14,
        colour=MUTED,
    )
    return d


def _heads(d: Drawing, query: Box, key: Box, value: Box) -> None:
    """Four heads behind each other, the front one spelled out."""
    for shift in (18, 12, 6):
        d.box(426 + shift, 184 - shift, 190, 132, kind="both")
    d.box(426, 184, 190, 132, kind="both")
    d.label(521, 208, "4 heads of 24 values", 15, weight=600)
    d.label(521, 234, "scores = Q Kᵀ / √24", 15)
    d.label(521, 256, "weights = softmax(scores)", 15)
    d.label(521, 276, "16 × 32 a head", 14, colour=MUTED)
    d.label(521, 300, "answer = weights · V", 15)
    d.arrow(query.right, (470, 151), (470, 164), kind="video")
    d.arrow(key.right, (414, 319), (414, 262), (424, 262), kind="audio")
    d.arrow(value.right, (521, 405), (521, 318), kind="audio")


def group_model() -> Drawing:
    """`group-staged` whole."""
    d = Drawing(
        "The group model",
        "16 frames of 72 by 96 pixels and 250 mel frames of 64 bands go through a small residual "
        "network each: 16 video and 32 audio tokens of 96 values, with time and modality added. "
        "Two blocks in each direction let video ask audio and audio ask video. Means over time "
        "are joined and give three scores. 1,104,067 parameters.",
    )
    for y, kind, rows in (
        (
            110,
            "video",
            (
                "frames",
                "16 × 3 × 72 × 96",
                "ResNet",
                "a map of 128 × 5 × 6\na frame",
                "mean, max",
                "16 × 256",
                "16 × 96",
            ),
        ),
        (
            330,
            "audio",
            (
                "log-mel",
                "250 × 64",
                "ResNet",
                "a map of 128 × 32 × 4",
                "mean, max",
                "32 × 256",
                "32 × 96",
            ),
        ),
    ):
        source = d.box(40, y, 136, 76, rows[0], rows[1], kind)
        net = d.box(200, y, 160, 76, rows[2], rows[3], kind)
        pool = d.box(384, y, 100, 76, rows[4], rows[5], kind)
        tokens = d.box(508, y, 120, 76, "linear", f"tokens {rows[6]}", kind)
        for a, b in ((source, net), (net, pool), (pool, tokens)):
            d.arrow(a.right, b.left, kind=kind)
    d.label(568, 100, "+ time in seconds + modality", 14, colour=MUTED)
    d.label(568, 424, "+ time in seconds + modality", 14, colour=MUTED)
    _two_ways(d)
    d.label(262, 216, "327,632 parameters in the tower", 14, colour=MUTED)
    d.label(262, 436, "327,344 parameters in the tower", 14, colour=MUTED)
    d.box(40, 466, 880, 54, kind="soft")
    d.label(
        480,
        489,
        "group-staged: width 96, 4 heads of 24, 2 blocks each way; "
        "fusion 449,091, together 1,104,067 parameters",
        14,
    )
    d.label(
        480,
        510,
        "paper size: R(2+1)D-18 and CNN14 in place of the small networks, width 256, 110.6 million",
        14,
        colour=MUTED,
    )
    return d


def _two_ways(d: Drawing) -> None:
    """Blocks in both directions, means, head."""
    ask_audio = d.box(668, 110, 128, 76, "2 blocks", "video asks audio", "both")
    ask_video = d.box(668, 330, 128, 76, "2 blocks", "audio asks video", "both")
    d.arrow((628, 148), ask_audio.left, kind="video")
    d.arrow((628, 368), ask_video.left, kind="audio")
    d.arrow((568, 330), (568, 282), (716, 238), (716, 188), kind="audio")
    d.arrow((568, 186), (568, 234), (748, 278), (748, 328), kind="video")
    d.label(400, 250, "keys and values: always the\nother stream's input tokens", 15, colour=MUTED)
    head = d.box(
        812, 208, 112, 100, "head", "mean over time,\njoin: 192, norm,\nlinear: 3 scores", "both"
    )
    d.arrow(ask_audio.right, (868, 148), head.top, kind="both")
    d.arrow(ask_video.right, (868, 368), head.bottom, kind="both")
    d.label(820, 140, "16 × 96", 14, "start", colour=MUTED)
    d.label(820, 390, "32 × 96", 14, "start", colour=MUTED)
