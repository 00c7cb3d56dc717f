"""Cells: what is judged, one record each."""

from dataclasses import dataclass

from bench.plan.budgets import Budget
from bench.plan.seeds import derive_seed


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


CellKey = tuple[str, int, int, str, int, int]
"""Identity of a cell within a run: method, K and model seed (-1 for none), sampler, number of labels, label seed."""


@dataclass(frozen=True)
class Cell:
    """Method x budget x label seed (x clustering): one fit, one score, one record."""

    method: str
    budget: Budget
    sampler: str
    label_seed: int
    clustering: ModelKey | None
    """`None` for methods that need no clusters, on items that no model chose."""

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
        )

    @property
    def method_seed(self) -> int:
        """Seed of everything random inside the method."""
        return derive_seed("method", *self.key)
