"""Weights in torch's hub folder are whole, or refused in one sentence, without the network too."""

import pytest
import torch

from emo_core.models.layers.backbones import Cnn14, R2Plus1D, SpectrogramResNet18
from emo_core.models.layers.published import BackboneError

NAMES = {
    R2Plus1D: "r2plus1d_18-91a641e6.pth",
    SpectrogramResNet18: "resnet18-f37072fd.pth",
    Cnn14: "Cnn14_mAP=0.431.pth",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Torch's hub folder, where the user forbids the network."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("network"))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("backbone", NAMES)
def test_missing_weights_are_one_sentence_and_not_asked_for(backbone, folder):
    with pytest.raises(BackboneError, match="can't be had .*set pretrained=false"):
        backbone(pretrained=True)


@pytest.mark.parametrize("backbone", NAMES)
def test_a_download_that_broke_off_is_one_sentence(backbone, folder):
    (folder / NAMES[backbone]).write_bytes(b"PK\x03\x04 the beginning of a file")
    with pytest.raises(BackboneError, match="has (SHA-256|MD5) .*delete it from torch's hub"):
        backbone(pretrained=True)
