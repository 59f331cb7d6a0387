"""The drawn corpus: a pure function of its integers, true to its truth, in the official tree."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest

from emo_core.synthetic.corpus_io import MakeError
from emo_core.synthetic.drawn import scene as staged_cast
from emo_core.synthetic.drawn import scene as staged_scene
from emo_core.synthetic.drawn.dataset import drawing_modules
from emo_core.synthetic.drawn.motion import affect, face_box
from emo_core.synthetic.drawn.render import draw_frames
from emo_core.synthetic.drawn.scene import (
    ACTED_EMOTIONS,
    DURATION_S,
    FPS,
    HEIGHT,
    WIDTH,
    Scene,
    make_drawn_scene,
)
from emo_core.synthetic.drawn.schema import PLACES
from emo_core.synthetic.drawn.sound_effects import RATE
from emo_core.synthetic.drawn.soundtrack import synthesise
from emo_core.synthetic.drawn.writer import drawn_truth, make_staged, write_drawn_clip

COUNTS = {"train": 9, "val": 3, "test": 2}
SEED = 5
HANG_S = 300  # only a hang takes this long


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "corpus"
    make_staged(out, **COUNTS, seed=SEED, workers=1)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def many(count: int = 300, split: str = "train") -> list[Scene]:
    return [make_drawn_scene(SEED, split, index * 7) for index in range(count)]


def first(count: int, *regimes: str) -> list[Scene]:
    return [scene for scene in many() if scene.regime in regimes][:count]


# What happens


def test_a_scene_depends_on_its_own_numbers_only():
    forwards = [make_drawn_scene(1, "val", index) for index in range(40)]
    for cached in (staged_cast.style_of, staged_cast._source_sizes, staged_scene._shuffled_cells):
        cached.cache_clear()
    assert [make_drawn_scene(1, "val", index) for index in reversed(range(40))] == forwards[::-1]
    others = [make_drawn_scene(2, "val", index) for index in range(40)]
    others += [make_drawn_scene(1, "train", index) for index in range(40)]
    for trait in ("noise_seed", "pan", "people"):  # chance alone repeats none of these
        assert len({getattr(scene, trait) for scene in forwards + others}) == 120


@pytest.mark.parametrize("arguments", [(1, "dev", 0), (1, "train", -1)])
def test_a_scene_that_can_not_be_is_refused(arguments):
    with pytest.raises(ValueError, match="no scene"):
        make_drawn_scene(*arguments)


def test_regimes_and_labels_have_their_exact_shares():
    cells = Counter(
        (s.regime, s.label) for s in (make_drawn_scene(8, "test", i) for i in range(600))
    )
    for regime, share in (("both", 240), ("seen", 120), ("heard", 120), ("synced", 120)):
        counts = {label: n for (r, label), n in cells.items() if r == regime}
        assert sum(counts.values()) == share
        assert len(set(counts.values())) == 1
        assert set(counts) == {"positive", "negative"} | (
            {"neutral"} - {regime} if regime != "synced" else set()
        )


def test_sources_stay_in_their_split_and_share_their_style():
    sizes, styles = {}, {}
    for split in ("train", "val", "test"):
        for index in range(600):
            scene = make_drawn_scene(3, split, index)
            key = (split, scene.source)
            sizes[key] = sizes.get(key, 0) + 1
            assert scene.clip == sizes[key]
            assert styles.setdefault(key, scene.style) == scene.style
    sources = [source for _, source in sizes]
    assert len(set(sources)) == len(sources)
    assert min(sources) >= 10
    assert min(sizes.values()) >= 4 and max(sizes.values()) <= 20
    assert len(set(sizes.values())) > 8
    assert len({style.place for style in styles.values()}) == len(PLACES)


def test_each_regime_plants_its_evidence_where_it_says():
    for scene in many(900):
        kinds = [sound.polarity for sound in scene.sounds]
        shown = {person.emotion for person in scene.people}
        facing = {person.facing for person in scene.people}
        if scene.regime == "seen":
            assert kinds == []
        elif scene.regime == "synced":
            one, two = scene.sounds
            decisive = scene.sounds[scene.evidence.sounds[0]]
            assert sorted(kinds) == ["negative", "positive"]
            assert decisive.polarity == scene.label
            assert (decisive.start_s, decisive.end_s) == (
                scene.movement.start_s,
                scene.movement.end_s,
            )
            assert two.start_s - one.end_s >= 0.4
            assert one.start_s >= 0 and two.end_s <= DURATION_S
        else:
            assert kinds == [scene.label]
        if scene.regime in ("heard", "synced"):
            assert shown == {"neutral"}
            assert ("front" in facing) == (scene.regime == "synced")


def test_faces_show_the_label_and_nobody_contradicts_it():
    negative = {"sad", "angry", "disgusted", "afraid"}
    allowed = {"positive": {"happy"}, "negative": negative, "neutral": set()}
    for scene in many(900):
        if scene.regime not in ("both", "seen"):
            continue
        shown = [p.emotion for p in scene.people if p.emotion not in ("neutral", "surprised")]
        assert set(shown) <= allowed[scene.label]
        if scene.label == "neutral":
            assert {p.emotion for p in scene.people} == {"neutral"}
            continue
        assert 2 * len(shown) >= len(scene.people)
        assert len(scene.evidence.faces) == len(shown)
        ((start, end),) = scene.evidence.seconds
        assert 1.99 <= end - start <= 4.01 and start >= 0 and end <= DURATION_S


def test_somebody_moves_in_every_clip_for_about_as_long_as_a_sound_of_the_synced():
    for scene in many(300):
        length = scene.movement.end_s - scene.movement.start_s
        assert 1.09 <= length <= 1.71
        assert 2 * len(scene.movement.people) >= len(scene.people)


def test_faces_are_large_enough_and_inside_the_frame():
    for scene in many(300):
        for number, person in enumerate(scene.people):
            x0, y0, x1, y1 = face_box(scene, number, np.array([0.0]))[0]
            assert 2 * person.radius >= 42
            assert x1 - x0 >= 1.8 * person.radius and y1 - y0 >= 2 * person.radius


def test_valence_follows_the_label_during_the_evidence_only():
    sign = {"positive": 1, "neutral": 0, "negative": -1}
    for scene in many(120):
        (span,) = scene.evidence.seconds
        inside, outside = (
            np.mean(span),
            span[0] / 2 if span[0] > 0.3 else (span[1] + DURATION_S) / 2,
        )
        valence = affect(scene, np.array([inside, outside]))[:, 0]
        assert abs(valence[0]) < 0.1 or np.sign(valence[0]) == sign[scene.label]
        assert (abs(valence[0]) > 0.2) == (scene.label != "neutral")
        assert abs(valence[1]) < 0.1


# The picture


def test_frames_have_the_promised_form_and_shrink_by_area():
    scene = make_drawn_scene(SEED, "train", 4)
    full = draw_frames(scene, np.array([0.0, 2.5]))
    small = draw_frames(scene, np.array([0.0, 2.5]), (96, 72))
    assert full.shape == (2, HEIGHT, WIDTH, 3) and full.dtype == np.uint8
    assert small.shape == (2, 72, 96, 3)
    np.testing.assert_array_equal(
        small[1], cv2.resize(full[1], (96, 72), interpolation=cv2.INTER_AREA)
    )


def test_a_frame_does_not_depend_on_which_others_are_drawn():
    scene = make_drawn_scene(SEED, "train", 11)
    times_s = np.array([0.4, 1.9, 3.3])
    together = draw_frames(scene, times_s)
    for moment, time_s in enumerate(times_s):
        np.testing.assert_array_equal(draw_frames(scene, np.array([time_s]))[0], together[moment])


def change(frames: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each frame from the first, (T - 1, H, W)."""
    return np.abs(frames[1:].astype(float) - frames[0]).mean(-1)


def calm_moments(scene: Scene, count: int) -> np.ndarray:
    """Times without movement, spread over the clip."""
    grid = np.arange(125) / FPS
    movement = scene.movement
    free = grid[(grid < movement.start_s) | (grid > movement.end_s)]
    return free[np.linspace(0, len(free) - 1, count).astype(int)]


@pytest.mark.parametrize("regime", ["both", "seen", "heard", "synced"])
def test_the_movement_is_plain_to_see_and_only_where_it_is_said_to_be(regime):
    ratios = []
    for scene in first(12, regime):
        middle = (scene.movement.start_s + scene.movement.end_s) / 2
        moving = [middle - 0.3, middle, middle + 0.3]
        frames = draw_frames(scene, np.concatenate([calm_moments(scene, 7), moving]))
        usual = np.median(frames[:7], axis=0)
        changed = (change(np.concatenate([usual[None], frames])) > 30).mean((1, 2))
        ratios.append(changed[7:].min() / changed[:7].max())
    assert min(ratios) > 1.2
    assert np.median(ratios) > 2.5


def test_evidence_faces_change_during_the_evidence_and_the_place_does_not():
    checked = 0
    for scene in first(60, "both", "seen"):
        if scene.label == "neutral":
            continue
        ((start, end),) = scene.evidence.seconds
        calm = calm_moments(scene, 60)
        before = calm[(calm < start - 0.05) | (calm > end + 0.05)]
        during = calm[(calm > start + 0.3) & (calm < end - 0.3)]
        if not len(before) or not len(during):
            continue
        checked += 1
        difference = change(draw_frames(scene, np.array([before[0], during[len(during) // 2]])))[0]
        for face in scene.evidence.faces:
            x0, y0, x1, y1 = face_box(scene, face, during[:1])[0].astype(int)
            assert difference[y0:y1, x0:x1].mean() > 6
        still = outside_people(scene)
        assert not still.any() or difference[:, still].max() == 0
    assert checked >= 15


def outside_people(scene: Scene) -> np.ndarray:
    """Columns of the frame that nobody at rest covers, (W,) bool."""
    column = np.arange(WIDTH)
    far = [np.abs(column - p.x) > 1.9 * p.radius for p in scene.people]
    return np.all(far, axis=0)


# The sound


def rms(wave: np.ndarray) -> float:
    return float(np.sqrt((wave.astype(float) ** 2).mean()))


def test_sound_events_stand_where_the_truth_puts_them():
    checked = 0
    for scene in many(120):
        wave = synthesise(scene)
        assert wave.shape == (round(DURATION_S * RATE),) and wave.dtype == np.float32
        assert np.abs(wave).max() <= 1
        if not scene.sounds or scene.snr_db < 8:
            continue
        inside = np.zeros(len(wave), bool)
        for sound in scene.sounds:
            inside[int(sound.start_s * RATE) : int(sound.end_s * RATE)] = True
            assert (
                rms(wave[int(sound.start_s * RATE) : int(sound.end_s * RATE)])
                > 1.7 * rms(wave[~inside])
                or len(scene.sounds) > 1
            )
        assert rms(wave[inside]) > 1.7 * rms(wave[~inside])
        checked += 1
    assert checked > 40


def test_another_rate_is_the_same_sound():
    scene = make_drawn_scene(SEED, "train", 2)
    wave, finer = synthesise(scene), synthesise(scene, 32_000)
    assert finer.shape == (160_000,)
    np.testing.assert_allclose(finer[::2], wave, atol=2e-3)


# The files


def test_the_tree_and_the_label_files_are_byte_exact(tree):
    scenes = {s: [make_drawn_scene(SEED, s, i) for i in range(n)] for s, n in COUNTS.items()}
    expected = {"Train_labels.txt", "Val_labels.txt", "VGAF_readme.txt", "truth.jsonl", "DATA.md"}
    expected |= {f"{s.title()}/{scene.name}.mp4" for s in COUNTS for scene in scenes[s]}
    assert set(contents(tree)) == expected
    assert {path.name for path in (tree / "Test").iterdir()} == {"Test_1.mp4", "Test_2.mp4"}
    code = {"positive": "1", "neutral": "2", "negative": "3"}
    rows = [f"{s.source}_{s.clip} {code[s.label]}" for s in scenes["val"]]
    text = "\n".join(["Vid_name Label", *rows])
    assert (tree / "Val_labels.txt").read_bytes() == text.encode()
    assert "drawn stand-in" in (tree / "VGAF_readme.txt").read_text()


def test_every_clip_has_its_line_of_truth(tree):
    lines = [json.loads(line) for line in (tree / "truth.jsonl").read_text().splitlines()]
    assert len(lines) == sum(COUNTS.values())
    for line in lines:
        assert (tree / f"{line['clip']}.mp4").is_file()
        assert len(line["valence"]) == len(line["arousal"]) == 125
        assert max(map(abs, line["valence"] + line["arousal"])) <= 1
        assert set(line["emotions"]) == set(ACTED_EMOTIONS)
        assert set(line["emotions"].values()) <= {0, 1}
        assert all(face < len(line["people"]) for face in line["evidence"]["faces"])
        assert all(sound < len(line["sounds"]) for sound in line["evidence"]["sounds"])
        assert set(line["movement"]["people"]) <= set(range(len(line["people"])))
        for person in line["people"]:
            assert len(person["box"]) == 25 and person["box"][1][0] == 0.2
            assert person["facing"] in ("front", "away", "dark")
    assert lines[0] == json.loads(json.dumps(drawn_truth(make_drawn_scene(SEED, "train", 0))))


def test_the_files_agree_with_the_drawing_and_the_synthesis(tree):
    scene = make_drawn_scene(SEED, "train", 1)
    with av.open(str(tree / "Train" / f"{scene.name}.mp4")) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (picture.width, picture.height, picture.average_rate) == (WIDTH, HEIGHT, FPS)
        assert container.duration == DURATION_S * av.time_base
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        container.seek(0)
        wave = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(frames) == 125
    drawn = draw_frames(scene, np.arange(125) / FPS)
    error = np.mean((np.array(frames, float) - drawn) ** 2, axis=(1, 2, 3))
    assert 10 * np.log10(255**2 / error).min() > 29  # dB
    expected = synthesise(scene)
    wave = wave[: len(expected)]
    assert abs(len(wave) - len(expected)) <= 1024
    assert np.corrcoef(wave, expected[: len(wave)])[0, 1] > 0.95


def test_the_same_seed_makes_the_same_bytes_with_any_number_of_workers(tree, tmp_path):
    make_staged(tmp_path / "again", **COUNTS, seed=SEED, workers=2)
    assert contents(tmp_path / "again") == contents(tree)


def test_progress_counts_up_to_all_and_a_second_run_has_nothing_to_do(tree):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*.mp4")}
    calls = []
    make_staged(tree, **COUNTS, seed=SEED, progress=lambda *call: calls.append(call))
    assert calls == []
    victim = next(iter(before))
    victim.unlink()
    make_staged(tree, **COUNTS, seed=SEED, progress=lambda *call: calls.append(call))
    assert calls == [(sum(COUNTS.values()), sum(COUNTS.values()))]
    assert all(p.stat().st_mtime_ns == t for p, t in before.items() if p != victim)


def test_a_killed_run_leaves_no_half_file_and_is_completed(tree, tmp_path):
    out = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path\n"
        "from emo_core.synthetic.drawn.writer import make_staged\n"
        f"make_staged(Path(sys.argv[1]), **{COUNTS}, seed={SEED}, workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(out)])
    deadline = time.monotonic() + HANG_S
    while len(list(out.rglob("*.mp4"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    whole = contents(tree)
    finished = {name: data for name, data in contents(out).items() if name.endswith(".mp4")}
    assert 3 <= len(finished) < sum(COUNTS.values())
    assert all(whole[name] == data for name, data in finished.items())
    make_staged(out, **COUNTS, seed=SEED, workers=1)
    assert contents(out) == whole


def test_workers_end_with_a_killed_run(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from emo_core.synthetic.drawn.writer import make_staged\n"
        "if __name__ == '__main__': make_staged(Path(sys.argv[1]), 90, 0, 0, seed=1, workers=2)"
    )
    script = tmp_path / "make.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path / "out")])
    deadline = time.monotonic() + HANG_S
    while not list(tmp_path.rglob("*.mp4")) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(workers) >= 2 and not psutil.wait_procs(workers, timeout=HANG_S)[1]


@pytest.mark.parametrize(
    ("change_of", "words"),
    [
        ({"train": -1}, "-1 train clips were asked for"),
        ({"train": 0, "val": 0, "test": 0}, "0 clips were asked for"),
        ({"workers": 0}, "0 workers were asked for"),
    ],
)
def test_counts_that_make_no_sense_are_refused_in_a_sentence(tmp_path, change_of, words):
    arguments = {"train": 1, "val": 0, "test": 0, "seed": 1, "workers": 1, **change_of}
    with pytest.raises(MakeError, match=words):
        make_staged(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_else_is_left_alone(tree, tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(MakeError, match="already holds something else"):
        make_staged(tmp_path, 1, 0, 0, seed=1)
    with pytest.raises(MakeError, match="is a file"):
        make_staged(tmp_path / "holiday.mp4", 1, 0, 0, seed=1)
    assert contents(tmp_path) == {"holiday.mp4": b"mine"}
    before = contents(tree)
    with pytest.raises(MakeError, match="other counts, another seed"):
        make_staged(tree, **COUNTS, seed=SEED + 1)
    assert contents(tree) == before


def test_a_place_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MakeError, match="can't be written .* run the same command again"):
        make_staged(tmp_path / "file" / "inside", 1, 0, 0, seed=1, workers=1)


def test_the_cache_key_follows_every_module_that_scene_and_render_and_sound_import():
    code = (
        "import sys\n"
        "from emo_core.synthetic.drawn import render, scene, soundtrack\n"
        "print(*(name for name in sys.modules if name.startswith('emo_core.synthetic.drawn.')))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    used = {f"{name.rpartition('.')[2]}.py" for name in listed.stdout.split()}
    assert "render.py" in used and used == {path.name for path in drawing_modules()}


def test_a_clip_is_the_same_bytes_every_time(tmp_path):
    scene, held, found = make_drawn_scene(SEED, "train", 4), [], set()
    for size in (1, 70_001, 300_000, 12_345):  # the encoder must not mind where its memory lies
        held.append(np.ones(size, np.uint8))
        write_drawn_clip(tmp_path / "clip.mp4", scene)
        found.add((tmp_path / "clip.mp4").read_bytes())
    assert len(found) == 1
