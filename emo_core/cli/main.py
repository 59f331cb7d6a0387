"""The `emo` command: its words, and how it ends. Needs no torch."""

import argparse
import os
import re
import signal
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emo_core.cli import commands
from emo_core.cli.commands import NOTHING, UsageError
from emo_core.cli.console import as_said, language, log_line
from emo_core.errors import failure_sentence
from emo_core.messages import Message, say, say_name
from emo_core.schema import (
    DEFAULT_CORPUS,
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    DEFAULT_PRESET,
    METHOD_NAMES,
    PRESET_NAMES,
)


def seed(text: str) -> int:
    """A number that every generator of random numbers takes."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(
            as_said(
                say(
                    "{text} is no seed; expected a whole number from 0 to {most}",
                    text=text,
                    most=2**32 - 1,
                )
            )
        )
    return int(text)


DASHED_FILE = re.compile(r"-[^=/]*\.[A-Za-z]\w{1,4}")  # -x.mp4, but no number and no --out=x.html


class Help(argparse.HelpFormatter):
    """Help in the language of the command; names and values stay as they are typed."""

    def start_section(self, heading: str | None) -> None:
        super().start_section(as_said(say_name(heading or "")))

    def add_text(self, text: str | None) -> None:
        super().add_text(as_said(text) if text else text)

    def add_usage(self, usage, actions, groups, prefix=None) -> None:
        said = as_said(say("usage: ")) if prefix is None else prefix  # "" before a subcommand's
        super().add_usage(usage, actions, groups, said)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        said = action.help
        return as_said(said if isinstance(said, Message) else say_name(said)) if said else said


class Parser(argparse.ArgumentParser):
    """Wrong words end in one line and exit code 2, like every other error."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": Help, **settings})

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError("{message}; see `{prog} --help`.", message=message, prog=self.prog)


def refuse_dashed_files(words: Sequence[str]) -> None:
    """Raise UsageError for the name of a file that begins with a dash, as an option does."""
    for word in words:
        if word == "--":
            return
        if DASHED_FILE.fullmatch(word):
            raise UsageError(
                "{word} begins with a dash, so it reads as an option; expected the name of a "
                "file; write ./{word}.",
                word=word,
            )


def build_parser() -> Parser:
    """The command's words; needs no torch."""
    parser = Parser(
        prog="emo",
        description=say("Which mood people in a clip show, by picture and sound, and why."),
    )
    parser.add_argument("--debug", action="store_true", help=say("show tracebacks"))
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help=say("print one JSON object"))
    shared.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=say("show tracebacks")
    )
    words = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable, text: str, into=words) -> argparse.ArgumentParser:
        made = into.add_parser(name, help=text, description=text, parents=[shared])
        made.set_defaults(run=run)
        return made

    one = command("predict", commands.run_predict, say("say which mood clips show"))
    one.add_argument(
        "clips",
        nargs="*",
        metavar="CLIP",
        help=say("video or sound files, folders, quoted patterns"),
    )
    one.add_argument(
        "--names",
        metavar="FILE",
        help=say("a file with a name in each line; - for standard input"),
    )
    one.add_argument(
        "--jsonl", action="store_true", help=say("print a JSON line a clip, as it is done")
    )
    _add_model_arguments(one)
    _add_max_windows(one)
    _add_runtime(one)

    about = say("answer any number of clips: one Parquet row each")
    _add_batch_arguments(command("batch", commands.run_batch, about))
    _add_export_arguments(
        command("export", commands.run_export, say("write a model as an ONNX file"))
    )

    about = say("say why: write a report with map, checks and what-ifs into a folder")
    _add_explain_arguments(command("explain", commands.run_explain, about))

    data = words.add_parser(
        "data", help=say("make, get, fetch, check or describe a corpus")
    ).add_subparsers(dest="action", required=True, metavar="make|get|fetch|check|template")
    _add_data_commands(lambda name, run, text: command(name, run, text, data))
    _add_training_commands(command)

    one = command("list", commands.list_things, say("list what there is to choose from"))
    one.add_argument("what", choices=["models", "recipes", "corpora", "methods", "settings"])
    one.add_argument("recipe", nargs="?", metavar="RECIPE", help=say("whose settings to list"))
    one = command("card", commands.print_card, say("print the model card of a model"))
    one.add_argument("model", metavar="RUN|NAME", help=MODEL)
    return parser


MODEL = say("a shipped model's name, or a folder")
CORPUS = say("what the folder holds, see `emo list corpora`")


def _add_model_arguments(one: argparse.ArgumentParser) -> None:
    about = say("{model} (default {usual})", model=MODEL, usual=DEFAULT_MODEL)
    one.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|DIR", help=about)
    one.add_argument("--text", metavar="WORDS", help=say("what is said in the clip"))


def _add_batch_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "clips",
        nargs="*",
        metavar="PATH",
        help=say("files, folders, quoted patterns, addresses, or tables with a column named clip"),
    )
    one.add_argument(
        "--names", metavar="FILE", help=say("a file with a name in each line; - for standard input")
    )
    one.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=say("folder for the rows")
    )
    about = say("{model} (default {usual})", model=MODEL, usual=DEFAULT_MODEL)
    one.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|DIR", help=about)
    one.add_argument("--local", action="store_true", help=say("without Ray, on this machine"))
    one.add_argument("--resume", action="store_true", help=say("go on with what is in --out"))
    about = say("processes of one thread each (default one a processor)")
    one.add_argument("--workers", type=int, metavar="N", help=about)
    about = say("say why as well, as finely as one of {presets}", presets=", ".join(PRESET_NAMES))
    one.add_argument("--explain", choices=PRESET_NAMES, metavar="PRESET", help=about)
    about = say("how --explain does it (default {usual})", usual=DEFAULT_METHOD)
    one.add_argument("--method", choices=METHOD_NAMES, default=DEFAULT_METHOD, help=about)
    one.add_argument(
        "--features", action="store_true", help=say("keep what the towers saw as well")
    )
    _add_max_windows(one)


def _add_max_windows(one: argparse.ArgumentParser) -> None:
    about = say("parts of a clip read at most (default 24)")
    one.add_argument("--max-windows", type=int, default=24, metavar="N", help=about)


def _add_runtime(one: argparse.ArgumentParser) -> None:
    about = say("what computes the model (default torch; onnx for a file of `emo export`)")
    one.add_argument("--runtime", choices=["torch", "onnx"], help=about)


def _add_export_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("model", metavar="RUN|NAME", help=MODEL)
    one.add_argument("out", type=Path, metavar="OUT.onnx", help=say("file to write"))
    one.add_argument("--overwrite", action="store_true", help=say("replace a file that is there"))


def _add_corpus_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--data", type=Path, required=True, metavar="ROOT", help=say("folder of a corpus")
    )
    about = say("{corpus} (default {usual})", corpus=CORPUS, usual=DEFAULT_CORPUS)
    one.add_argument("--corpus", default=DEFAULT_CORPUS, metavar="NAME", help=about)


def _add_training_commands(
    command: Callable[[str, Callable, str], argparse.ArgumentParser],
) -> None:
    one = command("train", commands.run_train, say("train a model by a recipe"))
    _add_recipe_arguments(one)
    one.add_argument("--out", type=Path, metavar="RUN", help=say("folder (default runs/RECIPE)"))
    one.add_argument("--resume", action="store_true", help=say("go on with a run that was stopped"))
    about = say("keep what a recipe's fixed backbones see of a corpus, for quick training")
    _add_recipe_arguments(command("features", commands.run_features, about))

    one = command("evaluate", commands.run_evaluate, say("score a model on one split of a corpus"))
    one.add_argument("model", metavar="RUN|NAME", help=MODEL)
    _add_corpus_arguments(one)
    one.add_argument(
        "--split", choices=["val", "test"], required=True, help=say("part of the corpus")
    )
    one.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help=say("also write a table (CSV) with a row a clip: label, answer, right or wrong"),
    )

    one = command("compare", commands.run_compare, say("say which of two models is better"))
    one.add_argument("a", metavar="A", help=MODEL)
    one.add_argument("b", metavar="B", help=MODEL)
    _add_corpus_arguments(one)
    one.add_argument(
        "--split",
        choices=["val", "test"],
        default="test",
        help=say("part of the corpus (default test)"),
    )


def _add_recipe_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("recipe", help=say("see `emo list recipes`"))
    one.add_argument(
        "--data", type=Path, required=True, metavar="ROOT", help=say("folder of a corpus")
    )
    one.add_argument("--corpus", metavar="NAME", help=say("another corpus than the recipe's"))
    one.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="key=value",
        help=say("change a setting of the recipe, see `emo list settings`; may be repeated"),
    )
    one.add_argument("--seed", type=seed, default=0, help=SEED)


SEED = say("start of the random numbers (default 0)")


def _add_data_commands(
    command: Callable[[str, Callable, str], argparse.ArgumentParser],
) -> None:
    made = say("draw a corpus, or put one together from faces and voices")
    _add_make_arguments(command("make", commands.data_make, made))
    one = command("get", commands.data_get, say("fetch an open corpus from its publisher"))
    one.add_argument("corpus", metavar="cremad|ravdess")
    one.add_argument("dest", type=Path, metavar="DEST", help=say("folder to put it in"))
    one.add_argument("--part", metavar="speech|song", help=say("of ravdess: only this part"))
    one.add_argument(
        "--accept-licence",
        action="store_true",
        help=say("say that you have read its licence and agree"),
    )
    one = command("fetch", commands.data_fetch, say("download the clips that a table names"))
    one.add_argument("table", type=Path, metavar="LINKS.csv", help=say("table of addresses"))
    one.add_argument("out", type=Path, metavar="OUT", help=say("folder to put them in"))
    one = command(
        "check",
        commands.data_check,
        say("check a corpus: count and decode its clips, look for leaks"),
    )
    one.add_argument("root", type=Path, metavar="ROOT", help=say("folder of the corpus"))
    one.add_argument("--corpus", default=DEFAULT_CORPUS, metavar="NAME", help=CORPUS)
    one = command(
        "template",
        commands.data_template,
        say("write a DATA.md with the questions that a model card answers"),
    )
    one.add_argument("root", type=Path, metavar="ROOT", help=say("folder of the corpus"))
    one.add_argument("--corpus", default=DEFAULT_CORPUS, metavar="NAME", help=CORPUS)


def _add_make_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("corpus", choices=["staged", "collage", "utterances"])
    one.add_argument("out", type=Path, metavar="OUT", help=say("new or empty folder"))
    one.add_argument(
        "--sources", type=Path, metavar="DIR", help=say("folder of faces and voices to use")
    )
    for name, count in (("train", 2000), ("val", 400), ("test", 400)):
        about = say("clips for {name} (default {count})", name=name, count=count)
        one.add_argument(f"--{name}", type=int, default=count, metavar="N", help=about)
    one.add_argument("--seed", type=seed, default=0, help=SEED)
    one.add_argument("--workers", type=int, metavar="N", help=say("how many processes make clips"))


def _add_explain_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("clip", metavar="CLIP", help=say("a video or sound file"))
    one.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=say("folder of the report")
    )
    about = say("see `emo list methods` (default {usual})", usual=DEFAULT_METHOD)
    one.add_argument("--method", default=DEFAULT_METHOD, metavar="M", help=about)
    about = say("how closely to look (default {usual})", usual=DEFAULT_PRESET)
    presets = "fast|standard|thorough"
    one.add_argument("--preset", default=DEFAULT_PRESET, metavar=presets, help=about)
    one.add_argument(
        "--target", metavar="L", help=say("label to explain (default the predicted one)")
    )
    one.add_argument(
        "--at", type=float, metavar="SECONDS", help=say("explain the answer at this time")
    )
    one.add_argument(
        "--window", type=int, metavar="N", help=say("window to explain, counted from 0")
    )
    about = say("what stands in for a hidden part of the picture (default blur)")
    one.add_argument("--baseline", default="blur", metavar="blur|mean", help=about)
    one.add_argument("--seed", type=seed, default=0, help=SEED)
    one.add_argument("--no-checks", action="store_true", help=say("skip the checks, to save time"))
    _add_model_arguments(one)


def log_error(text: str) -> None:
    """Says why a command ends, once: of several processes the first that gets here says it."""
    ranks = sys.modules.get("emo_core.distributed")
    if ranks is None or ranks.is_main_process():
        log_line(say("emo: {text}", text=text))


def escape_output() -> None:
    """Letters that the terminal's encoding does not have are spelled, and end no batch."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def open_closed_streams() -> None:
    """Lead closed standard streams nowhere; else the next file that is opened would take them."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  # until the process ends


STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PROBE_S, LOST_PROBES = 0.25, 8  # seconds between probes whether a request got lost; probes in a row
TWICE_S = 5.0  # a shell and the system both say that a terminal closed: heard once


class StopRequest:
    """Ctrl-C, SIGTERM or a closed terminal, raised as KeyboardInterrupt in the main thread."""

    def __init__(self) -> None:
        self.heard: int | None = None  # the signal
        self.heard_at = 0.0
        self.arrived = False  # where the work ends: nothing is left to be stopped

    def hear(self, number: int, _: Any) -> None:
        """Raise KeyboardInterrupt; only Ctrl-C cuts short the tidying up after an earlier one."""
        now = time.monotonic()
        if self.arrived or self.heard and number != signal.SIGINT and now - self.heard_at < TWICE_S:
            return
        self.heard, self.heard_at = number, now
        start_new_thread(self._insist, (number, now))  # takes no lock that this may hold already
        raise KeyboardInterrupt

    def _insist(self, number: int, heard_at: float) -> None:
        """Make a request once more that got lost: code of a library caught it and went on.

        While what it ends is tidied up, the exception is still being handled.
        """
        probes = 0  # in a row at which nothing was being handled
        while probes < LOST_PROBES:
            time.sleep(PROBE_S)
            if self.arrived or self.heard_at != heard_at:
                return
            probes = 0 if _handles_interrupt() else probes + 1
        self.heard_at -= TWICE_S
        os.kill(os.getpid(), number)

    def hear_again(self, otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """What Python calls where a finaliser raised: that a request got lost there, or another.

        A finaliser can end nothing, so the request is made once more.
        """

        def lost(unraisable: Any) -> None:
            if self.heard and isinstance(unraisable.exc_value, KeyboardInterrupt):
                self.heard_at -= TWICE_S
                threading.Timer(0.05, os.kill, (os.getpid(), self.heard)).start()
            else:
                otherwise(unraisable)

        return lost


def _handles_interrupt() -> bool:
    """Whether the main thread handles a KeyboardInterrupt, or an error that came of one."""
    found: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error = found[1] if isinstance(found, tuple) else found  # Python 3.11 has all of exc_info
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextmanager
def stop_kindly(until_exit: bool) -> Iterator[StopRequest]:
    """Every request to stop ends the work as Ctrl-C does, and none of them what is done already.

    until_exit: whether this process ends afterwards, which nothing then interrupts. Requests that
    this process was told to ignore, as by `nohup`, or that have a handler, stay as they are.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {n: signal.getsignal(n) for n in STOPS if signal.getsignal(n) in usual}
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = request.hear_again(hook)
        for number in before:
            signal.signal(number, request.hear)
        yield request
    finally:
        request.arrived = True
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if until_exit else handler)
        sys.unraisablehook = hook


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. argv: of a program that goes on afterwards."""
    debug = "--debug" in (argv if argv is not None else sys.argv)
    open_closed_streams()
    escape_output()
    with stop_kindly(until_exit=argv is None) as request:
        try:
            language()
            refuse_dashed_files(sys.argv[1:] if argv is None else argv)
            args = build_parser().parse_args(argv)
            return args.run(args)
        except KeyboardInterrupt:
            request.arrived = True
            log_error(say("stopped."))
            # Where the interrupt passed through the exec of a string, as in many an import,
            # `python -m` would end by SIGINT although it was caught; another exec forgets that.
            exec("")
        except BrokenPipeError:
            sys.stderr.close()
        except Exception as error:
            if debug:
                raise
            log_error(say("stopped.") if request.heard else failure_sentence(error))
        return NOTHING
