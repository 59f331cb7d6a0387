"""Heat stands on what the model saw: in the film, in the report and on the page, in every shape."""

import base64
import re
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import torch

from demo.components import frame_gallery
from demo.i18n import Words
from demo.player import document, files
from emo_core.attribution.types import Attribution, AttributionSpan, Target
from emo_core.clip import load_clip, video_size
from emo_core.inference.prediction import media_facts
from emo_core.preprocess.sample import PAPER, SampleConfig, decode_window, to_sample
from emo_core.viz.attribution import mel_overlay, modality_strength
from emo_core.viz.overlay import (
    STRIP,
    WIDTH,
    heat,
    heat_of_clip,
    overlay_frames,
    to_clip_frame,
    write_overlay,
)
from tests.support.media_files import Picture, Sound, regular, turn, write

POCKET = replace(SampleConfig(), frames=4, window_s=1.0)
PAPER_CROP = replace(PAPER, frames=4, window_s=1.0, resize_mode="crop")
STRETCHED = replace(PAPER_CROP, resize_mode="stretch_crop")
SIZES = {"9:16": (360, 640), "16:9": (640, 360), "4:3": (640, 480), "1:1": (400, 400)}
SIZES |= {"very wide": (640, 120), "uneven": (398, 302)}
TURNED = "9:16 by its rotation"
RADIUS = 0.035  # of the longer side: half the side of the bright square
SHAPES = [*SIZES, TURNED]


def spot_at(centre):
    """Draws a bright square on dark grey around `centre`, shares of width and height."""

    def draw(_, width, height):
        image = np.full((height, width, 3), 40, np.uint8)
        (x, y), half = (
            (round(c * side) for c, side in zip(centre, (width, height), strict=True)),
            (RADIUS * max(width, height)),
        )
        rows, columns = (slice(max(0, round(c - half)), round(c + half)) for c in (y, x))
        image[rows, columns] = 230
        return image

    return draw


def clip_of(folder, shape, centre):
    """A second of film of this shape, with the square where it is shown at `centre`."""
    size = SIZES.get(shape, (640, 360))
    if shape == TURNED:  # a clock-wise quarter: what is shown at (x, y) is stored at (y, 1 - x)
        centre = (centre[1], 1 - centre[0])
    picture = Picture(regular(25), size=size, draw=spot_at(centre))
    path = write(folder / "clip.mp4", picture, Sound(seconds=1.0))
    return load_clip(turn(path, 90) if shape == TURNED else path)


def map_on_spot(clip, config):
    """The window, and an attribution that is laid exactly on the square as the model got it."""
    sample = to_sample(decode_window(clip, config, 0, 1), config)
    bright = (sample.video.float().mean(1) - 40).clamp(min=0) / 190
    bright[bright < 0.2] = 0
    maps = {"video": bright.unsqueeze(1).expand(sample.video.shape) / 3}
    maps["mel"] = torch.zeros(sample.mel.shape)
    times_s = {"video": sample.video_times_s, "mel": sample.mel_times_s}
    target, span = Target("positive", 0), AttributionSpan(0.0, 1.0)
    found = Attribution(
        "laid", "fast", target, "m", span, maps, times_s, True, "none", 1.0, 0.0, 0.0, 1, 0.0
    )
    return sample, found


def centre_of(weights):
    """Where weights (h, w) lie on average, in shares of width and height."""
    down, across = ((np.arange(n) + 0.5) / n for n in weights.shape)
    return np.array([weights.sum(0) @ across, weights.sum(1) @ down]) / weights.sum()


def orange(image):
    """How far red is above blue, (h, w); noise of the codec is left out."""
    excess = image[..., 0].astype(float) - image[..., 2]
    return np.where(excess > 20, excess, 0)


def film_frame(path, size):
    """A frame of the film without its strip and margins."""
    with av.open(str(path)) as film:
        image = next(islice(film.decode(video=0), 12, None)).to_ndarray(format="rgb24")
    scale = min(WIDTH / size[0], 1280 / size[1])
    wide, high = (max(2, round(side * scale / 2) * 2) for side in size)
    assert image.shape[0] == high + STRIP
    left = (WIDTH - wide) // 2
    return image[:high, left : left + wide]


def off(found, wanted, size):
    """Distance in each direction as a share of the longer side."""
    return np.abs((found - wanted) * size).max() / max(size)


PLACES = [(0.5, 0.5), (0.8, 0.25), (0.2, 0.75)]
CROPPED = {"9:16": [(0.5, 0.5), (0.7, 0.4)], "16:9": [(0.5, 0.5), (0.625, 0.2)]}
CROPPED |= {TURNED: CROPPED["9:16"], "very wide": [(0.5, 0.5)]}


@pytest.mark.parametrize(
    ("config", "shape", "centre"),
    [(POCKET, shape, at) for shape in SHAPES for at in PLACES]
    + [(PAPER_CROP, shape, at) for shape in SHAPES for at in CROPPED.get(shape, PLACES)]
    + [(STRETCHED, shape, (0.6, 0.4)) for shape in SHAPES],
    ids=lambda x: (
        {POCKET: "pad", PAPER_CROP: "crop", STRETCHED: "stretch"}.get(x)
        if isinstance(x, SampleConfig)
        else None
    ),
)
def test_heat_and_spot_agree_in_the_film(tmp_path, config, shape, centre):
    clip = clip_of(tmp_path, shape, centre)
    _, found = map_on_spot(clip, config)
    write_overlay(tmp_path / "film.mp4", clip, found, config)
    heated = centre_of(orange(film_frame(tmp_path / "film.mp4", clip.size)))
    assert off(heated, np.array(centre), np.array(clip.size)) < 0.01


def report_pictures(found, sample):
    """What the report and the page show: frames of the gallery, decoded from the page's HTML."""
    page = frame_gallery(Words("en"), overlay_frames(found, sample))
    data = re.findall(r'src="data:image/[a-z]+;base64,([^"]+)"', page)
    assert data
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(x), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        for x in data
    ]


@pytest.mark.parametrize("config", [POCKET, PAPER_CROP], ids=["pad", "crop"])
@pytest.mark.parametrize("shape", SHAPES)
def test_heat_and_spot_agree_in_report_and_page(tmp_path, config, shape):
    clip = clip_of(tmp_path, shape, (0.6, 0.4))
    sample, found = map_on_spot(clip, config)
    wanted = centre_of(found.maps["video"][0, 0].numpy())
    size = np.array([config.width, config.height])
    for image in report_pictures(found, sample):
        assert off(centre_of(orange(image)), wanted, size) < 0.01


def player_page(clip, found, config):
    """The page's player of a clip with one map, as a visitor takes it along."""
    words, media = Words("en"), media_facts(clip)
    case = SimpleNamespace(
        clip=clip,
        prediction=SimpleNamespace(media=media),
        checkpoint=SimpleNamespace(sample=config),
    )
    show = document.preview(words, clip.path) | document.map_document(words, case, [found], "a map")
    show |= {"url": files.data_url(clip, media), "size": list(clip.size)}
    show |= {"preview": False, "duration_s": media.duration_s}
    return files.offline_page(show, "", "en")


def picture_at(page, share_of_map, size):
    """The player's picture (h, w, 3) with so much of the map over it, without its margins."""
    page.locator(".player-mix input").evaluate(
        "(it, to) => { it.value = to; it.dispatchEvent(new Event('input')); }", share_of_map
    )
    data = np.frombuffer(page.locator(".player-stage").screenshot(), np.uint8)
    stage = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(float)
    scale = min(stage.shape[1] / size[0], stage.shape[0] / size[1])
    wide, high = (round(side * scale) for side in size)
    left, top = (stage.shape[1] - wide) // 2, (stage.shape[0] - high) // 2
    return stage[top : top + high, left : left + wide]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("config", "shape"),
    [(POCKET, shape) for shape in SHAPES] + [(PAPER_CROP, "9:16"), (PAPER_CROP, "16:9")],
    ids=lambda x: {POCKET: "pad", PAPER_CROP: "crop"}.get(x) if not isinstance(x, str) else None,
)
def test_heat_and_spot_agree_in_the_player(tmp_path, browser, config, shape):
    clip = clip_of(tmp_path, shape, (0.6, 0.4))
    _, found = map_on_spot(clip, config)
    path = tmp_path / "player.html"
    path.write_text(player_page(clip, found, config), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    without, under = (picture_at(page, share, clip.size) for share in (0, 100))
    page.close()
    heated = centre_of(np.clip(orange(under) - orange(without), 0, None))
    assert off(heated, np.array((0.6, 0.4)), np.array(clip.size)) < 0.01


def test_what_a_crop_cut_off_gets_no_heat():
    drawn = to_clip_frame(np.ones((112, 112)), (640, 360), (640, 360), PAPER_CROP)
    assert drawn.shape == (360, 640)
    assert drawn[:, 139:498].all() and not drawn[:, :138].any() and not drawn[:, 499:].any()


def test_heat_on_padding_is_not_drawn():
    values = np.ones((72, 96))
    values[9:63] = 0  # 16:9 stands in these rows, above and below it is black
    drawn = to_clip_frame(values, (640, 360), (640, 360), POCKET)
    assert drawn.shape == (360, 640) and not drawn.any()


@pytest.mark.parametrize("size", [(50, 8000), (8000, 50), (1, 1), (7919, 2)])
@pytest.mark.parametrize("config", [POCKET, PAPER_CROP])
def test_shapes_that_hardly_have_a_side_are_drawn(size, config):
    values = np.ones((config.height, config.width))
    assert to_clip_frame(values, (8, 1280), size, config).shape == (1280, 8)


def test_the_film_ends_with_the_heat_of_a_frame_that_the_clip_has(tmp_path):
    clip = clip_of(tmp_path, "4:3", (0.5, 0.5))
    config = replace(POCKET, window_s=1.6)  # frames at .2, .6, 1.0 (none), 1.4 (none)
    _, found = map_on_spot(clip, config)
    assert found.maps["video"][1].any() and not found.maps["video"][3].any()
    draw = heat_of_clip(clip, found, config, video_size(clip), clip.duration_s)
    assert draw(0.99).max() > 0.5


def weighed(found, picture, sound):
    """The same maps with sums of these sizes."""
    mel = torch.zeros_like(found.maps["mel"])
    mel[:20, :8] = 1.0
    video = found.maps["video"]
    maps = {"video": video * (picture / video.sum()), "mel": mel * (sound / mel.sum())}
    return replace(found, maps=maps)


def colour_of_sound(found, sample):
    """The strongest value of the log-mel's map, as a share of full colour."""
    trace = mel_overlay(found, sample).data[-1]
    return float(np.nanmax(np.abs(trace.z))) / trace.zmax


def test_picture_and_sound_have_one_colour_scale(tmp_path):
    sample, found = map_on_spot(clip_of(tmp_path, "4:3", (0.5, 0.5)), POCKET)
    slight = weighed(found, 0.01, 1.0)
    assert np.abs(heat(slight)).max() == pytest.approx(modality_strength(slight, "video"))
    assert np.abs(heat(slight)).max() < 0.02 and colour_of_sound(slight, sample) > 0.9
    loud = weighed(found, 1.0, 0.01)
    assert np.abs(heat(loud)).max() == 1 and colour_of_sound(loud, sample) < 0.1
    pale, strong = (
        np.max([orange(i).max() for i, _ in overlay_frames(f, sample)]) for f in (slight, loud)
    )
    assert pale < 20 < strong


def test_a_map_of_nothing_has_no_colour(tmp_path):
    sample, found = map_on_spot(clip_of(tmp_path, "4:3", (0.5, 0.5)), POCKET)
    nothing = replace(found, maps={k: x * 0 for k, x in found.maps.items()})
    assert heat(nothing) is None and overlay_frames(nothing, sample) == []
    assert colour_of_sound(nothing, sample) == 0
