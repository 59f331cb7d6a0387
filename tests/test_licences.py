"""Each model says its licence, and package, notices and documentation say the same."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from emo_core.checkpoint import (
    SHIPPED,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
    shipped_checkpoints,
)
from emo_core.inference.presence import DRAWN_DETECTOR, VOICE_DETECTOR
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.licences import (
    NOT_STATED,
    OTHER,
    SPDX,
    component_licences,
    licence_expression,
    spdx_of,
    stated_licence,
)
from emo_core.models.group import POCKET, Group
from emo_core.models.layers.whisper import WHISPER_MEL
from emo_core.preprocess.sample import SampleConfig
from emo_core.training.model_card import model_card
from emo_core.training.run import origin_of

ROOT = Path(__file__).parents[1]
NOTICES = (ROOT / "THIRD_PARTY_NOTICES").read_text(encoding="utf-8")
OWN = (ROOT / "LICENSE-WEIGHTS").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXTS = {"MIT": "MIT License", "BSD-2-Clause": "BSD 2-Clause License"}
DRAWN, REAL = "MIT", "CC-BY-NC-SA-4.0"


def stating(checkpoint: Checkpoint, licence: str | None) -> Checkpoint:
    stated = {**checkpoint.training["data_statement"], "licence": licence}
    told = {**checkpoint.training, "data_statement": stated if licence is not None else None}
    return replace(checkpoint, training=told)


def with_encoders(trained: bool) -> Checkpoint:
    """Fresh weights whose data statement is that of group-collage."""
    settings = replace(POCKET, people="expression", speech="whisper", train_encoders=trained)
    sample = SampleConfig(frames=2, people=2, face_size=0, mel=WHISPER_MEL)
    shipped = load_checkpoint("group-collage")
    return replace(shipped, model=Group(settings).eval(), settings=settings, sample=sample)


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("MIT, as the code.", "MIT"),
        ("CC BY-NC-SA 4.0, no commercial use", "CC-BY-NC-SA-4.0"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("Ask us first.", OTHER),
        ("", NOT_STATED),
        (None, NOT_STATED),
    ],
)
def test_own_weights_have_the_licence_that_their_data_states(text, licence):
    assert stated_licence(stating(load_checkpoint("group-staged"), text)) == licence


def test_frozen_encoders_add_their_licences_and_are_named_by_digest():
    checkpoint = with_encoders(trained=False)
    assert licence_expression(checkpoint) == f"{REAL} AND BSD-2-Clause AND MIT" or (
        licence_expression(checkpoint) == f"{REAL} AND MIT AND BSD-2-Clause"
    )
    digests = {part.sha256 for part in component_licences(checkpoint)} - {""}
    used = set(SHIPPED_WEIGHTS) - {VOICE_DETECTOR, DRAWN_DETECTOR}
    assert digests == {SHIPPED_WEIGHTS[name].sha256 for name in used}
    card = model_card(checkpoint)
    assert all(digest in card for digest in digests) and "documented nowhere" in card
    total = sum(part.parameters for part in component_licences(checkpoint))
    assert total == sum(p.numel() for p in checkpoint.model.parameters())


def test_encoders_that_learned_further_keep_their_licences():
    checkpoint = with_encoders(trained=True)
    parts = {part.about: part for part in component_licences(checkpoint) if not part.sha256}
    assert SHIPPED_WEIGHTS["whisper-tiny-2"].origin in parts
    assert "BSD-2-Clause" in licence_expression(checkpoint)


def test_weights_carry_the_licence_of_those_that_they_started_from():
    origin = origin_of("group-collage")
    assert origin["name"] == "group-collage" and spdx_of(origin["licence"]) == REAL
    mine = stating(load_checkpoint("group-staged"), "CC BY 4.0")
    assert licence_expression(mine) == "CC-BY-4.0" and "started from" not in model_card(mine)
    fine_tuned = replace(mine, training={**mine.training, "started_from": origin})
    assert licence_expression(fine_tuned) == f"CC-BY-4.0 AND {REAL}"
    assert "started from group-collage, whose licence is: CC BY-NC-SA 4.0" in model_card(fine_tuned)
    unstated = replace(mine, training={**mine.training, "started_from": {**origin, "licence": ""}})
    assert licence_expression(unstated) == f"CC-BY-4.0 AND {NOT_STATED}"
    assert "whose licence is: not stated" in model_card(unstated)


@pytest.mark.parametrize("own", [None, "CC BY 4.0"])
def test_the_licence_goes_on_from_model_to_model(tmp_path, own):
    origin = origin_of("group-collage")
    mine = stating(load_checkpoint("group-staged"), own)
    mine = replace(mine, training={**mine.training, "started_from": origin})
    save_checkpoint(tmp_path / "mine", mine, model_card(mine), "")
    assert spdx_of(origin_of(str(tmp_path / "mine"))["licence"]) == REAL


def test_what_has_no_encoder_has_no_notice_of_one():
    assert licence_expression(load_checkpoint("group-staged")) == DRAWN
    assert licence_expression(load_checkpoint("group-collage")) == REAL


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_package_files_and_page_say_what_a_checkpoint_says(name):
    checkpoint = load_checkpoint(name)
    own = stated_licence(checkpoint)
    assert own in SPDX.values() and own in PROJECT["license"].split(" AND ")
    assert set(licence_expression(checkpoint).split(" AND ")) <= set(
        PROJECT["license"].split(" AND ")
    )
    spoken = next(text for text, spdx in SPDX.items() if spdx == own)
    (paragraph,) = [part for part in OWN.split("\n\n") if re.search(rf"{name}[,. ]", part)]
    assert paragraph.startswith(spoken)
    (row,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line]
    assert row.split("|")[2].strip() == own
    assert (
        f"Together: {licence_expression(checkpoint)}." in (SHIPPED / name / "card.md").read_text()
    )


@pytest.mark.parametrize("shipped", SHIPPED_WEIGHTS.values(), ids=lambda s: s.file)
def test_weights_of_others_come_with_their_notice(shipped):
    start = NOTICES.index(f"\n{shipped.file}\n")
    notice = NOTICES[start : NOTICES.find("=" * 40, start) % (len(NOTICES) + 1)]
    for spdx in shipped.licence.split(" AND "):
        assert TEXTS[spdx] in notice and spdx in PROJECT["license"]
    (row,) = [line for line in PAGE.splitlines() if f"| `{shipped.file}` |" in line]
    assert row.split("|")[2].strip() == shipped.licence


def test_the_wheel_has_every_licence_file_and_no_licence_too_many():
    assert all((ROOT / file).is_file() for file in PROJECT["license-files"])
    assert {"LICENSE", "LICENSE-WEIGHTS", "THIRD_PARTY_NOTICES"} == set(PROJECT["license-files"])
    used = {"MIT"}  # the code
    for name in shipped_checkpoints():
        used |= set(licence_expression(load_checkpoint(name)).split(" AND "))
    for shipped in SHIPPED_WEIGHTS.values():
        used |= set(shipped.licence.split(" AND "))
    assert set(PROJECT["license"].split(" AND ")) == used
    assert f"`{PROJECT['license']}`" in PAGE
