"""One cell to one outcome: show the labels, fit, predict, score."""

import hashlib
import time
import traceback

import numpy as np
from jaxtyping import Int

from bench.data.dataset import Dataset, shown_labels
from bench.errors import SettingsError
from bench.judge.cost import Cost
from bench.judge.methods import Method
from bench.judge.metrics import accuracy, macro_accuracy
from bench.judge.predictions import packed
from bench.judge.record import Outcome
from bench.judge.representations import View
from bench.plan.cells import Cell
from bench.plan.samplers import labeled_items
from gmvae.decoding import Posterior


def judge(
    cell: Cell,
    method: Method,
    view: View,
    dataset: Dataset,
    order: Int[np.ndarray, " n"] | None = None,
    n_jobs: int = 1,
    *,
    keep: bool = False,
) -> Outcome:
    """Return what the cell measures; an error inside the method is an outcome too.

    `order` are the items to label, in the order in which the cell's sampler asks for them (`bench.plan.samplers.labeled_items`);
    it may be left out for samplers that need no model. `keep` has the outcome hold what was said of every item.
    """
    try:
        return _judge(cell, method, view, dataset, order, n_jobs, keep=keep)
    except Exception as error:  # noqa: BLE001 - a third party's method may raise anything, and one cell must not end a sweep
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        return Outcome(status="failed", error=f"{type(error).__name__}: {error} ({where})")


def _judge(
    cell: Cell, method: Method, view: View, dataset: Dataset, order: np.ndarray | None, n_jobs: int, *, keep: bool
) -> Outcome:
    n_labeled = cell.budget.n_labeled
    told = cell.supervision.told(dataset.labels, dataset.n_classes, dataset.sha256, cell.label_seed)
    if order is None:
        order = labeled_items(told, dataset.sha256, cell.sampler, cell.label_seed, n_labeled)
    if len(order) < n_labeled:
        raise SettingsError(
            f"only {len(order):,} labels can be given with {cell.supervision.text or 'these data'}, not {n_labeled:,}"
        )
    shown = order[:n_labeled]
    y = shown_labels(told, shown)
    # Made before the clock starts: the first of its kind in a process loads its library.
    learner = method.make(dataset.n_classes, n_jobs, cell.method_seed)
    with Cost() as cost:
        begun = time.perf_counter()
        learner = learner.fit(view.pool, y)
        fitted = time.perf_counter()
        predicted = getattr(learner, "transduction_", None)
        if predicted is None:
            predicted = learner.predict(view.pool)
        done = time.perf_counter()
    rest = np.flatnonzero((y < 0) & dataset.known)
    said, truth = predicted[rest], dataset.labels[rest]
    return Outcome(
        accuracy=accuracy(said, truth),
        accuracy_test=_test_accuracy(learner.predict(view.test), dataset) if view.test is not None else None,
        macro_accuracy=macro_accuracy(said, truth),
        clusters_covered=len(np.unique(view.pool.assignment[shown])) if isinstance(view.pool, Posterior) else None,
        classes_seen=len(np.unique(y[shown])),
        fit_seconds=fitted - begun,
        predict_seconds=done - fitted,
        cpu_seconds=cost.cpu_seconds,
        view_cpu_seconds=view.cpu_seconds,
        peak_bytes=cost.peak_bytes,
        predictions=packed(predicted, shown, dataset.n_classes) if keep else None,
        shown=hashlib.sha256(np.sort(shown).astype("<i8").tobytes()).hexdigest()[:8],
    )


def _test_accuracy(predicted: np.ndarray, dataset: Dataset) -> float | None:
    if dataset.test_labels is None:
        return None
    known = dataset.test_labels >= 0
    return accuracy(predicted[known], dataset.test_labels[known])
