"""What the study of a search says: its best trials, what mattered, and how far the criterion agrees with what was watched."""

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import optuna
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from bench.errors import number_of
from bench.search.figures import agreement_figure, front_figure, history_figure, importance_figure
from bench.search.plan import SearchPlan
from bench.search.study import ERROR, Study
from bench.search.tables import ParameterRow, TrialRow, correlations_grid, parameters_grid, trials_grid
from bench.search.winners import best_trials
from bench.show.grid import Grid
from bench.stats.rank_correlation import RankCorrelation, rank_correlation

_TOP = 5
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
# With fewer trials than this importance is chance.
_LEAST_FOR_IMPORTANCE = 8
_ORACLE = "reads labels that a user would not have: an upper bound, never a result"


@dataclass(frozen=True)
class Findings:
    """The results of a study."""

    plan: SearchPlan
    study: Study

    @cached_property
    def complete(self) -> list[FrozenTrial]:
        """Trials that ran to their end."""
        return [trial for trial in self.study.trials if trial.state == TrialState.COMPLETE]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Trials by how they ended; `running` are those that were interrupted."""
        return dict(Counter(_STATES[trial.state.name] for trial in self.study.trials))

    @property
    def causes(self) -> list[tuple[str, int]]:
        """Why trials failed, the commonest cause first."""
        errors = (str(trial.user_attrs.get(ERROR, "")) for trial in self.study.trials if trial.state == TrialState.FAIL)
        return Counter(errors).most_common()

    @cached_property
    def importances(self) -> dict[str, float]:
        """Share of the first criterion's spread that each parameter explains; empty where there are too few trials."""
        if len(self.complete) < _LEAST_FOR_IMPORTANCE:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            try:
                return optuna.importance.get_param_importances(
                    self.study.optuna,
                    evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
                    target=lambda trial: trial.values[0],
                )
            except (RuntimeError, ValueError):
                # All trials reached the same.
                return {}

    @cached_property
    def agreements(self) -> list[tuple[str, str, list[float], list[float], RankCorrelation]]:
        """Each criterion with each that knows more labels, or else each criterion with what was watched, over complete trials."""
        every = (*self.plan.criteria, *self.plan.watched)
        pairs = [(one, other) for one in every for other in every if one.rank < other.rank and one.name != "seconds"]
        pairs = pairs or [(one, other) for one in self.plan.criteria for other in self.plan.watched]
        agreements = []
        for one, other in pairs:
            values = [self._measured(trial) for trial in self.complete]
            both = [(seen[one.name], seen[other.name]) for seen in values if one.name in seen and other.name in seen]
            signs = [1 if criterion.direction == "maximize" else -1 for criterion in (one, other)]
            x, y = [x for x, _ in both], [y for _, y in both]
            rho = rank_correlation([signs[0] * value for value in x], [signs[1] * value for value in y])
            if rho is not None:
                agreements.append((one.name, other.name, x, y, rho))
        return agreements

    def grids(self) -> Iterator[Grid]:
        """Yield the tables that the command prints."""
        best = best_trials(self.study)
        notes = self._notes()
        if best:
            yield parameters_grid(self._title(), self._parameters(best[0]), f"trial {best[0].number}", notes)
        front = len(self.plan.criteria) > 1
        chosen = best if front else self._ordered()[:_TOP]
        if chosen:
            criteria = [criterion.name for criterion in (*self.plan.criteria, *self.plan.watched)]
            title = (
                f"Pareto front: {number_of(len(chosen), 'trial')}"
                if front
                else f"The best {len(chosen)} of {number_of(len(self.complete), 'complete trial')}"
            )
            yield trials_grid(
                title, criteria, list(self.plan.space), [self._row(trial) for trial in chosen], self._oracle_notes()
            )
        if self.agreements:
            yield correlations_grid([(one, other, rho) for one, other, _, _, rho in self.agreements])

    def every_trial(self) -> Grid:
        """Return all trials that ended, by number."""
        criteria = [criterion.name for criterion in (*self.plan.criteria, *self.plan.watched)]
        ended = [trial for trial in self.study.trials if trial.state.is_finished()]
        return trials_grid(self._title(), criteria, list(self.plan.space), [self._row(trial) for trial in ended], self._notes())

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Yield what there is to draw, by name."""
        for index, criterion in enumerate(self.plan.criteria):
            complete = {trial.number: trial.values[index] for trial in self.complete}
            pruned = {
                trial.number: trial.intermediate_values[trial.last_step]
                for trial in self.study.trials
                if trial.state == TrialState.PRUNED and trial.last_step is not None
            }
            name = "history" if index == 0 else f"history-{criterion.name}"
            yield name, history_figure(criterion.name, complete, pruned, maximize=criterion.direction == "maximize")
        if self.importances:
            yield "importance", importance_figure(self.plan.criteria[0].name, self.importances)
        if len(self.plan.criteria) > 1:
            front = {trial.number: (trial.values[0], trial.values[1]) for trial in best_trials(self.study)}
            rest = [(trial.values[0], trial.values[1]) for trial in self.complete if trial.number not in front]
            names = self.plan.criteria[0].name, self.plan.criteria[1].name
            yield "front", front_figure(names, rest, front)
        if self.agreements:
            yield "agreement", agreement_figure(self.agreements)

    def _title(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        return f"{self.plan.dataset.name}: {number_of(len(self.study.trials), 'trial')} by {self.plan.selected_by} ({counts})"

    def _notes(self) -> list[str]:
        about = [self.plan.dataset.note] if self.plan.dataset.note else []
        return [f"chosen with {self.plan.label_cost:,} labels", *self._oracle_notes(), *about]

    def _oracle_notes(self) -> list[str]:
        return [f"{criterion.name} {_ORACLE}" for criterion in (*self.plan.criteria, *self.plan.watched) if criterion.is_oracle]

    def _parameters(self, best: FrozenTrial) -> list[ParameterRow]:
        plan = self.plan
        default = plan.defaults
        rows = [
            ParameterRow(name, str(domain), default.get(name), best.params.get(name), self.importances.get(name))
            for name, domain in plan.space.items()
        ]
        return sorted(rows, key=lambda row: -(row.importance or 0))

    def _ordered(self) -> list[FrozenTrial]:
        sign = -1 if self.plan.criteria[0].direction == "maximize" else 1
        return sorted(self.complete, key=lambda trial: (sign * trial.values[0], trial.number))

    def _row(self, trial: FrozenTrial) -> TrialRow:
        seen = self._watched(trial)
        values = trial.values if trial.state == TrialState.COMPLETE else None
        return TrialRow(
            trial.number,
            (*(values or [None] * len(self.plan.criteria)), *(seen.get(criterion.name) for criterion in self.plan.watched)),
            trial.user_attrs.get("epoch"),
            trial.user_attrs.get("seconds"),
            tuple(trial.params.get(name) for name in self.plan.space),
            _STATES[trial.state.name],
            self.plan.selected_by,
            self.plan.label_cost,
        )

    def _measured(self, trial: FrozenTrial) -> dict[str, float]:
        names = [criterion.name for criterion in self.plan.criteria]
        return dict(zip(names, trial.values, strict=True)) | self._watched(trial)

    @staticmethod
    def _watched(trial: FrozenTrial) -> dict[str, float]:
        seen: dict[str, float] = trial.user_attrs.get("watched", {})
        return seen
