"""Files as cameras, recorders and converters really write them: times, side data, broken tracks."""

import json
import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emo_core.clip import Clip, ClipError, load_clip
from emo_core.media import streams
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, regular

RATE = 16_000  # Hz
AVI_TICK = Fraction(1, 25)
BFRAMES = Picture(regular(100), options=media.BFRAMES | {"g": "40"}, tick=AVI_TICK)
PYRAMID = Picture(
    regular(100),
    options=media.BFRAMES | {"bf": "5", "g": "40", "sc_threshold": "0", "b-pyramid": "normal"},
    tick=AVI_TICK,
)
XVID = Picture(regular(100), "mpeg4", options={"bf": "2", "g": "40"}, tick=AVI_TICK)


def codes(pixels: np.ndarray) -> list[int]:
    return [media.read_code(image) for image in pixels]


# Side data


@pytest.mark.parametrize("name", ["exif.avi", "exif.mov"])
@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_exif_in_every_picture(name: str, orientation: int, rotation: int, tmp_path: Path) -> None:
    picture = Picture(regular(10), "mjpeg", pix_fmt="yuvj420p", tick=AVI_TICK)
    plain = media.write(tmp_path / "plain.avi", picture)
    clip = load_clip(media.with_exif(plain, tmp_path / name, orientation))
    assert clip.rotation == rotation
    assert clip.size == ((64, 48) if rotation in (0, 180) else (48, 64))
    images = np.rot90(clip.frames([0.02, 0.3]), rotation // 90, axes=(1, 2))
    assert codes(images) == [0, 7]


def test_side_data_of_unknown_kinds_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind but the display matrix, whatever number it has."""

    class Frame:
        def __init__(self, kinds: dict[str, bytes]) -> None:
            self.kinds = kinds

        @property
        def side_data(self) -> dict[str, bytes]:
            if "unknown" in self.kinds:
                raise ValueError("47 is not a valid Type")
            return self.kinds

    matrix = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30], np.int32).tobytes()
    monkeypatch.setattr(
        streams, "_without_unknown_side_data", lambda it: Frame({"DISPLAYMATRIX": matrix})
    )
    assert streams._display_matrix(Frame({"unknown": b""})) == (0, 1, -1, 0)
    assert streams._display_matrix(Frame({})) == streams.UPRIGHT


# Containers without presentation times


def check_every_frame(clip: Clip, count: int, slack: int = 0) -> np.ndarray:
    """Every frame is shown once, in order, and a twenty-fifth of a second long; returns its times.

    slack: frames at the beginning that need not, since FFmpeg's count has not decided yet.
    """
    grid = np.arange(0, clip.duration_s, 0.005)
    read = clip.read_frames(grid)
    shown = codes(read.pixels)
    starts = {code: read.times_s[at] for at, code in reversed(list(enumerate(shown)))}
    assert sorted(set(shown)) == shown[:1] + sorted(set(shown))[1:] and np.all(np.diff(shown) >= 0)
    assert set(shown) >= set(range(slack, count)), "frames are missing"
    times = np.array([starts[code] for code in range(slack, count)])
    assert np.abs(np.diff(times) - 0.04).max() < 2e-3
    for some in (np.array([3.3]), np.array([0.5, 3.7]), np.array([2.9, 2.95])):  # with seeks
        wanted = [
            int(np.searchsorted(times, time + 1e-3, side="right")) - 1 + slack for time in some
        ]
        assert codes(clip.frames(some)) == wanted
    return times


def told_by_ffprobe(path: Path) -> np.ndarray:
    """FFmpeg's own times of the pictures, seconds; NaN where it has none."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json", "-show_entries"]
    command += ["frame=best_effort_timestamp_time", str(path)]
    out = subprocess.run(command, capture_output=True, check=True).stdout
    told = [it.get("best_effort_timestamp_time", "nan") for it in json.loads(out)["frames"]]
    return np.array([float(time) for time in told])


def check_against_ffprobe(clip: Clip, times: np.ndarray, slack: int = 0) -> None:
    if shutil.which("ffprobe"):
        told = told_by_ffprobe(clip.path)[slack:-2] - float(clip._origin_s)  # the last have none
        assert np.abs(times[: len(told)] - told).max() < 2e-3


@pytest.mark.parametrize("sound", [None, Sound("libmp3lame", seconds=4)])
@pytest.mark.parametrize("picture", [BFRAMES, XVID], ids=["h264", "mpeg4"])
def test_avi_shows_frames_as_they_come(
    picture: Picture, sound: Sound | None, tmp_path: Path
) -> None:
    clip = load_clip(media.write(tmp_path / "bframes.avi", picture, sound))
    check_against_ffprobe(clip, check_every_frame(clip, 100))


@pytest.mark.parametrize("name", ["copied.mp4", "copied.mov", "copied.nut", "copied.flv"])
@pytest.mark.parametrize("picture", [BFRAMES, PYRAMID], ids=["h264", "pyramid"])
def test_what_was_copied_out_of_an_avi(name: str, picture: Picture, tmp_path: Path) -> None:
    sound = Sound("libmp3lame", 44_100, seconds=4)
    source = media.write(tmp_path / "source.avi", picture, sound)
    clip = load_clip(media.copied_as_avi(source, tmp_path / name))
    slack = 4  # there FFmpeg has not yet counted a step back
    check_against_ffprobe(clip, check_every_frame(clip, 100, slack), slack)


@pytest.mark.parametrize("picture", [BFRAMES, XVID, PYRAMID], ids=["h264", "mpeg4", "pyramid"])
def test_a_matroska_file_copied_out_of_an_avi_keeps_the_order(
    picture: Picture, tmp_path: Path
) -> None:
    """Where both times step back equally often, FFmpeg shows frames out of order; not here."""
    source = media.write(tmp_path / "source.avi", picture, Sound("libmp3lame", seconds=4))
    clip = load_clip(media.copied_as_avi(source, tmp_path / "copied.mkv"))
    check_every_frame(clip, 100, slack=4)


def test_a_program_stream_that_times_few_frames(tmp_path: Path) -> None:
    for sound in (Sound("mp2", seconds=4), None):
        clip = load_clip(media.write(tmp_path / "few.mpg", BFRAMES, sound))
        check_every_frame(clip, 100)
        assert clip.duration_s == pytest.approx(4, abs=0.15)


def test_frames_that_are_really_not_reordered_are_left_as_they_are(tmp_path: Path) -> None:
    still = media.BFRAMES | {"b-adapt": "2", "bf": "3"}  # one image: the encoder uses no B-frames
    picture = Picture(regular(60), options=still, draw=lambda _, *size: media.coded_image(1, *size))
    clip = load_clip(media.write(tmp_path / "still.mp4", picture))
    assert clip._video is not None and clip._video.timing == "pts"
    assert clip.read_frames([1.0]).times_s == pytest.approx([1.0])


# Tracks of which nothing can be used


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 and AAC in MP4."""
    path = tmp_path_factory.mktemp("clips") / "both.mp4"
    return media.write(path, Picture(regular(50), options=media.BFRAMES), Sound())


def destroyed(path: Path, kind: str) -> Path:
    """Every packet of a track overwritten."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.best(kind)):
            if packet.size:
                at = data.index(bytes(packet))
                data[at : at + packet.size] = bytes([255]) * packet.size
    path.write_bytes(data)
    return path


def replaced(path: Path, old: bytes, new: bytes, at: int = 1) -> Path:
    """The `at`th occurrence of some bytes replaced."""
    data = path.read_bytes()
    parts = data.split(old)
    assert len(parts) > at
    path.write_bytes(old.join(parts[:at]) + new + old.join(parts[at:]))
    return path


def unknown_sound(path: Path) -> Path:
    """AAC as FFmpeg finds it in MP4 has two names."""
    return replaced(replaced(path, b"mp4a", b"zzzz"), b"esds", b"free")


UNUSABLE = {
    "sound in an unknown codec": (unknown_sound, "sound", "uses a codec"),
    "picture in an unknown codec": (
        lambda it: replaced(it, b"avc1", b"zzzz", -1),
        "picture",
        "codec",
    ),
    "destroyed sound": (lambda it: destroyed(it, "audio"), "sound", "does not decode"),
    "destroyed picture": (lambda it: destroyed(it, "video"), "picture", "does not decode"),
    "sound without a description": (lambda it: replaced(it, b"stsd", b"free", 2), "sound", ""),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_one_unusable_track_never_refuses_a_clip(case: str, both: Path, tmp_path: Path) -> None:
    spoil, kind, said = UNUSABLE[case]
    path = tmp_path / "half.mp4"
    path.write_bytes(both.read_bytes())
    clip = load_clip(spoil(path))
    assert (clip.has_video, clip.has_audio) == (kind == "sound", kind == "picture")
    assert clip.duration_s == pytest.approx(2, abs=0.1)
    (note,) = clip.notes
    assert note.startswith(f"A {kind} track ") and note.endswith(", so it was left out.")
    assert said in note
    if clip.has_video:
        assert codes(clip.frames([0.5, 1.5])) == [12, 37]
    else:
        assert media.beep_at(clip.audio(RATE), RATE) == pytest.approx(1, abs=0.05)
        with pytest.raises(ClipError, match=f"no picture .* track .*{said}"):
            clip.frames([0.0])


def test_a_file_of_unusable_tracks_alone_is_refused(both: Path, tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    path.write_bytes(both.read_bytes())
    replaced(unknown_sound(path), b"avc1", b"zzzz", -1)
    with pytest.raises(ClipError, match="track uses a codec without a decoder here; expected"):
        load_clip(path)


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_track_that_is_declared_but_empty(kind: str, both: Path, tmp_path: Path) -> None:
    path = tmp_path / "declared.mkv"
    with av.open(str(both)) as read, av.open(str(path), "w") as written:
        tracks = {it.index: written.add_stream_from_template(it) for it in read.streams}
        for packet in read.demux():
            if packet.size and packet.stream.type != kind:
                packet.stream = tracks[packet.stream_index]
                written.mux(packet)
    clip = load_clip(path)
    assert (clip.has_video, clip.has_audio) == (kind == "audio", kind == "video")
    assert "track is declared but empty, so it was left out." in clip.notes[0]


def test_the_second_of_two_sound_tracks_is_heard_where_the_first_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    sounds = [Sound("flac", beeps_s=(0.3,)), Sound("flac", beeps_s=(0.9,))]
    with av.open(str(path), "w") as container:
        made = [container.add_stream("flac", rate=48_000, layout="stereo") for _ in sounds]
        made[0].disposition = av.stream.Disposition.default
        for stream, sound in zip(made, sounds, strict=True):
            for packet in media._audio_packets(stream, sound):
                container.mux(packet)
    clip = load_clip(destroyed(path, "audio"))
    assert media.beep_at(clip.audio(RATE), RATE) == pytest.approx(0.9, abs=0.05)
    assert len(clip.notes) == 1


# Rates that no recorder has


@pytest.mark.parametrize("rate", [1, 100, 16_711_679, 2**31 - 1])
@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.avi", "a.nut"])
def test_sound_at_an_absurd_rate_is_left_out(name: str, rate: int, tmp_path: Path) -> None:
    """At 16.7 MHz reading it took 13 s, at 1 Hz 900 MB: a damaged header says either."""
    sound = Sound("pcm_s16le", rate, seconds=min(1.2, 2e5 / rate) if rate > 100 else 20)
    clip = load_clip(media.write(tmp_path / name, Picture(regular(30)), sound))
    assert clip.notes == (f"A sound track has a sample rate of {rate:,} Hz, so it was left out.",)
    assert clip.duration_s == pytest.approx(1.2, abs=0.05) and not clip.has_audio
    with pytest.raises(ClipError, match=f"{rate:,} Hz; expected 1,000 to 2,822,400; record"):
        load_clip(media.write(tmp_path / "b.wav", None, sound))


@pytest.mark.parametrize("rate", [1_000, 8_000, 22_255, 99_991, 768_000, 2_822_400])
def test_a_window_of_sound_at_any_real_rate_is_a_piece_of_the_whole(
    rate: int, tmp_path: Path
) -> None:
    sound = Sound("pcm_s16le", rate, seconds=3.0, tone_hz=210)
    clip = load_clip(media.write(tmp_path / "a.wav", None, sound))
    whole, window = clip.audio(8_000), clip.audio(8_000, 2.2, 2.6)
    gaps = [np.abs(whole[at : at + len(window)] - window).max() for at in (17_599, 17_600, 17_601)]
    exact = rate != 99_991  # its samples and ours meet once a second, too late to wait for
    assert gaps[1] < 1e-4 if exact else min(gaps) < 0.1


def test_a_frame_rate_that_no_camera_has_is_not_told(tmp_path: Path) -> None:
    path = media.write(tmp_path / "a.avi", Picture(regular(30), "mpeg4", tick=AVI_TICK))
    data = path.read_bytes()
    at = data.find(b"strh") + 28  # scale, rate
    assert struct.unpack("<II", data[at : at + 8]) == (1, 25)
    path.write_bytes(data[:at] + struct.pack("<II", 1, 2**31 - 1) + data[at + 8 :])
    clip = load_clip(path)
    assert clip.fps is None and clip.picture_packets == 30


# A piece without a key frame


def without_key_frames(source: Path, target: Path) -> Path:
    """Copies all but the key frames of the picture."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        tracks = {it.index: written.add_stream_from_template(it) for it in read.streams}
        for packet in read.demux():
            if packet.size and not (packet.is_keyframe and packet.stream.type == "video"):
                packet.stream = tracks[packet.stream_index]
                written.mux(packet)
    return target


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_a_piece_without_a_key_frame(codec: str, tmp_path: Path) -> None:
    picture = Picture(regular(40), codec, tick=AVI_TICK, options={"g": "100", "bf": "0"})
    for sound in (None, Sound("mp2")):
        whole = media.write(tmp_path / "whole.ts", picture, sound)
        piece = without_key_frames(whole, tmp_path / "piece.ts")
        if sound is None:
            with pytest.raises(ClipError, match="no key frame.*; cut it at another place"):
                load_clip(piece)
        else:
            clip = load_clip(piece)
            assert not clip.has_video and "no key frame" in clip.notes[0]
            assert media.beep_at(clip.audio(RATE), RATE) > 0.5


# Sound that cancels out in the mix

CANCELLING = {
    "antiphase": ("stereo", (1.0, -1.0), 0),
    "almost": ("stereo", (1.0, -0.98), 0),
    "right is louder": ("stereo", (-0.3, 0.31), 0),
    "effects alone": ("5.1", (0.0, 0.0, 0.0, 1.0, 0.0, 0.0), 3),
}


@pytest.mark.parametrize("case", CANCELLING)
def test_the_louder_channel_is_heard_where_the_mix_is_silent(case: str, tmp_path: Path) -> None:
    layout, gains, channel = CANCELLING[case]
    sound = Sound("pcm_s16le", RATE, layout, seconds=4, tone_hz=440, gains=gains)
    clip = load_clip(media.write(tmp_path / "phase.wav", None, sound))
    assert clip.read_audio(8_000, 0, 4).lone_channel == channel
    whole = clip.audio(RATE)
    assert whole == pytest.approx(gains[channel] * media.wave(sound), abs=1e-3)
    for start_s in (0.7, 2.5):
        window = clip.audio(RATE, start_s, start_s + 1)
        assert window == pytest.approx(whole[round(start_s * RATE) :][:RATE], abs=1e-3)


@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, -0.9), (0.0, 0.0)])
def test_sound_that_the_mix_holds_is_mixed(gains: tuple[float, float], tmp_path: Path) -> None:
    sound = Sound("pcm_s16le", RATE, "stereo", tone_hz=440, gains=gains)
    clip = load_clip(media.write(tmp_path / "mix.wav", None, sound))
    assert clip.read_audio(8_000, 0, 2).lone_channel is None
    assert clip.audio(RATE) == pytest.approx(sum(gains) / 2 * media.wave(sound), abs=1e-3)


@pytest.mark.filterwarnings("error")
def test_sound_of_damaged_numbers_is_no_louder_channel(tmp_path: Path) -> None:
    """Floats that a damaged file holds warn about nothing and lose nothing."""
    sound = Sound("pcm_f32le", RATE, "stereo", tone_hz=440)
    path = media.write(tmp_path / "numbers.wav", None, sound)
    data = bytearray(path.read_bytes())
    numbers = [0x7F800001, 0x7F800000, 0xFF7FFFFF]  # a signalling NaN, infinity, the lowest
    for place, number in enumerate(numbers):
        data[20_000 + 80 * place : 20_004 + 80 * place] = number.to_bytes(4, "little")
    path.write_bytes(data)
    clip = load_clip(path)
    assert clip.read_audio(8_000, 0, 2).lone_channel is None
    assert np.isfinite(clip.audio(RATE)).all()


# Pictures that move


def test_a_moving_png_plays(tmp_path: Path) -> None:
    picture = Picture(regular(20, 10), "apng", pix_fmt="rgb24", tick=Fraction(1, 10))
    clip = load_clip(media.write(tmp_path / "moving.png", picture, container_format="apng"))
    assert codes(clip.frames([0.0, 0.55, 1.95])) == [0, 5, 19]
    assert clip.duration_s == pytest.approx(2, abs=0.11)


@pytest.mark.skipif(not media.can_encode("libsvtav1"), reason="no AV1 encoder in this FFmpeg")
def test_a_moving_avif_plays(tmp_path: Path) -> None:
    path = media.write(
        tmp_path / "moving.avif", Picture(regular(20), "libsvtav1"), container_format="avif"
    )
    clip = load_clip(path)
    assert codes(clip.frames([0.0, 0.5, 0.79])) == [0, 12, 19]
