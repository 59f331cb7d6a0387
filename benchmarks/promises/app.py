"""First answer on the page, in a browser, against `emo predict` warm and the page's own echo.

    python -m benchmarks.promises.app [--rounds N]

Echo: a clip without the consent tick goes the same way, from the file's choice in the browser over
the upload to a card on the page, but nothing looks into it. Every clip has bytes of its own, so
nothing is remembered. Also said: seconds from `python demo/app.py` until the page answers.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import make_clip, median_ms, report
from emo_core.inference.predict import predict
from tests.support.serving import served

BOUND = 1.3  # of predict, after the echo
UP_BOUND_S = 15
WATCH = """
() => {
  window.began = window.ended = null;
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") window.began = performance.now();
  }, true);
  new MutationObserver(() => {
    if (document.querySelector("#answer .bars, #answer .ask")) window.ended ??= performance.now();
  }).observe(document.body, {childList: true, subtree: true});
}
"""


def shown_after(browser, url: str, path: Path, agreed: bool) -> float:
    """Seconds from choosing a file on a fresh page until its answer, or the question, is there."""
    page = browser.new_page()
    page.goto(url)
    page.get_by_text("No clip yet").wait_for()
    if agreed:
        page.locator("#consent input").check()
    page.evaluate(WATCH)
    page.locator("#video input[type=file]").first.set_input_files(str(path))
    page.wait_for_function("window.ended !== null")
    spent = page.evaluate("window.ended - window.began") / 1000
    if agreed:
        page.get_by_text("Frames used").wait_for()  # the rest of the page is not in the way
    page.close()
    return spent


def main() -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print(
            "no Chromium on this machine; expected chromium on the path; install it.",
            file=sys.stderr,
        )
        return 2
    spent: dict[str, list[float]] = {"answer": [], "echo": [], "predict": []}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as player:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4").read_bytes()
        started = time.monotonic()
        with served(folder) as (url, _):
            up_s = time.monotonic() - started
            browser = player.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for number in range(rounds + 2):
                path = folder / f"clip-{number}.mp4"
                path.write_bytes(clip + str(number).encode())
                answer = shown_after(browser, url, path, True)
                echo = shown_after(browser, url, path, False)
                began = time.perf_counter()
                predict(str(path))
                if number >= 2:  # warm
                    spent["answer"].append(answer)
                    spent["echo"].append(echo)
                    spent["predict"].append(time.perf_counter() - began)
            browser.close()
    answer, echo, bare = (median_ms(spent[name]) for name in ("answer", "echo", "predict"))
    code = report(
        "app",
        answer / (BOUND * bare + echo),
        1.0,
        True,
        answer_ms=answer,
        echo_ms=echo,
        predict_ms=bare,
        up_s=round(up_s, 1),
        up_bound_s=UP_BOUND_S,
    )
    return code or int(up_s > UP_BOUND_S)


if __name__ == "__main__":
    sys.exit(main())
