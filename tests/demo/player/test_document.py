"""What the player draws: peaks that are moments of their own, maps over the clip's own frame."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest

from demo import explanations, service
from demo.i18n import Words
from demo.player import document
from tests.support.page import EXAMPLES
from tests.support.predictions import write_people_clip

EDGES = [[at / 10, (at + 1) / 10] for at in range(50)]


def test_neighbours_of_one_hump_are_one_moment():
    values = [float(np.exp(-(((at - 20) / 4) ** 2))) for at in range(50)]
    values[40] = -0.5
    found = document.separate_peaks(EDGES, values)
    assert [round(time_s, 2) for time_s, _ in found] == [2.05, 4.05]
    assert found[1][1] == -0.5


def test_a_level_stretch_is_one_moment_in_its_middle():
    """Of methods that look at a few pieces of time, such as Shapley sampling."""
    values = [0.1] * 17 + [0.7] * 16 + [0.3] * 17
    assert document.separate_peaks(EDGES, values) == [(pytest.approx(2.5), 0.7)]
    negative = [0.1] * 10 + [-0.8] * 10 + [0.1] * 30
    assert document.separate_peaks(EDGES, negative)[0] == (pytest.approx(1.5), -0.8)


@pytest.mark.parametrize("seed", range(20))
def test_peaks_are_half_a_second_apart_and_largest_first(seed):
    values = np.random.default_rng(seed).normal(size=50).tolist()
    found = document.separate_peaks(EDGES, values)
    times = [time_s for time_s, _ in found]
    assert all(abs(a - b) >= document.APART_S for a in times for b in times if a != b)
    assert abs(found[0][1]) == max(map(abs, values))


def test_nothing_that_counts_has_no_peak():
    assert document.separate_peaks(EDGES, [0.0] * 50) == []
    words = Words("en")
    assert document.peaks(words, EDGES, {"picture": [0.0] * 50}, True) == []


def test_small_moments_beside_a_large_one_are_not_named():
    words = Words("en")
    rows = {"picture": [0.0] * 50, "sound": [0.0] * 50}
    rows["picture"][10], rows["sound"][30] = 1.0, 0.1
    (only,) = document.peaks(words, EDGES, rows, True)
    assert only == {"time_s": 1.05, "kind": "picture", "text": "1.1 s picture +1.00"}


@pytest.fixture(scope="module")
def case():
    return service.open_case(next(p for p in EXAMPLES if p.stem == "seen_negative"))


def test_the_quick_map_is_the_clip_s_own(case):
    asked = explanations.quick_request(case, 0, {})
    found = explanations.map_of(case, asked)
    made = document.map_document(Words("en"), case, [found], "of")["map"]
    width, height = made["grid"]
    assert (width, height) == (48, 36) and len(made["frames"]) == 16
    cells = np.frombuffer(base64.b64decode(made["frames"][0]["values"]), np.int8)
    assert cells.size == width * height and len(made["edges_s"]) == len(made["picture"]) == 20
    whole = sum(made["picture"]) + sum(made["sound"])
    assert whole == pytest.approx(float(sum(m.sum() for m in found.maps.values())), rel=1e-3)


USUAL = {"method": explanations.QUICK, "preset": "thorough", "target": None}  # of an example


@pytest.mark.parametrize(
    ("wish", "changed"),
    [
        ({"method": "rollout"}, {"method": "rollout", "preset": "fast"}),
        ({"preset": "standard", "label": "neutral"}, {"preset": "standard", "target": "neutral"}),
        ({"method": "x", "preset": 3, "label": ["a"]}, {"preset": "fast"}),
    ],
)
def test_an_address_may_name_method_preset_and_label(case, wish, changed):
    found = explanations.quick_request(case, 0, wish)
    assert {name: getattr(found, name) for name in USUAL} == USUAL | changed


def test_maps_of_shipped_examples_add_up():
    for path in EXAMPLES:
        case = service.open_case(path)
        found = explanations.map_of(case, explanations.quick_request(case, 0, {}))
        assert found.gap < 0.05, path.stem


def test_a_map_of_an_example_has_an_address_and_one_of_an_own_clip_has_none(case, tmp_path):
    quick = explanations.resolve(case, explanations.quick_request(case, 0, {}))
    asked = replace(quick, method="shapley", target="neutral")
    found = document.link_of(case, asked, quick, embed=True)
    assert found == {"link": "?clip=seen_negative&method=shapley&label=neutral", "embed": True}
    assert "label" not in document.link_of(case, quick, quick, False)["link"]
    own = service.open_case(write_people_clip(tmp_path / "seen_negative.mp4", 2.0))
    assert document.link_of(own, asked, quick, True) == {}, "whatever its name"


def test_a_film_that_ends_before_its_clip_says_so():
    words = Words("en")
    assert "first 120 of 300 seconds" in document.film_note(words, 300.0)
    assert document.film_note(words, 120.0) == "" and "120 von 300" in document.film_note(
        Words("de"), 300.0
    )


def test_numbers_have_the_sign_of_their_language():
    assert Words("de").values({"valence": 0.5, "arousal": -0.25}) == (
        "Valenz +0,50; Aktivierung -0,25"
    )
    assert Words("en").values({"valence": 0.5, "arousal": -0.25}) == "Valence +0.50, Arousal -0.25"


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([0.1, None], None),
        ([None], None),
        ([0.1, 0.4], "off by 40 %), so go by where it marks"),
        ([4.5, 0.0], "off by 450 %): do not rely on them, look closer"),
    ],
)
def test_a_map_that_does_not_add_up_says_so(case, gaps, said):
    asked = explanations.quick_request(case, 0, {})
    found = explanations.map_of(case, asked)
    parts = [replace(found, gap=gap) for gap in gaps]
    of = document.heading(Words("en"), asked, "negative", parts, 5.0)
    assert (said in of) if said else of.endswith("blue lowers it.")
    if said:
        assert "Aber ihre Werte" in document.heading(Words("de"), asked, "negative", parts, 5.0)


def test_a_map_that_tells_only_when_has_no_picture(case):
    asked = explanations.ExplainRequest("shapley", "fast", window=0, checks=False)
    made = document.map_document(Words("en"), case, [explanations.map_of(case, asked)], "of")
    assert made["map"]["frames"] == [] and len(made["map"]["picture"]) == 20


@pytest.mark.parametrize("language", ["en", "de"])
def test_faders_bring_their_words(case, language):
    asked = explanations.resolve(case, explanations.ExplainRequest())
    shown = document.faders_document(Words(language), explanations.faders_of(case, asked))
    assert "{label}" in shown["words"]["told"] and len(shown["moved"]) == 17


def test_windows_that_overlap_speak_for_their_own_half():
    spans = [(0.0, 5.0), (4.0, 9.0), (8.0, 13.0)]
    assert document.own_spans(spans, 12.0) == [(0.0, 4.5), (4.5, 8.5), (8.5, 12.0)]
    assert document.own_spans([(0.0, 5.0)], 2.0) == [(0.0, 2.0)]


def test_a_long_clip_has_one_track_without_gaps(tmp_path):
    long = service.open_case(write_people_clip(tmp_path / "long.mp4", 11.0))
    count = len(long.prediction.samples)
    asked = [explanations.ExplainRequest("rollout", "fast", window=n) for n in range(count)]
    found = [explanations.map_of(long, each) for each in asked]
    edges = document.map_document(Words("en"), long, found, "of")["map"]["edges_s"]
    assert edges[0][0] == 0 and edges[-1][1] == 11.0
    assert all(b[0] - a[1] < 0.26 and b[0] >= a[0] for a, b in zip(edges, edges[1:], strict=False))
    over_time = document.answers_over_time(Words("en"), long.prediction)
    assert over_time[0]["start_s"] == 0 and over_time[-1]["end_s"] == 11.0
    pairs = zip(over_time, over_time[1:], strict=False)
    assert all(a["end_s"] == b["start_s"] for a, b in pairs)


def test_faces_carry_what_each_person_adds_over_the_whole_clip(tmp_path):
    case = service.open_case(write_people_clip(tmp_path / "people.mp4", 11.0))
    count = len(case.prediction.samples)
    asked = [explanations.quick_request(case, window, {}) for window in range(count)]
    found = [explanations.map_of(case, each) for each in asked]
    shown = document.map_document(Words("en"), case, found, "Map of it.")["map"]
    assert shown["heading"].startswith("Map of it. By faces, in the clip as a whole: face ")
    part = document.map_document(Words("en"), case, found[1:2], "Map of it.")["map"]
    assert part["heading"].startswith("Map of it. By faces, in this part of the clip: face ")
    by_window = [
        {number: value for number, (value, _) in each["values"].items()} for each in shown["people"]
    ]
    assert [sum(each.values()) for each in by_window] == pytest.approx(
        [float(each.people.sum()) for each in found], abs=1e-3
    )
    ids = {str(n) for f in document.clip_document(Words("en"), case)["faces"] for n in f["people"]}
    assert set().union(*by_window) <= ids, "a value stands at a face that is shown"
    assert shown["frames"], "and where the faces are, the picture is coloured"


@pytest.mark.parametrize("model", ["affect-people", "mesm-people"])
def test_every_model_that_looks_at_faces_has_a_first_map(tmp_path, model):
    case = service.open_case(write_people_clip(tmp_path / "people.mp4", 2.0), model=model)
    found = explanations.map_of(case, explanations.quick_request(case, 0, {}))
    assert any(bool(values.any()) for values in found.maps.values())


PEOPLE = {number: 0.31 - 0.04 * number for number in range(1, 16)}  # 0.27 down to -0.29


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "face 15: -0.29, face 1: +0.27, face 14: -0.25, face 2: +0.23, "),
        ("de", "Gesicht 15: -0,29; Gesicht 1: +0,27; Gesicht 14: -0,25; Gesicht 2: +0,23; "),
    ],
)
def test_many_people_are_a_sentence_that_adds_up(case, monkeypatch, language, said):
    monkeypatch.setattr("emo_core.inference.people.people_values", lambda *_: PEOPLE)
    found = explanations.map_of(case, explanations.quick_request(case, 0, {}))
    shown = document.map_document(Words(language), case, [found], "of")["map"]
    assert said in shown["heading"]
    values = [
        float(x.replace(",", ".")) for x in re.findall(r": ([+-]\d[.,]\d\d)", shown["heading"])
    ]
    assert len(values) == document.MOST_NAMED + 1
    assert sum(values) == pytest.approx(sum(PEOPLE.values()), abs=0.04)
    tags = {number: text for number, (_, text) in shown["people"][0]["values"].items()}
    assert tags["7"] == "" and tags["15"] in ("-0.3", "-0,3"), "no +0.0 and no -0.0 at a face"
