"""Which addresses a process may reach: public ones only, at every redirect, manifest and segment.

Checked where Python connects, after the name was looked up, so that neither a redirect nor a name
that changes its address between two look-ups gets round it. What a child process would fetch by
itself (ffmpeg can) is refused before the child starts.
"""

import ipaddress
import os
import socket
import sys
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies

from emo_core.errors import EmoError

Address = tuple[str, int]
refused: list[str] = []  # what this process was kept from reaching


class ReachError(EmoError, OSError):
    """A connection that was not made."""


def is_public(host: str) -> bool:
    """Whether an address, in figures, is one of the open internet; a name is not."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return all(a.is_global and not a.is_multicast for a in (address, *_inside(address)))


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list:
    """The IPv4 addresses that an IPv6 address stands for."""
    if address.version == 4:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
        found.append(ipaddress.ip_address(int(address) & 0xFFFFFFFF))
    if int(address) >> 32 == 0:  # IPv4-compatible, ::a.b.c.d
        found.append(ipaddress.ip_address(int(address)))
    return [a for a in found if a is not None]


def only_public(but: frozenset[Address] = frozenset()) -> None:
    """From now on this process reaches public addresses and `but`; it can't be undone."""

    def watch(event: str, args: tuple) -> None:
        if event in ("socket.connect", "socket.sendto"):
            _check(args[1], but)
        elif event == "subprocess.Popen":
            words = [args[0], *(args[1] or ())]
            if any("://" in os.fsdecode(word) for word in words if word is not None):
                _refuse("a program that would fetch by itself")
        elif event in ("os.system", "os.exec"):
            _refuse("another program")

    sys.addaudithook(watch)


def _check(address: object, but: frozenset[Address]) -> None:
    host, port = address[:2] if isinstance(address, tuple) else (str(address), 0)
    if not is_public(str(host)) and (host, port) not in but:
        _refuse(str(host))


def _refuse(what: str) -> None:
    refused.append(what)
    raise ReachError(f"{what} is not a public address")


def proxies() -> frozenset[Address]:
    """Addresses of the proxies that this machine is set up with; they then decide what passes."""
    found: set[Address] = set()
    for url in getproxies().values():
        with suppress(OSError, ValueError):
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or {"https": 443}.get(parts.scheme, 80)
            for info in socket.getaddrinfo(parts.hostname, port):
                host, number = info[4][:2]
                found.add((str(host), int(number)))
    return frozenset(found)
