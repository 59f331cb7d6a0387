"""Any text encoder of transformers is read as its own library reads it; masks change nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from emo_core.cli.main import main
from emo_core.models.layers import text_encoders
from emo_core.models.layers.published import BackboneError
from emo_core.models.layers.text_encoders import HubText
from emo_core.models.mesm import POCKET, Mesm
from emo_core.preprocess.sample import tokens_of
from tests.conftest import random_batch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "this", "##ly"]
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CONFIGS = {
    "bert": lambda: transformers.BertConfig(vocab_size=200, hidden_size=16, **SIZES),
    "roberta": lambda: transformers.RobertaConfig(vocab_size=200, hidden_size=16, **SIZES),
    "t5": lambda: transformers.T5Config(
        vocab_size=200, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2
    ),
}


@pytest.fixture
def saved(tmp_path):
    """A folder as the library writes it, with random weights."""

    def save(kind="bert"):
        torch.manual_seed(4)
        folder = tmp_path / kind
        transformers.AutoModel.from_config(CONFIGS[kind]()).save_pretrained(folder)
        (folder / "vocab.txt").write_text("\n".join(WORDS))
        if kind == "bert":
            transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
        return str(folder)

    return save


def test_a_sentence_gives_the_mean_of_the_librarys_states(saved):
    name = saved()
    tokens, mask = tokens_of("I love this lovely", 12, name)
    inputs = transformers.AutoTokenizer.from_pretrained(name)(
        "I love this lovely", return_tensors="pt"
    )
    assert tokens[mask].tolist() == inputs["input_ids"][0].tolist() and len(tokens) == 12
    with torch.no_grad():
        ours = HubText(name, 16, True).eval()(tokens[None], mask[None])[0]
        theirs = transformers.AutoModel.from_pretrained(name).eval()(**inputs).last_hidden_state[0]
    torch.testing.assert_close(ours, theirs.mean(0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_weights_load_key_by_key_and_masks_change_nothing(kind, saved):
    name = saved(kind)
    encoder, whole = HubText(name, 16, True).eval(), transformers.AutoModel.from_pretrained(name)
    theirs = (whole.get_encoder() if kind == "t5" else whole).state_dict()
    found = encoder.model.state_dict()
    assert found.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[part]) for part, value in found.items())
    tokens, mask = torch.randint(5, 200, (2, 9)), torch.ones(2, 9, dtype=torch.bool)
    mask[0, 4:] = False
    other = tokens.clone()
    other[0, 4:] = 7
    with torch.no_grad():
        seen = encoder(tokens, mask)
        torch.testing.assert_close(encoder(other, mask), seen, atol=1e-6, rtol=0)
        torch.testing.assert_close(
            encoder(tokens[:1, :4], mask[:1, :4]), seen[:1], atol=1e-6, rtol=0
        )
        assert not torch.allclose(encoder(tokens, ~mask | mask)[0], seen[0], atol=1e-3)


@pytest.mark.parametrize("kind", CONFIGS)
def test_all_of_it_learns_but_what_is_not_used(kind, saved):
    torch.manual_seed(0)
    settings = replace(POCKET, text_encoder=saved(kind), text_width=16, modalities=("text",))
    model = Mesm(settings).train()
    out = model(random_batch(2)).logits
    (out * torch.randn_like(out)).sum().backward()
    text = dict(model.text.named_parameters())
    still = {name for name, p in text.items() if p.grad is None or not bool(p.grad.any())}
    # a bias of keys changes no softmax
    assert all("pooler" in n or n.endswith("key.bias") or "token_type" in n for n in still), still
    assert not any(p.requires_grad for name, p in text.items() if "pooler" in name)


def test_what_does_not_fit_is_one_sentence(saved, tmp_path, capsys):
    with pytest.raises(
        BackboneError, match="text_width is 64; .* has 16; give --set text_width=16"
    ):
        HubText(saved(), 64, True)
    with pytest.raises(BackboneError, match="can't be had .*fetch it once online"):
        HubText(str(tmp_path / "nothing"), 16, False)
    words = ["--set", "text_encoder=there/bert", "--set", "settings.text_width=16"]
    assert main(["train", "fe2e-meld", "--data", str(tmp_path), *words]) == 2
    said = capsys.readouterr().err
    assert "sample.tokenizer is albert-base-v2; expected that of settings.text_encoder" in said


def test_weights_that_lack_a_layer_are_refused(saved):
    from safetensors.torch import load_file, save_file

    name = saved()
    state = load_file(f"{name}/model.safetensors")
    kept = {n: v for n, v in state.items() if "layer.1.output.dense" not in n}
    save_file(kept, f"{name}/model.safetensors", {"format": "pt"})
    with pytest.raises(BackboneError, match="lacks 2 weights"):
        HubText(name, 16, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n"),
        ("model.safetensors", None),  # cut short
        ("pytorch_model.bin", b""),
        ("pytorch_model.bin", b"no weights at all"),
    ],
)
@pytest.mark.parametrize("kind", ["hub", "albert"])
def test_damaged_files_are_one_sentence(kind, saved, monkeypatch, name, content):
    folder = Path(saved())
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(whole[:-100] if content is None else content)
    monkeypatch.setattr(text_encoders, "PRETRAINED", str(folder))
    with pytest.raises(BackboneError, match="can't be had .*fetch it once online"):
        if kind == "hub":
            HubText(str(folder), 16, True)
        else:
            text_encoders.Albert(200, 16, 2, 2, 32, 0.0, True)


@pytest.mark.parametrize("there", ["bert", "nothing"])
def test_albert_is_no_other_model_and_not_random(saved, tmp_path, monkeypatch, there):
    saved()
    monkeypatch.setattr(text_encoders, "PRETRAINED", str(tmp_path / there))
    with pytest.raises(BackboneError, match="can't be had|lacks"):
        text_encoders.Albert(200, 16, 2, 2, 32, 0.0, True)
