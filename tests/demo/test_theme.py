"""How the page looks: letters that can be read by day and by night, nothing fetched."""

import re

import pytest

from demo import theme


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb. Source: WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("night", ["", "_dark"])
@pytest.mark.parametrize(
    ("letters", "ground", "least"),
    [
        ("body_text_color", "body_background_fill", 7),
        ("body_text_color", "block_background_fill", 7),
        ("body_text_color", "input_background_fill", 7),
        ("body_text_color_subdued", "body_background_fill", 4.5),
        ("body_text_color_subdued", "input_background_fill", 4.5),
        ("link_text_color", "body_background_fill", 4.5),
        ("link_text_color_visited", "block_background_fill", 4.5),
        ("button_cancel_text_color", "button_cancel_background_fill", 4.5),
        ("button_cancel_text_color", "button_cancel_background_fill_hover", 4.5),
        ("button_primary_text_color", "button_primary_background_fill", 4.5),
        ("button_primary_text_color", "button_primary_background_fill_hover", 4.5),
        ("checkbox_border_color", "block_background_fill", 3),
    ],
)
def test_letters_and_boxes_stand_out_by_day_and_by_night(letters, ground, least, night):
    look = theme.build_theme()
    assert contrast(getattr(look, letters + night), getattr(look, ground + night)) >= least


def test_nothing_is_fetched_from_elsewhere():
    look, head = theme.build_theme(), theme.head_html()
    assert not look._stylesheets
    assert not re.search(
        r"<script[^>]*src|@import|https?://",
        head + "".join(path.read_text("utf-8") for path in theme.STYLES),
    )


def test_every_script_is_in_the_page_once():
    head = theme.head_html()
    assert head.count("<script>") == head.count("</script>") == len(theme.SCRIPTS) > 0
    for path in theme.SCRIPTS:
        assert head.count(path.read_text(encoding="utf-8")) == 1
