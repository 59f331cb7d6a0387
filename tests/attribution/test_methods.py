"""What must be true of every method, on every model: shapes, sums, cost, and the truth found."""

import threading
from dataclasses import replace

import pytest
import torch

from emo_core.attribution.explain import choose_window, make_target, modality_share
from emo_core.attribution.feature_mask import time_mask
from emo_core.attribution.forward_function import (
    MASKS,
    ForwardFunction,
    PassBudget,
    counted,
    free_bytes,
    inputs_of,
    lazy_property,
)
from emo_core.attribution.methods import METHODS, cost, explain_window
from emo_core.attribution.perturbation import _without_each, sampled_shapley
from emo_core.attribution.rollout import picture_to_sound
from emo_core.attribution.timeline import in_space, to_timeline
from emo_core.attribution.types import PRESETS, AttributionError, Cancelled, Target
from emo_core.inference.prediction import Span
from emo_core.models.group import Group, GroupConfig
from emo_core.models.jmt import Jmt
from emo_core.preprocess.batch import collate
from tests.conftest import small_group
from tests.support.explained import (
    HEIGHT,
    RED_FRAMES,
    RED_LEFT,
    RED_SIDE,
    RED_TOP,
    WIDTH,
    checkpoint_of,
    planted,
    planted_sample,
)

MODELS = ("group", "fe2e", "mesm", "mesm-structured", "jmt")
EVERYWHERE = [name for name in METHODS if name != "token_shapley"]  # for models of every kind
POINTING = [name for name in EVERYWHERE if name != "rollout"]
RED = Target("red", 0)


@pytest.fixture(scope="module")
def catalogue():
    return {name: checkpoint_of(name) for name in MODELS}


def explained(method, preset="standard", sample=None, **changes):
    return explain_window(planted(), sample or planted_sample(), RED, method, preset, **changes)


@pytest.mark.parametrize("method", EVERYWHERE)
@pytest.mark.parametrize("name", MODELS)
def test_maps_have_exactly_the_shape_of_the_inputs(catalogue, name, method):
    checkpoint, sample = catalogue[name]
    target = make_target(checkpoint, sample, checkpoint.labels[0])
    found = explain_window(checkpoint, sample, target, method, "fast")
    assert set(found.maps) == set(inputs_of(checkpoint))
    for field, values in found.maps.items():
        assert values.shape == getattr(sample, field).shape and values.dtype == torch.float32
        assert values.isfinite().all()
    assert found.forward_passes <= cost(method, "fast", checkpoint) <= PRESETS["fast"].passes
    assert any(values.any() for values in found.maps.values())
    times_s = found.times_s["mel"]
    torch.testing.assert_close(times_s, sample.start_s + sample.mel_times_s)


@pytest.mark.parametrize("method", POINTING)
def test_words_have_a_share_where_a_model_reads(catalogue, method):
    checkpoint, sample = catalogue["fe2e"]
    found = explain_window(checkpoint, sample, Target("anger", 0), method, "fast")
    assert bool(found.maps["tokens"].any()) == (method != "grad_cam")


@pytest.mark.parametrize("method", POINTING)
def test_every_method_points_at_the_planted_evidence(method):
    found = explained(method)
    clock = to_timeline(found, 8)
    assert clock.edges_s[0] == 3.0 and clock.edges_s[-1] == 5.0
    assert int(clock.picture.argmax()) in range(*RED_FRAMES)
    assert int(clock.sound.argmax()) in (4, 5, 6)  # 1.2 to 1.6 s of two
    assert clock.sound[[4, 5, 6]].sum() > 0.8 * clock.sound.clamp(min=0).sum()
    if method in ("ablation", "shapley"):  # they say when, not where
        return
    seen = in_space(found, "video").sum(0)
    assert seen.shape == (HEIGHT, WIDTH)
    down, across = (seen >= 0.999 * seen.max()).nonzero().double().mean(0).tolist()
    assert RED_TOP - 1 <= down < RED_TOP + RED_SIDE
    assert RED_LEFT - 1 <= across < RED_LEFT + RED_SIDE


def test_signs_say_what_raises_and_what_lowers():
    green = explain_window(planted(), planted_sample(), Target("green", 1), "occlusion")
    assert not green.maps["mel"].any()
    only_red = explained("occlusion").maps["video"].sum()
    assert only_red > 0


@pytest.mark.parametrize("baseline", ["blur", "mean"])
def test_integrated_gradients_are_complete(baseline):
    found = explained("integrated_gradients", "thorough", baseline=baseline)
    total = sum(float(m.sum()) for m in found.maps.values())
    difference = found.score - found.baseline_score
    assert abs(total - difference) < 0.05 * abs(difference)
    assert found.gap == pytest.approx(abs(total - difference) / abs(difference), abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_shapley_sums_to_the_difference(catalogue, name):
    checkpoint, sample = catalogue[name]
    target = make_target(checkpoint, sample, checkpoint.labels[0])
    found = explain_window(checkpoint, sample, target, "shapley", "fast")
    total = sum(float(m.double().sum()) for m in found.maps.values())
    assert total == pytest.approx(found.score - found.baseline_score, abs=2e-4)


def test_modality_shares_sum_to_the_difference(catalogue):
    checkpoint, sample = catalogue["group"]
    shares = modality_share(checkpoint, sample, Target("positive", 0))
    model, nothing = (
        checkpoint.model,
        {"video_mask": sample.video_mask & False, "mel_mask": sample.mel_mask & False},
    )
    with torch.no_grad():
        whole, none = model(collate([sample, replace(sample, **nothing)])).logits[:, 0].tolist()
    assert sum(shares.values()) == pytest.approx(whole - none, abs=1e-4)


def test_picture_and_sound_are_cut_on_one_clock():
    question = ForwardFunction(planted(), planted_sample(), RED, "blur", PassBudget(9))
    video, mel = time_mask(question, PRESETS["fast"], 4)
    assert not set(video.unique().tolist()) & set(mel.unique().tolist())
    sample = planted_sample()
    for frame, second in enumerate(sample.video_times_s.tolist()):
        at = int((sample.mel_times_s - second).abs().argmin())
        assert int(video[0, frame, 0, 0, 0]) == int(mel[0, at, 0]) - 4


def test_the_clock_keeps_sums():
    found = explained("occlusion", "fast")
    for parts in (1, 7, 40):
        clock = to_timeline(found, parts)
        assert float(clock.picture.sum()) == pytest.approx(
            float(found.maps["video"].sum()), rel=1e-4
        )
        assert float(clock.sound.sum()) == pytest.approx(float(found.maps["mel"].sum()), rel=1e-4)


@pytest.mark.parametrize("method", EVERYWHERE)
@pytest.mark.parametrize("name", MODELS)
def test_what_is_behind_a_mask_gets_nothing(catalogue, name, method):
    """Every method and model: half of the frames, of the faces, of the sound and of the words."""
    checkpoint, sample = catalogue[name]
    half = {}
    for field in ("video_mask", "face_mask", "mel_mask", "token_mask"):
        mask = getattr(sample, field).clone()
        mask[len(mask) // 2 :] = False
        half[field] = mask
    half["mel_mask"][30:] = False  # within a chunk, a token and a step
    partly = replace(sample, **half)
    target = make_target(checkpoint, partly, checkpoint.labels[0], at_s=sample.start_s)
    found = explain_window(checkpoint, partly, target, method, "fast")
    for field, values in found.maps.items():
        real = half[MASKS[field]]
        hidden = values[~real]
        assert not hidden.any(), (field, float(hidden.abs().sum()))
        assert field == "tokens" or values[real].any(), field


@pytest.mark.parametrize("method", EVERYWHERE)
def test_a_window_without_sound_has_a_map_of_zeros_and_costs_less(catalogue, method):
    checkpoint, sample = catalogue["group"]
    silent = replace(sample, mel_mask=sample.mel_mask & False)
    found = explain_window(checkpoint, silent, Target("positive", 0), method, "fast")
    assert found.maps["mel"].shape == sample.mel.shape and not found.maps["mel"].any()
    assert found.forward_passes <= cost(method, "fast", checkpoint)


@pytest.mark.parametrize("method", EVERYWHERE)
def test_a_window_without_a_face_has_a_map_of_zeros(catalogue, method):
    for name in ("mesm", "jmt"):
        checkpoint, sample = catalogue[name]
        faceless = replace(sample, face_mask=sample.face_mask & False)
        target = make_target(checkpoint, faceless, checkpoint.labels[1])
        found = explain_window(checkpoint, faceless, target, method, "fast")
        assert found.maps["faces"].shape == sample.faces.shape and not found.maps["faces"].any()


@pytest.mark.parametrize("method", POINTING)
def test_a_clip_of_one_frame(method):
    sample = planted_sample()
    one = replace(sample, video_mask=torch.arange(8) < 1)
    found = explained(method, "fast", one)
    assert found.maps["video"].shape == sample.video.shape


@pytest.mark.parametrize(
    ("name", "cells", "centre"),
    [("fe2e", (3, 4, 2), (32 + 23.5, 55.5)), ("jmt", (4, 3, 4), (20 + 8, 48))],
)
def test_maps_of_pieces_of_sound_come_back_to_their_time_and_band(catalogue, name, cells, centre):
    checkpoint, sample = catalogue[name]
    batch = collate([sample])
    trace = checkpoint.model(batch).trace
    cam = torch.zeros(cells[0], 1, *cells[1:])
    if name == "fe2e":
        cam[1, 0, 3, 1] = 1  # its pictures are bands × time; the last cell of each
    else:
        cam[1, 0, 1, 3] = 1
    found = checkpoint.model.cam_placement("audio", cam, batch, trace)
    assert found.shape == sample.mel.shape
    frames, bands = (found == found.max()).nonzero().double().mean(0).tolist()
    held = (63 - centre[1]) / 2  # the last cell holds to the edge
    assert bands == pytest.approx(centre[1] + held, abs=0.6)
    length = {"fe2e": 32, "jmt": 20}[name]
    assert length <= frames < 2 * length and not found[:, :16].any()
    assert not found[:length].any() and not found[2 * length :].any()
    assert abs(frames - centre[0]) <= (2 * length - 1 - centre[0]) / 2 + 0.6


@pytest.mark.parametrize("fusion", ["joint", "vanilla", "video", "audio"])
def test_rollout_of_a_moment_follows_every_fusion_with_attention(catalogue, fusion):
    checkpoint, sample = catalogue["jmt"]
    settings = replace(checkpoint.settings, fusion=fusion)
    changed = replace(checkpoint, model=Jmt(settings).eval(), settings=settings)
    target = make_target(changed, sample, "valence", at_s=sample.start_s)
    found = explain_window(changed, sample, target, "rollout", "fast")
    total = sum(float(x.sum()) for x in found.maps.values())
    assert total == pytest.approx(1, abs=1e-4)
    used = {"video": {"faces"}, "audio": {"mel"}}.get(fusion, {"faces", "mel"})
    assert {name for name, values in found.maps.items() if values.any()} == used


def test_a_fusion_without_attention_has_no_rollout(catalogue):
    for name, model_class in (("group", Group), ("jmt", Jmt)):
        checkpoint, sample = catalogue[name]
        settings = replace(checkpoint.model.config, fusion="concat")
        changed = replace(checkpoint, model=model_class(settings).eval(), settings=settings)
        target = make_target(changed, sample, changed.labels[0])
        with pytest.raises(AttributionError, match="no attention between moments"):
            explain_window(changed, sample, target, "rollout", "fast")


def test_rollout_follows_one_direction_too(catalogue):
    checkpoint, sample = catalogue["group"]
    one_way = replace(checkpoint, model=small_group("video_queries").eval())
    found = explain_window(one_way, sample, Target("positive", 0), "rollout", "fast")
    assert found.maps["mel"].any() and found.maps["video"].any()


@pytest.mark.parametrize("method", EVERYWHERE)
def test_two_scales_without_colour_and_heads_of_their_own_are_explained(catalogue, method):
    checkpoint, sample = catalogue["group"]
    options = {"pyramid_levels": 2, "use_color": False, "unimodal_heads": True}
    changed = replace(checkpoint, model=small_group(**options).eval())
    found = explain_window(changed, sample, Target("positive", 0), method, "fast")
    for name in ("mel", "video"):
        assert found.maps[name].shape == getattr(sample, name).shape
        assert found.maps[name].any() and found.maps[name].isfinite().all()


@pytest.mark.slow
def test_space_time_tokens_and_maps_come_back_to_frames():
    torch.manual_seed(0)
    config = GroupConfig(audio_backbone="slim", audio_widths=(8, 8, 16, 16), width=32)
    checkpoint, sample = checkpoint_of("group")
    big = replace(checkpoint, model=Group(config).eval(), settings=config)
    big_sample = replace(
        sample,
        video=sample.video.repeat(2, 1, 2, 2),
        video_mask=torch.ones(8, dtype=torch.bool),
        video_times_s=torch.linspace(0, 1.5, 8),
    )
    for method in ("grad_cam", "rollout"):
        found = explain_window(big, big_sample, Target("positive", 0), method, "fast")
        assert found.maps["video"].shape == big_sample.video.shape and found.maps["video"].any()


def test_rollout_sums_to_one_and_knows_no_class(catalogue):
    for name in ("group", "jmt", "fe2e"):
        checkpoint, sample = catalogue[name]
        a, b = (
            explain_window(
                checkpoint, sample, replace(t, step=1 if name == "jmt" else None), "rollout", "fast"
            )
            for t in (Target(checkpoint.labels[0], 0), Target(checkpoint.labels[1], 1))
        )
        assert sum(float(m.sum()) for m in a.maps.values()) == pytest.approx(1, abs=1e-3)
        assert all(torch.equal(a.maps[k], b.maps[k]) for k in a.maps)


def test_rollout_follows_the_attention(catalogue):
    """Where every question is about one moment, all that crosses goes there."""
    checkpoint, sample = catalogue["group"]
    sharp = replace(checkpoint, model=_Sharp(checkpoint.model))
    found = explain_window(sharp, sample, Target("positive", 0), "rollout", "fast")
    heard = found.maps["mel"].sum(1)
    assert int(heard.argmax()) in range(7 * 8 - 4, 7 * 8 + 4)  # its field is centred on 56
    assert found.maps["video"].flatten(1).sum(1).argmax() == 2


class _Sharp(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        output = self.model(batch)
        for (query, _), blocks in output.trace.attention.items():
            for weights in blocks:
                weights.zero_()[..., 7 if query == "video" else 2] = 1
        return output

    def rollout(self, batch, trace, step):
        return self.model.rollout(batch, trace, step)


def test_explanations_work_inside_inference_mode_and_leave_the_model_alone(catalogue):
    checkpoint, sample = catalogue["group"]
    before = [p.clone() for p in checkpoint.model.parameters()]
    with torch.inference_mode():
        explain_window(checkpoint, sample, Target("positive", 0), "saliency", "fast")
    assert all(p.requires_grad and p.grad is None for p in checkpoint.model.parameters())
    assert all(map(torch.equal, before, checkpoint.model.parameters()))
    assert not any(m._forward_hooks for m in checkpoint.model.modules())


def test_progress_is_told_and_can_stop():
    told = []
    explained("ablation", "fast", progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] == cost("ablation", "fast", planted())
    with pytest.raises(Cancelled):
        explained("ablation", progress=lambda done, total: done < 5)


def test_one_seed_gives_one_answer():
    first, second = (explained("shapley", "fast", seed=3) for _ in range(2))
    assert torch.equal(first.maps["mel"], second.maps["mel"])


def test_moments_of_valence_and_arousal(catalogue):
    checkpoint, sample = catalogue["jmt"]
    early = make_target(checkpoint, sample, "arousal", at_s=sample.start_s)
    late = make_target(checkpoint, sample, "arousal", at_s=sample.start_s + 1.5)
    assert (early.step, late.step) == (0, 3) and early.index == 1
    assert early.at_s < late.at_s
    a, b = (explain_window(checkpoint, sample, t, "saliency", "fast") for t in (early, late))
    assert not torch.equal(a.maps["mel"], b.maps["mel"])


def test_the_window_that_matters_is_chosen():
    class Answer:
        values = None
        timeline = (Span(0, 5, {"a": 0.2, "b": 0.8}), Span(5, 10, {"a": 0.9, "b": 0.1}))

    assert choose_window(Answer, "a") == 1 and choose_window(Answer, "b") == 0
    assert choose_window(Answer, "a", at_s=2.0) == 0
    with pytest.raises(AttributionError, match="at 12 s; .* the nearest is 5 to 10 s"):
        choose_window(Answer, "a", at_s=12)
    with pytest.raises(AttributionError, match="at nan s; .* the nearest is 0 to 5 s"):
        choose_window(Answer, "a", at_s=float("nan"))
    Answer.timeline = (Span(0, 5, {}), Span(20, 25, {}), Span(40, 45, {}))
    with pytest.raises(AttributionError, match="the nearest is 0 to 5 s or 20 to 25 s"):
        choose_window(Answer, "a", at_s=19)


def test_attention_is_a_matrix_of_moments(catalogue):
    for name, rows in (("group", 4), ("jmt", 4)):
        matrix = picture_to_sound(*catalogue[name])
        assert matrix.weights.shape == (len(matrix.video_s), len(matrix.audio_s))
        assert len(matrix.video_s) == rows
        torch.testing.assert_close(matrix.weights.sum(1), torch.ones(rows))
    assert picture_to_sound(*catalogue["fe2e"]) is None


def test_bad_questions_get_one_plain_sentence(catalogue):
    checkpoint, sample = catalogue["group"]
    for wrong, words in (
        ({"method": "magic"}, "method 'magic' is not one of"),
        ({"preset": "quick"}, "preset 'quick' is not one of"),
        ({"baseline": "black"}, "baseline 'black' is not known"),
    ):
        with pytest.raises(AttributionError, match=words):
            explain_window(checkpoint, sample, Target("positive", 0), **wrong)
    with pytest.raises(AttributionError, match="does not know 'joy'; expected one of positive"):
        make_target(checkpoint, sample, "joy")
    empty = replace(sample, mel_mask=sample.mel_mask & False, video_mask=sample.video_mask & False)
    with pytest.raises(AttributionError, match="nothing that the model looks at"):
        explain_window(checkpoint, empty, Target("positive", 0))
    with pytest.raises(AttributionError, match="no attention between moments"):
        explain_window(planted(), planted_sample(), RED, "rollout")


def test_memory_bounds_how_many_variants_go_together(monkeypatch):
    checkpoint, sample = planted(), planted_sample()
    rows = []
    checkpoint.model.register_forward_pre_hook(lambda _, batch: rows.append(len(batch[0])))
    for free_mb, near_mb, most in ((1, 320, 1), (1000, 320, 8), (1000, 0, 1)):
        monkeypatch.setattr(
            "emo_core.attribution.forward_function.free_bytes", lambda _, f=free_mb: f << 20
        )
        monkeypatch.setattr("emo_core.attribution.forward_function.NEAR", near_mb << 20)
        rows.clear()
        explain_window(checkpoint, sample, RED, "occlusion", "fast")
        assert max(rows) == most
    monkeypatch.setattr("emo_core.attribution.forward_function.free_bytes", lambda _: 1 << 16)
    with pytest.raises(AttributionError, match="close other programs"):
        explain_window(checkpoint, sample, RED, "occlusion", "fast")


def test_the_bytes_of_layers_are_counted():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
    with counted(model) as sizes:
        model(torch.zeros(2, 1, 6, 6))
    assert sizes.total == 2 * (2 * 4 * 4 * 4) * 4  # two layers, (2, 4, 4, 4) floats each
    model(torch.zeros(2, 1, 6, 6))
    assert sizes.total == 2 * (2 * 4 * 4 * 4) * 4
    assert free_bytes(torch.device("cpu")) > 1 << 20


def test_occlusion_and_shapley_are_captums():
    """Captum's way, value by value and slow, is the oracle of ours by pieces."""
    from captum.attr import FeatureAblation, ShapleyValues

    question = ForwardFunction(planted(), planted_sample(), RED, "blur", PassBudget(99))
    pieces = time_mask(question, PRESETS["fast"], 2)
    with torch.no_grad():
        alone = FeatureAblation(question).attribute(
            question.inputs, question.baselines, feature_mask=pieces
        )
        fair = ShapleyValues(question).attribute(
            question.inputs, question.baselines, feature_mask=pieces
        )
    ours = [_without_each(question, pieces), None]
    preset = replace(PRESETS["fast"], passes=2000, players=2)
    ours[1] = sampled_shapley(question, preset, seed=0)
    for theirs, own, near in ((alone, ours[0], 1e-4), (fair, ours[1], 0.05)):
        for name, values, ids in zip(question.names, theirs, pieces, strict=True):
            for piece in ids.unique():
                within = (ids[0] == piece).expand_as(values[0])
                one, total = values[0][within].max(), own[name][within].sum()
                assert float(total) == pytest.approx(float(one), abs=near), name


PATIENCE_S = 20


class Answer:
    """Its value waits for `before`, where there is something to wait for."""

    def __init__(self, before: threading.Event | None = None) -> None:
        self.before, self.begun, self.asked = before, threading.Event(), 0

    @lazy_property
    def value(self) -> int:
        self.asked += 1
        self.begun.set()
        assert self.before is None or self.before.wait(PATIENCE_S), "held up for ever"
        return 7


def test_one_that_pauses_does_not_hold_up_another_objects():
    done = threading.Event()
    first, second = Answer(before=done), Answer()
    found: list[int] = []
    paused = threading.Thread(target=lambda: found.append(first.value))
    paused.start()
    assert first.begun.wait(PATIENCE_S)
    other = threading.Thread(target=lambda: (found.append(second.value), done.set()), daemon=True)
    other.start()
    other.join(PATIENCE_S / 2)
    assert not other.is_alive(), "the one that has paused holds a lock"
    paused.join()
    assert found == [7, 7]


def test_it_is_worked_out_once():
    answer = Answer()
    assert (answer.value, answer.value, answer.asked) == (7, 7, 1)
    assert isinstance(Answer.value, lazy_property)
