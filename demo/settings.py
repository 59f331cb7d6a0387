"""What this page allows, and what a person who runs it may switch; read once from EMO_…"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from emo_core.errors import EmoError

ON_SPACE = "SPACE_ID"  # Hugging Face sets it
YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


class LimitError(EmoError):
    """A switch that can't be read; one sentence."""


@dataclass(frozen=True)
class Limits:
    """How much of what; times in seconds."""

    links: bool = True  # the tab that fetches a clip by its address
    mcp: bool = False  # tools for agents, beside the page
    behind_proxy: bool = False  # the visitor's address is what the nearest proxy says
    jobs_a_minute: int = 30  # of one visitor
    jobs_of_address: int = 240  # a minute: a class behind one router is many visitors
    waiting: int = 200  # jobs in the queue
    waiting_of_visit: int = 4  # one of them thorough
    waiting_of_address: int = 40
    keep_s: int = 2400  # of a visitor's files; with the sweep's 15 minutes, less than an hour
    sweep_s: int = 900


def read(settings: Mapping[str, str] = os.environ) -> Limits:
    """The limits that hold here. On a Space links are off unless switched on."""
    space = bool(settings.get(ON_SPACE))
    return Limits(
        links=_switch(settings, "EMO_LINKS", not space),
        mcp=_switch(settings, "EMO_MCP", False),
        behind_proxy=space,
        jobs_a_minute=_number(settings, "EMO_JOBS_A_MINUTE", Limits.jobs_a_minute),
        jobs_of_address=_number(settings, "EMO_JOBS_OF_ADDRESS", Limits.jobs_of_address),
        waiting_of_visit=_number(settings, "EMO_WAITING_OF_VISIT", Limits.waiting_of_visit),
        waiting_of_address=_number(settings, "EMO_WAITING_OF_ADDRESS", Limits.waiting_of_address),
    )


def _switch(settings: Mapping[str, str], name: str, usual: bool) -> bool:
    said = settings.get(name, "1" if usual else "0").strip().lower()
    if said not in YES | NO:
        raise LimitError(f"{name} is {said!r}; expected 1 or 0.")
    return said in YES


def _number(settings: Mapping[str, str], name: str, usual: int) -> int:
    said = settings.get(name, str(usual))
    if not said.isdecimal() or not int(said):
        raise LimitError(f"{name} is {said!r}; expected a whole number above 0.")
    return int(said)
