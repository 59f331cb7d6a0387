"""Published weights: layouts that load, and one sentence for each way they can be wrong."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from emo_core.models.layers import published
from emo_core.models.layers.published import BACKBONES, BackboneError, layer_of, make_backbone

REPOSITORY, REVISION = "group/tiny-backbone", "a" * 40
WHOLE = {  # what a repository holds: the class that was trained, of which a part is read
    "clip_tiny": lambda c: transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 16,
                "vocab_size": 20,
                "max_position_embeddings": 8,
            },
            vision_config=c.to_dict(),
            projection_dim=8,
        )
    ),
    "siglip2_tiny": lambda c: transformers.SiglipModel(
        transformers.SiglipConfig(
            text_config={
                "hidden_size": 32,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 16,
                "vocab_size": 20,
                "max_position_embeddings": 8,
            },
            vision_config=c.to_dict(),
        )
    ),
    "dinov2_tiny": lambda c: transformers.Dinov2ForImageClassification(c),
    "wavlm_tiny": lambda c: transformers.WavLMForCTC(c),
    "hubert_tiny": lambda c: transformers.HubertForCTC(c),
    "ast_tiny": lambda c: transformers.ASTForAudioClassification(c),
}


class Hub:
    """A hub's cache folder with one repository, whose large files are named by their digest."""

    def __init__(self, root: Path) -> None:
        self.repository = root / f"models--{REPOSITORY.replace('/', '--')}"

    def snapshot(self, revision: str = REVISION) -> Path:
        folder = self.repository / "snapshots" / revision
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def keep(self, folder: Path) -> None:
        """Move weights to blobs, as a download does."""
        blobs = self.repository / "blobs"
        blobs.mkdir(exist_ok=True)
        for path in folder.glob("*"):
            if path.suffix in (".safetensors", ".bin"):
                blob = blobs / hashlib.sha256(path.read_bytes()).hexdigest()
                path.rename(blob)
                path.symlink_to(blob)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import constants

    for module in (constants,):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name in WHOLE:
        known = replace(BACKBONES[name], repository=REPOSITORY, revision=REVISION)
        monkeypatch.setitem(BACKBONES, name, known)
    return Hub(tmp_path)


def whole_model(name: str):
    torch.manual_seed(3)
    known = BACKBONES[name]
    config = getattr(transformers, known.model).config_class(**known.settings)
    return WHOLE[name](config)


def part_of(model):
    """The part of a whole model that a tower reads."""
    for name in ("vision_model", "dinov2", "wavlm", "hubert", "audio_spectrogram_transformer"):
        if hasattr(model, name):
            return getattr(model, name)
    raise AssertionError(type(model))


def save(model, folder: Path, layout: str) -> None:
    if layout == "sharded":
        model.save_pretrained(folder, max_shard_size="40KB")
        assert (folder / "model.safetensors.index.json").is_file()
        return
    model.save_pretrained(folder)
    if layout == "bin":
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("layout", ["safetensors", "sharded", "bin"])
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_saved_by_the_library_loads_key_by_key(name, layout, hub):
    model = whole_model(name)
    save(model, hub.snapshot(), layout)
    hub.keep(hub.snapshot())
    found, expected = make_backbone(name, True).state_dict(), part_of(model).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())


def refused(name="clip_tiny"):
    with pytest.raises(BackboneError) as caught:
        make_backbone(name, True)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


def test_missing_weights_are_a_sentence(hub):
    assert "nothing of it is there" in refused() and "pretrained=false" in refused()


def test_another_revision_is_named(hub):
    save(whole_model("clip_tiny"), hub.snapshot("b" * 40), "safetensors")
    assert "revision aaaaaaaa" in refused() and "it has revision bbbbbbbb" in refused()


def test_a_file_that_is_cut_short_is_a_sentence(hub):
    save(whole_model("clip_tiny"), hub.snapshot(), "safetensors")
    path = hub.snapshot() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "can't be read" in refused()


def test_one_changed_byte_is_a_sentence(hub):
    save(whole_model("clip_tiny"), hub.snapshot(), "safetensors")
    hub.keep(hub.snapshot())
    blob = (hub.snapshot() / "model.safetensors").resolve()
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    assert "has SHA-256" in refused()


def test_weights_that_lack_a_layer_are_not_filled_with_random_ones(hub):
    from safetensors.torch import load_file, save_file

    save(whole_model("clip_tiny"), hub.snapshot(), "safetensors")
    path = hub.snapshot() / "model.safetensors"
    state = load_file(path)
    kept = {k: v for k, v in state.items() if "vision_model.encoder.layers.1.mlp.fc1" not in k}
    assert len(kept) < len(state)
    save_file(kept, path, {"format": "pt"})
    assert "lacks 2 weights" in refused()


def test_weights_that_are_no_numbers_are_refused(hub):
    model = whole_model("clip_tiny")
    with torch.no_grad():
        model.vision_model.post_layernorm.weight[0] = torch.nan
    save(model, hub.snapshot(), "safetensors")
    assert "not finite" in refused()


@pytest.mark.parametrize(("key", "value"), [("image_size", 64), ("num_hidden_layers", 3)])
def test_weights_of_another_size_are_named(hub, key, value):
    save(whole_model("clip_tiny"), hub.snapshot(), "safetensors")
    path = hub.snapshot() / "config.json"
    config = json.loads(path.read_text())
    config["vision_config"][key] = value
    path.write_text(json.dumps(config))
    assert f"has {key} {value}, expected" in refused()


def test_layers_are_counted_from_the_input():
    for name in (
        "clip_tiny",
        "siglip2_tiny",
        "dinov2_tiny",
        "wavlm_tiny",
        "hubert_tiny",
        "ast_tiny",
    ):
        model = make_backbone(name, False)
        found = {part: layer_of(part, 2) for part, _ in model.named_parameters()}
        assert set(found.values()) == {0, 1, 2, 3} or name in ("wavlm_tiny", "hubert_tiny")
        outside = [part for part in found if "embed" in part and ".layers." not in part]
        assert {layer_of(part, 2) for part in outside} <= {0, 3}
        assert all(
            n in (1, 2) for part, n in found.items() if ".mlp." in part and "head" not in part
        )


def test_unknown_packages_are_a_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(BackboneError, match="needs the package peft.*install the extra lora"):
        make_backbone("clip_tiny", False, lora_rank=2)


def test_published_has_a_module_of_its_own():
    assert published.BACKBONES is BACKBONES
