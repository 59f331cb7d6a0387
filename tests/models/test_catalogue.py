"""What is true of every model with every task it can serve, from the catalogue."""

from dataclasses import replace

import pytest
import torch

from emo_core.models import MODELS
from emo_core.preprocess.batch import Batch
from emo_core.tasks import MultiLabel, SingleLabel, ValenceArousal
from tests.conftest import random_batch

NARROW = {
    "group": {"video_widths": (8, 16), "audio_widths": (8, 8, 16, 16), "width": 32},
    "mesm": {"widths": (4, 4, 8, 8), "hidden": 8, "layers": 1, "text_width": 16, "width": 16},
    "jmt": {
        "video_widths": (8, 16),
        "audio_widths": (8, 8, 16, 16),
        "width": 32,
        "steps": 4,
        "hidden": 32,
    },
}
TASKS = {"single": SingleLabel(), "multi": MultiLabel(), "moments": ValenceArousal()}
CASES = [(n, t) for n in MODELS for t in (["moments"] if n == "jmt" else ["single", "multi"])]


def made(name: str, task: str) -> torch.nn.Module:
    """The pocket model, narrower, with an output for each label of the task."""
    torch.manual_seed(0)
    model_class, _, sizes = MODELS[name]
    changes = NARROW["mesm" if name == "fe2e" else name]
    if name != "jmt":
        changes = {**changes, "classes": len(TASKS[task].labels)}
    return model_class(replace(sizes["pocket"], **changes))


def batch_for(name: str, task: str, seed: int = 0) -> Batch:
    batch = random_batch(rows=3, seed=seed, frames=8, people=1)
    g = torch.Generator().manual_seed(seed)
    target = {
        "single": torch.randint(0, 3, (3,), generator=g),
        "multi": torch.randint(0, 2, (3, 6), generator=g).float(),
        "moments": torch.rand(3, 4, 2, generator=g) * 2 - 1,
    }[task]
    return replace(batch, target=target)


def garbage_where_masked(batch: Batch, seed: int) -> Batch:
    """Row 0 is shorter than the others; what lies behind its masks depends on the seed."""
    g = torch.Generator().manual_seed(seed)
    short = {
        name: getattr(batch, name).clone()
        for name in ("video_mask", "mel_mask", "face_mask", "token_mask")
    }
    short["video_mask"][0, 4:], short["face_mask"][0, 4:] = False, False
    short["mel_mask"][0, 40:], short["token_mask"][0, 6:] = False, False
    noise = {name: getattr(batch, name).clone() for name in ("video", "faces", "mel", "tokens")}
    noise["video"][0, 4:] = torch.randint(0, 256, noise["video"][0, 4:].shape, generator=g).byte()
    noise["faces"][0, 4:] = torch.randint(0, 256, noise["faces"][0, 4:].shape, generator=g).byte()
    noise["mel"][0, 40:] = torch.randn(noise["mel"][0, 40:].shape, generator=g) * 9
    noise["tokens"][0, 6:] = torch.randint(2, 200, noise["tokens"][0, 6:].shape, generator=g)
    return replace(batch, **short, **noise)


@pytest.mark.parametrize("name,task", CASES)
def test_a_row_does_not_depend_on_its_neighbours(name, task):
    model, batch = made(name, task).eval(), batch_for(name, task)
    with torch.inference_mode():
        alone = torch.cat([model(batch[[i]]).logits for i in range(3)])
        turned = model(batch[[2, 0, 1]]).logits
        together = model(batch).logits
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(turned, together[[2, 0, 1]], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name,task", CASES)
def test_what_is_masked_does_not_matter(name, task):
    model, batch = made(name, task).eval(), batch_for(name, task)
    with torch.inference_mode():
        one, other = (model(garbage_where_masked(batch, seed)).logits for seed in (1, 2))
        whole = model(batch).logits
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert (one[0] - whole[0]).abs().max() > 1e-6  # masking row 0 says something else


def with_more_places(batch: Batch, more: int = 5) -> Batch:
    """The same content in a batch with masked frames and tokens behind it."""

    def longer(value: torch.Tensor) -> torch.Tensor:
        room = torch.zeros_like(value[:, :1]).repeat_interleave(more, 1)
        return torch.cat([value, room], 1)

    names = ("video", "video_mask", "video_times_s", "faces", "face_mask", "tokens", "token_mask")
    return replace(batch, **{name: longer(getattr(batch, name)) for name in names})


@pytest.mark.parametrize("name,task", [case for case in CASES if case[0] != "jmt"])
def test_room_behind_the_content_does_not_matter(name, task):  # jmt's steps share the frames out
    model, batch = made(name, task).eval(), batch_for(name, task)
    with torch.inference_mode():
        tight, loose = model(batch).logits, model(with_more_places(batch)).logits
    torch.testing.assert_close(loose, tight, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", [n for n in MODELS if n in ("fe2e", "mesm")])
def test_it_does_not_matter_in_which_place_a_person_stands(name):
    model, batch = made(name, "multi").eval(), batch_for(name, "multi")
    face, mask = batch.faces, batch.face_mask
    other, nobody = torch.randint_like(face, 256), torch.zeros_like(mask)
    first = replace(
        batch, faces=torch.cat([face, other], 2), face_mask=torch.cat([mask, nobody], 2)
    )
    second = replace(
        batch, faces=torch.cat([other, face], 2), face_mask=torch.cat([nobody, mask], 2)
    )
    with torch.inference_mode():
        outputs = [model(b).logits for b in (batch, first, second)]
    torch.testing.assert_close(outputs[0], outputs[1])
    torch.testing.assert_close(outputs[0], outputs[2])


@pytest.mark.parametrize("name,task", CASES)
def test_every_parameter_learns_from_the_tasks_loss(name, task):
    model, batch = made(name, task).train(), batch_for(name, task)
    fitted = TASKS[task].fitted(list(batch.target.numpy()))
    fitted.loss(model(batch).logits, batch.target).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert [n for n in silent if p_can_learn(model, n)] == []


def p_can_learn(model: torch.nn.Module, name: str) -> bool:
    """A convolution's bias before a batch norm is cancelled by it, whatever its gradient."""
    return dict(model.named_parameters())[name].requires_grad and not name.endswith(".bias")
