"""Clips and predictions of which everything is known."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from emo_core.inference.prediction import Media, Prediction, Span
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.log_mel import log_mel as mel_of
from emo_core.preprocess.sample import Sample

LABELS = ("positive", "neutral", "negative")
RATE = 16_000  # Hz
TWO = [(0.0, 5.0, (0.7, 0.2, 0.1)), (5.0, 9.0, (0.1, 0.3, 0.6))]


def write_clip(path: Path, seconds: float, picture: bool = True, sound: bool = True) -> Path:
    """A clip whose frames are as grey as 4 times their number, with a tone of 1 kHz."""
    with av.open(str(path), "w") as container:
        if picture:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if sound:
            voice = container.add_stream("pcm_s16le" if path.suffix == ".wav" else "aac", rate=RATE)
            voice.layout = "mono"
        for number in range(max(1, round(seconds * 10)) if picture else 0):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number % 256, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        if picture:
            container.mux(stream.encode(None))
        if sound:
            wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)
            heard = av.AudioFrame.from_ndarray(
                (wave * 32767).astype(np.int16)[None], "s16", layout="mono"
            )
            heard.rate, heard.pts, heard.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(voice.encode(heard))
            container.mux(voice.encode(None))
    return path


def write_people_clip(
    path: Path, seconds: float, portrait: bool = False, sound: bool = True
) -> Path:
    """A clip of drawn people, whose faces a detector finds, with a tone of 1 kHz.

    portrait: grey above and below, 320 × 568.
    """
    from emo_core.synthetic.corpus_io import write_clip as write
    from emo_core.synthetic.drawn.render import draw_frames
    from emo_core.synthetic.drawn.scene import make_drawn_scene

    scene = next(
        found
        for found in (make_drawn_scene(3, "train", n) for n in range(60))
        if sum(p.facing == "front" and p.look.skin < 4 for p in found.people) >= 2
    )
    frames = draw_frames(scene, np.arange(0, min(seconds, 5.0), 0.1))
    if portrait:
        high, wide = 568 - frames.shape[1], 320 - frames.shape[2]
        margins = [(0, 0), (high // 2, high - high // 2), (wide // 2, wide - wide // 2), (0, 0)]
        frames = np.pad(frames, margins, constant_values=90)
    frames = np.tile(frames, (-(-round(seconds * 10) // len(frames)), 1, 1, 1))
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)
    write(path, frames[: round(seconds * 10)], 10, wave.astype(np.float32), RATE)
    return path if sound else _without_sound(path)


def begun_late(source: Path, path: Path, late_s: int) -> Path:
    """A copy whose first packet is due at late_s on the file's own clock."""
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        copies = {it.index: out.add_stream_from_template(it) for it in given.streams}
        for packet in given.demux():
            if packet.pts is not None and packet.dts is not None:
                ticks = round(late_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return path


def _without_sound(path: Path) -> Path:
    heard = path.rename(path.with_stem(f"{path.stem}-heard"))
    with av.open(str(heard)) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return path


def made_prediction(spans: list[tuple[float, float, tuple]], abstains: bool = False) -> Prediction:
    """A prediction of which everything is known: each window holds a tone of 1 kHz."""
    config = MelConfig()
    wave = torch.sin(2 * torch.pi * 1000 * torch.arange(5 * RATE) / RATE)
    mel = mel_of(wave[None], config)[0]
    mel_times_s = torch.arange(len(mel)) * config.hop / config.rate
    grid = torch.arange(16) * 5 / 16
    samples = tuple(
        Sample(
            torch.full((16, 3, 8, 12), number, dtype=torch.uint8),
            grid < end - start,
            grid,
            mel,
            mel_times_s < end - start,
            mel_times_s,
            torch.zeros(16, 0, 3, 48, 48),
            torch.zeros(16, 0, dtype=torch.bool),
            torch.zeros(0, dtype=torch.int64),
            torch.zeros(0, dtype=torch.bool),
            start,
        )
        for number, (start, end, _) in enumerate(spans)
    )
    values = [dict(zip(LABELS, values, strict=True)) for _, _, values in spans]
    mean = {label: float(np.mean([value[label] for value in values])) for label in LABELS}
    times = [s.start_s + float(t) for s in samples for t in s.video_times_s[s.video_mask]]
    media = Media(spans[-1][1], 25.0, 320, 240, True, True, False, 1, RATE, 0, "h264", "aac")
    return Prediction(
        "made.mp4",
        "none",
        LABELS,
        mean,
        max(mean, key=mean.__getitem__),
        abstains,
        tuple(Span(*span[:2], value) for span, value in zip(spans, values, strict=True)),
        {"video": 0.0, "audio": 0.0},
        tuple(times),
        media,
        (),
        {"decode": 0.0, "model": 0.0},
        samples,
    )
