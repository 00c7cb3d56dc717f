"""One item explained in the terminal: its picture in blocks, its clusters, what they mean, both verdicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped
from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.errors import number_of

if TYPE_CHECKING:
    from bench.judge.inspection import Explanation, Saved

_SHADES = " ░▒▓█"
_MAX_SIDE = 32
SMALLEST_SHARE = 0.005
_LONGEST = 22


def render_explanation(
    explanation: "Explanation", picture: Shaped[np.ndarray, "h w"] | None, names: Sequence[str], n_labeled: int
) -> RenderableType:
    """Return the explanation for a terminal."""
    clusters = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    clusters.add_column("cluster", justify="right")
    clusters.add_column("q(c|x)", justify="right")
    clusters.add_column("classes of the labels there")
    for cluster in explanation.clusters:
        clusters.add_row(str(cluster.component), f"{cluster.weight:.3f}", _shares(cluster.classes, names))
    parts: list[RenderableType] = [clusters, Text(f"\nsoft scores: {_shares(explanation.scores, names)}")]
    beside = Group(*parts)
    shown: RenderableType = beside if picture is None else Columns([Text(draw_blocks(picture)), beside], padding=(0, 3))
    return Group(
        Text(explanation_title(explanation, names), style="bold"),
        Text(
            f"with {number_of(n_labeled, 'label')} soft decoding saves {number_of(explanation.saved.total, 'such item')}, "
            f"and loses {explanation.n_lost:,}" + (f"; {why}" if (why := tell_saved(explanation.saved)) else ""),
            style="dim",
        ),
        shown,
    )


def shortened(name: str) -> str:
    """Return a name that leaves a figure room for others."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def tell_saved(saved: "Saved") -> str:
    """Say why hard decoding misses them; nothing where there are none."""
    if not saved.total:
        return ""
    unnamed, tied, outvoted = (f"{n / saved.total:.0%}" for n in (saved.unnamed, saved.tied, saved.outvoted))
    return f"of the {saved.total:,} saved, {unnamed} lie in clusters without a label, {tied} in ties, and {outvoted} are outvoted"


def draw_blocks(picture: Shaped[np.ndarray, "h w"]) -> str:
    """Return an image as text, two characters a pixel, five shades; empty margins are cut off, large ones thinned out."""
    step = -(-max(picture.shape) // _MAX_SIDE)
    small = picture[::step, ::step].astype(float)
    rows, columns = (np.flatnonzero((small != small[0, 0]).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        small = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    span = small.max() - small.min()
    shade = np.zeros(small.shape, int) if span == 0 else np.round((small - small.min()) / span * (len(_SHADES) - 1)).astype(int)
    return "\n".join("".join(2 * _SHADES[value] for value in row) for row in shade)


def _shares(shares: Sequence[tuple[int, float]], names: Sequence[str]) -> str:
    return ", ".join(f"{names[code]} {share:.0%}" for code, share in shares if share >= SMALLEST_SHARE) or "no label"


def explanation_title(explanation: "Explanation", names: Sequence[str]) -> str:
    """Say in words what the two decoders made of an item."""

    def verdict(guess: int) -> str:
        return f"{names[guess]} ({'right' if guess == explanation.truth else 'wrong'})"

    said = f"hard decoding says {verdict(explanation.hard)}, soft decoding {verdict(explanation.soft)}"
    return f"item {explanation.item} is {names[explanation.truth]}: {said}"
