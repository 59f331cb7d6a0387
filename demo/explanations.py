"""Why the model said so: maps, checks, what-ifs and files of one case, each made once, on demand.

Needs torch, so it is imported when the first explanation is asked for.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from demo.service import ClipSession, UserError, is_shared, load_model, open_case
from demo.sessions import Session
from demo.upload_checks import DecodeBudget
from demo.zero_gpu import on_gpu
from emo_core.attribution import methods
from emo_core.attribution.counterfactuals import (
    WhatIf,
    label_scores,
    shift_s,
    shift_sound,
    swap_sound,
    what_if,
)
from emo_core.attribution.explain import choose_subject, explain, modality_share, resolve_request
from emo_core.attribution.face_regions import FaceRegions, find_faces
from emo_core.attribution.forward_function import Progress, has_separate_towers
from emo_core.attribution.rollout import Matrix, picture_to_sound
from emo_core.attribution.sanity_checks import SanityChecks, checks_cost, run_checks
from emo_core.attribution.types import (
    PRESETS,
    Attribution,
    AttributionError,
    Cancelled,
    ExplainRequest,
)
from emo_core.clip import Clip, ClipError
from emo_core.inference.prediction import Prediction
from emo_core.io.atomic import atomic_path
from emo_core.messages import ENGLISH, say
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.sample import Sample, decode_window, to_sample
from emo_core.schema import DEFAULT_PRESET
from emo_core.viz import export
from emo_core.viz.report import Explanation

SLOW_S = 0.03  # of one pass, until one has been measured
HEAVY = {  # what one pass costs beside a batched forward pass, as measured on one thread
    "grad_cam": 3.0,
    "saliency": 5.0,
    "integrated_gradients": 5.0,
    "occlusion": 1.5,
    "ablation": 1.2,
    "shapley": 1.2,
    "token_shapley": 0.5,
    "rollout": 6.0,
}
Clock = Callable[[], float]
CHECKS = "checks"  # in place of a method: the pace of a map's checks
MOST_SHIFT = 8  # frames of the model, to either side
QUICK = "integrated_gradients"  # 0.1 s of one thread for 5 s of clip where towers are small
QUICK_OF_ENCODERS = "shapley"  # where faces are read; gradients take twice as long there
QUICK_OF_PEOPLE = "token_shapley"  # 0.2 to 0.3 s where towers of a group model read faces
_PACE: dict[tuple[str, str], float] = {}  # seconds of one pass, by model and method, as last run


@contextmanager
def as_user_error() -> Iterator[None]:
    """Turn the library's one-sentence errors into the page's; `Cancelled` stays itself."""
    try:
        yield
    except Cancelled:
        raise
    except (AttributionError, ClipError) as error:
        raise UserError(str(error)) from error


def resolve(case: ClipSession, request: ExplainRequest) -> ExplainRequest:
    """The request with its label and window filled in. Raises UserError."""
    with as_user_error():
        return resolve_request(case.checkpoint, case.prediction, request)


def label_of(case: ClipSession, request: ExplainRequest) -> str:
    """The label that a request means. Raises UserError."""
    with as_user_error():
        return choose_subject(case.checkpoint, case.prediction, request)[0]


def window_of(case: ClipSession, request: ExplainRequest) -> int:
    """The number of the window that a request means. Raises UserError."""
    with as_user_error():
        return choose_subject(case.checkpoint, case.prediction, request)[1]


def sample_of(case: ClipSession, request: ExplainRequest) -> Sample:
    """The window that a request means."""
    with as_user_error():
        return case.prediction.samples[window_of(case, request)]


def _map_key(kind: str, case: ClipSession, request: ExplainRequest) -> tuple:
    """The same for all requests that mean the same map."""
    return kind, replace(resolve(case, request), checks=False)


@dataclass(frozen=True)
class Cost:
    """What something takes, before it runs."""

    passes: int  # at most
    seconds: float


def costs(case: ClipSession, method: str) -> dict[str, Cost]:
    """The cost of a map by one method, by preset; only the usual one where all cost the same."""
    found = {preset: methods.cost(method, preset, case.checkpoint) for preset in PRESETS}
    if len(set(found.values())) == 1:
        found = {DEFAULT_PRESET: found[DEFAULT_PRESET]}
    return {preset: _cost(case, method, passes) for preset, passes in found.items()}


def check_cost(case: ClipSession, request: ExplainRequest) -> Cost:
    """The cost of the checks beside one map."""
    passes = checks_cost(request.method, request.preset, case.checkpoint)
    return _cost(case, f"{CHECKS} of {request.method}", passes)


def _cost(case: ClipSession, method: str, passes: int) -> Cost:
    pace_s = _PACE.get((case.checkpoint.name, method))
    if pace_s is None:
        pace_s = HEAVY[method.removeprefix(f"{CHECKS} of ")] * _guess(case.prediction)
    return Cost(passes, passes * pace_s)


def _guess(prediction: Prediction) -> float:
    """Seconds of a forward pass, estimated from the prediction, which took several a window."""
    each = prediction.seconds["model"] / len(prediction.samples)
    return min(max(each, 0.005), SLOW_S)


def _note_pace(case: ClipSession, method: str, passes: int, seconds: float) -> None:
    if passes:
        _PACE[case.checkpoint.name, method] = seconds / passes


def has_map(case: ClipSession, request: ExplainRequest) -> bool:
    return case.has(_map_key("map", case, request))


def has_checks(case: ClipSession, request: ExplainRequest) -> bool:
    return case.has(_map_key("checks", case, request))


def map_of(
    case: ClipSession,
    request: ExplainRequest,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
) -> Attribution:
    """The map, made once. Raises UserError; Cancelled where asked to stop.

    clock: seconds computed so far, others' turns left out; what the next one costs is told by it.
    """
    request = resolve(case, request)

    def make() -> Attribution:
        started_s = clock()
        with as_user_error():
            made = explain_on_gpu(case.model, case.prediction, request, progress=progress)
        _note_pace(case, request.method, made.forward_passes, clock() - started_s)
        return made

    return case.once(_map_key("map", case, request), make)


@on_gpu(lambda model, prediction, request: 2 + 0.05 * PRESETS[request.preset].passes)
def explain_on_gpu(
    model: str,
    prediction: Prediction,
    request: ExplainRequest,
    *,
    progress: Progress | None = None,
) -> Attribution:
    """One explanation of a prediction that is there already."""
    return explain(load_model(model), prediction, request, progress)


def checks_of(
    case: ClipSession,
    request: ExplainRequest,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
) -> SanityChecks:
    """The checks of the map, made once."""
    request = resolve(case, request)
    found = map_of(case, request, progress, clock)

    def make() -> SanityChecks:
        sample, faces = sample_of(case, request), faces_of(case, request, progress)
        started_s = clock()
        with as_user_error():
            made = run_checks_on_gpu(case.model, sample, found, request, faces, progress=progress)
        _note_pace(case, f"{CHECKS} of {request.method}", made.forward_passes, clock() - started_s)
        return made

    return case.once(_map_key("checks", case, request), make)


@on_gpu(lambda model, sample, found, request, faces: 2 + 0.2 * found.forward_passes)
def run_checks_on_gpu(
    model: str,
    sample: Sample,
    found: Attribution,
    request: ExplainRequest,
    faces: FaceRegions | None,
    *,
    progress: Progress | None = None,
) -> SanityChecks:
    """The checks of one map."""
    return run_checks(load_model(model), sample, found, request, faces, progress)


def faces_of(
    case: ClipSession, request: ExplainRequest, progress: Progress | None = None
) -> FaceRegions | None:
    """Where faces are in the window; looked for once."""
    sample, config = sample_of(case, request), case.checkpoint.sample
    with as_user_error(), DecodeBudget(case.prediction.clip, progress):
        return case.once(
            ("faces", window_of(case, request)), lambda: find_faces(case.clip, sample, config)
        )


def counterfactuals_of(
    case: ClipSession, request: ExplainRequest, progress: Progress | None = None
) -> tuple[WhatIf, ...]:
    """Every what-if that the window allows, made once."""

    def make() -> tuple[WhatIf, ...]:
        sample, faces = sample_of(case, request), faces_of(case, request, progress)
        return counterfactuals_on_gpu(case.model, sample, faces, progress=progress)

    return case.once(("counterfactuals", window_of(case, request)), make)


@on_gpu(lambda model, sample, faces: 10)
def counterfactuals_on_gpu(
    model: str, sample: Sample, faces: FaceRegions | None, *, progress: Progress | None = None
) -> tuple[WhatIf, ...]:
    """The standard what-ifs of one window."""
    return export.counterfactuals(load_model(model), sample, faces, progress)


def swap_of(case: ClipSession, request: ExplainRequest, other: Clip) -> WhatIf:
    """The picture with the sound of another clip's first window."""
    config = case.checkpoint.sample

    def make() -> WhatIf:
        with as_user_error():
            heard = to_sample(decode_window(other, config, 0.0, config.window_s), config)
            words = say("with the sound of {clip}", clip=other.path.stem.replace("_", " "))
            return _one(case, request, words, lambda sample: swap_sound(sample, heard))

    return case.once(("swap", window_of(case, request), other.path.name), make)


def _one(
    case: ClipSession, request: ExplainRequest, words: str, to: Callable[[Sample], Sample]
) -> WhatIf:
    return what_if(case.checkpoint, sample_of(case, request), words, to)


def share_of(case: ClipSession, request: ExplainRequest) -> dict[str, float]:
    """What each modality adds to the score of the label, over the whole clip."""
    return case.prediction.modality_shares[label_of(case, request)]


def attention_of(case: ClipSession, request: ExplainRequest) -> Matrix | None:
    """What the model's attention joined in the window; None where it has none."""
    return case.once(
        ("attention", window_of(case, request)),
        lambda: picture_to_sound(case.checkpoint, sample_of(case, request)),
    )


def quick_request(case: ClipSession, window: int, wish: Mapping[str, object]) -> ExplainRequest:
    """The map that comes with an answer: when and where, of pixels where gradients are cheap.

    Maps of shipped examples are kept for everybody, and so made with care once.

    wish: what the page's address asks for instead; what it misnames is passed over.
    """
    usual = QUICK
    if case.checkpoint.sample.people:
        usual = QUICK_OF_PEOPLE if has_separate_towers(case.checkpoint) else QUICK_OF_ENCODERS
    preset = "thorough" if is_shared(case) and not wish.get("method") else "fast"
    request = ExplainRequest(method=usual, preset=preset, window=window, checks=False)
    return wished_request(case, wish, request)


def wished_request(
    case: ClipSession, wish: Mapping[str, object], usual: ExplainRequest
) -> ExplainRequest:
    """A request with the method, preset and label that the page's address names."""
    known = {
        "method": tuple(methods.METHODS),
        "preset": tuple(PRESETS),
        "label": case.checkpoint.labels,
    }
    found = {name: wish.get(name) for name, names in known.items() if wish.get(name) in names}
    return replace(
        usual,
        method=str(found.get("method", usual.method)),
        preset=str(found.get("preset", usual.preset)),
        target=str(found["label"]) if "label" in found else usual.target,
    )


@dataclass(frozen=True)
class Faders:
    """What changes of one window do to the score of one label."""

    label: str
    base: float
    moved: tuple[tuple[float, float], ...]  # (seconds later, score), by MOST_SHIFT frames each way
    changed: tuple[tuple[str, float], ...]  # (what was changed, score)
    share: dict[str, float]  # what each modality adds to the score


def faders_of(
    case: ClipSession, request: ExplainRequest, progress: Progress | None = None
) -> Faders:
    """Every position of the sound against the picture, and every what-if, made once."""
    label = label_of(case, request)

    def make() -> Faders:
        sample, config = sample_of(case, request), case.checkpoint.sample.mel
        found = counterfactuals_of(case, request, progress)
        moved = _moved(case, sample, label, config)
        changed = tuple((each.change, each.scores[label][1]) for each in found)
        base = found[0].scores[label][0] if found else moved[0][1]
        return Faders(label, base, moved, changed, case.prediction.modality_shares[label])

    return case.once(("faders", window_of(case, request), label), make)


def _moved(
    case: ClipSession, sample: Sample, label: str, config: MelConfig
) -> tuple[tuple[float, float], ...]:
    """Scores with the sound moved; of what can't be moved, as it is."""
    movable = bool(sample.mel_mask.any()) and bool(sample.video_mask.any())
    steps = range(-MOST_SHIFT, MOST_SHIFT + 1) if movable else range(1)
    moved = [shift_sound(sample, step, config) if step else sample for step in steps]
    scores = label_scores(case.checkpoint, moved)
    seconds = [shift_s(sample, step) for step in steps]
    return tuple((at, row[label]) for at, row in zip(seconds, scores, strict=True))


def explanation_of(
    case: ClipSession,
    request: ExplainRequest,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
) -> Explanation:
    """All parts of a report, each made once; the checks on request."""
    found, sample = map_of(case, request, progress, clock), sample_of(case, request)
    return Explanation(
        checkpoint=case.checkpoint,
        prediction=case.prediction,
        sample=sample,
        attribution=found,
        share=modality_share(case.checkpoint, sample, found.target),
        matrix=attention_of(case, request),
        trust=checks_of(case, request, progress, clock) if request.checks else None,
        changes=counterfactuals_of(case, request, progress),
    )


def files_of(
    case: ClipSession,
    request: ExplainRequest,
    folder: Path,
    progress: Progress | None = None,
    language: str = ENGLISH,
) -> list[Path]:
    """report.html, overlay.mp4, attribution.npz and explanation.json of one explanation.

    The checks are in the report where they have been made.
    """
    request = replace(request, checks=has_checks(case, request))
    explanation = explanation_of(case, request, progress)
    with as_user_error(), DecodeBudget(case.prediction.clip, progress):
        names = export.write_explanation(folder, case.clip, explanation, language)
    summary = export.explanation_summary(case.prediction.clip, explanation, names)
    with atomic_path(folder / "explanation.json") as part:
        part.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return [folder / name for name in [*names, "explanation.json"]]


def explain_json(
    path: str | Path,
    request: ExplainRequest,
    visit: Session | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
) -> dict[str, object]:
    """The explanation for programs, in the form of `emo explain --json`. Raises UserError."""
    case = open_case(path, visit, model, progress=progress)
    explanation = explanation_of(case, request, progress, clock)
    return export.explanation_summary(case.prediction.clip, explanation, [])
