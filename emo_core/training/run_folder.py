"""The folder of one run: held by one process, and taken up again by the same run only.

`run.json` has the recipe with all settings, `clips.json` what the run learns from, clip by clip and
by content, so that a corpus may be moved. A folder in which nothing was learnt is given back.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.data.cache import Cache
from emo_core.data.corpus import name_list
from emo_core.data.dataset import Window
from emo_core.distributed import on_rank_zero, rank, world_size
from emo_core.io.atomic import atomic_path, remove_unfinished, sole_writer
from emo_core.old_names import current_recipe
from emo_core.training.recipes import Recipe, RecipeError

RUN, CLIPS = "run.json", "clips.json"
EPOCHS = "train.epochs"  # may grow
ASPECTS = ("label", "split or source", "content")  # of a clip, in CLIPS

log = logging.getLogger(__name__)

ClipDigests = Mapping[str, Sequence[str]]  # of each clip's ASPECTS, by its name


@contextmanager
def open_run(
    run: Path,
    name: str,
    recipe: Recipe,
    root: Path,
    resume: bool,
    log_line: Callable[[str], None] = log.info,
) -> Iterator[None]:
    """Make or reopen a run folder and hold it; give it back where nothing was learnt in it.

    Raises RecipeError where it belongs to another run, FolderInUseError where another process
    trains in it. log_line: gets a line for each setting that is new or may differ.
    """
    new = not run.exists()
    with ExitStack() as held:
        for note in on_rank_zero(partial(_open, run, name, recipe, root, resume, held)):
            log_line(note)
        try:
            yield
        except BaseException:
            if not rank():
                _give_back(run, new)
            raise


def _open(
    run: Path, name: str, recipe: Recipe, root: Path, resume: bool, held: ExitStack
) -> list[str]:
    """Lock the folder and describe the run in it; return notes."""
    settings = json.loads(json.dumps(asdict(recipe)))  # tuples become lists, as in the file
    described: dict[str, Any] = {"recipe": name, "settings": settings}
    described |= {"data": str(root.resolve()), "processes": world_size()}
    notes: list[str] = []
    if new := not run.is_dir():
        if run.exists():
            raise RecipeError("{run} is a file; choose an empty or new folder.", run=run)
    else:
        held.enter_context(sole_writer(run))
        remove_unfinished(run / "checkpoint")
        if _holds_more_than_its_description(run):
            notes = _refuse_other_run(run, described, resume)
    try:
        run.mkdir(parents=True, exist_ok=True)
        if new:
            held.enter_context(sole_writer(run))
        _write(run / RUN, described)
    except OSError as error:
        why = f"{run} can't be written ({error.strerror}); choose another --out."
        raise RecipeError(why) from error
    return notes


def _holds_more_than_its_description(run: Path) -> bool:
    """Whether something lies in a folder beside what a run that learnt nothing leaves."""
    return bool({path.name for path in run.iterdir()} - {RUN, CLIPS})


def _give_back(run: Path, new: bool) -> None:
    """Free a folder in which nothing was learnt, as of mistyped --data; one of ours goes."""
    with suppress(OSError):
        if not _holds_more_than_its_description(run):
            for name in (RUN, CLIPS):
                (run / name).unlink(missing_ok=True)
            if new:
                run.rmdir()


def _refuse_other_run(run: Path, described: dict, resume: bool) -> list[str]:
    """Raise RecipeError where a folder holds something else; return notes on what may differ."""
    path = run / RUN
    if not path.is_file():
        raise RecipeError(
            "{run} holds something that is no run; choose an empty or new folder.", run=run
        )
    if not resume:
        raise RecipeError(
            "{run} holds a run already; add --resume or choose another --out.", run=run
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found["settings"] = current_recipe(found["settings"])
        before, now = _flat(found), _flat(described)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        raise _other_run(run, [f"its {RUN} can't be read"]) from None
    if (run / CLIPS).is_file():  # says what the corpus is, wherever it lies
        before.pop("data", None)
    notes = [
        f"{run} does not know the setting {name}; it goes on with {now[name]!r}."
        for name in sorted(now.keys() - before.keys() - {"data"})
    ]
    if _is_more(now[EPOCHS], before.get(EPOCHS)):
        rates = "learning rates follow the longer schedule"
        notes.append(f"{run} goes on to epoch {now[EPOCHS]} instead of {before[EPOCHS]}; {rates}.")
        before[EPOCHS] = now[EPOCHS]
    differing = [
        f"{name} was {_short(before[name])}, is {_short(now.get(name))}"
        for name in sorted(before)
        if before[name] != now.get(name)
    ]
    if differing:
        raise _other_run(run, differing)
    return notes


def _is_more(now: Any, before: Any) -> bool:
    return isinstance(before, int) and now > before


def _flat(described: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a description under its dotted name, as --set takes it."""
    rest = {name: value for name, value in described.items() if name != "settings"}
    return {**rest, **_dotted(described["settings"], "")}


def _dotted(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        found |= _dotted(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return found


def _short(value: Any) -> str:
    text = "not known" if value is None else str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _other_run(run: Path, differing: Sequence[str]) -> RecipeError:
    return RecipeError(
        "{run} holds a run with other settings or data: {differing}; expected what it "
        "began with; repeat that, or choose another --out.",
        run=run,
        differing="; ".join(differing),
    )


def clip_digests(
    train: Sequence[Window], valid: Sequence[Window], cache: Cache
) -> dict[str, list[str]]:
    """What a run learns from and chooses by, window by window: a digest of each of ASPECTS."""
    found: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for split, windows in (("train", train), ("val", valid)):
        for window in windows:
            counts[window.name] += 1
            more = f" {counts[window.name]}" if counts[window.name] > 1 else ""
            label = np.asarray(window.target)
            parts = (label.tolist(), (split, window.group), _content(window, cache))
            found[window.name + more] = [_digest(part) for part in parts]
    return found


def _content(window: Window, cache: Cache) -> str:
    """What a window shows, wherever it lies; "" where its file can't be read."""
    try:
        return getattr(window, "content", window.key)(cache)
    except OSError:
        return ""


def _digest(value: object) -> str:
    return hashlib.blake2b(repr(value).encode(), digest_size=4).hexdigest()


def note_clips(run: Path, clips: ClipDigests) -> None:
    """Write what a run learns from; raise RecipeError where that is not what it began with."""
    path = run / CLIPS
    if path.is_file():
        try:
            differing = _differing_clips(json.loads(path.read_text(encoding="utf-8")), clips)
        except (OSError, ValueError, TypeError, AttributeError):
            differing = [f"its {CLIPS} can't be read"]
        if differing:
            raise _other_run(run, differing)
    _write(path, clips)


def _differing_clips(before: ClipDigests, now: ClipDigests) -> list[str]:
    """How clips differ, in words with their names."""
    changes = [
        ("clips that are new", [name for name in now if name not in before]),
        ("clips that are missing", [name for name in before if name not in now]),
    ]
    both = [name for name in now if name in before]
    for number, part in enumerate(ASPECTS):
        changed = [name for name in both if before[name][number] != now[name][number]]
        changes.append((f"clips with another {part}", changed))
    return [f"{what}: {name_list(names)}" for what, names in changes if names]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_path(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
