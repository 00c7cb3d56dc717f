"""What soft decoding gains over hard in each class, against how spread its items' posteriors are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun
from bench.show.axes import GREY, new_figure

if TYPE_CHECKING:
    from bench.judge.inspection import ClassGain


@dataclass(frozen=True)
class ByClass:
    """What the figure shows."""

    gains: "tuple[ClassGain, ...]"
    names: tuple[str, ...]
    about: str


def data(run: OpenRun) -> ByClass | None:
    """Decode one draw both ways."""
    look = run.inspection
    return None if look is None else ByClass(look.class_gains(), look.dataset.class_names, run.draw)


def draw(data: ByClass) -> Figure:
    """Draw each class's gain of soft over hard decoding against the entropy of its posterior."""
    gains, names = data.gains, data.names
    figure, axes = new_figure(data.about)
    entropy, gain = [g.entropy for g in gains], [100 * (g.soft - g.hard) for g in gains]
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.scatter(entropy, gain, s=18, color="#0072B2")
    for x, y, g in zip(entropy, gain, gains, strict=True):
        axes.annotate(names[g.class_code], (x, y), xytext=(4, 3), textcoords="offset points", fontsize=9)
    axes.set_xlabel("mean entropy of q(c|x) in the class, in nats")
    axes.set_ylabel("soft minus hard accuracy, in points")
    return figure
