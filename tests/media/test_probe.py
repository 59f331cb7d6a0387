"""Frame rates and the choice of tracks, by hand; when clips end, by what is in them."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from emo_core.clip import load_clip
from emo_core.media.container import ClipError
from emo_core.media.demux import UnusableTrack
from emo_core.media.probe import MOST_UNUSABLE, ProbeResult, frame_rate, rate_varies
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, regular


@pytest.mark.parametrize(
    ("steps_s", "varies"),
    [
        ([0.04] * 5, False),
        ([0.04, 0.04, 0.043, 0.04], False),
        ([0.04, 0.04, 0.08, 0.04], True),
        ([0.033, 0.034, 0.033], False),
        ([0.04], False),
    ],
)
def test_a_rate_varies_where_one_frame_stays_longer(steps_s, varies):
    assert rate_varies(steps_s, 0.001) is varies


@pytest.mark.parametrize(
    ("declared", "steps_s", "varies", "fps"),
    [
        (25, [0.04] * 4, False, 25),
        (30, [0.04] * 4, False, 30),  # near enough: the header's word
        (100, [0.04] * 4, False, 25),
        (25, [0.04, 0.04, 0.12], True, 15),
        (None, [0.04] * 4, False, 25),
        (25, [], False, 25),
        (None, [], False, None),
        (2**31 - 1, [], False, None),
        (25, [1e-6] * 4, False, None),
    ],
)
def test_the_header_is_believed_where_the_frames_bear_it_out(declared, steps_s, varies, fps):
    video = SimpleNamespace(average_rate=declared and Fraction(declared))
    assert frame_rate(video, steps_s, varies) == (fps and pytest.approx(fps))


def test_tracks_are_tried_in_turn_and_the_first_fault_is_told(monkeypatch, tmp_path):
    tried = []

    def survey(path, unusable):
        tried.append([track.index for track in unusable])
        if len(unusable) < good:
            stream = SimpleNamespace(type="audio", index=len(unusable))
            raise UnusableTrack("a", stream, f"is bad {len(unusable)}", "expected x; do y")
        return tuple(track.note for track in unusable)

    monkeypatch.setattr(ProbeResult, "_survey", staticmethod(survey))
    good = 2
    assert ProbeResult.of(tmp_path) == (
        "A sound track is bad 0, so it was left out.",
        "A sound track is bad 1, so it was left out.",
    )
    assert tried == [[], [0], [0, 1]]
    good = MOST_UNUSABLE + 1
    with pytest.raises(ClipError, match="^a: the sound track is bad 0; expected x; do y.$"):
        ProbeResult.of(tmp_path)


LATE = [*regular(50), 3.96]  # the last frame starts when the file, decoded, has long ended


@pytest.mark.parametrize("frames", ["bframes", "none"])
@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "fragments.mp4", "late.flv"])
def test_a_last_frame_that_comes_late(name: str, frames: str, tmp_path: Path) -> None:
    options = media.BFRAMES if frames == "bframes" else media.X264 | {"bf": "0"}
    moved = {"movflags": "frag_keyframe+empty_moov"} if "frag" in name else {}
    path = media.write(tmp_path / name, Picture(LATE, options=options), options=moved)
    clip = load_clip(path)
    assert clip.duration_s == pytest.approx(4, abs=0.05)
    assert clip.variable_rate
    assert [media.read_code(it) for it in clip.frames([1.97, 3.9, 3.97])] == [49, 49, 50]


def test_a_late_frame_in_the_middle_of_many_is_seen(tmp_path: Path) -> None:
    times = [*regular(700), *(28.2 + time for time in regular(700))]
    path = media.write(
        tmp_path / "gap.mp4",
        Picture(times, options=media.BFRAMES, draw=lambda at, *size: media.coded_image(1, *size)),
    )
    clip = load_clip(path)
    assert clip.variable_rate and clip.duration_s == pytest.approx(56.2, abs=0.05)


def samples_end_s(path: Path) -> float:
    """When the last sample of a file ends, decoded in full by PyAV."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        first, last = frames[0], frames[-1]
        return float((last.pts - first.pts) * last.time_base) + last.samples / last.rate


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("alac.mka", Sound("alac", seconds=2.03)),
        ("adpcm.flv", Sound("adpcm_swf", 22_050, "mono", seconds=2.03)),
        ("flac.mka", Sound("flac", seconds=2.03)),
        ("pcm.mka", Sound("pcm_s16le", seconds=2.03)),
    ],
)
def test_the_last_packet_of_sound_counts_where_its_length_is_not_stated(
    name: str, sound: Sound, tmp_path: Path
) -> None:
    clip = load_clip(media.write(tmp_path / name, None, sound))
    assert clip.duration_s == pytest.approx(samples_end_s(clip.path), abs=0.002)
    assert clip.duration_s > 2.02


@pytest.mark.parametrize("declared_s", [0.5, 9.0, 400.0])
def test_an_index_is_believed_before_a_header(declared_s: float, tmp_path: Path) -> None:
    """The headers of both tracks say how long they are; MP4's tables of samples know."""
    path = media.write(
        tmp_path / "lie.mp4", Picture(regular(100), options=media.BFRAMES), Sound(seconds=4)
    )
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"mdhd", at + 1)) > 0:
        scale = int.from_bytes(data[at + 16 : at + 20], "big")
        data[at + 20 : at + 24] = round(declared_s * scale).to_bytes(4, "big")
    path.write_bytes(data)
    assert load_clip(path).duration_s == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize("declared", [10, 1000])
def test_an_avi_ends_with_its_packets(declared: int, tmp_path: Path) -> None:
    path = media.write(
        tmp_path / "lie.avi",
        Picture(regular(100), "mjpeg", pix_fmt="yuvj420p", tick=Fraction(1, 25)),
    )
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8 + 32  # length in frames of the first track
    data[at : at + 4] = declared.to_bytes(4, "little")
    path.write_bytes(data)
    assert load_clip(path).duration_s == pytest.approx(4, abs=0.05)


EDITS = {
    "repeated": ([(1, 0), (1, 0), (2, 2)], 4),
    "backwards": ([(1, 2), (1, 0)], 2),
    "twice": ([(4, 0), (4, 0)], 8),
    "cut": ([(2, 1)], 2),
    "late": ([(1, -1), (2, 1)], 2),  # a clip's clock begins with its first frame
    "paused": ([(1, 0), (1, -1), (2, 2)], 4),
}


@pytest.mark.parametrize("kind", EDITS)
def test_edit_lists_are_played_as_ffmpeg_plays_them(kind: str, tmp_path: Path) -> None:
    edits, seconds = EDITS[kind]
    path = media.write(
        tmp_path / "edited.mp4",
        Picture(regular(100), options=media.BFRAMES | {"g": "20"}),
        Sound(seconds=4),
    )
    clip = load_clip(media.with_edits(path, edits))
    assert clip.duration_s == pytest.approx(seconds, abs=0.05)
    shown = {}  # of two frames at one time the later is on display
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            shown[float(frame.time - clip._origin_s)] = media.read_code(
                frame.to_ndarray(format="rgb24")
            )
    times = sorted(shown)
    for wanted in (times, times[3::17], times[-2:-1]):
        read = clip.read_frames([time + 0.01 for time in wanted])
        assert [media.read_code(it) for it in read.pixels] == [shown[time] for time in wanted]
        assert read.times_s == pytest.approx(wanted, abs=2e-3)


PYRAMID = "bframes=3:b-adapt=0:b-pyramid=normal:scenecut=0"  # B-frames that B-frames refer to
REORDERED = {"preset": "veryfast", "x264-params": PYRAMID}


def constant(path: Path, picture: Picture, rate: Fraction) -> None:
    """Check that a file of one rate is taken for one."""

    def set_rate(_: object, video: av.VideoStream) -> None:
        video.codec_context.framerate = rate

    clip = load_clip(media.write(path, picture, prepare=set_rate))
    assert not clip.variable_rate and clip.fps == pytest.approx(float(rate), rel=5e-4)


@pytest.mark.parametrize("options", [media.X264, REORDERED])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".ts"])
@pytest.mark.parametrize(
    "rate",
    [Fraction(it) for it in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001")],
)
@pytest.mark.parametrize("frames", [40, 150])  # within the first packets, and beyond
def test_a_constant_rate_is_constant_in_every_container(
    rate: Fraction, frames: int, suffix: str, options: dict[str, str], tmp_path: Path
) -> None:
    picture = Picture(regular(frames, float(rate)), options=options, tick=1 / rate)
    constant(tmp_path / f"constant{suffix}", picture, rate)


@pytest.mark.parametrize("rate", ["24", "25", "30000/1001", "30", "50", "60000/1001"])
def test_a_constant_rate_is_constant_in_webm(rate: str, tmp_path: Path) -> None:
    fps = Fraction(rate)
    picture = Picture(regular(150, float(fps)), "libvpx", options={"cpu-used": "8"}, tick=1 / fps)
    constant(tmp_path / "constant.webm", picture, fps)


@pytest.mark.parametrize("options", [media.X264, REORDERED])
@pytest.mark.parametrize("late", [1, 4, 20])
def test_a_pause_in_matroska_is_seen(late: int, options: dict[str, str], tmp_path: Path) -> None:
    times = [index / 25 + 0.04 * (index >= late) for index in range(60)]
    clip = load_clip(media.write(tmp_path / "pause.mkv", Picture(times, options=options)))
    assert clip.variable_rate
