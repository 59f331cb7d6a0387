"""What `group-people` says of held-out people, as lesson 11 analyses it: numbers, no recordings.

    python -m benchmarks lesson_people --data CORPUS --sources DIR [--model NAME] [--limit N]
        [--split test] [--out notebooks/real_people.csv]

CORPUS is made by `emo data make collage --sources DIR`. A row is one composed clip (with both,
with the sound alone and with the picture alone), one voice, or one photograph. Persons of
photographs are numbered anew. Beside the table, a file .json says what it was made with.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.experiments.real_inputs import Case, collages, people
from benchmarks.experiments.real_rivals import ModelRival, Told, some, tell_all
from emo_core.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.sources import read_sources

ROOT = Path(__file__).parents[2]
OUT = ROOT / "notebooks" / "real_people.csv"
CONDITIONS = {"both": "", "sound": "video", "picture": "audio"}  # name -> hidden modality
HEAD = ("set", "kind", "source", "faces", "speakers", "truth", "sure")
SCORES = tuple(f"{name}_{label}" for name in CONDITIONS for label in POLARITIES)
Row = dict[str, str]


def scene_facts(root: Path) -> dict[str, dict[str, str]]:
    """Faces and speakers of each composed clip, from the corpus's truth.jsonl."""
    facts = {}
    with (root / "truth.jsonl").open(encoding="utf-8") as lines:
        for scene in map(json.loads, lines):
            voices = {s["speaker"] for s in scene["sounds"] if s["kind"] == "voice"}
            facts[scene["clip"].partition("/")[2]] = {
                "faces": str(len(scene["people"])),
                "speakers": " ".join(sorted(voices)),
            }
    return facts


def row_of(name: str, case: Case, told: dict[str, Told], facts: dict[str, str]) -> Row:
    """One line of the table. told: condition -> answer, of the conditions that there are."""
    scores = {
        f"{condition}_{label}": f"{p:.4g}"
        for condition, answer in told.items()
        for label, p in zip(POLARITIES, answer.probabilities, strict=True)
    }
    sure = next(iter(told.values()))
    about = {"set": name, "kind": case.kind, "truth": case.truth, "source": case.group}
    return {**about, **facts, **scores, "sure": str(int(not sure.abstains))}


def rows(args: argparse.Namespace, checkpoint: Checkpoint) -> Iterator[Row]:
    """Composed clips, then voices, then photographs."""
    rivals = {"model": ModelRival(checkpoint)}
    facts, persons = scene_facts(args.data), {}
    composed = some(collages(args.data, args.split), args.limit)
    for case in composed:
        found = tell_all([case], rivals, tuple(CONDITIONS.values()))
        told = {name: found["model", hidden][0] for name, hidden in CONDITIONS.items()}
        yield row_of("collage", case, told, facts[case.name.rpartition("/")[2]])
    pool = read_sources(args.sources)
    for name, kind, condition in (("voice", "voice", "sound"), ("face", "face", "picture")):
        for case in some(people(pool, kind, args.split), args.limit):
            (told,) = tell_all([case], rivals)["model", ""]
            row = row_of(name, case, {condition: told}, {})
            if name == "face":
                row["source"] = f"person {persons.setdefault(case.group, len(persons) + 1)}"
            yield row


def summary(found: list[Row]) -> dict[str, float]:
    """UAR of each set, which must be that of MEASURED.md for the same model and corpus."""
    scores = {}
    for name, condition in (("collage", "both"), ("voice", "sound"), ("face", "picture")):
        part = [row for row in found if row["set"] == name]
        hits: dict[str, list[bool]] = {}
        for row in part:
            said = max(POLARITIES, key=lambda label, row=row: float(row[f"{condition}_{label}"]))
            hits.setdefault(row["truth"], []).append(said == row["truth"])
        recalls = [sum(right) / len(right) for right in hits.values()]
        scores[f"{name}, {len(part)}"] = round(sum(recalls) / len(recalls), 4)
    return scores


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--sources", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", default="group-people")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--limit", type=int, help="cases of each set, to try this script")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    checkpoint = load_checkpoint(args.model)
    found = list(rows(args, checkpoint))
    with args.out.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, (*HEAD, *SCORES), restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(found)
    weights = find_checkpoint(args.model) / "model.safetensors"
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True
    )
    made = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": "python -m benchmarks lesson_people --data CORPUS --sources DIR"
        + (f" --limit {args.limit}" if args.limit else ""),
        "commit": commit.stdout.strip()[:12],
        "model": args.model,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "split": args.split,
        "temperature": checkpoint.calibration.temperature,
        "abstains_below": checkpoint.calibration.abstain_below,
        "uar": summary(found),
        "processor_minutes": round(time.process_time() / 60, 1),
    }
    args.out.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
