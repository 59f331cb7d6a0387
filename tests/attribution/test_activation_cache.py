"""Rows that a model knows are not read again, and nobody can tell from the answer."""

import pytest
import torch

from emo_core.attribution.activation_cache import RowCache, cache_rows
from emo_core.attribution.forward_function import ForwardFunction, PassBudget, counted
from emo_core.attribution.types import Target
from emo_core.models.layers.backbones import row_independent
from emo_core.preprocess.batch import collate
from tests.support.explained import checkpoint_of


class Rows(torch.nn.Module):
    """Doubles, and counts the rows that it was given."""

    def __init__(self):
        super().__init__()
        self.read = 0

    @row_independent
    def forward(self, rows, real=None):
        self.read += len(rows)
        return 2 * rows if real is None else 2 * rows * real.unsqueeze(-1)


@pytest.fixture
def remembering():
    layer = Rows()
    cache_rows(layer)
    with torch.no_grad():
        yield layer.forward, layer


def variants_of(inputs, count=5, seed=0):
    """Rows of a window's inputs, some values of each replaced by noise: first none, last all."""
    generator = torch.Generator().manual_seed(seed)
    changed = []
    for x in inputs:
        noise = torch.rand(x.shape, generator=generator).round(decimals=1) * x.amax()
        shape = (count, x.shape[1], *(1,) * (x.ndim - 2))
        gone = torch.rand(shape, generator=generator) < torch.linspace(0, 1, count).view(
            -1, *(1,) * (x.ndim - 1)
        )
        changed.append(torch.where(gone, noise, x))
    return changed


@pytest.mark.parametrize("name", ["group", "fe2e", "mesm", "mesm-structured", "jmt"])
def test_answers_are_those_of_the_model_itself(name):
    checkpoint, sample = checkpoint_of(name)
    question = ForwardFunction(checkpoint, sample, Target("a", 0, step=0), "blur", PassBudget(99))
    plain = ForwardFunction(checkpoint, sample, Target("a", 0, step=0), "blur", PassBudget(99))
    # only a question that was asked for its score remembers; the plain one never is
    changed, near = variants_of(question.inputs), {"atol": 1e-5, "rtol": 1e-4}
    with torch.no_grad():
        ends = torch.cat([plain(*plain.inputs), plain(*plain.baselines)])
        torch.testing.assert_close(
            torch.tensor([question.score, question.baseline_score]), ends, **near
        )
        wanted = plain(*changed)
        torch.testing.assert_close(question(*changed), wanted, **near)
        alone = [question(*(x[n : n + 1] for x in changed)) for n in range(5)]
    torch.testing.assert_close(torch.cat(alone), wanted, **near)
    assert len(set(wanted.tolist())) == 5
    assert not any(isinstance(x, RowCache) for m in plain.model.modules() for x in vars(m).values())


def test_only_changed_rows_are_read(remembering):
    model, layer = remembering
    window, nothing = torch.arange(12.0).view(4, 3), torch.zeros(4, 3)
    for rows in (window, nothing):
        torch.testing.assert_close(model(rows), 2 * rows)
    assert layer.read == 8
    mixed = torch.cat([window, nothing, torch.where(torch.eye(4, 3) > 0, 50.0, window)])
    mixed[0] = nothing[0]  # one of nothing's frames in the window
    torch.testing.assert_close(model(mixed), 2 * mixed)
    assert layer.read == 8 + 3  # eye changes three rows
    torch.testing.assert_close(model(window.flip(0)), 2 * window.flip(0))
    assert layer.read == 11 + 4  # a frame at another time is another row


def test_one_changed_value_is_seen(remembering):
    model, layer = remembering
    window = torch.rand(2, 3, 8, 8)
    model(window)
    model(torch.zeros_like(window))
    for change in (1e-6, float("nan")):
        other = window.clone()
        other[1, 2, 7, 7] += change
        torch.testing.assert_close(model(other), 2 * other, equal_nan=True, rtol=0, atol=0)
    assert layer.read == 2 + 2 + 2


def test_rows_of_another_size_are_other_rows(remembering):
    model, layer = remembering
    for size in (8, 4, 8, 4, 8, 4):
        torch.testing.assert_close(model(torch.ones(2, size)), torch.full((2, size), 2.0))
    assert layer.read == 4  # a reading of each size
    assert model(torch.ones(0, 8)).shape == (0, 8)


def test_a_row_is_all_that_it_is_made_of(remembering):
    model, layer = remembering
    rows = torch.ones(3, 2)
    for real in ([1.0, 1, 1], [1.0, 1, 0], [1.0, 0, 0]):
        mask = torch.tensor(real)
        torch.testing.assert_close(model(rows, mask), 2 * rows * mask.unsqueeze(-1))
    assert layer.read == 3 + 1 + 1


def test_gradients_reach_every_row(remembering):
    model, layer = remembering
    model(torch.ones(2, 3))
    with torch.enable_grad():
        rows = torch.ones(2, 3, requires_grad=True)
        model(rows).sum().backward()
    assert layer.read == 4
    torch.testing.assert_close(rows.grad, torch.full((2, 3), 2.0))


def test_memory_is_counted_whatever_was_read_before(monkeypatch):
    checkpoint, sample = checkpoint_of("group")
    with counted(checkpoint.model) as sizes, torch.no_grad():
        checkpoint.model(collate([sample]))
    monkeypatch.setattr("emo_core.attribution.forward_function.NEAR", 3 * sizes.total)
    new, used = (
        ForwardFunction(checkpoint, sample, Target("a", 0), "blur", PassBudget(9)) for _ in range(2)
    )
    with torch.no_grad():
        used(*used.inputs)
        used.trace()
    assert used.score == pytest.approx(new.score)
    assert used.max_batch == new.max_batch == 3


def test_remembering_anew_forgets(remembering):
    model, layer = remembering
    model(torch.ones(2, 3))
    cache_rows(layer)
    torch.testing.assert_close(layer.forward(torch.ones(2, 3)), torch.full((2, 3), 2.0))
    assert layer.read == 4


def test_taking_sound_away_reads_no_picture_again():
    checkpoint, sample = checkpoint_of("group")
    question = ForwardFunction(checkpoint, sample, Target("a", 0), "blur", PassBudget(99))
    read = {}
    for name in ("video", "audio"):
        first = getattr(question.model, name).backbone.trunk[0]
        first.register_forward_pre_hook(lambda _, x, n=name: read.update({n: len(x[0])}))
    assert question.score is not None and set(read) == {"video", "audio"}
    read.clear()
    video, mel = question.inputs
    with torch.no_grad():
        question(video, mel - 1)
        assert set(read) == {"audio"}
        read.clear()
        dark = video.clone()
        dark[:, :3] = 0
        question(dark, mel)
    assert read == {"video": 3}
