"""From a suite to the plans of its runs: a set that is absent is a line, not a failure of the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.dataset import Dataset
from bench.errors import BenchError, SettingsError
from bench.judge.methods import select_methods
from bench.plan.budgets import resolve_budget
from bench.plan.samplers import select_samplers
from bench.plan.settings import RunSettings, make_settings
from bench.run import RunPlan, Survey, make_plan, survey
from bench.suite.definition import FoundSuite, Suite, SuiteSet

# Of the number of classes, so that they mean the same for 2 classes and for 77.
DEFAULT_BUDGETS = tuple(f"{n}/class" for n in (1, 2, 5, 10, 20, 50))
_LARGEST_SHARE = 0.5


@dataclass(frozen=True)
class SetPlan:
    """One set's run."""

    name: str
    folder: Path
    plan: RunPlan


@dataclass(frozen=True)
class Absent:
    """A set that is left out."""

    name: str
    reason: str


@dataclass(frozen=True)
class SuitePlan:
    """The runs of a suite before anything is carried out."""

    suite: Suite
    folder: Path
    sets: tuple[SetPlan, ...]
    absent: tuple[Absent, ...]

    def surveys(self, *, retry_failed: bool = False) -> Iterator[tuple[SetPlan, Survey]]:
        """Return what is done and what is missing of each set."""
        for one in self.sets:
            yield one, survey(one.plan, one.folder, retry_failed=retry_failed)


def suite_settings(found: FoundSuite, data_dir: Path | None, flags: Mapping[str, Any]) -> dict[str, RunSettings]:
    """Return the settings of each set's run, checked before any data are read.

    Raises
    ------
    SettingsError
        For a setting that does not fit, or an unknown method or sampler.
    """
    settings = {}
    for one in found.suite.sets:
        made = make_settings({"budgets": DEFAULT_BUDGETS}, found.settings_of(one, data_dir, flags))
        select_methods(made.methods)
        select_samplers(made.samplers)
        for text in made.budgets or ():
            check_budget(text)
        settings[one.name] = made
    return settings


def plan_suite(
    found: FoundSuite, settings: Mapping[str, RunSettings], folder: Path, read: Callable[[RunSettings], Dataset]
) -> SuitePlan:
    """Read the data of every set with `read`, and lay out its run.

    Raises
    ------
    SettingsError
        If no set is left.
    """
    sets, absent = [], []
    for one in found.suite.sets:
        try:
            dataset = read(settings[one.name])
            sets.append(SetPlan(one.name, folder / one.name, _plan_set(one, settings[one.name], dataset)))
        except BenchError as error:
            absent.append(Absent(one.name, str(error)))
    if not sets:
        reasons = "\n".join(f"{one.name}: {one.reason}" for one in absent)
        raise SettingsError(f"no set of the suite {found.suite.name} can be run.\n{reasons}")
    return SuitePlan(found.suite, folder, tuple(sets), tuple(absent))


def _plan_set(one: SuiteSet, settings: RunSettings, dataset: Dataset) -> RunPlan:
    if one.sha256 is not None and one.sha256 != dataset.sha256:
        raise SettingsError(
            f"its data are others than the suite's (SHA-256 {dataset.sha256[:12]}…, expected {one.sha256[:12]}…); get those, or "
            "write a suite of your own"
        )
    budgets = fitting_budgets(settings.budgets or DEFAULT_BUDGETS, dataset.n_known, dataset.n_classes)
    if not budgets:
        raise SettingsError(f"its {dataset.n_known:,} known labels are too few: every budget is more than half of them")
    return make_plan(settings.model_copy(update={"budgets": budgets}), dataset)


def check_budget(text: str) -> None:
    """Refuse a text that is no budget, as opposed to one that is too large for some pool.

    Raises
    ------
    SettingsError
        If it is one.
    """
    resolve_budget(text, 10**12, 1)


def fitting_budgets(asked: Sequence[str], n_known: int, n_classes: int) -> tuple[str, ...]:
    """Return the budgets that leave at least half of the known labels to score on.

    Raises
    ------
    SettingsError
        For a text that is no budget.
    """
    fitting = []
    for text in asked:
        check_budget(text)
        try:
            n_labeled = resolve_budget(text, n_known, n_classes).n_labeled
        except SettingsError:
            continue
        if n_labeled <= _LARGEST_SHARE * n_known:
            fitting.append(text)
    return tuple(fitting)
