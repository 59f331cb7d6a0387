"""Clips cut in the browser: length, size and step of picture and sound, of what would be sent."""

import base64
import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.browser import open_browser

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parents[2] / "demo" / "cutting"
FLASH_S, FROM_S, SECONDS = 0.12, 4.0, 10.0
LENGTH_S, REFUSED_S = 15, 2  # of clips that are cut, and of those that can't be
AGREES_S = 0.04  # a frame at 25 a second
PAGE = """<input type="file" id="clip"><script type="module">
import * as cutting from "./cut.mjs";
const chosen = () => document.getElementById("clip").files[0];
window.inspect = () => cutting.inspect(chosen());
window.canCut = cutting.canCut();
window.cut = async (options) => {
  const shares = [];
  try {
    const file = await cutting.cut(chosen(), {...options, onProgress: (x) => shares.push(x)});
    const data = await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(",")[1]);
      reader.readAsDataURL(file);
    });
    return { name: file.name, type: file.type, size: file.size, data, shares };
  } catch (error) { return { reason: error.reason, message: String(error) }; }
};
window.stopped = async () => {
  const control = new AbortController();
  try {
    await cutting.cut(chosen(), { signal: control.signal, onProgress: () => control.abort() });
  } catch (error) { return error.reason; }
};
window.ready = true;
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The page, and the files of the folder."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
    }

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def page():
    """A page with the module loaded, in a secure context."""
    handler = functools.partial(Handler, directory=FOLDER)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        open_browser() as browser,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_function("window.ready")
        yield page
        server.shutdown()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Clips that flash and beep together once a second, in the containers of phones."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on this machine")
    folder = tmp_path_factory.mktemp("clips")
    made = {
        "phone.mp4": (
            "1920x1080",
            ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "12M", "-c:a", "aac"],
        ),
        "tall.mov": (
            "540x960",
            ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ar", "44100"],
        ),
        "web.webm": (
            "640x360",
            ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16", "-c:a", "libopus"],
        ),
        "screen.mkv": (
            "1280x720",
            ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "libmp3lame"],
        ),
        "hevc.mov": (
            "640x360",
            ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-c:a", "aac"],
        ),
        "mpeg.mpg": ("640x360", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
    }
    for name, (size, coded) in made.items():
        flash = f"drawbox=color=white:t=fill:enable='lt(mod(t\\,1)\\,{FLASH_S})'"
        noise = f"color=black:s={size}:r=25,noise=alls=20:allf=t,{flash}"
        beep = f"aevalsrc='0.8*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,{FLASH_S})':s=48000"
        call = [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            noise,
            "-f",
            "lavfi",
            "-i",
            beep,
        ]
        length_s = REFUSED_S if name in ("hevc.mov", "mpeg.mpg") else LENGTH_S
        subprocess.run([*call, "-t", str(length_s), *coded, str(folder / name)], check=True)
    (folder / "broken.mp4").write_bytes(b"this was never a film " * 50)
    return folder


def onsets(path: Path) -> tuple[list[float], list[float]]:
    """When the picture turns white and when the sound begins, in seconds."""
    with av.open(str(path)) as clip:
        frames = [
            (float(f.time), f.to_ndarray(format="gray").mean() > 120) for f in clip.decode(video=0)
        ]
    with av.open(str(path)) as clip:
        resampler = av.AudioResampler("flt", "mono", 48000)
        pieces = [
            (float(out.time), out.to_ndarray()[0])
            for frame in clip.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    sound = np.concatenate([samples for _, samples in pieces])
    loud = np.abs(sound).reshape(-1)[: len(sound) // 48 * 48].reshape(-1, 48).max(1) > 0.2
    changes = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    beeps = [pieces[0][0] + at / 1000 for at in changes if not loud[max(0, at - 300) : at].any()]
    flashes = [
        t
        for (_, before), (t, white) in zip(frames, frames[1:], strict=False)
        if white and not before
    ]
    return flashes, beeps


def cut(page, path: Path, tmp_path: Path, **options) -> tuple[dict, Path]:
    page.locator("#clip").set_input_files(str(path))
    result = page.evaluate("options => window.cut(options)", options)
    written = tmp_path / result.get("name", "none")
    if "data" in result:
        written.write_bytes(base64.b64decode(result["data"]))
    return result, written


@pytest.mark.parametrize("name", ["phone.mp4", "tall.mov", "web.webm", "screen.mkv"])
def test_ten_seconds_leave_a_clip_in_step(page, clips, tmp_path, name):
    path = clips / name
    result, written = cut(page, path, tmp_path, start=FROM_S, seconds=SECONDS)
    assert "reason" not in result, result
    assert result["size"] < 2 << 20, "ten seconds at 360 lines"
    with av.open(str(written)) as clip:
        stream = clip.streams.video[0]
        assert min(stream.width, stream.height) == 360
        assert float(clip.duration / av.time_base) == pytest.approx(SECONDS, abs=0.1)
    flashes, beeps = onsets(written)
    assert len(beeps) >= 9
    for beep in beeps:
        assert min(abs(beep - flash) for flash in flashes) <= AGREES_S


def test_unreadable_files_and_stops_have_their_reason(page, clips, tmp_path):
    assert page.evaluate("window.canCut")
    assert cut(page, clips / "broken.mp4", tmp_path)[0]["reason"] == "unreadable"
    assert cut(page, clips / "mpeg.mpg", tmp_path)[0]["reason"] == "unreadable"
    hevc, _ = cut(page, clips / "hevc.mov", tmp_path)
    assert hevc.get("reason", "undecodable") == "undecodable"
    page.locator("#clip").set_input_files(str(clips / "phone.mp4"))
    assert page.evaluate("window.stopped()") == "stopped"


def test_a_file_is_inspected(page, clips):
    page.locator("#clip").set_input_files(str(clips / "tall.mov"))
    found = page.evaluate("window.inspect()")
    assert found["seconds"] == pytest.approx(LENGTH_S, abs=0.1)
    assert (found["width"], found["height"]) == (540, 960)
    assert found["hasVideo"] and found["hasAudio"]
