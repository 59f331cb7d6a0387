"""What must be true of FE2E and MESM in every mode, and of their parts."""

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.experiments.published_defects import (  # noqa: E402
    leak,
    scrambled_rows,
    without_attention_gradient,
)
from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.models import MODELS
from emo_core.models.layers.attention import ClsTransformer, PostNormBlock
from emo_core.models.layers.fusion import WeightedSum
from emo_core.models.layers.text_encoders import Albert
from emo_core.models.layers.vgg import CHUNK, DenseTower, chunk_pictures, face_pictures
from emo_core.models.mesm import MODES, PAPER, POCKET, Mesm, mesm
from emo_core.preprocess.sample import SampleConfig
from emo_core.tasks import MultiLabel
from emo_core.training.trainer import TrainConfig, parameter_groups
from tests.conftest import random_batch

SPARSE = ("faithful", "trained")


def small(mode="trained", keep=0.6, **changes):
    """A pocket model, narrower, without dropout."""
    torch.manual_seed(1)
    narrow = replace(
        POCKET,
        mode=mode,
        keep=keep,
        widths=(8, 8, 16, 16),
        hidden=32,
        width=16,
        layers=1,
        feed_forward=32,
        text_width=16,
        dropout=0.0,
    )
    return Mesm(replace(narrow, **changes))


def logits(model, batch):
    model.eval()
    with torch.no_grad():
        return model(batch).logits


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def disturbed(batch, row=0):
    """The same batch with other faces, sound and words in one row."""
    faces, mel, tokens = batch.faces.clone(), batch.mel.clone(), batch.tokens.clone()
    faces[row], mel[row] = 255 - faces[row], mel[row].flip(0) * 1.5
    tokens[row] = 255 - tokens[row]
    return replace(batch, faces=faces, mel=mel, tokens=tokens)


def longer(batch):
    """The same batch behind more masked frames, sound and words, full of noise."""

    def more(values, extra, noise):
        return torch.cat([values, torch.full_like(values[:, :extra], noise)], dim=1)

    return replace(
        batch,
        faces=more(batch.faces, 2, 200),
        face_mask=more(batch.face_mask, 2, False),
        mel=more(batch.mel, 70, 5.0),
        mel_mask=more(batch.mel_mask, 70, False),
        tokens=more(batch.tokens, 5, -1),
        token_mask=more(batch.token_mask, 5, False),
    )


def towers_flops(model, batch):
    with FlopCounterMode(display=False) as counter:
        model(batch)
    counts = counter.get_flop_counts()
    return sum(sum(counts[f"Mesm.{name}.tower"].values()) for name in ("video", "audio"))


def test_parameters_are_those_of_the_published_code():
    with torch.device("meta"):
        fe2e, sparse = Mesm(replace(PAPER, mode="dense")), Mesm(replace(PAPER, mode="faithful"))

    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(fe2e) == 36_782_485 and count(sparse) == 37_640_859
    assert count(fe2e.text.backbone["encoder"]) == 11_683_584
    assert (count(fe2e.video.tower), count(fe2e.audio.tower)) == (4_803_456, 4_800_256)
    assert (count(sparse.video.tower), count(sparse.audio.tower)) == (5_232_643, 5_229_443)
    assert (count(fe2e.video.flatten), count(fe2e.audio.flatten)) == (4_785_216, 8_455_232)
    assert count(fe2e.video.cls_transformer) == count(fe2e.audio.cls_transformer) == 1_124_672


@pytest.mark.parametrize("channels, size, gigaflop", [(3, (48, 48), 0.956), (1, (128, 32), 1.674)])
def test_a_picture_costs_what_the_published_tower_costs(channels, size, gigaflop):
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        DenseTower(channels, PAPER.widths)(torch.zeros(1, channels, *size), None, None)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gigaflop, abs=5e-4)


def test_pocket_sizes_are_small_and_the_catalogue_has_both():
    for name, mode in (("fe2e", "dense"), ("mesm", "trained")):
        model_class, settings_class, sizes = MODELS[name]
        assert model_class is Mesm and isinstance(sizes["pocket"], settings_class)
        assert {settings.mode for settings in sizes.values()} == {mode}
        assert sum(p.numel() for p in Mesm(sizes["pocket"]).parameters()) <= 1_500_000


@pytest.mark.parametrize("mode", MODES)
def test_an_utterance_does_not_see_its_neighbours(mode):
    model, batch = small(mode), random_batch()
    before, after = logits(model, batch), logits(model, disturbed(batch))
    close(before[1:], after[1:])
    assert not torch.allclose(before[0], after[0]), "the disturbed utterance did not react"
    alone = batch[1:2]
    close(logits(model, alone), before[1:2])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("training", [False, True])
def test_padding_does_not_matter(mode, training):
    batch = random_batch()
    batch.face_mask[0, 3:], batch.mel_mask[1, 40:], batch.token_mask[2, 6:] = False, False, False
    model, twin = (small(mode).train(training) for _ in range(2))
    close(model(batch).logits, twin(longer(batch)).logits)
    for (name, ours), theirs in zip(model.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)  # batch norm did not see it either


@pytest.mark.parametrize("mode", MODES)
def test_what_is_masked_does_not_matter_and_masking_does(mode):
    model, batch = small(mode), random_batch()
    masks = {
        "face_mask": batch.face_mask.clone(),
        "mel_mask": batch.mel_mask.clone(),
        "token_mask": batch.token_mask.clone(),
    }
    masks["face_mask"][:, 2:], masks["mel_mask"][:, 40:] = False, False
    masks["token_mask"][:, 5:] = False
    masked = replace(batch, **masks)
    faces, mel, tokens = batch.faces.clone(), batch.mel.clone(), batch.tokens.clone()
    faces[:, 2:], mel[:, 40:], tokens[:, 5:] = 0, 9.0, 1
    close(logits(model, masked), logits(model, replace(masked, faces=faces, mel=mel)))
    close(logits(model, masked), logits(model, replace(masked, tokens=tokens)))
    for name, mask in masks.items():
        assert not torch.allclose(
            logits(model, replace(batch, **{name: mask})), logits(model, batch)
        )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("missing", ["video", "audio", "text"])
def test_a_missing_modality_has_no_say(mode, missing):
    model, batch = small(mode).eval(), random_batch()
    one = replace(batch, **vars(batch.without(missing)))
    output = model(one)
    assert not output.trace.unimodal_logits[missing].any()
    others = [n for n in ("video", "audio", "text") if n != missing]
    close(output.logits, sum(output.trace.unimodal_logits[name] for name in others))
    assert not model(batch.without(others[0]).without(others[1])).logits.allclose(output.logits)
    part = replace(
        batch,
        face_mask=batch.face_mask.clone(),
        mel_mask=batch.mel_mask.clone(),
        token_mask=batch.token_mask.clone(),
    )
    for name in ("face_mask", "mel_mask", "token_mask"):
        getattr(part, name)[0] = getattr(batch.without(missing), name)[0]  # of one utterance only
    close(logits(model, part)[0], output.logits[0])
    close(logits(model, part)[1:], logits(model, batch)[1:])


@pytest.mark.parametrize("mode", MODES)
def test_nothing_at_all_is_an_answer_too(mode):
    model = small(mode).train()
    batch = random_batch(people=0, words=0).without("audio")
    assert not model(batch).logits.any()
    words = random_batch().without("text")
    assert not any(part.any() for part in model.text(words.tokens, words.token_mask))


def without_gradient(model):
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    # a softmax does not see a constant added to every score: rounding decides whether it is zero
    return [name for name in missing if not name.endswith("attention.energy.bias")]


@pytest.mark.parametrize("mode", ["dense", "trained", "structured"])
def test_gradient_reaches_every_parameter(mode):
    model, batch = small(mode).train(), random_batch()
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    assert without_gradient(model) == []
    assert all(p.grad is not None for p in model.parameters())


def test_the_published_attention_gets_no_gradient():
    model, batch = small("faithful").train(), random_batch()
    model.requires_grad_(True)  # the hard mask stops it, not the switch
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    dead = without_attention_gradient(model)
    assert len(dead) == 30 and set(without_gradient(model)) <= set(dead)
    frozen = [n for n, p in small("faithful").named_parameters() if not p.requires_grad]
    assert sorted(frozen) == sorted(dead)


def test_the_trained_attentions_gradient_is_the_slope_of_the_maps():
    tower = small("trained", keep=1.0).video.tower.double().eval()
    g = torch.Generator().manual_seed(0)
    pictures, query = (torch.randn(s, generator=g).double() for s in ((3, 3, 48, 48), (2, 16)))
    weight, owner = tower.stages[1].attention.content.weight, torch.tensor([0, 0, 1])
    step = torch.randn(weight.shape, generator=g).double() * 1e-5
    target = torch.randn(3, 16, 3, 3, generator=g).double()

    def answer():
        return (tower(pictures, query, owner)[0] * target).sum()

    (slope,) = torch.autograd.grad(answer(), weight)
    with torch.no_grad():
        weight += step
        up = answer()
        weight -= 2 * step
        measured = (up - answer()).item() / 2
    assert measured == pytest.approx((slope * step).sum().item(), rel=1e-3)


def dense_twin(sparse):
    """FE2E with the weights of a MESM: what it must equal where everything is kept."""
    twin = small("dense")
    state = sparse.state_dict()
    for tower in (twin.video.tower, twin.audio.tower):
        for norm in (m for stage in tower.stages for m in stage.modules()):
            if isinstance(norm, nn.BatchNorm2d):
                norm.eps = 1e-4
    for name, value in list(state.items()):
        if ".stages." not in name:
            continue
        del state[name]
        stream, _, _, index, part, *rest = name.split(".")
        if part != "convolutions":
            continue
        place = {"first": "0.0", "second": "1.0", "first_norm": "0.1", "second_norm": "1.1"}
        if rest[0] in ("first", "second"):
            value = value.unflatten(0, (3, 3)).squeeze(2).permute(3, 2, 0, 1)
            state[f"{stream}.tower.stages.{index}.0.{place[rest[0]]}.bias"] = value.new_zeros(
                len(value)
            )
        state[f"{stream}.tower.stages.{index}.0.{place[rest[0]]}.{rest[1]}"] = value
    twin.load_state_dict(state)
    return twin


@pytest.mark.parametrize("training", [False, True])
def test_mesm_that_keeps_everything_is_fe2e(training):
    sparse, batch = small("faithful", keep=1.0), random_batch()
    twin = dense_twin(sparse).train(training)
    close(sparse.train(training)(batch).logits, twin(batch).logits)
    assert not torch.allclose(logits(small("faithful", keep=0.5), batch), logits(twin, batch))


@pytest.mark.parametrize(
    "mode, like, keep", [("trained", "faithful", 0.6), ("structured", "dense", 1.0)]
)
def test_even_attention_scales_nothing(mode, like, keep):
    model, batch = small(mode, keep=keep), random_batch()
    for name, parameter in model.named_parameters():
        if name.endswith("attention.energy.weight"):
            parameter.data.zero_()
    twin = small(like, keep=keep)
    twin.load_state_dict(
        {k: v for k, v in model.state_dict().items() if ".thumbnail_attention." not in k}
    )
    close(logits(model, batch), logits(twin, batch))


@pytest.mark.parametrize("mode", SPARSE)
def test_more_is_kept_the_larger_keep_is(mode):
    shares = []
    for keep in (0.0, 0.5, 1.0):
        output = small(mode, keep=keep).eval()(random_batch())
        assert output.logits.isfinite().all()
        shares.append(output.trace.towers["video"].kept_share)
    assert (shares[0][:, 0] == 1 / 24**2).all() and (shares[2] == 1).all()
    assert ((shares[1] > 0.3) & (shares[1] < 0.6)).all()


def test_structured_convolves_half_as_much_for_half_the_pictures():
    batch = random_batch(frames=8)
    batch = replace(batch, mel=batch.mel[:, :64], mel_mask=batch.mel_mask[:, :64])  # two chunks
    whole, half = small("dense"), small("structured", keep=0.5)
    assert towers_flops(half, batch) * 2 == towers_flops(whole, batch)
    towers = half(batch).trace.towers
    assert (towers["video"].kept.sum(1) == 4).all()
    assert (towers["audio"].kept.sum(1) == 1).all()
    assert towers_flops(small("faithful", keep=0.5), batch) < towers_flops(whole, batch)


def test_structured_keeps_the_strongest_and_the_text_has_a_say():
    model, batch = small("structured", keep=0.5).eval(), random_batch(frames=8)
    trace, other = (model(b).trace for b in (batch, replace(batch, tokens=batch.tokens.flip(1))))
    for name in ("video", "audio"):
        weights, kept = trace.towers[name].text_attention, trace.towers[name].kept
        assert not torch.allclose(other.towers[name].text_attention, weights)
        weakest = weights.masked_fill(~kept, 2).min(1).values
        assert (weakest >= weights.masked_fill(kept, -1).max(1).values).all()


@pytest.mark.parametrize("mode", MODES)
def test_trace_shows_attention_and_what_was_kept_in_the_batchs_own_shape(mode):
    batch = random_batch()
    batch.face_mask[0, 1] = False
    trace = small(mode).eval()(batch).trace
    video, audio = trace.towers["video"], trace.towers["audio"]
    for weights in (*video.attention, *audio.attention):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    one = torch.tensor(1.0)
    for tower in (video, audio):
        assert (tower.text_attention is None) == (mode != "structured")
        if tower.text_attention is not None:
            torch.testing.assert_close(tower.text_attention.sum(1).max(), one)
        assert len(tower.site_attention) == len(tower.kept_sites) == 3 * (mode in SPARSE)
        for weights in tower.site_attention:
            torch.testing.assert_close(weights.flatten(2).sum(-1).max(), one)
    assert not any(
        w[0, 1].any() for w in (video.text_attention, *video.site_attention) if w is not None
    )
    if mode in SPARSE:
        assert video.kept_sites[0].shape == (3, 4, 24, 24)
        assert audio.kept_sites[2].shape == (3, 3, 8, 4)
        kept = video.kept_sites[2][1].float().mean()
        torch.testing.assert_close(video.kept_share[1, 2], kept)


def test_published_row_order_mixes_utterances_and_ours_does_not():
    model, batch = small("faithful"), random_batch()
    other = disturbed(batch, row=1)
    assert leak(model, batch, other) < 1e-6
    with scrambled_rows(model):
        assert leak(model, batch, other) > 1e-4
    assert leak(model, batch, other) < 1e-6


def test_order_of_frames_and_of_people_not_found_does_not_matter():
    model, batch = small("faithful"), random_batch(people=3)
    order = torch.tensor([2, 0, 3, 1])
    moved = replace(batch, faces=batch.faces[:, order], face_mask=batch.face_mask[:, order])
    close(logits(model, batch), logits(model, moved))  # nothing encodes position, as published
    batch.face_mask[:, :, 0] = False  # so the second one is the first who is there
    swapped = replace(
        batch, faces=batch.faces[:, :, [1, 0, 2]], face_mask=batch.face_mask[:, :, [1, 0, 2]]
    )
    close(logits(model, batch), logits(model, swapped))


def test_faces_are_normalised_on_the_bytes_scale():
    batch = random_batch(rows=2)
    batch.face_mask[0, 0, 0], batch.face_mask[1, 2] = False, False
    pictures, mask = face_pictures(batch.faces, batch.face_mask)
    assert mask.tolist() == [[True] * 4, [True, True, False, True]]
    wanted = (batch.faces[0, 0, 1, 1].float() - 111) / 33  # the second person, green
    torch.testing.assert_close(pictures[0, 1], wanted)
    first = (batch.faces[0, 1, 0, 2].float() - 102) / 32  # of two people the first, blue
    torch.testing.assert_close(pictures[1, 2], first)
    torch.testing.assert_close(face_pictures(batch.faces / 255, batch.face_mask)[0], pictures)


def test_chunks_are_power_as_published_or_standardised_log_mel():
    mel, mask = torch.randn(2, 40, 6), torch.ones(2, 40, dtype=torch.bool)
    mel[1] = -11.5 + mel[1] / 1000  # digital silence, all but
    power, where = chunk_pictures(mel, mask, "power")
    assert power.shape == (4, 1, 6, CHUNK) and where.all()
    torch.testing.assert_close(power[1, 0, :, :8], mel[0, 32:].exp().T)
    assert not power[1, 0, :, 8:].any()  # zero-padded on the right
    log, _ = chunk_pictures(mel, mask, "log")
    assert log[0].mean().abs() < 1e-5 and (log[0].std() - 1).abs() < 0.01
    real = log[1, 0, :, :8]
    assert real.mean().abs() < 1e-5 and (real.std() - 1).abs() < 0.02
    assert not log[1, 0, :, 8:].any() and log[2:].abs().max() < 0.01


def test_level_keeps_what_is_louder_within_an_utterance_and_nothing_of_its_loudness():
    mel, mask = torch.randn(2, 64, 6), torch.ones(2, 64, dtype=torch.bool)
    mel[:, 32:] += 3.0
    level, _ = chunk_pictures(mel, mask, "level")
    assert (level[1::2].mean((1, 2, 3)) > level[::2].mean((1, 2, 3)) + 1).all()
    close(level, chunk_pictures(mel + 5.0, mask, "level")[0])
    close(level[:2], chunk_pictures(mel[:1], mask[:1], "level")[0])
    mask[1, 40:] = False
    masked = chunk_pictures(mel.masked_fill(~mask.unsqueeze(-1), 99.0), mask, "level")[0]
    close(masked, chunk_pictures(mel, mask, "level")[0])
    assert not masked[3, 0, :, 8:].any()


def test_scores_of_modalities_add_up_so_that_shares_are_exact():
    model, batch = small("dense"), random_batch()
    with torch.no_grad():
        model.fusion.weight.copy_(torch.tensor([0.5, -1.0, 2.0]))
    whole = logits(model, batch)
    for name in ("text", "video", "audio"):
        term = whole - logits(model, batch.without(name))
        close(term, model(batch).trace.unimodal_logits[name].detach())
    scores = {"a": torch.ones(1, 2), "b": torch.ones(1, 2) * 3}
    fusion = WeightedSum(("a", "b"))
    assert fusion(scores)[0].tolist() == [[4.0, 4.0]]
    fusion.weight.data.copy_(torch.tensor([2.0, -1.0]))
    assert fusion(scores)[0].tolist() == [[-1.0, -1.0]]
    assert list(WeightedSum(("b",)).parameters()) == []


@pytest.mark.parametrize("modalities", [("text",), ("video",), ("audio",), ("text", "audio")])
def test_modalities_are_an_ablation(modalities):
    model, batch = small("trained", modalities=modalities).train(), random_batch()
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    streams = {name.split(".")[0] for name, _ in model.named_parameters()} - {"fusion"}
    assert streams == set(modalities)
    blind = (
        {f"{name}.tower.stages.{i}.attention.query.weight" for name in modalities for i in range(3)}
        if "text" not in modalities
        else set()
    )
    assert set(without_gradient(model)) == {n for n in blind if n.split(".")[0] in streams}


def test_text_learns_at_the_rate_of_backbones():
    model = small()
    groups = parameter_groups(model, TrainConfig(lr=5e-5, backbone_lr=5e-6))
    slow = {id(p) for group in groups if group["lr"] == 5e-6 for p in group["params"]}
    assert slow == {id(p) for p in model.text.parameters()}


def torchs_layer(ours, width, heads, feed_forward):
    theirs = nn.TransformerEncoderLayer(width, heads, feed_forward, 0.0, batch_first=True)
    attention = ours.attention
    parts = attention.query, attention.key, attention.value
    theirs.self_attn.in_proj_weight.data = torch.cat([part.weight for part in parts])
    theirs.self_attn.in_proj_bias.data = torch.cat([part.bias for part in parts])
    theirs.self_attn.out_proj.load_state_dict(attention.out.state_dict())
    theirs.linear1.load_state_dict(ours.widen.state_dict())
    theirs.linear2.load_state_dict(ours.narrow.state_dict())
    theirs.norm1.load_state_dict(ours.norm.state_dict())
    theirs.norm2.load_state_dict(ours.last_norm.state_dict())
    return theirs


def test_the_summary_equals_torchs_encoder_with_a_token_in_front():
    torch.manual_seed(0)
    summary, tokens = ClsTransformer(16, 2, 4, 32, 0.0), torch.randn(2, 5, 16)
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[1, 2:] = False
    for layer in summary.layers:
        nn.init.normal_(layer.norm.weight)  # so that the two norms can't be exchanged
    x = torch.cat([summary.cls_token.expand(2, 1, 16), tokens], 1)
    hidden = torch.cat([torch.zeros(2, 1, dtype=torch.bool), ~mask], 1)
    for layer in summary.layers:
        x = torchs_layer(layer, 16, 4, 32)(x, src_key_padding_mask=hidden)
    vector, attentions = summary(tokens, mask)
    torch.testing.assert_close(vector, x[:, 0])
    assert [weights.shape for weights in attentions] == [(2, 4, 6, 6)] * 2


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    layer, x = PostNormBlock(8, 2, 16, 0.5), torch.randn(1, 3, 8)
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert not torch.equal(layer(x, mask)[0], layer(x, mask)[0])
    layer.eval()
    assert torch.equal(layer(x, mask)[0], layer(x, mask)[0])


def test_albert_reads_what_is_real_and_its_pooler_stays():
    torch.manual_seed(0)
    model, batch = small(text_encoder="albert", text_layers=2, text_heads=4), random_batch()
    batch.token_mask[:, 6:] = False
    close(logits(model, batch), logits(model, longer(batch)))
    close(logits(model, batch)[1:], logits(model, disturbed(batch))[1:])
    functional.cross_entropy(model.train()(batch).logits, batch.target).backward()
    assert {name.split(".")[4] for name in without_gradient(model)} == {"pooler"}
    assert not any(
        p.requires_grad for p in model.text.backbone["encoder"].albert.pooler.parameters()
    )


def test_a_missing_library_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="transformers, which is not installed; install"):
        Albert(30, 8, 1, 2, 16, 0.0, False)


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"mode": "sparse"}, "mode 'sparse' is not one of dense, faithful, trained, structured"),
        ({"keep": 1.5}, "keep is 1.5; expected a share from 0 to 1"),
        ({"sound": "mel"}, "sound 'mel'"),
        ({"text_encoder": "bert"}, "text_encoder 'bert'"),
        ({"modalities": ("video", "smell")}, "modalities"),
        ({"size": "huge"}, "size 'huge'"),
    ],
)
def test_settings_that_can_not_be_are_refused(changes, found):
    with pytest.raises(ValueError, match=found.replace("(", r"\(")):
        mesm(**changes)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(
        ValueError, match=r"video pictures are \(3, 32, 32\), expected \(3, 48, 48\)"
    ):
        small()(random_batch(face=32))


def test_a_checkpoint_answers_as_its_model(tmp_path):
    model, batch = small("structured"), random_batch()
    made = Checkpoint("m", model, "mesm", model.config, SampleConfig(people=1), MultiLabel())
    save_checkpoint(tmp_path / "m", made, "card")
    assert torch.equal(logits(load_checkpoint(tmp_path / "m").model, batch), logits(model, batch))


@pytest.mark.parametrize("mode", MODES)
def test_eight_utterances_can_be_learned_by_heart(mode):
    model, batch = small(mode).train(), random_batch(rows=8, frames=2)
    batch = replace(batch, mel=batch.mel[:, :CHUNK], mel_mask=batch.mel_mask[:, :CHUNK])
    target = torch.randint(0, 2, (8, 6), generator=torch.Generator().manual_seed(0)).float()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(25):
        loss = functional.binary_cross_entropy_with_logits(model(batch).logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3  # guessing each emotion's share would be 0.6


@pytest.mark.parametrize("mode", MODES)
def test_a_share_without_faces_or_sound_still_goes_through_every_layer(mode, monkeypatch):
    """Of several processes one may have none; the others wait for it in shared batch norms."""
    model, batch = small(mode).train(), random_batch(people=1)
    batch = batch.without("video").without("audio")
    reached = []
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.eval()  # a shared one takes no rows, torch's own doesn't while it learns
            module.register_forward_hook(lambda m, *_: reached.append(m))
    for name in ("video", "audio"):
        monkeypatch.setattr(getattr(model, name), "skip_empty", False)  # as `wrap_model` does
    model(batch).logits.sum().backward()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert {id(m) for m in norms} == {id(m) for m in reached}


def test_attention_is_born_as_torchs():
    """Against nn.TransformerEncoderLayer: Xavier over q, k and v together, biases zero."""
    torch.manual_seed(0)
    ours, theirs = PostNormBlock(256, 4, 64, 0.0), nn.TransformerEncoderLayer(256, 4, 64)
    born, out = (x.detach() for x in (theirs.self_attn.in_proj_weight, ours.attention.out.weight))
    for layer in (ours.attention.query, ours.attention.key, ours.attention.value):
        weight = layer.weight.detach()
        assert float(weight.std()) == pytest.approx(float(born.std()), rel=0.02)
        assert float(weight.abs().max()) == pytest.approx(float(born.abs().max()), rel=0.02)
        assert not layer.bias.any()
    assert not ours.attention.out.bias.any() and not theirs.self_attn.out_proj.bias.any()
    expected = theirs.self_attn.out_proj.weight.detach()
    assert float(out.std()) == pytest.approx(float(expected.std()), rel=0.03)
