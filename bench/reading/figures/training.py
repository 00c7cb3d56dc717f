"""How the training went, by epoch."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plan.cells import ModelKey
from bench.reading.open_run import OpenRun
from bench.show.axes import dress, explain_below
from bench.show.style import BLACK, BLUE, GREEN, INK, ORANGE, PINK, SKY, YELLOW

# By K; lines and widths tell them apart in grey.
_LOOKS = [(BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (BLACK, ":"), (PINK, "-"), (SKY, "--"), (YELLOW, "-.")]
# More would cover each other, and take ten seconds.
_MOST_LINES = 40
_PANELS = {
    "reconstruction": "E[log p(x|z)], nats",
    "kl_z": "KL of z, nats",
    "kl_c": "KL of c, nats",
    "live_components": "live components",
    "assignment_entropy": "entropy of q(c|x), nats",
    "images_per_second": "items/s",
}


@dataclass(frozen=True, eq=False)
class Histories:
    """What the figure shows."""

    by_model: dict[ModelKey, pd.DataFrame]
    about: str


def data(run: OpenRun) -> Histories | None:
    """Take the histories of the models shown."""
    by_model = {key: history for key, history in run.histories.items() if key in run.models}
    return Histories(by_model, f"{run.name}: training") if by_model else None


def draw(data: Histories) -> Figure:
    """Draw the bound's terms, live components, entropy of q(c|x) and speed by epoch: a line per model, a colour per K."""
    figure = Figure(figsize=(9.2, 5.2), layout="constrained")
    figure.suptitle(data.about, fontsize=10.5, x=0.01, ha="left", color=INK)
    ks = sorted({key.n_components for key in data.by_model}, reverse=True)
    looks = {k: _LOOKS[index % len(_LOOKS)] for index, k in enumerate(ks)}
    many = len(data.by_model) > _MOST_LINES
    of_k = {k: [history for key, history in data.by_model.items() if key.n_components == k] for k in ks}
    panels = figure.subplots(2, 3).flatten()
    for axes, (column, label) in zip(panels, _PANELS.items(), strict=True):
        if many:
            for k, histories in of_k.items():
                _draw_band(axes, pd.concat(histories).groupby("epoch")[column], *looks[k])
        else:
            for key, history in data.by_model.items():
                color, line = looks[key.n_components]
                shown = history[history[column].notna()]
                axes.plot(shown["epoch"], shown[column], line, color=color, linewidth=1.2, alpha=0.85)
        axes.set_title(label, fontsize=9, loc="left", color=INK, wrap=True)
        dress(axes)
        axes.tick_params(labelsize=8)
        if column == "images_per_second":
            axes.set_ylim(bottom=0)
    for axes in panels[3:]:
        axes.set_xlabel("epoch", fontsize=8, color=INK)
    if len(ks) > 1:
        for k in ks:
            panels[0].plot([], [], looks[k][1], color=looks[k][0], label=f"K = {k}")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    seeds = len({key.model_seed for key in data.by_model})
    line = "a line is the median of the models of a K, the band holds 90 % of them" if many else "a line is a model"
    explain_below(figure, line + (f"; {seeds} seeds of each K" if seeds > 1 else ""))
    return figure


def _draw_band(axes: Axes, values: Any, color: str, line: str) -> None:
    """Draw the median of many models by epoch, and between which values most of them lie."""
    low, middle, high = (values.quantile(share).dropna() for share in (0.05, 0.5, 0.95))
    axes.fill_between(low.index, low, high, color=color, alpha=0.2, linewidth=0)
    axes.plot(middle.index, middle, line, color=color, linewidth=1.2)
