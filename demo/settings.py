"""What this page allows, and what a person who runs it may switch; read once from EMO_…"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from emo_core.errors import EmoError

ON_SPACE = "SPACE_ID"  # Hugging Face sets it
SPACE_FRAMES = "'self' https://huggingface.co https://*.hf.space"  # where Spaces are shown
YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


class LimitError(EmoError):
    """A switch that can't be read; one sentence."""


class BusyError(EmoError):
    """More than a visitor may ask of this page, or leave on it; one sentence."""


@dataclass(frozen=True)
class Limits:
    """How much of what; times in seconds."""

    links: bool = True  # the tab that fetches a clip by its address
    mcp: bool = False  # tools for agents, beside the page
    behind_proxy: bool = False  # the visitor's address is what the nearest proxy says
    hosts: tuple[
        str, ...
    ] = ()  # more names of this page, beside localhost and addresses in figures
    any_host: bool = False  # a page on the open internet has no name to protect
    framed_by: str = "'self'"  # sources of frame-ancestors: pages that may show this one in theirs
    embeds: bool = False  # whether the host has listed such pages, so that the code is offered
    jobs_a_minute: int = 30  # of one visitor
    jobs_of_address: int = 240  # a minute: a class behind one router is many visitors
    connections_of_address: int = 300  # open at once: a browser has six, a class thirty browsers
    requests_a_second: int = 30  # of one address, to change or ask something; faster ones wait
    mb_of_visit: int = 100  # of files on disk
    mb_of_address: int = 1000
    mb_in_all: int = 2000
    mb_of_memory: int = 1000  # of all visitors' clips, and what was worked out about them
    claim_s: int = 300  # until a file goes that no visit has claimed
    waiting: int = 200  # jobs in the queue
    waiting_of_visit: int = 4  # one of them thorough
    waiting_of_address: int = 40
    keep_s: int = 2400  # of a visitor's files; with the sweep's 15 minutes, less than an hour
    sweep_s: int = 900


def read(settings: Mapping[str, str] = os.environ) -> Limits:
    """The limits that hold here. On a Space links are off unless switched on."""
    space = bool(settings.get(ON_SPACE))
    named = settings.get("EMO_HOSTS", settings.get("SPACE_HOST", "") if space else "")
    return Limits(
        links=_switch(settings, "EMO_LINKS", not space),
        mcp=_switch(settings, "EMO_MCP", False),
        behind_proxy=_switch(settings, "EMO_BEHIND_PROXY", space),
        hosts=tuple(named.replace(",", " ").split()),
        any_host=space and not settings.get("EMO_HOSTS"),
        framed_by=_sources(settings, "EMO_FRAMED_BY", SPACE_FRAMES if space else Limits.framed_by),
        embeds=bool(settings.get("EMO_FRAMED_BY", "").strip()),
        jobs_a_minute=_number(settings, "EMO_JOBS_A_MINUTE", Limits.jobs_a_minute),
        jobs_of_address=_number(settings, "EMO_JOBS_OF_ADDRESS", Limits.jobs_of_address),
        connections_of_address=_number(
            settings, "EMO_CONNECTIONS_OF_ADDRESS", Limits.connections_of_address
        ),
        requests_a_second=_number(settings, "EMO_REQUESTS_A_SECOND", Limits.requests_a_second),
        waiting_of_visit=_number(settings, "EMO_WAITING_OF_VISIT", Limits.waiting_of_visit),
        waiting_of_address=_number(settings, "EMO_WAITING_OF_ADDRESS", Limits.waiting_of_address),
        mb_of_visit=_number(settings, "EMO_MB_OF_VISIT", Limits.mb_of_visit),
        mb_of_address=_number(settings, "EMO_MB_OF_ADDRESS", Limits.mb_of_address),
        mb_of_memory=_number(settings, "EMO_MB_OF_MEMORY", Limits.mb_of_memory),
        mb_in_all=_number(settings, "EMO_MB_IN_ALL", Limits.mb_in_all),
    )


def _switch(settings: Mapping[str, str], name: str, usual: bool) -> bool:
    said = settings.get(name, "1" if usual else "0").strip().lower()
    if said not in YES | NO:
        raise LimitError("{name} is {said!r}; expected 1 or 0.", name=name, said=said)
    return said in YES


def _sources(settings: Mapping[str, str], name: str, usual: str) -> str:
    """Sources of a policy; a header takes no other letters."""
    said = " ".join(settings.get(name, "").split()) or usual
    if not re.fullmatch(r"[\w:/.*' -]+", said, re.A):
        raise LimitError(
            "{name} is {said!r}; expected sources such as https://example.org.",
            name=name,
            said=said[:80],
        )
    return said


def _number(settings: Mapping[str, str], name: str, usual: int) -> int:
    said = settings.get(name, str(usual))
    if not said.isdecimal() or not int(said):
        raise LimitError(
            "{name} is {said!r}; expected a whole number above 0.", name=name, said=said
        )
    return int(said)
