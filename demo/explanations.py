"""Why the model said so: maps, checks, what-ifs and files of one case, each made once, on demand.

Needs torch, so it is imported when the first explanation is asked for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from demo.service import ClipSession, UserError, load_model, open_case
from demo.zero_gpu import on_gpu
from emo_core.attribution import methods
from emo_core.attribution.counterfactuals import WhatIf, shift_sound, swap_sound, what_if
from emo_core.attribution.explain import explain_prediction, modality_share
from emo_core.attribution.face_regions import FaceRegions, find_faces
from emo_core.attribution.forward_function import Progress
from emo_core.attribution.rollout import Matrix, picture_to_sound
from emo_core.attribution.sanity_checks import SanityChecks, checks_cost, run_checks
from emo_core.attribution.target import choose_label, choose_window
from emo_core.attribution.timeline import to_timeline
from emo_core.attribution.types import PRESETS, Attribution, AttributionError, Cancelled
from emo_core.clip import Clip, ClipError
from emo_core.inference.prediction import Prediction
from emo_core.preprocess.sample import Sample, decode_window, to_sample
from emo_core.schema import DEFAULT_METHOD, DEFAULT_PRESET
from emo_core.viz import export as explaining
from emo_core.viz.report import Explanation

SLOW_S = 0.03  # of one pass, until one has been measured
MOST_SHIFT = 8  # frames of the model
_PACE: dict[str, float] = {}  # seconds of one pass, by model, as last measured


@dataclass(frozen=True)
class MapRequest:
    """What to explain, and how."""

    method: str = DEFAULT_METHOD
    preset: str = DEFAULT_PRESET
    target: str | None = None  # by default the label that leads
    window: int | None = None  # by default where the target is strongest

    def settled(self, case: ClipSession) -> "SettledRequest":
        """The same with nothing left open. Raises UserError."""
        with as_user_error():
            methods.find_method(self.method), methods.find_preset(self.preset)
            target = choose_label(case.checkpoint, case.prediction, self.target)
            window = self.window
            if window is None:
                window = choose_window(case.prediction, target)
            if not 0 <= window < len(case.prediction.samples):
                raise AttributionError(f"there is no part {window} of this clip; choose another.")
        return SettledRequest(self.method, self.preset, target, window)


@dataclass(frozen=True)
class SettledRequest(MapRequest):
    """A request with nothing left open."""

    target: str = ""
    window: int = 0


@contextmanager
def as_user_error() -> Iterator[None]:
    """Turns the library's one-sentence errors into the page's; `Cancelled` stays itself."""
    try:
        yield
    except Cancelled:
        raise
    except (AttributionError, ClipError) as error:
        raise UserError(str(error)) from error


@dataclass(frozen=True)
class Cost:
    """What something takes, before it runs."""

    passes: int  # at most
    seconds: float


def costs(case: ClipSession, method: str) -> dict[str, Cost]:
    """Each preset's cost for a map by one method."""
    found = {preset: methods.cost(method, preset, case.checkpoint) for preset in PRESETS}
    return {preset: _cost(case, passes) for preset, passes in found.items()}


def check_cost(case: ClipSession, ask: MapRequest) -> Cost:
    """The cost of the checks beside one map."""
    return _cost(case, checks_cost(ask.method, ask.preset, case.checkpoint))


def _cost(case: ClipSession, passes: int) -> Cost:
    pace_s = _PACE.get(case.checkpoint.name) or _guess(case.prediction)
    return Cost(passes, passes * pace_s)


def _guess(prediction: Prediction) -> float:
    """Seconds of a pass by what the prediction took, which was several of them for each window."""
    each = prediction.seconds["model"] / len(prediction.samples)
    return min(max(each, 0.005), SLOW_S)


def _timed(case: ClipSession, passes: int, seconds: float) -> None:
    if passes:
        _PACE[case.checkpoint.name] = seconds / passes


def sample_of(case: ClipSession, ask: MapRequest) -> Sample:
    """The window that is explained."""
    return case.prediction.samples[ask.settled(case).window]


def has_map(case: ClipSession, ask: MapRequest) -> bool:
    return case.has(("map", ask.settled(case)))


def map_of(case: ClipSession, ask: MapRequest, progress: Progress | None = None) -> Attribution:
    """The map, made once. Raises UserError; Cancelled where asked to stop."""
    ask = ask.settled(case)

    def make() -> Attribution:
        with as_user_error():
            made = mapped(case.model, case.prediction, ask, progress=progress)
        _timed(case, made.forward_passes, made.seconds)
        return made

    return case.once(("map", ask), make)


@on_gpu(lambda model, prediction, ask: 2 + 0.05 * PRESETS[ask.preset].passes)
def mapped(
    model: str, prediction: Prediction, ask: MapRequest, *, progress: Progress | None = None
) -> Attribution:
    """One explanation of a prediction that is there already."""
    return explain_prediction(
        load_model(model),
        prediction,
        ask.method,
        ask.target,
        ask.preset,
        window=ask.window,
        progress=progress,
    )


def trust_of(case: ClipSession, ask: MapRequest, progress: Progress | None = None) -> SanityChecks:
    """The checks of the map, made once."""
    ask = ask.settled(case)
    found = map_of(case, ask, progress)

    def make() -> SanityChecks:
        with as_user_error():
            sample, faces = sample_of(case, ask), faces_of(case, ask)
            return run_checks_on_gpu(case.model, sample, found, faces, progress=progress)

    return case.once(("trust", ask), make)


@on_gpu(lambda model, sample, found, faces: 2 + 0.2 * found.forward_passes)
def run_checks_on_gpu(
    model: str,
    sample: Sample,
    found: Attribution,
    faces: FaceRegions | None,
    *,
    progress: Progress | None = None,
) -> SanityChecks:
    """The checks of one map."""
    return run_checks(load_model(model), sample, found, faces=faces, progress=progress)


def faces_of(case: ClipSession, ask: MapRequest) -> FaceRegions | None:
    """Where faces are in the window; looked for once."""
    ask = ask.settled(case)
    with as_user_error():
        return case.once(
            ("faces", ask.window),
            lambda: find_faces(case.clip, sample_of(case, ask), case.checkpoint.sample),
        )


def changes_of(case: ClipSession, ask: MapRequest) -> tuple[WhatIf, ...]:
    """Every what-if that the window allows, made once."""
    ask = ask.settled(case)
    return case.once(
        ("changes", ask.window),
        lambda: changed(case.model, sample_of(case, ask), faces_of(case, ask)),
    )


@on_gpu(lambda model, sample, faces: 10)
def changed(model: str, sample: Sample, faces: FaceRegions | None) -> tuple[WhatIf, ...]:
    """The standard what-ifs of one window."""
    return explaining.counterfactuals(load_model(model), sample, faces)


def shifted(case: ClipSession, ask: MapRequest, frames: int) -> WhatIf:
    """The sound earlier or later by frames of the model's own."""
    ask, frames = ask.settled(case), max(-MOST_SHIFT, min(MOST_SHIFT, int(frames)))
    config = case.checkpoint.sample.mel
    words = f"sound {abs(frames)} frames {'later' if frames > 0 else 'earlier'}"
    to = partial(shift_sound, frames=frames, config=config)
    return case.once(("shift", ask.window, frames), lambda: _one(case, ask, words, to))


def swapped(case: ClipSession, ask: MapRequest, other: Clip) -> WhatIf:
    """The picture with the sound of another clip's first window."""
    ask, config = ask.settled(case), case.checkpoint.sample

    def make() -> WhatIf:
        with as_user_error():
            heard = to_sample(decode_window(other, config, 0.0, config.window_s), config)
            words = f"with the sound of {other.path.stem.replace('_', ' ')}"
            return _one(case, ask, words, lambda sample: swap_sound(sample, heard))

    return case.once(("swap", ask.window, other.path.name), make)


def _one(case: ClipSession, ask: MapRequest, words: str, to: Callable[[Sample], Sample]) -> WhatIf:
    return what_if(case.checkpoint, sample_of(case, ask), words, to)


def attention_of(case: ClipSession, ask: MapRequest) -> Matrix | None:
    """What the model's attention joined in the window; None where it has none."""
    ask = ask.settled(case)
    return case.once(
        ("attention", ask.window), lambda: picture_to_sound(case.checkpoint, sample_of(case, ask))
    )


def find_peaks(found: Attribution, most: int) -> list[tuple[float, str]]:
    """The strongest parts of the clock: (middle in seconds, what it is), strongest first."""
    clock, parts = to_timeline(found), []
    middles_s = (clock.edges_s[1:] + clock.edges_s[:-1]) / 2
    for name, values in (("picture", clock.picture), ("sound", clock.sound)):
        for time_s, value in zip(
            middles_s.tolist(), values.tolist() if values is not None else (), strict=False
        ):
            parts.append((abs(value), value, time_s, name))
    parts.sort(reverse=True)
    sign = (lambda value: f" {value:+.2f}") if found.signed else (lambda value: "")
    return [
        (time_s, f"{time_s:.1f} s {name}{sign(value)}")
        for size, value, time_s, name in parts[:most]
        if size > 0
    ]


def explanation_of(
    case: ClipSession, ask: MapRequest, progress: Progress | None = None
) -> Explanation:
    """Everything that a report tells; the checks are in it where they have been made."""
    ask = ask.settled(case)
    found, sample = map_of(case, ask, progress), sample_of(case, ask)
    trust = trust_of(case, ask) if case.has(("trust", ask)) else None
    return Explanation(
        case.checkpoint,
        case.prediction,
        sample,
        found,
        modality_share(case.checkpoint, sample, found.target),
        attention_of(case, ask),
        trust,
        changes_of(case, ask),
    )


def files_of(
    case: ClipSession, ask: MapRequest, folder: Path, progress: Progress | None = None
) -> list[Path]:
    """report.html, overlay.mp4 and attribution.npz of one explanation, written once a folder."""
    with as_user_error():
        names = explaining.write_explanation(folder, case.clip, explanation_of(case, ask, progress))
    return [folder / name for name in names]


def explain_json(
    path: str | Path,
    ask: MapRequest,
    checks: bool,
    visit: Any = None,
    text: str | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """The explanation for programs, in the form of `emo explain --json`. Raises UserError."""
    case = open_case(path, visit, text=text)
    if checks:
        trust_of(case, ask, progress)
    told = explanation_of(case, ask, progress)
    if not checks:
        told = Explanation(**{**vars(told), "trust": None})
    return explaining.explanation_summary(case.prediction.clip, told, [])
