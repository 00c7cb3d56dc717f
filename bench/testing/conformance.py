"""What methods, samplers and data sets must do to take part, as checks that authors of plug-ins can run in their own tests.

    from bench.testing.conformance import check_dataset, check_method, check_sampler

Each raises `AssertionError` with what was expected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int
from sklearn.datasets import load_digits

from bench.data.dataset import Dataset
from bench.data.registry import DatasetSource
from bench.errors import BenchError
from bench.judge.methods import Learner, Method
from bench.judge.representations import REPRESENTATIONS, Source, View, side_by_side
from bench.plan.cells import ModelKey
from bench.plan.samplers.base import Asker, Sampler, Sight, draw, unanswered
from gmvae.decoding import Posterior
from gmvae.posteriors import Encoded

_N_POOL, _N_TEST, _N_CLASSES = 300, 100, 10


@dataclass(frozen=True, eq=False)
class Example:
    """Digits with what a fair model would make of them: a soft posterior around class centres, and latents."""

    dataset: Dataset
    source: Source
    encoded: Encoded
    """Of the pool."""

    @cache  # noqa: B019 - there is one example per process
    def view(self, representation: str) -> View:
        """Return a representation of the digits."""
        return REPRESENTATIONS[representation](self.source)

    def seen_by(self, method: Method) -> View:
        """Return what a method sees of the digits; one that reads several models gets the same model twice."""
        view = self.view(method.representation)
        return side_by_side({"k12-s0": view, "k12-s1": view}) if method.needs == "models" else view

    def shown(self, n_labeled: int, classes: range = range(_N_CLASSES)) -> Int[np.ndarray, " n"]:
        """Return labels of a few items of the given classes, -1 elsewhere."""
        candidates = np.flatnonzero(np.isin(self.dataset.labels, list(classes)))
        chosen = np.random.default_rng(0).permutation(candidates)[:n_labeled]
        return self.dataset.shown(chosen)


@cache
def example() -> Example:
    """Return the example that methods and samplers are checked on."""
    x, y = load_digits(return_X_y=True)
    x = (x[: _N_POOL + _N_TEST] / 16).astype(np.float32)
    pool, test, labels = x[:_N_POOL], x[_N_POOL:], y[:_N_POOL].astype(np.int64)
    centres = np.stack([pool[labels == code].mean(0) for code in range(_N_CLASSES)])

    def encoded(items: np.ndarray) -> Encoded:
        distance = ((items[:, None] - centres[None]) ** 2).sum(-1)
        q = np.exp(-2 * (distance - distance.min(axis=1, keepdims=True)))
        return Encoded((q / q.sum(axis=1, keepdims=True)).astype(np.float32), (items @ centres.T).astype(np.float32))

    dataset = Dataset("digits", pool, labels, tuple("0123456789"), (8, 8), test, y[_N_POOL : _N_POOL + _N_TEST].astype(np.int64))
    of_pool = encoded(pool)
    return Example(dataset, Source(pool, test, ModelKey(12, 0), (of_pool, encoded(test)), (8, 8)), of_pool)


def _expect(condition: object, otherwise: str) -> None:
    # Not `assert`, which `python -O` leaves out.
    if not condition:
        raise AssertionError(otherwise)


def check_method(method: Method) -> None:
    """Check a method by all of `METHOD_CHECKS`."""
    for check in METHOD_CHECKS:
        check(method)


def check_sampler(sampler: Sampler) -> None:
    """Check a sampler by all of `SAMPLER_CHECKS`."""
    for check in SAMPLER_CHECKS:
        check(sampler)


def check_dataset(source: DatasetSource, data_dir: Path) -> None:
    """Check that a data set is what its source says, and the same at every reading."""
    dataset, again = source.load(data_dir), source.load(data_dir)
    n_items = len(dataset.pool) + (0 if dataset.test is None else len(dataset.test))
    _expect(n_items == source.n_items, f"{n_items} items, but the source says {source.n_items}")
    _expect(dataset.n_classes == source.n_classes, f"{dataset.n_classes} classes, but the source says {source.n_classes}")
    _expect(dataset.sha256 == again.sha256, "two readings have different contents")
    _expect(dataset.pool.ndim == 2, f"the pool has shape {dataset.pool.shape}; expected (n, d)")
    _expect(dataset.pool.dtype in (np.uint8, np.float32), f"the pool is {dataset.pool.dtype}; expected uint8 or float32")
    if dataset.image_shape is not None:
        _expect(np.prod(dataset.image_shape) == dataset.pool.shape[1], "image_shape does not fit the items")
    _expect(source.on_disk(data_dir), "on_disk must be true once it was loaded")


def _fit(method: Method, y: Int[np.ndarray, " n"], n_jobs: int = 1, random_state: int = 0) -> tuple[Learner, View]:
    view = example().seen_by(method)
    return method.make(_N_CLASSES, n_jobs, random_state).fit(view.pool, y), view


def _told(method: Method, y: Int[np.ndarray, " n"], n_jobs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of the pool and of the held-out items."""
    learner, view = _fit(method, y, n_jobs)
    pool = getattr(learner, "transduction_", None)
    return learner.predict(view.pool) if pool is None else pool, learner.predict(view.test)


def learns_from_sixty_labels(method: Method) -> None:
    """Expect twice as many right classes as by chance, in the pool and outside."""
    y, dataset = example().shown(60), example().dataset
    pool, test = _told(method, y)
    rest = y < 0
    _expect((pool[rest] == dataset.labels[rest]).mean() > 2 / _N_CLASSES, "no better than chance on the pool")
    _expect((test == dataset.test_labels).mean() > 2 / _N_CLASSES, "no better than chance on held-out items")


def same_seed_same_classes_whatever_the_threads(method: Method) -> None:
    """Expect results that depend on data, labels and seed alone."""
    y = example().shown(40)
    first, second, threaded = (_told(method, y, n_jobs) for n_jobs in (1, 1, 2))
    for name, other in (("call", second), ("number of threads", threaded)):
        for mine, theirs in zip(first, other, strict=True):
            _expect(np.array_equal(mine, theirs), f"another {name}, other classes")


def classes_without_labels_are_never_named(method: Method) -> None:
    """Show four of ten classes."""
    pool, test = _told(method, example().shown(30, range(3, 7)))
    named = set(pool.tolist()) | set(test.tolist())
    _expect(named <= {3, 4, 5, 6, *method.names_unasked}, f"it names {sorted(named)}, but only 3 … 6 were shown")


def two_classes_are_enough_to_learn(method: Method) -> None:
    """Show two of ten classes, which must be told apart."""
    pool, _ = _told(method, example().shown(20, range(2)))
    labels = example().dataset.labels
    _expect((pool[labels < 2] == labels[labels < 2]).mean() > 0.8, "two classes with twenty labels are not told apart")


def one_class_or_two_labels_are_enough_to_run(method: Method) -> None:
    """Show next to nothing to learn from."""
    for n_labeled in (1, 2):
        pool, _ = _told(method, example().shown(n_labeled, range(4, 5)))
        _expect(set(pool.tolist()) <= {4, *method.names_unasked}, "one class was shown, another one is named")


def probabilities_have_a_column_per_class_and_sum_to_one(method: Method) -> None:
    """Look at probabilities, also of classes that were not shown."""
    learner, view = _fit(method, example().shown(30, range(1, 8)))
    proba = learner.predict_proba(view.test)
    _expect(proba.shape == (_N_TEST, _N_CLASSES), f"predict_proba has shape {proba.shape}; expected {(_N_TEST, _N_CLASSES)}")
    _expect(np.allclose(proba.sum(axis=1), 1, atol=1e-4), "probabilities do not sum to 1")
    _expect(np.array_equal(proba.argmax(axis=1), learner.predict(view.test)), "predict is not the most probable class")


def bad_labels_are_refused(method: Method) -> None:
    """Expect a `ValueError` that says what is wrong."""
    nothing = [-1] * (_N_POOL - 1)
    for labels in ([0, 1], [-1, *nothing], [_N_CLASSES + 1, *nothing]):
        try:
            _fit(method, np.array(labels))
        except ValueError:
            continue
        raise AssertionError(f"labels {labels[:3]} … were taken without a ValueError")


METHOD_CHECKS: tuple[Callable[[Method], None], ...] = (
    learns_from_sixty_labels,
    same_seed_same_classes_whatever_the_threads,
    classes_without_labels_are_never_named,
    two_classes_are_enough_to_learn,
    one_class_or_two_labels_are_enough_to_run,
    probabilities_have_a_column_per_class_and_sum_to_one,
    bad_labels_are_refused,
)


def _asker(sampler: Sampler, labels: np.ndarray | None = None, seed: int = 0) -> Asker:
    labels = example().dataset.labels if labels is None else labels
    encoded = example().encoded
    return sampler.make(
        Sight(
            n_pool=len(labels),
            candidates=np.flatnonzero(labels >= 0),
            seed=seed,
            posterior=Posterior(encoded.posterior) if sampler.needs_model else None,
            latent=encoded.latent if sampler.needs_model else None,
            labels=labels if sampler.oracle else None,
        )
    )


def _asked(sampler: Sampler, n: int, labels: np.ndarray | None = None, seed: int = 0) -> list[int]:
    truth = example().dataset.labels if labels is None else labels
    return [pick.item for pick in draw(_asker(sampler, labels, seed), n, lambda item: int(truth[item]))]


def asks_for_every_item_once(sampler: Sampler) -> None:
    """Ask to the end, and once more."""
    asker, labels = _asker(sampler), example().dataset.labels
    items = [pick.item for pick in draw(asker, _N_POOL, lambda item: int(labels[item]))]
    _expect(sorted(items) == list(range(_N_POOL)), "an item was asked for twice, or never")
    try:
        asker.ask()
    except BenchError:
        return
    raise AssertionError("it goes on asking after the last item")


def same_seed_same_items(sampler: Sampler) -> None:
    """Expect questions that depend on data, answers and seed alone."""
    _expect(_asked(sampler, 90) == _asked(sampler, 90), "the same seed asks for other items")


def unknown_labels_are_not_asked_for(sampler: Sampler) -> None:
    """Leave half of the items without a label."""
    labels = example().dataset.labels.copy()
    labels[::2] = -1
    _expect((labels[_asked(sampler, 100, labels)] >= 0).all(), "it asks for items that are no candidates")


def labels_that_were_not_told_are_not_read(sampler: Sampler) -> None:
    """Change all other labels; only oracles, which say so, may notice."""
    if sampler.oracle:
        return
    asked = _asked(sampler, 100)
    poisoned = np.random.default_rng(1).integers(0, 50, _N_POOL)
    poisoned[asked] = example().dataset.labels[asked]
    _expect(_asked(sampler, 100, poisoned) == asked, "labels that it was not told change what it asks for")


def goes_on_from_what_it_is_told(sampler: Sampler) -> None:
    """Tell labels that it did not ask for, and give no answers."""
    asker, labels = _asker(sampler), example().dataset.labels
    given = np.random.default_rng(3).choice(_N_POOL, 60, replace=False)
    for item in given:
        asker.tell(int(item), int(labels[item]))
    picks = draw(asker, 80, unanswered)
    _expect(not {pick.item for pick in picks} & set(given.tolist()), "it asks for items whose label it was told")
    _expect(all(pick.reason for pick in picks), "every pick needs a reason")
    _expect(asker.ask() == asker.ask(), "asking twice without telling gives two items")


SAMPLER_CHECKS: tuple[Callable[[Sampler], None], ...] = (
    asks_for_every_item_once,
    same_seed_same_items,
    unknown_labels_are_not_asked_for,
    labels_that_were_not_told_are_not_read,
    goes_on_from_what_it_is_told,
)
