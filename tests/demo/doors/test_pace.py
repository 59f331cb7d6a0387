"""Requests of one address that come too fast wait; nobody else does, and nothing is refused."""

import asyncio

import pytest

from demo.doors import pace
from demo.doors.pace import BURST_S, KEPT, Pace

A_SECOND = 5


class Clock:
    """Time that goes on only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return Pace(A_SECOND, clock.now, clock.sleep)


def ask(kept, times, address="a"):
    for _ in range(times):
        asyncio.run(kept.wait(address))


def test_a_burst_comes_at_once_and_the_rest_at_its_pace(kept, clock):
    burst = round(BURST_S * A_SECOND)
    ask(kept, burst + 1)
    assert clock.now_s == 0
    ask(kept, 100)
    assert clock.now_s == pytest.approx(100 / A_SECOND)


def test_who_asks_slowly_never_waits(kept, clock):
    for _ in range(1000):
        ask(kept, 1)
        clock.now_s += 1 / A_SECOND
    assert clock.now_s == pytest.approx(1000 / A_SECOND)


def test_nobody_waits_for_another_address(kept, clock):
    ask(kept, 1000)
    before_s = clock.now_s
    ask(kept, 10, "b")
    assert clock.now_s == before_s


def test_a_rest_gives_the_burst_back(kept, clock):
    ask(kept, 1000)
    clock.now_s += BURST_S
    before_s = clock.now_s
    ask(kept, round(BURST_S * A_SECOND))
    assert clock.now_s == before_s


def test_addresses_that_rest_are_forgotten(kept, clock):
    for number in range(2 * KEPT):
        ask(kept, 1, str(number))
        clock.now_s += 1.0
    assert len(kept.due_s) <= KEPT + 1


def test_waiting_requests_of_one_address_go_on_in_order(monkeypatch):
    monkeypatch.setattr(pace, "BURST_S", 0.0)
    kept, order = Pace(1000), []

    async def one(number: int) -> None:
        await kept.wait("a")
        order.append(number)

    async def all_at_once() -> None:
        await asyncio.gather(*(one(number) for number in range(20)))

    asyncio.run(all_at_once())
    assert order == list(range(20))
