"""Draws the course's diagrams into notebooks/diagrams/: one SVG a function of `scripts/diagrams`.

python scripts/draw_diagrams.py [NAME ...]
"""

import sys
from collections.abc import Callable
from pathlib import Path

from diagrams import attention, checks, inputs, published, training
from diagrams.svg import Drawing

OUT = Path(__file__).resolve().parents[1] / "notebooks" / "diagrams"
DIAGRAMS: dict[str, Callable[[], Drawing]] = {
    "two_clocks": inputs.two_clocks,
    "log_mel": inputs.log_mel,
    "split_by_source": checks.split_by_source,
    "fusion": attention.fusion,
    "attention_block": attention.attention_block,
    "group_model": attention.group_model,
    "mesm": published.mesm,
    "jmt": published.jmt,
    "training_loop": training.training_loop,
    "data_parallel": training.data_parallel,
    "integrated_gradients": checks.integrated_gradients,
    "model_card": checks.model_card,
}


def main(names: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    for name in names or DIAGRAMS:
        (OUT / f"{name}.svg").write_text(DIAGRAMS[name]().svg(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
