"""What torch.compile makes of the models."""

import shutil

import pytest
import torch

from emo_core.models.layers.attention import Attention
from emo_core.models.layers.towers import is_exporting


def test_compiled_code_takes_the_way_of_plain_code_not_that_of_an_exported_graph():
    compiled = torch.compile(lambda x: x + is_exporting(), backend="eager", fullgraph=True)
    assert compiled(torch.zeros(1)).item() == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
@pytest.mark.skipif(not shutil.which("g++"), reason="inductor needs a C++ compiler")
@torch.inference_mode()
def test_attention_with_a_mask_of_every_second_step_compiles_to_the_same_numbers():
    generator = torch.Generator().manual_seed(0)
    steps, mask = torch.randn(1, 250, 384, generator=generator), torch.ones(1, 500) > 0
    mask[:, 400:] = False
    attention = Attention(384, 6).eval()
    expected = attention(steps, context_mask=mask[:, ::2])
    found = torch.compile(attention)(steps, context_mask=mask[:, ::2])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
