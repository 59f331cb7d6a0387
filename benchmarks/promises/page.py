"""The page's answer against its own echo by size of the clip, its weight, and what its doors cost.

    python -m benchmarks page [--rounds N]

Echo: as in `app`, a clip without the consent tick. Weight: what a browser has received before it is
given a clip. Doors: first answers by plain HTTP of two pages in turn, one of them without the gate,
the uploads' own road and the queue; also by their processes' processor time.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from benchmarks.common import median_ms, report
from benchmarks.promises.app import shown_after
from tests.support.predictions import write_people_clip
from tests.support.serving import served
from tests.support.siege import Siege, Visitor

SIZES = {360: ((640, 360), 4.0), 1080: ((1920, 1080), 7.0)}  # lines: size, most of answer ÷ echo
MOST_BYTES = 1_000_000
MOST_COST = 1.05
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
            frame.pts = None
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        wave = 0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 44_100)) / 44_100)
        tone = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", layout="mono")
        tone.rate = 44_100
        out.mux(sound.encode(tone))
        out.mux(sound.encode(None))
    return path


def weight(browser, url: str) -> int:
    """Bytes that the page sends before it is given a clip."""
    page = browser.new_page()
    page.goto(url)
    page.get_by_text("No clip yet").wait_for()
    before, found = -1, 0
    while before != found:  # nothing more came for two seconds; the heartbeat's stream stays open
        page.wait_for_timeout(2000)
        before, found = found, int(page.evaluate(WEIGHT))
    page.close()
    return found


def against_echo(folder: Path, rounds: int) -> int:
    """Answer ÷ echo of each size, in turn, and the page's weight; returns an exit code."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    clips = {
        lines: make_people(folder / f"{lines}.mp4", size).read_bytes()
        for lines, (size, _) in SIZES.items()
    }
    spent: dict[tuple[int, bool], list[float]] = {}
    with served(folder) as (url, _), sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        size = weight(browser, url)
        for number in range(rounds + 1):
            for lines, clip in clips.items():
                path = folder / f"clip-{lines}-{number}.mp4"
                path.write_bytes(clip + str(number).encode())
                for agreed in (True, False):
                    took = shown_after(browser, url, path, agreed)
                    if number:  # the first is to warm up
                        spent.setdefault((lines, agreed), []).append(took)
        browser.close()
    code = report("page weight", size / MOST_BYTES, 1.0, True, bytes=size)
    for lines, (_, bound) in SIZES.items():
        answer, echo = median_ms(spent[lines, True]), median_ms(spent[lines, False])
        facts = {"answer_ms": answer, "echo_ms": echo}
        code |= report(f"answer / echo, {lines} lines", answer / echo, bound, True, **facts)
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
            page.first_answers_s(visitor, 5)
        begun = [sum(page.process.cpu_times()[:2]) for page in pages]
        for _ in range(rounds):
            for page, visitor, times in zip(pages, visitors, spent, strict=True):
                times += page.first_answers_s(visitor, 1)
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
