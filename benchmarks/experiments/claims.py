"""The papers' claims, tested again on drawn groups: every run, every seed, one table.

    python -m benchmarks.experiments.claims [--out runs/claims] [--seeds 0 1 2] [--only NAME…]

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

ROOT = Path(__file__).parents[2]
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided 95 %, by number of seeds


@dataclass(frozen=True)
class Variant:
    """One way to train and score: a recipe, changed settings, a defect of `published_defects`."""

    recipe: str
    settings: tuple[str, ...] = ()
    corpus: str = "staged"
    defect: str = ""
    trained: str = ""  # the variant whose runs are scored; "" = it trains its own


@dataclass(frozen=True)
class Claim:
    """`better` beats `worse` in `score` by more than `margin` (negative: loses at most that)."""

    text: str
    source: str
    better: str
    worse: str
    score: str = "accuracy"
    margin: float = 0.0


EMOTIONS, AFFECT = "staged-emotions", "staged-affect"
SMALL = ("modalities=text,audio", "synthetic_scenes=0", "train.epochs=4")  # single sites are slow
VARIANTS = {
    "group-two-way": Variant("group-staged"),
    "group-video": Variant("group-staged", ("settings.fusion=video", "train.epochs=3")),
    "group-audio": Variant("group-staged", ("settings.fusion=audio", "train.epochs=4")),
    "group-late": Variant("group-staged", ("settings.fusion=late", "train.epochs=2")),
    "group-frozen": Variant("group-staged", ("frozen=true",)),
    "fe2e": Variant("fe2e-staged", (), EMOTIONS),
    "mesm-structured": Variant("mesm-staged", (), EMOTIONS),
    "mesm-trained": Variant("mesm-staged", ("mode=trained", *SMALL), EMOTIONS),
    "mesm-faithful": Variant("mesm-staged", ("mode=faithful", *SMALL), EMOTIONS),
    "mesm-published": Variant("mesm-staged", ("mode=faithful", *SMALL), EMOTIONS, "scrambled-rows"),
    "fe2e-tuned-on-test": Variant("fe2e-staged", (), EMOTIONS, "tuned-on-test", "fe2e"),
    "jmt-joint": Variant("jmt-staged", (), AFFECT),
    "jmt-vanilla": Variant("jmt-staged", ("settings.fusion=vanilla",), AFFECT),
    "jmt-concat": Variant("jmt-staged", ("settings.fusion=concat",), AFFECT),
    "jmt-vanilla-published": Variant(
        "jmt-staged", ("settings.fusion=vanilla",), AFFECT, "across-the-batch"
    ),
    "jmt-vanilla-published-alone": Variant(
        "jmt-staged", (), AFFECT, "across-a-batch-of-one", "jmt-vanilla-published"
    ),
}
CLAIMS = (
    Claim(
        "Fusion beats the picture alone",
        "[group, abstract](papers/group.md#what-the-paper-states)",
        "group-two-way",
        "group-video",
    ),
    Claim(
        "Fusion beats the sound alone",
        "[group, abstract](papers/group.md#what-the-paper-states)",
        "group-two-way",
        "group-audio",
    ),
    Claim(
        "Cross-modal attention beats late fusion where timing matters",
        "[group, abstract](papers/group.md#what-the-paper-states)",
        "group-two-way",
        "group-late",
        "per_regime.synced.accuracy",
    ),
    Claim(
        "End-to-end training beats frozen backbones (pictures warmed up, sound random)",
        "[group, abstract](papers/group.md#what-the-paper-states)",
        "group-two-way",
        "group-frozen",
    ),
    Claim(
        "MESM at half the computation keeps FE2E's F1 (within a point)",
        "[MESM, table 3](papers/mesm.md#published-scores)",
        "mesm-structured",
        "fe2e",
        "f1",
        -0.01,
    ),
    Claim(
        "Attention that learns beats the published one, which never does (words and sound)",
        "[MESM, defect 1](papers/mesm.md#d1)",
        "mesm-trained",
        "mesm-faithful",
        "f1",
    ),
    Claim(
        "Features at their own pixels beat the published row order (words and sound)",
        "[MESM, defect 2](papers/mesm.md#d2)",
        "mesm-faithful",
        "mesm-published",
        "f1",
    ),
    Claim(
        "Thresholds tuned on the scored split flatter the score",
        "[MESM, defect 6](papers/mesm.md#d6)",
        "fe2e-tuned-on-test",
        "fe2e",
        "f1",
    ),
    Claim(
        "A joint representation beats vanilla cross-attention",
        "[JMT, tables 5 to 7](papers/jmt.md#published-scores)",
        "jmt-joint",
        "jmt-vanilla",
        "ccc",
    ),
    Claim(
        "The same where faces and sound are both there and agree",
        "[JMT, tables 5 to 7](papers/jmt.md#published-scores)",
        "jmt-joint",
        "jmt-vanilla",
        "per_regime.both.ccc",
    ),
    Claim(
        "A joint representation beats concatenation",
        "[JMT, table 7](papers/jmt.md#published-scores)",
        "jmt-joint",
        "jmt-concat",
        "ccc",
    ),
    Claim(
        "Vanilla attention over time beats the published one, over the batch",
        "[JMT, defect 5](papers/jmt.md#d5)",
        "jmt-vanilla",
        "jmt-vanilla-published",
        "ccc",
    ),
    Claim(
        "The same, the published one scored a clip at a time",
        "[JMT, defect 5](papers/jmt.md#d5)",
        "jmt-vanilla",
        "jmt-vanilla-published-alone",
        "ccc",
    ),
)


def emo(*words: str, defect: str = "") -> dict:
    """Runs one `emo` command with one thread; returns its JSON."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    module = ["benchmarks.experiments.published_defects", defect] if defect else ["emo_core"]
    done = subprocess.run(
        [sys.executable, "-m", *module, *words, "--json"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode == 2:
        raise SystemExit(f"claims: emo {words[0]} {words[1]} did nothing; its reason stands above.")
    return json.loads(done.stdout)


def run(name: str, seed: int, out: Path, data: Path) -> dict:
    """Trains and scores one variant with one seed, or reads what an earlier call left."""
    variant, folder = VARIANTS[name], out / f"{name}-{seed}"
    trained, scores = out / f"{variant.trained or name}-{seed}", folder / "test.json"
    if not scores.is_file():
        settings = [word for s in variant.settings for word in ("--set", s)]
        if not variant.trained:
            emo(
                "train",
                variant.recipe,
                "--data",
                str(data),
                "--out",
                str(folder),
                "--seed",
                str(seed),
                "--resume",
                *settings,
                defect=variant.defect,
            )
        result = emo(
            "evaluate",
            str(trained),
            "--data",
            str(data),
            "--corpus",
            variant.corpus,
            "--split",
            "test",
            defect=variant.defect,
        )
        folder.mkdir(parents=True, exist_ok=True)
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
        "# The papers' claims on drawn groups",
        "",
        "Written by `python -m benchmarks.experiments.claims`. Test split of `staged`; each "
        "difference is taken seed by seed and has a 95 % t interval over the seeds.",
        "",
        "| claim | paper | score | with | without | difference | verdict | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
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
    lines += [
        "",
        "## Every variant",
        "",
        "| variant | score | mean over seeds | each seed |",
        "|---|---|---|---|",
    ]
    for name, runs in found.items():
        for score in variant_scores(next(iter(runs.values()))):
            values = np.array([value(runs[s], score) for s in sorted(runs)])
            each = ", ".join(f"{v:.3f}" for v in values)
            lines.append(f"| {name} | {score} | {shown(*interval(values))} | {each} |")
    return "\n".join(lines) + "\n"


def variant_scores(scores: dict) -> list[str]:
    """Which scores of a run the table shows: those of its task, and its main one by regime."""
    (main,) = {name for part in scores["per_regime"].values() for name in part} - {"n", "interval"}
    names = [name for name in ("accuracy", "f1", "ccc") if name in scores]
    return names + [f"per_regime.{regime}.{main}" for regime in scores["per_regime"]]


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
        own = [job for job in jobs if not VARIANTS[job[0]].trained]
        list(pool.map(lambda job: run(*job, args.out, args.data), own))
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
