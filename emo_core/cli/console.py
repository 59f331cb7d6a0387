"""What the `emo` command says: results on standard output, everything else on standard error."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

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


LOG_EVERY_S = 10.0  # of lines where there is no terminal


def throughput() -> Callable[[int, int, int], None]:
    """Rows written and clips a second on standard error: a line that is rewritten, or lines."""
    started, last, first = time.monotonic(), time.monotonic() - LOG_EVERY_S, None

    def show(done: int, total: int, failed: int) -> None:
        nonlocal started, last, first
        now = time.monotonic()
        if first is None:  # what was there before, and how long it takes to start, are no speed
            first, started = done, now
        rate = (done - first) / (now - started) if now > started else 0.0
        text = f"{done}/{total} clips, {failed} with an error"
        text += f", {rate:.3g} clips/s" if rate else ""
        if sys.stderr.isatty():
            _rewrite(CLEAR + text + ("\n" if done == total else ""))
        elif now - last >= LOG_EVERY_S or done == total:
            last = now
            log_line(text)

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
