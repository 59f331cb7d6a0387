"""Model cards, written from what was measured."""

from emo_core.checkpoint import Checkpoint
from emo_core.training.data_statements import WORLDS, World


def model_card(checkpoint: Checkpoint) -> str:
    """The model card of a finished run, from what was measured."""
    t = checkpoint.training
    scores = t["held_out"]
    columns = list(next(iter(scores["per_class"].values())))
    rows = [
        f"| {label} | {' | '.join(_cell(part[name]) for name in columns)} |"
        for label, part in scores["per_class"].items()
    ]
    return "\n".join(
        [
            f"# {checkpoint.name}",
            "",
            f"Recipe `{t['recipe']}`, seed {t['seed']}, corpus `{t['corpus']}`"
            + (f" and {t['rendered']} rendered scenes" if t["rendered"] else "")
            + ".",
            *_effort(t),
            t["world"],
            "",
            "## Scores on held-out sources",
            "",
            f"{checkpoint.task.summary(scores)}. Intervals are over sources.",
            "",
            f"| class | {' | '.join(columns).replace('_', ' ')} |",
            "|---" * (len(columns) + 1) + "|",
            *rows,
            "",
            "## Calibration",
            "",
            checkpoint.task.choice(checkpoint.calibration),
            "",
            *_world(t["corpus"]),
            "## Intended and forbidden use",
            "",
            f"For teaching and research. The label is {_label(t['corpus'])}; never what a person "
            "feels. Not for use at work, in class or on anybody who has not agreed.",
            "",
        ]
    )


def _effort(training: dict) -> list[str]:
    """The command that trains this again, and how long it took where that was one sitting."""
    if "minutes" not in training:
        return []
    return [
        f"`{training['command']}` took {training['minutes']:.0f} minutes ({training['machine']})."
    ]


def _label(corpus: str) -> str:
    world = WORLDS.get(corpus.split("-")[0])
    return world.label if world else World.label


def _world(corpus: str) -> list[str]:
    """What a known world's training data was, and what its model may be used for."""
    world = WORLDS.get(corpus.split("-")[0])
    parts = {
        "Sources": "sources",
        "Labels": "mapping",
        "Licence": "licence",
        "Known failures": "failures",
    }
    return [
        line
        for title, name in parts.items()
        if world
        for line in (f"## {title}", "", getattr(world, name), "")
    ]


def _cell(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
