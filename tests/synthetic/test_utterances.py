"""Utterances: one face, one voice, six emotions or none; nobody in two splits; faces where put."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError
from emo_core.data.dataset import corpus_windows
from emo_core.faces.detection import YuNet
from emo_core.faces.tracking import overlaps
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import SampleConfig, frame_times
from emo_core.schema import EMOTIONS, POLARITIES, SPLITS
from emo_core.synthetic.composed.dataset import (
    OnTheFlyUtterances,
    decode_utterance,
    utterance_sources_of,
)
from emo_core.synthetic.composed.scene import ComposedScene, make_scene
from emo_core.synthetic.composed.sources import (
    RATE,
    photograph,
    read_sources,
)
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    composed_faces,
    make_utterance,
    read_speakers,
    text_of,
    transcript_of_row,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.composed.writer import make_utterances
from emo_core.tasks import MultiLabel
from emo_core.training.recipes import find_recipe
from emo_core.training.run import loaders
from tests.synthetic.test_composed import write_sound, write_table

CONFIG = SampleConfig(frames=4, people=1, text_length=24)
SIZE = (320, 240)
ROWS = {  # emotion -> polarity, as in the tables
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "happiness": "positive",
    "sadness": "negative",
    "surprise": "",
    "neutral": "neutral",
}
PEOPLE, SPEAKERS = 42, 8
INTENSITIES = ("normal", "Strong", "")  # as acted, of the speakers in turn
SENTENCES = ("Kids are talking by the door.", "Dogs are sitting by the door.")
SEED = 6  # of a tree with surprise, neutral and every regime in few clips


def make_speakers(root: Path, faces: dict[str, str] = ROWS, voices: dict[str, str] = ROWS) -> Path:
    """Noise as photographs and hisses as voices, but every emotion is in every table."""
    rng, rows = np.random.default_rng(0), []
    for number in range(PEOPLE):
        emotion = list(faces)[number % len(faces)]
        for photo in range(2):
            name = f"{emotion}_{number}_{photo}.png"
            (root / "faces").mkdir(parents=True, exist_ok=True)
            noise = cv2.resize(rng.uniform(0, 255, (6, 6)), (40, 44)).astype(np.uint8)
            cv2.imwrite(str(root / "faces" / name), noise)
            rows.append(f"{name},{emotion},{faces[emotion]},p{number}")
    write_table(root / "faces" / "labels.csv", "file,emotion,polarity,person", rows)
    rows = []
    for speaker in range(SPEAKERS):
        for emotion, polarity in voices.items():
            name, text = f"{speaker}_{emotion}.wav", SENTENCES[speaker % 2]
            write_sound(root / "voices/made" / name, 0.2 * rng.uniform(-1, 1, 9000))
            acted = INTENSITIES[speaker % 3]
            rows.append(f"{name},{emotion},{polarity},{speaker},{text},{acted}")
    columns = "file,emotion,polarity,speaker,text,intensity"
    write_table(root / "voices/made/labels.csv", columns, rows)
    for number in range(9):
        hum = 0.1 * np.sin(np.arange(RATE) * (0.02 + 0.01 * number))
        write_sound(root / f"sounds/esc10/002 - Rain/1-{number}-A.ogg", hum)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_speakers(tmp_path_factory.mktemp("speakers"))


@pytest.fixture(scope="module")
def speakers(root):
    return read_speakers(root)


@pytest.fixture(scope="module")
def scenes(speakers) -> list[ComposedScene]:
    return [make_utterance(speakers, 0, "train", index) for index in range(700)]


@pytest.fixture(scope="module")
def tree(root, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "utterances"
    make_utterances(out, root, 2, 6, 1, seed=SEED, workers=1)
    return out


def lines_of(tree: Path) -> list[dict]:
    return [json.loads(line) for line in (tree / "truth.jsonl").read_text().splitlines()]


def check_splits(root: Path) -> None:
    sources, where = read_speakers(root), {}
    known = {part.path: part.split for part in read_sources(root).items}
    for part in sources.items:
        assert part.split == known.get(part.path, part.split), part.path
        where.setdefault(f"{part.kind}/{part.group}", set()).add(part.split)
    assert all(len(splits) == 1 for splits in where.values())
    surprised = [part for part in sources.items if part.polarity == "surprise"]
    assert {part.split for part in surprised} == set(SPLITS)
    assert {part.kind for part in surprised} == {"face", "voice"}
    assert not any(part.path in known for part in surprised)


def test_splits_are_those_of_collages_and_nobody_crosses(root, speakers):
    check_splits(root)
    for split in SPLITS:
        for index in range(60):
            scene = make_utterance(speakers, 0, split, index)
            used = [p.item for p in scene.people] + [s.item for s in scene.sounds]
            assert {speakers.items[part].split for part in used} == {split}


@pytest.mark.real_data
def test_real_splits_are_those_of_collages_and_nobody_crosses(real_sources):
    check_splits(real_sources)
    assert all(part.text for part in read_speakers(real_sources).items if part.kind == "voice")


def test_an_utterance_is_one_face_and_one_voice_of_its_class(scenes, speakers):
    for scene in scenes:
        voices = [s for s in scene.sounds if s.kind == "voice"]
        assert bool(voices) == (scene.regime != "seen") and len(voices) < 2
        assert bool(scene.hidden) == (scene.regime == "heard")
        assert len(scene.people) == (scene.hidden != "nobody")
        for used, part in [(p, p.item) for p in scene.people] + [(s, s.item) for s in voices]:
            assert used.polarity == speakers.items[part].polarity
            assert used.polarity == scene.label or scene.hidden
        assert all(voice.polarity == scene.label for voice in voices)
        assert bool(text_of(scene, speakers)) == bool(voices)
    for found, shares in (
        (Counter(s.regime for s in scenes), {"both": 0.5, "seen": 0.25, "heard": 0.25}),
        (Counter(s.label for s in scenes), dict.fromkeys(CLASSES, 1 / 7)),
    ):
        for name, share in shares.items():
            error = (share * (1 - share) / len(scenes)) ** 0.5
            assert abs(found[name] / len(scenes) - share) < 4 * error, name


def test_the_same_numbers_give_the_same_utterance_and_no_collage(speakers, root):
    for index in range(8):
        scene = make_utterance(speakers, 3, "val", index)
        assert scene == make_utterance(speakers, 3, "val", index)
        assert scene != make_utterance(speakers, 4, "val", index)
    collages = [make_scene(read_sources(root), 3, "train", index).regime for index in range(20)]
    assert collages != [make_utterance(speakers, 3, "train", index).regime for index in range(20)]


def test_a_class_without_faces_is_heard_and_one_without_voices_seen(tmp_path):
    faces = {name: polarity for name, polarity in ROWS.items() if name != "fear"}
    voices = {name: polarity for name, polarity in ROWS.items() if name != "surprise"}
    sources = read_speakers(make_speakers(tmp_path, faces, voices))
    made = [make_utterance(sources, 0, "train", index) for index in range(200)]
    assert {scene.regime for scene in made if scene.label == "fear"} == {"heard"}
    assert {scene.regime for scene in made if scene.label == "surprise"} == {"seen"}
    voices = {name: polarity for name, polarity in voices.items() if name != "fear"}
    with pytest.raises(CorpusError, match="no face and no voice of fear for train"):
        read_speakers(make_speakers(tmp_path / "neither", faces, voices))


def test_what_is_said_is_known_from_the_tables():
    assert transcript_of_row({"statement": "02", "text": "Hello."}) == "Hello."
    assert transcript_of_row({"statement": "01", "sentence": "a01"}) == ""  # a code is no sentence


def test_the_box_lies_where_the_photograph_was_put(scenes, speakers):
    """The middle of the box, taken out of the picture and turned back, shows the photograph."""
    plain = {"zoom": (1.0, 1.15), "grey": True, "blur": 0.0, "noise": 0.0, "quality": 0}
    looked = 0
    for scene in scenes[:120]:
        tracks = composed_faces(scene, np.array([0.2, 3.0]))
        assert tracks.mask.shape == (2, 0 if scene.hidden else 1)
        if scene.hidden or not 0.5 < scene.people[0].size < 0.8:
            continue
        person = replace(scene.people[0], oval=False, light=(1.0, 1.0))
        scene = replace(scene, people=(person,), camera=replace(scene.camera, **plain))
        tracks = composed_faces(scene, np.array([0.2, 3.0]))
        face = photograph(speakers.items[person.item].path)
        face = face[:, ::-1] if person.mirrored else face
        for frame, box, lean in zip(
            compose_frames(scene, speakers, np.array([0.2, 3.0]), SIZE),
            tracks.boxes[:, 0] * (*SIZE, *SIZE),
            tracks.angles[:, 0],
            strict=True,
        ):
            side = (box[2] - box[0]) / 0.81
            assert (box[3] - box[1]) / side == pytest.approx(1.04, abs=1e-4)
            middle = (box[:2] + box[2:]) / 2 - 0.04 * side * np.array([-np.sin(lean), np.cos(lean)])
            turn = cv2.getRotationMatrix2D(tuple(middle.tolist()), np.degrees(lean), 64 / side)
            turn[:, 2] += 32 - middle
            found = cv2.warpAffine(frame, turn, (64, 64), borderValue=(0, 0, 0))
            inside = cv2.warpAffine(np.ones(frame.shape[:2], np.uint8), turn, (64, 64)) > 0
            inside[:12], inside[-12:], inside[:, :12], inside[:, -12:] = (False,) * 4
            wanted = cv2.resize(np.ascontiguousarray(face), (64, 64))
            if inside.sum() > 800:
                assert np.corrcoef(found[..., 1][inside], wanted[inside])[0, 1] > 0.85
                looked += 1
    assert looked > 20


@pytest.mark.real_data
def test_yunet_finds_real_faces_where_they_were_put(real_data):
    weights = real_data / "weights" / "face_detection_yunet_2026may.onnx"
    sources, detector, found = read_speakers(real_data), YuNet(weights), []
    for index in range(60):
        scene, times_s = make_utterance(sources, 0, "val", index), np.array([2.0])
        known = composed_faces(scene, times_s).boxes[0] * (*SIZE, *SIZE)
        if len(known):
            frame = compose_frames(scene, sources, times_s, SIZE)[0]
            seen = detector(frame)
            found.append(len(seen) and overlaps(known, seen[:, :4] * (*SIZE, *SIZE)).max() > 0.5)
    assert len(found) > 30 and np.mean(found) > 0.8


def test_a_made_corpus_is_read_as_it_was_made(tree, root, speakers):
    corpus, lines = read_corpus("utterances", tree), lines_of(tree)
    assert not check_corpus(corpus)["problems"] and corpus.labels == MultiLabel().labels
    for item, line in zip(corpus.items, lines, strict=True):
        scene = make_utterance(speakers, SEED, line["split"], line["scene"]["index"])
        emotion = scene.label if scene.label in EMOTIONS else None
        assert item.label == ((emotion,) if emotion else ()) and line["emotion"] == scene.label
        assert item.regime == scene.regime and item.text == text_of(scene, speakers)
        speaking = [s["speaker"] for s in line["sounds"] if s["kind"] == "voice"]
        assert item.group == (speaking or [p["person"] for p in line["people"]])[0]
        window = corpus_windows(corpus, [item], MultiLabel().target)[0]
        times_s = np.array([0.0, 1.33, 4.9])
        known, read = composed_faces(scene, times_s), window.follow(np.zeros((3, 1, 1, 3)), times_s)
        assert np.abs(known.boxes - read.boxes).max(initial=0) < 2e-3
        assert (known.mask == read.mask).all() and known.angles.shape == read.angles.shape
    surprised = {line["clip"] for line in lines if line["emotion"] == "surprise"}
    labelled = (tree / "Val_labels.txt").read_text().splitlines()[1:]
    named = {f"Val/{row.split()[0]}" for row in labelled}
    assert named == {line["clip"] for line in lines if line["split"] == "val"} - surprised
    assert all(line["label"] in (*POLARITIES, "") for line in lines) and surprised
    assert utterance_sources_of(tree).root == root.resolve()


def test_a_file_and_a_fresh_utterance_agree_within_the_codecs_loss(tree, speakers):
    corpus = read_corpus("utterances", tree)
    both = [n for n, item in enumerate(corpus.items) if item.face][:2]
    assert both
    for number in both:
        item, line = corpus.items[number], lines_of(tree)[number]
        scene = make_utterance(speakers, SEED, line["split"], line["scene"]["index"])
        scene = replace(scene, camera=replace(scene.camera, noise=0.0, quality=0))
        read = corpus_windows(corpus, [item], MultiLabel().target)[0].decode(CONFIG)
        made = decode_utterance(scene, speakers, CONFIG, frame_times(CONFIG))
        assert read.face_mask.all() and made.face_mask.all()
        assert np.abs(read.faces.astype(int) - made.faces).mean() < 12
        assert np.abs(read.pixels.astype(int) - made.pixels).mean() < 8
        assert np.abs(read.face_boxes - made.face_boxes).max() < 0.02
        assert np.corrcoef(read.wave, made.wave)[0, 1] > 0.9 and read.text == made.text


def test_a_bad_line_is_left_out_and_a_foreign_folder_refused(tree, tmp_path):
    lines = lines_of(tree)
    spoilt = [{"emotion": "joy"}, {"face": [[0, 0, 1, 1]]}, {"label": "good"}, {"split": "dev"}]
    for line, bad in zip(lines, spoilt, strict=False):
        line.update(bad)
    lines[4].pop("text")
    for folder in ("Train", "Val", "Test"):
        (tmp_path / folder).symlink_to(tree / folder)
    text = "\n".join(map(json.dumps, lines))
    (tmp_path / "truth.jsonl").write_text(text)
    corpus = read_corpus("utterances", tmp_path)
    assert len(corpus.items) == len(lines) - 5 and len(corpus.problems) == 5
    for problem, word in zip(
        corpus.problems,
        ("'joy' is not", "shape", "'good' is not", "'dev' is not", "text"),
        strict=True,
    ):
        assert word in problem
    (tmp_path / "truth.jsonl").unlink()
    with pytest.raises(CorpusError, match="emo data make utterances"):
        read_corpus("utterances", tmp_path)


def splits_drawn(sources, monkeypatch) -> list[str]:
    """Fills with the split of every part that is drawn from now on."""
    used, drawn = [], type(sources).draw
    monkeypatch.setattr(
        type(sources),
        "draw",
        lambda self, rng, kind, split, *rest: (
            used.append(split) or drawn(self, rng, kind, split, *rest)
        ),
    )
    return used


def test_every_epoch_composes_other_utterances_of_training_people(speakers, monkeypatch):
    used = splits_drawn(speakers, monkeypatch)
    made = OnTheFlyUtterances(speakers, 14, CONFIG, 0, Augment(zoom=0.0))
    sample, target = made[0, 2]
    again, other = made[0, 2][0], made[1, 2][0]
    assert sample.faces.shape == (4, 1, 3, 48, 48) and sample.tokens.shape == (24,)
    assert target.shape == (6,) and target.dtype == np.float32 and target.sum() <= 1
    assert all(torch.equal(getattr(sample, n), getattr(again, n)) for n in ("mel", "faces"))
    assert not torch.equal(sample.mel, other.mel)
    targets = {tuple(made[0, index][1]) for index in range(14)}
    assert len(targets) > 3 and set(used) == {"train"}
    weights = MultiLabel().fitted([window.target for window in made.windows]).pos_weight
    assert weights == (6.0,) * 6


def test_only_composed_corpora_train_on_fresh_clips(tree, drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    recipe = replace(find_recipe("fe2e-utterances"), sample=CONFIG, samples_on_the_fly=5)
    found = loaders(recipe, tree, 0)
    assert len(found.train.dataset) == 7 and len(found.valid.dataset) == 6
    assert next(iter(found.train.epoch(0))).target.shape == (7, 6)
    with pytest.raises(CorpusError, match="only for collage, utterances"):
        loaders(
            replace(find_recipe("fe2e-staged"), synthetic_scenes=0, samples_on_the_fly=5), drawn, 0
        )


def test_the_command_makes_utterances(root, tmp_path, capsys):
    out, counts = tmp_path / "o", ("--train", "1", "--val", "0", "--test", "0", "--workers", "1")
    words = ["data", "make", "utterances", str(out), *counts]
    assert main([*words, "--sources", str(root)]) == 0
    assert "1 clips" in capsys.readouterr().out
    assert "make utterances" in (out / "VGAF_readme.txt").read_text()
    assert main([*words, "--sources", str(tmp_path / "none")]) == 2
    assert "is not there" in capsys.readouterr().err
