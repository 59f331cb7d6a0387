"""The cheap map of a group model: its sums against exact values, its place, its people."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from emo_core import load_clip
from emo_core.attribution.forward_function import ForwardFunction, PassBudget
from emo_core.attribution.methods import cost, explain_window
from emo_core.attribution.token_shapley import evaluations, segments_within, shapley_by_orders
from emo_core.attribution.tokens import PEOPLE, SOUND, TokenGroups
from emo_core.attribution.types import PRESETS, AttributionError, Target
from emo_core.inference.modality_shapley import score_windows
from emo_core.inference.people import people_numbers, people_values
from emo_core.inference.predict import load_cached, predict_clip
from emo_core.models.group import Group
from emo_core.preprocess.batch import collate
from tests.support.explained import checkpoint_of
from tests.support.predictions import write_people_clip

METHOD = "token_shapley"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """The default model, its answer to drawn people, and the first window."""
    checkpoint = load_cached("group-people")
    path = write_people_clip(tmp_path_factory.mktemp("people") / "two.mp4", 5.0)
    prediction = predict_clip(load_clip(path), checkpoint)
    return checkpoint, prediction, prediction.samples[0]


def question_of(checkpoint, sample, index=0):
    target = Target(checkpoint.labels[index], index)
    return ForwardFunction(checkpoint, sample, target, "blur", PassBudget(1000))


@pytest.mark.parametrize("preset", ["fast", "standard"])
def test_a_modality_adds_its_exact_share(people, preset):
    checkpoint, _, sample = people
    shares = score_windows(checkpoint, [sample]).shares[0]  # (M, C), video and audio
    for index, label in enumerate(checkpoint.labels):
        found = explain_window(checkpoint, sample, Target(label, index), METHOD, preset)
        sums = torch.stack([found.maps["video"].sum(), found.maps["mel"].sum()])
        torch.testing.assert_close(sums, shares[:, index], atol=1e-4, rtol=0)
        assert found.gap < 1e-4
        assert found.forward_passes <= cost(METHOD, preset, checkpoint)


@pytest.mark.parametrize("preset", PRESETS.values())
@pytest.mark.parametrize("people", [1, 6, 20, 60])
def test_as_many_people_as_a_model_reads_cost_no_more_than_was_said(preset, people):
    players = segments_within(preset, people) * (people + 2)  # frames, each person, sound
    assert 2 * (players - 1) <= evaluations(preset)


def test_few_players_have_their_exact_owen_values(people):
    checkpoint, _, sample = people
    question = question_of(checkpoint, sample)
    groups = TokenGroups.by_time(question.tokens.features, 1, 5.0, sample.face_mask.shape[1])
    assert 4 <= len(groups.keys) <= 7, "frames, some people, sound"
    found = shapley_by_orders(question, groups, PRESETS["thorough"], 0)
    seen = [n for n, (kind, _, _) in enumerate(groups.keys) if kind != SOUND]
    heard = [n for n, (kind, _, _) in enumerate(groups.keys) if kind == SOUND]
    exact, orders = torch.zeros(len(groups.keys)), 0
    for picture in permutations(seen):
        for order in ((*picture, *heard), (*heard, *picture)):
            orders += 1
            there = torch.zeros(len(order) + 1, len(order), dtype=torch.bool)
            for arrived, player in enumerate(order):
                there[arrived + 1 :, player] = True
            exact[list(order)] += _scores(question, groups, there).diff()
    torch.testing.assert_close(found, exact / orders, atol=0.03, rtol=0)


def _scores(question, groups, there, known={}):  # noqa: B006  # sets of players come again and again
    rows = [tuple(row) for row in there.tolist()]
    new = [row for row in dict.fromkeys(rows) if (id(question), row) not in known]
    if new:
        scores = question.tokens.of(groups, torch.tensor(new)).tolist()
        known.update({(id(question), row): s for row, s in zip(new, scores, strict=True)})
    return torch.tensor([known[id(question), row] for row in rows])


def test_what_a_person_adds_stands_on_their_face_and_goes_with_them(people):
    checkpoint, _, sample = people
    target = Target(checkpoint.labels[0], 0)
    found = explain_window(checkpoint, sample, target, METHOD, "fast")
    present = sample.face_mask.any(0)
    assert int(present.sum()) >= 2
    assert bool((found.people[present] != 0).all()) and bool((found.people[~present] == 0).all())
    gone = replace(sample, face_mask=sample.face_mask & False)
    alone = explain_window(checkpoint, gone, target, METHOD, "fast")
    assert float(alone.people.abs().sum()) == 0
    frames = alone.maps["video"].flatten(1)
    assert bool((frames.amax(1) == frames.amin(1)).all()), "of whole frames it is spread evenly"
    with_faces = found.maps["video"].flatten(1)
    assert not bool((with_faces.amax(1) == with_faces.amin(1)).all())


def test_a_face_that_is_not_read_adds_nothing(people):
    checkpoint, _, sample = people
    read = checkpoint.model.features(collate([sample]))[PEOPLE].mask
    groups = TokenGroups.by_time(
        {PEOPLE: checkpoint.model.features(collate([sample]))[PEOPLE]}, 5, 5.0, 6
    )
    assert int((groups.ids[PEOPLE] >= 0).sum()) == int(read.sum())


def test_people_keep_the_numbers_that_the_player_shows(people):
    checkpoint, prediction, sample = people
    numbers = people_numbers(checkpoint, prediction, sample)
    present = sample.face_mask.any(0).nonzero().flatten().tolist()
    assert sorted(numbers) == present
    assert len(set(numbers.values())) == len(present), "each has a number of their own"
    first = prediction.presence.frames[0]
    assert list(first.people) and set(first.people) <= set(range(1, len(first.people) + 1))
    by_left = sorted(zip(first.boxes, first.people, strict=True))
    assert [number for _, number in by_left] == sorted(first.people), "from left to right"
    found = explain_window(checkpoint, sample, Target(checkpoint.labels[0], 0), METHOD, "fast")
    values = people_values(checkpoint, prediction, found.span.start_s, found.people)
    assert sum(values.values()) == pytest.approx(float(found.people.sum()), abs=1e-5)


def test_the_map_depends_on_nothing_but_its_seed(people):
    checkpoint, _, sample = people
    target = Target(checkpoint.labels[0], 0)
    one, same, other = (
        explain_window(checkpoint, sample, target, METHOD, "fast", seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.maps["video"], same.maps["video"])
    assert not torch.equal(one.maps["video"], other.maps["video"])


@pytest.mark.parametrize("name", ["fe2e", "mesm", "jmt"])
def test_a_model_of_another_kind_refuses_in_one_sentence(name):
    checkpoint, sample = checkpoint_of(name)
    step = 1 if name == "jmt" else None
    with pytest.raises(AttributionError, match="choose another method"):
        explain_window(checkpoint, sample, Target(checkpoint.labels[0], 0, step), METHOD, "fast")


@pytest.mark.parametrize("missing", ["video", "audio"])
def test_a_window_without_sound_or_picture(people, missing):
    checkpoint, _, sample = people
    mask = "mel_mask" if missing == "audio" else "video_mask"
    changes = {mask: getattr(sample, mask) & False}
    if missing == "video":
        changes["face_mask"] = sample.face_mask & False
    found = explain_window(
        checkpoint, replace(sample, **changes), Target(checkpoint.labels[0], 0), METHOD, "fast"
    )
    empty = "mel" if missing == "audio" else "video"
    assert float(found.maps[empty].abs().sum()) == 0
    assert found.gap < 1e-4


@pytest.mark.parametrize("fusion, missing", [("video", "video_mask"), ("audio", "mel_mask")])
def test_a_window_without_what_the_fusion_reads_is_worth_nothing(people, fusion, missing):
    checkpoint, _, sample = people
    alone = replace(checkpoint, model=Group(replace(checkpoint.model.config, fusion=fusion)).eval())
    none = {name: getattr(sample, name) & False for name in (missing, "face_mask")}
    target = Target(checkpoint.labels[0], 0)
    found = explain_window(alone, replace(sample, **none), target, METHOD, "fast")
    assert not any(bool(values.any()) for values in found.maps.values()) and found.gap == 0
