"""One item that hard decoding gets wrong and soft decoding right, and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped
from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun
from bench.show.axes import dress
from bench.show.explanation import SMALLEST_SHARE, explanation_title, shortened, tell_saved
from bench.show.pictures import drawable
from bench.show.style import BLUE, GREEN, INK

# Classes that stand beside a cluster.
_MEANINGS = 2

if TYPE_CHECKING:
    from bench.judge.inspection import Explanation, Inspection


@dataclass(frozen=True, eq=False)
class Explained:
    """What the figure shows."""

    explanation: "Explanation"
    picture: Shaped[np.ndarray, "h w *c"] | None
    names: tuple[str, ...]


def data(run: OpenRun) -> Explained | None:
    """Explain the item that soft decoding saves most clearly."""
    look = run.inspection
    item = look.find_saved() if look else None
    return None if look is None or item is None else explained(look, item)


def explained(look: "Inspection", item: int) -> Explained:
    """Explain an item of the pool."""
    shape = look.dataset.image_shape
    picture = look.dataset.pool[item].reshape(shape) if shape else None
    return Explained(look.explain(item), picture, look.dataset.class_names)


def draw(data: Explained) -> Figure:
    """Draw one item, its clusters with what they mean, and the soft scores."""
    explanation, picture, names = data.explanation, data.picture, data.names
    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    why = tell_saved(explanation.saved)
    title = "\n".join(filter(None, (explanation_title(explanation, names), why)))
    figure.suptitle(title, fontsize=10.5, x=0.01, ha="left", color=INK, wrap=True)
    names = tuple(map(shortened, names))
    if picture is None:
        middle, right = figure.subplots(1, 2, width_ratios=(1.5, 1.2))
    else:
        left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.5, 1.2))
        left.axis("off")
        left.imshow(drawable(picture), cmap="Greys")
        left.set_title(f"item {explanation.item}: {names[explanation.truth]}", fontsize=9, color=INK)
    clusters = explanation.clusters[::-1]
    middle.barh([f"{c.component}" for c in clusters], [c.weight for c in clusters], color=BLUE)
    for row, cluster in enumerate(clusters):
        meaning = ", ".join(
            f"{names[code]} {share:.0%}" for code, share in cluster.classes[:_MEANINGS] if share >= SMALLEST_SHARE
        )
        # Beside the axes, which end where a share does.
        middle.text(1.03, row, meaning or "no label", va="center", fontsize=8, color=INK)
    middle.set_xlim(0, 1)
    middle.set_ylabel("cluster", fontsize=9, color=INK)
    middle.set_title("q(cluster | item), and the labels there", fontsize=9, loc="left", color=INK)
    scores = explanation.scores[::-1]
    right.barh([names[code] for code, _ in scores], [share for _, share in scores], color=GREEN)
    right.set_xlim(0, 1)
    right.set_title("soft scores", fontsize=9, loc="left", color=INK)
    for axes in (middle, right):
        dress(axes, "x")
    return figure
