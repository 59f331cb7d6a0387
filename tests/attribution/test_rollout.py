"""Attention rollout equals one that is multiplied by hand, whatever is missing and however deep.

By hand (Abnar & Zuidema 2020): every layer is one matrix over all tokens of the model, half of it
the residual path where the model has one; what is not real neither asks nor answers.
"""

from dataclasses import replace

import pytest
import torch

from emo_core.attribution.methods import explain_window
from emo_core.attribution.rollout import _spread, picture_to_sound
from emo_core.attribution.types import Target
from emo_core.models.group import Group, GroupConfig
from emo_core.models.jmt import POCKET as JMT
from emo_core.models.jmt import Jmt
from emo_core.models.layers.joint_transformer import ATTENTION_PAIRS
from emo_core.models.layers.towers import runs, to_frames
from emo_core.preprocess.batch import collate
from tests.conftest import random_batch, small_group
from tests.support.explained import checkpoint_of

NOTHING = ((1, 80), (4, 10), (2, 24), (4, 80), (4, 0), (0, 80), (3, 41))  # frames, mel frames


def traced(model, batch):
    with torch.no_grad():
        return model.eval()(batch).trace


def window(video=None, mel=None, **sizes):
    """A batch of one window, of which so many frames and mel frames are real."""
    batch = random_batch(1, **sizes)
    steps, sounds = batch.video.shape[1], batch.mel.shape[1]
    masks = {
        "video_mask": torch.arange(steps)[None] < (steps if video is None else video),
        "mel_mask": torch.arange(sounds)[None] < (sounds if mel is None else mel),
    }
    masks["face_mask"] = masks["video_mask"].unsqueeze(-1) & batch.face_mask
    return replace(batch, **masks)


def group_by_hand(trace):
    """Shares of video, then audio, tokens: one matrix for both streams, a block at a time."""
    real = torch.cat([trace.video_mask[0], trace.audio_mask[0]]).double()
    video = trace.video_mask.shape[1]
    first = torch.eye(len(real), dtype=torch.double)  # tokens as the towers made them
    own = {"video": slice(0, video), "audio": slice(video, len(real))}
    pooled = torch.zeros(len(real), dtype=torch.double)
    for name, other in (("video", "audio"), ("audio", "video")):
        rows = first[own[name]]
        for weights in trace.attention.get((name, other), ()):
            mean = weights[0].double().mean(0)
            rows = 0.5 * rows + 0.5 * mean @ first[own[other]]
        there = real[own[name]]
        if there.any():
            pooled += (rows * there.unsqueeze(1)).sum(0) / there.sum()
    pooled /= pooled.sum()
    return {name: pooled[part] for name, part in own.items()}


@pytest.mark.parametrize("frames", NOTHING)
@pytest.mark.parametrize("fusion", ["two_way", "video_queries", "audio_queries"])
def test_group_equals_the_hand_with_parts_missing(fusion, frames):
    batch = window(*frames)
    model = small_group(fusion)
    trace = traced(model, batch)
    wanted, found = group_by_hand(trace), trace.rollout()
    for name, share in wanted.items():
        torch.testing.assert_close(found[name].double(), share, atol=1e-7, rtol=0)
        assert not found[name][~getattr(trace, f"{name}_mask")[0]].any()
    placed = model.rollout(batch, trace, None)
    assert placed["video"].shape == (4,) and placed["audio"].shape == (80,)
    assert not placed["video"][~batch.video_mask[0]].any()
    assert not placed["audio"][~batch.mel_mask[0]].any()
    for name, share in placed.items():
        assert float(share.sum()) == pytest.approx(float(wanted[name].sum()), abs=1e-6)


@pytest.mark.parametrize("blocks", [1, 10, 11, 12, 23])
def test_group_equals_the_hand_at_any_depth(blocks):
    trace = traced(small_group(blocks=blocks), window(3, 60))
    for name, share in group_by_hand(trace).items():
        torch.testing.assert_close(trace.rollout()[name].double(), share, atol=1e-7, rtol=0)


def joint_by_hand(trace, step, readout):
    """Shares of (video, audio) steps of one answer of the joint transformer, 3 S tokens at once."""
    masks = {n: trace.real[n][0] for n in ("video", "audio")}
    masks["joint"] = masks["video"] | masks["audio"]
    count, order = len(masks["video"]), ("video", "audio", "joint")
    at = {n: slice(i * count, (i + 1) * count) for i, n in enumerate(order)}
    made = torch.zeros(3 * count, 2 * count, dtype=torch.double)  # of what the towers made
    made[: 2 * count] = torch.eye(2 * count)
    for moment in range(count):
        sources = [n for n in ("video", "audio") if masks[n][moment]]
        for n in sources:
            made[2 * count + moment, at[n].start + moment] = 1 / len(sources)
    encoded = torch.zeros_like(made)
    for n in order:
        weights = trace.self_attention[n][0].double().mean(0)
        encoded[at[n]] = 0.5 * made[at[n]] + 0.5 * weights @ made[at[n]]
    answers, real = [], []
    for query, context in ATTENTION_PAIRS:
        weights = trace.cross_attention[query, context][0].double().mean(0)[step]
        real.append(bool(masks[query][step]) and bool(masks[context].any()))
        answers.append(weights @ encoded[at[context]] * real[-1])
    answers, real = torch.stack(answers), torch.tensor(real).double()  # (6, 2 S)
    mixed = 0.5 * answers + 0.5 * trace.mixing[0, step].double().mean(0) @ answers
    read = trace.readout[0, step].double().mean(0) @ (mixed * real.unsqueeze(1))  # (K, 2 S)
    weights = {
        "last": torch.ones(1).double(),
        "mean": real / real.sum(),
        "attention": None
        if trace.readout_weights is None
        else trace.readout_weights[0, step].double(),
    }[readout]
    shares = weights @ read
    shares = shares * torch.cat([masks["video"], masks["audio"]])
    shares = shares / shares.sum()
    return {"video": shares[:count], "audio": shares[count:]}


HALVES = {
    "all": (8, 80),
    "half of the faces": (4, 80),
    "half of the sound": (8, 38),
    "both": (5, 61),
}
HALVES |= {"no sound": (8, 0), "no face": (0, 80)}


def small_jmt(**changes):
    torch.manual_seed(1)
    settings = replace(
        JMT,
        steps=4,
        width=32,
        hidden=32,
        head_hidden=16,
        video_widths=(8, 16),
        audio_widths=(8, 8, 16, 16),
        **changes,
    )
    return Jmt(settings).eval()


@pytest.mark.parametrize("readout", ["last", "mean", "attention"])
@pytest.mark.parametrize("real", HALVES.values(), ids=HALVES)
def test_jmt_equals_the_hand_with_halves_missing(readout, real):
    model = small_jmt(readout=readout)
    batch = window(*real, frames=8, people=1, face=32)
    trace = traced(model, batch)
    for step in range(4):
        if not trace.moments.mask[0, step]:
            continue
        wanted = joint_by_hand(trace, step, readout)
        if bool(torch.stack(list(wanted.values())).isnan().any()):
            continue  # the last answer, which alone is read, is not there
        found = trace.rollout(step)
        for name, share in wanted.items():
            torch.testing.assert_close(found[name].double(), share, atol=1e-6, rtol=0)
        placed = model.rollout(batch, trace, step)
        assert not placed["video"][~batch.face_mask[0, :, 0]].any()
        assert not placed["audio"][~batch.mel_mask[0]].any()
        assert sum(float(x.sum()) for x in placed.values()) == pytest.approx(1, abs=1e-5)


def test_vanilla_jmt_leaves_out_a_question_that_nothing_asks():
    trace = traced(small_jmt(fusion="vanilla"), window(4, 80, frames=8, people=1, face=32))
    found = trace.rollout(3)  # no face there: only the sound asks, and of the picture
    assert float(found["video"].sum()) == pytest.approx(1, abs=1e-6)
    assert not found["video"][2:].any() and not found["audio"].any()


def test_a_chunks_share_stands_on_its_real_mel_frames():
    checkpoint, sample = checkpoint_of("fe2e")
    for real in (80, 70, 48, 33, 5):
        batch = replace(collate([sample]), mel_mask=torch.arange(80)[None] < real)
        trace = traced(checkpoint.model, batch)
        own = trace.towers["audio"].rollout()
        shares = checkpoint.model.rollout(batch, trace, None)["audio"]
        assert not shares[real:].any()
        for chunk, share in enumerate(own / own.sum() / 2):
            part = shares[32 * chunk : min(32 * (chunk + 1), real)]
            assert float(part.sum()) == pytest.approx(float(share), abs=1e-6)
            assert not len(part) or float(part.max() - part.min()) < 1e-7


def test_equal_chunks_have_equal_shares_whatever_the_window_cuts():
    shares = torch.full((3,), 1 / 3) @ to_frames(runs(3, 32), torch.ones(80) > 0)
    found = [float(shares[part].sum()) for part in (slice(0, 32), slice(32, 64), slice(64, 80))]
    assert found == pytest.approx([1 / 3] * 3)


def test_a_modality_without_anything_leaves_all_to_the_other():
    for name in ("fe2e", "mesm", "mesm-structured"):
        checkpoint, sample = checkpoint_of(name)
        batch = replace(collate([sample]), face_mask=collate([sample]).face_mask & False)
        shares = checkpoint.model.rollout(batch, traced(checkpoint.model, batch), None)
        assert float(shares["audio"].sum()) == pytest.approx(1, abs=1e-5)
        assert not shares["video"].any()


def test_only_the_first_face_that_is_there_has_a_share():
    checkpoint, sample = checkpoint_of("fe2e")
    mask = sample.face_mask.clone()
    mask[0, 0], mask[1] = False, False  # the second person's is read, then nothing
    found = explain_window(
        checkpoint, replace(sample, face_mask=mask), Target("anger", 0), "rollout", "fast"
    ).maps["faces"]
    there = found.flatten(2).any(2)
    assert there.tolist() == [[False, True], [False, False], [True, False], [True, False]]


@pytest.mark.parametrize("frames", [8, 10, 12, 14, 16, 20, 24, 32])
def test_places_come_back_to_their_frames_and_pixels_for_any_number_of_frames(frames):
    torch.manual_seed(0)
    with torch.device("meta"):
        model = Group(GroupConfig(audio_backbone="slim", width=32))
    steps, size = -(-frames // 8), (48, 64)
    share = torch.zeros(steps, 3, 4)
    share[-1, 0, 3] = 1  # of the last step the place at the top right
    weights = to_frames(
        runs(steps, 8, -4, frames).repeat_interleave(12, dim=0),
        torch.ones(frames, dtype=torch.bool),
    )
    found = model._at_pixels("video", share.flatten().unsqueeze(1) * weights, size)
    assert found.shape == (frames, *size) and float(found.sum()) == pytest.approx(1, abs=1e-5)
    when, down, across = (found.nonzero()[:, axis].unique().tolist() for axis in range(3))
    last = 8 * (steps - 1)  # it is centred on that frame, on row 0 and on column 48
    assert when == list(range(max(0, last - 4), frames))
    assert down == list(range(8)) and across == list(range(40, 64))


def test_the_papers_model_is_followed_with_twelve_frames():
    torch.manual_seed(0)
    model = Group(GroupConfig(audio_backbone="slim", audio_widths=(8, 8, 16, 16), width=32)).eval()
    batch = window(9, 50, frames=12, side=48)
    trace = traced(model, batch)
    found = model.rollout(batch, trace, None)
    assert found["video"].shape == (12, 48, 48)
    assert not found["video"][9:].any() and found["video"][:9].flatten(1).any(1).all()
    wanted = group_by_hand(trace)
    assert float(found["video"].sum()) == pytest.approx(float(wanted["video"].sum()), abs=1e-5)


def test_shares_of_any_shape_become_maps_with_the_same_sum():
    real = torch.tensor([[True, False], [True, True], [False, False]])
    faces = torch.Size((3, 2, 3, 4, 4))
    found = _spread(torch.tensor([0.2, 0.3, 0.0]), faces, real).flatten(2).sum(2)
    torch.testing.assert_close(found, torch.tensor([[0.2, 0], [0.15, 0.15], [0, 0]]))
    video = torch.Size((4, 3, 6, 8))
    pixels = torch.rand(4, 6, 8)
    found = _spread(pixels, video, torch.ones(4) > 0)
    torch.testing.assert_close(found.sum(1), pixels)
    for count in (1, 3, 5, 80, 200):  # of another model: equal stretches of the sound
        found = _spread(torch.rand(count), torch.Size((80, 64)), torch.arange(80) < 60)
        assert found.shape == (80, 64) and not found[60:].any() and found.sum() > 0


@pytest.mark.parametrize("name", ["group", "jmt"])
def test_the_attention_matrix_leaves_out_what_is_not_there(name):
    checkpoint, sample = checkpoint_of(name)
    frames = len(sample.video_mask)
    half = replace(
        sample,
        video_mask=torch.arange(frames) < frames // 2,
        face_mask=(torch.arange(frames) < frames // 2).unsqueeze(1) & sample.face_mask,
        mel_mask=torch.arange(80) < 40,
    )
    found = picture_to_sound(checkpoint, half)
    last_s = sample.start_s + float(sample.video_times_s[frames // 2 - 1])
    assert found.video_s.max() <= last_s + 1e-4 and found.audio_s.max() < sample.start_s + 0.9
    torch.testing.assert_close(found.weights.sum(1), torch.ones(len(found.video_s)))
    assert bool((found.video_s.diff() > 0).all()) and bool((found.audio_s.diff() > 0).all())


def test_moments_of_the_joint_transformer_are_the_middles_of_what_was_read():
    checkpoint, sample = checkpoint_of("jmt")
    found = picture_to_sound(checkpoint, sample)
    middles = sample.start_s + sample.video_times_s.view(4, -1).mean(1)
    torch.testing.assert_close(found.video_s, middles)
    assert float((found.video_s - found.audio_s).abs().max()) < 0.11  # two of its frames' time
    prediction = checkpoint.model(collate([sample])).trace.moments.times_s[0]
    ends = sample.video_times_s.view(4, -1)[:, -1]
    torch.testing.assert_close(prediction, ends)  # what is said is said of a step's end
