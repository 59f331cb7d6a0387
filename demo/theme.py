"""How the page looks: theme, and what its head carries. Nothing is fetched from elsewhere."""

import json
from pathlib import Path

import gradio as gr

from demo.i18n import FALLBACK, tables

HERE = Path(__file__).resolve().parent
STYLES = [HERE / "style.css", HERE / "player" / "player.css"]
FAVICON = HERE / "favicon.svg"
CUTTING_FOLDER = HERE / "cutting"  # a module that is loaded when a long clip is given
CUTTING = f"gradio_api/file={CUTTING_FOLDER / 'cut.mjs'}"
LINKS = [f"link_text_color{state}" for state in ("", "_active", "_hover", "_visited")]
SCRIPTS = [
    HERE / "player" / "elements.js",
    HERE / "player" / "take_along.js",
    HERE / "player" / "player.js",
    HERE / "camera.js",
    HERE / "entry.js",
    HERE / "faders.js",
    HERE / "guesses.js",
    HERE / "keyboard.js",
]


def build_theme() -> gr.themes.Base:
    """Ink on paper by day, chalk on slate by night; letters large enough for a lecture hall."""
    return gr.themes.Default(
        primary_hue="indigo",
        secondary_hue="teal",
        neutral_hue="slate",
        text_size="lg",
        radius_size="lg",
        spacing_size="md",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="#f6f5f1",
        body_background_fill_dark="#12151b",
        background_fill_secondary="#f6f5f1",
        background_fill_secondary_dark="#12151b",
        body_text_color="#1b2230",
        body_text_color_dark="#e8ebf0",
        body_text_color_subdued="#505b6b",
        body_text_color_subdued_dark="#b4bdca",
        **dict.fromkeys(LINKS, "#3b3f9e"),
        **dict.fromkeys([f"{name}_dark" for name in LINKS], "#979cf5"),
        block_background_fill="#ffffff",
        block_background_fill_dark="#1b2029",
        block_border_color="#dcdad2",
        block_border_color_dark="#323a47",
        border_color_primary="#dcdad2",
        border_color_primary_dark="#323a47",
        block_label_background_fill="#ffffff",
        block_label_background_fill_dark="#1b2029",
        button_primary_background_fill="#3b3f9e",
        button_primary_background_fill_hover="#2e327f",
        button_primary_background_fill_dark="#7d83f0",
        button_primary_background_fill_hover_dark="#979cf5",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#0d1016",
        button_cancel_background_fill="#b3261e",
        button_cancel_background_fill_hover="#8f1d17",
        button_cancel_background_fill_dark="#b3261e",
        button_cancel_background_fill_hover_dark="#8f1d17",
        button_cancel_text_color="#ffffff",
        button_cancel_text_color_dark="#ffffff",
        checkbox_border_color="#8a93a3",
        checkbox_border_color_dark="#7b8598",
        input_background_fill="#ffffff",
        input_background_fill_dark="#232a35",
    )


def scripts() -> list[str]:
    """The page's own scripts, each as it stands between its tags."""
    return ["\n" + path.read_text(encoding="utf-8") for path in SCRIPTS]


def language_script() -> str:
    """What chooses the page's language; it has to run before gradio's own code."""
    languages = json.dumps(sorted(tables(), key=lambda name: name != FALLBACK))
    text = (HERE / "language.js").read_text(encoding="utf-8")
    return f"\nconst LANGUAGES = {languages};\n{text}"


def head_html() -> str:
    """The page's own scripts, in the page itself."""
    return "".join(f"<script>{text}</script>" for text in scripts())
