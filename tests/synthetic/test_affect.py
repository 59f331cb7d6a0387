"""Valence and arousal of composed clips: the published means, and a stated way between them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from emo_core.corpora import CORPORA, read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError
from emo_core.synthetic.composed.affect import WORD_RATINGS, affect_of
from emo_core.synthetic.composed.dataset import OnTheFlyAffect, compose_affect
from emo_core.synthetic.composed.halves import SceneHalves
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    acted_intensities,
    make_utterance,
    read_more_emotion_faces,
    read_speakers,
)
from emo_core.synthetic.composed.writer import make_utterances
from tests.synthetic.test_utterances import CONFIG, SEED, make_speakers

NEUTRAL = (0.125, -0.3875)
PUBLISHED = {  # mean valence and arousal of the word, 1 to 9
    "anger": (2.53, 6.20),
    "disgust": (2.68, 4.89),
    "fear": (2.66, 5.45),
    "happy": (8.47, 6.05),
    "sad": (2.10, 3.49),
    "surprise": (6.57, 5.95),
    "neutral": (5.50, 3.45),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_speakers(tmp_path_factory.mktemp("speakers"))


@pytest.fixture(scope="module")
def tree(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "utterances"
    make_utterances(out, root, 2, 6, 1, seed=SEED, workers=1)
    return out


@pytest.mark.parametrize("emotion", CLASSES)
def test_an_emotion_at_its_strongest_has_the_mean_of_its_word(emotion):
    expected = [(rating - 5) / 4 for rating in PUBLISHED[emotion]]
    for acted in ((), ("",), ("strong",), ("", "strong")):
        assert affect_of(emotion, acted) == pytest.approx(expected, abs=1e-4)
    assert WORD_RATINGS[emotion][1:] == PUBLISHED[emotion]


def test_normal_intensity_is_half_way_from_neutral():
    valence, arousal = affect_of("happy", ["normal"])
    assert valence == pytest.approx((0.125 + 0.8675) / 2, abs=1e-4)
    assert arousal == pytest.approx((-0.3875 + 0.2625) / 2, abs=1e-4)
    assert affect_of("neutral", ["normal"]) == NEUTRAL


def test_face_and_voice_count_alike():
    expected = [0.125 + 0.75 * (-0.6175 - 0.125), -0.3875 + 0.75 * (0.3 + 0.3875)]
    assert affect_of("anger", ["", "normal"]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("emotion", CLASSES)
def test_more_intensity_is_further_from_neutral_and_stays_on_the_scale(emotion):
    weak, strong = (np.array(affect_of(emotion, [word])) for word in ("normal", "strong"))
    assert np.abs(weak - NEUTRAL).sum() <= np.abs(strong - NEUTRAL).sum()
    assert np.abs(strong).max() <= 1


def test_another_word_for_intensity_is_refused():
    with pytest.raises(ValueError, match="'medium' is not known; expected normal, strong"):
        affect_of("fear", ["medium"])


def test_what_is_not_shown_has_no_intensity(root):
    """A hidden face and the ambience are not acted; a photograph states none."""
    speakers, seen = read_speakers(root), set()
    for index in range(120):
        scene = make_utterance(speakers, 0, "train", index)
        voices = [speakers.items[s.item] for s in scene.sounds if s.kind == "voice"]
        expected = [""] * (scene.regime != "heard") + [voice.intensity for voice in voices]
        assert list(acted_intensities(scene, speakers)) == expected
        seen |= set(expected)
    assert seen <= {"normal", "strong", ""} and len(seen) > 1


def test_the_corpus_reads_the_same_clips_with_mapped_values(tree):
    emotions, affect = (read_corpus(name, tree) for name in ("utterances", "utterances-affect"))
    lines = [json.loads(line) for line in (tree / "truth.jsonl").read_text().splitlines()]
    assert affect.labels == ("valence", "arousal") and not check_corpus(affect)["problems"]
    for known, item, line in zip(emotions.items, affect.items, lines, strict=True):
        assert replace(known, label=item.label) == item and len(item.label) == 1
        assert item.label[0] == affect_of(line["emotion"], line["intensities"])
        assert len(line["intensities"]) == {"both": 2, "seen": 1, "heard": 1}[item.regime]


def test_an_older_folder_says_how_intensities_are_added(tree, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(tree, old)
    lines = [json.loads(line) for line in (old / "truth.jsonl").read_text().splitlines()]
    kept = [{k: v for k, v in line.items() if k != "intensities"} for line in lines[1:]]
    text = "\n".join(map(json.dumps, [lines[0] | {"intensities": ["loud"]}, *kept]))
    (old / "truth.jsonl").write_text(text)
    assert len(read_corpus("utterances", old).items) == len(lines)
    with pytest.raises(CorpusError, match="names no usable clip; make the corpus again"):
        read_corpus("utterances-affect", old)
    (old / "truth.jsonl").write_text("\n".join([text, json.dumps(lines[0] | {"intensities": []})]))
    corpus = read_corpus("utterances-affect", old)
    assert len(corpus.items) == 1 and "'loud' is not known" in corpus.problems[0]
    assert "repeat the command in VGAF_readme.txt" in corpus.problems[1]


def test_new_clips_and_their_halves_have_the_values_of_their_scenes(tree):
    data = compose_affect(tree, 21, CONFIG, seed=0)
    assert isinstance(data, OnTheFlyAffect) and CORPORA["utterances-affect"].compose is not None
    assert {window.target.shape for window in data.windows} == {(1, 2)}
    scene, target = data.scene(4)
    assert target.tolist()[0] == pytest.approx(
        affect_of(scene.label, acted_intensities(scene, data.sources))
    )
    for stream, other in (("video", "heard"), ("audio", "seen")):
        halves = SceneHalves(data.make, data.sources, stream, 40, CONFIG, 0)
        for index in range(40):
            shown = halves.scene(index).regime != other
            assert len(halves.intensities(index)) == shown == bool(halves.label(index))


def test_an_unknown_intensity_in_a_table_is_a_sentence(tree):
    data = compose_affect(tree, 1, CONFIG)
    with pytest.raises(CorpusError, match="labels.csv of the voices: the intensity 'faint'"):
        data.target_of("sad", ["faint"])


def test_further_faces_are_sorted_by_emotion_and_only_seen(root):
    faces = read_more_emotion_faces(root / "faces")
    assert {part.split for part in faces.items} == {"train"} and faces.labels == CLASSES
    scenes = [make_utterance(faces, 0, "train", index) for index in range(60)]
    assert {scene.regime for scene in scenes} == {"seen"}
    for scene in scenes:
        assert faces.items[scene.people[0].item].polarity == scene.label
