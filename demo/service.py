"""What the app does with a clip: checks, predicts once, and gathers everything the page shows."""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import memory
from demo.sessions import Session
from demo.upload_checks import (
    DecodeBudget,
    UserError,
    check_upload,
    file_digest,
    is_example,
    refuse_large,
)
from demo.zero_gpu import on_gpu
from emo_core.clip import Clip, ClipError
from emo_core.schema import DEFAULT_MODEL

if TYPE_CHECKING:
    from emo_core.checkpoint import Checkpoint
    from emo_core.inference.predict import Prediction

DRAWN_MODEL = "group-staged"  # knows the world that the shipped examples are drawn in
MOST_WINDOWS = 24
MOST_LETTERS = 2000  # of a transcript
Progress = Callable[[int, int], object]  # steps done, steps in all
_LOADING = threading.Lock()  # two first visitors must not load the model twice


class ClipSession:
    """One clip with everything worked out about it so far; nothing is worked out twice."""

    def __init__(
        self, clip: Clip, model: str, checkpoint: "Checkpoint", prediction: "Prediction"
    ) -> None:
        self.clip, self.model, self.checkpoint = clip, model, checkpoint
        self.prediction = prediction
        self._found: dict[tuple, Any] = {}
        self.most_windows = max(len(prediction.samples), 1)

    def once(self, key: tuple, make: Callable[[], Any]) -> Any:
        """The result of `make`, called the first time only.

        No lock is held meanwhile: a job that gave way in `make` would hold up the job in its turn.
        """
        if key not in self._found:
            return self._found.setdefault(key, make())
        return self._found[key]

    def has(self, key: tuple) -> bool:
        return key in self._found

    def size(self) -> int:
        """Bytes of what is kept of it."""
        return memory.BASE_BYTES + memory.array_bytes(self.prediction.samples, dict(self._found))

    def lighten(self) -> None:
        """Let go of what the model saw: it can be read again."""
        memory.drop_samples(self, self.most_windows)

    def forget(self) -> None:
        """Let go of all that was worked out beside the answer."""
        self.lighten()
        self._found.clear()


_PUBLIC: dict[tuple, ClipSession] = {}  # of the shipped examples, shared by all visitors


def is_shared(case: ClipSession) -> bool:
    """Whether a case is of a shipped example, and so everybody's."""
    return any(case is known for known in _PUBLIC.values())


def open_case(
    path: str | Path,
    visit: Session | None = None,
    model: str | None = None,
    text: str | None = None,
    most_windows: int = MOST_WINDOWS,
    progress: Progress | None = None,
) -> ClipSession:
    """The clip with its prediction: from the visitor's shelf, or predicted now."""
    path, visit = Path(path), visit or Session()
    name, text = model or model_for(path), (text or "")[:MOST_LETTERS] or None
    with _as_user_error():
        refuse_large(path)
        shelf = _PUBLIC if is_example(path) and not text else visit.cases  # words are theirs
        key = (file_digest(path), name, text, most_windows)
        case = shelf.get(key)
        if case is None:
            with DecodeBudget(path.name, progress) as budget:
                case = _new_clip_session(
                    check_upload(path, text), name, most_windows, budget.report
                )
            shelf[key] = case
    if shelf is visit.cases:
        visit.keep(key, case)
    return case


@contextmanager
def _as_user_error() -> Iterator[None]:
    """Turn the library's one-sentence errors into the page's."""
    try:
        yield
    except ClipError as error:
        raise UserError(str(error)) from error


def _new_clip_session(clip: Clip, name: str, most_windows: int, progress: Progress) -> ClipSession:
    checkpoint = load_model(name)
    found = predict_on_gpu(clip, name, most_windows, progress=progress)
    return ClipSession(clip, name, checkpoint, found)


@on_gpu(lambda clip, name, most_windows: 2 + most_windows)
def predict_on_gpu(
    clip: Clip, name: str, most_windows: int, *, progress: Progress | None = None
) -> "Prediction":
    """The model's answer; the one place of the page that predicts."""
    from emo_core.inference.predict import predict_clip

    return predict_clip(clip, answering_model(name), most_windows, progress)


def document(*results: dict, errors: tuple[dict, ...] = ()) -> dict[str, Any]:
    """The answer in the form of `emo predict --json`."""
    return {"schema_version": 1, "results": list(results), "errors": list(errors)}


def failure_json(path: str | Path, error: Exception) -> dict[str, Any]:
    """A clip without an answer, for programs."""
    return document(errors=({"clip": Path(path).name, "error": str(error)},))


def answer_json(
    path: str | Path,
    visit: Session | None = None,
    progress: Progress | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """The answer for programs; a clip without one is under "errors"."""
    try:
        return document(open_case(path, visit, model, progress=progress).prediction.as_dict())
    except UserError as error:
        return failure_json(path, error)


def preload_model() -> threading.Thread:
    """Start to load the model beside the app, so that the page is up before it is."""
    thread = threading.Thread(target=_preload, name="warm", daemon=True)
    thread.start()
    return thread


def _preload() -> None:
    with suppress(UserError):  # said to the person who gives the first clip
        answering_model(default_model())
        answering_model(DRAWN_MODEL)
        from demo import explanations  # noqa: F401  # Plotly and Captum take seconds, once
    gc.collect()
    gc.freeze()  # loaded modules stay: no garbage collection of them during a request


def default_model() -> str:
    """The name or folder of the model that answers to visitors' clips."""
    return os.environ.get("EMO_MODEL") or DEFAULT_MODEL  # empty is usual in compose files


def model_for(path: Path) -> str:
    """Who answers to this clip: to a shipped drawing the model of drawings, if none was chosen."""
    drawn = not os.environ.get("EMO_MODEL") and is_example(path)
    return DRAWN_MODEL if drawn else default_model()


def load_model(name: str) -> "Checkpoint":
    """A checkpoint, loaded once. Raises UserError."""
    from emo_core.checkpoint import CheckpointError
    from emo_core.inference.predict import load_cached

    try:
        with _LOADING:
            return load_cached(name)
    except CheckpointError as error:
        raise UserError(str(error)) from error


def answering_model(name: str) -> "Checkpoint":
    """What answers clips, by EMO_RUNTIME; reasons always come from the checkpoint itself.

    Raises UserError.
    """
    checkpoint = load_model(name)
    if os.environ.get("EMO_RUNTIME") != "onnx":
        return checkpoint
    with _LOADING:
        return _graph_of(name)


@lru_cache(maxsize=4)
def _graph_of(name: str) -> "Checkpoint":
    from emo_core.errors import EmoError
    from emo_core.inference.onnx_runtime import load_exported

    try:
        return load_exported(name)
    except EmoError as error:
        raise UserError(str(error)) from error


def download_clip(
    link: str,
    start_s: float,
    end_s: float,
    folder: Path,
    pause: Callable[[], object] = lambda: None,
) -> Path:
    """Part of one video of the web in a folder, always under the same name. Raises UserError."""
    from emo_core.io.download import DownloadError, fetch

    try:
        out, span = folder / "clip.mp4", (float(start_s), float(end_s))
        return fetch((link or "").strip(), out, *span, pause=pause)
    except (DownloadError, TypeError, ValueError) as error:
        raise UserError(str(error)) from error


def shared_files() -> frozenset[Path]:
    """Nothing under the page's folder is shared by visitors but copies of the examples."""
    folder = Path(os.environ.get("GRADIO_TEMP_DIR", "/nowhere"))
    return frozenset(path for path in folder.rglob("*.mp4") if is_example(path))


def is_here(name: str) -> bool:
    """Whether a checkpoint is there, by shipped name or folder."""
    from emo_core.checkpoint import CheckpointError, find_checkpoint

    try:
        find_checkpoint(name)
    except CheckpointError:
        return False
    return True


def licence_of(checkpoint: "Checkpoint") -> str:
    """SPDX expression of a checkpoint and of all that it rests on."""
    from emo_core.licences import licence_expression

    return licence_expression(checkpoint)


def card_text(name: str) -> str:
    """A checkpoint's card, without its first heading; a sentence where there is none."""
    from emo_core.checkpoint import CARD, find_checkpoint

    folder = find_checkpoint(name)
    try:
        return (folder / CARD).read_text(encoding="utf-8").partition("\n")[2]
    except (OSError, ValueError):  # not UTF-8 is a ValueError
        return f"{folder.name} has no readable {CARD}, which `emo train` writes; copy it again."
