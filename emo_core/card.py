"""Model cards, written from what was measured."""

from emo_core.checkpoint import Checkpoint


def card(checkpoint: Checkpoint) -> str:
    """The model card of a finished run, from what was measured."""
    t = checkpoint.training
    scores = t["held_out"]
    rows = [
        f"| {label} | {part['recall']:.3f} | {part['n']} |"
        for label, part in scores["per_class"].items()
        if part["recall"] is not None
    ]
    low, high = scores["interval"]
    return "\n".join(
        [
            f"# {checkpoint.name}",
            "",
            f"Recipe `{t['recipe']}`, seed {t['seed']}, corpus `{t['corpus']}`"
            + (f" and {t['rendered']} rendered scenes" if t["rendered"] else "") + ".",
            t["world"],
            "",
            "## Scores on held-out training sources",
            "",
            f"Accuracy {scores['accuracy']:.3f} (95 % interval over sources {low:.3f} to "
            f"{high:.3f}), UAR {scores['uar']:.3f}, macro F1 {scores['f1']:.3f}, "
            f"n = {scores['n']}; always the commonest class: {scores['chance']:.3f}.",
            "",
            "| class | recall | clips |",
            "|---|---|---|",
            *rows,
            "",
            "## Calibration",
            "",
            f"Temperature {checkpoint.calibration.temperature:.3f}, chosen on the same clips; "
            f'"not sure" below {checkpoint.calibration.abstain_below:g}.',
            "",
            "## Intended and forbidden use",
            "",
            "For teaching and research. The label is perceived group affect, as annotators would "
            "say it; never what a person feels. Not for use at work, in class or on anybody who "
            "has not agreed.",
            "",
        ]
    )  # fmt: skip
