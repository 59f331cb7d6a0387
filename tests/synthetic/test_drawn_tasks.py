"""One drawn world, three tasks: targets, and faces that the world itself knows."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader, corpus_windows
from emo_core.faces.tracking import overlaps
from emo_core.preprocess.sample import SampleConfig, resize_frames, to_sample
from emo_core.synthetic.drawn.dataset import (
    ACTED_AS,
    MOMENTS,
    MOMENTS_S,
    SceneWindow,
    drawn_faces,
    synthetic_windows,
)
from emo_core.synthetic.drawn.motion import face_box
from emo_core.synthetic.drawn.render import draw_frames
from emo_core.synthetic.drawn.scene import make_drawn_scene
from emo_core.synthetic.drawn.writer import make_staged
from emo_core.tasks import MultiLabel, SingleLabel, ValenceArousal

SEED = 4
PLAIN = SampleConfig(frames=4)
RICH = replace(PLAIN, people=2, face_size=32, text_length=32)
TASKS = {
    "staged": SingleLabel(),
    "staged-emotions": MultiLabel(),
    "staged-affect": ValenceArousal(),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("tasks") / "staged"
    make_staged(out, 5, 0, 0, SEED, workers=1)
    return out


def windows(tree, name):
    corpus = read_corpus(name, tree)
    assert corpus.labels == TASKS[name].labels and not corpus.problems
    return corpus_windows(corpus, corpus.split("train"), TASKS[name].target)


@pytest.mark.parametrize("name", TASKS)
def test_files_and_rendered_scenes_have_the_same_targets(tree, name):
    for index, window in enumerate(windows(tree, name)):
        drawn = SceneWindow(SEED, "train", index, name)
        np.testing.assert_allclose(window.target, drawn.target, atol=0.02)
        assert window.text == drawn.scene.text


def test_emotions_are_in_the_order_and_words_of_mosei():
    assert tuple(ACTED_AS) == ("anger", "disgust", "fear", "happy", "sad", "surprise")
    wanted = ("angry", "disgusted", "afraid", "happy", "sad", "surprised")
    assert tuple(ACTED_AS.values()) == wanted
    seen = set()
    for window in synthetic_windows(80, "staged-emotions"):
        felt = {name for name, there in zip(ACTED_AS, window.target, strict=True) if there}
        assert window.target.dtype == np.float32 and window.target.shape == (6,)
        people = {person.felt for person in window.scene.people} - {"neutral"}
        assert {ACTED_AS[name] for name in felt} == people
        seen |= felt
    assert seen == set(ACTED_AS)


def test_valence_and_arousal_are_those_of_the_ends_of_equal_parts():
    assert MOMENTS_S[:-1] == pytest.approx(np.arange(1, MOMENTS) * 5 / MOMENTS)
    for window in synthetic_windows(40, "staged-affect"):
        target, scene = window.target, window.scene
        assert target.shape == (MOMENTS, 2) and np.abs(target).max() <= 1
        planted = [any(a + 0.3 < t < b - 0.3 for a, b in scene.evidence.seconds) for t in MOMENTS_S]
        if scene.label == "neutral" or not any(planted):
            continue
        sign = {"positive": 1, "negative": -1}[scene.label]
        assert (sign * target[planted, 0] > 0.1).all()


def test_one_cache_serves_all_tasks_and_batches_carry_targets(tree, tmp_path):
    cache = Cache(RICH, tmp_path)
    shapes = {"staged": (5,), "staged-emotions": (5, 6), "staged-affect": (5, MOMENTS, 2)}
    for name, shape in shapes.items():
        loader = Loader(ClipDataset(windows(tree, name), cache), 5, False)
        batch = next(loader.epoch(0))
        assert tuple(batch.target.shape) == shape
        assert batch.faces.shape == (5, 4, 2, 3, 32, 32) and batch.token_mask.any(1).all()
    assert len(list(tmp_path.rglob("*.window"))) == 5


def test_faces_of_files_are_those_of_the_scenes(tree, tmp_path):
    checked = 0
    for index, window in enumerate(windows(tree, "staged")):
        of_file, drawn = window.decode(RICH), SceneWindow(SEED, "train", index).decode(RICH)
        np.testing.assert_array_equal(of_file.face_mask, drawn.face_mask)
        np.testing.assert_allclose(of_file.face_boxes, drawn.face_boxes, atol=0.005)
        assert of_file.text == drawn.text
        difference = np.abs(of_file.faces.astype(int) - drawn.faces)[drawn.face_mask]
        if drawn.face_mask.any():
            assert difference.mean() < 10
            checked += 1
    assert checked


def test_known_faces_are_the_people_who_show_one():
    counted = set()
    for index in range(30):
        scene = make_drawn_scene(SEED, "train", index)
        times_s = np.array([0.5, 2.5])
        tracks = drawn_faces(scene, times_s)
        front = [n for n, person in enumerate(scene.people) if person.facing == "front"]
        assert tracks.mask.shape == (2, len(front)) and tracks.mask.all()
        counted.add((scene.regime == "heard", bool(front)))
        for slot, number in enumerate(front):
            truth = face_box(scene, number, times_s) / (320, 240, 320, 240)
            for box, wanted in zip(tracks.boxes[:, slot], truth, strict=True):
                assert overlaps(box[None], wanted[None])[0, 0] > 0.6
    assert counted == {(True, False), (False, True)}


def test_an_older_truth_without_scenes_is_still_read(tree, tmp_path, monkeypatch):
    from emo_core.faces import tracking as faces

    old = tmp_path / "old"
    shutil.copytree(tree, old)
    lines = [json.loads(line) for line in (old / "truth.jsonl").read_text().splitlines()]
    for line in lines:
        del line["scene"]
    (old / "truth.jsonl").write_text("\n".join(map(json.dumps, lines)))
    looked = []
    nobody = np.zeros((0, 5), np.float32)
    monkeypatch.setattr(faces, "face_detector", lambda: lambda picture: looked.append(1) or nobody)
    window = windows(old, "staged")[0]
    assert not window.decode(RICH).face_mask.any() and len(looked) == 4


def test_faces_and_text_change_no_byte_of_the_rest(tree):
    window = SceneWindow(SEED, "train", 1)
    plain, rich = window.decode(PLAIN), window.decode(RICH)
    for name in ("pixels", "pixel_times_s", "wave"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(rich, name))
    assert plain.faces is None and plain.text == ""
    times_s = np.array([1.0, 2.0])
    full = draw_frames(window.scene, times_s)
    np.testing.assert_array_equal(
        resize_frames(full, (96, 72)), draw_frames(window.scene, times_s, (96, 72))
    )
    assert to_sample(plain, PLAIN).faces.shape[1] == 0


@pytest.mark.real_data
def test_yunet_frames_drawn_faces_as_the_world_does(real_data):
    from emo_core.faces.detection import YUNET, YuNet
    from emo_core.io.shipped_weights import shipped_weights

    yunet = YuNet(shipped_weights(YUNET))
    overlap = []
    for index in range(12):
        scene, times_s = make_drawn_scene(SEED, "train", index), np.array([0.5, 2.5])
        known = drawn_faces(scene, times_s)
        for step, frame in enumerate(draw_frames(scene, times_s)):
            found = yunet(frame)
            if known.mask.shape[1] and len(found):
                overlap += list(overlaps(known.boxes[step], found[:, :4]).max(1))
    assert len(overlap) > 20 and np.median(overlap) > 0.75
