"""A pool with one trained model of it, and the labels that are known so far: what `select` and `label` work on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int

from bench.data.dataset import Dataset
from bench.errors import SettingsError, unknown_name
from bench.labelling.given import GivenLabels
from bench.plan.cells import Ensemble, ModelKey
from bench.store.models import Pair, load_encoded
from bench.store.presence import model_folder, trained_models
from gmvae import checkpoint
from gmvae.model import GaussianMixtureVAE


@dataclass(frozen=True, eq=False)
class Workplace:
    """A pool with a model of it."""

    folder: Path
    dataset: Dataset
    key: ModelKey
    encoded: Pair

    @property
    def known(self) -> Int[np.ndarray, " n"]:
        """Labels that come with the data, -1 where unknown; those of a benchmark, which has all, are not read."""
        labels = self.dataset.labels
        return labels if (labels < 0).any() else np.full(len(labels), -1)

    @property
    def ensemble(self) -> Ensemble:
        """All trained models of this K.

        Raises
        ------
        SettingsError
            If this is the only one.
        """
        keys = tuple(key for key in trained_models(self.folder) if key.n_components == self.key.n_components)
        if len(keys) < 2:
            raise SettingsError(
                f"{self.folder} has one model of K = {self.key.n_components}, and an ensemble is a mean over several; `run "
                "--model-seeds 0-2` trains several, where the data have labels to compare methods by"
            )
        return Ensemble(keys)

    def network(self, key: ModelKey) -> GaussianMixtureVAE:
        """Return the trained networks of a model, on the CPU."""
        return checkpoint.load(model_folder(self.folder, key), "cpu").model

    @cached_property
    def assignment(self) -> Int[np.ndarray, " n"]:
        """Cluster of each item."""
        clusters: np.ndarray = self.encoded[0].posterior.argmax(axis=1)
        return clusters

    @cached_property
    def sizes(self) -> Int[np.ndarray, " k"]:
        """Items of each cluster."""
        return np.bincount(self.assignment, minlength=self.key.n_components)

    def known_with(self, given: GivenLabels | None) -> Int[np.ndarray, " n"]:
        """Return the labels that come with the data and those that the user gives, as codes of the user's classes."""
        y = self.known.copy()
        if given is not None:
            y[given.items] = given.codes
        return y


def open_workplace(folder: Path, dataset: Dataset, model: str | None = None) -> Workplace:
    """Read a trained model of a run; without a name, the first seed of the largest K.

    Raises
    ------
    SettingsError
        If the run has no such model.
    """
    keys = trained_models(folder)
    if not keys:
        raise SettingsError(f"{folder} holds no trained model; repeat the command of its run, with a method such as soft")
    chosen = keys[0] if model is None else next((key for key in keys if key.id == model), None)
    if chosen is None:
        raise unknown_name("model in this run", str(model), [key.id for key in keys])
    return Workplace(folder, dataset, chosen, load_encoded(folder, chosen))
