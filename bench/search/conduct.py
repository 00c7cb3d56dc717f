"""Carrying out a search: open its study, and run trials until there are as many as were asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.engine.executors import ray_trials
from bench.engine.interrupt import Interrupt
from bench.engine.packing import TrialPacks, gpu_bytes
from bench.errors import ClusterError, number_of
from bench.search.desk import SearchListener, StudyDesk
from bench.search.plan import SearchPlan
from bench.search.serial import SerialSearch
from bench.search.settings import first_parameters
from bench.search.study import Study, open_study, shown_location
from bench.search.trial import Exam, run_trials
from bench.store.folder import JOURNAL, check_claim, claim
from bench.store.sources import package_version
from bench.store.storage import Storage, run_storage

RunTrials = Callable[[StudyDesk, Exam], None]
"""Carries out the trials of a desk, each with what all of them are given, until there are no more."""


@contextmanager
def trials_of(plan: SearchPlan, storage: Storage) -> Iterator[RunTrials]:
    """Yield what carries out the trials: this process, or the Ray cluster that the settings name."""
    packs = TrialPacks(plan.settings.pack, plan.dataset.pool.nbytes, plan.search.trials)
    if plan.settings.executor == "serial":
        with Interrupt() as interrupt:
            yield SerialSearch(interrupt, packs.most(1, gpu_bytes(plan.settings.device))).run
        return
    with ray_trials(plan.settings, plan.search.workers, storage, packs) as run:
        yield lambda desk, exam: run(desk, exam, run_trials)


def open_search(plan: SearchPlan, folder: Path) -> tuple[Study, Storage]:
    """Claim the folder for the search; return its study and where trials keep their checkpoints.

    Raises
    ------
    StoreError
        If the folder or the study belongs to another search, or the storage cannot be used.
    """
    check_claim(folder, plan.identity)
    settings = {"run": plan.settings.model_dump(mode="json"), "search": plan.search.model_dump(mode="json")}
    if plan.search.study_storage is not None:
        # A password in it must not end up in a file.
        settings["search"]["study_storage"] = shown_location(plan.search.study_storage)
    owner = claim(folder, plan.identity, settings, plan.dataset)
    study = open_study(
        plan.search.study_storage or folder / JOURNAL,
        plan.search.study,
        {key: value for key, value in plan.identity.items() if key not in ("search", "space")},
        plan.space,
        {criterion.name: criterion.direction for criterion in plan.criteria},
        owner=owner,
        algorithm=plan.search.algorithm,
        search_seed=plan.search.search_seed,
    )
    storage = run_storage(plan.settings.storage, folder, owner)
    return study, storage


def carry_out_search(plan: SearchPlan, study: Study, storage: Storage, run_trials: RunTrials, listener: SearchListener) -> None:
    """Run trials until the study has as many as were asked for."""
    if study.n_elsewhere:
        listener.notice(f"left alone: {number_of(study.n_elsewhere, 'unfinished trial')} of other searches in this study")
    if study.n_interrupted:
        listener.notice(f"resuming {number_of(study.n_interrupted, 'interrupted trial')}")
    study.suggest_first(first_parameters(plan.space, plan.defaults))
    notes = {
        "selection": plan.selected_by,
        "labels_read": plan.label_cost,
        "labels_read_by_watched": max((criterion.cost(plan.dataset) for criterion in plan.watched), default=0),
        "version": package_version(),
    }
    desk = StudyDesk(study, plan.job, plan.search.trials, storage, listener, notes)
    run_trials(desk, plan.exam())
    if study.n_open:
        raise ClusterError(f"the search ended with {number_of(study.n_open, 'unfinished trial')}; repeat the command to go on")
    storage.clear()
