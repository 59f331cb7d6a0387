"""Every recipe starts on a small tree of its corpus and writes a run that evaluates."""

import json
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.data.statement import NOT_STATED, STATEMENT
from emo_core.synthetic.composed.writer import make_collage, make_utterances
from emo_core.training.recipes import RECIPES, find_recipe
from tests.data import test_affwild2, test_iemocap, test_meld, test_mosei
from tests.support import open_trees
from tests.support.clip_folders import folder_of
from tests.synthetic import test_composed as test_collage
from tests.synthetic import test_utterances

SMALL = {  # the same wiring, so narrow that a step takes no time
    "group": (
        "video_backbone=slim",
        "audio_backbone=slim",
        "video_widths=4,4,8,8",
        "audio_widths=4,4,8,8",
        "settings.width=16",
        "pretrained=false",
        "sample.frames=4",
        "sample.width=48",
        "sample.height=36",
        "sample.mel.rate=16000",
        "highest_hz=7600",
        "thin=1",
    ),
    "mesm": (
        "text_encoder=bytes",
        "tokenizer=bytes",
        "vocabulary=260",
        "text_width=16",
        "text_layers=1",
        "text_heads=4",
        "text_feed_forward=16",
        "widths=4,4,8,8",
        "settings.hidden=8",
        "layers=1",
        "feed_forward=16",
        "pretrained=false",
        "sample.frames=4",
    ),
    "jmt": (
        "video_backbone=slim",
        "audio_backbone=slim",
        "video_widths=4,4,8,8",
        "audio_widths=4,4,8,8",
        "settings.width=16",
        "settings.hidden=16",
        "head_hidden=8",
        "pretrained=false",
        "sample.face_size=32",
    ),
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory, drawn):
    root = tmp_path_factory.mktemp("trees")
    made = {
        "iemocap": test_iemocap.make_release(root / "IEMOCAP_full_release"),
        "mosei": test_mosei.make_tree(root / "CMU_MOSEI"),
        "meld": test_meld.make_tree(root / "MELD"),
        "affwild2": test_affwild2.make_tree(root / "Aff-Wild2"),
        "cremad": open_trees.make_cremad(root / "CREMA-D"),
        "ravdess": open_trees.make_ravdess(root / "RAVDESS"),
        "gavid": open_trees.make_gavid(root / "GAViD"),
    }
    make_collage(root / "collage", test_collage.make_sources(root / "sources"), 4, 3, 1, 0, 1)
    made["collage"] = root / "collage"
    speakers = test_utterances.make_speakers(root / "speakers")
    made["utterances"] = root / "utterances"
    make_utterances(made["utterances"], speakers, 2, 4, 1, test_utterances.SEED, 1)
    made["folder"] = make_own_folder(root / "own")
    return {**made, **dict.fromkeys(("vgaf", "staged"), drawn)}


def make_own_folder(root: Path) -> Path:
    """Tiny clips of four people with a class, valence and arousal."""
    rows = [(f"p{p}_{i}", "xy"[i % 2], 0.5 * (-1) ** i) for p in range(4) for i in range(3)]
    table = "".join(f"{name},{label},{v},{-v}\n" for name, label, v in rows)
    clips = [f"{name}.mp4" for name, _, _ in rows]
    return folder_of(root, "file,label,valence,arousal\n" + table, *clips)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_starts_on_its_corpus_and_writes_a_run(name, trees, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path / "cache"))
    recipe = find_recipe(name)
    data = trees[recipe.corpus.split("-")[0]]
    kind = "mesm" if recipe.model == "fe2e" else recipe.model
    settings = [
        *SMALL[kind],
        "train.epochs=1",
        "train.batch=4",
        "accumulate=1",
        "synthetic_scenes=0",
    ]
    if name in ("mesm-wavlm", "jmt-wavlm"):
        settings += ["audio_encoder=wavlm_tiny"]
    if name == "group-collage":  # the same steps, of a few draws each
        steps = ("faces", "frames", "voices", "mixes")
        few = [f"{step}.{s}" for step in steps for s in ("passes=1", "draws=8")]
        settings += ["init_checkpoint=", "samples_on_the_fly=6", *few]
    if name == "group-people":
        few = [f"{step}.{s}" for step in ("voices", "mixes") for s in ("passes=1", "draws=8")]
        kept = ["features.videos=24", "features.audios=24", "samples_on_the_fly=6"]
        kept += ["features.more_faces=faces", "features.more_videos=8"]
        settings += ["init_checkpoint=", *kept, "num_workers=0", *few]
    if recipe.corpus.startswith("folder"):  # the shipped weights are larger
        settings += ["init_checkpoint="]
    if name in ("emotions-people", "affect-people"):
        kept = ["features.videos=24", "features.audios=40", "samples_on_the_fly=14"]
        kept += ["features.more_faces=faces", "features.more_videos=9"]
        settings += [*kept, "num_workers=0", "sample.face_size=0"]  # encoders cut out faces
    elif recipe.corpus == "utterances":
        few = [f"{step}.{s}" for step in ("faces", "voices") for s in ("passes=1", "draws=8")]
        settings += ["samples_on_the_fly=6", "frame_subsample=1", *few]
    words = [word for setting in settings for word in ("--set", setting)]
    run = tmp_path / "run"
    assert main(["train", name, "--data", str(data), "--out", str(run), "--json", *words]) in (0, 1)
    done = json.loads(capsys.readouterr().out)
    assert done["epochs"] == 1 and done["held_out"]["n"] > 0
    files = {path.name for path in (run / "checkpoint").iterdir()}
    stated = {STATEMENT} if (data / STATEMENT).exists() else set()
    assert files == {"config.json", "model.safetensors", "card.md"} | stated
    card = (run / "checkpoint" / "card.md").read_text(encoding="utf-8")
    assert (NOT_STATED in card) == (not stated)
    for ours in ("RAVDESS", "EMO-DB", "LFW", "ESC-10", "CC BY-NC-SA", "German"):
        assert ours not in card, f"{name} was trained on something else"
    words = ["--data", str(data), "--corpus", recipe.corpus, "--split", "val", "--json"]
    assert main(["evaluate", str(run), *words]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["n"] > 0


def test_the_recipes_name_every_published_table():
    text = " ".join(str(RECIPES[name].__doc__) for name in RECIPES)
    for source in ("2111.05890", "2103.09666", "table 3", "table 4", "2403.10488"):
        assert source in text, source
