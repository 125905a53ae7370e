"""Colours and fonts of the page; what goes beyond a theme stands in static/page.css."""

from pathlib import Path

import gradio as gr

from unet.pictures.decode import PICTURE_SUFFIXES

STATIC = Path(__file__).parent / "static"
STYLE_SHEETS = [STATIC / "page.css"]
HEAD = f"""
<meta name="description" content="Drop a photograph: a U-Net segments it.">
<meta name="picture-endings" content="{",".join(sorted(PICTURE_SUFFIXES))}">
<script>{(STATIC / "uploads.js").read_text(encoding="utf-8")}</script>
"""


def theme() -> gr.themes.Base:
    """Calm and legible (contrast of at least 4.5 to 1), with the visitor's own fonts, so that none is fetched."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=["ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_title_text_weight="600",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_300",
        color_accent="*primary_700",
        slider_color="*primary_600",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        link_text_color_active="*primary_800",
        link_text_color_visited="*primary_700",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_active_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
    )
