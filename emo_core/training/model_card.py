"""Model cards, written from what was measured."""

from emo_core.checkpoint import Checkpoint
from emo_core.data.statement import HEADINGS
from emo_core.licences import component_licences, licence_expression


def model_card(checkpoint: Checkpoint) -> str:
    """The model card of a finished run, from what was measured."""
    t = checkpoint.training
    scores, stated = t["held_out"], t.get("data_statement") or {}
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
            + (f" and {t['synthetic_scenes']} rendered scenes" if t["synthetic_scenes"] else "")
            + ".",
            *_effort(t),
            checkpoint.data_warning,
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
            *_data(stated),
            *_components(checkpoint),
            "## Intended and forbidden use",
            "",
            f"For teaching and research. {_label(stated)} never what a person "
            "feels. Not for use at work, in class or on anybody who has not agreed.",
            "",
        ]
    )


def _effort(training: dict) -> list[str]:
    """The command that trains this again, and how long it took where that was one sitting."""
    if "minutes" not in training:
        return []
    minutes = round(training["minutes"])
    long = {0: "less than a minute", 1: "a minute"}.get(minutes, f"{minutes} minutes")
    return [f"`{training['command']}` took {long} ({training['machine']})."]


def _label(stated: dict[str, str]) -> str:
    """What the label is, as far as the data's statement says."""
    label = stated.get("label", "").rstrip(".")  # it stands in the middle of a sentence
    return f"The label is {label};" if label else "What the label means was not stated; it is"


def _data(stated: dict[str, str]) -> list[str]:
    """The statement's parts, but for what stands elsewhere in the card."""
    parts = {heading: stated.get(field) for heading, field in HEADINGS.items()}
    return [
        line
        for heading, text in parts.items()
        if text and heading not in ("Warning", "Label")
        for line in (f"## {heading}", "", text, "")
    ]


def _components(checkpoint: Checkpoint) -> list[str]:
    """What the model consists of, its licences, and the SHA-256 of what it only refers to."""
    rows = [
        f"| {part.component} | {part.parameters or '-'} | {part.licence} | {part.about} "
        f"| {f'`{part.sha256}`' if part.sha256 else '-'} |"
        for part in component_licences(checkpoint)
    ]
    return [
        "## Parts and their licences",
        "",
        f"Together: {licence_expression(checkpoint)}.",
        *_origin(checkpoint),
        "",
        "| part | parameters | licence | what it is | SHA-256 of a shipped file |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _origin(checkpoint: Checkpoint) -> list[str]:
    """What the weights started from, whose licence goes on; nothing where they did not."""
    origin = checkpoint.training.get("started_from")
    if not origin:
        return []
    licence = origin["licence"] or "not stated"
    return ["", f"The weights started from {origin['name']}, whose licence is: {licence}"]


def _cell(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
