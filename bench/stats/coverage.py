"""How many random labels it takes until every cluster has one: the coupon collector, for K equal clusters with replacement.

Sources: Feller, An Introduction to Probability Theory I, sec. II.11 and IX.3; the paper's "0.6 %" is the union bound.
"""

import math
from dataclasses import dataclass

import mpmath

# Decimal digits kept beyond what cancellation eats.
_GUARD_DIGITS = 20


@dataclass(frozen=True)
class CoverageRow:
    """Labels needed for one confidence."""

    confidence: float
    union_bound: int
    """Labels that suffice by Boole's inequality: K (1 - 1/K)^n <= 1 - confidence."""
    exact: int
    """Fewest labels with P(all covered) >= confidence."""


def expected_labels(n_clusters: int) -> float:
    """Return the expected number of labels until all K equal clusters are covered: K (1 + 1/2 + … + 1/K)."""
    _check_clusters(n_clusters)
    return n_clusters * math.fsum(1 / i for i in range(1, n_clusters + 1))


def expected_covered(n_clusters: int, n_labels: int) -> float:
    """Return the expected number of clusters with a label: K (1 - (1 - 1/K)^n)."""
    _check_clusters(n_clusters)
    if n_clusters == 1:
        return float(n_labels > 0)
    return -n_clusters * math.expm1(n_labels * math.log1p(-1 / n_clusters))


def union_bound_labels(n_clusters: int, confidence: float) -> int:
    """Fewest n with K (1 - 1/K)^n <= 1 - confidence."""
    _check_clusters(n_clusters)
    _check_confidence(confidence)
    if n_clusters == 1:
        return 1
    return math.ceil(math.log((1 - confidence) / n_clusters) / math.log1p(-1 / n_clusters))


def probability_all_covered(n_clusters: int, n_labels: int) -> float:
    """P(all K equal clusters have a label after n), exactly: sum_j (-1)^j C(K, j) (1 - j/K)^n.

    The terms alternate and can be huge, so that they are summed with as many digits as cancellation can eat, plus a guard.
    """
    _check_clusters(n_clusters)
    if n_labels < n_clusters:
        return 0.0
    k, n = n_clusters, n_labels
    largest = max(math.lgamma(k + 1) - math.lgamma(j + 1) - math.lgamma(k - j + 1) + (n * math.log1p(-j / k)) for j in range(k))
    with mpmath.workdps(int(max(0.0, largest) / math.log(10)) + _GUARD_DIGITS):
        total, binomial = mpmath.mpf(0), mpmath.mpf(1)
        for j in range(k):
            term = binomial * mpmath.power(mpmath.mpf(k - j) / k, n)
            total += -term if j % 2 else term
            # Once the terms fall they fall ever faster; below the guard nothing can change the result.
            if (
                j > 0
                and term < mpmath.mpf(10) ** -_GUARD_DIGITS
                and binomial * (k - j) / (j + 1) * mpmath.power(mpmath.mpf(k - j - 1) / k, n) < term
            ):
                break
            binomial = binomial * (k - j) / (j + 1)
        return min(1.0, max(0.0, float(total)))


def labels_for_confidence(n_clusters: int, confidence: float) -> int:
    """Fewest labels with P(all covered) >= confidence, by bisection on the exact probability."""
    high = max(n_clusters, union_bound_labels(n_clusters, confidence))
    low = n_clusters
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if probability_all_covered(n_clusters, middle) >= confidence else (middle + 1, high)
    return low


def coverage_rows(n_clusters: int, confidences: tuple[float, ...]) -> tuple[CoverageRow, ...]:
    """Return labels needed for each confidence, by the bound and exactly."""
    return tuple(
        CoverageRow(
            confidence,
            union_bound_labels(n_clusters, confidence),
            labels_for_confidence(n_clusters, confidence),
        )
        for confidence in confidences
    )


def _check_clusters(n_clusters: int) -> None:
    if n_clusters < 1:
        raise ValueError(f"got {n_clusters} clusters, expected at least 1")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"got confidence {confidence}, expected a value between 0 and 1 such as 0.95")
