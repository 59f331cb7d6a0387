"""URL → file: the only door for addresses that people give (yt-dlp, four sites, all capped).

An address is checked before yt-dlp sees it, and yt-dlp may use four extractors only. The download
runs in a process of its own under caps of time and size, and that process reaches public addresses
only (`io.network_guard`). ffmpeg cuts and merges files that are here; it never fetches.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emo_core.errors import EmoError
from emo_core.io import network_guard as reach
from emo_core.io.atomic import scratch_folder
from emo_core.messages import from_plain, say, to_plain

EXTRACTORS = ["youtube", "vimeo", "archive.org", "wikimedia.org"]  # exact names of yt-dlp
HOSTS = {
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "youtu.be",
    "vimeo.com",
    "www.vimeo.com",
    "player.vimeo.com",
    "archive.org",
    "www.archive.org",
    "commons.wikimedia.org",
}
PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#&=+%,!()'*@;$")
POLL_S = 0.2  # seconds between two looks at a running download
ROOT = str(Path(__file__).resolve().parents[2])  # the package may not be installed
WORKER = [
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.insert(0, {ROOT!r}); "
    "from emo_core.io import download; download.worker_main()",
]
CUT_S = 60  # for ffmpeg, to cut a part of at most 20 s
REASONS = {  # what yt-dlp raises inside -> what it means
    "UnsupportedError": say("no video is known at this address"),
    "GeoRestrictedError": say("the video isn't shown in this country"),
    "UserNotLive": say("it is a live stream that is off"),
    "TransportError": say("the site didn't answer"),
    "NoneType": say("it is not the page of one video on an allowed site"),
}


class DownloadError(EmoError):
    """A clip that could not be fetched: what was found, what was expected, what to do."""


@dataclass(frozen=True)
class DownloadLimits:
    """What one download may cost at most."""

    megabytes: int = 60
    video_s: float = 600.0  # duration of the whole video
    clip_s: float = 20.0  # duration of the part that is kept
    wall_s: float = 180.0  # time from start to end


def check_url(url: str) -> str:
    """The address, if it is https on an allowed host; raises DownloadError with the reason."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise DownloadError(
            "{url!r} is not a web address ({error}); give the address of one video.",
            url=url[:80],
            error=error,
        ) from error
    reason = None
    if not set(url) <= PLAIN:
        reason = say("it has a character that is not allowed in an address")
    elif parts.scheme != "https":
        reason = say("it starts with {start}", start=parts.scheme or say("no scheme"))
    elif parts.username is not None or parts.password is not None:
        reason = say("it holds a user name or a password")
    elif port not in (None, 443):
        reason = say("it names the port {port}", port=port)
    elif host not in HOSTS:
        reason = say("its site is {site}", site=(host or say("missing"))[:60])
    if reason:
        raise DownloadError(
            "{url!r} is refused: {reason}; expected https:// and one of {hosts}; download the "
            "clip yourself and give the file.",
            url=url[:80],
            reason=reason,
            hosts=", ".join(sorted(HOSTS)),
        )
    return url


def fetch(
    url: str,
    out: Path,
    start_s: float | None = None,
    end_s: float | None = None,
    limits: DownloadLimits = DownloadLimits(),
    pause: Callable[[], object] = lambda: None,
) -> Path:
    """Download one video, or its part from start_s to end_s, to `out` (mp4); return `out`.

    Nothing stays on disk but `out`. Raises DownloadError, one sentence, for everything else.
    pause: called again and again meanwhile; what it raises ends the download.
    """
    check_url(url)
    if start_s is not None and not 0 <= start_s < (end_s or 0) <= start_s + limits.clip_s:
        raise DownloadError(
            "{url}: the part from {start_s} to {end_s} s is refused; expected start before end "
            "and at most {clip_s:.0f} s; change the times.",
            url=url,
            start_s=start_s,
            end_s=end_s,
            clip_s=limits.clip_s,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(".fetch-", out.parent) as folder:
        job = {"url": url, "folder": str(folder), "start_s": start_s, "end_s": end_s}
        answer = _run_worker({**job, "limits": asdict(limits)}, folder, limits, pause)
        if "error" in answer:
            raise DownloadError(from_plain(answer["error"]))
        os.replace(folder / answer["file"], out)
    return out


def _run_worker(
    job: dict, folder: Path, limits: DownloadLimits, pause: Callable[[], object]
) -> dict:
    """Run the worker under the caps; whatever it started ends with it, and it with this process."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        worker = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _send_job(worker, job)
            reason = None
            while reason is None and worker.poll() is None:
                time.sleep(POLL_S)
                pause()
                reason = _breach(folder, time.monotonic() - started, limits)
            if reason is None:
                reason = _breach(folder, 0.0, limits)
        finally:
            with suppress(ProcessLookupError, PermissionError):  # all of them may have ended
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            worker.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        if reason:
            return {
                "error": say(
                    "{url}: stopped, {reason}; choose a shorter or smaller one.",
                    url=job["url"],
                    reason=reason,
                )
            }
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines() or [""]
    try:
        return json.loads(lines[-1])
    except ValueError:
        return {
            "error": say(
                "{url}: the download stopped without a message; try again.", url=job["url"]
            )
        }


def _send_job(worker: subprocess.Popen, job: dict) -> None:
    """Tell the worker its job in one line; its input stays open for as long as we live."""
    with suppress(OSError):  # it has ended already
        os.write(worker.stdin.fileno(), json.dumps(job).encode() + b"\n")  # type: ignore[union-attr]


def _breach(folder: Path, spent_s: float, limits: DownloadLimits) -> str | None:
    """Which cap is broken, in words."""
    if spent_s > limits.wall_s:
        return say("it took longer than {wall_s:.0f} s", wall_s=limits.wall_s)
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:
            continue  # renamed while we look
    # picture, sound and their merger stand beside each other for a moment
    if size > 2 * limits.megabytes * 2**20:
        return say("it is larger than {megabytes} MB", megabytes=limits.megabytes)
    return None


def options(job: dict, yt_dlp: Any, hook: Callable[[dict], None]) -> dict:
    """All options of yt-dlp. No cookies, no file URLs, no commands, no external downloader."""
    limits = job["limits"]
    return dict(
        allowed_extractors=EXTRACTORS,
        noplaylist=True,
        playlist_items="1",
        default_search="error",
        format="bv*[height<=480][ext=mp4]+ba[ext=m4a]/b[height<=480]/bv*[height<=480]+ba",
        merge_output_format="mp4",
        max_filesize=limits["megabytes"] * 2**20,
        match_filter=lambda info, *, incomplete=False: refusal(info, limits),
        socket_timeout=10,
        retries=2,
        fragment_retries=2,
        extractor_retries=1,
        concurrent_fragment_downloads=1,
        external_downloader={"default": "native"},
        hls_prefer_native=True,
        paths={"home": job["folder"], "temp": job["folder"]},
        outtmpl={"default": "clip.%(ext)s"},
        restrictfilenames=True,
        cachedir=False,
        quiet=True,
        no_warnings=True,
        noprogress=True,
        logger=logging.getLogger(__name__),
        progress_hooks=[hook],
    )


def refusal(info: dict, limits: dict) -> str | None:
    """Why a video is refused, before anything of it is downloaded; None = it is accepted."""
    duration, size = info.get("duration"), info.get("filesize") or info.get("filesize_approx")
    if info.get("_type", "video") != "video":
        return say("it is a list; expected one video")
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        return say("it is a live stream; expected a recording")
    if not duration:
        return say("its duration is unknown; expected a recording of known length")
    if duration > limits["video_s"]:
        return say(
            "it lasts {duration:.0f} s; expected at most {video_s:.0f} s",
            duration=duration,
            video_s=limits["video_s"],
        )
    if size and size > limits["megabytes"] * 2**20:
        return say(
            "it has {size:.0f} MB; expected at most {megabytes} MB",
            size=size / 2**20,
            megabytes=limits["megabytes"],
        )
    return None


def work(job: dict) -> dict:
    """The worker: probes, then downloads. Returns {"file": name} or {"error": sentence}."""
    try:
        import yt_dlp
    except ImportError:
        return {
            "error": say(
                "yt-dlp, which downloads clips, isn't installed; expected it; run "
                "`pip install yt-dlp`."
            )
        }
    deadline = time.monotonic() + job["limits"]["wall_s"]

    def hook(progress: dict) -> None:
        most = job["limits"]["megabytes"] * 2**20
        if progress.get("downloaded_bytes", 0) > most or time.monotonic() > deadline:
            raise yt_dlp.utils.DownloadCancelled(say("it is larger or slower than allowed"))

    try:
        with yt_dlp.YoutubeDL(options(job, yt_dlp, hook)) as site:
            info = site.extract_info(job["url"], download=False)
            reason = (
                say("nothing was found there") if info is None else refusal(info, job["limits"])
            )
            if reason is None:
                site.extract_info(job["url"], download=True)
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        reason = explain_failure(error)
    if reach.refused:
        reason = say("it leads to an address that isn't on the open internet")
    if reason:
        return {
            "error": say(
                "{url}: {reason}; choose another, or download it yourself.",
                url=job["url"],
                reason=reason,
            )
        }
    return _check_result(job)


def _check_result(job: dict) -> dict:
    """What the download left in its folder, if that is one clip within the cap."""
    made = sorted(Path(job["folder"]).glob("clip.*"))
    if len(made) != 1 or made[0].suffix in (".part", ".ytdl"):
        missing = (
            ""
            if shutil.which("ffmpeg")
            else say(" (ffmpeg, which joins picture and sound, isn't installed)")
        )
        return {
            "error": say(
                "{url}: the download left no clip{missing}; choose another.",
                url=job["url"],
                missing=missing,
            )
        }
    if made[0].stat().st_size > job["limits"]["megabytes"] * 2**20:
        return {
            "error": say(
                "{url}: the clip is larger than allowed; choose a shorter one.", url=job["url"]
            )
        }
    if job["start_s"] is not None and not shutil.which("ffmpeg"):
        return {
            "error": say(
                "{url}: ffmpeg, which cuts out a part, isn't installed; install it, "
                "or leave the times out.",
                url=job["url"],
            )
        }
    if job["start_s"] is not None and not trim(made[0], job["start_s"], job["end_s"]):
        return {
            "error": say(
                "{url}: there is nothing from {start_s:g} to {end_s:g} s; choose "
                "times within the video.",
                url=job["url"],
                start_s=job["start_s"],
                end_s=job["end_s"],
            )
        }
    return {"file": made[0].name}


def trim(path: Path, start_s: float, end_s: float) -> bool:
    """Leave only a part of a file that is here; False where there is none."""
    part = path.with_name("part.mp4")
    command = [
        "ffmpeg",
        "-nostdin",
        "-loglevel",
        "error",
        "-protocol_whitelist",
        "file",
        "-ss",
        f"{start_s:.3f}",
        "-t",
        f"{end_s - start_s:.3f}",
        "-i",
        f"file:{path}",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-c:a",
        "aac",
        "-y",
        f"file:{part}",
    ]
    try:
        subprocess.run(command, check=True, timeout=CUT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return False
    if part.stat().st_size < 1000:  # a container without a picture or a sound in it
        return False
    os.replace(part, path)
    return True


def explain_failure(error: Exception) -> str:
    """What yt-dlp raised, as the middle of a sentence."""
    cause = (getattr(error, "exc_info", None) or (None, error, None))[1]
    reason: str | None = REASONS.get(type(cause).__name__)
    if reason is None:
        reason = str(cause).removeprefix("ERROR: ").strip().split("\n")[0][:160].rstrip(".")
    return say("it could not be fetched ({reason})", reason=reason)


def worker_main(but: frozenset[reach.Address] = frozenset()) -> None:
    """The worker's process: a job from standard input, its answer to standard output."""
    # None forbids the import (its connections would bypass the checks); the stub knows modules only
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]
    reach.only_public(but | reach.proxies())
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(json.dumps({name: to_plain(said) for name, said in work(job).items()}), flush=True)


def _end_with_parent() -> None:
    """End with the parent, however it went: its end of the pipe is closed then."""
    os.read(0, 1)  # not sys.stdin, whose lock Python would wait for as it ends
    if os.getpgrp() == os.getpid():  # ffmpeg too
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
