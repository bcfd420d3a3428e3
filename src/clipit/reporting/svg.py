"""Matplotlib figures as inline SVG that takes its ink from the page, so it reads in light and dark."""

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Matplotlib writes this ink; the page's own replaces it.
INK = "#010203"
# Okabe and Ito's colours, those with enough contrast on white and on black; the styles tell lines apart as well.
COLOURS = ("#d55e00", "#0080c0", "#009e73", "#cc6699", "#b38600", "#7a6ad8", "#808080")
STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (3, 2)), (0, (1, 1)))


def looks(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Colour and line style of each variant of a comparison: the same in all its drawings."""
    variants = dict.fromkeys(line["variant"] for line in table["rows"])
    return {
        variant: {"color": COLOURS[number % len(COLOURS)], "linestyle": STYLES[number % len(STYLES)]}
        for number, variant in enumerate(variants)
    }


@contextlib.contextmanager
def drawing(name: str) -> Iterator[None]:
    """The style that figures are made and written in; equal names and figures give equal bytes."""
    style: dict[Any, Any] = {
        "svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
        "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK,
        "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        yield


def inline(figure: Figure, label: str) -> Markup:
    """The figure as an `svg` element, read aloud as `label`."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    # Matplotlib numbers its groups anew in every figure; a page holds several, and nothing refers to them.
    text = re.sub(r'<g id="[\w.]+_\d+">', "<g>", text)
    opening = f'<svg role="img" aria-label="{Markup.escape(label)}" class="curves"'
    return Markup(text[text.index("<svg") :].replace("<svg", opening, 1).replace(INK, "currentColor"))
