"""`FIGURES`: what can be drawn of a run. A figure is the module of the same name in this folder (`-` read as `_`).

It has `data(run)`, which computes what it shows, `None` where the run has nothing for it, and `draw(data)`, which draws that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from matplotlib.figure import Figure

from bench.plugins import module_of
from bench.reading.open_run import OpenRun

FIGURES: Mapping[str, str] = {
    "label-efficiency": "Accuracy on the unlabelled rest against the number of labels shown, a line per method with its "
    "95 % interval.",
    "soft-minus-hard": "How many points of accuracy the other decoders gain over hard decoding, by number of labels.",
    "accuracy-by-components": "Accuracy against K, the number of components.",
    "class-gain": "For each class: what soft decoding gains over hard, against how spread its items' posteriors are.",
    "confusion": "Which classes soft decoding takes for which, as shares of the true class.",
    "clusters": "Each cluster as the model imagines it: the mean, then samples; with its commonest class, purity and size.",
    "latent-map": "The latent space in two dimensions, each item drawn by its true class.",
    "coverage": "Clusters that hold a label against the number of random labels: predicted and observed.",
    "training": "How the training went, by epoch: terms of the bound, live components, certainty, speed.",
    "explanation": "One item that hard decoding gets wrong and soft decoding right, and why.",
}
"""By name, in the order of the report: what it shows, in words that serve a reader who cannot see it."""


@dataclass(frozen=True)
class Drawing:
    """A figure with its name and what it shows."""

    name: str
    caption: str
    figure: Figure


class FigureModule(Protocol):
    """A module of this folder."""

    def data(self, run: OpenRun) -> Any:
        """Compute what the figure shows; `None` where the run has nothing for it."""
        ...

    def draw(self, data: Any) -> Figure:
        """Draw it."""
        ...


def figure_of(name: str) -> FigureModule:
    """Return the figure of a name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    return cast("FigureModule", module_of(__name__, "figure", name, FIGURES))


def drawings(run: OpenRun, names: Iterable[str] | None = None) -> Iterator[Drawing]:
    """Yield the figures of the given names, or all, each drawn when it is asked for; without what the run has nothing for."""
    for name in FIGURES if names is None else [name for name in FIGURES if name in set(names)]:
        module = figure_of(name)
        data = module.data(run)
        if data is not None:
            yield Drawing(name, FIGURES[name], module.draw(data))
