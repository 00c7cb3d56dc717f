"""How the training went, by epoch."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun


@dataclass(frozen=True, eq=False)
class Histories:
    """What the figure shows."""

    by_model: dict[str, pd.DataFrame]
    about: str


def data(run: OpenRun) -> Histories | None:
    """Take the histories of the models shown."""
    by_model = {key.id: history for key, history in run.histories().items() if key in run.models}
    return Histories(by_model, f"{run.name}: training") if by_model else None


def draw(data: Histories) -> Figure:
    """Draw the bound's terms, live components, entropy of q(c|x) and speed by epoch, a line per model."""
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    figure.suptitle(data.about, fontsize=10.5)
    panels: dict[str, str] = {
        "reconstruction": "E[log p(x|z)], nats",
        "kl_z": "KL of z, nats",
        "kl_c": "KL of c, nats",
        "live_components": "live components",
        "assignment_entropy": "entropy of q(c|x), nats",
        "images_per_second": "images per second",
    }
    for axes, (column, label) in zip(figure.subplots(2, 3).flatten(), panels.items(), strict=True):
        for style, (name, history) in enumerate(data.by_model.items()):
            axes.plot(history["epoch"], history[column], ("-", "--", "-.", ":")[style % 4], linewidth=1.2, label=name)
        axes.set_title(label, fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        if column == "images_per_second":
            axes.set_ylim(bottom=0)
        if column == "kl_c" and len(data.by_model) > 1:
            axes.legend(fontsize=7, frameon=False)
    return figure
