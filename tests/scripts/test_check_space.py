"""The repository as a Space: what `make space` refuses."""

from pathlib import Path

import check_space as space
import pytest
from check_space import SpaceError

from emo_core.checkpoint import CARD, SHIPPED, shipped_checkpoints

ROOT = Path(__file__).parents[2]

README = (ROOT / "README.md").read_text(encoding="utf-8")
PINS = (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_this_repository_has_the_form_of_a_space():
    front = space.front_matter(README)
    space.check_front_matter(front, ROOT)
    space.check_pins(front, PINS)
    space.check_sizes(space.tracked(ROOT))


@pytest.mark.parametrize(
    "change",
    [
        {"sdk": "docker"},
        {"colorFrom": "mauve"},
        {"emoji": "x"},
        {"app_file": "nowhere.py"},
        {"python_version": "3.14"},
        {"short_description": "x" * 61},
        {"unheard_of": "1"},
    ],
)
def test_settings_that_hugging_face_does_not_take_are_refused(change):
    with pytest.raises(SpaceError, match="front matter"):
        space.check_front_matter({**space.front_matter(README), **change}, ROOT)


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "--index-url https://example.org",
        "numpy==2.4.6 ; sys_platform",
        "git+https://example.org/x",
    ],
)
def test_requirements_that_are_no_exact_version_are_refused(line):
    with pytest.raises(SpaceError, match=r"requirements\.txt"):
        space.check_pins(space.front_matter(README), f"{PINS}\n{line}")


def test_versions_that_disagree_and_large_files_are_refused(tmp_path):
    front = space.front_matter(README)
    with pytest.raises(SpaceError, match="gradio"):
        space.check_pins({**front, "sdk_version": "5.0.0"}, PINS)
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(space.MOST_BYTES + 1)
    with pytest.raises(SpaceError, match=r"large.bin has 10.0 MB"):
        space.check_sizes([large])
    pointer = tmp_path / "pointer"
    pointer.write_bytes(b"version https://git-lfs.example/spec/v1\n")
    with pytest.raises(SpaceError, match="pointer"):
        space.check_sizes([pointer])
    with pytest.raises(SpaceError, match="does not begin"):
        space.front_matter("# emo\n")


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_every_shipped_card_has_its_headings(name):
    text = (SHIPPED / name / CARD).read_text(encoding="utf-8")
    for heading in ("Scores on held-out sources", "Calibration", "Intended and forbidden use"):
        assert f"## {heading}" in text
    assert "never what a person feels" in text


def test_the_use_policy_says_what_is_not_allowed():
    text = (ROOT / "USE_POLICY.md").read_text(encoding="utf-8")
    for words in ("perceived group affect", "Not at work", "Article 5(1)(f)", "within the\n  hour"):
        assert words in text
