"""Collages: the same seed the same clip, nobody in two splits, and no label but in the parts."""

import json
import wave as wave_files
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emo_core.checkpoint import CheckpointError, load_checkpoint
from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError
from emo_core.data.dataset import ClipDataset, ConcatDataset, FileWindow, Loader
from emo_core.metrics import share_at_least
from emo_core.models.group import POCKET, Group
from emo_core.models.pretraining_heads import AudioPretrainHead
from emo_core.preprocess.augment import Augment, augment_mel, filter_augment
from emo_core.preprocess.sample import SampleConfig, frame_times
from emo_core.schema import POLARITIES, SPLITS
from emo_core.synthetic.composed.dataset import (
    OnTheFlyDataset,
    SourceItemWindow,
    decode_scene,
    sources_of,
)
from emo_core.synthetic.composed.pretraining import (
    Frames,
    Photographs,
    PretrainStage,
    SceneAudio,
    Voices,
)
from emo_core.synthetic.composed.scene import REGIMES, SHOWING, make_scene
from emo_core.synthetic.composed.soundtrack import mix
from emo_core.synthetic.composed.sources import (
    RATE,
    pools,
    read_more_faces,
    read_sources,
    recording,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.composed.writer import composed_truth, make_collage
from emo_core.synthetic.corpus_io import MakeError
from emo_core.tasks import SingleLabel
from emo_core.training.init_weights import take_backbones
from emo_core.training.pretrain import Data, pretrain
from emo_core.training.recipes import find_recipe
from emo_core.training.run import loaders
from tests.conftest import random_batch, small_group

CONFIG = SampleConfig(frames=4, width=64, height=48)
SIZE = (64, 48)


def write_sound(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave_files.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def write_table(path: Path, header: str, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def make_sources(root: Path) -> Path:
    """Noise as photographs, hisses as voices: nothing in a part tells its polarity."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(36):
        for photo in range(2):
            name = f"{POLARITIES[number % 3]}_{number}_{photo}.png"
            path = root / "faces" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = cv2.resize(rng.uniform(0, 255, (6, 6)), (40, 44)).astype(np.uint8)
            cv2.imwrite(str(path), noise)
            rows.append(f"{name},{POLARITIES[number % 3]},p{number},{('news', 'film')[number % 2]}")
    write_table(root / "faces" / "labels.csv", "file,polarity,person,source", rows)
    rows = []
    for speaker in range(8):
        for label in POLARITIES:
            write_sound(root / f"voices/made/{speaker}_{label}.wav", 0.2 * rng.uniform(-1, 1, 9000))
            rows.append(f"{speaker}_{label}.wav,{label},{speaker}")
    write_table(root / "voices" / "made" / "labels.csv", "file,polarity,speaker", rows)
    for number in range(9):
        hum = 0.1 * np.sin(np.arange(RATE) * (0.02 + 0.01 * number))
        write_sound(root / f"sounds/esc10/002 - Rain/1-{number}-A.ogg", hum)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def sources(root):
    return read_sources(root)


@pytest.fixture(scope="module")
def scenes(sources):
    return [make_scene(sources, 0, "train", index) for index in range(1500)]


@pytest.fixture(scope="module")
def tree(root, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "collage"
    make_collage(out, root, 2, 2, 2, seed=0, workers=1)
    return out


def test_the_same_numbers_compose_the_same_clip(sources):
    times_s = np.array([0.1, 4.0])
    for index in range(8):
        scene = make_scene(sources, 3, "val", index)
        assert scene == make_scene(sources, 3, "val", index)
        assert scene != make_scene(sources, 4, "val", index)
        frames = compose_frames(scene, sources, times_s, SIZE)
        assert (frames == compose_frames(scene, sources, times_s, SIZE)).all()
        assert (mix(scene, sources) == mix(scene, sources)).all()
        assert frames.shape == (2, 48, 64, 3) and np.abs(mix(scene, sources)).max() <= 1


def test_nobody_is_in_two_splits(sources):
    where: dict[str, set[str]] = {}
    for part in sources.items:
        where.setdefault(f"{part.kind}/{part.group}", set()).add(part.split)
    assert all(len(splits) == 1 for splits in where.values())
    assert {split for splits in where.values() for split in splits} == set(SPLITS)
    for split in SPLITS:
        for index in range(60):
            scene = make_scene(sources, 0, split, index)
            used = [p.item for p in scene.people] + [s.item for s in scene.sounds]
            assert {sources.items[part].split for part in used} <= {split}


def test_the_shares_of_regimes_and_labels(scenes):
    for found, shares in (
        (Counter(s.regime for s in scenes), REGIMES),
        (Counter(s.label for s in scenes), dict.fromkeys(POLARITIES, 1 / 3)),
    ):
        for name, share in shares.items():
            error = (share * (1 - share) / len(scenes)) ** 0.5
            assert abs(found[name] / len(scenes) - share) < 4 * error, name


def test_the_label_is_what_the_parts_show(scenes, sources):
    for scene in scenes:
        for used, part in [(p, p.item) for p in scene.people] + [(s, s.item) for s in scene.sounds]:
            assert used.polarity == sources.items[part].polarity
        voices = [s for s in scene.sounds if s.kind != "ambience"]
        assert bool(voices) == (scene.regime != "seen")
        assert bool(scene.hidden) == (scene.regime == "heard")
        for shown in ([] if scene.hidden else scene.people, voices):
            agreeing = sum(one.polarity == scene.label for one in shown)
            assert {one.polarity for one in shown} <= {scene.label, "neutral"}
            assert agreeing >= SHOWING * len(shown)
    assert {len(scene.people) for scene in scenes} >= {0, 1, 2, 5, 8}


def statistics(scene, sources) -> dict[str, list[float]]:
    frame = compose_frames(scene, sources, np.array([2.0]), (32, 24))[0].reshape(-1, 3)
    wave = mix(scene, sources)
    heights = np.percentile(np.abs(wave), (50, 75, 90, 99))
    sizes = [p.size for p in scene.people] or [0]
    return {
        "colours": [*frame.mean(0), *frame.std(0), *np.percentile(frame, (10, 50, 90))],
        "loudness": np.log10([*heights, np.sqrt((wave**2).mean())] + np.float64(1e-6)).tolist(),
        "sizes": [len(scene.people), np.mean(sizes), max(sizes), len(scene.sounds)],
    }


def test_colour_loudness_and_sizes_do_not_tell_the_label(scenes, sources):
    some = scenes[:360]
    table = [statistics(scene, sources) for scene in some]
    target = np.array([POLARITIES.index(scene.label) for scene in some])
    majority = np.bincount(target).max() / len(target)
    bound = majority + 3.5 * (majority * (1 - majority) / len(target)) ** 0.5
    for name in table[0]:
        features = np.array([row[name] for row in table])
        for probe in (
            make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
            RandomForestClassifier(40, min_samples_leaf=4, random_state=0),
        ):
            assert cross_val_score(probe, features, target, cv=4).mean() < bound, name


def test_a_made_corpus_is_sound_and_says_what_is_in_it(tree, root, tmp_path):
    report = check_corpus(read_corpus("collage", tree))
    assert not report["problems"] and not report["silent"]
    assert {name: part["clips"] for name, part in report["splits"].items()} == dict.fromkeys(
        SPLITS, 2
    )
    lines = [json.loads(line) for line in (tree / "truth.jsonl").read_text().splitlines()]
    people = {split: set() for split in SPLITS}
    for line in lines:
        people[line["split"]] |= {p["person"] for p in line["people"]}
    assert not people["train"] & people["test"] and people["train"]
    assert "mapping" in (tree / "VGAF_readme.txt").read_text()
    again = tmp_path / "again"
    make_collage(again, root, 2, 2, 2, seed=0, workers=1)
    for path in tree.rglob("*.*"):
        assert path.read_bytes() == (again / path.relative_to(tree)).read_bytes(), path.name
    with pytest.raises(MakeError, match="other counts, another seed"):
        make_collage(again, root, 2, 2, 2, seed=1, workers=1)


def test_a_bad_line_of_truth_costs_its_own_clip_only(tree, tmp_path):
    for name in ("Train", "Val", "Test"):
        (tmp_path / name).symlink_to(tree / name)
    lines = (tree / "truth.jsonl").read_bytes().splitlines()
    first = json.loads(lines[0])
    odd = json.dumps({**json.loads(lines[1]), "regime": ["both"]}).encode()
    latin = lines[2].replace(b'"clip"', b'"\xe9": 1, "clip"')
    text = b"\n".join([b"\xef\xbb\xbf" + lines[0], odd, latin, *lines[3:], lines[0]])
    (tmp_path / "truth.jsonl").write_bytes(text)
    corpus = read_corpus("collage", tmp_path)
    names = [item.name for item in corpus.items]
    assert names == [first["clip"], *(json.loads(line)["clip"] for line in lines[3:])]
    wanted = ("regime is ['both'], expected text", "line 3: 'utf-8' codec", "in line 1 already")
    assert all(word in problem for word, problem in zip(wanted, corpus.problems, strict=True))


def test_a_file_and_a_fresh_collage_agree_within_the_codecs_loss(tree, sources):
    line = json.loads((tree / "truth.jsonl").read_text().splitlines()[0])
    scene = make_scene(sources, 0, "train", line["scene"]["index"])
    scene = replace(scene, camera=replace(scene.camera, noise=0.0, quality=0))
    read = FileWindow("one", tree / f"{line['clip']}.mp4", 0, "one").decode(CONFIG)
    fresh = decode_scene(scene, sources, CONFIG, frame_times(CONFIG))
    assert np.abs(read.pixels.astype(int) - fresh.pixels).mean() < 8
    assert np.corrcoef(read.wave, fresh.wave)[0, 1] > 0.9
    assert composed_truth(sources, scene)["label"] == line["label"]


def test_every_epoch_composes_other_collages_of_training_people(sources):
    fresh = OnTheFlyDataset(sources, 6, CONFIG, 0, Augment(zoom=0, frame_subsample=2))
    sample, target = fresh[0, 2]
    again, _ = fresh[0, 2]
    other, _ = fresh[1, 2]
    assert sample.video.shape == (2, 3, 48, 64) and target in range(3)
    assert (sample.video == again.video).all() and (sample.mel == again.mel).all()
    assert not (sample.mel == other.mel).all()
    joined = ConcatDataset([ClipDataset([], fresh.cache), fresh])
    assert len(joined) == 6 and (joined[0, 2][0].video == sample.video).all()


def test_pretraining_shows_parts_and_scenes_of_training_people(sources, monkeypatch):
    used = []
    drawn = type(sources).draw

    def noted(self, rng, kind, split, polarity=""):
        used.append(split)
        return drawn(self, rng, kind, split, polarity)

    monkeypatch.setattr(type(sources), "draw", noted)
    warm = PretrainStage(epochs=2, samples_per_epoch=60, image_size=32, seconds=1.0)
    for kind in (Photographs, Frames, Voices, SceneAudio):
        shown, heard = kind(sources, warm, CONFIG, 0), kind in (Voices, SceneAudio)
        rows = [shown[0, index] for index in range(30)]
        targets = Counter(int(np.ravel(target)[0]) for _, target in rows)
        assert set(targets) == set(range(len(shown.classes))) >= {0, 1, 2}
        one, again, later = (shown[place][0] for place in ((0, 1), (0, 1), (1, 1)))
        name = "mel" if heard else "video"
        assert (getattr(one, name) == getattr(again, name)).all()
        assert not (getattr(one, name) == getattr(later, name)).all()
        assert one.video_mask.any() == (not heard) and len(one.video) == 1
        assert one.mel_mask.any() == heard
    assert set(used) == {"train"}


STAGES = ("faces", "frames", "voices", "mixes")


def short_pretraining(*steps):
    """The recipe with one short pass of these steps only."""
    recipe = replace(find_recipe("group-collage"), sample=CONFIG, init_checkpoint="")
    warm = PretrainStage(0, 16, batch_size=8, image_size=32, seconds=1.0)
    passes = {what: replace(warm, epochs=int(what in steps)) for what in STAGES}
    return replace(recipe, **passes)


@pytest.mark.parametrize("killed_at", STAGES)
def test_killed_pretraining_goes_on_after_its_last_whole_stage(sources, tmp_path, killed_at):
    recipe = short_pretraining(*STAGES)
    clips = Loader(OnTheFlyDataset(sources, 2, CONFIG), 1, False)
    data = Data(clips, clips, (), sources)

    def warmed(kept, tell):
        model = small_group(unimodal_heads=True)
        pretrain(recipe, model, data, tell, None, kept)
        return model.state_dict()

    def kill(line):
        if line.startswith(killed_at):
            raise KeyboardInterrupt

    whole = warmed(None, print)
    with pytest.raises(KeyboardInterrupt):
        warmed(tmp_path / "warm.pt", kill)
    torch.rand(3)
    told = []
    again = warmed(tmp_path / "warm.pt", told.append)
    assert [line.split(" ")[0] for line in told if "/" in line] == [
        *STAGES[STAGES.index(killed_at) :]
    ]
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


@pytest.mark.parametrize(
    "step,stream,lasts",
    [
        ("faces", "video", False),
        ("frames", "video", True),
        ("voices", "audio", False),
        ("mixes", "audio", True),
    ],
)
def test_what_scenes_teach_a_stream_by_itself_stays_in_the_model(sources, step, stream, lasts):
    recipe, model = short_pretraining(step), small_group(unimodal_heads=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    clips = Loader(OnTheFlyDataset(sources, 2, CONFIG), 1, False)
    pretrain(recipe, model, Data(clips, clips, (), sources), print)
    changed = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    heads = {name for name in before if name.startswith(f"{stream}.unimodal_head.")}
    assert heads and heads & changed == (heads if lasts else set())
    assert {name.split(".")[1] for name in changed - heads} == {"backbone"}


def test_crowds_and_ambience_are_classes_beside_the_voices(sources):
    warm = PretrainStage(epochs=1, samples_per_epoch=200, image_size=32, seconds=1.0)
    rain = next(part for part in sources.items if part.kind == "ambience")
    cheer = replace(rain, kind="crowd", polarity="positive", split="train")
    parts = (*sources.items, cheer)
    shown = Voices(replace(sources, items=parts, pools=pools(parts)), warm, CONFIG, 0)
    assert shown.classes == ["negative", "neutral", "positive", "ambience", "crowd positive"]
    drawn = [shown.draw(np.random.default_rng(seed)) for seed in range(600)]
    for path, target in drawn:
        assert ("esc10" in str(path)) == (target >= 3), "a class of its own kind"
    counts = Counter(target for _, target in drawn)
    assert all(20 < counts[target] < 80 for target in (3, 4)), counts


def test_parts_are_told_apart_by_emotion_where_it_is_known(sources):
    glad = ("joy", "amusement")
    parts = [
        replace(part, emotion=glad[index % 2]) if part.polarity == "positive" else part
        for index, part in enumerate(sources.items)
    ]
    shown = Photographs(
        replace(sources, items=tuple(parts)),
        PretrainStage(epochs=1, samples_per_epoch=60),
        CONFIG,
        0,
    )
    assert shown.classes == ["amusement", "joy", "negative", "neutral"]
    seen = Counter(shown.classes[shown[0, index][1][0]] for index in range(60))
    assert set(seen) == set(shown.classes)
    assert abs(seen["joy"] + seen["amusement"] - 20) < 12, "every polarity as often"


def test_a_varied_sound_is_another_one_as_long_as_before():
    mel = np.random.default_rng(0).normal(-4, 2, (250, 64)).astype(np.float32)
    made = [augment_mel(mel, np.random.default_rng(seed)) for seed in range(20)]
    assert all(other.shape == mel.shape and other.dtype == mel.dtype for other in made)
    assert all(np.abs(other - mel).mean() > 0.1 for other in made)
    assert any((other == other.mean()).all(1).any() or other.std(0).min() < 1e-4 for other in made)
    assert (mel == np.random.default_rng(0).normal(-4, 2, (250, 64)).astype(np.float32)).all()


def test_a_filter_moves_bands_and_never_moments():
    mel = np.random.default_rng(0).normal(-4, 2, (50, 64)).astype(np.float32)
    for seed in range(20):
        moved = filter_augment(mel, 1.0, np.random.default_rng(seed)) - mel
        np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
        kinks = np.abs(np.diff(moved[0], 2)) > 1e-3
        assert 0.1 < np.abs(moved).max() < 4 and 0 < kinks.sum() <= 8, "straight between bands"
    np.testing.assert_array_equal(filter_augment(mel, 0.0, np.random.default_rng(0)), mel)


def test_a_corpus_without_training_clips_trains_on_fresh_ones(root, tmp_path):
    make_collage(tmp_path / "c", root, 0, 2, 2, seed=0, workers=1)
    recipe = replace(
        find_recipe("group-collage"), sample=CONFIG, samples_on_the_fly=5, synthetic_scenes=0
    )
    found = loaders(recipe, tmp_path / "c", 0)
    assert len(found.train.dataset) == 5 and len(found.valid.dataset) == 2
    with pytest.raises(CorpusError, match="no labelled clips in the split 'train'"):
        loaders(replace(recipe, samples_on_the_fly=0), tmp_path / "c", 0)


def test_single_parts_are_shown_alone(sources):
    face = SourceItemWindow(sources.items_of("face", "test")[0]).decode(CONFIG)
    voice = SourceItemWindow(sources.items_of("voice", "test")[0]).decode(CONFIG)
    assert face.video_s and not face.audio_s and (face.pixels[0] == face.pixels[-1]).all()
    assert (face.pixels[..., 0] == face.pixels[..., 2]).all() and face.pixels.any()
    assert voice.audio_s == pytest.approx(9000 / RATE) and not voice.video_s


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: (r / "faces/labels.csv").unlink(), "labels.csv is missing"),
        (lambda r: (r / "voices/made/labels.csv").unlink(), "no folder with labels.csv"),
        (lambda r: write_table(r / "faces/labels.csv", "file,polarity,person", []), "has no"),
        (lambda r: write_table(r / "faces/labels.csv", "name,polarity", ["a,b"]), "header"),
        (
            lambda r: write_table(
                r / "voices/made/labels.csv",
                "file,polarity,speaker",
                [f"0_{label}.wav,{label},0" for label in POLARITIES],
            ),
            "at least three people",
        ),
    ],
)
def test_sources_that_are_incomplete_say_so_in_a_sentence(spoil, words, tmp_path, capsys):
    bad = make_sources(tmp_path / "bad")
    spoil(bad)
    with pytest.raises(CorpusError, match=words):
        read_sources(bad)
    out = str(tmp_path / "out")
    assert main(["data", "make", "collage", out, "--sources", str(bad)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_part_that_cannot_be_read_is_named(tmp_path):
    bad = make_sources(tmp_path / "bad")
    for path in (bad / "faces").glob("*.png"):
        path.write_bytes(b"no picture")
    silent = bad / "voices/made"
    for path in silent.glob("*.wav"):
        write_sound(path, np.zeros(4000))
    sources = read_sources(bad)
    found = [make_scene(sources, 0, "train", index) for index in range(40)]
    seen = next(s for s in found if s.regime == "both")
    heard = next(s for s in found if any(v.kind == "voice" for v in s.sounds))
    with pytest.raises(CorpusError, match=r"faces/.*png: can't be read; expected a picture"):
        compose_frames(seen, sources, np.array([0.0]), SIZE)
    with pytest.raises(CorpusError, match=r"made/.*wav is silent"):
        mix(heard, sources)


def test_without_the_folder_one_sentence(tmp_path, capsys, tree):
    words = ["data", "make", "collage", str(tmp_path / "o"), "--sources", str(tmp_path / "none")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "is not there" in said and "--sources" in said and "Traceback" not in said
    readme = tree / "VGAF_readme.txt"
    moved = tmp_path / "moved"
    moved.mkdir()
    text = readme.read_text().replace("Sources: ", "Sources: /nowhere")
    (moved / "VGAF_readme.txt").write_text(text)
    with pytest.raises(CorpusError, match="are not there; .* put them back"):
        sources_of(moved)
    assert sources_of(tree).items


def add_row(table: Path, row: str) -> None:
    table.write_text(table.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")


def test_sources_that_changed_since_are_refused(tmp_path):
    """One more person and others change sides: held-out ones would be trained on."""
    root, out = make_sources(tmp_path / "sources"), tmp_path / "made"
    make_collage(out, root, 1, 1, 1, seed=0, workers=1)
    before = {part.path: part.split for part in read_sources(root.resolve()).items}
    for number in range(3):
        add_row(root / "faces" / "labels.csv", f"neutral_1_0.png,neutral,new{number},news")
    read_sources.cache_clear()
    now = {part.path: part.split for part in read_sources(root.resolve()).items}
    assert any(before[path] != now[path] for path in before)  # the danger is real
    with pytest.raises(CorpusError, match="changed since it was made.* make the corpus again"):
        sources_of(out)
    with pytest.raises(MakeError, match="other sources"):
        make_collage(out, root, 1, 1, 1, seed=0, workers=1)


def test_a_row_without_its_file_is_named_by_the_scene_that_needs_it(tmp_path, capsys):
    root = make_sources(tmp_path / "sources")
    for path in (root / "faces").glob("*.png"):
        path.unlink()
    words = ["data", "make", "collage", str(tmp_path / "made"), "--sources", str(root)]
    assert main([*words, "--train", "9", "--val", "0", "--test", "0", "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert ".png" in said and "take its row out of labels.csv" in said


def test_a_quotation_mark_that_swallows_rows_is_named(tmp_path):
    root = make_sources(tmp_path)
    table = root / "faces" / "labels.csv"
    lines = table.read_text().splitlines()
    lines[3] = '"' + lines[3]
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(CorpusError, match="goes over several lines; expected each row on one line"):
        read_sources(root)


def test_blanks_and_capitals_in_a_table_make_no_second_person(tmp_path):
    root = make_sources(tmp_path)
    table = root / "faces" / "labels.csv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    rows[::2] = [
        f" {file}, {polarity.title()} ,{person} ,{source} "
        for file, polarity, person, source in (row.split(",") for row in rows[::2])
    ]
    write_table(table, header, rows)
    found = read_sources(root).items_of
    sides = {split: {part.group for part in found("face", split)} for split in SPLITS}
    assert sum(map(len, sides.values())) == len(set().union(*sides.values())) == 36
    assert sum(len(found("face", split)) for split in SPLITS) == len(rows)
    add_row(table, "neutral_1_0.png,glad,p1,news")
    read_sources.cache_clear()
    with pytest.raises(CorpusError, match="neutral_1_0.png the polarity 'glad'; expected positive"):
        read_sources(root)


def test_tables_may_name_files_elsewhere(tmp_path):
    root = make_sources(tmp_path / "sources")
    (tmp_path / "photos").mkdir()
    table = root / "faces" / "labels.csv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    for number, row in enumerate(rows):
        file, rest = row.split(",", 1)
        (root / "faces" / file).rename(tmp_path / "photos" / file)
        rows[number] = f"{tmp_path / 'photos' / file},{rest}"
    write_table(table, header, rows)
    make_collage(tmp_path / "made", root, 2, 1, 1, seed=0, workers=1)
    lines = (tmp_path / "made" / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    files = {person["file"] for line in lines for person in json.loads(line)["people"]}
    assert files and all(file.startswith("../photos/") for file in files)


def test_a_recording_of_five_milliseconds_is_named(tmp_path):
    write_sound(tmp_path / "a.wav", np.full(80, 0.5))
    with pytest.raises(CorpusError, match=r"a.wav is 5 ms long; expected at least 10 ms"):
        recording(tmp_path / "a.wav")


@pytest.mark.real_data
def test_real_sources_are_split_by_person(real_sources):
    sources = read_sources(real_sources)
    where: dict[str, set[str]] = {}
    for part in sources.items:
        where.setdefault(f"{part.kind}/{part.group}", set()).add(part.split)
    assert all(len(splits) == 1 for splits in where.values())
    assert {"ravdess/1", "ravdess/6", "ravdess/14"} <= {
        part.group for part in sources.items_of("voice", "test")
    }
    assert (
        len(sources.items_of("face", "test")) > 500 and len(sources.items_of("voice", "test")) > 150
    )
    scene = make_scene(sources, 0, "test", 0)
    assert compose_frames(scene, sources, np.array([1.0]), SIZE).std() > 1
    assert np.abs(mix(scene, sources)).max() > 0.01


def test_not_sure_is_chosen_for_a_precision():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.7
    target = torch.from_numpy(rng.integers(0, 3, 400))
    sure = torch.from_numpy(np.where(right, 3.0, 1.0) * rng.uniform(0.3, 1, 400)).float()
    said = torch.where(torch.from_numpy(right), target, (target + 1) % 3)
    logits = torch.nn.functional.one_hot(said, 3) * sure[:, None]
    task = SingleLabel(precision=0.9)
    calibration = task.calibrate(logits, target)
    groups = np.arange(400)
    scores = task.scores(logits, target, groups, calibration)
    answered = round(scores["coverage"] * 400)
    hits = round(scores["precision"] * answered)
    assert share_at_least(hits, answered) >= 0.9 and 0.2 < scores["coverage"] < 0.9
    below = replace(calibration, abstain_below=calibration.abstain_below - 0.01)
    if calibration.abstain_below > 0.5:  # the lowest that does
        scores = task.scores(logits, target, groups, below)
        answered = round(scores["coverage"] * 400)
        assert share_at_least(round(scores["precision"] * answered), answered) < 0.9
    assert SingleLabel().calibrate(logits, target).abstain_below == 0.5
    nobody = replace(calibration, abstain_below=1.01)
    assert task.scores(logits, target, groups, nobody)["precision"] is None
    assert "at least 90 % of the answers above it are right" in task.choice(calibration)
    few = task.calibrate(logits[:5], target[:5])
    assert few.abstain_below == 0.99 and "too few clips" in task.choice(few)


def test_backbones_of_a_checkpoint_are_taken_or_refused_in_a_sentence():
    model = Group(POCKET)
    take_backbones("group-staged", model)
    shipped = load_checkpoint("group-staged").model.video.backbone.state_dict()
    for name, value in model.video.backbone.state_dict().items():
        assert torch.equal(value, shipped[name])
    with pytest.raises(CheckpointError, match="does not fit this recipe's"):
        take_backbones("group-staged", small_group())


def test_sound_pretraining_reads_only_what_is_real():
    torch.manual_seed(0)
    reader, batch = AudioPretrainHead(small_group(), 3).eval(), random_batch()
    mask = batch.mel_mask.clone()
    mask[:, 48:] = False
    shown = replace(batch, mel_mask=mask)
    other = replace(shown, mel=torch.where(mask[..., None], batch.mel, batch.mel + 9))
    with torch.inference_mode():
        torch.testing.assert_close(reader(shown).logits, reader(other).logits)
        assert not torch.allclose(reader(batch).logits, reader(shown).logits)


def test_photographs_of_unknown_people_are_of_train_alone(root):
    more = read_more_faces(root / "faces")
    assert {part.split for part in more.items} == {"train"}
    assert {part.polarity for part in more.items} == set(POLARITIES)
    assert not more.has("face", "test", "positive") and more.has("face", "train", "positive")
    scene = make_scene(more, 0, "train", 3)
    assert scene.sounds == () and all(person.item >= 0 for person in scene.people)
    with pytest.raises(CorpusError, match="labels.csv is missing"):
        read_more_faces(root / "no_such_folder")
