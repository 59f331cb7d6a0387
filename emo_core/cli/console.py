"""What the `emo` command says: results on standard output, everything else on standard error."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from emo_core.errors import EmoError
from emo_core.messages import ENGLISH, in_language, languages, say, say_list, say_name, say_or

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction


class LanguageError(EmoError):
    """A language that the command does not speak."""


CLEAR = "\r\x1b[K"  # to the start of a terminal's line, and what stands there is gone


def language() -> str:
    """The language of what `emo` says, by EMO_LANG. Raises LanguageError for one it lacks."""
    said = os.environ.get("EMO_LANG", "").strip()
    known = languages()
    if said and said not in known:
        raise LanguageError(
            "EMO_LANG is {said!r}; expected {known}; set it to one of them, or leave it unset.",
            said=said[:20],
            known=say_or(known),
        )
    return said or ENGLISH


def as_said(text: str) -> str:
    """A sentence in the language of the command; in English where EMO_LANG is not known."""
    try:
        return in_language(text, language())
    except LanguageError:
        return text


def print_line(text: str) -> None:
    """A result, or a part of one, on a line."""
    print(as_said(text), flush=True)


def log_line(text: str) -> None:
    """A line for the person who runs the command; on a terminal it replaces a progress line."""
    with suppress(OSError, ValueError, AttributeError):  # closed or full: the work goes on
        print(f"{CLEAR if sys.stderr.isatty() else ''}{as_said(text)}", file=sys.stderr, flush=True)


def show_steps(what: str, done: int, total: int) -> None:
    """The progress line of an epoch: rewritten on a terminal, silent elsewhere."""
    step = say("{what}: step {number}/{total}", what=what, number=done + 1, total=total)
    _rewrite(f"{CLEAR}{as_said(step)}")


def progress(what: str) -> Callable[[int, int], None]:
    """A progress line on standard error: rewritten on a terminal, silent elsewhere."""

    def show(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        _rewrite(f"\r{as_said(what)} {done}/{total}{end}")

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
        text: str = say(
            "{done}/{total} clips, {failed} with an error", done=done, total=total, failed=failed
        )
        if rate:
            text = say("{text}, {rate:.3g} clips/s", text=text, rate=rate)
        if sys.stderr.isatty():
            _rewrite(CLEAR + as_said(text) + ("\n" if done == total else ""))
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
    print(json.dumps(result, allow_nan=False) if args.json else as_said(text), flush=True)


def short_answer(answer: "Prediction") -> str:
    """An answer in a few words."""
    if answer.nobody:
        return say("nobody to read: {why:inner}", why=answer.nobody)
    if answer.values is not None:
        return say_list(
            say("{name} {value:+.2f}", name=say_name(name), value=value)
            for name, value in answer.values.items()
        )
    best = _with_share(answer, answer.best_label)
    if answer.present is not None:
        found = [_with_share(answer, name) for name in answer.present]
        if not answer.abstains:
            none = say("none of {labels}", labels=say_list(map(say_name, answer.labels)))
            return say_list(found) if found else none
    return say("not sure (closest: {best})", best=best) if answer.abstains else best


def _with_share(answer: "Prediction", label: str) -> str:
    return say("{label} {share:.2f}", label=say_name(label), share=answer.probabilities[label])
