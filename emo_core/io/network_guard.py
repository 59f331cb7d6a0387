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

# https://www.iana.org/assignments/ipv6-address-space: only this is handed out as public; NAT64
# gives IPv4 a form in IPv6. Python 3.11 takes more of the rest for public: 64:ff9b:1::/48,
# fec0::/10, ::ffff:0:0:0/96 (translated IPv4), 5f00::/16 (segment routing).
GLOBAL_UNICAST, NAT64 = ipaddress.ip_network("2000::/3"), ipaddress.ip_network("64:ff9b::/96")
# https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry
SPECIAL = [
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4 by anycast
    ipaddress.ip_network("3fff::/20"),  # for documentation
]
ISATAP = {0x00005EFE, 0x02005EFE}  # RFC 5214: these 32 bits stand before an IPv4 address
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
    return all(map(_is_global, (address, *_inside(address))))


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address itself, whatever it stands for, is one of the open internet."""
    if not address.is_global or address.is_multicast:
        return False
    if address.version == 6 and not (address in GLOBAL_UNICAST or address in NAT64):
        return False
    return not any(address in network for network in SPECIAL)


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list:
    """The IPv4 addresses that an IPv6 address stands for."""
    if address.version == 4:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64 or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [a for a in found if a is not None]


def only_public(but: frozenset[Address] = frozenset()) -> None:
    """From now on this process reaches public addresses and `but`; it can't be undone."""

    def watch(event: str, args: tuple) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if args[1] is not None:  # sendmsg of a socket that was connected, and checked, before
                _check(args[1], but)
        elif event == "subprocess.Popen":
            words = [args[0], *(args[1] or ())]
            if any("://" in os.fsdecode(word) for word in words if word is not None):
                _refuse("a program that would fetch by itself")
        elif event in ("os.system", "os.exec", "os.posix_spawn"):
            _refuse("another program")

    sys.addaudithook(watch)


def _check(address: object, but: frozenset[Address]) -> None:
    host, port = address[:2] if isinstance(address, tuple) else (str(address), 0)
    if not is_public(str(host)) and (host, port) not in but:
        _refuse(str(host))


def _refuse(what: str) -> None:
    refused.append(what)
    raise ReachError("{what} is not a public address", what=what)


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
