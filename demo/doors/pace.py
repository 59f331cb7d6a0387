"""How fast the requests of one address are taken: what comes faster waits, and is not refused.

A request costs the page some milliseconds of the thread that serves everybody, whatever becomes of
it. The bound on open connections bounds how many wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

BURST_S = 10.0  # of requests at the full pace that may come at once
KEPT = 1000  # addresses, before those that are not behind are forgotten


class Pace:
    """The generic cell rate algorithm (ITU-T I.371), by address; for the server's thread only."""

    def __init__(
        self,
        a_second: int,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.every_s, self.now, self.sleep = 1 / a_second, now, sleep
        self.due_s: dict[str, float] = {}  # when the next request of an address is expected

    async def wait(self, address: str) -> None:
        """Return when it is this request's turn."""
        now_s = self.now()
        if len(self.due_s) > KEPT:
            self.due_s = {key: due_s for key, due_s in self.due_s.items() if due_s > now_s}
        due_s = max(self.due_s.get(address, now_s), now_s)
        self.due_s[address] = due_s + self.every_s
        if due_s - now_s > BURST_S:
            await self.sleep(due_s - now_s - BURST_S)
