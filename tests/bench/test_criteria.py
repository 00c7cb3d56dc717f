"""Criteria of a search: against closed forms, and shown to read no label that they may not."""

import copy
from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from bench.data.dataset import Dataset
from bench.errors import SettingsError
from bench.judge.methods import METHODS
from bench.judge.representations import View
from bench.search import criteria
from bench.search.criteria import Candidate, Criterion, held_out_items, resolve_criterion, shared_information
from bench.search.crossval import cross_validated_accuracy
from gmvae.augmentation import Augmentation
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.decoding import Posterior, SoftDecoder
from gmvae.posteriors import encode, score
from gmvae.training import Trainer


@pytest.fixture(scope="module")
def candidate(small_dataset: Dataset) -> Candidate:
    """Two small models, trained on all but the held-out items."""
    held_out = held_out_items(len(small_dataset.pool), small_dataset.sha256)
    items = np.delete(small_dataset.pool, held_out, axis=0)
    config = ModelConfig(
        n_features=64, n_components=12, latent_dim=4, encoder_layers=(32,), decoder_layers=(32,), image_shape=(8, 8)
    )
    models = []
    for seed in range(2):
        trainer = Trainer(items, config, TrainingConfig(epochs=12), model_seed=seed)
        for _ in range(12):
            trainer.run_epoch()
        models.append(trainer.snapshot())
    return Candidate(tuple(models), small_dataset.pool, held_out, "soft", 1.5)


def measure(name: str, candidate: Candidate, dataset: Dataset, label_seed: int = 0) -> float:
    criterion = resolve_criterion(name, dataset)
    return criterion.measure(candidate, criterion.labels(dataset, label_seed))


def poisoned(dataset: Dataset, spared: np.ndarray) -> Dataset:
    """The data set with wrong labels wherever `spared` is not."""
    wrong = (dataset.labels + 1 + np.random.default_rng(0).integers(8, size=len(dataset.labels))) % 10
    labels = np.where(spared, dataset.labels, wrong)
    changed = replace(dataset, labels=labels)
    # The draw of labels depends on the contents, which an attacker of this test must not change.
    object.__setattr__(changed, "sha256", dataset.sha256)
    return changed


@pytest.mark.parametrize("decoding", ["soft", "hard-fallback", "soft-bayes"])
@pytest.mark.parametrize("label_seed", [0, 3])
def test_accuracy_within_n_labels_reads_no_other(
    candidate: Candidate, small_dataset: Dataset, decoding: str, label_seed: int
) -> None:
    clean = resolve_criterion("accuracy@40", small_dataset)
    spared = clean.labels(small_dataset, label_seed) >= 0
    assert spared.sum() == 40
    bad = poisoned(small_dataset, spared)
    assert (bad.labels[~spared] != small_dataset.labels[~spared]).all()
    ours = Candidate(candidate.models, candidate.pool, candidate.held_out, decoding, 0.0)
    assert measure("accuracy@40", ours, bad, label_seed) == measure("accuracy@40", ours, small_dataset, label_seed)
    # The test can fail: labels among the N do matter.
    assert measure("accuracy@40", ours, poisoned(small_dataset, ~spared), label_seed) != measure(
        "accuracy@40", ours, small_dataset, label_seed
    )


@pytest.mark.parametrize("name", ["elbo", "invariance", "stability", "seconds"])
def test_criteria_without_labels_are_given_none(candidate: Candidate, small_dataset: Dataset, name: str) -> None:
    criterion = resolve_criterion(name, small_dataset)
    assert (criterion.labels(small_dataset, 0) == -1).all()
    assert criterion.cost(small_dataset) == 0
    assert not criterion.is_oracle
    assert np.isfinite(measure(name, candidate, small_dataset))


@pytest.mark.parametrize(("ground", "views"), [(0.0, "warp"), (0.5, "photo")])
def test_invariance_is_about_views_that_suit_the_data(
    candidate: Candidate, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch, ground: float, views: str
) -> None:
    made: list[Augmentation] = []

    def spy(*args: Any) -> Augmentation:
        made.append(Augmentation(*args))
        return made[-1]

    monkeypatch.setattr(criteria, "Augmentation", spy)
    random = np.random.default_rng(0).random(small_dataset.pool.shape).astype(np.float32)
    pool = (1 - ground) * small_dataset.pool + ground * random
    measure("invariance", Candidate(candidate.models, pool, candidate.held_out, "soft", 1.5), small_dataset)
    assert [one.views for one in made] == [views]


def test_decodings_read_one_posterior(candidate: Candidate, small_dataset: Dataset) -> None:
    y = small_dataset.shown(np.arange(40))
    for name in criteria.DECODINGS:
        METHODS[name].make(10, 1, 0).fit(candidate.posterior, y)


def test_the_oracle_reads_all_labels_and_says_so(candidate: Candidate, small_dataset: Dataset) -> None:
    criterion = resolve_criterion("oracle-accuracy@40", small_dataset)
    assert criterion.is_oracle
    assert criterion.cost(small_dataset) == 300
    spared = resolve_criterion("accuracy@40", small_dataset).labels(small_dataset, 0) >= 0
    assert measure("oracle-accuracy@40", candidate, poisoned(small_dataset, spared)) < measure(
        "oracle-accuracy@40", candidate, small_dataset
    )


def test_the_oracle_is_the_accuracy_that_a_run_measures(candidate: Candidate, small_dataset: Dataset) -> None:
    from bench.judge.judging import judge
    from bench.plan.budgets import Budget
    from bench.plan.cells import Cell, ModelKey

    view = View(candidate.posterior, None)
    cells = [Cell("soft", Budget(40, "40"), "random", seed, ModelKey(12, 0)) for seed in range(5)]
    mean = np.mean([judge(cell, METHODS["soft"], view, small_dataset).accuracy for cell in cells])
    assert measure("oracle-accuracy@40", candidate, small_dataset) == pytest.approx(float(mean))


def test_elbo_is_that_of_the_held_out_items(candidate: Candidate, small_dataset: Dataset) -> None:
    assert len(candidate.held_out) == 30
    expected = score(candidate.models[0], small_dataset.pool[candidate.held_out]).mean()
    assert measure("elbo", candidate, small_dataset) == pytest.approx(float(expected))


def test_stability_of_equal_models_is_one(candidate: Candidate, small_dataset: Dataset) -> None:
    twins = Candidate((candidate.models[0],) * 2, candidate.pool, candidate.held_out, "soft", 0.0)
    assert measure("stability", twins, small_dataset) == pytest.approx(1)
    assert measure("stability", candidate, small_dataset) < 1


def test_models_that_collapsed_agree_about_nothing(candidate: Candidate, small_dataset: Dataset) -> None:
    dead = copy.deepcopy(candidate.models[0])
    with torch.no_grad():
        for name, weight in dead.named_parameters():
            if name.startswith("prior"):
                weight[1:] = weight[:1] + 1e4
    pair = Candidate((dead, dead), candidate.pool, candidate.held_out, "soft", 0.0)
    assert len(np.unique(pair.posterior.assignment)) == 1
    assert measure("stability", pair, small_dataset) == 0


def test_shared_information_has_the_closed_forms() -> None:
    k = 7
    certain = np.eye(k)[np.arange(70) % k]
    assert shared_information(certain, certain) == pytest.approx(log(k))
    assert shared_information(np.full((70, k), 1 / k), certain) == pytest.approx(0, abs=1e-12)
    assert shared_information(np.eye(k)[np.zeros(70, int)], np.eye(k)[np.zeros(70, int)]) == pytest.approx(0, abs=1e-12)


def test_shared_information_of_hard_clusters_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(5, size=400)
    other = np.where(rng.random(400) < 0.7, one, rng.integers(5, size=400))
    # Ours takes the two views for exchangeable: each pair counts both ways round.
    expected = mutual_info_score(np.concatenate([one, other]), np.concatenate([other, one]))
    assert shared_information(np.eye(5)[one], np.eye(5)[other]) == pytest.approx(expected)


def test_cross_validation_is_the_slow_loop() -> None:
    rng = np.random.default_rng(1)
    view = View(Posterior(rng.dirichlet(np.full(6, 0.2), 200).astype(np.float32)), None)
    y = np.full(200, -1)
    labeled = rng.permutation(200)[:35]
    y[labeled] = view.pool.assignment[labeled] % 3
    found = cross_validated_accuracy(lambda: SoftDecoder(3), view, y, seed=5)
    order = np.random.default_rng(5)
    right = []
    for _ in range(3):
        shuffled = order.permutation(np.flatnonzero(y >= 0))
        for fold in np.array_split(shuffled, 10):
            for item in fold:
                rest = y.copy()
                rest[fold] = -1
                said = SoftDecoder(3).fit(view.pool.q, rest).predict(view.pool.q[[item]])[0]
                right.append(said == y[item])
    assert found == pytest.approx(np.mean(right))


def test_cross_validation_reads_transductions_where_there_are_some(small_dataset: Dataset) -> None:
    from bench.judge.representations import REPRESENTATIONS, Source

    view = REPRESENTATIONS["pixel-graph"](Source(small_dataset.pool, None))
    y = np.full(300, -1)
    y[:60] = small_dataset.labels[:60]
    assert cross_validated_accuracy(lambda: METHODS["label-spreading"].make(10, 1, 0), view, y, seed=0) > 0.6


def test_held_out_items_are_the_same_for_all_and_not_many() -> None:
    one, other = held_out_items(1_000, "a"), held_out_items(1_000, "b")
    np.testing.assert_array_equal(one, held_out_items(1_000, "a"))
    assert len(one) == 100
    assert not np.array_equal(one, other)
    assert len(held_out_items(1_000_000, "a")) == 5_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("elbow", "did you mean 'elbo'"),
        ("accuracy", "needs a number of labels, e.g. accuracy@291"),
        ("accuracy@", "needs a number of labels"),
        ("accuracy@5", "at least 10"),
        ("accuracy@9999", "only 300 are known"),
        ("elbo@50", "reads no labels; write elbo"),
        ("oracle-acuracy@50", "did you mean 'oracle-accuracy@N'"),
    ],
)
def test_criteria_that_do_not_exist(small_dataset: Dataset, name: str, reason: str) -> None:
    with pytest.raises(SettingsError) as error:
        resolve_criterion(name, small_dataset)
    assert reason in str(error.value)


def test_budgets_of_criteria_may_be_percentages(small_dataset: Dataset) -> None:
    criterion: Criterion = resolve_criterion("accuracy@20%", small_dataset)
    assert (criterion.name, criterion.n_labeled) == ("accuracy@60", 60)


def test_views_are_what_encode_looks_at(candidate: Candidate, small_dataset: Dataset) -> None:
    items = small_dataset.pool[:20]
    np.testing.assert_array_equal(
        encode(candidate.models[0], items, lambda x: x.flip(1)).posterior,
        encode(candidate.models[0], items[:, ::-1].copy()).posterior,
    )
