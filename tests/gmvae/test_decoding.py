"""Decoders against slow loops written from the paper's text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmvae.decoding import (
    SMOOTHING,
    HardDecoder,
    HardFallbackDecoder,
    LabelDecoder,
    Posterior,
    SoftBayesDecoder,
    SoftDecoder,
    SoftSharesDecoder,
)
from gmvae.errors import InputError

DECODERS = [SoftDecoder, SoftBayesDecoder, SoftSharesDecoder, HardDecoder, HardFallbackDecoder]


def problem(seed: int, n: int = 40, k: int = 7, n_classes: int = 4, n_labeled: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.full(k, 0.3), size=n)
    y = np.full(n, -1)
    y[rng.choice(n, n_labeled, replace=False)] = rng.integers(n_classes, size=n_labeled)
    return q, y


def slow_soft(q: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    predicted = []
    for x in range(len(q)):
        scores = []
        for label in range(n_classes):
            members = [i for i in range(len(q)) if y[i] == label]
            row = [sum(q[i][k] for i in members) / len(members) if members else 0.0 for k in range(q.shape[1])]
            scores.append(sum(q[x][k] * row[k] for k in range(q.shape[1])))
        predicted.append(int(np.argmax(scores)))
    return np.array(predicted)


def slow_soft_bayes(q: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    labeled = [i for i in range(len(q)) if y[i] >= 0]
    frequency = [(sum(y[i] == label for i in labeled) + 1) / (len(labeled) + n_classes) for label in range(n_classes)]
    proba = np.zeros((len(q), n_classes))
    for k in range(q.shape[1]):
        mass = [sum(q[i][k] for i in labeled if y[i] == label) for label in range(n_classes)]
        for label in range(n_classes):
            given_k = (mass[label] + SMOOTHING * frequency[label]) / (sum(mass) + SMOOTHING)
            proba[:, label] += q[:, k] * given_k
    return proba


def slow_soft_shares(q: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    labeled = [i for i in range(len(q)) if y[i] >= 0]
    counts = [sum(y[i] == label for i in labeled) for label in range(n_classes)]
    total = sum(count + 5 for count in counts if count)
    scores = np.zeros((len(q), n_classes))
    for k in range(q.shape[1]):
        joint = [
            (counts[label] + 5) / total * sum(q[i][k] for i in labeled if y[i] == label) / counts[label] if counts[label] else 0
            for label in range(n_classes)
        ]
        for label in range(n_classes):
            scores[:, label] += q[:, k] * joint[label] / (sum(joint) + 1 / len(labeled))
    return scores / scores.sum(axis=1, keepdims=True)


def slow_hard(q: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    name = {}
    for k in range(q.shape[1]):
        votes = [sum(1 for i in range(len(q)) if y[i] == label and np.argmax(q[i]) == k) for label in range(n_classes)]
        name[k] = int(np.argmax(votes))
    return np.array([name[int(np.argmax(row))] for row in q])


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_soft_equals_the_loop(seed: int, n_labeled: int) -> None:
    q, y = problem(seed, n_labeled=n_labeled)
    np.testing.assert_array_equal(SoftDecoder(4).fit(q, y).predict(q), slow_soft(q, y, 4))


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_hard_equals_the_loop(seed: int, n_labeled: int) -> None:
    q, y = problem(seed, n_labeled=n_labeled)
    np.testing.assert_array_equal(HardDecoder(4).fit(q, y).predict(q), slow_hard(q, y, 4))


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_soft_bayes_equals_the_loop(seed: int, n_labeled: int) -> None:
    q, y = problem(seed, n_labeled=n_labeled)
    proba = SoftBayesDecoder(4).fit(q, y).predict_proba(q)
    np.testing.assert_allclose(proba, slow_soft_bayes(q, y, 4), atol=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_soft_shares_equals_the_loop(seed: int, n_labeled: int) -> None:
    q, y = problem(seed, n_labeled=n_labeled)
    proba = SoftSharesDecoder(4).fit(q, y).predict_proba(q)
    np.testing.assert_allclose(proba, slow_soft_shares(q, y, 4), atol=1e-9)


def test_shares_count_where_labels_are_many_and_hardly_where_they_are_few() -> None:
    """Both classes occur in the one cluster, the second three times as often, and its items are a little less sure of it."""
    q = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]])
    few = np.array([0, 1, 1, 1, -1])
    assert SoftDecoder(2).fit(q, few).predict(q)[4] == 0
    assert SoftSharesDecoder(2).fit(q, few).predict(q)[4] == 0
    many = np.repeat(few[:4], 50)
    assert SoftDecoder(2).fit(np.repeat(q[:4], 50, axis=0), many).predict(q)[4] == 0
    assert SoftSharesDecoder(2).fit(np.repeat(q[:4], 50, axis=0), many).predict(q)[4] == 1


def test_hard_gives_class_0_to_clusters_without_labels_as_the_study_does() -> None:
    q = np.eye(3)[[0, 0, 1, 2]]
    y = np.array([2, -1, -1, 1])
    np.testing.assert_array_equal(HardDecoder(3).fit(q, y).predict(q), [2, 2, 0, 1])


def test_a_tie_goes_to_the_class_that_is_surer_of_the_cluster() -> None:
    q = np.array([[0.6, 0.4], [0.9, 0.1], [0, 1], [0.7, 0.3]], float)
    y = np.array([0, 1, 2, -1])
    assert HardDecoder(3).fit(q, y).predict(q)[3] == 0
    assert HardFallbackDecoder(3).fit(q, y).predict(q)[3] == 1
    # One vote more outweighs any mass.
    q, y = np.vstack([q, q[:1]]), np.append(y, 0)
    assert HardFallbackDecoder(3).fit(q, y).predict(q)[3] == 0


def test_fallback_asks_the_named_cluster_that_shares_its_items() -> None:
    # Cluster 1 has no label; items that weigh it also weigh cluster 2, never cluster 0.
    q = np.array([[1, 0, 0], [0, 0.6, 0.4], [0, 0.6, 0.4], [0, 0, 1]], float)
    y = np.array([0, -1, -1, 2])
    np.testing.assert_array_equal(HardDecoder(3).fit(q, y).predict(q), [0, 0, 0, 2])
    np.testing.assert_array_equal(HardFallbackDecoder(3).fit(q, y).predict(q), [0, 2, 2, 2])


@given(st.integers(0, 1_000))
def test_fallback_equals_hard_where_every_cluster_has_a_majority(seed: int) -> None:
    q, _ = problem(seed, n=80, k=4)
    y = np.random.default_rng(seed).integers(4, size=len(q))
    votes = np.sort([np.bincount(y[q.argmax(axis=1) == k], minlength=4) for k in range(4)], axis=1)
    if (votes[:, -1] > votes[:, -2]).all():
        np.testing.assert_array_equal(HardFallbackDecoder(4).fit(q, y).predict(q), HardDecoder(4).fit(q, y).predict(q))


def test_soft_saves_an_item_whose_top_cluster_lies() -> None:
    """The paper's 'e': its top cluster says 'c', but the next ones, together heavier, say 'e'."""
    q = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.4, 0.2, 0.2, 0.2]], float)
    y = np.array([0, 1, 1, 1, -1])
    assert HardDecoder(2).fit(q, y).predict(q)[4] == 0
    assert SoftBayesDecoder(2).fit(q, y).predict(q)[4] == 1
    concentrated = np.array([[1, 0, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.3, 0.2]])
    assert SoftDecoder(2).fit(concentrated, np.array([0, 1, -1])).predict(concentrated)[2] == 1


@pytest.mark.parametrize("decoder", DECODERS)
def test_prepared_posterior_and_array_give_the_same(decoder: type[LabelDecoder]) -> None:
    q, y = problem(0)
    np.testing.assert_array_equal(decoder(4).fit(q, y).predict(q), decoder(4).fit(Posterior(q), y).predict(Posterior(q)))


@pytest.mark.parametrize("decoder", DECODERS)
def test_probabilities_sum_to_one_and_agree_with_the_prediction(decoder: type[LabelDecoder]) -> None:
    q, y = problem(5, n_labeled=2)
    fitted = decoder(6).fit(q, y)
    proba = fitted.predict_proba(q)
    assert proba.shape == (40, 6)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(proba.argmax(axis=1), fitted.predict(q))


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 1], "one per item"), ([-1] * 40, "no item has a label"), ([9] + [-1] * 39, "got class 9, expected 0 … 3")],
)
def test_bad_labels_are_refused(decoder: type[LabelDecoder], labels: list[int], message: str) -> None:
    q, _ = problem(0)
    with pytest.raises(InputError, match=message):
        decoder(4).fit(q, np.array(labels))
