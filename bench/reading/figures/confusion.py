"""Which classes soft decoding takes for which."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun
from bench.show.axes import new_figure


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
    """Draw shares of each true class (rows) by predicted class (columns), in grey."""
    counts, names = data.counts, data.names
    size = max(4.0, min(10.0, 1.5 + 0.28 * len(names)))
    figure, axes = new_figure(data.about, (size + 0.8, size))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(100 * shares, cmap="Greys", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("said by soft decoding")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)
    return figure
