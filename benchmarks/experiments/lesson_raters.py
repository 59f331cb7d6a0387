"""What raters of CREMA-D said, and `group-people` of six of its clips, as lesson 0 shows it.

    python -m benchmarks lesson_raters --data CREMA-D [--clips DIR] [--out notebooks/raters.json]

CREMA-D is the publisher's repository, of which processedResults is read; CLIPS holds the six clips
of actor 1001, sentence DFA (else they are taken from CREMA-D/VideoFlash). Numbers, no recordings.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from emo_core import load_clip, load_model, predict
from emo_core.attribution.counterfactuals import answers, drop, mute, shift_sound
from emo_core.checkpoint import Checkpoint, find_checkpoint
from emo_core.data.open_corpora.cremad_votes import LABELS, Votes, read_votes

ROOT = Path(__file__).parents[2]
ACTED = {name[:3].upper(): name for name in LABELS}
SHOWN = [f"1001_DFA_{name}_XX" for name in ACTED]
LATE = 2  # frames of the model's own


def alpha(rows: list[tuple[int, ...]]) -> float:
    """Krippendorff's alpha of named classes; a row holds one clip's votes by class."""
    rated = [row for row in rows if sum(row) > 1]
    apart = sum(n * (sum(row) - n) / (sum(row) - 1) for row in rated for n in row)
    totals = [sum(column) for column in zip(*rated, strict=True)]
    by_chance = sum(n * (sum(totals) - n) for n in totals) / (sum(totals) - 1)
    return 1 - apart / by_chance


def same(row: tuple[int, ...]) -> float:
    """The chance that two raters of one clip named the same."""
    count = sum(row)
    return sum(n * (n - 1) for n in row) / (count * (count - 1))


def summary(votes: Votes, condition: str) -> dict:
    """Counts of all votes by what was acted, and how far raters agree."""
    rows = {clip: found[condition] for clip, found in votes.items()}
    named: dict[str, Counter] = {label: Counter() for label in LABELS}
    for clip, row in rows.items():
        named[ACTED[clip.split("_")[2]]].update(dict(zip(LABELS, row, strict=True)))
    rated = [row for row in rows.values() if sum(row) > 1]
    return {
        "clips": len(rows),
        "votes": {acted: [counts[label] for label in LABELS] for acted, counts in named.items()},
        "pairs_that_agree": round(sum(map(same, rated)) / len(rated), 4),
        "alpha": round(alpha(rated), 4),
        "of_one_mind": round(sum(max(row) == sum(row) for row in rated) / len(rated), 4),
    }


def told(checkpoint: Checkpoint, path: Path) -> dict:
    """The model's probabilities of one clip as it is, and changed."""
    prediction = predict(load_clip(path), checkpoint)
    (sample,), mel = prediction.samples, checkpoint.sample.mel
    changed = {
        "both": sample,
        "audio": drop(sample, "picture"),
        "video": drop(sample, "sound"),
        "muted": mute(sample, mel),
        "late": shift_sound(sample, LATE, mel),
    }
    said = answers(checkpoint, list(changed.values()))
    rounded = [{label: round(p, 4) for label, p in one.items()} for one in said]
    return {"abstains": prediction.abstains, **dict(zip(changed, rounded, strict=True))}


def commit_of(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="CREMA-D")
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--corpus-commit", default="", help="where the folder is no repository")
    parser.add_argument("--model", default="group-people")
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks" / "raters.json")
    args = parser.parse_args()
    votes, problems = read_votes(args.data)
    assert votes and not problems, problems
    checkpoint = load_model(args.model)
    weights = find_checkpoint(args.model) / "model.safetensors"
    clips = args.clips or args.data / "VideoFlash"
    conditions = ("audio", "video", "both")
    made = {
        "about": "Contains information from CREMA-D (Cao et al. 2014, doi 10.1109/TAFFC.2014."
        "2336244), made available under the Open Database License 1.0. Counts only.",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": "python -m benchmarks lesson_raters --data CREMA-D",
        "commit": commit_of(ROOT),
        "corpus_commit": args.corpus_commit or commit_of(args.data),
        "model": args.model,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "labels": list(LABELS),
        "raters": {name: summary(votes, name) for name in conditions},
        "clips": {
            clip: {
                "votes": {name: list(votes[clip][name]) for name in conditions},
                "model": told(checkpoint, clips / f"{clip}.flv"),
            }
            for clip in SHOWN
        },
    }
    args.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: made["raters"][name]["alpha"] for name in conditions}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
