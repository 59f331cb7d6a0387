"""What the `emo` command says: results on standard output, everything else on standard error."""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from emo_core.errors import EmoError

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction

CLEAR = "\r\x1b[K"  # to the start of a terminal's line, and what stands there is gone


def log_line(text: str) -> None:
    """A line for the person who runs the command; on a terminal it replaces a progress line."""
    with suppress(OSError, ValueError, AttributeError):  # closed or full: the work goes on
        print(f"{CLEAR if sys.stderr.isatty() else ''}{text}", file=sys.stderr, flush=True)


def show_steps(what: str, done: int, total: int) -> None:
    """The progress line of an epoch: rewritten on a terminal, silent elsewhere."""
    _rewrite(f"{CLEAR}{what}: step {done + 1}/{total}")


def progress(what: str) -> Callable[[int, int], None]:
    """A progress line on standard error: rewritten on a terminal, silent elsewhere."""

    def show(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        _rewrite(f"\r{what} {done}/{total}{end}")

    return show


def _rewrite(text: str) -> None:
    """Text in place of a terminal's last line; nothing elsewhere."""
    with suppress(OSError, ValueError, AttributeError):  # closed: the work goes on
        if sys.stderr.isatty():
            print(text, end="", file=sys.stderr, flush=True)


def print_result(args: argparse.Namespace, result: dict, text: str) -> None:
    """One JSON object, or the same for people."""
    print(json.dumps(result, allow_nan=False) if args.json else text, flush=True)


def short_answer(answer: "Prediction") -> str:
    """An answer in a few words."""
    if answer.nobody:
        return f"nobody to read: {answer.nobody[0].lower()}{answer.nobody[1:].rstrip('.')}"
    if answer.values is not None:
        return ", ".join(f"{name} {value:+.2f}" for name, value in answer.values.items())
    best = f"{answer.label} {answer.probabilities[answer.best_label]:.2f}"
    if answer.present is not None:
        found = [f"{name} {answer.probabilities[name]:.2f}" for name in answer.present]
        if not answer.abstains:
            return ", ".join(found) or f"none of {', '.join(answer.labels)}"
    return f"not sure (closest: {best})" if answer.abstains else best


def failure_sentence(error: Exception) -> str:
    """Why a command ends, for people."""
    if isinstance(error, EmoError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}."
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"this should not happen ({what}); run again with --debug and report what it prints."
