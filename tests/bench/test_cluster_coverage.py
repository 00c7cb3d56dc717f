"""Coverage of unequal clusters, against enumeration, the closed form for equal ones, and simulation."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.stats import coverage
from bench.stats.cluster_coverage import (
    all_covered,
    all_covered_bounds,
    covered_probabilities,
    labels_needed,
    observed_coverage,
)

SIZES = np.array([5, 3, 1, 2])


def truth(n_labels: int, *, replacement: bool) -> tuple[float, np.ndarray]:
    """Enumerate every ordered draw."""
    items = np.repeat(np.arange(4), SIZES)
    draws = itertools.product(items, repeat=n_labels) if replacement else itertools.permutations(items, n_labels)
    every, each, total = 0, np.zeros(4), 0
    for draw in draws:
        hit = np.bincount(draw, minlength=4) > 0
        every, each, total = every + hit.all(), each + hit, total + 1
    return every / total, each / total


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("n_labels", [1, 4, 5])
def test_against_every_possible_draw(n_labels: int, replacement: bool) -> None:
    every, each = truth(n_labels, replacement=replacement)
    np.testing.assert_allclose(covered_probabilities(SIZES, n_labels, replacement=replacement), each, rtol=1e-12)
    low, high = all_covered_bounds(SIZES, n_labels, replacement=replacement)
    assert low <= every <= high
    found = all_covered(SIZES, n_labels, replacement=replacement)
    assert found.simulated == pytest.approx(every, abs=4 * found.standard_error)


def test_all_items_labelled_covers_all() -> None:
    assert all_covered_bounds(SIZES, 11, replacement=False) == (1.0, 1.0)
    np.testing.assert_array_equal(covered_probabilities(SIZES, 11, replacement=False), 1.0)


def test_bounds_enclose_the_exact_probability_of_equal_clusters() -> None:
    for k, n in ((10, 30), (100, 400), (100, 757), (1000, 9_000)):
        exact = coverage.probability_all_covered(k, n)
        low, high = all_covered_bounds(np.full(k, 1000), n, replacement=True)
        assert low <= exact <= high
        assert high - low < 0.5
    need = labels_needed(np.full(100, 1456), 0.95, replacement=True)
    assert need.at_least <= coverage.labels_for_confidence(100, 0.95) <= need.enough == 757


def test_unequal_clusters_need_more_and_without_replacement_fewer() -> None:
    equal, unequal = np.full(100, 1000), np.r_[np.full(50, 1900), np.full(50, 100)]
    assert labels_needed(unequal, 0.95, replacement=True).at_least > 5 * labels_needed(equal, 0.95, replacement=True).enough
    assert labels_needed(unequal, 0.95, replacement=False).enough < labels_needed(unequal, 0.95, replacement=True).enough


def test_the_bracket_is_where_the_bounds_cross() -> None:
    sizes = np.random.default_rng(0).integers(50, 500, 40)
    for replacement in (True, False):
        need = labels_needed(sizes, 0.9, replacement=replacement)
        assert all_covered_bounds(sizes, need.enough, replacement=replacement)[0] >= 0.9
        assert all_covered_bounds(sizes, need.enough - 1, replacement=replacement)[0] < 0.9
        assert all_covered_bounds(sizes, need.at_least - 1, replacement=replacement)[1] < 0.9
        assert need.at_least <= need.enough


def test_ten_thousand_clusters_of_ten_million_items() -> None:
    sizes = np.random.default_rng(0).multinomial(10_000_000, np.full(10_000, 1e-4))
    begun = time.perf_counter()
    need = labels_needed(sizes, 0.95, replacement=False)
    found = all_covered(sizes, need.enough, replacement=False)
    assert found.lower >= 0.95
    assert found.simulated == pytest.approx(0.5 * (found.lower + found.upper), abs=0.03)
    # Not a measurement: a guard against an algorithm that would take hours.
    assert time.perf_counter() - begun < 120


def test_what_was_observed() -> None:
    records = pd.DataFrame(
        {
            "method": ["soft"] * 6 + ["hard"],
            "sampler": "random",
            "status": ["ok"] * 5 + ["failed", "ok"],
            "n_components": [3] * 7,
            "model_seed": [0] * 7,
            "n_labeled": [10, 10, 10, 10, 20, 20, 10],
            "clusters_covered": [1, 2, 3, 3, 3, None, 1],
            "accuracy": [0.1, 0.2, 0.3, 0.4, 0.5, None, 0.9],
        }
    )
    first, second = observed_coverage(records)
    assert (first.n_draws, first.covered, first.all_covered) == (4, 2.25, 0.5)
    assert first.correlation == pytest.approx(0.9486832980505138)
    assert (second.all_covered, second.correlation) == (1.0, None)


def test_log_binomials_stay_accurate_for_large_pools() -> None:
    n, s, drawn = 10_000_000, 1_000, 50_000
    exact = 1 - math.prod((n - s - i) / (n - i) for i in range(drawn))
    (found, _) = covered_probabilities(np.array([s, n - s]), drawn, replacement=False)
    assert found == pytest.approx(exact, rel=1e-5)


def test_correlations_of_all_models_at_once_are_scipys() -> None:
    rng = np.random.default_rng(0)
    n = 600
    records = pd.DataFrame(
        {
            "method": "soft", "status": "ok", "sampler": "random",
            "n_components": rng.choice([10, 20], n), "n_labeled": rng.choice([25, 50], n),
            "model_seed": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "clusters_covered": rng.integers(1, 9, n), "accuracy": rng.integers(0, 30, n) / 30,
        }
    )  # fmt: skip
    # Of one model all draws cover alike, and of one three are all there are.
    records.loc[(records["model_seed"] == 4) & (records["n_components"] == 10), "clusters_covered"] = 3
    for row in observed_coverage(records):
        group = records[(records["n_components"] == row.n_components) & (records["n_labeled"] == row.n_labeled)]
        expected = [
            spearmanr(model["clusters_covered"], model["accuracy"]).statistic
            for _, model in group.groupby("model_seed")
            if model["clusters_covered"].nunique() > 2 and model["accuracy"].nunique() > 2
        ]
        assert len(expected) == (4 if row.n_components == 10 else 5)
        assert row.correlation == pytest.approx(np.mean(expected))
    assert observed_coverage(records[:0]) == ()
