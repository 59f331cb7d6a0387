"""Diagrams are what their script draws, readable, and true of the shipped models."""

import math
import re
from xml.etree import ElementTree

import draw_diagrams
import pytest
import torch
from diagrams.svg import SMALLEST, WIDTH, Drawing

from emo_core.attribution.types import PRESETS
from emo_core.checkpoint import load_checkpoint
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import blank_sample

NAMES = sorted(draw_diagrams.DIAGRAMS)
SVG = "{http://www.w3.org/2000/svg}"


def faults(text: str) -> list[str]:
    """What keeps a diagram from being read: words missing, too small, or outside the page."""
    root = ElementTree.fromstring(text)
    found = [name for name in ("title", "desc") if not (root.findtext(SVG + name) or "").strip()]
    for label in root.iter(SVG + "text"):
        size, x = float(label.get("font-size")), float(label.get("x"))
        wide = 0.52 * size * len(label.text)  # about a sans serif's mean width
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[label.get("text-anchor")]
        found += [f"small: {label.text}"] if size < SMALLEST else []
        found += [f"outside: {label.text}"] if left < 8 or left + wide > WIDTH - 8 else []
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_is_what_its_script_draws_and_can_be_read(name):
    stored = (draw_diagrams.OUT / f"{name}.svg").read_text(encoding="utf-8")
    assert stored == draw_diagrams.DIAGRAMS[name]().svg(), "run python scripts/draw_diagrams.py"
    assert faults(stored) == []


def test_no_other_file_lies_beside_the_diagrams():
    assert sorted(path.stem for path in draw_diagrams.OUT.iterdir()) == NAMES
    assert len(NAMES) == 12


def test_small_and_cut_words_are_found():
    drawing = Drawing("Title", "What is in it")
    assert faults(drawing.svg()) == []
    drawing.label(480, 300, "tiny", size=12)
    drawing.label(920, 300, "beyond the edge")
    assert [fault.split(":")[0] for fault in faults(drawing.svg())] == ["small", "outside"]
    assert "desc" in faults(Drawing("Title", "").svg())


def words(name: str) -> str:
    """All that a diagram says."""
    root = ElementTree.fromstring(draw_diagrams.DIAGRAMS[name]().svg())
    return " ".join("".join(part.itertext()) for part in root)


@pytest.mark.parametrize("name", ["group", "mesm", "jmt"])
def test_parameters_are_those_of_the_shipped_model(name):
    model = load_checkpoint(f"{name}-staged").model
    diagram = words("group_model" if name == "group" else name)
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in diagram


def test_shapes_of_the_group_model_are_those_of_the_shipped_one():
    checkpoint = load_checkpoint("group-staged")
    batch = collate([blank_sample(checkpoint.sample)])
    shapes = {}
    for stream in ("video", "audio"):
        tower = getattr(checkpoint.model, stream)
        tower.backbone.trunk.register_forward_hook(
            lambda _, __, maps, stream=stream: shapes.update({stream: maps.shape[1:]})
        )
        tower.backbone.register_forward_hook(
            lambda _, __, seen, stream=stream: shapes.update({f"{stream} seen": seen.values.shape})
        )
    with torch.inference_mode():
        trace = checkpoint.model.eval()(batch).trace
    said = words("group_model")
    for shape in (batch.video.shape, batch.mel.shape, *shapes.values()):
        sizes = " × ".join(map(str, shape)).removeprefix("1 × ")  # one window
        assert sizes in said, sizes
    heads, asking, asked = trace.attention["video", "audio"][0].shape[1:]
    block = words("attention_block")
    width = checkpoint.model.config.width
    for part in (
        f"{heads} heads of {width // heads}",
        f"{asking} × {asked} a head",
        f"√{width // heads}",
        f"{width} → {4 * width}",
        f"{asking} × {width}",
    ):
        assert part in block, part


def test_numbers_of_sound_are_those_of_the_pocket_models():
    sample = load_checkpoint("group-staged").sample
    mel = sample.mel
    said = words("log_mel") + words("two_clocks")
    for part in (
        f"{sample.window_s * mel.rate:,.0f}",
        f"{mel.window} samples ({mel.window / mel.rate * 1000:.0f} ms)",
        f"every {mel.hop} ({mel.hop / mel.rate * 1000:.0f} ms)",
        f"{mel.window // 2 + 1} frequencies",
        f"{mel.bands} bands",
        f"{mel.lowest_hz:.0f} to {mel.highest_hz:,.0f} Hz",
        f"{mel.frames(sample.window_s)} × {mel.bands} numbers",
        f"{sample.frames} moments, {sample.window_s / sample.frames} s apart",
    ):
        assert part in said, part
    assert math.log10(mel.floor) == -5 and "10⁻⁵" in said


def test_choices_of_mesm_and_points_of_the_path_are_the_shipped_ones():
    checkpoint = load_checkpoint("mesm-staged")
    config, sample = checkpoint.model.config, checkpoint.sample
    kept = math.ceil(config.keep * sample.frames)
    said = words("mesm")
    assert f"keep {kept} of {sample.frames}" in said and f"{sample.frames} faces" in said
    assert f"mode={config.mode}" in said and f"{config.layers} layers" in said
    assert f"{PRESETS['standard'].steps} points" in words("integrated_gradients")


def test_scores_of_the_card_are_those_of_the_shipped_one():
    checkpoint = load_checkpoint("group-people")
    scores = checkpoint.training["held_out"]
    low, high = scores["interval"]
    said = words("model_card")
    numbers = re.findall(r"\d\.\d+|n = \d+", said)
    for value in (scores["accuracy"], low, high):
        assert any(abs(float(n) - value) < 6e-4 for n in numbers if n[0] == "0"), value
    assert f"n = {scores['n']}" in numbers
    assert f"{checkpoint.calibration.abstain_below:g}" in said
