"""The papers' claims, tested again on drawn groups: every run, every seed, one table.

    python benchmarks/claims.py [--out runs/claims] [--seeds 0 1 2] [--only NAME…]

Trains what is missing under --out (two runs at a time, one thread each), scores each finished run
once on the test split, and writes docs/claims.md from all scores that are there. It takes hours on
two cores; a killed call goes on where it was.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided 95 %, by number of seeds


@dataclass(frozen=True)
class Variant:
    """One way to train: a recipe and what is changed in it."""

    recipe: str
    settings: tuple[str, ...] = ()
    corpus: str = "staged"


@dataclass(frozen=True)
class Claim:
    """`better` beats `worse` in `score` by more than `margin` (negative: loses at most that)."""

    text: str
    source: str
    better: str
    worse: str
    score: str = "accuracy"
    margin: float = 0.0


VARIANTS = {
    "group-two-way": Variant("group-staged"),
    "group-video": Variant("group-staged", ("settings.fusion=video",)),
    "group-audio": Variant("group-staged", ("settings.fusion=audio",)),
    "group-late": Variant("group-staged", ("settings.fusion=late",)),
    "group-frozen": Variant("group-staged", ("frozen=true",)),
}
CLAIMS = (
    Claim("Fusion beats the picture alone", "1, abstract", "group-two-way", "group-video"),
    Claim("Fusion beats the sound alone", "1, abstract", "group-two-way", "group-audio"),
    Claim(
        "Cross-modal attention beats late fusion where timing matters", "1, abstract",
        "group-two-way", "group-late", "per_regime.synced.accuracy",
    ),
    Claim(
        "End-to-end training beats frozen backbones (warmed-up pictures, random sound)",
        "1, abstract", "group-two-way", "group-frozen",
    ),
)  # fmt: skip


def emo(*words: str) -> dict:
    """Runs one `emo` command with one thread; returns its JSON."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "emo_core", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode == 2:
        raise SystemExit(f"claims: emo {words[0]} {words[1]} did nothing; its reason stands above.")
    return json.loads(done.stdout)


def run(name: str, seed: int, out: Path, data: Path) -> dict:
    """Trains and scores one variant with one seed, or reads what an earlier call left."""
    folder = out / f"{name}-{seed}"
    scores = folder / "test.json"
    if not scores.is_file():
        variant = VARIANTS[name]
        settings = [word for s in variant.settings for word in ("--set", s)]
        emo(
            "train", variant.recipe, "--data", str(data), "--out", str(folder), "--seed", str(seed),
            "--resume", *settings,
        )  # fmt: skip
        result = emo(
            "evaluate", str(folder), "--data", str(data), "--corpus", variant.corpus,
            "--split", "test",
        )  # fmt: skip
        scores.write_text(json.dumps(result) + "\n", encoding="utf-8")
    return json.loads(scores.read_text(encoding="utf-8"))


def value(scores: dict, path: str) -> float:
    """One number of nested scores: "per_regime.synced.accuracy"."""
    for part in path.split("."):
        scores = scores[part]
    return float(scores)


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds with its two-sided 95 % t interval; one seed has no interval."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = STUDENT_T[len(values)] * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def verdict(low: float, high: float, margin: float) -> str:
    """Whether a difference with this interval is above the margin."""
    if np.isnan(low):
        return "one seed: no verdict"
    return "holds" if low > margin else "does not hold" if high < margin else "undecided"


def shown(mean: float, low: float, high: float) -> str:
    return f"{mean:.3f}" + ("" if np.isnan(low) else f" ({low:.3f} to {high:.3f})")


def table(found: dict[str, dict[int, dict]]) -> str:
    """docs/claims.md from {variant: {seed: scores}}."""
    lines = [
        "# The papers' claims on drawn groups", "",
        "Written by `python benchmarks/claims.py`. Test split of `staged`; each difference is "
        "taken seed by seed and has a 95 % t interval over the seeds.", "",
        "| claim | paper | score | with | without | difference | verdict | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for claim in CLAIMS:
        seeds = sorted(set(found.get(claim.better, ())) & set(found.get(claim.worse, ())))
        if not seeds:
            lines.append(f"| {claim.text} | {claim.source} | {claim.score} | | | | not run | |")
            continue
        pair = np.array(
            [[value(found[n][s], claim.score) for n in (claim.better, claim.worse)] for s in seeds]
        )
        difference = interval(pair[:, 0] - pair[:, 1])
        lines.append(
            f"| {claim.text} | {claim.source} | {claim.score} | {pair[:, 0].mean():.3f} | "
            f"{pair[:, 1].mean():.3f} | {shown(*difference)} | "
            f"{verdict(*difference[1:], claim.margin)} | {len(seeds)} |"
        )
    lines += ["", "## Every variant", "", "| variant | score | mean over seeds | each seed |",
              "|---|---|---|---|"]  # fmt: skip
    for name, runs in found.items():
        for score in variant_scores(next(iter(runs.values()))):
            values = np.array([value(runs[s], score) for s in sorted(runs)])
            each = ", ".join(f"{v:.3f}" for v in values)
            lines.append(f"| {name} | {score} | {shown(*interval(values))} | {each} |")
    return "\n".join(lines) + "\n"


def variant_scores(scores: dict) -> list[str]:
    """Which scores of a run the table shows."""
    regimes = [f"per_regime.{name}.accuracy" for name in scores.get("per_regime", {})]
    return [name for name in ("accuracy", "f1", "ccc") if name in scores] + regimes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "claims")
    parser.add_argument("--data", type=Path, default=ROOT / "runs" / "staged")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    args = parser.parse_args()
    if not (args.data / "truth.jsonl").is_file():
        emo("data", "make", "staged", str(args.data))
    jobs = [(name, seed) for seed in args.seeds for name in args.only]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda job: run(*job, args.out, args.data), jobs)
        found: dict[str, dict[int, dict]] = {}
        for (name, seed), scores in zip(jobs, results, strict=True):
            found.setdefault(name, {})[seed] = scores
    text = table(found)
    (ROOT / "docs" / "claims.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
