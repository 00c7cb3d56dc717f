"""A figure as SVG inside a page: its words are the page's, its colours follow the reader's scheme."""

import io
import re
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.show.style import dark_of
from bench.store.fonts import save_drawn

# Pictures inside a figure, which are not drawn as shapes.
_DPI = 130
_ID, _REFERENCE = re.compile(r'\bid="([^"]+)"'), re.compile(r'(?<=url\()#([^)]+)(?=\))|(?<=href=")#([^"]+)(?=")')
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_SIZE = re.compile(r'<svg [^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')
_KEPT = ("#ffffff", "#010101")
"""Colours that stay as they are where a page is dark: of words on a picture."""


@dataclass(frozen=True)
class Picture:
    """A figure as a page embeds it."""

    name: str
    caption: str
    svg: Markup
    colors: frozenset[str]
    """That the page must define: `#0072b2` as the variable `--c0072b2`."""


def embed(name: str, caption: str, figure: Figure) -> Picture:
    """Turn a figure into SVG for a page."""
    buffer = io.StringIO()
    # Words stay words, so that they can be searched and read aloud.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        save_drawn(figure, buffer, format="svg", dpi=_DPI, transparent=True, metadata={"Date": None, "Creator": None})
    text = _HEAD.sub("", buffer.getvalue())
    text = _ID.sub(rf'id="{name}-\1"', text)
    text = _REFERENCE.sub(lambda found: f"#{name}-{found[1] or found[2]}", text)
    text = _SIZE.sub(
        lambda found: (
            f'<svg viewBox="0 0 {found[1]} {found[2]}" style="width: {float(found[1]):.0f}pt" role="img" '
            f'aria-label="{Markup.escape(caption)}" xmlns:xlink="http://www.w3.org/1999/xlink">'
        ),
        text,
        count=1,
    )
    colors = frozenset(_COLOR.findall(text)) - set(_KEPT)
    text = _COLOR.sub(lambda found: found[0] if found[0] in _KEPT else f"var(--c{found[0][1:]})", text)
    return Picture(name, caption, Markup(text), colors)  # noqa: S704 - matplotlib escapes every text


def scheme(colors: frozenset[str]) -> tuple[tuple[str, str, str], ...]:
    """Return, for every colour of some figures: its variable, and its value on a light and on a dark page."""
    return tuple((f"--c{color[1:]}", color, dark_of(color)) for color in sorted(colors))
