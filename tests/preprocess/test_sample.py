"""Windows, masks and the log-mel, against independent oracles."""

import sys
import types

import cv2
import numpy as np
import pytest
import torch
from scipy import signal

from emo_core.models.layers.backbones import normalize_frames
from emo_core.preprocess import sample
from emo_core.preprocess.batch import collate
from emo_core.preprocess.log_mel import MelConfig, log_mel
from emo_core.preprocess.sample import (
    CLS,
    FIRST,
    PAPER,
    RESIZE_MODES,
    DecodedWindow,
    SampleConfig,
    TextError,
    decode_window,
    frame_times,
    pad_or_crop,
    resize_size,
    to_sample,
    to_sample_points,
    tokens_of,
    window_spans,
)

CONFIG = SampleConfig()


@pytest.mark.parametrize("duration", [0.04, 3.0, 4.6, 5.0, 5.2, 5.6, 23.7, 60.0, 119.0])
def test_windows_cover_a_clip_without_gap_or_overlap(duration):
    spans = window_spans(duration, 5.0)
    assert spans[0][0] == 0 and spans[-1][1] == pytest.approx(duration)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert start == pytest.approx(end)
    assert all(end - start <= 5.5 for start, end in spans)
    assert len(spans) == max(1, int(np.ceil(duration / 5 - 0.1)))


def test_a_long_clip_is_read_in_a_bounded_number_of_places():
    spans = window_spans(3 * 3600, 5.0, most=24)
    assert len(spans) == 24 and spans[0][0] == 0 and spans[-1][1] == pytest.approx(3 * 3600)
    assert window_spans(3600, 5.0, most=1) == [(0.0, 5.0)]


def test_the_frame_grid_is_even_and_inside_the_window():
    grid = frame_times(CONFIG)
    assert len(grid) == 16 and grid[0] > 0 and grid[-1] < 5
    np.testing.assert_allclose(np.diff(grid), 5 / 16)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (320, 240), (7, 4001), (4001, 7)])
@pytest.mark.parametrize("resize_mode", RESIZE_MODES)
def test_every_picture_fits_the_frame(size, resize_mode):
    config = SampleConfig(resize_mode=resize_mode)
    width, height = resize_size(size, config)
    placed = pad_or_crop(np.full((2, height, width, 3), 200, np.uint8), config)
    assert placed.shape == (2, 72, 96, 3)
    share = (placed[0, :, :, 0] == 200).mean()
    if resize_mode != "pad":
        assert share == 1
    elif 0.1 < size[0] / size[1] < 10:
        wanted = min(size[0] / size[1] / (4 / 3), (4 / 3) / (size[0] / size[1]))
        assert share == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (320, 240)])
def test_the_papers_frames_are_those_that_kinetics_weights_know(size):
    from torchvision.models.video import R2Plus1D_18_Weights

    published = R2Plus1D_18_Weights.KINETICS400_V1.transforms()
    assert resize_size(size, PAPER) == (published.resize_size[1], published.resize_size[0])
    assert [PAPER.height, PAPER.width] == published.crop_size
    rng = np.random.default_rng(0)
    small = cv2.resize(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8), size)
    theirs = published(torch.from_numpy(small[None]).permute(0, 3, 1, 2))[:, 0]  # (3, 112, 112)
    ours = pad_or_crop(cv2.resize(small, resize_size(size, PAPER))[None], PAPER)
    shown = normalize_frames(torch.from_numpy(ours).permute(0, 3, 1, 2), torch.ones(1))[0]
    apart = shown[..., 1:] - theirs[..., :-1]  # an odd margin: theirs is one pixel further left
    assert float(apart.abs().mean()) < 0.02


def test_log_mel_equals_scipys_spectrogram():
    config, rng = MelConfig(), np.random.default_rng(0)
    wave = rng.normal(0, 0.1, 16_000).astype(np.float32)
    ours = log_mel(torch.from_numpy(wave)[None], config)[0].numpy()
    padded = np.pad(wave, 256, mode="reflect")
    _, _, spectrum = signal.stft(
        padded,
        window=signal.get_window("hann", 512),
        nperseg=512,
        noverlap=192,
        boundary=None,
        padded=False,
        scaling="spectrum",
    )
    power = np.abs(spectrum * 256) ** 2  # "spectrum" divides by the window's sum
    edges = mel_to_hz(np.linspace(*hz_to_mel(np.array([50.0, 7600.0])), 66))
    hz = np.linspace(0, 8000, 257)
    up = (hz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    down = (edges[2:] - hz[:, None]) / np.diff(edges)[1:]
    filters = np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])
    wanted = np.log(np.maximum(power[:, :50].T @ filters, config.floor))
    np.testing.assert_allclose(ours, wanted, atol=2e-3)


def hz_to_mel(hz):
    """Slaney's scale, from its definition."""
    return np.where(
        hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4)
    )


def mel_to_hz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def test_a_tone_is_loud_when_and_where_it_sounds():
    config = MelConfig()
    t = np.arange(80_000) / 16_000
    wave = np.sin(2 * np.pi * 1000 * t) * ((t > 2) & (t < 3))
    mel = log_mel(torch.from_numpy(wave.astype(np.float32))[None], config)[0]
    assert mel.shape == (250, 64)
    band = mel.mean(0).argmax().item()
    loud = (mel[:, band] > -5).nonzero().flatten() * config.hop / config.rate
    assert 1.95 < loud.min() < 2.05 and 2.95 < loud.max() < 3.05
    assert mel[:90].max() == pytest.approx(np.log(config.floor))


def test_silence_is_the_floor_and_too_little_sound_is_refused():
    config = MelConfig()
    assert (log_mel(torch.zeros(1, 16_000), config) == np.log(config.floor)).all()
    with pytest.raises(ValueError, match="fewer than one window"):
        log_mel(torch.zeros(1, 100), config)


class FakeClip:
    """A clip of a given length whose pixels and sound say what time it is."""

    def __init__(self, duration_s, has_video=True, has_audio=True):
        self.duration_s, self.has_video, self.has_audio = duration_s, has_video, has_audio
        self.size, self.asked = (320, 240), []

    def read_frames(self, times_s, size):
        from emo_core.clip import DecodedFrames

        self.asked += list(times_s)
        times_s = np.floor(np.asarray(times_s) * 25) / 25
        pixels = np.zeros((len(times_s), size[1], size[0], 3), np.uint8)
        pixels += (times_s * 10).astype(np.uint8)[:, None, None, None]
        return DecodedFrames(pixels, times_s)

    def audio(self, rate, start_s, end_s):
        return np.full(round((end_s - start_s) * rate), 0.5, np.float32)


def test_a_window_in_the_middle_knows_its_own_clock():
    decoded = decode_window(FakeClip(20.0), CONFIG, 10.0, 15.0)
    sample = to_sample(decoded, CONFIG)
    assert sample.start_s == 10 and sample.video_mask.all() and sample.mel_mask.all()
    assert (sample.video_times_s >= 0).all() and (sample.video_times_s < 5).all()
    assert abs(sample.video_times_s - torch.from_numpy(frame_times(CONFIG))).max() <= 0.041
    assert sample.video[0, 0, 0, 0] == int((10 + sample.video_times_s[0].item() + 1e-4) * 10)


def test_a_short_clip_is_masked_after_its_end():
    clip = FakeClip(3.0)
    sample = to_sample(decode_window(clip, CONFIG, 0, 3.0), CONFIG)
    assert max(clip.asked) < 3.0
    assert sample.video_mask.sum() == (frame_times(CONFIG) < 3).sum()
    assert sample.mel_mask.sum() == 150
    assert (sample.mel[160:] == np.log(CONFIG.mel.floor)).all()


def test_the_shortest_clip_shows_its_frame():
    sample = to_sample(decode_window(FakeClip(0.04), CONFIG, 0, 0.04), CONFIG)
    assert sample.video_mask.tolist() == [True] + [False] * 15


@pytest.mark.parametrize("has_video,has_audio", [(True, False), (False, True)])
def test_a_missing_modality_is_masked_whole(has_video, has_audio):
    clip = FakeClip(5.0, has_video, has_audio)
    sample = to_sample(decode_window(clip, CONFIG, 0, 5.0), CONFIG)
    assert bool(sample.video_mask.any()) == has_video == bool(sample.video.any())
    assert bool(sample.mel_mask.any()) == has_audio


def test_collate_keeps_order_and_targets():
    decoded = [
        DecodedWindow(
            np.full((16, 72, 96, 3), i, np.uint8),
            np.zeros(16, np.float32),
            np.zeros(80_000, np.int16),
            5.0,
            5.0,
        )
        for i in range(3)
    ]
    batch = collate([to_sample(d, CONFIG) for d in decoded], [2, 1, 0])
    assert batch.video[:, 0, 0, 0, 0].tolist() == [0, 1, 2] and batch.target.tolist() == [2, 1, 0]
    assert batch.without("audio").mel_mask.sum() == 0 and batch.mel_mask.all()


def test_bytes_after_the_token_for_all_and_padding_behind():
    tokens, mask = tokens_of("Aß", 6)
    assert tokens.tolist() == [CLS, 65 + FIRST, 0xC3 + FIRST, 0x9F + FIRST, 0, 0]
    assert mask.tolist() == [True] * 4 + [False] * 2
    assert tokens.dtype == torch.int64 and mask.dtype == torch.bool


def test_a_long_text_is_cut_and_every_token_is_in_the_vocabulary():
    tokens, mask = tokens_of("\x00\xff€" * 50, 20)
    assert tokens.shape == (20,) and mask.all()
    assert tokens.min() >= CLS and tokens.max() < FIRST + 256


@pytest.mark.parametrize("nothing", ["", "  \n"])
def test_no_text_is_masked_whole(nothing):
    tokens, mask = tokens_of(nothing, 4)
    assert not tokens.any() and not mask.any()
    assert tokens_of("words", 0)[0].shape == (0,)


def test_half_a_character_does_no_harm():
    assert tokens_of("\ud83d", 4)[1].tolist() == [True, True, False, False]


@pytest.fixture
def library(monkeypatch):
    """Stands in for transformers, with a tokenizer that knows the lengths of words."""

    def put(from_pretrained):
        fake = types.ModuleType("transformers")
        fake.AutoTokenizer = types.SimpleNamespace(from_pretrained=from_pretrained)
        monkeypatch.setitem(sys.modules, "transformers", fake)
        sample._load_tokenizer.cache_clear()

    yield put
    sample._load_tokenizer.cache_clear()


def test_a_named_tokenizer_is_asked_offline_and_cut(library):
    asked = []

    def from_pretrained(name, local_files_only):
        asked.append((name, local_files_only))
        return lambda words, truncation, max_length: {
            "input_ids": [2, *map(len, words.split()), 3][:max_length]
        }

    library(from_pretrained)
    tokens, mask = tokens_of("one three", 6, "albert-base-v2")
    assert tokens.tolist() == [2, 3, 5, 3, 0, 0] and mask.sum() == 4
    assert tokens_of("a b c d e f", 4, "albert-base-v2")[0].tolist() == [2, 1, 1, 1]
    assert asked == [("albert-base-v2", True)]  # once; EMO_OFFLINE is set in tests


def test_a_tokenizer_that_is_not_here_is_one_sentence(library, monkeypatch):
    def from_pretrained(name, local_files_only):
        raise OSError("no such file\nand much advice")

    library(from_pretrained)
    with pytest.raises(TextError, match=r"^the files of the tokenizer 'x' can't be had \(no such"):
        tokens_of("words", 4, "x")
    sample._load_tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TextError, match=r"needs the package transformers.*reads bytes\.$"):
        tokens_of("words", 4, "x")


def test_a_real_tokenizer_from_local_files(tmp_path):
    transformers = pytest.importorskip("transformers")
    words = ["<pad>", "<unk>", "[CLS]", "[SEP]", "yes", "no"]
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>")
    fast.save_pretrained(tmp_path)
    sample._load_tokenizer.cache_clear()
    tokens, mask = tokens_of("yes no", 6, str(tmp_path))
    assert tokens.tolist() == [2, 4, 5, 3, 0, 0] and mask.sum() == 4


@pytest.mark.parametrize("size", [(97, 50), (50, 97), (33, 33), (640, 361), (31, 40)])
@pytest.mark.parametrize("resize_mode", ["pad", "crop"])
def test_points_follow_pixels_also_on_odd_margins(size, resize_mode):
    """A bright pixel's middle, found again in the sample, is where its point was moved to."""
    config = SampleConfig(width=96, height=72, resize_mode=resize_mode)
    scaled = resize_size(size, config)
    for across, down in ((0.5, 0.5), (0.4, 0.55), (0.55, 0.45)):
        image = np.zeros((1, scaled[1], scaled[0], 3), np.uint8)
        x, y = int(across * scaled[0]), int(down * scaled[1])
        image[0, y, x] = 255
        _, row, column, _ = np.argwhere(pad_or_crop(image, config))[0]
        point = np.array([(x + 0.5) / scaled[0], (y + 0.5) / scaled[1]])
        moved = to_sample_points(point, size, config) * (config.width, config.height)
        assert moved == pytest.approx((column + 0.5, row + 0.5), abs=1e-4)
