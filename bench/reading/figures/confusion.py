"""Which classes soft decoding takes for which."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun
from bench.show.axes import dress, explain_below, new_figure
from bench.show.explanation import shortened
from bench.show.style import BLUE, INK

# Beyond that many classes the squares are too small for numbers: the commonest confusions are drawn in their place.
_MAX_CLASSES, _COMMONEST = 36, 20
_LEAST_SHARE = 0.5
# Above that much grey, in %, numbers are white.
_DARK = 55


@dataclass(frozen=True, eq=False)
class Counts:
    """What the figure shows."""

    counts: Int[np.ndarray, "l l"]
    names: tuple[str, ...]
    about: str


def data(run: OpenRun) -> Counts | None:
    """Count what soft decoding says of one draw."""
    look = run.inspection
    return None if look is None else Counts(look.confusion(), look.dataset.class_names, run.draw)


def draw(data: Counts) -> Figure:
    """Draw shares of each true class (rows) by predicted class (columns); of many classes the commonest confusions."""
    shares = 100 * data.counts / np.maximum(data.counts.sum(axis=1, keepdims=True), 1)
    return _draw_squares(shares, data) if len(shares) <= _MAX_CLASSES else _draw_commonest(shares, data)


def _draw_squares(shares: Float[np.ndarray, "l l"], data: Counts) -> Figure:
    names = data.names
    size = max(4.0, min(10.0, 1.5 + 0.28 * len(names)))
    figure, axes = new_figure(data.about, (size + 0.2, size))
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("said by soft decoding")
    axes.set_ylabel("true class")
    _write_numbers(axes, shares)
    explain_below(figure, "% of the true class; less than half a percent is left out")
    return figure


def _write_numbers(axes: Axes, shares: Float[np.ndarray, "l l"]) -> None:
    size = 8.0 if len(shares) <= 12 else 6.0
    for row, column in zip(*np.nonzero(shares >= _LEAST_SHARE), strict=True):
        share = shares[row, column]
        # Colours that stay as they are where a page is dark, as the squares do.
        color = "#ffffff" if share > _DARK else "#010101"
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=size, color=color)


def _draw_commonest(shares: Float[np.ndarray, "l l"], data: Counts) -> Figure:
    wrong = shares * (1 - np.eye(len(shares)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_COMMONEST]
    pairs = [divmod(int(index), len(shares)) for index in order if wrong.flat[index] > 0][::-1]
    figure, axes = new_figure(data.about, (8.4, 1.2 + 0.26 * max(4, len(pairs))))
    dress(axes, "x")
    axes.grid(visible=False, axis="y")
    axes.barh(
        [f"{shortened(data.names[true])} as {shortened(data.names[said])}" for true, said in pairs],
        [wrong[pair] for pair in pairs],
        color=BLUE,
    )
    for row, pair in enumerate(pairs):
        axes.annotate(f"{wrong[pair]:.0f} %", (wrong[pair], row), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8, color=INK)  # fmt: skip
    axes.set_xlabel("% of the true class")
    right = 100 * np.trace(data.counts) / max(1, data.counts.sum())
    explain_below(figure, f"the commonest confusions of {len(shares)} classes; {right:.1f} % of all items are named right")
    return figure
