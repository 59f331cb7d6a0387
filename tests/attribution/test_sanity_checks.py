"""Checks of maps say what is so, what-ifs change what they should, and a report tells it all."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from emo_core.attribution import counterfactuals as whatif
from emo_core.attribution.face_regions import FaceRegions, to_sample_frame
from emo_core.attribution.methods import explain_window
from emo_core.attribution.sanity_checks import (
    checks_cost,
    randomized_model,
    rank_correlation,
    run_checks,
    share_on_faces,
    verdict,
)
from emo_core.attribution.types import DEFAULT_REQUEST, AttributionError, Target
from emo_core.cli.main import main
from emo_core.clip import ClipError, DecodedFrames
from emo_core.faces.tracking import Tracks
from emo_core.models.group import group
from emo_core.preprocess.sample import SampleConfig
from emo_core.viz.attribution import summarise_clock
from emo_core.viz.overlay import STRIP, blended, write_overlay
from tests.conftest import ROOT
from tests.support.explained import (
    PLANTED,
    RED_FRAMES,
    RED_LEFT,
    RED_SIDE,
    RED_TOP,
    checkpoint_of,
    planted,
    planted_sample,
)

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
RED = Target("red", 0)


def square() -> FaceRegions:
    """The red square as if it were a face, 24 × 32 pixels."""
    box = torch.tensor(
        [RED_LEFT / 32, RED_TOP / 24, (RED_LEFT + RED_SIDE) / 32, (RED_TOP + RED_SIDE) / 24]
    )
    mask = torch.zeros(8, 1, dtype=torch.bool)
    mask[slice(*RED_FRAMES)] = True
    return FaceRegions(box.expand(8, 1, 4), mask)


@pytest.fixture(scope="module")
def good():
    checkpoint, sample = planted(), planted_sample()
    found = explain_window(checkpoint, sample, RED, "occlusion")
    return checkpoint, sample, found, run_checks(checkpoint, sample, found, faces=square())


def test_a_true_map_beats_random_order_and_points_at_the_place(good):
    checkpoint, _, _, trust = good
    assert trust.curves.deletion_gain > 0.3 and trust.curves.insertion_gain > 0.3
    assert trust.curves.deletion[0] == trust.curves.insertion[-1]
    assert trust.on_faces > 10 * trust.face_area
    assert trust.contrast_label == "green" and trust.seed is None and trust.gap is None
    assert trust.forward_passes <= checks_cost("occlusion", "standard", checkpoint)
    assert "Do not trust" not in trust.verdict


def test_a_map_turned_round_is_not_trusted(good):
    checkpoint, sample, found, _ = good
    wrong = replace(found, maps={name: -values for name, values in found.maps.items()})
    trust = run_checks(checkpoint, sample, wrong)
    assert trust.curves.deletion_gain < 0 and trust.curves.insertion_gain < 0
    assert trust.verdict.startswith("Do not trust this map: hiding what it marks weakens")


def test_an_empty_map_never_holds_up(good):
    """Whatever order chance gives its equal parts, as Grad-CAM's where no gradient is above 0."""
    checkpoint, sample, found, _ = good
    empty = replace(found, maps={name: 0 * values for name, values in found.maps.items()})
    for seed in range(4):
        request = replace(DEFAULT_REQUEST, seed=seed)
        trust = run_checks(checkpoint, sample, empty, request)
        assert trust.verdict.startswith("Do not trust this map: it is empty")


def test_each_failed_check_is_in_the_verdict(good):
    trust = good[3]
    untrained = verdict(replace(trust, twin=0.9, gap=1.44))
    assert untrained == (
        "Do not trust this map: an untrained copy of the model gives almost the same map."
    )
    gap = verdict(replace(trust, gap=0.44, twin=0))
    assert "do not add up to the answer they explain (off by 44 %)" in gap
    assert "go by where it marks, not by how much" in gap
    far_off = verdict(replace(trust, gap=1.44, twin=0))
    assert "(off by 144 %): do not rely on them, look closer" in far_off
    assert "map of “green” is almost the same" in verdict(replace(trust, contrast=0.99, twin=0))
    assert "another random seed gives a different map" in verdict(replace(trust, seed=0.1, twin=0))
    assert verdict(replace(trust, twin=0, contrast=0)).startswith("This map holds up")


INNER = ("logit", "occlu", "baseline", "completeness", "gap", "random order", "twin", "score")


def test_a_verdict_holds_no_inner_words(good):
    trust = good[3]
    every = {"twin": 0.9}, {"gap": 1.44}, {"contrast": 0.99}, {"seed": 0.1}, {"twin": 0.0}
    for change in every:
        said = verdict(replace(trust, **change)).lower()
        assert not [word for word in INNER if word in said], said


def test_the_verdict_says_which_order_moves_the_score(good):
    trust = replace(good[3], twin=0, contrast=0)
    curves = trust.curves
    worse = tuple(value + 1e-3 for value in curves.random_deletion)
    taking = verdict(replace(trust, curves=replace(curves, deletion=worse)))
    assert taking.startswith("Read this map with care: hiding what it marks weakens the answer no")
    assert "Still, showing what it marks brings the answer back sooner" in taking
    worse = tuple(value - 1e-3 for value in curves.random_insertion)
    adding = verdict(replace(trust, curves=replace(curves, insertion=worse)))
    assert adding.startswith("Read this map with care: showing what it marks brings the answer")
    assert "Still, hiding what it marks weakens the answer more" in adding
    worse = tuple(value - 1e3 for value in curves.random_insertion)
    neither = verdict(replace(trust, curves=replace(curves, insertion=worse)))
    assert neither.startswith("Do not trust this map: showing what it marks brings the answer")
    assert "hiding" not in neither, "hiding does weaken the answer"


def test_a_model_without_what_it_learned_is_the_same_in_threads():
    model = group("pocket")
    alone = randomized_model(model, 0).state_dict()
    with ThreadPoolExecutor(4) as pool:
        for twin in pool.map(lambda _: randomized_model(model, 0).state_dict(), range(8)):
            assert all(torch.equal(alone[name], twin[name]) for name in alone)


@pytest.mark.parametrize("name", ["group", "fe2e", "jmt"])
def test_random_weights_change_the_map(name):
    checkpoint, sample = checkpoint_of(name)
    target = Target(checkpoint.labels[0], 0, 1 if name == "jmt" else None)
    twin = replace(checkpoint, model=randomized_model(checkpoint.model, 0))
    first, second = (
        explain_window(c, sample, target, "integrated_gradients", "fast").maps["mel"].flatten()
        for c in (checkpoint, twin)
    )
    assert abs(rank_correlation(first, second)) < 0.5
    assert rank_correlation(first, first) == pytest.approx(1)
    for (_, a), (_, b) in zip(
        checkpoint.model.named_parameters(), twin.model.named_parameters(), strict=True
    ):
        assert bool((a == a.flatten()[0]).all()) or not torch.equal(a, b)


def test_rank_correlation_is_spearmans_with_ties():
    a, b = (torch.randint(0, 9, (50,), generator=torch.Generator().manual_seed(n)) for n in (1, 2))
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, torch.ones(50)) == 0


def test_faces_are_placed_where_the_sample_shows_them():
    tracks = Tracks(
        np.array([[[0, 0, 0.5, 1]]], np.float32), np.zeros((1, 1)), np.ones((1, 1), bool)
    )
    wide = SampleConfig(width=96, height=72)  # a 2:1 picture gets black above and below
    box = to_sample_frame(tracks, (200, 100), wide).boxes[0, 0]
    torch.testing.assert_close(box, torch.tensor([0, 1 / 6, 0.5, 5 / 6]))
    found = to_sample_frame(tracks, (200, 100), replace(wide, resize_mode="crop")).boxes[0, 0]
    torch.testing.assert_close(found, torch.tensor([0, 0, 0.5, 1.0]))
    assert share_on_faces(explain_window(planted(), planted_sample(), RED, "saliency"), None) == (
        None,
        None,
    )


def test_what_ifs_change_what_they_should():
    checkpoint, sample, mel = planted(), planted_sample(), PLANTED.mel
    red = {
        name: whatif.what_if(checkpoint, sample, name, to).after["red"]
        for name, to in {
            "same": lambda s: s,
            "mute": lambda s: whatif.mute(s, mel),
            "swap": lambda s: whatif.swap_sound(s, replace(s, mel=s.mel.flip(0))),
            "freeze on red": lambda s: whatif.freeze(s, 2),
            "freeze on grey": lambda s: whatif.freeze(s, 0),
            "hide": lambda s: whatif.hide_faces(s, square()),
            "blur": lambda s: whatif.hide_faces(s, square(), blur=True),
            "no picture": lambda s: whatif.drop(s, "picture"),
        }.items()
    }
    assert red["mute"] < red["same"] < red["freeze on red"]
    assert red["swap"] == pytest.approx(red["same"])  # loudness counts, not when
    assert red["freeze on grey"] == pytest.approx(red["hide"], abs=1e-3)
    assert red["hide"] < red["blur"] <= red["same"]
    assert red["no picture"] == pytest.approx(red["hide"], abs=1e-3)


def test_what_ifs_touch_only_what_they_name():
    sample, mel = planted_sample(), PLANTED.mel
    assert torch.equal(whatif.mute(sample, mel).video, sample.video)
    later = whatif.shift_sound(sample, 2, mel)  # two frames of 0.25 s: 25 mel frames
    torch.testing.assert_close(later.mel[25:], sample.mel[:-25])
    assert not later.mel_mask[:25].any() and later.mel_mask[25:].all()
    earlier = whatif.shift_sound(sample, -2, mel)
    torch.testing.assert_close(earlier.mel[:-25], sample.mel[25:])
    assert sample.mel_mask.all()
    hidden = whatif.hide_faces(sample, square()).video != sample.video
    assert hidden.any(1).sum() == 2 * RED_SIDE**2
    _, noisy = checkpoint_of("fe2e")
    assert (whatif.hide_faces(noisy, None).faces == whatif.GREY).all()
    assert not whatif.drop(noisy, "picture").face_mask.any()


def test_what_ifs_that_can_not_be_say_why():
    sample = planted_sample()
    silent = replace(sample, mel_mask=sample.mel_mask & False)
    for wrong, words in (
        (lambda: whatif.swap_sound(sample, silent), "has no sound"),
        (lambda: whatif.hide_faces(sample, None), "no face was found"),
        (lambda: whatif.freeze(sample, 8), "no frame 8; expected one of 8"),
        (lambda: whatif.drop(sample, "smell"), "'smell' is not one of"),
    ):
        with pytest.raises(AttributionError, match=words):
            wrong()


def test_heat_is_colour_on_grey():
    grey = blended(np.full((4, 4, 3), 100, np.uint8), np.zeros((2, 2)))
    assert (grey == 100).all()
    raised, lowered = (
        blended(np.full((4, 4, 3), 100, np.uint8), np.full((2, 2), v))[0, 0] for v in (1, -1)
    )
    assert raised[0] > raised[2] and lowered[2] > lowered[0]


def test_a_report_in_the_place_of_a_file_is_refused_before_the_work(tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(["explain", str(tmp_path / "no.mp4"), "--out", str(tmp_path / "out")]) == 2
    assert "is a file; expected a folder for the report" in capsys.readouterr().err


def test_explain_writes_report_maps_and_film(capsys, tmp_path):
    out = tmp_path / "why"
    words = ["explain", str(CLIP), "--method", "saliency", "--preset", "fast", "--out", str(out)]
    words += ["--model", "group-staged"]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["target"] == "positive" and answer["forward_passes"] <= 16
    assert answer["files"] == ["attribution.npz", "report.html", "overlay.mp4"]
    assert answer["verdict"] and {c["change"] for c in answer["what_if"]} >= {"sound muted"}
    with np.load(out / "attribution.npz") as saved:
        assert saved["map_video"].shape == (16, 3, 72, 96) and str(saved["method"]) == "saliency"
        assert saved["map_mel"].shape[0] == len(saved["times_s_mel"])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("plotly.js v") == 1
    own = page.split("</style>")[1].split("</script>", 1)[1]  # all but plotly's own code
    assert "http:" not in own and "https:" not in own
    assert answer["verdict"].split(":")[0] in page and "captum 0.9.0" in page
    with av.open(str(out / "overlay.mp4")) as film:
        assert [s.codec_context.name for s in film.streams] == ["h264", "aac"]
        assert film.streams[0].frames == 125
        assert float(film.streams[1].duration * film.streams[1].time_base) == pytest.approx(
            5, abs=0.1
        )


class Wall:
    """Half a second of white, of any size; reads like a file."""

    has_audio, fps, duration_s = False, 10.0, 0.5

    def __init__(self, *size: int) -> None:
        self.size = size

    def read_in_turn(self, stretches, size):
        for times_s in stretches:
            pixels = np.full((len(times_s), size[1], size[0], 3), 255, np.uint8)
            yield DecodedFrames(pixels, np.asarray(times_s))


@pytest.mark.parametrize(
    ("size", "shown"), [((50, 8000), (8, 1280)), ((8000, 50), (640, 4)), ((9, 16), (640, 1138))]
)
def test_a_film_of_any_shape_has_room_for_its_legend(size, shown, good, tmp_path):
    write_overlay(tmp_path / "film.mp4", Wall(*size), good[2], good[0].sample)
    with av.open(str(tmp_path / "film.mp4")) as film:
        image = next(film.decode(video=0)).to_ndarray(format="rgb24")
    assert image.shape[:2] == (shown[1] + STRIP, 640)
    left = (640 - shown[0]) // 2
    bright = image[: shown[1]].max((0, 2))
    assert bright[left : left + shown[0]].min() > 60
    assert bright[: max(0, left - 4)].max(initial=0) < 40


def test_a_film_of_sound_alone_is_refused_and_leaves_no_file(good, tmp_path):
    sound = Wall(9, 16)
    sound.size = None
    with pytest.raises(ClipError, match="holds sound alone"):
        write_overlay(tmp_path / "film.mp4", sound, good[2], good[0].sample)
    assert not list(tmp_path.iterdir())


def test_explain_refuses_in_one_sentence(capsys, tmp_path):
    for wrong, words in (
        (["--method", "magic"], "method 'magic' is not one of grad_cam"),
        (["--target", "joy"], "does not know 'joy'; expected one of positive, neutral, negative"),
        (["--window", "3"], "there is no window 3; expected 0 to 0"),
    ):
        assert main(["explain", str(CLIP), "--out", str(tmp_path / "x"), *wrong]) == 2
        err = capsys.readouterr().err
        assert words in err and "Traceback" not in err
    assert not (tmp_path / "x").exists()


def test_methods_are_listed_with_their_cost(capsys):
    assert main(["list", "methods", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["methods"]
    for row in rows:
        costs = row["forward_passes"]
        assert costs["fast"] <= 16 and costs["standard"] <= 60 and row["about"]


def test_a_modality_that_hardly_counts_is_not_given_a_second(good):
    found = good[2]
    assert "the picture raises it most from" in summarise_clock(found)
    slight = replace(found, maps={**found.maps, "mel": found.maps["mel"] / 1000})
    assert "the sound hardly counted" in summarise_clock(slight)
    mute = replace(found, maps={**found.maps, "mel": found.maps["mel"] * 0})
    assert "the sound did not count" in summarise_clock(mute)
