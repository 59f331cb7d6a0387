"""A run that asks for torch.compile: right answers, or one sentence before anything is trained."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from benchmarks.common import FixedBatches
from emo_core.preprocess.batch import Batch, Output, collate
from emo_core.preprocess.sample import SampleConfig, blank_sample
from emo_core.preprocess.trace import Trace
from emo_core.tasks import SingleLabel
from emo_core.training.compilation import CompilationError, try_compiled
from emo_core.training.trainer import TrainConfig, Trainer

CONFIG = TrainConfig(epochs=1, batch_size=2, compile="default")


class Scores(nn.Module):
    """Three scores of a log-mel; what the compiler makes of it is `apart` from what it is."""

    def __init__(self, apart: float = 0.0) -> None:
        super().__init__()
        self.linear, self.dropout, self.apart = nn.Linear(1, 3), nn.Dropout(0.5), apart

    def forward(self, batch: Batch) -> Output:
        logits = self.dropout(self.linear(batch.mel.mean((1, 2)).unsqueeze(-1)))
        return Output(logits + self.apart * torch.compiler.is_compiling(), Trace())


@pytest.fixture(autouse=True)
def _no_code_generated(monkeypatch):
    """Compiled as asked, but the graph is run as it is, which needs no C++ compiler."""
    compile_as_is = partial(nn.Module.compile, backend="eager")
    monkeypatch.setattr(nn.Module, "compile", lambda self, mode: compile_as_is(self))


def two_rows() -> Batch:
    config = SampleConfig(frames=1, width=8, height=8)
    batch = collate([blank_sample(config)] * 2)
    return replace(batch, target=torch.tensor([0, 2]))


def train(model: nn.Module) -> list:
    trainer = Trainer(model, SingleLabel(("a", "b", "c")), CONFIG)
    return list(trainer.epochs(FixedBatches([two_rows()]), None))


def test_a_right_compiler_trains_as_none_does():
    models = [Scores(), Scores()]
    models[1].load_state_dict(models[0].state_dict())
    torch.manual_seed(1)
    (compiled,) = train(models[0])
    torch.manual_seed(1)
    trainer = Trainer(models[1], SingleLabel(("a", "b", "c")), TrainConfig(epochs=1, batch_size=2))
    (plain,) = trainer.epochs(FixedBatches([two_rows()]), None)
    assert compiled.loss == plain.loss


def test_wrong_answers_are_refused_before_anything_learns():
    model = Scores(apart=3.0)
    before = model.linear.weight.detach().clone()
    with pytest.raises(CompilationError, match="answers 3 apart from the plain one"):
        train(model)
    assert torch.equal(model.linear.weight, before)


def test_rounding_is_none_of_it():
    assert train(Scores(apart=0.05))


def test_no_compiler_is_one_sentence(monkeypatch):
    def no_compiler(graph, inputs):
        raise RuntimeError("No working C++ compiler found\nin many lines")

    model = Scores()
    compile_with = partial(torch.compile, backend=no_compiler)
    model._compiled_call_impl = compile_with(model._call_impl)
    with pytest.raises(CompilationError, match=r"be compiled here .*No working C\+\+.*Triton"):
        try_compiled(model, two_rows())


def test_a_model_that_fails_by_itself_is_not_the_compilers_fault(monkeypatch):
    model = Scores()
    monkeypatch.setattr(model, "forward", lambda batch: batch.no_such_field)
    with pytest.raises(AttributeError):
        try_compiled(model, two_rows())
