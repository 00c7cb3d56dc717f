"""Figures of one trained model: classes, confusions, clusters as images, the latent space, the training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from bench.judge.inspection import ClassGain, ClusterSummary, Explanation
from bench.show.record_figures import GREY, new_figure

SMALLEST_SHARE = 0.005
_COLUMNS = 4
_MARKERS = "osv^D<>pPX*hd"


def class_gain_figure(gains: Sequence[ClassGain], names: Sequence[str], about: str) -> Figure:
    """Draw each class's gain of soft over hard decoding against the entropy of its posterior."""
    figure, axes = new_figure(about)
    entropy, gain = [g.entropy for g in gains], [100 * (g.soft - g.hard) for g in gains]
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.scatter(entropy, gain, s=18, color="#0072B2")
    for x, y, g in zip(entropy, gain, gains, strict=True):
        axes.annotate(names[g.class_code], (x, y), xytext=(4, 3), textcoords="offset points", fontsize=9)
    axes.set_xlabel("mean entropy of q(c|x) in the class, in nats")
    axes.set_ylabel("soft minus hard accuracy, in points")
    return figure


def confusion_figure(counts: Int[np.ndarray, "l l"], names: Sequence[str], about: str) -> Figure:
    """Draw shares of each true class (rows) by predicted class (columns), in grey."""
    size = max(4.0, min(10.0, 1.5 + 0.28 * len(names)))
    figure, axes = new_figure(about, (size + 0.8, size))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(100 * shares, cmap="Greys", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("said by soft decoding")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)
    return figure


def clusters_figure(
    summaries: Sequence[ClusterSummary], pictures: Float[np.ndarray, "c s h w"], names: Sequence[str], about: str
) -> Figure:
    """Draw clusters as the model imagines them: E[x|z] at the component's mean, then samples of z.

    Parameters
    ----------
    pictures
        For every summary: the mean first.
    """
    rows = -(-len(summaries) // _COLUMNS)
    n_pictures = pictures.shape[1]
    figure = Figure(figsize=(11, 0.62 * rows + 0.7), layout="constrained")
    figure.suptitle(about, fontsize=10.5)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    height, width = pictures.shape[2:]
    for place, axes in enumerate(grid.T.flatten()):
        axes.axis("off")
        if place >= len(summaries):
            continue
        summary = summaries[place]
        strip = np.concatenate(list(pictures[place]), axis=1)
        axes.imshow(strip, cmap="Greys", vmin=0, vmax=max(1e-6, float(strip.max())), aspect="equal")
        axes.axvline(width - 0.5, color="#D55E00", linewidth=1)
        name = "?" if summary.class_code is None else names[summary.class_code]
        text = f"{name}  {summary.purity:.0%}\n{summary.size:,} items"
        axes.text(-0.03 * n_pictures * width, height / 2, text, ha="right", va="center", fontsize=7.5)
    return figure


def latent_figure(points: Float[np.ndarray, "n 2"], classes: Int[np.ndarray, " n"], names: Sequence[str], about: str) -> Figure:
    """Draw a map of latent means, each item as the name of its class where names are short, else as a marker."""
    figure, axes = new_figure(about, (7.2, 6.4))
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    # Colours of the same lightness steps as viridis, told apart by the letter or marker too.
    from matplotlib import colormaps

    colors = colormaps["turbo"](np.linspace(0.03, 0.95, len(names)))
    # A letter or digit can be its own marker; other characters mean something to the text renderer.
    short = all(len(name) <= 2 and name.isascii() and name.isalnum() for name in names)
    for code, name in enumerate(names):
        members = points[classes == code]
        if short:
            axes.scatter(members[:, 0], members[:, 1], s=16, color=colors[code], marker=f"${name}$", linewidths=0.2)
        else:
            marker = _MARKERS[code % len(_MARKERS)]
            axes.scatter(members[:, 0], members[:, 1], s=9, color=colors[code], marker=marker, label=name, linewidths=0)
    if not short:
        axes.legend(frameon=False, fontsize=8, markerscale=2)
    return figure


def training_figure(histories: dict[str, pd.DataFrame], about: str) -> Figure:
    """Draw the bound's terms, live components, entropy of q(c|x) and speed by epoch, a line per model."""
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    figure.suptitle(about, fontsize=10.5)
    panels: dict[str, str] = {
        "reconstruction": "E[log p(x|z)], nats",
        "kl_z": "KL of z, nats",
        "kl_c": "KL of c, nats",
        "live_components": "live components",
        "assignment_entropy": "entropy of q(c|x), nats",
        "images_per_second": "images per second",
    }
    for axes, (column, label) in zip(figure.subplots(2, 3).flatten(), panels.items(), strict=True):
        for style, (name, history) in enumerate(histories.items()):
            axes.plot(history["epoch"], history[column], ("-", "--", "-.", ":")[style % 4], linewidth=1.2, label=name)
        axes.set_title(label, fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        if column == "images_per_second":
            axes.set_ylim(bottom=0)
        if column == "kl_c" and len(histories) > 1:
            axes.legend(fontsize=7, frameon=False)
    return figure


def explanation_figure(found: Explanation, picture: Float[np.ndarray, "h w"] | None, names: Sequence[str]) -> Figure:
    """Draw one item, its clusters with what they mean, and the soft scores."""
    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    figure.suptitle(explanation_title(found, names), fontsize=10.5)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.7, 1.2))
    left.axis("off")
    if picture is not None:
        left.imshow(picture, cmap="Greys")
    left.set_title(f"item {found.item}: {names[found.truth]}", fontsize=9)
    clusters = found.clusters[::-1]
    middle.barh([f"{c.component}" for c in clusters], [c.weight for c in clusters], color="#0072B2")
    for row, cluster in enumerate(clusters):
        meaning = ", ".join(f"{names[code]} {share:.0%}" for code, share in cluster.classes if share >= SMALLEST_SHARE)
        middle.text(cluster.weight + 0.02, row, meaning, va="center", fontsize=8)
    middle.set_xlim(0, 1.5)
    middle.set_xticks([0, 0.5, 1])
    middle.set_title("q(cluster | item), and the labels there", fontsize=9)
    scores = found.scores[::-1]
    right.barh([names[code] for code, _ in scores], [share for _, share in scores], color="#009E73")
    right.set_title("soft scores", fontsize=9)
    for axes in (middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def explanation_title(found: Explanation, names: Sequence[str]) -> str:
    """Say in words what the two decoders made of an item."""

    def verdict(guess: int) -> str:
        return f"{names[guess]} ({'right' if guess == found.truth else 'wrong'})"

    said = f"hard decoding says {verdict(found.hard)}, soft decoding {verdict(found.soft)}"
    return f"item {found.item} is {names[found.truth]}: {said}"
