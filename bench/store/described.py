"""What a run, or an export of one, says of a model without its weights: its history and the sizes of its clusters."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.store.atomic import read_json
from bench.store.presence import CLUSTERS, model_folder
from gmvae.disk import HISTORY
from gmvae.errors import first_line


def read_history(folder: Path, key: ModelKey) -> pd.DataFrame | None:
    """Return a model's history, a row per epoch; `None` if it has none.

    Raises
    ------
    StoreError
        If the file holds no history.
    """
    path = model_folder(folder, key) / HISTORY
    if not path.is_file():
        return None
    try:
        history = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read ({first_line(error)}); move the model's folder away to go without") from error
    if history.empty or not {"epoch", "seconds"} <= set(history.columns):
        raise StoreError(f"{path} holds no history of a training; move the model's folder away to go without")
    return history


def read_clusters(folder: Path, key: ModelKey) -> Int[np.ndarray, " k"]:
    """Return the items per cluster of a model in an exported run.

    Raises
    ------
    StoreError
        If the file does not hold a number for each of the model's components.
    """
    path = model_folder(folder, key) / CLUSTERS
    sizes = read_json(path).get("sizes")
    if (
        not isinstance(sizes, list)
        or len(sizes) != key.n_components
        or not all(type(size) is int and size >= 0 for size in sizes)
    ):
        raise StoreError(f"{path} does not hold the sizes of {key.n_components} clusters; export the run again")
    return np.array(sizes, int)
