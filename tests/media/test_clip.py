"""clip.py: the right frame and the right sound at the right time, and plain words for bad files."""

import os
import pickle
import subprocess
import sys
import textwrap
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from emo_core.clip import MAX_PIXELS, Clip, ClipError, load_clip, video_size
from emo_core.inference.predict import predict
from emo_core.media import audio_decoder as listening
from emo_core.media import demux as head_module
from emo_core.media import probe
from emo_core.media import video_decoder as player
from emo_core.media.streams import reorder_depth
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, read_code, regular

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
RATE = 16_000  # Hz

needs_recordings = pytest.mark.skipif(not DATA.is_dir(), reason="no recordings beside the checkout")


def codes(pixels: np.ndarray) -> list[int]:
    return [read_code(image) for image in pixels]


@pytest.fixture(scope="module")
def bframes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of H.264 with B-frames and AAC that beeps at 1 s."""
    path = tmp_path_factory.mktemp("clips") / "bframes.mp4"
    return media.write(path, Picture(regular(100), options=media.BFRAMES), Sound(seconds=4))


# Facts


def test_facts_of_an_ordinary_clip(bframes: Path) -> None:
    clip = load_clip(bframes, text="hello")
    assert (clip.size, clip.rotation, clip.text) == ((64, 48), 0, "hello")
    assert clip.fps == pytest.approx(25)
    assert clip.duration_s == pytest.approx(4, abs=0.03)
    assert clip.has_video and clip.has_audio and not clip.variable_rate
    assert (clip.video_codec, clip.audio_codec) == ("h264", "aac")
    assert (clip.channels, clip.sample_rate) == (2, 48_000)
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_importing_is_cheap() -> None:
    script = "import sys, emo_core.clip; sys.exit('av' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


CONTAINERS = {
    "h264.mp4": (Picture(regular(30), options=media.BFRAMES), Sound(seconds=1.2)),
    "hevc10.mov": (Picture(regular(30), "libx265", pix_fmt="yuv420p10le"), Sound(seconds=1.2)),
    "vp9.webm": (Picture(regular(30), "libvpx-vp9"), Sound("libopus", seconds=1.2)),
    "vp8.webm": (
        Picture(regular(12), "libvpx"),
        Sound("libopus", seconds=1.2),
    ),
    "av1.mkv": (Picture(regular(30), "libsvtav1"), Sound("flac", seconds=1.2)),
    "theora-less.mkv": (Picture(regular(30), "ffv1"), Sound("pcm_f32le", seconds=1.2)),
    "prores.mov": (
        Picture(regular(30), "prores_ks", pix_fmt="yuv422p10le"),
        Sound("pcm_s24le", seconds=1.2),
    ),
    "mjpeg.mov": (Picture(regular(30), "mjpeg", pix_fmt="yuvj420p"), Sound("alac", seconds=1.2)),
    "animation.gif": (Picture(regular(30), "gif", pix_fmt="rgb8", tick=Fraction(1, 100)), None),
    "mpeg1.mpg": (
        Picture(regular(30), "mpeg1video", tick=Fraction(1, 25)),
        Sound("mp2", seconds=1.2),
    ),
    "h264.ts": (Picture(regular(30), options=media.BFRAMES), Sound(seconds=1.2)),
    "h264.flv": (Picture(regular(30), options=media.BFRAMES), Sound(rate=44_100, seconds=1.2)),
    "h264.avi": (
        Picture(regular(30), options=media.BFRAMES, tick=Fraction(1, 25)),
        Sound("libmp3lame", seconds=1.2),
    ),
    "mpeg4.avi": (
        Picture(regular(30), "mpeg4", tick=Fraction(1, 25), options={"bf": "2"}),
        Sound("libmp3lame", seconds=1.2),
    ),
    "mpeg2.avi": (
        Picture(regular(30), "mpeg2video", tick=Fraction(1, 25), options={"bf": "2"}),
        Sound("pcm_s16le", seconds=1.2),
    ),
    "mjpeg.avi": (
        Picture(regular(30), "mjpeg", pix_fmt="yuvj420p", tick=Fraction(1, 25)),
        Sound("pcm_s16le", seconds=1.2),
    ),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_of_every_container(name: str, tmp_path: Path) -> None:
    picture, sound = CONTAINERS[name]
    if not media.can_encode(picture.codec):
        pytest.skip(f"no encoder {picture.codec} in this FFmpeg")
    clip = load_clip(media.write(tmp_path / name, picture, sound))
    count = len(picture.times_s)
    first_s = clip.read_frames([0.0]).times_s[0]  # late where the sound's priming comes first
    late_s = 0.08 if name.endswith("avi") else 0.0  # FFmpeg times frames there as they come out
    assert 0 <= first_s < 0.05 + late_s
    read = clip.read_frames([first_s + index / 25 + 0.02 for index in range(count)])
    assert codes(read.pixels) == list(range(count))
    assert read.times_s == pytest.approx(first_s + np.arange(count) / 25, abs=2e-3)
    assert clip.fps == pytest.approx(25, rel=0.01)
    if sound is not None:
        beep_s = media.beep_at(clip.audio(RATE), RATE) - first_s
        assert beep_s == pytest.approx(1, abs=0.04 + late_s)


# Which frame


def test_frame_on_display_is_the_last_one_shown(bframes: Path) -> None:
    clip = load_clip(bframes)
    times = np.random.default_rng(0).uniform(0, 3.99, 200)
    read = clip.read_frames(times)
    assert codes(read.pixels) == [int(time * 25 + 1e-3) for time in times]
    assert (read.times_s <= times + 1e-3).all() and (read.times_s > times - 0.041).all()


def test_times_outside_the_clip_repeated_and_unsorted(bframes: Path) -> None:
    clip = load_clip(bframes)
    read = clip.read_frames([9.0, 1.0, -3.0, 1.0, 0.04, 3.99])
    assert codes(read.pixels) == [99, 25, 0, 25, 1, 99]
    assert read.times_s == pytest.approx([3.96, 1, 0, 1, 0.04, 3.96])
    assert clip.frames([]).shape == (0, 48, 64, 3)
    with pytest.raises(ValueError, match="not a number"):
        clip.frames([float("nan")])


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = list(np.cumsum([0, *([0.04] * 20), *([0.11] * 10), 0.5, 0.04, 0.04]))
    picture = Picture(times, tick=Fraction(1, 1000), options=media.BFRAMES)
    for name in ("vfr.mp4", "vfr.mkv"):
        clip = load_clip(media.write(tmp_path / name, picture))
        wanted = np.random.default_rng(1).uniform(0, times[-1], 80)
        wanted = wanted[np.abs(wanted[:, None] - times).min(1) > 1e-3]  # clocks tick in ms
        shown = np.searchsorted(times, wanted, side="right") - 1
        assert codes(clip.frames(wanted)) == list(shown)
        assert clip.variable_rate
        assert 8 < clip.fps < 26


def test_one_frame_clip(tmp_path: Path) -> None:
    clip = load_clip(media.write(tmp_path / "one.mp4", Picture([0.0])))
    assert codes(clip.frames([0.0, 0.01, 5.0])) == [0, 0, 0]
    assert 0 < clip.duration_s < 1.1


LONG = {
    "long.mp4": media.BFRAMES | {"g": "25", "sc_threshold": "0"},
    "open.mp4": media.BFRAMES | {"g": "40", "x264-params": "open-gop=1:bframes=3:b-pyramid=normal"},
    "refresh.mp4": media.BFRAMES | {"g": "40", "sc_threshold": "0", "intra-refresh": "1"},
    "one_key.mp4": media.BFRAMES | {"g": "9999", "sc_threshold": "0"},
    "long.mkv": media.BFRAMES | {"g": "25", "sc_threshold": "0"},
    "long.ts": media.BFRAMES | {"g": "50", "sc_threshold": "0"},
    "long.flv": media.BFRAMES | {"g": "50", "sc_threshold": "0"},
    "fragments.mp4": media.BFRAMES | {"g": "25", "sc_threshold": "0"},
    "long.avi": media.BFRAMES | {"g": "25", "sc_threshold": "0"},
}


def decoded_in_full(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (from the first picture) and 32x24 pixels of every frame, by a plain PyAV loop."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        times = np.array([float(frame.pts * stream.time_base) for frame in frames])
        if container.format.name == "avi":  # holds no presentation times
            times = np.arange(len(frames)) / 25
    pixels = [
        frame.reformat(32, 24, "rgb24", interpolation="AREA").to_ndarray() for frame in frames
    ]
    return times - times[0], np.stack(pixels)


@pytest.mark.parametrize("name", LONG)
def test_seeking_and_skipping_change_no_pixel(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(
        regular(500),
        options=LONG[name],
        tick=Fraction(1, 25) if name.endswith("avi") else media.TICK,
        draw=lambda at, *size: media.coded_image(at % 256, *size),
    )
    options = {"movflags": "frag_keyframe+empty_moov"} if "frag" in name else {}
    clip = load_clip(media.write(tmp_path / name, picture, options=options))
    times, pixels = decoded_in_full(clip.path)
    decode, sent = player.decode, []
    monkeypatch.setattr(
        player, "decode", lambda stream, packet: sent.append(packet) or decode(stream, packet)
    )
    rng = np.random.default_rng(2)
    sparse, middle, dense = (rng.uniform(-0.1, 20.2, count) for count in (3, 16, 120))
    for wanted in (sparse, middle, dense, np.array([19.99])):
        wanted = wanted[np.abs(wanted[:, None] - times).min(1) > 1e-3]  # some clocks tick in ms
        sent.clear()
        read = clip.read_frames(wanted, size=(32, 24))
        shown = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, None)
        assert np.abs(read.times_s - times[shown]).max() < 2e-3
        assert np.array_equal(read.pixels, pixels[shown])
        assert len(sent) < 560  # never much more than one pass
        if len(wanted) == len(sparse) and name not in ("one_key.mp4", "refresh.mp4"):
            assert len(sent) < 260, "sparse times must be reached by seeking"


@pytest.mark.parametrize("name", ["one_key.mp4", "long.mkv", "long.ts", "long.avi"])
def test_stretches_read_in_turn_are_read_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of a recording with one key frame cost one pass, not one each."""
    picture = Picture(
        regular(500),
        options=LONG[name],
        tick=Fraction(1, 25) if name.endswith("avi") else media.TICK,
        draw=lambda at, *size: media.coded_image(at % 256, *size),
    )
    clip = load_clip(media.write(tmp_path / name, picture))
    decode, sent = player.decode, []
    stretches = [start + np.array([0.3, 0.1, 0.21, 0.9, 0.9]) for start in range(20)]
    each = [clip.read_frames(times, size=(32, 24)) for times in stretches]
    monkeypatch.setattr(
        player, "decode", lambda stream, packet: sent.append(packet) or decode(stream, packet)
    )
    in_turn = list(clip.read_in_turn(stretches, size=(32, 24)))
    assert len(in_turn) == 20 and len(sent) < 560
    for alone, found in zip(each, in_turn, strict=True):
        assert np.array_equal(alone.pixels, found.pixels)
        assert np.array_equal(alone.times_s, found.times_s)
    first = next(clip.read_in_turn(stretches, size=(32, 24)))  # what follows is not waited for
    assert np.array_equal(first.pixels, each[0].pixels)
    with pytest.raises(ValueError, match="give them in turn"):
        next(clip.read_in_turn(stretches[::-1]))


@pytest.mark.parametrize("name", ["joined.ts", "joined.mkv", "joined.ogg"])
def test_files_joined_byte_by_byte_are_told(name: str, tmp_path: Path) -> None:
    """Their clock starts anew in the middle; what follows can't be asked for by time."""
    sound = Sound("libopus" if name.endswith("ogg") else "aac", seconds=6)
    picture = None if name.endswith("ogg") else Picture(regular(150), options=media.BFRAMES)
    path = media.write(tmp_path / name, picture, sound)
    once = load_clip(path)
    path.write_bytes(2 * path.read_bytes())
    twice = load_clip(path)
    assert twice.timestamps_reset and not once.timestamps_reset
    assert twice.duration_s == pytest.approx(once.duration_s, abs=0.05)
    assert any("time stamps jump back" in note for note in predict(path).notes)


def test_skipping_leaves_unreferenced_frames_undecoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(regular(100), options=LONG["one_key.mp4"])
    clip = load_clip(media.write(tmp_path / "skips.mp4", picture))
    decode, out = player.decode, []

    def counted(stream: object, packet: object) -> list:
        frames = decode(stream, packet)
        out.extend(frames)
        return frames

    monkeypatch.setattr(player, "decode", counted)
    assert codes(clip.frames([0.5, 3.98])) == [12, 99]
    assert len(out) < 75  # the encoder leaves about half of the frames unreferenced


@pytest.mark.parametrize("name", ["long.mp4", "open.mp4"])
def test_files_that_do_not_tell_times_ahead(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = load_clip(
        media.write(tmp_path / name, Picture(regular(100), options=LONG[name]), Sound())
    )
    monkeypatch.setattr(
        player, "with_following", lambda packets: ((packet, None) for packet in packets)
    )
    assert codes(clip.frames([3.9, 0.02, 1.7, 9.0])) == [97, 0, 42, 99]


def test_scrambled_times_do_not_stop_the_process(tmp_path: Path) -> None:
    """FFmpeg aborts the interpreter when told of more than 16 reordered frames."""
    tidy = media.write(tmp_path / "tidy.mkv", Picture(regular(100), options=media.X264))
    path = tmp_path / "scrambled.mkv"
    with av.open(str(tidy)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for at, packet in enumerate(packet for packet in source.demux() if packet.size):
            packet.dts = at * 40
            packet.pts = at * 40 + 40 * (39 - at % 40) * 2
            packet.stream = stream
            container.mux(packet)
    clip = load_clip(path)
    assert clip._video.reorder <= 16
    assert clip.frames(np.linspace(0, clip.duration_s, 20)).shape == (20, 48, 64, 3)


def test_reorder_depth() -> None:
    def depth(*shown: int) -> int:
        return reorder_depth([SimpleNamespace(pts=pts) for pts in shown])

    assert depth(0, 1, 2, 3) == 0
    assert depth(0, 3, 1, 2, 6, 4, 5) == 1
    assert depth(0, 8, 4, 2, 1, 3, 6, 5, 7) == 3


def test_hevc_with_temporal_layers_is_decoded_in_full(tmp_path: Path) -> None:
    layered = {"preset": "ultrafast", "x265-params": "log-level=none:temporal-layers=3:bframes=4"}
    plain = load_clip(media.write(tmp_path / "p.mp4", Picture(regular(30), "libx265")))
    clip = load_clip(
        media.write(tmp_path / "l.mp4", Picture(regular(30), "libx265", options=layered))
    )
    assert plain._video.skips and not clip._video.skips
    for each in (plain, clip):
        times, pixels = decoded_in_full(each.path)
        assert np.array_equal(each.read_frames(times[::4], size=(32, 24)).pixels, pixels[::4])


def test_late_landing_is_repaired(bframes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = load_clip(bframes)

    def lands_late(playing: player.SeekingDecoder, target: int) -> object:
        playing.landed, playing.shown = True, None
        raise player.SeekFailed

    monkeypatch.setattr(
        player.SeekingDecoder,
        "_jump",
        lambda playing, _: playing.ticks[0] if playing.seeking else None,
    )
    monkeypatch.setattr(player.SeekingDecoder, "_land", lands_late)
    assert codes(clip.frames([0.2, 2.0, 3.9])) == [5, 50, 97]


def test_threads_share_a_clip(bframes: Path) -> None:
    clip = load_clip(bframes)
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: found.append(codes(clip.frames([0.5, 1.5, 2.5]))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[12, 37, 62]] * 6


# What a frame looks like


@pytest.mark.parametrize("how", [0, 90, 180, 270, "mirror"])
def test_display_matrix(how: int | str, tmp_path: Path) -> None:
    picture = Picture(regular(3), size=(96, 64), draw=media.patches, pix_fmt="yuv444p")
    clip = load_clip(media.turn(media.write(tmp_path / "turned.mp4", picture), how))
    red, green, blue, yellow = media.QUARTERS
    expected = {
        0: (red, green, blue, yellow),
        90: (blue, red, yellow, green),
        180: (yellow, blue, green, red),
        270: (green, yellow, red, blue),
        "mirror": (green, red, yellow, blue),
    }[how]
    size = (64, 96) if how in (90, 270) else (96, 64)
    assert clip.size == size
    assert clip.rotation == (how if isinstance(how, int) else 0)
    for image in (clip.frames([0.0])[0], clip.read_frames([0.0], size=(40, 30)).pixels[0]):
        assert np.abs(media.quarter_colours(image) - expected).max() < 12
    assert clip.frames([0.0]).shape == (1, size[1], size[0], 3)
    assert clip.read_frames([0.0], size=(40, 30)).pixels.shape == (1, 30, 40, 3)


COLOURS = {  # swscale's numbers: 1 is BT.709, 5 BT.601; range 1 is limited, 2 full
    "BT.601 limited": ("libx264", "yuv420p", 5, 1),
    "BT.601 full": ("libx264", "yuvj420p", 5, 2),
    "BT.709 limited": ("libx264", "yuv420p", 1, 1),
    "BT.709 full": ("libx264", "yuvj420p", 1, 2),
    "10 bit BT.709": ("libx265", "yuv420p10le", 1, 1),
    "4:4:4": ("libx264", "yuv444p", 1, 1),
}


def by_the_book(image: np.ndarray, colorspace: int, full: bool) -> np.ndarray:
    """(H, W, 3) RGB → Y'CbCr by the formulas of BT.601 and BT.709, in levels of 8 bits."""
    kr, kb = (0.299, 0.114) if colorspace == 5 else (0.2126, 0.0722)
    red, green, blue = np.moveaxis(image / 255.0, -1, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if full:
        return np.stack([255 * luma, 128 + 255 * cb, 128 + 255 * cr])
    return np.stack([16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr])


@pytest.mark.parametrize("name", COLOURS)
def test_colours_come_back(name: str, tmp_path: Path) -> None:
    codec, pix_fmt, colorspace, color_range = COLOURS[name]
    levels = by_the_book(media.patches(0, 96, 64), colorspace, color_range == 2)
    path = tmp_path / "colours.mp4"
    lossless = {"crf": "4", "preset": "ultrafast", "x265-params": "log-level=none:crf=4"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=lossless)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = color_range
        for _ in range(3):
            frame = av.VideoFrame(96, 64, pix_fmt)
            wide = "10" in pix_fmt
            for plane, values in zip(frame.planes, levels, strict=True):
                step = 96 // plane.width
                small = values[::step, ::step] * (4 if wide else 1)
                rows = np.zeros((plane.height, plane.line_size // (2 if wide else 1)))
                rows[:, : plane.width] = np.round(small)
                plane.update(rows.astype(np.uint16 if wide else np.uint8))
            frame.colorspace, frame.color_range = colorspace, color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = load_clip(path)
    for image in (clip.frames([0.04])[0], clip.read_frames([0.04], size=(48, 32)).pixels[0]):
        assert np.abs(media.quarter_colours(image) - media.QUARTERS).max() < 5


def test_alpha_is_dropped_and_odd_sizes_kept(tmp_path: Path) -> None:
    alpha = Picture(regular(2), "qtrle", size=(61, 35), pix_fmt="argb", draw=media.patches)
    odd = Picture(regular(4), "libx264", size=(61, 35), pix_fmt="yuv444p")
    clip = load_clip(media.write(tmp_path / "alpha.mov", alpha))
    assert np.abs(media.quarter_colours(clip.frames([0.0])[0]) - media.QUARTERS).max() < 3
    assert load_clip(media.write(tmp_path / "odd.mp4", odd)).frames([0.1]).shape == (1, 35, 61, 3)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    def widen(_: object, stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    for name in ("wide.mp4", "wide.mkv"):
        clip = load_clip(media.write(tmp_path / name, Picture(regular(3)), prepare=widen))
        assert clip.size == (85, 48)
        assert clip.frames([0.0]).shape == (1, 48, 85, 3)
        assert codes(clip.frames([0.08])) == [2]


def test_resolution_change_is_resized_to_the_first(tmp_path: Path) -> None:
    small, large = tmp_path / "a.ts", tmp_path / "b.ts"
    media.write(small, Picture(regular(20)))
    media.write(large, Picture([0.8 + at / 25 for at in range(20)], size=(128, 96)))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    clip = load_clip(joined)
    pixels = clip.frames([0.1, clip.duration_s - 0.02])
    assert pixels.shape == (2, 48, 64, 3)
    assert codes(pixels) == [2, 19]


def test_size_argument_averages_areas(tmp_path: Path) -> None:
    def checkered(_: int, width: int, height: int) -> np.ndarray:
        grid = (np.indices((height, width)).sum(0) % 2 * 255).astype(np.uint8)
        return np.repeat(grid[..., None], 3, 2)

    picture = Picture(regular(1), "ffv1", (96, 64), "bgr0", draw=checkered)
    clip = load_clip(media.write(tmp_path / "checks.mkv", picture))
    small = clip.read_frames([0.0], size=(12, 8)).pixels
    assert np.abs(small.astype(float) - 127.5).max() < 8


# Sound


@pytest.mark.parametrize("start_s", [0.0, 0.5])
@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.webm"])
def test_sound_keeps_its_place(name: str, start_s: float, tmp_path: Path) -> None:
    webm = name.endswith("webm")
    picture = Picture(regular(50), "libvpx-vp9" if webm else "libx264")
    sound = Sound("libopus" if webm else "aac", start_s=start_s, seconds=1.0, beeps_s=(0.8,))
    clip = load_clip(media.write(tmp_path / name, picture, sound))
    samples = clip.audio(RATE)
    assert len(samples) == round(clip.duration_s * RATE)
    assert clip.duration_s == pytest.approx(2, abs=0.03)
    assert media.beep_at(samples, RATE) == pytest.approx(0.8, abs=0.004)
    assert not samples[: round((start_s - 0.05) * RATE) if start_s else 0].any()
    assert not samples[round((start_s + 1.1) * RATE) :].any()  # shorter than the picture


def test_sound_longer_than_the_picture(tmp_path: Path) -> None:
    sound = Sound(seconds=3, beeps_s=(2.5,))
    clip = load_clip(media.write(tmp_path / "long.mp4", Picture(regular(25)), sound))
    assert clip.duration_s == pytest.approx(3, abs=0.03)
    assert media.beep_at(clip.audio(RATE), RATE) == pytest.approx(2.5, abs=0.004)
    assert codes(clip.frames([2.9])) == [24]


CODECS = {
    "aac.m4a": Sound("aac", 44_100, seconds=8),
    "mp3.mp3": Sound("libmp3lame", 44_100, seconds=8),
    "opus.webm": Sound("libopus", 48_000, seconds=8),
    "opus.ogg": Sound("libopus", 48_000, "mono", seconds=8),
    "aac.mkv": Sound("aac", 44_100, seconds=8),
    "flac.flac": Sound("flac", 32_000, seconds=8),
    "wav.wav": Sound("pcm_s16le", 11_025, seconds=8),
    "ima.wav": Sound("adpcm_ima_wav", 22_050, seconds=8),  # its header's rate of bytes is none
    "ms.wav": Sound("adpcm_ms", 22_050, "mono", seconds=8),
    "mp2.ts": Sound("mp2", 48_000, seconds=8),
}


@pytest.mark.parametrize("name", CODECS)
def test_a_window_is_a_slice_of_the_whole(name: str, tmp_path: Path) -> None:
    beeps = tuple(np.arange(0.5, 8, 0.7))
    sound = CODECS[name]
    sound = Sound(sound.codec, sound.rate, sound.layout, 0.0, 8.0, beeps)
    clip = load_clip(media.write(tmp_path / name, None, sound))
    assert not clip.has_video and clip.size is None and clip.fps is None
    for rate in (RATE, 22_050):
        whole = clip.audio(rate)
        assert media.beep_at(whole, rate) == pytest.approx(0.5, abs=0.03)
        for start_s, end_s in ((2.123, 3.3), (5.0, 7.5), (7.5, 9.0), (0.1, 0.2)):
            window = clip.audio(rate, start_s, end_s)
            assert len(window) == round((end_s - start_s) * rate)
            part = whole[round(start_s * rate) :][: len(window)]
            assert np.abs(window[: len(part)] - part).max() < 2e-3
            assert not window[len(part) :].any()


def test_a_window_of_a_tone_has_no_edges(tmp_path: Path) -> None:
    sound = Sound("flac", 44_100, seconds=6, tone_hz=440)
    clip = load_clip(media.write(tmp_path / "tone.flac", None, sound))
    whole = clip.audio(RATE)
    for start_s in (0.5, 2.0, 3.217, 4.999):
        window = clip.audio(RATE, start_s, start_s + 0.5)
        part = whole[round(start_s * RATE) :][: len(window)]
        assert np.abs(window - part).max() < 1e-3


def test_sound_windows_of_a_film_seek_by_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(regular(250), options=LONG["one_key.mp4"])
    sound = Sound("pcm_s16le", RATE, "mono", seconds=60, beeps_s=tuple(range(1, 60)))
    clip = load_clip(media.write(tmp_path / "film.mkv", picture, sound))
    whole = clip.audio(RATE)
    decode, read = listening.decode, []
    monkeypatch.setattr(
        listening, "decode", lambda stream, packet: read.append(packet) or decode(stream, packet)
    )
    window = clip.audio(RATE, 49.5, 51.5)
    assert np.array_equal(window, whole[round(49.5 * RATE) : round(51.5 * RATE)])
    assert len(read) < 100  # of about 940: the picture's only key frame is the first


def test_the_default_streams_are_chosen_and_others_ignored(tmp_path: Path) -> None:
    path = tmp_path / "many.mkv"
    with av.open(str(path), "w") as container:
        small = container.add_stream("ffv1", rate=25)
        small.width, small.height, small.pix_fmt = 32, 24, "yuv420p"
        main = container.add_stream("ffv1", rate=25)
        main.width, main.height, main.pix_fmt = 64, 48, "yuv420p"
        main.disposition = av.stream.Disposition.default
        for index in range(5):
            for stream, code in ((small, 200), (main, index)):
                image = media.coded_image(code, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(small.encode(None) + main.encode(None))
    clip = load_clip(path)
    assert clip.size == (64, 48) and codes(clip.frames([0.13])) == [3]


def test_resampled_tone_keeps_level_and_phase(tmp_path: Path) -> None:
    sound = Sound("pcm_s16le", 44_100, seconds=2, tone_hz=440)
    samples = load_clip(media.write(tmp_path / "tone.wav", None, sound)).audio(RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert np.abs(samples - expected)[100:-100].max() < 2e-3


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1", "hexadecagonal"])
def test_downmix_keeps_the_level(layout: str, tmp_path: Path) -> None:
    codec = "flac" if layout != "hexadecagonal" else "aac"
    for name in ("pcm_s16le", codec, "aac"):
        sound = Sound(name, seconds=0.5, layout=layout, tone_hz=300)
        clip = load_clip(media.write(tmp_path / "mix.mka", None, sound, "matroska"))
        peak = np.abs(clip.audio(RATE)[2000:6000]).max()
        assert 0.42 < peak < 0.58, name


def test_broken_samples_are_silenced_and_loud_ones_clipped(tmp_path: Path) -> None:
    samples = np.full(8000, 0.25, np.float32)
    samples[1000], samples[2000], samples[3000:4000] = np.nan, np.inf, 3.0
    path = tmp_path / "loud.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
    heard = load_clip(path).audio(8000)
    assert np.isfinite(heard).all() and heard.max() == 1 and heard.dtype == np.float32
    assert heard[[0, 1000, 2000, 3500]] == pytest.approx([0.25, 0, 0, 1])


def test_a_hole_in_the_sound_is_silence(tmp_path: Path) -> None:
    whole = media.write(tmp_path / "w.mkv", None, Sound("flac", seconds=4, tone_hz=500))
    holed = tmp_path / "h.mkv"
    with av.open(str(whole)) as source, av.open(str(holed), "w") as container:
        stream = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size and not 1 <= float(packet.pts * packet.time_base) < 2:
                packet.stream = stream
                container.mux(packet)
    samples = load_clip(holed).audio(RATE)
    assert not samples[round(1.15 * RATE) : round(1.95 * RATE)].any()
    expected = 0.5 * np.sin(2 * np.pi * 500 * np.arange(4 * RATE) / RATE)
    for part in (slice(1000, 15_000), slice(36_000, 60_000)):
        assert np.abs(samples[part] - expected[part]).max() < 0.01


def test_silent_video(tmp_path: Path) -> None:
    clip = load_clip(media.write(tmp_path / "silent.mp4", Picture(regular(25))))
    assert not clip.has_audio and clip.channels is None
    assert clip.audio(RATE).shape == (RATE,) and not clip.audio(RATE).any()
    assert clip.audio(RATE, -0.5, 0.25).shape == (12_000,)
    with pytest.raises(ValueError, match="start <= end"):
        clip.audio(RATE, 2, 1)


def test_sound_alone_has_no_frames(tmp_path: Path) -> None:
    clip = load_clip(media.write(tmp_path / "talk.wav", None, Sound("pcm_s16le")))
    with pytest.raises(ClipError, match=r"talk\.wav: no picture"):
        clip.frames([0.0])
    with pytest.raises(ClipError, match="holds sound alone; expected a picture; give a video"):
        video_size(clip)


def test_cover_art_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        cover = container.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(media.coded_image(3, 64, 48), format="rgb24")
        container.mux(cover.encode(image.reformat(format="yuvj420p")) + cover.encode(None))
        container.mux(media._audio_packets(sound, Sound("libmp3lame", 44_100)))
    clip = load_clip(path)
    assert clip.has_audio and not clip.has_video


# Lengths nobody can trust


def test_recorder_file_without_duration(tmp_path: Path) -> None:
    picture, sound = Picture(regular(30), "libvpx-vp9"), Sound("libopus", seconds=1.2)
    clip = load_clip(media.write_live(tmp_path / "rec.webm", "webm", picture, sound))
    with av.open(str(clip.path)) as container:
        assert container.duration is None
    assert clip.duration_s == pytest.approx(1.2, abs=0.03)
    assert clip.fps == pytest.approx(25, rel=0.02)
    assert codes(clip.frames([0.5, 1.19])) == [12, 29]


@pytest.mark.parametrize("declared_s", [1e7, 30.0])
def test_declared_duration_is_checked(declared_s: float, tmp_path: Path) -> None:
    path = media.write(tmp_path / "lie.mkv", Picture(regular(50)))
    truth = np.array(2000, ">f8").tobytes()  # milliseconds
    lie = np.array(declared_s * 1000, ">f8").tobytes()
    media.patched(path, b"\x44\x89\x88" + truth, b"\x44\x89\x88" + lie)
    assert load_clip(path).duration_s == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", ["big.mkv", "big.ts", "big.flv", "big.avi"])
def test_the_end_of_a_large_file_is_found_from_its_tail(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(
        regular(1000),
        options=LONG["long.mkv"],
        tick=Fraction(1, 25) if name.endswith("avi") else media.TICK,
        draw=lambda at, *size: media.coded_image(1, *size),
    )
    path = media.write(tmp_path / name, picture)
    packets, read = probe.read_packets, []
    for module in (head_module, probe):
        monkeypatch.setattr(
            module,
            "read_packets",
            lambda *args: (read.append(packet) or packet for packet in packets(*args)),
        )
    monkeypatch.setattr(probe, "SCAN_BYTES", 0)
    clip = load_clip(path)
    assert clip.duration_s == pytest.approx(40, abs=0.02)
    assert clip.fps == pytest.approx(25, rel=1e-3) and not clip.variable_rate
    assert len(read) < 300


def test_cut_files_play_what_is_there(tmp_path: Path) -> None:
    picture = Picture(
        regular(100), options=media.X264 | {"g": "10", "crf": "1"}, tick=Fraction(1, 25)
    )
    for name, options in {
        "cut.mkv": {},
        "cut.avi": {},
        "cut.ts": {},
        "fragments.mp4": {"movflags": "frag_keyframe+empty_moov"},
        "front.mp4": {"movflags": "faststart"},
    }.items():
        sound = Sound("libmp3lame" if name.endswith("avi") else "aac", seconds=4)
        path = media.write(tmp_path / name, picture, sound, options=options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        clip = load_clip(path)
        assert 1 < clip.duration_s < 3.4, name
        assert codes(clip.frames([0.5]))[0] == pytest.approx(12, abs=2)
        assert len(clip.audio(RATE)) == round(clip.duration_s * RATE)


def test_damage_in_the_middle_is_stepped_over(tmp_path: Path) -> None:
    for name in ("hurt.mp4", "hurt.mkv", "hurt.ts", "hurt.avi"):
        picture = Picture(
            regular(100), options=media.X264 | {"g": "10", "crf": "1"}, tick=Fraction(1, 25)
        )
        sound = Sound("libmp3lame" if name.endswith("avi") else "aac", seconds=4)
        path = media.write(tmp_path / name, picture, sound)
        data = bytearray(path.read_bytes())
        middle = len(data) // 3
        noise = np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8).tobytes()
        data[middle : middle + 3000] = noise
        path.write_bytes(data)
        clip = load_clip(path)
        first, last = codes(clip.frames([0.2, clip.duration_s - 0.1]))
        lost = 4 if name.endswith("avi") else 0  # AVI counts its frames, those before the damage
        assert first == pytest.approx(5, abs=2) and last > 94 - lost


def peak_mib(body: str, path: Path) -> float:
    """Peak memory of an own process that runs `body` on sys.argv[1].

    VmHWM, since ru_maxrss of a child starts at what its parent used.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    script = "import sys\nfrom emo_core.clip import ClipError, load_clip\n" + textwrap.dedent(body)
    script += "\nprint(next(it for it in open('/proc/self/status') if 'VmHWM' in it).split()[1])"
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout) / 1024


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """A 10-minute 1080p clip costs no more than a 5-second one."""
    body = """
        import numpy as np
        clip = load_clip(sys.argv[1])
        times = np.linspace(0, clip.duration_s, 16)
        clip.read_frames(times, size=(112, 112))
        clip.audio(16_000, clip.duration_s - 5, clip.duration_s)
    """
    peaks = []
    for seconds in (5, 600):
        path = tmp_path / f"{seconds}.mkv"
        _long_still(path, seconds)
        peaks.append(peak_mib(body, path))
    assert peaks[1] < 1.2 * peaks[0], f"MiB: {peaks}"


def _long_still(path: Path, seconds: int) -> None:
    """A 1080p still picture: 2 s are encoded, their packets repeated for as long as wanted."""
    two = path.with_suffix(".2s.mkv")
    if not two.exists():
        picture = Picture(regular(50), size=(1920, 1080), options=media.X264 | {"bf": "0"})
        media.write(two, picture, Sound("pcm_s16le", 16_000, "mono"))
    with av.open(str(two)) as source, av.open(str(path), "w") as container:
        streams = {it.index: container.add_stream_from_template(it) for it in source.streams}
        packets = [packet for packet in source.demux() if packet.size]
        for turn in range(max(1, seconds // 2)):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                shift = round(2 * turn / packet.time_base)
                copy.time_base = packet.time_base
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.is_keyframe = packet.is_keyframe
                copy.stream = streams[packet.stream_index]
                container.mux(copy)


# Files that are refused


def sentence(path: Path | str) -> str:
    """The error's one sentence, checked for form."""
    with pytest.raises(ClipError) as caught:
        load_clip(path).frames([0.0])
    words = str(caught.value)
    assert "\n" not in words and words.endswith(".") and "Traceback" not in words
    assert words.count(";") == 2, "found; expected; do"
    assert words.startswith(Path(str(path)).name + ": ")
    assert str(Path(str(path)).parent) + os.sep not in words
    return words


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(300)
BAD_BYTES = {
    "empty": (b"", "empty"),
    "jpeg": (JPEG, "JPEG picture"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(300), "PNG picture"),
    "webp": (b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(300), "WebP picture"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(300), "HEIC"),
    "pdf": (b"%PDF-1.7\n" + bytes(300), "PDF"),
    "text": (b"Dear diary, today I filmed nothing at all.\n" * 40, "text file"),
    "zip": (b"PK\x03\x04" + bytes(300), "ZIP"),
    "m3u8": (b"#EXTM3U\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n", "playlist"),
    "ffconcat": (b"ffconcat version 1.0\nfile secret.mp4\n", "playlist"),
    "sdp": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n", "session"),
    "dash": (b'<?xml version="1.0"?>\n<MPD><Period/></MPD>\n', "text file"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG picture"),
    "random": (np.random.default_rng(0).bytes(50_000), "no video or sound format"),
    "no_moov": (
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x01\x00\x00mdat",
        "moov",
    ),
}


@pytest.mark.parametrize("suffix", [".mp4", ".txt", ".m3u8"])
@pytest.mark.parametrize("kind", BAD_BYTES)
def test_files_that_are_no_clips(kind: str, suffix: str, tmp_path: Path) -> None:
    content, said = BAD_BYTES[kind]
    (tmp_path / "secret.mp4").write_bytes(b"never to be opened")
    path = tmp_path / f"{kind}{suffix}"
    path.write_bytes(content)
    assert said in sentence(path)


def test_a_playlist_never_opens_its_target(tmp_path: Path) -> None:
    media.write(tmp_path / "target.ts", Picture(regular(10)))
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:0.4,\ntarget.ts\n#EXT-X-ENDLIST\n",
        " \n#EXTM3U\n#EXTINF:0.4,\ntarget.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile target.ts\n",
        "# a remark\nfile target.ts\n",
    ):
        for name in ("list.mp4", "list.m3u8", "list.ffconcat"):
            path = tmp_path / name
            path.write_text(text)
            sentence(path)


def test_odd_file_names(bframes: Path, tmp_path: Path) -> None:
    for name in ("a b:c%03d?.mp4", "ünï\u2026.mp4", "-i.mp4", "x'y\"z.mp4"):
        path = tmp_path / name
        path.write_bytes(bframes.read_bytes())
        assert load_clip(str(path)).has_video
    path = tmp_path / "two\nlines.mp4"
    path.write_bytes(b"")
    with pytest.raises(ClipError, match=r"^two\?lines\.mp4: the file is empty"):
        load_clip(path)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    assert "folder" in sentence(tmp_path)
    assert "cannot be found" in sentence(tmp_path / "missing.mp4")
    assert "cannot be found" in sentence(tmp_path / "image%03d.jpg")
    assert "web address" in sentence("https://example.org/clip.mp4")
    assert "device" in sentence("/dev/zero") if os.path.exists("/dev/zero") else True
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        assert "pipe" in sentence(tmp_path / "pipe.mp4")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_unreadable_file(bframes: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    path.write_bytes(bframes.read_bytes())
    path.chmod(0)
    assert "permission" in sentence(path)


def test_cut_off_mp4(bframes: Path, tmp_path: Path) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_bytes(bframes.read_bytes()[:4000])
    assert sentence(path).startswith("holiday.mp4: no moov header, so the file is cut off;")


def test_a_header_that_lies_about_the_frame_size_costs_nothing(tmp_path: Path) -> None:
    path = media.write(tmp_path / "lie.mp4", Picture(regular(3)))
    data = bytearray(path.read_bytes())
    at = data.index(b"avc1", data.index(b"stsd")) + 28  # width and height of the sample entry
    data[at : at + 4] = (16_384).to_bytes(2, "big") * 2
    path.write_bytes(data)
    assert np.prod(load_clip(path).size) < 10_000  # the pictures' own size counts


def test_huge_frames_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 12_000, 12_000, "monob"
        container.mux(stream.encode(av.VideoFrame(12_000, 12_000, "monob")) + stream.encode(None))
    assert "frames of a huge size; expected at most 67,108,864" in sentence(path)


def test_huge_frames_behind_a_small_header_are_never_allocated(tmp_path: Path) -> None:
    path = media.write(tmp_path / "vp8.mkv", Picture(regular(2), "libvpx"))
    small = b"\x9d\x01\x2a\x40\x00\x30\x00"  # start code, 64, 48
    media.patched(path, small, b"\x9d\x01\x2a\xff\x3f\xff\x3f", -1)
    assert "frames of a huge size" in sentence(path)
    body = """
        try:
            load_clip(sys.argv[1])
        except ClipError:
            pass
    """
    assert peak_mib(body, path) < 150


@pytest.mark.skipif(not media.can_encode("libsvtav1"), reason="no AV1 encoder in this FFmpeg")
def test_a_real_still_in_an_mp4_like_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "holiday.mp4"
    media.write(path, Picture([0.0], "libsvtav1"), container_format="avif")
    assert "HEIC or AVIF picture" in sentence(path)


def test_encrypted_media_is_named(tmp_path: Path) -> None:
    key = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00112233445566778899aabbccddeeff",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    path = media.write(tmp_path / "film.mp4", Picture(regular(10)), Sound(), options=key)
    assert "encrypted" in sentence(path)


def test_a_track_that_does_not_decode_is_named(bframes: Path, tmp_path: Path) -> None:
    path = tmp_path / "dead.mkv"
    media.write(path, Picture(regular(10), "ffv1"), Sound("flac", seconds=0.4))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                at = data.index(bytes(packet))
                data[at : at + packet.size] = bytes([255]) * packet.size
    path.write_bytes(data)
    assert "picture track (ffv1) does not decode" in sentence(path)


def test_8k_is_allowed() -> None:
    assert 7680 * 4320 < MAX_PIXELS < 16_384 * 16_384


# Real recordings


@needs_recordings
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "size", "duration_s", "codec", "varies"),
    [
        ("pyfeat_face_noface.mov", (960, 540), 6.42, "hevc", True),
        ("facenet_street_crowd.mp4", (1920, 1080), 4.21, "h264", False),
        ("cremad/1001_DFA_HAP_XX.flv", (480, 360), 1.91, "vp6f", False),
        ("grid/bbaf2n.mpg", (360, 288), 3.0, "mpeg1video", False),
    ],
)
def test_recordings_match_a_full_decode(
    name: str, size: tuple[int, int], duration_s: float, codec: str, varies: bool
) -> None:
    clip = load_clip(DATA / "clips" / name)
    assert (clip.size, clip.video_codec, clip.variable_rate) == (size, codec, varies)
    assert clip.duration_s == pytest.approx(duration_s, abs=0.05)
    times, pixels = decoded_in_full(clip.path)
    first_s = clip.read_frames([0.0]).times_s[0]
    wanted = np.random.default_rng(3).uniform(0, times[-1], 24)
    wanted = wanted[np.abs(wanted[:, None] - times).min(1) > 1e-3]
    shown = np.searchsorted(times, wanted, side="right") - 1
    read = clip.read_frames(first_s + wanted, size=(32, 24))
    assert np.abs(read.times_s - first_s - times[shown]).max() < 1e-3
    assert np.array_equal(read.pixels, pixels[shown])
    assert np.abs(clip.audio(RATE)).max() > 0.01


@needs_recordings
@pytest.mark.real_data
def test_every_recording_opens() -> None:
    paths = [path for path in sorted((DATA / "clips").rglob("*.*")) if path.suffix != ".csv"]
    sounds = sorted((DATA / "sounds").rglob("*.*"))
    media_files = {".mp4", ".mov", ".mpg", ".flv", ".wav", ".flac", ".ogg", ".mp3", ".m4a"}
    for path in [*paths, *sounds[:40]]:
        if path.suffix in media_files:
            clip = load_clip(path)
            assert 0.1 < clip.duration_s < 400, path.name
            assert isinstance(clip, Clip)
