"""Diagrams of what a model is given: two clocks on one axis, and log-mel."""

import math

from diagrams.svg import COLOURS, MUTED, STRONG, Drawing, Point

SECONDS, LEFT, PER_S = 5, 250.0, 134.0  # the window; where it starts on the page; units a second


def two_clocks() -> Drawing:
    """Frames and samples on one time axis, as the sample of `group-staged` takes them."""
    d = Drawing(
        "Two clocks, one time axis",
        "A file has 25 pictures and 16,000 sound samples a second. The model reads 16 frames and "
        "250 mel frames of a window of 5 seconds; both carry times in seconds, so tokens of the "
        "same moment have the same time encoding.",
    )
    d.label(
        40,
        78,
        "A window of 5 s: what the file holds, and what the model reads",
        colour=MUTED,
        anchor="start",
    )
    for second in range(SECONDS + 1):
        x = LEFT + second * PER_S
        d.line((x, 118), (x, 384), kind="soft", dashed=True, width=1)
        d.label(x, 110, f"{second} s", 14, colour=MUTED)
    _row_names(d)
    for number in range(125):
        d.cell(LEFT + number / 25 * PER_S, 128, 3.4, 32, STRONG["video"])
    for number in range(16):  # centres of 16 equal parts
        middle = LEFT + (number + 0.5) * SECONDS / 16 * PER_S
        d.cell(middle - 13, 186, 26, 32, COLOURS["video"][1], COLOURS["video"][0])
    d.line(*_wave(LEFT, 258, SECONDS * PER_S, 15), kind="audio", width=1.2)
    for number in range(250):
        d.cell(LEFT + number / 50 * PER_S, 298, 1.7, 32, STRONG["audio"])
    for number in range(32):
        x = LEFT + number * SECONDS / 32 * PER_S
        d.cell(x + 1, 352, SECONDS / 32 * PER_S - 2, 28, COLOURS["audio"][1], COLOURS["audio"][0])
    _one_picture(d)
    return d


def _row_names(d: Drawing) -> None:
    rows = (
        (142, "pictures in the file", "25 a second: 125", "video"),
        (200, "frames that are read", "16 moments, 0.3125 s apart", "video"),
        (254, "sound in the file", "16,000 a second: 80,000", "audio"),
        (312, "mel frames", "one every 20 ms: 250", "audio"),
        (364, "audio tokens", "one for 8 mel frames: 32", "audio"),
    )
    for y, name, note, kind in rows:
        d.label(LEFT - 14, y, name, 16, "end", 600, COLOURS[kind][0])
        d.label(LEFT - 14, y + 18, note, 14, "end", colour=MUTED)


def _wave(left: float, middle: float, width: float, tall: float) -> list[Point]:
    """A curve that swells and fades twice."""
    points = []
    for step in range(0, 301):
        share = step / 300
        loud = 0.15 + 0.85 * math.sin(math.pi * share * 2) ** 2
        points.append(
            (round(left + share * width, 1), round(middle + tall * loud * math.sin(share * 190), 1))
        )
    return points


def _one_picture(d: Drawing) -> None:
    """The lower part: how long one picture lasts on the other clock."""
    d.box(40, 408, 880, 110, kind="soft")
    d.label(60, 436, "One picture on the sound's clock", weight=600, anchor="start")
    d.box(60, 450, 200, 52, "1 picture", "1/25 s = 40 ms", "video")
    d.label(281, 482, "=", 22)
    d.box(302, 450, 240, 52, "640 samples", "16,000 / 25", "audio")
    d.label(563, 482, "=", 22)
    d.box(584, 450, 200, 52, "2 mel frames", "640 / hop of 320", "audio")
    d.label(852, 472, "Only seconds\ncompare both.", 15, weight=600)


def log_mel() -> Drawing:
    """From samples to 250 × 64 numbers, with the settings of the pocket models."""
    d = Drawing(
        "From sound to log-mel",
        "Five steps: 80,000 samples are cut into windows of 512 samples every 320; a Hann window "
        "and a Fourier transform give the power of 257 frequencies; 64 triangular mel filters from "
        "50 to 7,600 Hz sum them; the logarithm of at least 0.00001 gives 250 by 64 numbers.",
    )
    names = (
        ("1 samples", "80,000 in 5 s\n16,000 a second"),
        ("2 windows", "512 samples (32 ms)\nevery 320 (20 ms)"),
        ("3 spectrum", "Fourier transform:\n257 frequencies"),
        ("4 mel filters", "64 bands\n50 to 7,600 Hz"),
        ("5 logarithm", "of at least 10⁻⁵:\n250 × 64 numbers"),
    )
    d.label(
        40,
        78,
        "Only sizes change from model to model; these are the pocket models'.",
        colour=MUTED,
        anchor="start",
    )
    for number, (name, note) in enumerate(names):
        x = 40 + number * 180
        d.box(x, 96, 160, 220, kind="audio")
        d.label(x + 80, 346, name, 18, weight=700)
        d.label(x + 80, 370, note, 15, colour=MUTED)
        if number:
            d.arrow((x - 19, 206), (x - 1, 206), kind="audio")
    d.line(*_wave(50, 206, 140, 62), kind="audio", width=1.4)
    _windows(d, 220)
    for number in range(32):  # a fundamental and its overtones, falling
        tall = 150 * (0.9 if number % 5 == 2 else 0.22) * math.exp(-number / 16)
        d.cell(408 + number * 4.5, 300 - tall, 3, tall, STRONG["audio"])
    _triangles(d, 580)
    _heat(d, 772)
    d.box(40, 424, 880, 92, kind="soft")
    d.label(480, 462, "log-mel(t, m) = ln max( Σₖ |X(t, k)|² · W(k, m) , 10⁻⁵ )", 22, weight=600)
    d.label(
        480,
        498,
        "t: mel frame, at t · 320 / 16,000 seconds;  k: frequency;  m: band, "
        "wider the higher it is",
        15,
        colour=MUTED,
    )
    return d


def _windows(d: Drawing, x: float) -> None:
    """Three Hann windows that overlap."""
    for number in range(3):
        left = x + 12 + number * 35
        curve = [
            (left + s * 64, 150 + number * 50 - 34 * math.sin(math.pi * s) ** 2)
            for s in (i / 24 for i in range(25))
        ]
        d.line(*[(round(a, 1), round(b, 1)) for a, b in curve], kind="audio", width=2)
        d.line((left, 152 + number * 50), (left + 64, 152 + number * 50), kind="soft", width=1.5)
    d.label(x + 80, 286, "each one fades in\nand out (Hann)", 14, colour=MUTED)


def _triangles(d: Drawing, x: float) -> None:
    """Filters that widen with frequency, of equal area."""
    edges = [x + 10 + 140 * (1.22**i - 1) / (1.22**11 - 1) for i in range(12)]
    for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False):
        tall = min(120.0, 1150 / (high - low))
        d.shape(
            [(round(low, 1), 290), (round(mid, 1), round(290 - tall, 1)), (round(high, 1), 290)],
            STRONG["audio"],
            0.45,
        )
    d.label(x + 80, 122, "of equal area (Slaney)", 14, colour=MUTED)


def _heat(d: Drawing, x: float) -> None:
    """A small picture of a log-mel: time to the right, bands upwards."""
    for column in range(18):
        for row in range(20):
            loud = (math.sin(column / 2.6) ** 2) * (1 if row % 5 == 1 else 0.4)
            loud *= math.exp(-row / 14)
            shade = round(255 - 165 * loud)
            fill = f"#{255:02x}{round(shade * 0.55 + 108):02x}{max(shade - 60, 0):02x}"
            d.cell(x + 7 + column * 7.3, 276 - row * 8, 7.5, 8.2, fill)
    d.label(x + 68, 308, "time →", 14, colour=MUTED)
