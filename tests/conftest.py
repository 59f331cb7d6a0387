"""Shared pieces: one thread, tiny random inputs, a small drawn corpus made once for all workers."""

import gc
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
gc.disable()  # until tests run: modules and items stay, and looking through them takes seconds
sys.modules["rfc3987_syntax"] = None  # a grammar of addresses, made for seconds, not in notebooks

from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from filelock import FileLock  # noqa: E402

from benchmarks.experiments.stated_sources import stated_sources  # noqa: E402
from emo_core.models.group import PAPER, POCKET, Group  # noqa: E402
from emo_core.preprocess.batch import Batch  # noqa: E402
from tests.support import exported  # noqa: E402

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"


def pytest_runtestloop() -> None:
    """What is there before the first test stays, and is not looked through again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    from tests.support.browser import open_browser

    with open_browser() as program:
        yield program


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory):
    """Tests never touch the user's cache nor ask the network for anything."""
    os.environ["EMO_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["EMO_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _exported_once(tmp_path_factory, worker_id):
    """ONNX files lie in the folder that all workers of a run share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "onnx"
    folder.mkdir(exist_ok=True)
    exported.FOLDER[:] = [folder]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings, which is no part of this repository."""
    if not REAL.is_dir():
        pytest.skip("the real recordings (shared/data beside the checkout) are not here")
    return REAL


@pytest.fixture(scope="session")
def real_sources(real_data, tmp_path_factory) -> Path:
    """The same recordings with the statement that says which speakers are kept for test."""
    return stated_sources(real_data, tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """A small drawn corpus: 24 train, 8 val and 8 test clips. Tests only read it."""
    from emo_core.synthetic.drawn.writer import make_staged

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder of all workers, not of this one
        base = base.parent
    out = base / "drawn" / "staged"
    with FileLock(base / "drawn.lock"):  # who comes second goes on with what is there
        make_staged(out, 24, 8, 8, seed=5, workers=1)
    return out


def random_batch(
    rows: int = 3,
    seed: int = 0,
    frames: int = 4,
    side: int = 32,
    people: int = 2,
    face: int = 48,
    words: int = 12,
) -> Batch:
    """A batch of noise with everything real; 80 mel frames of 64 bands."""
    g = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randint(0, 256, (rows, frames, 3, side, side), dtype=torch.uint8, generator=g),
        torch.ones(rows, frames, dtype=torch.bool),
        torch.linspace(0, 1.5, frames).repeat(rows, 1),
        torch.randn(rows, 80, 64, generator=g) * 2 - 4,
        torch.ones(rows, 80, dtype=torch.bool),
        torch.linspace(0, 1.6, 80).repeat(rows, 1),
        torch.randint(0, 256, (rows, frames, people, 3, face, face), generator=g).byte(),
        torch.ones(rows, frames, people, dtype=torch.bool),
        torch.randint(1, 200, (rows, words), generator=g),
        torch.ones(rows, words, dtype=torch.bool),
        torch.randint(0, 3, (rows,), generator=g),
    )


def small_group(fusion: str = "two_way", **changes: object) -> Group:
    """A pocket model, narrower."""
    torch.manual_seed(1)
    settings = replace(
        POCKET,
        fusion=fusion,
        video_widths=(8, 16),
        audio_widths=(8, 8, 16, 16),
        width=32,
        **changes,
    )
    return Group(settings)


def paper_group(fusion: str = "two_way") -> Group:
    """The paper's wiring, with its real backbones and a narrow fusion."""
    torch.manual_seed(1)
    return Group(replace(PAPER, fusion=fusion, width=32))
