"""Opening one file: what its first bytes say, the limits, and every refusal in one sentence."""

import struct

import pytest

from emo_core.media import container
from emo_core.media.container import ClipError


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"\xef\xbb\xbf \n#EXTM3U\n", "a playlist"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP picture"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10", "a WebP picture"),
        (
            b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x12\x00\x00\x00",
            "a moving WebP picture, which can't be played here",
        ),
        (b"\x00\x00\x00\x18ftypheic", "a HEIC or AVIF picture"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x00\x00\x00\x18ftypisom", None),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"\x1aE\xdf\xa3", None),
        (b"", None),
    ],
)
def test_first_bytes_tell_what_is_no_clip(head, kind):
    assert container.other_kind(head) == kind


def test_only_mp4_and_matroska_name_their_tracks_up_front():
    heads = {b"\x00\x00\x00\x18ftypisom": True, b"\x1aE\xdf\xa3": True, b"RIFF0000AVI ": False}
    assert {head: container.names_its_tracks(head) for head in heads} == heads
    assert container.is_mp4(b"\x00\x00\x00\x08moov") and not container.is_mp4(b"moov")


@pytest.mark.parametrize(
    ("head", "text"), [(b"a\tb\r\n", True), (b"a\x00", False), (b"\x01", False)]
)
def test_text_is_letters_and_line_breaks(head, text):
    assert container.is_text(head) is text


def box(name: bytes, content: bytes, large: bool = False) -> bytes:
    if large:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


def test_moving_pngs_are_told_by_a_chunk_before_their_picture(tmp_path):
    head = b"\x89PNG\r\n\x1a\n"

    def chunk(name: bytes, size: int = 13) -> bytes:
        return struct.pack(">I4s", size, name) + bytes(size + 4)

    still = head + chunk(b"IHDR") + chunk(b"IDAT") + chunk(b"acTL")
    moving = head + chunk(b"IHDR") + chunk(b"iCCP", 3000) + chunk(b"acTL") + chunk(b"IDAT")
    for content, stands in ((still, True), (moving, False), (head, True)):
        (tmp_path / "a.png").write_bytes(content)
        assert container.stands_still(tmp_path / "a.png", content[:1024]) is stands


@pytest.mark.parametrize("large", [False, True])
def test_outermost_boxes_are_listed_and_inner_ones_are_not(tmp_path, large):
    path = tmp_path / "a.mp4"
    inner = box(b"trak", b"12345678")
    path.write_bytes(box(b"ftyp", b"isom") + box(b"moov", inner, large) + box(b"mdat", b"1"))
    assert container.mp4_boxes(path) == {b"ftyp", b"moov", b"mdat"}


def test_boxes_that_lie_about_their_size_end_the_list(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + box(b"moov", b""))
    assert container.mp4_boxes(path) == {b"ftyp", b"mdat"}  # 0: to the end of the file
    path.write_bytes(struct.pack(">I4s", 1 << 31, b"ftyp"))
    assert container.mp4_boxes(path) == {b"ftyp"}


def test_limits_are_met_and_not_passed():
    container.check_pixels("a", 8192, 8192)
    container.check_output("a", container.MAX_OUTPUT_BYTES, container.MAX_PIXELS)
    container.check_duration("a", container.MAX_DURATION_S)
    with pytest.raises(ClipError, match="frames of 8193x8192 pixels"):
        container.check_pixels("a", 8193, 8192)
    with pytest.raises(ClipError, match="16 GiB of output"):
        container.check_output("a", 2 * container.MAX_OUTPUT_BYTES)
    with pytest.raises(ClipError, match="its clock runs over 96 hours; expected at most 48"):
        container.check_duration("a", 2 * container.MAX_DURATION_S)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("https://example.org/a.mp4", None, "this is a web address"),
        ("gone.mp4", None, "cannot be found"),
        ("a\x00b", None, "cannot be found"),
        (".", None, "this is a folder"),
        ("empty.mp4", b"", r"empty \(0 bytes\)"),
    ],
)
def test_paths_that_lead_to_no_file_are_refused(tmp_path, monkeypatch, name, content, said):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ClipError, match=said):
        container.check_path(name)


def test_a_file_comes_back_as_a_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert container.check_path("a.mp4") == tmp_path / "a.mp4"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n", "this is a PNG picture"),
        (b"once upon a time\n", "this is a text file"),
        (box(b"ftyp", b"isom") + box(b"mdat", b"1234"), "no moov header, so the file is cut off"),
        (bytes(range(256)), "no video or sound format known here"),
    ],
)
def test_what_does_not_open_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "a\n.mp4"
    path.write_bytes(content)
    with pytest.raises(ClipError, match=said) as caught, container.open_container(path):
        raise AssertionError("opened")
    assert str(caught.value).startswith("a?.mp4: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError("the 'x'\nbroke."), "'the x broke'"), (MemoryError(), "memory")]
)
def test_what_fails_inside_an_open_container_is_one_sentence(tmp_path, monkeypatch, error, said):
    closed = []
    opened = type("Container", (), {"close": lambda self: closed.append(self)})()
    monkeypatch.setattr(container, "_open", lambda *_: opened)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(ClipError, match=said), container.open_container(tmp_path / "a.mp4"):
        raise error
    assert closed == [opened]
