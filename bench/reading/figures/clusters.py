"""Each cluster as the model imagines it: its mean, then samples."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from bench.errors import number_of
from bench.judge.inspection import ClusterSummary, imagine, summarise_clusters
from bench.reading.open_run import OpenRun
from bench.show.pictures import drawable
from bench.show.style import INK, ORANGE
from bench.store.presence import model_folder
from gmvae.checkpoint import load

_COLUMNS, _MAX_CLUSTERS, _SAMPLES, _MAX_PIXELS = 4, 60, 6, 40


@dataclass(frozen=True, eq=False)
class Imagined:
    """What the figure shows."""

    summaries: tuple[ClusterSummary, ...]
    pictures: Float[np.ndarray, "c s h w *k"]
    """For every summary: E[x|z] at the component's mean first, then at samples of z."""
    names: tuple[str, ...]
    about: str


def data(run: OpenRun) -> Imagined | None:
    """Let the first model imagine its largest clusters; only images can be drawn."""
    look = run.inspection
    if look is None or look.dataset.image_shape is None:
        return None
    key, dataset = run.trained[0], look.dataset
    summaries = summarise_clusters(look.posterior.assignment, dataset, key.n_components)[:_MAX_CLUSTERS]
    model = load(model_folder(run.folder, key), device="cpu").model
    pictures = imagine(model, [summary.component for summary in summaries], _SAMPLES)
    shaped = pictures.reshape(*pictures.shape[:2], *look.dataset.image_shape)
    return Imagined(summaries, shaped, dataset.class_names, f"{run.name}: clusters of {key.id}, the largest first")


def draw(data: Imagined) -> Figure:
    """Draw the mean of every cluster, then samples of it."""
    summaries, pictures, names = data.summaries, data.pictures, data.names
    rows = -(-len(summaries) // _COLUMNS)
    n_pictures = pictures.shape[1]
    figure = Figure(figsize=(11, 0.42 * rows + 0.6), layout="constrained")
    figure.suptitle(data.about, fontsize=10.5, x=0.01, ha="left", color=INK, wrap=True)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    height, width = _smaller(pictures[0, 0]).shape[:2]
    for index, axes in enumerate(grid.T.flatten()):
        axes.axis("off")
        if index >= len(summaries):
            continue
        summary = summaries[index]
        strip = np.concatenate([_smaller(picture) for picture in pictures[index]], axis=1)
        axes.imshow(drawable(strip), cmap="Greys", vmin=0, vmax=max(1e-6, float(strip.max())), interpolation="none")
        axes.axvline(width - 0.5, color=ORANGE, linewidth=1)
        name = "?" if summary.class_code is None else names[summary.class_code]
        text = f"{name}  {summary.purity:.0%}\n{number_of(summary.size, 'item')}"
        axes.text(-0.03 * n_pictures * width, height / 2, text, ha="right", va="center", fontsize=7.5, color=INK)
    return figure


def _smaller(picture: Float[np.ndarray, "h w *k"]) -> Float[np.ndarray, "i j *k"]:
    """Return a picture with means of blocks for pixels, where it has more of them than a third of an inch can show."""
    step = -(-max(picture.shape[:2]) // _MAX_PIXELS)
    height, width = (step * (side // step) for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // step, step, width // step, step, *picture.shape[2:])
    means: Float[np.ndarray, "i j *k"] = blocks.mean(axis=(1, 3))
    return means
