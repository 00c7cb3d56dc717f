"""A figure as SVG inside a page: its words are the page's, its colours follow the reader's scheme."""

import base64
import io
import re
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from bench.show.axes import fit_width
from bench.show.style import dark_of
from bench.store.fonts import save_drawn

# Pictures inside a figure, which are not drawn as shapes.
_DPI = 110
_ID, _REFERENCE = re.compile(r'\bid="([^"]+)"'), re.compile(r'(?<=url\()#([^)]+)(?=\))|(?<=href=")#([^"]+)(?=")')
_TAG = re.compile(r"(<[^>]*>)")
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_SIZE = re.compile(r'<svg [^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')
# In inches: figures wider than the first are never made smaller, others to the second, in which words can be read on paper.
_BROAD, _HALF = 7.6, 4.4
_CHIEF = ("label-efficiency", "critical-difference")
_IMAGE = re.compile(r'(base64,)([^"]+)(")')
_GREYS, _COLORS = 32, 128
_KEPT = ("#ffffff", "#010101")
"""Colours that stay as they are where a page is dark: of words on a picture."""


@dataclass(frozen=True)
class Picture:
    """A figure as a page embeds it."""

    name: str
    caption: str
    svg: Markup
    broad: bool
    """Whether it needs the whole width of a page."""
    colors: frozenset[str]
    """That the page must define: `#0072b2` as the variable `--c0072b2`."""


def embed(name: str, caption: str, figure: Figure) -> Picture:
    """Turn a figure into SVG for a page. One that does not need the whole width is laid out for half of it."""
    broad = name in _CHIEF or figure.get_size_inches()[0] > _BROAD
    if not broad:
        fit_width(figure, _HALF)
    buffer = io.StringIO()
    # Words stay words, so that they can be searched and read aloud.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        save_drawn(figure, buffer, format="svg", dpi=_DPI, transparent=True, metadata={"Date": None, "Creator": None})
    text = _HEAD.sub("", buffer.getvalue())
    # Words between the tags are the user's, and stay as they are.
    colors: set[str] = set()
    parts = (_tag(part, name, colors) if part.startswith("<") else part for part in _TAG.split(text))
    text = _SIZE.sub(
        lambda found: (
            f'<svg viewBox="0 0 {found[1]} {found[2]}" style="width: {float(found[1]):.0f}pt" role="img" '
            f'aria-label="{Markup.escape(caption)}" xmlns:xlink="http://www.w3.org/1999/xlink">'
        ),
        "".join(parts),
        count=1,
    )
    return Picture(name, caption, Markup(text), broad, frozenset(colors))  # noqa: S704 - matplotlib escapes every text


def _tag(tag: str, name: str, colors: set[str]) -> str:
    """Return a tag as a page may have it: its name and references are the figure's own, its colours variables, pictures small."""
    tag = _IMAGE.sub(lambda found: found[1] + _smaller(found[2]) + found[3], tag)
    tag = _ID.sub(rf'id="{name}-\1"', tag)
    tag = _REFERENCE.sub(lambda found: f"#{name}-{found[1] or found[2]}", tag)
    colors.update(color for color in _COLOR.findall(tag) if color not in _KEPT)
    return _COLOR.sub(lambda found: found[0] if found[0] in _KEPT else f"var(--c{found[0][1:]})", tag)


def _smaller(encoded: str) -> str:
    """Return a picture inside a figure, base64 of PNG, in grey where it has no colours and else in a few."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    pixels = np.asarray(image.convert("RGBA"))
    grey = (pixels[..., 3] == 255).all() and (pixels[..., :1] == pixels[..., :3]).all()
    best = base64.b64decode(encoded)
    # Of what the eye can tell, these keep all; a figure of sixty clusters would take half a megabyte otherwise.
    few = image.convert("L").quantize(_GREYS) if grey else image.convert("RGBA").quantize(_COLORS, Image.Quantize.FASTOCTREE)
    buffer = io.BytesIO()
    few.save(buffer, format="png", optimize=True)
    return base64.b64encode(min(best, buffer.getvalue(), key=len)).decode("ascii")


def scheme(colors: frozenset[str]) -> tuple[tuple[str, str, str], ...]:
    """Return, for every colour of some figures: its variable, and its value on a light and on a dark page."""
    return tuple((f"--c{color[1:]}", color, dark_of(color)) for color in sorted(colors))
