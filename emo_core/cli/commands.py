"""What each word of the `emo` command does; torch is imported where one needs it."""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_core.cli.console import (
    language,
    log_line,
    print_line,
    print_result,
    progress,
    short_answer,
    show_steps,
    throughput,
)
from emo_core.errors import EmoError, failure_sentence
from emo_core.messages import Message, say, say_count, say_list, say_name
from emo_core.schema import DEFAULT_METHOD

if TYPE_CHECKING:
    from emo_core.attribution.types import ExplainRequest
    from emo_core.checkpoint import Checkpoint
    from emo_core.cli.clip_names import AskedClip
    from emo_core.training.pretrain import Data
    from emo_core.training.recipes import Recipe
    from emo_core.training.trainer import Epoch, Trainer

DONE, SOME_FAILED, NOTHING = 0, 1, 2  # exit codes
ONNX = ".onnx"  # ends the name of a graph, in the place of a model's


class UsageError(EmoError):
    """Words on the command line that can't be followed."""


def run_predict(args: argparse.Namespace) -> int:
    """Answers clip by clip; one that fails, in whatever way, costs its own answer only."""
    names = _asked_clips(args)
    checkpoint = _answering(args)
    results: list[dict] = []
    errors: list[dict] = []
    done = failed = 0
    for name, error in names:
        found = {"clip": name, "error": error} if error else _predict_one(args, checkpoint, name)
        if "error" in found:
            failed += 1
            log_line(say("emo: {error}", error=found["error"]))
        else:
            done += 1
        if args.jsonl:
            print(json.dumps({"schema_version": 1, **found}), flush=True)
        elif args.json:
            (errors if "error" in found else results).append(found)
    if not done + failed:
        raise UsageError("no clip is named; give a file, a folder, a pattern or --names FILE.")
    if args.json:
        print_result(args, {"schema_version": 1, "results": results, "errors": errors}, "")
    return DONE if not failed else SOME_FAILED if done else NOTHING


def _asked_clips(args: argparse.Namespace) -> "Iterable[AskedClip]":
    """The names that the command's words mean; refused before a model is loaded."""
    from emo_core.cli.clip_names import clip_names

    _refuse_below_one("--max-windows", args.max_windows)
    if args.json and args.jsonl:
        raise UsageError("--json and --jsonl are both given; give one of them.")
    if not args.clips and args.names is None:
        raise UsageError("no clip is named; give a file, a folder, a pattern or --names FILE.")
    names: Iterable[AskedClip] = clip_names(args.clips, args.names)
    if args.text is not None:
        names = list(names)
        if len(names) > 1:
            raise UsageError(
                "--text is of one clip, but there are {count}; give one.", count=len(names)
            )
    return names


def _refuse_below_one(option: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise UsageError("{option} is {number}; expected 1 or more.", option=option, number=number)


def run_batch(args: argparse.Namespace) -> int:
    """Writes one row a clip; a clip that fails is a row with its error."""
    from emo_core.batch.run import write_rows
    from emo_core.cli.clip_names import batch_names

    _refuse_below_one("--max-windows", args.max_windows)
    _refuse_below_one("--workers", args.workers)
    if args.method != DEFAULT_METHOD and not args.explain:
        raise UsageError("--method is how --explain does it; give --explain as well.")
    names, started, show = batch_names(args.clips, args.names), time.monotonic(), throughput()
    try:
        done = write_rows(
            names,
            args.out,
            args.model,
            args.workers,
            args.local,
            args.resume,
            args.max_windows,
            show,
            args.explain,
            args.features,
            args.method,
        )
    except KeyboardInterrupt:
        if any(args.out.glob("rows/*.parquet")):
            log_line(say("emo: the rows so far are in {out}; go on with --resume.", out=args.out))
        raise
    seconds = time.monotonic() - started
    result = {"schema_version": 1, "out": str(args.out), **vars(done), "seconds": round(seconds, 1)}
    text = say(
        "{out}: {clips} rows, {written} of them new, {failed} with an error",
        out=args.out,
        clips=done.clips,
        written=done.written,
        failed=done.failed,
    )
    print_result(args, result, text)
    if not done.failed:
        return DONE
    return SOME_FAILED if done.failed < done.written or done.written < done.clips else NOTHING


def _predict_one(args: argparse.Namespace, checkpoint: "Checkpoint", name: str) -> dict:
    """The answer to one clip in the form of --json, or {"clip", "error"}; prints it for people."""
    from emo_core.clip import load_clip
    from emo_core.inference.predict import predict_clip

    try:
        answer = predict_clip(load_clip(name, args.text), checkpoint, args.max_windows)
        found = {**answer.as_dict(), "clip": name}
        json.dumps(found, allow_nan=False)  # an answer that can't be printed is none
    except Exception as error:
        if args.debug and not isinstance(error, EmoError):
            raise
        return {"clip": name, "error": failure_sentence(error)}
    if not args.json and not args.jsonl:
        print_line(say("{name}: {answer}", name=name, answer=short_answer(answer)))
        for note in answer.notes:
            log_line(say("  {note}", note=note))
    return found


def _answering(args: argparse.Namespace) -> "Checkpoint":
    """The checkpoint that --model and --runtime name."""
    from emo_core.inference.predict import load_cached

    graph = args.model.endswith(ONNX)
    if graph and args.runtime == "torch":
        raise UsageError(
            "{model} is a graph, which torch does not run; expected --runtime onnx; leave "
            "--runtime out.",
            model=args.model,
        )
    if not graph and args.runtime != "onnx":
        return load_cached(args.model)
    from emo_core.inference.onnx_runtime import load_exported, load_onnx

    return load_onnx(Path(args.model)) if graph else load_exported(args.model)


def run_export(args: argparse.Namespace) -> int:
    from emo_core.inference.onnx_export import export_onnx

    metadata = export_onnx(args.model, args.out, args.overwrite)
    stated = ("emo_version", "name", "model", "task", "weights_sha256", "precision")
    result = {"file": str(args.out), "bytes": args.out.stat().st_size}
    result |= {name: metadata[name] for name in stated}
    said = say(
        "{out}: {name}, {size:.1f} MB, answers like the model",
        out=args.out,
        name=result["name"],
        size=result["bytes"] / 1e6,
    )
    print_result(args, result, said)
    return DONE


def run_explain(args: argparse.Namespace) -> int:
    from emo_core.attribution.methods import cost
    from emo_core.attribution.sanity_checks import checks_cost
    from emo_core.clip import load_clip
    from emo_core.inference.predict import load_cached, predict_clip
    from emo_core.io.atomic import output_folder
    from emo_core.viz import export

    request = explain_request(args)
    if args.out.exists() and not args.out.is_dir():
        raise UsageError(
            "{out} is a file; expected a folder for the report; name another.", out=args.out
        )
    checkpoint = load_cached(args.model)
    passes = cost(request.method, request.preset, checkpoint)
    checks = checks_cost(request.method, request.preset, checkpoint) if request.checks else 0
    log_line(
        say(
            "at most {passes} forward passes for the map and {checks} for its checks",
            passes=passes,
            checks=checks,
        )
    )
    clip = load_clip(args.clip, args.text)
    with output_folder(args.out):
        prediction = predict_clip(clip, checkpoint)
        explanation = export.build_explanation(checkpoint, clip, prediction, request, progress)
        files = export.write_explanation(args.out, clip, explanation, language())
    result = export.explanation_summary(args.clip, explanation, files)
    said: list[str] = [say("{out}: {files}", out=args.out, files=", ".join(files))]
    said += [explanation.trust.verdict] if explanation.trust else []
    print_result(args, result, say_list(said, ": "))
    return DONE


def explain_request(args: argparse.Namespace) -> "ExplainRequest":
    """The request that the command's words make; refused before anything takes time."""
    from emo_core.attribution.methods import find_method, find_preset
    from emo_core.attribution.types import ExplainRequest

    find_method(args.method), find_preset(args.preset)
    return ExplainRequest(
        method=args.method,
        preset=args.preset,
        target=args.target,
        window=args.window,
        at_s=args.at,
        baseline=args.baseline,
        seed=args.seed,
        checks=not args.no_checks,
    )


def data_make(args: argparse.Namespace) -> int:
    from emo_core.corpora import find_reader

    reader = find_reader(args.corpus)
    assert reader.make is not None  # the parser takes no other corpus
    numbers = (args.train, args.val, args.test, args.seed, args.workers, progress(say("clips")))
    composed = (_sources(args),) if reader.compose else ()
    reader.make(args.out, *composed, *numbers)
    made = {"corpus": args.corpus, "out": str(args.out), "seed": args.seed}
    counts = {"train": args.train, "val": args.val, "test": args.test}
    print_result(args, {**made, "clips": counts}, _clips_in(sum(counts.values()), args.out))
    return DONE


def _clips_in(count: int, out: Path) -> str:
    return say("{count} clips in {out}", count=count, out=out)


def _sources(args: argparse.Namespace) -> Path:
    """The folder that clips are composed of: of --sources, else of the variable EMO_DATA."""
    named = args.sources or os.environ.get("EMO_DATA")
    if not named:
        raise UsageError(
            "{corpus} is composed of photographs and recordings, but no folder of them is named; "
            "give --sources DIR, or set EMO_DATA.",
            corpus=args.corpus,
        )
    return Path(named)


def data_check(args: argparse.Namespace) -> int:
    from emo_core.corpora import find_reader, read_corpus
    from emo_core.data.checks import check_corpus

    corpus = read_corpus(args.corpus, args.root)
    own = find_reader(args.corpus).own_labels
    report = check_corpus(corpus, progress(say("clips")), own)
    lines = [_split_line(split, part) for split, part in report["splits"].items()]
    if report.get("revision"):
        lines.append(say("label revision: {revision}", revision=report["revision"]))
    lines += [say("note: {note}", note=note) for note in report["notes"]]
    if count := len(report["silent"]):
        lines.append(say_count("silent: {count} clip", "silent: {count} clips", count))
    if count := len(report["no_sound"]):
        lines.append(say_count("no sound: {count} clip", "no sound: {count} clips", count))
    problems = [say("problem: {problem}", problem=problem) for problem in report["problems"]]
    lines += problems or [say("no problems found")]
    print_result(args, report, say_list(lines, "\n"))
    return SOME_FAILED if report["problems"] else DONE


def _split_line(split: str, part: dict) -> str:
    """What one split of a corpus has, for people."""
    named = [say("{n} {label}", n=n, label=say_name(label)) for label, n in part["labels"].items()]
    if "none_present" in part:
        named.append(say("{n} with none", n=part["none_present"]))
    return say(
        "{split}: {clips} from {sources}, {labels}",
        split=split,
        clips=say_count("{count} clip", "{count} clips", part["clips"]),
        sources=say_count("{count} source", "{count} sources", part["groups"]),
        labels=say_list(named),
    )


def data_get(args: argparse.Namespace) -> int:
    """Says size and licence of an open corpus, and fetches it where the licence is accepted."""
    from emo_core.data.open_corpora.get import find_source, source_summary
    from emo_core.data.open_corpora.get_worker import get_in_worker

    about = source_summary(find_source(args.corpus, args.part))
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in about.items()]
    if not args.accept_licence:
        print_result(args, {**about, "accepted": False}, "\n".join(lines))
        log_line(
            say(
                "emo: nothing was fetched; read the licence, and give --accept-licence if you "
                "agree."
            )
        )
        return NOTHING
    for line in lines:
        log_line(line)
    show = progress("MB")
    result = get_in_worker(
        args.corpus, args.dest, lambda n, of: show(n // 10**6, of // 10**6), args.part
    )
    said = say(
        "{files} files of {size:.2f} GB in {dest}, {verified} verified against digests of their "
        "publisher",
        files=result["files"],
        size=result["bytes"] / 1e9,
        dest=args.dest,
        verified=result["verified"],
    )
    if result["not_verified"]:
        names = ", ".join(result["not_verified"][:3])
        said = say(
            "{said}; not verified, as none is published: {names} ...", said=said, names=names
        )
    after = say("next: emo data check {dest} --corpus {corpus}", dest=args.dest, corpus=args.corpus)
    print_result(args, {**about, "accepted": True, **result}, say_list([said, after], "\n"))
    return DONE


def data_template(args: argparse.Namespace) -> int:
    """Writes a DATA.md with what can be counted and questions on the rest."""
    from emo_core.corpora import read_corpus
    from emo_core.data.statement import write_template

    corpus = read_corpus(args.corpus, args.root)
    sources = len({item.group for item in corpus.items})
    facts = [f"{len(corpus.items)} clips of {sources} sources; labels: {', '.join(corpus.labels)}."]
    path = write_template(args.root, facts)
    made = {"corpus": corpus.name, "file": str(path), "clips": len(corpus.items)}
    print_result(
        args, made, say("{path}: answer the questions between <!-- and -->, then train", path=path)
    )
    return DONE


def data_fetch(args: argparse.Namespace) -> int:
    from emo_core.data.url_list import fetch_links

    result = fetch_links(args.table, args.out, progress(say("clips")))
    for failure in result["errors"]:
        log_line(say("emo: {error}", error=failure["error"]))
    made = {"corpus": "links", "out": str(args.out), **result}
    print_result(
        args,
        made,
        say(
            "{count} clips in {out}, {new} of them new",
            count=result["clips"],
            out=args.out,
            new=result["fetched"],
        ),
    )
    return DONE if not result["errors"] else SOME_FAILED if result["clips"] else NOTHING


def run_train(args: argparse.Namespace) -> int:
    """Trains in this process; only the first of several writes and prints."""
    from emo_core.distributed import session
    from emo_core.tasks.interface import in_text
    from emo_core.training.run import try_out
    from emo_core.training.run_folder import open_run

    started, recipe = time.monotonic(), build_recipe(args)
    args.out = args.out or Path("runs", args.recipe)
    with session() as first:
        log = log_line if first else (lambda text: None)
        try_out(recipe)
        with open_run(args.out, args.recipe, recipe, args.data, args.resume, log):
            data, trainer, epochs = start_run(args, recipe, log, show_steps if first else None)
            main_score = trainer.task.main
            for epoch in epochs:
                best = " *" if epoch.best else ""
                log(
                    say(
                        "epoch {number}/{count}: loss {loss:.4f}, held-out {score} {value}{best}",
                        number=epoch.index + 1,
                        count=recipe.train.epochs,
                        loss=epoch.loss,
                        score=main_score,
                        value=in_text(epoch.valid[main_score]),
                        best=best,
                    )
                )
            minutes = None if args.resume else (time.monotonic() - started) / 60
            return finish_run(args, recipe, data, trainer, minutes, first)


def run_features(args: argparse.Namespace) -> int:
    """Computes what fixed backbones see of every clip, so that training reads it."""
    from dataclasses import replace

    from emo_core.training import run
    from emo_core.training.settings import with_setting

    recipe = with_setting(build_recipe(args), "features.windows=true")
    recipe = replace(recipe, settings=with_setting(recipe.settings, "frozen=true"))
    run.try_out(recipe)
    data = run.loaders(recipe, args.data, recipe.train.seed, progress(say("decoded")))
    for problem in data.problems:
        log_line(say("emo: {problem}", problem=problem))
    found = run.keep_features(recipe, data, show_steps)
    rate = found["windows"] / max(found["seconds"], 0.1)
    lines = [
        say(
            "{name}: {backbone}, tokens {shape}",
            name=name,
            backbone=tower["backbone"],
            shape=" x ".join(map(str, tower["tokens"])),
        )
        for name, tower in found["towers"].items()
    ]
    lines.append(
        say(
            "features of {clips} clips, {size:.1f} MB, are kept ({seconds:.1f} s, {rate:.1f} "
            "clips/s); `emo train` with the same settings and seed reads them",
            clips=found["windows"],
            size=found["bytes"] / 1e6,
            seconds=found["seconds"],
            rate=rate,
        )
    )
    result = {"recipe": args.recipe, **found, "errors": list(data.problems)}
    print_result(args, result, say_list(lines, "\n"))
    return SOME_FAILED if data.problems else DONE


def build_recipe(args: argparse.Namespace) -> "Recipe":
    """The recipe that the command names, with its seed and settings, validated."""
    from dataclasses import replace

    from emo_core.training.fitting import fit_recipe
    from emo_core.training.recipes import find_recipe
    from emo_core.training.settings import validate, with_setting

    default = find_recipe(args.recipe)
    if args.corpus:
        default = replace(default, corpus=args.corpus)
    for text in args.set:
        if with_setting(default, text).corpus != default.corpus:  # decides what the labels are
            default = with_setting(default, text)
    default = fit_recipe(default, args.data)
    recipe = replace(default, train=replace(default.train, seed=args.seed))
    for text in args.set:
        recipe = with_setting(recipe, text)
    return validate(recipe, default)


def start_run(
    args: argparse.Namespace,
    recipe: "Recipe",
    log: Callable[[str], None],
    steps: Callable[[str, int, int], None] | None,
) -> tuple["Data", "Trainer", Iterator["Epoch"]]:
    """Reads the corpus and pretrains in an open run folder: its data, its trainer, its epochs."""
    from functools import partial

    from emo_core.distributed import on_rank_zero
    from emo_core.training import run
    from emo_core.training.run_folder import note_clips

    data = run.loaders(recipe, args.data, recipe.train.seed, progress(say("decoded")))
    on_rank_zero(partial(note_clips, args.out, data.clips))
    for problem in data.problems:
        log(say("emo: {problem}", problem=problem))
    return data, *run.start(recipe, args.out, data, args.resume, log, steps)


def finish_run(
    args: argparse.Namespace,
    recipe: "Recipe",
    data: "Data",
    trainer: "Trainer",
    minutes: float | None,
    first: bool,
) -> int:
    """Writes the checkpoint and prints its scores; returns the exit code."""
    from emo_core.tasks.interface import coverage_lines
    from emo_core.training import run
    from emo_core.training.speed import speed_line

    words = ["emo train", args.recipe, "--data CORPUS --seed", str(args.seed)]
    words += [f"--corpus {args.corpus}"] if args.corpus else []
    words += [f"--set {text}" for text in args.set]
    scores = run.finish(args.recipe, recipe, args.out, trainer, data, " ".join(words), minutes)
    result = {
        "recipe": args.recipe,
        "run": str(args.out),
        "epochs": trainer.next_epoch,
        "held_out": scores,
        "errors": list(data.problems),
        "speed": trainer.speed.report() if first else {},
    }
    lines: list[str] = []
    if first:
        found, lines = _references(recipe.corpus, args.data, args.out, "val")
        result |= {"references": found} if found else {}
    if first:
        said = trainer.task.summary(scores)
        lines = [*coverage_lines(scores), *lines]
        lines += [speed_line(result["speed"])] if result["speed"] else []
        held_out = say("{out}/checkpoint: held-out {said}", out=args.out, said=said)
        print_result(args, result, say_list([held_out, *lines], "\n"))
    return SOME_FAILED if data.problems else DONE


def _references(corpus: str, root: Path, model: Path, split: str) -> tuple[dict | None, list[str]]:
    """What a model of own clips beats, and the same for people; nothing for other corpora."""
    from emo_core.checkpoint import load_checkpoint
    from emo_core.corpora import find_reader, read_corpus
    from emo_core.distributed import world_size
    from emo_core.references import reference_lines, reference_scores

    if not find_reader(corpus).own_labels or world_size() > 1:
        return None, []
    found = read_corpus(corpus, root)
    if not any(item.split == split for item in found.items):
        return None, [say("No clip is in {split}, so nothing is compared.", split=split)]
    result = reference_scores(load_checkpoint(model), found, split, progress(say("decoded")))
    return result, reference_lines(result)


def run_evaluate(args: argparse.Namespace) -> int:
    from emo_core.checkpoint import load_checkpoint
    from emo_core.cli.answer_table import write_answers
    from emo_core.corpora import read_corpus
    from emo_core.data.corpus import refuse_leaks
    from emo_core.tasks.interface import coverage_lines, in_text
    from emo_core.training.run import answer_corpus, score_answers

    corpus = refuse_leaks(read_corpus(args.corpus, args.data))
    checkpoint = load_checkpoint(args.model)
    answers = answer_corpus(checkpoint, corpus, args.split, progress(say("decoded")))
    if args.answers:
        write_answers(args.answers, checkpoint, corpus, answers)
    scores = score_answers(checkpoint, corpus, args.split, answers)
    for problem in scores["errors"]:
        log_line(say("emo: {problem}", problem=problem))
    task = checkpoint.task
    lines = [task.summary(scores), *coverage_lines(scores)]
    lines += [
        say(
            "  {name}: {main} {score} (n = {count})",
            name=name,
            main=say_name(task.main),
            score=in_text(part[task.main]),
            count=part["n"],
        )
        for name, part in scores["per_regime"].items()
    ]
    found, more = _references(args.corpus, args.data, args.model, args.split)
    scores |= {"references": found} if found else {}
    print_result(args, scores, say_list([*lines, *more], "\n"))
    return SOME_FAILED if scores["errors"] else DONE


def run_compare(args: argparse.Namespace) -> int:
    from emo_core.checkpoint import load_checkpoint
    from emo_core.comparison import compare, comparison_lines
    from emo_core.corpora import read_corpus
    from emo_core.data.corpus import refuse_leaks

    corpus = refuse_leaks(read_corpus(args.corpus, args.data))
    a, b = load_checkpoint(args.a), load_checkpoint(args.b)
    result = compare(a, b, corpus, args.split, progress(say("decoded")))
    for problem in result["errors"]:
        log_line(say("emo: {problem}", problem=problem))
    print_result(args, result, say_list(comparison_lines(result), "\n"))
    return SOME_FAILED if result["errors"] else DONE


def print_card(args: argparse.Namespace) -> int:
    from emo_core.checkpoint import CARD, find_checkpoint

    text = (find_checkpoint(args.model) / CARD).read_text(encoding="utf-8")
    print_result(args, {"model": str(args.model), "card": text}, text)
    return DONE


def list_models() -> dict:
    """Every model in every size with its parameter counts; licences of the checkpoints."""
    import torch

    from emo_core.checkpoint import load_checkpoint, shipped_checkpoints
    from emo_core.licences import licence_expression
    from emo_core.models import MODELS

    rows = []
    for name, (model_class, _, sizes) in MODELS.items():
        for size, settings in sizes.items():
            with torch.device("meta"):
                model = model_class(settings)
            parts = {
                part: sum(p.numel() for p in child.parameters())
                for part, child in model.named_children()
            }
            total = sum(p.numel() for p in model.parameters())
            rows.append({"name": name, "size": size, "parameters": total, "parts": parts})
    names = shipped_checkpoints()
    licences = {name: licence_expression(load_checkpoint(name)) for name in names}
    return {"models": rows, "checkpoints": names, "licences": licences}


def list_recipes() -> dict:
    """Every recipe with what its docstring says."""
    from emo_core.training.recipes import RECIPES

    return {
        "recipes": [
            {"name": name, "about": " ".join((make.__doc__ or "").split())}
            for name, make in RECIPES.items()
        ]
    }


def list_corpora() -> dict:
    """Names that --corpus takes, with what they are."""
    from emo_core.corpora import CORPORA

    rows = [{"name": reader.name, "about": reader.about} for reader in CORPORA.values()]
    return {"corpora": rows}


def list_methods() -> dict:
    """Ways to explain, with what each is and what it costs of the shipped model."""
    from emo_core.attribution.methods import METHODS, cost
    from emo_core.attribution.types import PRESETS
    from emo_core.inference.predict import load_cached

    checkpoint = load_cached()
    return {
        "methods": [
            {
                "name": name,
                "about": method.about,
                "forward_passes": {preset: cost(name, preset, checkpoint) for preset in PRESETS},
            }
            for name, method in METHODS.items()
        ]
    }


def list_settings(recipe: str) -> dict:
    """Every setting that `--set` changes in a recipe, with its value and what it may be."""
    from emo_core.training.recipes import find_recipe
    from emo_core.training.settings import setting_rows

    return {"recipe": recipe, "settings": setting_rows(find_recipe(recipe))}


LISTS = {
    "models": list_models,
    "recipes": list_recipes,
    "corpora": list_corpora,
    "methods": list_methods,
}


def _cell(column: str, value: Any) -> str:
    """One value of a list, for people: what it is in their language, names as they are typed."""
    from emo_core.training.settings import in_set

    if column in ("about", "expected"):
        return value if isinstance(value, Message) else say_name(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return in_set(value)


def list_things(args: argparse.Namespace) -> int:
    if (args.what == "settings") != (args.recipe is not None):
        raise UsageError(
            "`emo list settings` needs a recipe, such as `emo list settings people`; other lists "
            "take none."
        )
    result = list_settings(args.recipe) if args.recipe else LISTS[args.what]()
    lines = [say_list((_cell(*cell) for cell in row.items()), "  ") for row in result[args.what]]
    lines += [say_name(f"{name}  {one}") for name, one in result.get("licences", {}).items()]
    print_result(args, result, say_list(lines, "\n"))
    return DONE
