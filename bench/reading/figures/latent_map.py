"""The latent space in two dimensions, each item drawn by its true class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.figure import Figure

from bench.judge.inspection import latent_map
from bench.reading.open_run import OpenRun
from bench.show.axes import new_figure

_MAP_ITEMS, _FEW_ITEMS, _MAX_NAMED = 1_200, 10, 16
_MARKERS = "osv^D<>pPX*hd"


@dataclass(frozen=True, eq=False)
class Map:
    """What the figure shows."""

    points: Float[np.ndarray, "n 2"]
    classes: Int[np.ndarray, " n"]
    names: tuple[str, ...]
    about: str


def data(run: OpenRun) -> Map | None:
    """Place items of known class by the latent means of the first model."""
    look = run.inspection
    if look is None or len(look.dataset.pool) < _FEW_ITEMS:
        return None
    known = np.flatnonzero(look.dataset.known)
    items, points = latent_map(run.encoded(run.trained[0]).latent[known], _MAP_ITEMS)
    about = f"{run.name}: latent means of {run.trained[0].id} (t-SNE of {len(items):,} items), by true class"
    return Map(points, look.dataset.labels[known][items], look.dataset.class_names, about)


def draw(data: Map) -> Figure:
    """Draw a map of latent means, each item as the name of its class where names are short, else as a marker."""
    points, classes, names = data.points, data.classes, data.names
    figure, axes = new_figure(data.about, (7.2, 6.4))
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    # Colours of the same lightness steps as viridis, told apart by the letter or marker too.
    colors = colormaps["turbo"](np.linspace(0.03, 0.95, len(names)))
    # A letter or digit can be its own marker; other characters mean something to the text renderer.
    short = all(len(name) == 1 and name.isascii() and name.isalnum() for name in names)
    for code, name in enumerate(names):
        members = points[classes == code]
        if short:
            axes.scatter(
                members[:, 0], members[:, 1], s=16, color=colors[code], marker=f"${name}$", linewidths=0.2, rasterized=True
            )
        else:
            marker = _MARKERS[code % len(_MARKERS)]
            axes.scatter(
                members[:, 0], members[:, 1], s=9, color=colors[code], marker=marker, label=name, linewidths=0, rasterized=True
            )
    if not short and len(names) <= _MAX_NAMED:
        axes.legend(frameon=False, fontsize=8, markerscale=2)
    return figure
