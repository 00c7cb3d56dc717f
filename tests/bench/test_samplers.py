"""Samplers by name and budget, and what each is for on data whose clusters are known. See `test_conformance` for the suite."""

import numpy as np
import pytest

from bench.errors import SettingsError
from bench.plan.samplers import SAMPLERS, begin, labeled_items
from bench.plan.samplers.base import draw, unanswered
from gmvae.posteriors import Encoded

ALL = pytest.mark.parametrize("name", list(SAMPLERS))
SIZES = (120, 90, 60, 30)
CENTRES = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.float32)


def pool(seed: int = 0) -> tuple[np.ndarray, Encoded]:
    """Four round clusters of falling size in shuffled order; the third holds classes 2 and 4."""
    rng = np.random.default_rng(seed)
    cluster = rng.permutation(np.repeat(np.arange(4), SIZES))
    latent = (CENTRES[cluster] + rng.normal(size=(len(cluster), 2))).astype(np.float32)
    distance = ((latent[:, None] - CENTRES[None]) ** 2).sum(-1)
    q = np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))
    labels = np.where((cluster == 2) & (latent[:, 0] > 0), 4, cluster)
    return labels, Encoded((q / q.sum(axis=1, keepdims=True)).astype(np.float32), latent)


def items(name: str, n: int, labels: np.ndarray, encoded: Encoded, label_seed: int = 0) -> np.ndarray:
    return labeled_items(labels, "sha", name, label_seed, n, encoded)


@ALL
def test_larger_budgets_contain_smaller_ones_and_no_item_is_asked_for_twice(name: str) -> None:
    labels, encoded = pool()
    few, many, everything = (items(name, n, labels, encoded) for n in (7, 120, 300))
    np.testing.assert_array_equal(few, many[:7])
    np.testing.assert_array_equal(many, everything[:120])
    assert sorted(everything) == list(range(300))


@ALL
def test_same_seed_same_items(name: str) -> None:
    labels, encoded = pool()
    np.testing.assert_array_equal(items(name, 90, labels, encoded), items(name, 90, labels, encoded))
    assert not np.array_equal(items(name, 90, labels, encoded), items(name, 90, labels, encoded, label_seed=1))


@ALL
def test_items_whose_label_no_one_knows_are_not_asked_for(name: str) -> None:
    labels, encoded = pool()
    labels[::2] = -1
    assert (labels[items(name, 150, labels, encoded)] >= 0).all()
    with pytest.raises(SettingsError, match="all 150 items that can be asked for have been"):
        items(name, 151, labels, encoded)


@pytest.mark.parametrize("name", [name for name, sampler in SAMPLERS.items() if not sampler.oracle])
def test_labels_of_items_that_were_not_asked_for_are_never_read(name: str) -> None:
    labels, encoded = pool()
    asked = items(name, 100, labels, encoded)
    poisoned = np.random.default_rng(1).integers(0, 50, len(labels))
    poisoned[asked] = labels[asked]
    np.testing.assert_array_equal(items(name, 100, poisoned, encoded), asked)


def test_coverage_in_a_small_pool_looks_beyond_the_item_itself() -> None:
    labels, encoded = pool()
    small = Encoded(encoded.posterior[:80], encoded.latent[:80])
    asked = items("coverage", 4, labels[:80], small)
    assert len(set(small.posterior[asked].argmax(axis=1))) >= 3
    assert len(items("coverage", 3, labels[:3], Encoded(encoded.posterior[:3], encoded.latent[:3]))) == 3


def test_only_the_oracle_is_given_all_labels() -> None:
    labels, encoded = pool()
    for name, sampler in SAMPLERS.items():
        asker = begin(name, np.arange(300), 300, 0, encoded, labels)
        assert (asker.sight.labels is not None) == sampler.oracle


@pytest.mark.parametrize("name", [name for name, sampler in SAMPLERS.items() if sampler.needs_model])
def test_without_a_model_a_sampler_that_needs_one_says_so(name: str) -> None:
    with pytest.raises(SettingsError, match=f"the sampler {name} needs a trained model"):
        begin(name, np.arange(10), 10, 0, None)
    with pytest.raises(SettingsError, match="reads all labels, which only a benchmark has"):
        begin("stratified", np.arange(10), 10, 0, None)


def test_cluster_asks_for_the_middle_of_every_cluster_the_largest_first() -> None:
    labels, encoded = pool()
    asker = begin("cluster", np.arange(300), 300, 0, encoded)
    picks = draw(asker, 4, lambda item: int(labels[item]))
    assert [pick.cluster for pick in picks] == [0, 1, 2, 3]
    assignment = encoded.posterior.argmax(axis=1)
    for pick in picks:
        members = np.flatnonzero(assignment == pick.cluster)
        weight = encoded.posterior[:, pick.cluster]
        mean = (weight[:, None] * encoded.latent).sum(axis=0) / weight.sum()
        distance = ((encoded.latent[members] - mean) ** 2).sum(axis=1)
        assert pick.item == members[distance.argmin()]
        assert pick.cluster_size == len(members)


def test_cluster_comes_back_to_clusters_that_hold_several_classes() -> None:
    labels, encoded = pool()
    asked = items("cluster", 24, labels, encoded)
    visits = np.bincount(encoded.posterior.argmax(axis=1)[asked], minlength=4)
    # Its two classes show after a few labels; the largest cluster has twice its items.
    assert visits.argmax() == 2
    assert visits.min() >= 1


def test_the_gain_of_another_label_is_that_of_a_slow_loop() -> None:
    labels, encoded = pool()
    asker = begin("cluster", np.arange(300), 300, 0, encoded)
    draw(asker, 4, lambda item: int(labels[item]))
    pick = asker.ask()
    assert pick.cluster == 0
    members = np.flatnonzero(encoded.posterior.argmax(axis=1) == 0)
    asked = [item for item in asker.told if item in members]

    def mean_distance(chosen: list[int]) -> float:
        found = [min(((encoded.latent[m] - encoded.latent[c]) ** 2).sum() for c in chosen) for m in members]
        return float(np.mean(found))

    # All members of so small a cluster may be asked for.
    best = min(mean_distance([*asked, int(item)]) for item in members if item not in asked)
    assert mean_distance([*asked, pick.item]) == pytest.approx(best, rel=1e-5)


def test_typiclust_asks_for_items_in_dense_places() -> None:
    labels, encoded = pool()
    asked = items("typiclust", 10, labels, encoded)
    drawn = items("random", 100, labels, encoded)

    def crowd(of: np.ndarray) -> float:
        distance = np.sqrt(((encoded.latent[of][:, None] - encoded.latent[None]) ** 2).sum(-1))
        return float(np.sort(distance, axis=1)[:, 1:11].mean())

    assert crowd(asked) < 0.8 * crowd(drawn)


def test_coverage_is_greedy_as_a_slow_loop_is() -> None:
    _, encoded = pool()
    asker = begin("coverage", np.arange(300), 300, 0, encoded)
    asked = [pick.item for pick in draw(asker, 6, unanswered)]
    squared = ((encoded.latent[:, None] - encoded.latent[None]) ** 2).sum(-1)
    # A hundredth of 300 items would be three: five others at least.
    kernel = np.exp(-squared / np.median(np.sort(squared, axis=1)[:, 5]))
    chosen: list[int] = []
    for _ in range(6):
        covered = kernel[chosen].max(axis=0) if chosen else np.zeros(300)
        gains = np.maximum(kernel - covered, 0).mean(axis=1)
        assert gains[asked[len(chosen)]] == pytest.approx(gains.max(), rel=1e-4)
        chosen.append(asked[len(chosen)])


@pytest.mark.parametrize("name", ["margin", "entropy"])
def test_doubt_falls_on_items_between_clusters(name: str) -> None:
    labels, encoded = pool()
    asked = items(name, 80, labels, encoded)
    largest = encoded.posterior.max(axis=1)
    mixed = encoded.posterior.argmax(axis=1) == 2
    rounds = asked[50:]
    # Either the cluster is unsure, or the class within it is.
    doubtful = (largest < np.quantile(largest, 0.3)) | mixed
    assert doubtful[rounds].mean() > 1.3 * doubtful.mean()


def test_the_oracle_draws_classes_by_their_shares() -> None:
    labels, encoded = pool()
    counts = np.bincount(labels[items("stratified", 60, labels, encoded)], minlength=5)
    assert (np.abs(counts - 60 * np.bincount(labels, minlength=5) / 300) < 1.01).all()
