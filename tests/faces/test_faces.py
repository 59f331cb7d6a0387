"""Faces: from a detector's boxes to tracks and upright squares."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from emo_core.faces import detection as detectors
from emo_core.faces import tracking as faces
from emo_core.faces.detection import YUNET, YuNet
from emo_core.faces.tracking import (
    Tracks,
    crop_faces,
    largest,
    link_detections,
    overlaps,
    track_faces,
)
from emo_core.io.shipped_weights import WeightsError, shipped_weights
from emo_core.preprocess.sample import SampleConfig, decode_window, read_size, to_sample

WIDTH, HEIGHT = 160, 120


def box(left: float, top: float, side: float, angle: float = 0.0) -> list[float]:
    """Pixels of a 160 x 120 picture -> a detector's row."""
    corners = [left / WIDTH, top / HEIGHT, (left + side) / WIDTH, (top + side) / HEIGHT]
    return [*corners, angle]


def rows(*boxes: list[float]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 5)


def tracks(*boxes: list[float]) -> Tracks:
    """One frame with these people."""
    return link_detections([rows(*boxes)])


class FakeDetector:
    """Says where faces are, frame by frame."""

    name = "fake"

    def __init__(self, found: list[np.ndarray]) -> None:
        self.found, self.shapes = list(found), []

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        self.shapes.append(picture.shape)
        return self.found[len(self.shapes) - 1]


@pytest.fixture
def detector(monkeypatch):
    """Puts a fake detector in the place of the best one."""

    def put(found: list[np.ndarray]) -> FakeDetector:
        fake = FakeDetector(found)
        monkeypatch.setattr(faces, "face_detector", lambda: fake)
        return fake

    return put


# Tracks


def test_overlap_of_two_squares_by_hand():
    a, b = np.array([[0, 0, 2, 2.0]]), np.array([[1, 1, 3, 3.0], [0, 0, 2, 2], [5, 5, 6, 6]])
    np.testing.assert_allclose(overlaps(a, b), [[1 / 7, 1, 0]])


def test_people_keep_their_tracks_whatever_order_the_detector_gives():
    rng = np.random.default_rng(0)
    left, right = [box(10 + 2 * t, 40, 30) for t in range(8)], [box(100, 30, 40)] * 8
    found = [rows(*rng.permutation([left[t], right[t]])) for t in range(8)]
    seen = largest(link_detections(found), 2)
    assert seen.mask.all()
    np.testing.assert_allclose(seen.boxes[:, 0], np.array(right, np.float32)[:, :4])
    np.testing.assert_allclose(seen.boxes[:, 1], np.array(left, np.float32)[:, :4])


def test_somebody_who_leaves_is_masked_and_somebody_else_is_not_the_same():
    a, b = box(10, 10, 40), box(100, 60, 40)
    seen = largest(link_detections([rows(a), rows(a), rows(), rows(b), rows(b), rows(b)]), 3)
    assert seen.mask.T.tolist() == [[0, 0, 0, 1, 1, 1], [1, 1, 0, 0, 0, 0], [0] * 6]


def test_a_short_absence_is_bridged_and_a_long_one_is_not():
    a, nobody = rows(box(10, 10, 40)), rows()
    assert link_detections([a, *[nobody] * (faces.MAX_MISSED_FRAMES - 1), a]).mask.shape[1] == 1
    assert link_detections([a, *[nobody] * faces.MAX_MISSED_FRAMES, a]).mask.shape[1] == 2


def test_each_face_is_one_person_and_the_best_overlap_wins():
    before, near, nearer = box(40, 40, 40), box(55, 40, 40), box(45, 40, 40)
    seen = link_detections([rows(before), rows(near, nearer)])
    assert seen.mask.tolist() == [[True, False], [True, True]]
    np.testing.assert_allclose(seen.boxes[1, 0], rows(nearer)[0, :4])


def test_the_largest_by_summed_area_are_kept_in_order():
    often_small, once_large = box(10, 10, 30), box(100, 60, 40)
    seen = link_detections([rows(often_small, once_large), rows(often_small), rows(often_small)])
    kept = largest(seen, 1)
    assert kept.mask.all()  # 3 x 900 against 1600
    assert largest(seen, 4).mask.any(0).tolist() == [True, True, False, False]


def test_a_face_is_searched_for_in_few_frames_and_followed_between(detector):
    fake = detector([rows(box(10, 40, 30)), rows(box(22, 40, 30)), rows()])
    seen = track_faces(np.zeros((9, HEIGHT, WIDTH, 3), np.uint8), every=4)
    assert len(fake.shapes) == 3
    assert seen.mask[:, 0].tolist() == [True] * 5 + [False] * 4
    np.testing.assert_allclose(seen.boxes[:5, 0, 0] * WIDTH, [10, 13, 16, 19, 22], rtol=1e-5)
    assert not seen.boxes[5:].any()


def test_eyes_are_followed_and_kept_with_their_person(detector):
    eyed = [[*box(10 + 4 * t, 40, 30), 0.1 + 0.1 * t, 0.5, 0.2 + 0.1 * t, 0.5] for t in range(2)]
    detector([np.array([row], np.float32) for row in eyed])
    seen = largest(track_faces(np.zeros((3, HEIGHT, WIDTH, 3), np.uint8), every=2), 2)
    np.testing.assert_allclose(seen.eyes[:, 0, 0], [0.1, 0.15, 0.2], rtol=1e-5)
    assert seen.eyes.shape == (3, 2, 4) and not seen.eyes[:, 1].any()


@pytest.mark.parametrize("degrees", [0, 30])
def test_eyes_that_no_detector_gave_follow_from_the_box(degrees):
    """Level in an upright box, on the line of a leaning face; 0.492 box widths apart."""
    angle = np.radians(degrees)
    eyes = faces.eyes_of(tracks(box(50, 40, 40, angle)), (WIDTH, HEIGHT))[0, 0]
    left, right = eyes[:2] * (WIDTH, HEIGHT), eyes[2:] * (WIDTH, HEIGHT)
    assert np.degrees(np.arctan2(*(right - left)[::-1])) == pytest.approx(degrees, abs=1e-3)
    assert np.hypot(*(right - left)) == pytest.approx(0.492 * 40, rel=1e-4)
    down = np.array([-np.sin(angle), np.cos(angle)])
    assert (left + right) / 2 == pytest.approx(np.array([70, 60]) - 0.138 * 40 * down, rel=1e-4)


def test_nobody_anywhere():
    seen = largest(link_detections([rows(), rows()]), 2)
    assert seen.boxes.shape == (2, 2, 4) and not seen.mask.any()
    assert not crop_faces(np.full((2, HEIGHT, WIDTH, 3), 9, np.uint8), seen, 8).any()


# Crops


def test_an_upright_face_is_cut_out_pixel_by_pixel():
    picture = np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3)).astype(np.uint8)
    square = crop_faces(picture, tracks(box(50, 40, 40)), 48)  # a margin of 4 pixels on each side
    np.testing.assert_array_equal(square[0, 0], picture[0, 36:84, 46:94])


def test_a_smaller_face_is_the_mean_of_its_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3)).astype(np.uint8)
    square = crop_faces(picture, tracks(box(50, 40, 40)), 12)[0, 0]
    wanted = picture[0, 36:84, 46:94].reshape(12, 4, 12, 4, 3).mean((1, 3))
    np.testing.assert_allclose(square, wanted, atol=0.51)


def test_beyond_the_frame_is_black():
    picture = np.full((1, HEIGHT, WIDTH, 3), 200, np.uint8)
    square = crop_faces(picture, tracks(box(-20, 40, 40)), 48)[0, 0]
    assert not square[:, :24].any() and (square[:, 24:] == 200).all()


@pytest.mark.parametrize("degrees", [-25, 10, 40])
def test_eyes_become_level(degrees):
    angle, middle = np.radians(degrees), np.array([80.0, 60.0])
    along = np.array([np.cos(angle), np.sin(angle)])
    eyes = np.stack([middle - 15 * along, middle + 15 * along])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    for eye, channel in zip(eyes, (0, 1), strict=True):
        far = np.hypot(x - eye[0], y - eye[1])
        picture[0, ..., channel] = np.clip(255 - 50 * far, 0, 255)
    square = crop_faces(picture, tracks(box(50, 30, 60, angle)), 72)[0, 0].astype(float)
    y, x = np.mgrid[:72, :72]
    found = [[(square[..., c] * v).sum() / square[..., c].sum() for v in (x, y)] for c in (0, 1)]
    np.testing.assert_allclose(found, [[36 - 15, 36], [36 + 15, 36]], atol=1)


# Windows


class FakeClip:
    """Pictures of one size, each a little lighter than the one before."""

    has_audio, text, duration_s = False, None, 1.0

    def __init__(self, size=(WIDTH, HEIGHT), has_video=True):
        self.size, self.has_video, self.reads = size, has_video, []

    def read_frames(self, times_s, size):
        from emo_core.clip import DecodedFrames

        self.reads.append(size)
        shape = (len(times_s), size[1], size[0], 3)
        lighter = 20 * np.arange(len(times_s), dtype=np.uint8)[:, None, None, None]
        return DecodedFrames(np.full(shape, 90, np.uint8) + lighter, np.asarray(times_s))


CONFIG = SampleConfig(frames=4, window_s=2.0, people=2, face_size=16)


def test_a_window_carries_faces_of_its_real_frames_from_one_reading(detector):
    fake, clip = detector([rows(box(40, 40, 40)), rows()]), FakeClip()
    decoded = decode_window(clip, CONFIG, 0.0, 1.0)
    assert clip.reads == [(WIDTH, HEIGHT)] and len(fake.shapes) == 2
    assert decoded.pixels.shape == (4, 72, 96, 3)
    assert decoded.face_mask.tolist() == [[True, False], *[[False, False]] * 3]
    np.testing.assert_allclose(decoded.face_boxes[0, 0], box(40, 40, 40)[:4], rtol=1e-6)
    sample = to_sample(decoded, CONFIG)
    assert sample.faces.shape == (4, 2, 3, 16, 16) and (sample.faces[0, 0] == 90).all()
    assert sample.face_mask.sum() == 1 and not sample.faces[1:].any()


def test_eyes_stand_where_the_padded_frame_shows_them(detector):
    """A wide picture in a square frame: black above and below."""
    row = [*box(40, 40, 40), 0.25, 0.5, 0.5, 0.25]
    detector([np.array([row], np.float32)] * 2)
    config = replace(CONFIG, face_size=0, width=80, height=80, face_every=1)
    sample = to_sample(decode_window(FakeClip(), config, 0.0, 1.0), config)
    assert sample.faces.numel() == 0 and sample.face_eyes.shape == (4, 2, 4)
    np.testing.assert_allclose(sample.face_eyes[0, 0], [0.25, 0.5, 0.5, 0.3125], rtol=1e-5)
    assert sample.face_mask.sum() == 2 and not sample.face_eyes[:, 1].any()


def test_a_face_is_cut_out_of_its_own_frame(detector):
    detector([rows(box(40, 40, 40)), rows(box(42, 40, 40))])
    decoded = decode_window(FakeClip(), CONFIG, 0.0, 1.0)
    assert (decoded.faces[0, 0] == 90).all() and (decoded.faces[1, 0] == 110).all()


@pytest.mark.parametrize("has_video", [True, False])
def test_without_a_face_or_a_picture_everything_is_masked(detector, has_video):
    detector([rows()] * 4)
    sample = to_sample(decode_window(FakeClip(has_video=has_video), CONFIG, 0, 1), CONFIG)
    assert sample.faces.shape == (4, 2, 3, 16, 16) and not sample.face_mask.any()
    assert bool(sample.video_mask.any()) == has_video


def test_nobody_is_looked_for_where_no_model_needs_faces(detector):
    fake, clip = detector([]), FakeClip((1920, 1080))
    decoded = decode_window(clip, SampleConfig(), 0.0, 1.0)
    assert decoded.faces is None and not fake.shapes and clip.reads == [(96, 54)]


def test_large_frames_are_read_smaller_and_small_ones_as_they_are():
    assert read_size((1920, 1080), CONFIG) == (640, 360)
    assert read_size((1080, 1920), CONFIG) == (360, 640)
    assert read_size((320, 240), CONFIG) == (320, 240)
    large = SampleConfig(people=1, width=900, height=900)
    assert read_size((1920, 1080), large) == (900, 506)


# Real detectors


@pytest.fixture(scope="module")
def photographs(real_data):
    """Forty photographs of one face each, 128 pixels at most, RGB with a border."""
    import cv2

    paths = sorted((real_data / "faces").rglob("*.jpg"))[::110]
    border = (24, 24, 24, 24, cv2.BORDER_REPLICATE)
    return [cv2.copyMakeBorder(cv2.imread(str(p))[..., ::-1].copy(), *border) for p in paths]


@pytest.fixture
def yunet():
    return YuNet(shipped_weights(YUNET))


@pytest.mark.real_data
def test_yunet_finds_one_upright_face_in_a_photograph(yunet, photographs):
    found = [yunet(picture) for picture in photographs]
    assert np.mean([len(boxes) == 1 for boxes in found]) >= 0.95
    turned = [yunet(np.rot90(p, 2).copy()) for p in photographs]
    assert sum(map(len, turned)) < 0.5 * len(photographs)
    np.testing.assert_array_equal(yunet(photographs[0]), found[0])


@pytest.mark.real_data
def test_yunet_sees_both_eyes(yunet, photographs):
    found = [rows[0] for rows in map(yunet, photographs) if len(rows) == 1]
    assert len(found) > 20
    apart = [(row[7] - row[5]) / (row[2] - row[0]) for row in found]
    assert min(apart) > 0 and 0.4 < np.median(apart) < 0.6


@pytest.mark.real_data
def test_yunet_sees_how_a_face_leans(yunet, photographs):
    import cv2

    changes = []
    for picture in photographs[:24]:
        picture = cv2.resize(picture, (320, 320))
        turn = cv2.getRotationMatrix2D((160, 160), -15, 1)  # clockwise
        leaning = cv2.warpAffine(picture, turn, (320, 320), borderMode=cv2.BORDER_REPLICATE)
        straight, leant = yunet(picture), yunet(leaning)
        if len(straight) == len(leant) == 1:
            changes.append(np.degrees(leant[0, 4] - straight[0, 4]))
    assert len(changes) > 18 and abs(np.median(changes) - 15) < 4


@pytest.mark.real_data
def test_yunet_finds_a_face_that_fills_a_large_picture(yunet, photographs):
    import cv2

    large = [cv2.resize(picture[24:-24, 24:-24], (640, 640)) for picture in photographs[:12]]
    assert all(len(yunet(picture)) for picture in large)


@pytest.mark.real_data
def test_a_face_that_leaves_a_real_clip(real_data, yunet, monkeypatch):
    from emo_core.clip import load_clip

    monkeypatch.setattr(faces, "face_detector", lambda: yunet)
    clip = load_clip(real_data / "clips" / "pyfeat_face_noface.mov")
    seen = track_faces(clip.read_frames(np.arange(12) * 0.5, size=(640, 360)).pixels)
    assert 1 <= seen.mask.shape[1] <= 2 and 3 <= seen.mask.any(1).sum() <= 9


@pytest.mark.parametrize("shape", [(1, 640), (8, 8), (7, 400), (200, 15)])
def test_a_sliver_of_a_picture_holds_no_face(shape, yunet):
    assert yunet(np.zeros((*shape, 3), np.uint8)).shape == (0, 9)


@pytest.mark.parametrize("narrow", [17, 24, 29, 32])
@pytest.mark.parametrize("wide", [32, 100, 129, 320])
def test_a_narrow_blank_picture_holds_no_face(narrow, wide, yunet):
    """OpenCV's map of one row or column held faces without a size, or with an endless one."""
    for shape in ((narrow, wide, 3), (wide, narrow, 3), (narrow * 7, wide * 7, 3)):
        assert len(yunet(np.full(shape, 90, np.uint8))) == 0, shape


@pytest.mark.real_data
def test_a_margin_moves_no_face(yunet, photographs):
    """A face in a picture that is too low for the detector is where it is in a higher one."""
    import cv2

    seen = 0
    for photograph in photographs:
        tight = np.ascontiguousarray(photograph[24:-24, 24:-24])
        picture = cv2.resize(tight, (32, 32), interpolation=cv2.INTER_AREA)
        found, same = yunet(picture), yunet(np.pad(picture, ((0, 16), (0, 16), (0, 0))))
        assert len(found) == len(same)
        np.testing.assert_allclose(found[:, :4] * 32, same[:, :4] * 48, atol=0.5)
        seen += len(found)
    assert seen > len(photographs) / 2


def test_damaged_weights_are_said(monkeypatch):
    def damaged(name):
        raise WeightsError("other bytes")

    monkeypatch.setattr(detectors, "shipped_weights", damaged)
    monkeypatch.setattr(detectors, "_own", threading.local())
    with pytest.raises(WeightsError, match="other bytes"):
        detectors.face_detector()


def test_without_a_network_the_detector_is_yunet(monkeypatch):
    monkeypatch.setattr(detectors, "_own", threading.local())
    assert detectors.face_detector().name == YUNET
