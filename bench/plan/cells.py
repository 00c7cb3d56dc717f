"""Cells: what is judged, one record each."""

from dataclasses import dataclass

from bench.plan.budgets import Budget
from bench.plan.seeds import derive_seed
from bench.plan.supervision import CLEAN, Supervision

ALL_SEEDS = -1
"""Stands for the model seed of a cell that reads the models of all of them."""


@dataclass(frozen=True, order=True)
class ModelKey:
    """One clustering of the pool: number of components and the seed that started it."""

    n_components: int
    model_seed: int

    @property
    def id(self) -> str:
        """Name of the model's folder in a run."""
        return f"vae-s{self.model_seed}" if self.n_components == 1 else f"k{self.n_components}-s{self.model_seed}"

    @property
    def plain_vae(self) -> "ModelKey":
        """The model of the same seed with one component: a plain VAE, whatever K."""
        return ModelKey(1, self.model_seed)

    @property
    def models(self) -> "tuple[ModelKey, ...]":
        """The one model that made it."""
        return (self,)

    @property
    def chooser(self) -> "ModelKey":
        """The model that chooses items to label."""
        return self


@dataclass(frozen=True)
class Ensemble:
    """The clusterings of all models of one K."""

    models: tuple[ModelKey, ...]
    chooser: ModelKey | None = None
    """That one of them that chooses the items to label; `None` where none does."""

    @property
    def n_components(self) -> int:
        """Components of each model."""
        return self.models[0].n_components

    @property
    def model_seed(self) -> int:
        """The seed of the model that chooses; -1 for none."""
        return ALL_SEEDS if self.chooser is None else self.chooser.model_seed


Clustering = ModelKey | Ensemble
"""What a cell that needs clusters reads: one model, or all of one K."""


CellKey = tuple[str, int, int, str, int, int, str]
"""Identity of a cell within a run: method, K and model seed (-1 for none, or for all of them), sampler, labels, label seed, and
what is wrong with the labels (empty for nothing)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Method x budget x label seed (x clustering x supervision): one fit, one score, one record."""

    method: str
    budget: Budget
    sampler: str
    label_seed: int
    clustering: Clustering | None
    """`None` for methods that need no clusters, on items that no model chose."""
    supervision: Supervision = CLEAN

    @property
    def key(self) -> CellKey:
        """Identity within a run."""
        clustering = self.clustering or ModelKey(-1, -1)
        return (
            self.method,
            clustering.n_components,
            clustering.model_seed,
            self.sampler,
            self.budget.n_labeled,
            self.label_seed,
            self.supervision.text,
        )

    @property
    def identity(self) -> tuple[str | int, ...]:
        """The same for seeds and fingerprints; as it was before there was supervision where nothing is wrong with the labels."""
        return self.key if self.supervision.text else self.key[:-1]

    @property
    def method_seed(self) -> int:
        """Seed of everything random inside the method."""
        return derive_seed("method", *self.identity)
