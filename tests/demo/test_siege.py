"""A real page holds while one address attacks it: the honest visitor beside it is the measure.

Localhost only; every attack ends by itself or when told to. Run with -m slow -s to see the table.
"""

import threading

import psutil
import pytest

from tests.support.predictions import write_clip
from tests.support.serving import served
from tests.support.siege import ATTACKER, MARGIN_S, Attack, Siege, Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def siege(tmp_path_factory, request):
    """A page with the limits it ships with, warm; prints the table of all attacks at the end."""
    home = tmp_path_factory.mktemp("home")
    clip = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0).read_bytes()
    shipped = {"EMO_JOBS_A_MINUTE": "30", "EMO_JOBS_OF_ADDRESS": "240"}
    with served(home, **shipped) as (url, process):
        siege = Siege(url, psutil.Process(process.pid), home, clip)
        visitor = Visitor(url)
        visitor.ask(clip)  # the model is loaded, and every library warm
        visitor.leave()
        yield siege
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{siege.table()}")


def flood_with_first_answers(siege: Siege, stop: threading.Event) -> str:
    """Sessions without end, each with jobs of fresh clips, nothing of which is waited for."""
    taken = refused = 0
    while not stop.is_set() and taken + refused < 2000:
        visitor = Visitor(siege.url, ATTACKER, heartbeat=False)
        path = visitor.upload(siege.fresh())
        clip = {"path": path, "meta": {"_type": "gradio.FileData"}}
        for _ in range(8):
            if visitor.join("predict", clip=clip).is_success:
                taken += 1
            else:
                refused += 1
        visitor.leave()
    return f"{taken} jobs taken, {refused} refused"


ATTACKS = [
    Attack("first answers from ever new sessions, nothing waited for", flood_with_first_answers),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_honest_visitor_waits_at_most_twice_as_long(siege, attack):
    before, during = siege.withstand(attack)
    assert during <= 2 * before + MARGIN_S
