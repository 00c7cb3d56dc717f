"""Rank correlation: against scipy, a known interval, and its coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.rank_correlation import rank_correlation


def test_it_is_spearmans_with_ties() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(6, size=40).astype(float)
    y = x + rng.normal(size=40)
    found = rank_correlation(x.tolist(), y.tolist())
    assert found is not None
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.n == 40


def test_the_interval_is_bonett_and_wrights() -> None:
    found = rank_correlation([1, 2, 3, 4, 5, 6, 7], [1, 3, 2, 4, 5, 7, 6])
    assert found is not None
    rho = 1 - 6 * 4 / (7 * 48)
    spread = 1.959964 * np.sqrt((1 + rho**2 / 2) / 4)
    assert (found.ci_low, found.ci_high) == pytest.approx(np.tanh([np.arctanh(rho) - spread, np.arctanh(rho) + spread]), abs=1e-6)


def test_the_interval_covers_what_it_says() -> None:
    rng = np.random.default_rng(1)
    true = 6 / np.pi * np.arcsin(0.6 / 2)
    hits = 0
    for _ in range(400):
        pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 30)
        found = rank_correlation(pairs[:, 0].tolist(), pairs[:, 1].tolist())
        assert found is not None
        assert found.ci_low is not None
        assert found.ci_high is not None
        hits += found.ci_low <= true <= found.ci_high
    assert 0.92 <= hits / 400 <= 0.98


def test_what_has_no_order_has_no_correlation() -> None:
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 2, float("nan"), 3], [1, 2, 3, 4]) is not None
    found = rank_correlation([1, 2, 3], [3, 2, 1])
    assert found is not None
    assert (found.rho, found.ci_low) == (-1, None)
