"""The page's answer against its own echo by size of the clip, its weight, and what its doors cost.

    python -m benchmarks page [--rounds N]

Echo: on a fresh page a clip without the consent tick goes the same way as any, from the file's
choice in the browser over the upload to the question that is then shown, and nothing looks into
it. Answer: another file of the same clip, once the tick is there. Map: from the answer to its
map. Every file has bytes of its own, so nothing is remembered. Weight: what a browser has
received before it is given a clip. Doors: first answers by plain HTTP of two pages in turn, one
of them without the gate, the uploads' own road and the queue; also by their processes' processor
time. Also said: seconds from `python demo/app.py` until the page answers.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from benchmarks.common import median_ms, report
from tests.support.browser import QUIET
from tests.support.predictions import write_people_clip
from tests.support.serving import served
from tests.support.siege import Siege, Visitor

SIZES = {360: ((640, 360), 4.0), 1080: ((1920, 1080), 7.0)}  # lines: size, most of answer ÷ echo
MOST_BYTES = 1_000_000
MOST_COST = 1.05
MOST_START_S = 15.0
WEIGHT = """() => performance.getEntries().filter((it) => it.transferSize)
  .reduce((sum, it) => sum + it.transferSize, 0)"""
OPEN_DOORS = """
from gradio.routes import App
from demo import job_queue
from demo.doors import connections, page_app
page_app.PageApp.build_middleware_stack = App.build_middleware_stack
make = page_app.PageApp.__init__
def init(self, *given):
    make(self, *given)
    self.router.routes[:] = [it for it in self.router.routes if it.path != "/gradio_api/upload"]
page_app.PageApp.__init__ = init
def join(self, work, address, visit, lane=0, heavy=False):
    job = job_queue.Job(self, work, (address, visit), lane, heavy)
    job.pause = lambda: None
    def run():
        try:
            job.future.set_result(work(job))
        except BaseException as error:
            job.future.set_exception(error)
    self.pool.submit(run)
    return job
job_queue.JobQueue.join = join
"""


def make_people(path: Path, size: tuple[int, int], seconds: float = 5.0, fps: int = 25) -> Path:
    """A clip of drawn people of a size, 25 frames a second, H.264 and AAC."""
    import av

    with av.open(str(write_people_clip(path.with_stem("small"), seconds))) as small:
        frames = list(small.decode(video=0))
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "23"}
        sound = out.add_stream("aac", rate=44_100, layout="mono")
        for number in range(round(seconds * fps)):
            frame = frames[number * len(frames) // round(seconds * fps)].reformat(*size, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        wave = 0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 44_100)) / 44_100)
        tone = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", layout="mono")
        tone.rate = 44_100
        out.mux(sound.encode(tone))
        out.mux(sound.encode(None))
    return path


WATCH = """(shows) => {
  window.began = window.ended = null;
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") window.began = performance.now();
  }, {capture: true, once: true});
  const look = () => {
    if (window.ended === null && document.querySelector(shows)) window.ended = performance.now();
  };
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
}"""
NO_MAP = "!document.querySelector('#player .player-of').textContent.includes('Map of')"
SHOWS = {"echo": "#answer .ask", "answer": "#answer .bars"}


def opened(browser, url: str):
    """A fresh page whose first example is explained."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    page.locator("#player .player-of", has_text="Map of").wait_for()
    return page


def weight(browser, url: str) -> int:
    """Bytes that the page sends before it is given a clip."""
    page = opened(browser, url)
    before, found = -1, 0
    while before != found:  # nothing more came for two seconds; the heartbeat's stream stays open
        page.wait_for_timeout(2000)
        before, found = found, int(page.evaluate(WEIGHT))
    page.close()
    return found


def shown_after(page, path: Path, what: str) -> float:
    """Seconds from choosing a file until its answer, or the question, is there."""
    page.evaluate("document.querySelector('#answer').querySelector('.bars')?.remove()")
    page.evaluate(WATCH, SHOWS[what])
    page.locator("#entry input[type=file]").set_input_files(str(path))
    page.wait_for_function("window.ended !== null")
    return page.evaluate("window.ended - window.began") / 1000


def one_visit(browser, url: str, paths: list[Path]) -> dict[str, float]:
    """Seconds of the echo of the first file, the answer to the second, and its map after that."""
    page = opened(browser, url)
    spent = {"echo": shown_after(page, paths[0], "echo")}
    page.locator("#consent input").check()
    page.locator("#answer .kicker", has_text=paths[0].name).wait_for()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    spent["answer"] = shown_after(page, paths[1], "answer")
    began = time.monotonic()
    page.wait_for_function(NO_MAP)  # of the first file
    page.locator("#player .player-of", has_text="Map of").wait_for()
    spent["map"] = time.monotonic() - began
    page.close()
    return spent


def against_echo(folder: Path, rounds: int) -> int:
    """Answer ÷ echo of each size, in turn, and the page's weight; returns an exit code."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    clips = {
        lines: make_people(folder / f"{lines}.mp4", size).read_bytes()
        for lines, (size, _) in SIZES.items()
    }
    spent: dict[tuple[int, str], list[float]] = {}
    started = time.monotonic()
    with served(folder) as (url, _), sync_playwright() as player:
        start_s = time.monotonic() - started
        browser = player.chromium.launch(executable_path=chromium, args=list(QUIET))
        size = weight(browser, url)
        for number in range(rounds + 1):
            for lines, clip in clips.items():
                paths = [folder / f"clip-{lines}-{number}-{which}.mp4" for which in (1, 2)]
                for path in paths:
                    path.write_bytes(clip + path.stem.encode())
                for what, took in one_visit(browser, url, paths).items():
                    if number:  # the first is to warm up
                        spent.setdefault((lines, what), []).append(took)
        browser.close()
    code = report("page start", start_s / MOST_START_S, 1.0, True, seconds=round(start_s, 1))
    code |= report("page weight", size / MOST_BYTES, 1.0, True, bytes=size)
    for lines, (_, bound) in SIZES.items():
        facts = {f"{what}_ms": median_ms(spent[lines, what]) for what in ("answer", "echo", "map")}
        ratio = facts["answer_ms"] / facts["echo_ms"]
        code |= report(f"answer / echo, {lines} lines", ratio, bound, True, **facts)
    return code


def cost_of_doors(folder: Path, rounds: int) -> int:
    """First answers with the doors ÷ without, asked in turn; returns an exit code."""
    clip = write_people_clip(folder / "two.mp4", 2.0).read_bytes()
    homes = [folder / "closed", folder / "open"]
    for home in homes:
        home.mkdir()
    with served(homes[0]) as closed, served(homes[1], before=OPEN_DOORS) as opened:
        pages = [
            Siege(url, psutil.Process(process.pid), home, clip)
            for (url, process), home in zip((closed, opened), homes, strict=True)
        ]
        visitors = [Visitor(page.url) for page in pages]
        spent: list[list[float]] = [[], []]
        for page, visitor in zip(pages, visitors, strict=True):
            page.first_answers_s(visitor, 5, pause_s=0)
        begun = [sum(page.process.cpu_times()[:2]) for page in pages]
        for _ in range(rounds):
            for page, visitor, times in zip(pages, visitors, spent, strict=True):
                times += page.first_answers_s(visitor, 1, pause_s=0)
        cpu_s = [
            sum(page.process.cpu_times()[:2]) - before
            for page, before in zip(pages, begun, strict=True)
        ]
        for visitor in visitors:
            visitor.leave()
    wall = [statistics.median(times) for times in spent]
    facts = {"closed_s": round(wall[0], 3), "open_s": round(wall[1], 3)}
    facts |= {"closed_cpu_s": round(cpu_s[0], 2), "open_cpu_s": round(cpu_s[1], 2)}
    return report("what the doors cost", wall[0] / wall[1], MOST_COST, True, **facts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        code = cost_of_doors(Path(name), 3 * rounds)
        return code | against_echo(Path(name), rounds)


if __name__ == "__main__":
    sys.exit(main())
