"""Draw docs/architecture.svg from the networks themselves: `python docs/architecture.py`."""

import sys
from math import log2
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from unet.network.lite0 import LITE0_WIDTHS
from unet.network.unet import UNet, count_parameters

PANEL_WIDTH, ROW, BOX, TOP = 480, 58, 30, 104
LABEL_X, FIRST_X, INNER = 24, 92, 78  # row labels; centre of the topmost box; from the middle to the innermost boxes
MIDDLE = PANEL_WIDTH / 2
LEGEND = 92

# Colours for light and dark pages; the figure brings its own ground, so it reads well on either.
STYLE = """
  svg { --ground: #ffffff; --line: #d0d7de; --text: #1f2328; --muted: #59636e;
        --plain: #dbeafe; --plain-edge: #2563eb; --lite: #ffedd5; --lite-edge: #c2410c;
        --up: #dcfce7; --up-edge: #15803d; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --line: #3d444d; --text: #f0f6fc; --muted: #9ba3ad;
          --plain: #172554; --plain-edge: #7ab0ff; --lite: #431407; --lite-edge: #fdba74;
          --up: #052e16; --up-edge: #6ee79a; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--text);
         text-anchor: middle; }
  .title { font-size: 16px; font-weight: 600; }
  .muted { fill: var(--muted); font-size: 12px; }
  .start { text-anchor: start; }
  .ground { fill: var(--ground); stroke: var(--line); }
  .rule { stroke: var(--line); }
  .plain { fill: var(--plain); stroke: var(--plain-edge); stroke-width: 1.5; }
  .lite { fill: var(--lite); stroke: var(--lite-edge); stroke-width: 1.5; }
  .picture { fill: var(--ground); stroke: var(--muted); stroke-width: 1.5; }
  .up { fill: var(--up); stroke: var(--up-edge); stroke-width: 1.5; }
  .arrow { fill: none; stroke: var(--text); stroke-width: 1.5; marker-end: url(#head); }
  .skip { fill: none; stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 5 4; marker-end: url(#soft); }
"""
MARKERS = "".join(
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0 8 4 0 8z" style="fill: var(--{colour})"/></marker>'
    for name, colour in (("head", "text"), ("soft", "muted"))
)


def text(x: float, y: float, content: str, style: str = "") -> str:
    """A line of text, centred at `x` unless its style says otherwise."""
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{content}</text>'


def box_width(channels: int) -> float:
    """Pixels of a box for that many channels: it grows with their logarithm."""
    return 10 + 5.5 * log2(channels)


def box(x: float, y: float, channels: int, style: str) -> str:
    """A feature map: a box centred at (x, y) with its number of channels."""
    width = box_width(channels)
    return (
        f'<rect class="{style}" x="{x - width / 2:.1f}" y="{y - BOX / 2:g}" width="{width:.1f}" height="{BOX}" rx="4"/>'
        + text(x, y + 4.5, str(channels))
    )


def arrow(*points: tuple[float, float], style: str = "arrow") -> str:
    """A line through `points` with a head at its end."""
    return f'<path class="{style}" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


def draw_unet(model: UNet, title: str, left: float) -> list[str]:
    """One U, from `left` to `left + PANEL_WIDTH`."""
    widths, strides = model.contracting.widths, model.contracting.strides
    depth = len(widths) - 1  # rows above the bottom
    xs = [FIRST_X + (MIDDLE - INNER - FIRST_X) * level / (depth - 1) for level in range(depth)]
    ys = [TOP + ROW * level for level in range(depth + 1)]
    lite = model.encoder == "lite0"
    styles = ["picture" if lite and level == 0 else "lite" if lite else "plain" for level in range(depth + 1)]

    def side(x: float, right: bool) -> float:
        return left + (PANEL_WIDTH - x if right else x)

    parts = [
        text(left + MIDDLE, 30, title, "title"),
        text(left + MIDDLE, 49, f"{count_parameters(model):,} parameters", "muted"),
    ]
    for right, label in ((False, "picture"), (True, "1&#215;1 conv: logits")):
        x, y = side(xs[0], right), ys[0] - BOX / 2
        ends = (x, y - 14), (x, y - 2)
        parts += [text(x, y - 19, label, "muted"), arrow(*(reversed(ends) if right else ends))]
    for level in range(depth):
        x, y = xs[level], ys[level]
        stride = "H x W" if strides[level] == 1 else f"1/{strides[level]}"
        parts.append(text(left + LABEL_X, y + 4, stride.replace("x", "&#215;"), "muted start"))
        parts += [
            box(side(x, False), y, widths[level], styles[level]),
            box(side(x, True), y, model.widths[level], "up"),
        ]
        start, end = side(x, False) + box_width(widths[level]) / 2, side(x, True) - box_width(model.widths[level]) / 2
        parts.append(arrow((start + 4, y), (end - 3, y), style="skip"))
        if level < depth - 1:
            for right in (False, True):
                between = side((x + xs[level + 1]) / 2, right)
                ends = (between, y + BOX / 2 + 2), (between, ys[level + 1] - BOX / 2 - 2)
                parts.append(arrow(*(reversed(ends) if right else ends)))
    bottom, half, last = ys[depth], box_width(widths[depth]) / 2, xs[-1]
    parts.append(text(left + LABEL_X, bottom + 4, f"1/{strides[depth]}", "muted start"))
    parts.append(box(left + MIDDLE, bottom, widths[depth], styles[depth]))
    corner, low = side(last, False), ys[depth - 1] + BOX / 2 + 2
    parts.append(arrow((corner, low), (corner, bottom), (left + MIDDLE - half - 3, bottom)))
    corner = side(last, True)
    parts.append(arrow((left + MIDDLE + half + 2, bottom), (corner, bottom), (corner, low)))
    return parts


def legend(top: float) -> list[str]:
    """What boxes and arrows stand for, in three columns."""
    columns, parts = (30, 345, 660), []
    boxes = (
        ("plain", "[3&#215;3 conv, BatchNorm, ReLU] &#215; 2"),
        ("lite", "EfficientNet-lite0 stages (ImageNet)"),
        ("up", "expansive path: as plain, for both"),
    )
    for x, (style, label) in zip(columns, boxes, strict=True):
        parts.append(f'<rect class="{style}" x="{x}" y="{top}" width="24" height="16" rx="3"/>')
        parts.append(text(x + 34, top + 13, label, "start"))
    arrows = (
        ("arrow", 0, "down: 2&#215;2 max pooling, or stride 2"),
        ("arrow", 1, "up: 2&#215;2 transposed conv"),
        ("skip", 2, "skip: concatenated"),
    )
    for x, (style, kind, label) in zip(columns, arrows, strict=True):
        y = top + 40
        ends = ((x + 12, y - 10), (x + 12, y + 8)) if kind < 2 else ((x, y), (x + 25, y))
        parts.append(arrow(*(reversed(ends) if kind == 1 else ends), style=style))
        parts.append(text(x + 34, y + 4, label, "start"))
    return parts


def main() -> None:
    """Write the figure beside this file."""
    models = (
        (UNet(), "plain: the reference's contracting path"),
        (UNet(encoder="lite0", widths=LITE0_WIDTHS), "lite0: EfficientNet-lite0 as contracting path"),
    )
    rows = max(len(model.contracting.widths) for model, _ in models)
    width, body = 2 * PANEL_WIDTH, TOP + (rows - 1) * ROW + BOX / 2 + 22
    height = body + LEGEND
    parts = [f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1:g}" rx="8"/>']
    for index, (model, title) in enumerate(models):
        parts += draw_unet(model, title, index * PANEL_WIDTH)
    parts.append(f'<path class="rule" d="M{PANEL_WIDTH} 20V{body - 8:g}M20 {body:g}H{width - 20}"/>')
    parts += legend(body + 18)
    label = "Two U-Nets with one expansive path; numbers are channels, fractions are of the picture's height and width."
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" height="{height:g}" '
        f'role="img" aria-label="{label}">\n<style>{STYLE}</style>\n<defs>{MARKERS}</defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
    (Path(__file__).parent / "architecture.svg").write_text(svg, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
