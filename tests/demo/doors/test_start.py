"""What the page can't start with is one sentence; no proxy stands between it and itself."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.doors import start
from demo.doors.start import addresses, bring_back, check_start, server_name, set_aside
from demo.settings import LimitError
from emo_core.checkpoint import CONFIG, SHIPPED, WEIGHTS
from emo_core.schema import DEFAULT_MODEL
from tests.support.serving import APP, PATIENCE_S, free_port, served

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"GRADIO_SERVER_PORT": "abc"}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_PORT": ""}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_PORT": "0"}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_PORT": "99999"}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_PORT": "-1"}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_PORT": "x" * 9999}, "whole number from 1 to 65535"),
        ({"GRADIO_SERVER_NAME": "nothing.invalid"}, "no name of this computer"),
        ({"GRADIO_TEMP_DIR": "/proc/emo"}, "nothing can be written"),
        ({"GRADIO_TEMP_DIR": __file__}, "nothing can be written"),
        ({"TMPDIR": "/nowhere"}, "nothing can be written"),
        ({"EMO_MODEL": "never-shipped"}, "no checkpoint is called 'never-shipped'"),
        ({"EMO_RUNTIME": "fast"}, "expected torch or onnx"),
        ({"EMO_JMT": "never-shipped"}, "no checkpoint is called 'never-shipped'"),
    ],
)
def test_what_is_wrong_is_one_sentence(setting, words):
    with pytest.raises(LimitError, match=words) as refused:
        check_start(setting)
    assert next(iter(setting)) in str(refused.value) and len(str(refused.value)) < 600


def test_a_port_that_is_taken_is_said():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0)), other.listen()
        with pytest.raises(LimitError, match="taken by another program"):
            check_start({"GRADIO_SERVER_PORT": str(other.getsockname()[1])})


def test_answers_by_a_package_that_is_missing_end_the_start(monkeypatch):
    monkeypatch.setattr(start, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(LimitError, match="the package onnxruntime is not installed"):
        check_start({"EMO_RUNTIME": "onnx"})
    check_start({"EMO_RUNTIME": "torch"})


def test_the_program_ends_with_that_sentence_and_no_traceback():
    done = subprocess.run(
        [sys.executable, APP],
        env={**os.environ, "GRADIO_SERVER_PORT": "abc"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(
        "emo: GRADIO_SERVER_PORT is 'abc'"
    )


@pytest.mark.parametrize("setting", ["EMO_MODEL", "EMO_MESM", "EMO_JMT"])
@pytest.mark.parametrize("damage", ["weights", "settings", "cut"])
def test_a_damaged_checkpoint_ends_the_start_with_one_sentence(tmp_path, setting, damage):
    folder = shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path / "mine")
    file = folder / (CONFIG if damage == "settings" else WEIGHTS)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[-9] ^= 1
    file.write_bytes(content)
    with pytest.raises(LimitError, match=f"{setting}: mine") as refused:
        check_start({setting: str(folder)})
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 350


def test_a_damaged_checkpoint_is_told_before_the_page_is_up(tmp_path):
    folder = shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path / "mine")
    (folder / WEIGHTS).write_bytes(b"nothing")
    settings = {"EMO_MODEL": str(folder), "GRADIO_SERVER_PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, APP], env={**os.environ, **settings}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("emo: EMO_MODEL: mine")


def test_an_address_of_another_computer_is_said():
    with pytest.raises(LimitError, match="does not have"):
        check_start({"GRADIO_SERVER_NAME": "192.0.2.1"})


def test_good_settings_pass(tmp_path):
    check_start({})
    check_start({"GRADIO_TEMP_DIR": str(tmp_path / "new" / "folder"), "EMO_MODEL": ""})


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (None, "127.0.0.1"),
        ("", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("::", "[::]"),
        ("localhost", "localhost"),
    ],
)
def test_names_of_ipv6_get_their_brackets(said, name):
    assert server_name({} if said is None else {"GRADIO_SERVER_NAME": said}) == name


def test_a_page_for_the_whole_room_says_the_address_that_others_open():
    here = "http://localhost:7860/"
    assert addresses(here, {}) == addresses(here, {"GRADIO_SERVER_NAME": "localhost"}) == [here]
    first, *others = addresses(here, {"GRADIO_SERVER_NAME": "0.0.0.0"})
    assert first == here and len(others) <= 1
    for found in map(urlsplit, others):  # none without a network
        with socket.socket() as probe:
            probe.bind((found.hostname, 0))
        assert found.port == 7860 and not found.hostname.startswith("127.")


def test_proxies_are_set_aside_while_it_starts_and_back_afterwards():
    before = {"HTTP_PROXY": "http://a:1", "all_proxy": "socks5://b:2", "NO_PROXY": "c", "X": "y"}
    settings = {**before, "GRADIO_SERVER_NAME": "::1"}
    set_aside(settings)
    assert settings == {"NO_PROXY": "c", "X": "y"} and server_name(settings) == "[::1]"
    bring_back(settings)
    assert settings["HTTP_PROXY"] == "http://a:1" and settings["all_proxy"] == "socks5://b:2"
    assert settings["NO_PROXY"] == "c,localhost,127.0.0.1,::1"
    assert settings["no_proxy"] == "localhost,127.0.0.1,::1"
    assert settings["GRADIO_SERVER_NAME"] == "::1"


def test_the_page_starts_behind_any_proxy_and_asks_none(tmp_path):
    """One that answers would take localhost for itself; this one only counts who knocks."""
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0)), proxy.listen(), proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        proxies = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "ALL_PROXY": "socks5://x:1"}
        with served(tmp_path, **proxies), pytest.raises(BlockingIOError):
            deadline = time.monotonic() + PATIENCE_S
            while "is open" not in (tmp_path / "app.log").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.2)
            proxy.accept()
        said = (tmp_path / "app.log").read_text()
    assert "The page is open: http://127.0.0.1" in said and "public link" not in said


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_page_opens_by_an_address_of_ipv6(tmp_path):
    with served(tmp_path, GRADIO_SERVER_NAME="::1", host="[::1]") as (url, _):
        assert url.startswith("http://[::1]")
