"""The paper's settings, and what is special about single learners."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from baselines.base import FewLabelClassifier
from baselines.boosting import XGBoostBaseline
from baselines.linear import LogisticBaseline
from baselines.mlp import MLPBaseline
from baselines.neighbors import NeighborsBaseline
from baselines.representation import fit_components, fit_kmeans, fit_mixture
from baselines.self_training import SelfTrainingBaseline


def fit(learner: object, x: np.ndarray, y: np.ndarray, n: int) -> object:
    labels = np.full(len(x), -1)
    labels[:n] = y[:n]
    return learner.fit(x, labels)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("n", "hidden", "early", "patience"),
    [(40, (64,), False, 20), (150, (128,), True, 8), (300, (128,), True, 8)],
)
def test_mlp_grows_with_the_labels(
    digits: tuple[np.ndarray, np.ndarray], n: int, hidden: tuple[int], early: bool, patience: int
) -> None:
    network = fit(MLPBaseline(10), *digits, n).model_[-1]  # type: ignore[attr-defined]
    assert (network.hidden_layer_sizes, network.early_stopping, network.n_iter_no_change) == (hidden, early, patience)
    assert network.batch_size == min(128, n)


def test_mlp_without_a_splittable_class_does_without_early_stopping(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    lonely = np.where(np.arange(len(y)) < 99, y % 3, 9)
    assert not fit(MLPBaseline(10), x, lonely, 100).model_[-1].early_stopping  # type: ignore[attr-defined]


def test_xgboost_has_the_study_settings(digits: tuple[np.ndarray, np.ndarray]) -> None:
    parameters = fit(XGBoostBaseline(10), *digits, 50).model_.get_params()  # type: ignore[attr-defined]
    wanted = {"n_estimators": 200, "max_depth": 6, "learning_rate": 0.1, "subsample": 0.9, "colsample_bytree": 0.9}
    assert wanted.items() <= parameters.items()


def test_logistic_regression_standardises(digits: tuple[np.ndarray, np.ndarray]) -> None:
    scaler, model = fit(LogisticBaseline(10), *digits, 50).model_  # type: ignore[attr-defined]
    np.testing.assert_allclose(scaler.mean_, digits[0][:50].mean(0), atol=1e-6)
    assert model.max_iter == 2_000


def test_bytes_are_read_as_shares_of_255(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    as_bytes = (x * 255).astype(np.uint8)
    first = fit(NeighborsBaseline(10), as_bytes, y, 50).predict_proba(as_bytes)  # type: ignore[attr-defined]
    second = fit(NeighborsBaseline(10), as_bytes / np.float32(255), y, 50).predict_proba(as_bytes / np.float32(255))  # type: ignore[attr-defined]
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("kind", [LogisticBaseline, MLPBaseline, SelfTrainingBaseline, NeighborsBaseline, XGBoostBaseline])
def test_a_label_for_each_of_many_classes_is_no_cause_for_warnings(kind: type[FewLabelClassifier]) -> None:
    """pytest makes errors of warnings; with 77 classes and one label each scikit-learn thought that they were numbers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5)).astype(np.float32)
    y = np.full(200, -1)
    y[:40] = np.arange(40)
    said = kind(40).fit(x, y).predict(x[:40])
    assert said.shape == (40,)


def test_self_training_uses_what_it_is_sure_of(digits: tuple[np.ndarray, np.ndarray]) -> None:
    learner = fit(SelfTrainingBaseline(10), *digits, 40)
    assert (learner.model_.labeled_iter_ > 0).sum() > 20  # type: ignore[attr-defined]


def test_kmeans_posterior_is_sure_at_centres_and_follows_kmeans(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x = fit_components(digits[0])(digits[0])
    clusters = fit_kmeans(x, 6, 0)
    q, test = clusters(x), clusters(x[:3])
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)
    model = KMeans(6, n_init=1, random_state=0).fit(x)
    np.testing.assert_array_equal(q.argmax(axis=1), model.labels_)
    variance = model.inertia_ / x.size
    distance = ((x[0] - model.cluster_centers_) ** 2).sum(1)
    density = np.exp(-0.5 * distance / variance)
    np.testing.assert_allclose(q[0], density / density.sum(), rtol=1e-2, atol=1e-6)
    np.testing.assert_allclose(test, q[:3], atol=1e-5)


def test_mixture_posterior_rows_are_probabilities(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x = fit_components(digits[0])(digits[0])
    q = fit_mixture(x, 5, 0)(x)
    assert q.dtype == np.float32
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)


def test_principal_components_keep_distances_of_low_rank_data() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(80, 5)) @ rng.normal(size=(5, 100))).astype(np.float32)
    z = fit_components(x)(x)
    assert z.shape == (80, 40)
    np.testing.assert_allclose(np.linalg.norm(z[0] - z[1]), np.linalg.norm(x[0] - x[1]), rtol=1e-3)
