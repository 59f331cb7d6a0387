"""The `emo` command. Results go to standard output, everything else to standard error."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from emo_core.defaults import DEFAULT_METHOD, DEFAULT_MODEL, DEFAULT_PRESET

if TYPE_CHECKING:
    from emo_core.prediction import Prediction
    from emo_core.recipes import Recipe

DONE, SOME_FAILED, NOTHING = 0, 1, 2  # exit codes
REAL = Path(__file__).parents[2] / "shared" / "data"  # beside the checkout; not everybody has it
CLEAR = "\r\x1b[K"  # to the start of a terminal's line, and what stands there is gone


class UsageError(Exception):
    """Words on the command line that can't be followed."""


def say(text: str) -> None:
    """A line for the person who runs the command; on a terminal it replaces a progress line."""
    with suppress(OSError, ValueError, AttributeError):  # closed or full: the work goes on
        print(f"{CLEAR if sys.stderr.isatty() else ''}{text}", file=sys.stderr, flush=True)


def show_steps(what: str, done: int, total: int) -> None:
    """The progress line of an epoch: rewritten on a terminal, silent elsewhere."""
    if sys.stderr.isatty():
        print(f"{CLEAR}{what}: step {done + 1}/{total}", end="", file=sys.stderr, flush=True)


def progress(what: str) -> Callable[[int, int], None]:
    """A progress line on standard error: rewritten on a terminal, silent elsewhere."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what} {done}/{total}", end="\n" if done == total else "", file=sys.stderr)

    return show


def emit(args: argparse.Namespace, result: dict, text: str) -> None:
    """One JSON object, or the same for people."""
    print(json.dumps(result, allow_nan=False) if args.json else text, flush=True)


def brief(answer: "Prediction") -> str:
    """An answer in a few words."""
    if answer.values is not None:
        return ", ".join(f"{name} {value:+.2f}" for name, value in answer.values.items())
    if answer.present is not None:
        found = [f"{name} {answer.probabilities[name]:.2f}" for name in answer.present]
        return ", ".join(found) or f"none of {', '.join(answer.labels)}"
    unsure = " (not sure)" if answer.abstains else ""
    return f"{answer.label}{unsure} {answer.probabilities[answer.label]:.2f}"


def predict(args: argparse.Namespace) -> int:
    from emo_core.clip import ClipError, load_clip
    from emo_core.inference import load_cached, predict_clip

    if args.max_windows < 1:
        raise UsageError(f"--max-windows is {args.max_windows}; expected 1 or more.")
    if args.text is not None and len(args.clips) > 1:
        raise UsageError(f"--text is of one clip, but there are {len(args.clips)}; give one.")
    checkpoint = load_cached(args.model)
    results, errors = [], []
    for path in args.clips:
        try:
            answer = predict_clip(load_clip(path, args.text), checkpoint, args.max_windows)
        except ClipError as error:
            errors.append({"clip": path, "error": str(error)})
            say(f"emo: {error}")
            continue
        results.append({**answer.as_dict(), "clip": path})
        if not args.json:
            print(f"{path}: {brief(answer)}")
            for note in answer.notes:
                say(f"  {note}")
    if args.json:
        emit(args, {"schema_version": 1, "results": results, "errors": errors}, "")
    return DONE if not errors else SOME_FAILED if results else NOTHING


def explain(args: argparse.Namespace) -> int:
    from emo_core import explaining
    from emo_core.attribution.methods import cost, find_method, find_preset
    from emo_core.attribution.trust import trust_cost
    from emo_core.clip import load_clip
    from emo_core.inference import load_cached
    from emo_core.whole import folder_for

    find_method(args.method), find_preset(args.preset)
    if args.out.exists() and not args.out.is_dir():
        raise UsageError(f"{args.out} is a file; expected a folder for the report; name another.")
    checkpoint = load_cached(args.model)
    passes = cost(args.method, args.preset, checkpoint)
    checks = 0 if args.no_checks else trust_cost(args.method, args.preset, checkpoint)
    say(f"at most {passes} forward passes for the map and {checks} for its checks")
    clip = load_clip(args.clip, args.text)
    wish = explaining.Wish(
        args.method, args.preset, args.target, args.at, args.window, args.baseline, args.seed,
        not args.no_checks,
    )  # fmt: skip
    with folder_for(args.out):
        story = explaining.tell(checkpoint, clip, wish, progress)
        files = explaining.write_story(args.out, clip, story)
    result = explaining.summary(args.clip, story, files)
    verdict = f": {story.trust.verdict}" if story.trust else ""
    emit(args, result, f"{args.out}: {', '.join(files)}{verdict}")
    return DONE


def data_make(args: argparse.Namespace) -> int:
    numbers = (args.train, args.val, args.test, args.seed, args.workers, progress("clips"))
    make = getattr(import_module(f"emo_core.data.{args.corpus}"), f"make_{args.corpus}")
    composed = () if args.corpus == "staged" else (args.sources or REAL,)
    make(args.out, *composed, *numbers)
    made = {"corpus": args.corpus, "out": str(args.out), "seed": args.seed}
    counts = {"train": args.train, "val": args.val, "test": args.test}
    emit(args, {**made, "clips": counts}, f"{sum(counts.values())} clips in {args.out}")
    return DONE


def data_check(args: argparse.Namespace) -> int:
    from emo_core.data import read_corpus
    from emo_core.data.checkup import check_corpus

    report = check_corpus(read_corpus(args.corpus, args.root), progress("clips"))
    lines = [
        f"{split}: {part['clips']} clips from {part['groups']} sources, "
        + ", ".join(f"{n} {label}" for label, n in part["labels"].items())
        + (f", {part['none_present']} with none" if "none_present" in part else "")
        for split, part in report["splits"].items()
    ]
    if report.get("revision"):
        lines.append(f"label revision: {report['revision']}")
    lines += [f"note: {note}" for note in report["notes"]]
    for what in ("silent", "no_sound"):
        if report[what]:
            lines.append(f"{what.replace('_', ' ')}: {len(report[what])} clips")
    lines += [f"problem: {problem}" for problem in report["problems"]] or ["no problems found"]
    emit(args, report, "\n".join(lines))
    return SOME_FAILED if report["problems"] else DONE


def data_fetch(args: argparse.Namespace) -> int:
    from emo_core.data.links import fetch_links

    result = fetch_links(args.table, args.out, progress("clips"))
    for failure in result["errors"]:
        say(f"emo: {failure['error']}")
    made = {"corpus": "links", "out": str(args.out), **result}
    emit(args, made, f"{result['clips']} clips in {args.out}, {result['fetched']} of them new")
    return DONE if not result["errors"] else SOME_FAILED if result["clips"] else NOTHING


def train(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from emo_core.distributed import session
    from emo_core.ranges import checked
    from emo_core.recipes import find_recipe
    from emo_core.settings import with_setting

    usual = find_recipe(args.recipe)
    recipe = replace(usual, train=replace(usual.train, seed=args.seed))
    for text in args.set:
        recipe = with_setting(recipe, text)
    recipe = checked(recipe, usual)
    with session() as first:
        return train_recipe(args, recipe, first)


def train_recipe(args: argparse.Namespace, recipe: "Recipe", first: bool) -> int:
    """Trains in this process; only the first of several writes and prints."""
    from emo_core import run
    from emo_core.distributed import once

    started = time.monotonic()
    tell, steps = (say, show_steps) if first else (lambda text: None, None)
    run.try_out(recipe)
    once(lambda: run.open_run(args.out, args.recipe, recipe, args.data, args.resume))
    with run.given_back(args.out):
        data = run.loaders(recipe, args.data, recipe.train.seed, progress("decoded"))
        for problem in data.problems:
            tell(f"emo: {problem}")
        trainer, epochs = run.start(recipe, args.out, data, args.resume, tell, steps)
    task = trainer.task
    for epoch in epochs:
        tell(
            f"epoch {epoch.index + 1}/{recipe.train.epochs}: loss {epoch.loss:.4f}, "
            f"held-out {task.main} {epoch.valid[task.main]:.3f}{' *' if epoch.best else ''}"
        )
    minutes = None if args.resume else (time.monotonic() - started) / 60
    words = ["emo train", args.recipe, "--data CORPUS --seed", str(args.seed)]
    words += [f"--set {text}" for text in args.set]
    scores = run.finish(args.recipe, recipe, args.out, trainer, data, " ".join(words), minutes)
    result = {
        "recipe": args.recipe,
        "run": str(args.out),
        "epochs": trainer.next_epoch,
        "held_out": scores,
        "errors": list(data.problems),
    }
    if first:
        emit(args, result, f"{args.out}/checkpoint: held-out {task.summary(scores)}")
    return SOME_FAILED if data.problems else DONE


def evaluate(args: argparse.Namespace) -> int:
    from emo_core.checkpoint import load_checkpoint
    from emo_core.data import read_corpus
    from emo_core.data.corpus import refuse_leaks
    from emo_core.run import score_corpus

    corpus = refuse_leaks(read_corpus(args.corpus, args.data))
    checkpoint = load_checkpoint(args.model)
    scores = score_corpus(checkpoint, corpus, args.split, progress("decoded"))
    for problem in scores["errors"]:
        say(f"emo: {problem}")
    task = checkpoint.task
    lines = [task.summary(scores)]
    lines += [
        f"  {name}: {task.main} {part[task.main]:.3f} (n = {part['n']})"
        for name, part in scores["per_regime"].items()
    ]
    emit(args, scores, "\n".join(lines))
    return SOME_FAILED if scores["errors"] else DONE


def list_things(args: argparse.Namespace) -> int:
    from emo_core import listing

    result = listing.LISTS[args.what]()
    rows = result[args.what]
    text = "\n".join(
        row if isinstance(row, str) else "  ".join(str(v) for v in row.values()) for row in rows
    )
    emit(args, result, text)
    return DONE


def bench(args: argparse.Namespace) -> int:
    import runpy

    folder = Path(__file__).parents[1] / "benchmarks"
    known = sorted(path.stem for path in folder.glob("[!_]*.py"))
    if args.name not in known:
        raise UsageError(
            f"there is no benchmark {args.name!r}; expected one of {', '.join(known)}."
        )
    sys.path.insert(0, str(folder))
    sys.argv = [args.name]
    return int(runpy.run_path(str(folder / f"{args.name}.py"))["main"]() or 0)


def card(args: argparse.Namespace) -> int:
    from emo_core.checkpoint import CARD, find_checkpoint

    text = (find_checkpoint(args.model) / CARD).read_text(encoding="utf-8")
    emit(args, {"model": str(args.model), "card": text}, text)
    return DONE


def seed(text: str) -> int:
    """A number that every generator of random numbers takes."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(
            f"{text} is no seed; expected a whole number from 0 to {2**32 - 1}"
        )
    return int(text)


class Parser(argparse.ArgumentParser):
    """Wrong words end in one line and exit code 2, like every other error."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}; see `{self.prog} --help`.")


def build_parser() -> Parser:
    """The command's words; needs no torch."""
    parser = Parser(prog="emo", description="Perceived group emotion from picture and sound.")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="one JSON object on standard output")
    shared.add_argument("--debug", action="store_true", default=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable, text: str, into=commands) -> argparse.ArgumentParser:
        made = into.add_parser(name, help=text, description=text, parents=[shared])
        made.set_defaults(run=run)
        return made

    one = command("predict", predict, "say what clips show")
    one.add_argument("clips", nargs="+", metavar="CLIP")
    one.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|DIR")
    one.add_argument("--text", metavar="WORDS", help="what is said in the clip")
    one.add_argument("--max-windows", type=int, default=24, help="5-s windows read at most")

    _explain_words(command("explain", explain, "say why: maps, checks and what-ifs in a folder"))

    data = commands.add_parser("data", help="make, fetch or check a corpus").add_subparsers(
        dest="action", required=True, metavar="make|fetch|check"
    )
    one = command("make", data_make, "draw a corpus, or compose one of faces and voices", data)
    one.add_argument("corpus", choices=["staged", "collage", "utterances"])
    one.add_argument("out", type=Path, metavar="OUT")
    one.add_argument(
        "--sources", type=Path, metavar="DIR", help="faces and voices that clips are composed of"
    )
    for name, count in (("train", 2000), ("val", 400), ("test", 400)):
        one.add_argument(f"--{name}", type=int, default=count, metavar="N")
    one.add_argument("--seed", type=seed, default=0)
    one.add_argument("--workers", type=int, default=None)
    one = command("fetch", data_fetch, "download the clips that a table names", data)
    one.add_argument("table", type=Path, metavar="LINKS.csv")
    one.add_argument("out", type=Path, metavar="OUT")
    one = command("check", data_check, "count, decode and look for leaks", data)
    one.add_argument("root", type=Path)
    one.add_argument("--corpus", required=True, metavar="NAME")

    one = command("train", train, "run a recipe")
    one.add_argument("recipe")
    one.add_argument("--data", type=Path, required=True, metavar="ROOT")
    one.add_argument("--out", type=Path, required=True, metavar="RUN")
    one.add_argument("--set", action="append", default=[], metavar="key=value")
    one.add_argument("--resume", action="store_true")
    one.add_argument("--seed", type=seed, default=0)

    one = command("evaluate", evaluate, "score a checkpoint on one split")
    one.add_argument("model", metavar="RUN|NAME")
    one.add_argument("--data", type=Path, required=True, metavar="ROOT")
    one.add_argument("--corpus", required=True, metavar="NAME")
    one.add_argument("--split", choices=["val", "test"], required=True)

    one = command("list", list_things, "what there is")
    one.add_argument("what", choices=["models", "recipes", "corpora", "methods"])
    command("bench", bench, "measure a promise of speed").add_argument("name")
    command("card", card, "print a model card").add_argument("model", metavar="RUN|NAME")
    return parser


def _explain_words(one: argparse.ArgumentParser) -> None:
    one.add_argument("clip", metavar="CLIP")
    one.add_argument("--method", default=DEFAULT_METHOD, metavar="M")
    one.add_argument("--target", metavar="L", help="label; by default the predicted one")
    one.add_argument("--at", type=float, metavar="SECONDS", help="the moment, or its window")
    one.add_argument("--window", type=int, metavar="N", help="window, from 0 on")
    one.add_argument("--preset", default=DEFAULT_PRESET, metavar="fast|standard|thorough")
    one.add_argument("--baseline", default="blur", metavar="blur|mean")
    one.add_argument("--seed", type=seed, default=0)
    one.add_argument("--no-checks", action="store_true", help="the map alone, for less")
    one.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|DIR")
    one.add_argument("--text", metavar="WORDS", help="what is said in the clip")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")


def expected_errors() -> tuple[type[Exception], ...]:
    """The errors that are one sentence for a person; only of modules that are loaded already."""
    names = {
        "emo_core.clip": "ClipError",
        "emo_core.attribution.record": "AttributionError",
        "emo_core.checkpoint": "CheckpointError",
        "emo_core.data.corpus": "CorpusError",
        "emo_core.download": "DownloadError",
        "emo_core.fetch": "FetchError",
        "emo_core.data.clip_tree": "MakeError",
        "emo_core.parts.text": "TextError",
        "emo_core.distributed": "DistributedError",
        "emo_core.recipes": "RecipeError",
        "emo_core.settings": "SettingError",
        "emo_core.train": "TrainingError",
    }
    loaded = [
        getattr(sys.modules[module], name)
        for module, name in names.items()
        if module in sys.modules and hasattr(sys.modules[module], name)
    ]
    return (UsageError, *loaded)


def complain(text: str) -> None:
    """Says why a command ends, once: of several processes the first that gets here says it."""
    ranks = sys.modules.get("emo_core.distributed")
    if ranks is None or ranks.speaks():
        say(f"emo: {text}")


def write_every_name() -> None:
    """Letters that the terminal's encoding does not have are spelled, and end no batch."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    debug = "--debug" in (argv if argv is not None else sys.argv)
    write_every_name()
    try:
        args = build_parser().parse_args(argv)
        return args.run(args)
    except KeyboardInterrupt:
        complain("stopped.")
        return NOTHING
    except BrokenPipeError:
        sys.stderr.close()
        return NOTHING
    except Exception as error:
        if debug:
            raise
        if isinstance(error, expected_errors()):
            complain(str(error))
        elif isinstance(error, OSError):
            complain(f"{error.filename or 'a file'}: {error.strerror or error}.")
        else:
            complain(f"this should not happen ({type(error).__name__}: {error}); run again with "
                     "--debug and report what it prints.")  # fmt: skip
        return NOTHING


if __name__ == "__main__":
    sys.exit(main())
