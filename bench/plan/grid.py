"""The grid of a run: methods, samplers, models, budgets and label seeds become cells here and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from bench.plan.budgets import Budget, resolve_budgets
from bench.plan.cells import Cell, Clustering, Ensemble, ModelKey
from bench.plan.limits import Limit, within_limits
from bench.plan.supervision import CLEAN, Supervision, supervisions


@dataclass(frozen=True)
class CellGrid:
    """What a command asks for, apart from methods and samplers."""

    components: tuple[int, ...]
    model_seeds: tuple[int, ...]
    budgets: tuple[str, ...] | None
    """As asked for; `None` leaves them to the size of the pool."""
    label_seeds: tuple[int, ...]
    limits: tuple[Limit, ...] = ()
    supervisions: tuple[Supervision, ...] = (CLEAN,)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the grid of a run's settings, as they are validated or as `config.json` holds them.

        Raises
        ------
        KeyError, TypeError, ValueError
            If they are not those of a run.
        """
        budgets = settings["budgets"]
        return cls(
            tuple(settings["components"] or ()),
            tuple(settings["model_seeds"]),
            None if budgets is None else tuple(budgets),
            tuple(settings["label_seeds"]),
            tuple(Limit.model_validate(limit) for limit in settings.get("limits", ())),
            supervisions(settings.get("label_noise", (0,)), settings.get("imbalance", (1,)), settings.get("unseen", (0,))),
        )

    @property
    def clusterings(self) -> tuple[ModelKey, ...]:
        """A model for every K and model seed."""
        return tuple(ModelKey(k, seed) for k in self.components for seed in self.model_seeds)

    def cells(
        self, methods: Mapping[str, str], samplers: Mapping[str, bool], n_known: int, n_classes: int, known_methods: Iterable[str]
    ) -> tuple[Cell, ...]:
        """Return the cells that are to be judged.

        Parameters
        ----------
        methods
            By name: what it needs (`bench.judge.methods.Needs`).
        samplers
            By name: whether it looks at a model.
        n_known
            Items of the pool whose label is known.
        n_classes
            Classes of the pool.
        known_methods
            Names that a limit may use.

        Raises
        ------
        SettingsError
            For a budget that the pool does not have, or an unknown name in a limit.
        """
        budgets = resolve_budgets(self.budgets, n_known, n_classes)
        cells = expand_cells(methods, samplers, self.clusterings, budgets, self.label_seeds, self.supervisions)
        return within_limits(cells, self.limits, n_known, n_classes, known_methods)


def expand_cells(
    methods: Mapping[str, str],
    samplers: Mapping[str, bool],
    clusterings: Sequence[ModelKey],
    budgets: Iterable[Budget],
    label_seeds: Iterable[int],
    supervisions: Sequence[Supervision] = (CLEAN,),
) -> tuple[Cell, ...]:
    """Return every cell of a grid; `methods` say what each needs, `samplers` whether it looks at a model."""
    return tuple(
        Cell(method, budget, sampler, label_seed, clustering, supervision)
        for method, needs in methods.items()
        for sampler, looks in samplers.items()
        for clustering in _clusterings_for(needs, looks, clusterings)
        for supervision in supervisions
        for budget in budgets
        for label_seed in label_seeds
    )


def _clusterings_for(needs: str, looks: bool, models: Sequence[ModelKey]) -> Sequence[Clustering | None]:
    if needs == "models":
        # In order, so that the same models are the same ensemble however they were asked for.
        in_order = sorted(models)
        of_k = {
            k: tuple(key for key in in_order if key.n_components == k) for k in dict.fromkeys(key.n_components for key in models)
        }
        return [Ensemble(members, chooser) for members in of_k.values() for chooser in (members if looks else (None,))]
    return models if looks or needs != "nothing" else (None,)
