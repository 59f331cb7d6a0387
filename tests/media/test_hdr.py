"""HDR in media/video_decoder.py: HLG and PQ films come out in the colours that were there.

The oracle goes the other way: ordinary colours are written as BT.2100 says that they be broadcast,
and must come back.
"""

from pathlib import Path

import av
import numpy as np
import pytest

from emo_core.clip import load_clip
from emo_core.media.video_decoder import HLG, PQ, ROWS, to_bt709
from tests.support import media_files as media

BT2020 = 9  # primaries and matrix, by the numbers of H.273
TO_BT2020 = np.array(  # linear light of BT.709's primaries in BT.2020's (BT.2087)
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)
LUMA = np.array([0.2627, 0.6780, 0.0593])


def signal(image: np.ndarray, transfer: int) -> np.ndarray:
    """(H, W, 3) uint8 of BT.709 → R'G'B' of HLG or PQ in [0, 1] with white at 203 cd/m2."""
    nits = 203 * (image / 255) ** 2.4 @ TO_BT2020.T
    if transfer == PQ:
        power = (nits / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    shown = (nits @ LUMA / 1000)[..., None]
    scene = nits / 1000 * np.maximum(shown, 1e-9) ** (-0.2 / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def write_hdr(path: Path, image: np.ndarray, transfer: int) -> Path:
    """A 10-bit HEVC file of one still picture, tagged as phones tag theirs."""
    height, width = image.shape[:2]
    coded = signal(image, transfer)
    luma = coded @ LUMA
    blue = (coded[..., 2] - luma) / (2 - 2 * LUMA[2])
    red = (coded[..., 0] - luma) / (2 - 2 * LUMA[0])
    levels = (4 * (16 + 219 * luma), 4 * (128 + 224 * blue), 4 * (128 + 224 * red))
    lossless = {"preset": "ultrafast", "x265-params": "log-level=none:crf=4:bframes=0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options=lossless)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        frame = av.VideoFrame(width, height, "yuv420p10le")
        for tagged in (stream.codec_context, frame):
            tagged.colorspace, tagged.color_range = BT2020, 1
            tagged.color_trc, tagged.color_primaries = transfer, BT2020
        for plane, values in zip(frame.planes, levels, strict=True):
            step = width // plane.width
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : plane.width] = np.round(values[::step, ::step])
            plane.update(rows)
        for frame.pts in range(3):  # of a single frame x265 does not know the decoding time
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.skipif(not media.can_encode("libx265"), reason="no HEVC encoder in this FFmpeg")
@pytest.mark.parametrize("transfer", [HLG, PQ])
@pytest.mark.parametrize("size", [None, (48, 32)])
def test_colours_of_a_phones_hdr_come_back(transfer, size, tmp_path):
    clip = load_clip(write_hdr(tmp_path / "hdr.mp4", media.patches(0, 96, 64), transfer))
    image = clip.read_frames([0.0], size=size).pixels[0]
    assert np.abs(media.quarter_colours(image) - media.QUARTERS).max() < 5


@pytest.mark.parametrize(("transfer", "white"), [(HLG, 0.75), (PQ, 0.58)])
def test_greys_keep_their_level_and_highlights_are_white(transfer, white):
    """BT.2408, table 1: diffuse white is 75 % HLG and 58 % PQ."""
    greys = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    levels = signal(greys, transfer)
    assert levels.max() == pytest.approx(white, abs=0.005)
    back = to_bt709(np.rint(levels * 65_535).astype(np.uint16), transfer)
    assert np.abs(back.astype(int) - greys).max() <= 1
    brighter = np.full((1, 1, 3), round(0.9 * 65_535), np.uint16)
    assert (to_bt709(brighter, transfer) == 255).all()


def test_a_tall_picture_is_converted_whole():
    image = np.random.default_rng(0).integers(0, 65_536, (2 * ROWS + 3, 5, 3), dtype=np.uint16)
    rows = [to_bt709(row[None], HLG) for row in image]
    assert np.abs(to_bt709(image, HLG).astype(int) - np.concatenate(rows)).max() <= 1
