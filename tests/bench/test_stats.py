import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.errors import SettingsError, number_of
from bench.stats import coverage
from bench.stats.curves import curves
from bench.stats.intervals import Interval, crossed_interval, prediction_interval, t_interval
from bench.stats.order import order_note, ordered
from bench.stats.paired import paired_differences
from bench.stats.seeds import of_one_kind, reference_tables, seed_tables

# The table of the paper's theory for equal clusters, and its own claims.
COVERAGE = [(26, 100, 160, 201), (50, 225, 342, 422), (100, 519, 757, 917), (200, 1_176, 1_655, 1_976)]


@pytest.mark.parametrize(("k", "expected", "at_95", "at_99"), COVERAGE)
def test_known_coverage_numbers(k: int, expected: int, at_95: int, at_99: int) -> None:
    assert round(coverage.expected_labels(k)) == expected
    assert coverage.union_bound_labels(k, 0.95) == at_95
    assert coverage.union_bound_labels(k, 0.99) == at_99


def test_73_labels_cover_52_of_100_clusters() -> None:
    assert round(coverage.expected_covered(100, 73)) == 52


def exact_fraction(k: int, n: int) -> Fraction:
    return sum(((-1) ** j * math.comb(k, j) * Fraction(k - j, k) ** n for j in range(k + 1)), Fraction(0))


@given(st.integers(1, 40), st.integers(0, 400))
def test_probability_equals_exact_arithmetic(k: int, n: int) -> None:
    assert coverage.probability_all_covered(k, n) == pytest.approx(float(exact_fraction(k, n)), rel=1e-9, abs=1e-18)


@pytest.mark.parametrize("n", [100, 146, 300, 754, 2_000])
def test_probability_is_stable_where_terms_cancel(n: int) -> None:
    assert coverage.probability_all_covered(100, n) == pytest.approx(float(exact_fraction(100, n)), rel=1e-6, abs=1e-18)


def test_probability_equals_the_occupancy_chain() -> None:
    """Adding label after label: from j covered clusters the next label covers a new one with probability (K - j) / K."""
    k, n = 30, 120
    state = np.zeros(k + 1)
    state[0] = 1
    for _ in range(n):
        covered = np.arange(k + 1)
        state = state * covered / k + np.r_[0, (state * (k - covered) / k)[:-1]]
    assert coverage.probability_all_covered(k, n) == pytest.approx(state[k], rel=1e-9)
    assert coverage.expected_covered(k, n) == pytest.approx((state * np.arange(k + 1)).sum())


@pytest.mark.parametrize("k", [1, 2, 26, 100, 1_000])
def test_labels_for_confidence_are_the_fewest(k: int) -> None:
    n = coverage.labels_for_confidence(k, 0.95)
    assert coverage.probability_all_covered(k, n) >= 0.95
    assert coverage.probability_all_covered(k, n - 1) < 0.95
    assert n <= coverage.union_bound_labels(k, 0.95)


def test_bad_coverage_arguments() -> None:
    with pytest.raises(ValueError, match="clusters"):
        coverage.expected_labels(0)
    with pytest.raises(ValueError, match="confidence"):
        coverage.union_bound_labels(10, 1.0)


def test_t_interval_of_known_numbers() -> None:
    """Five values with mean 3 and deviation sqrt(2.5): half width 2.776 * sqrt(2.5 / 5)."""
    interval = t_interval(np.array([1.0, 2, 3, 4, 5]))
    assert (interval.mean, interval.ci_low) == (3, pytest.approx(3 - 2.7764 * math.sqrt(0.5), rel=1e-4))
    alone = t_interval(np.array([0.5]))
    assert (alone.mean, alone.ci_low, alone.ci_high) == (0.5, None, None)


def test_t_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = [i.ci_low <= 0 <= i.ci_high for i in (t_interval(rng.normal(size=5)) for _ in range(2_000))]  # type: ignore[operator]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("m", "s", "least"), [(2, 5, 0.92), (5, 2, 0.92), (3, 3, 0.91), (3, 5, 0.91), (5, 5, 0.92)])
@pytest.mark.parametrize("effects", [(1, 1, 1), (3, 1, 1), (1, 3, 1), (0, 1, 0.3)])
def test_crossed_interval_covers_as_often_as_it_says(m: int, s: int, least: float, effects: tuple[float, float, float]) -> None:
    """Model effects, label effects and the rest, in standard deviations."""
    rng = np.random.default_rng(0)
    model, label, rest = effects
    hits = []
    for _ in range(800):
        values = model * rng.normal(size=(m, 1)) + label * rng.normal(size=(1, s)) + rest * rng.normal(size=(m, s))
        interval = crossed_interval(values)
        hits.append(interval.ci_low <= 0 <= interval.ci_high)  # type: ignore[operator]
    assert least < np.mean(hits) < 0.99


@pytest.mark.parametrize("effects", [(1.0, 0.0, 0.3), (0.0, 1.0, 0.3), (1.0, 1.0, 0.5), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize(("known", "new"), [((3, 5), (1, 2)), ((3, 20), (2, 3)), ((2, 10), (1, 5)), ((10, 2), (5, 1))])
def test_what_a_repetition_finds_is_predicted_as_often_as_it_says(
    effects: tuple[float, float, float], known: tuple[int, int], new: tuple[int, int]
) -> None:
    random = np.random.default_rng(7)

    def seeds(m: int, s: int) -> np.ndarray:
        of_rows, of_columns, of_rest = (random.normal(size=shape) for shape in ((m, 1), (1, s), (m, s)))
        return effects[0] * of_rows + effects[1] * of_columns + effects[2] * of_rest

    hits = []
    for _ in range(600):
        told = prediction_interval(seeds(*known), *new)
        assert told.ci_low is not None
        assert told.ci_high is not None
        hits.append(told.ci_low <= seeds(*new).mean() <= told.ci_high)
    # With two seeds of a kind it is on the safe side.
    assert 0.92 < np.mean(hits) < (0.999 if min(known) > 2 else 1.001)


def test_a_prediction_where_one_kind_of_seed_varies_is_students() -> None:
    values = np.array([0.2, 0.5, 0.4, 0.7])
    half = stats.t.ppf(0.975, 3) * values.std(ddof=1) * np.sqrt(1 / 4 + 1 / 2)
    for shape, new in (((1, 4), (1, 2)), ((4, 1), (2, 1))):
        told = prediction_interval(values.reshape(shape), *new)
        assert (told.ci_low, told.ci_high) == pytest.approx((0.45 - half, 0.45 + half))


def test_crossed_interval_without_model_effects_is_the_t_interval_over_labels() -> None:
    label_effect = np.random.default_rng(0).normal(size=5)
    crossed, over_labels = crossed_interval(np.repeat(label_effect[None], 3, axis=0)), t_interval(label_effect)
    assert crossed.ci_low == pytest.approx(over_labels.ci_low)
    assert crossed.ci_high == pytest.approx(over_labels.ci_high)


def test_crossed_interval_of_equal_values_is_a_point() -> None:
    assert crossed_interval(np.full((2, 3), 0.5)) == Interval(0.5, 0.5, 0.5)


def test_crossed_interval_leaves_missing_cells_out() -> None:
    values = np.array([[0.8, 0.9, np.nan], [0.7, np.nan, 0.6]])
    assert crossed_interval(values).mean == pytest.approx(0.75)


def records(**columns: object) -> pd.DataFrame:
    base = {
        "method": "soft",
        "sampler": "random",
        "n_components": pd.array([10] * 4, "Int64"),
        "model_seed": pd.array([0] * 4, "Int64"),
        "label_seed": [0, 1, 2, 3],
        "budget": "5%",
        "n_labeled": 50,
        "labeled_fraction": 0.05,
        "accuracy": pd.array([0.5, 0.6, 0.7, 0.8], "Float64"),
        "status": "ok",
        "needs": "model",
        "oracle": False,
    }
    return pd.DataFrame(base | columns)


def test_a_curve_point_is_mean_and_interval() -> None:
    (row,) = curves(records()).to_dict("records")
    assert row["mean"] == pytest.approx(0.65)
    assert (row["n_ok"], row["n_failed"]) == (4, 0)
    assert row["ci_low"] < 0.65 < row["ci_high"]


def test_intervals_of_shares_stay_shares() -> None:
    (row,) = curves(records(accuracy=pd.array([0.1, 1.0, 1.0, 1.0], "Float64"))).to_dict("records")
    assert row["ci_high"] == 1


def test_failures_are_counted_and_never_averaged() -> None:
    frame = records(status=["ok", "failed", "ok", "ok"], accuracy=pd.array([0.5, None, 0.7, 0.9], "Float64"))
    (row,) = curves(frame).to_dict("records")
    assert row["mean"] == pytest.approx(0.7)
    assert (row["n_ok"], row["n_failed"]) == (3, 1)
    (row,) = curves(records(status="failed", accuracy=pd.array([None] * 4, "Float64"))).to_dict("records")
    assert pd.isna(row["mean"])
    assert row["n_failed"] == 4


def test_samplers_are_curves_of_their_own_and_oracles_are_marked() -> None:
    chosen = [
        records(sampler=name, oracle=name == "stratified", accuracy=pd.array([0.9] * 4, "Float64"))
        for name in ("cluster", "stratified")
    ]
    frame = pd.concat([records(), *chosen], ignore_index=True)
    rows = curves(frame).to_dict("records")
    assert [(row["label"], row["sampler"], round(row["mean"], 2), row["n_ok"]) for row in rows] == [
        ("soft", "random", 0.65, 4),
        ("soft @cluster", "cluster", 0.9, 4),
        ("soft @stratified (oracle)", "stratified", 0.9, 4),
    ]
    tables = seed_tables(frame, "accuracy")
    assert [table.label for table in reference_tables(tables, "soft")] == ["soft"]
    assert [table.label for table in reference_tables(tables, "soft @cluster")] == ["soft @cluster"]
    assert [table.label for table in reference_tables(tables[1:2], "soft")] == ["soft @cluster"]
    # Claims, coverage and figures without room for samplers are about random labels, where there are any.
    assert set(of_one_kind(frame)["sampler"]) == {"random"}
    assert len(of_one_kind(chosen[0])) == 4


def test_draws_that_show_the_same_items_are_one_observation() -> None:
    same = records(sampler="cluster", shown="a", accuracy=pd.array([0.5] * 4, "Float64"))
    (row,) = curves(same).to_dict("records")
    assert row["mean"] == 0.5
    assert pd.isna(row["ci_low"])
    assert row["n_ok"] == 4
    half = records(sampler="cluster", shown=["a", "a", "b", "b"], accuracy=pd.array([0.5, 0.5, 0.7, 0.7], "Float64"))
    (table,) = seed_tables(half, "accuracy")
    two = records(accuracy=pd.array([0.5, 0.7, 0.5, 0.7], "Float64"))[:2]
    assert table.at(50) == seed_tables(two, "accuracy")[0].at(50)
    # A failed first draw leaves the second one to count.
    half["status"] = ["failed", "ok", "ok", "ok"]
    (table,) = seed_tables(half, "accuracy")
    assert np.isfinite(table.fresh_scores).sum() == 2
    reference = seed_tables(records(method="hard", accuracy=pd.array([0.4, 0.5, 0.6, 0.7], "Float64")), "accuracy")
    # It is compared with all draws of a method that has several.
    (difference,) = paired_differences(seed_tables(same, "accuracy"), reference)
    assert difference.n_pairs == len(set(reference[0].label_seeds))
    assert difference.interval.mean == pytest.approx(0.5 - 0.55)
    (difference,) = paired_differences(reference, seed_tables(same, "accuracy"))
    assert difference.interval.mean == pytest.approx(0.55 - 0.5)
    # Two that leave nothing to chance have one pair, and no test.
    other = seed_tables(same.assign(method="hard"), "accuracy")
    (difference,) = paired_differences(seed_tables(same, "accuracy"), other)
    assert (difference.n_pairs, difference.p) == (1, None)


def test_unknown_metric() -> None:
    with pytest.raises(SettingsError, match="unknown metric"):
        curves(records(), "acuracy")


def test_rows_are_ordered_by_the_budgets_that_all_of_them_have() -> None:
    means = {
        "tuned": {50: 0.5, 100: 0.6},
        "plain": {50: 0.4, 100: 0.5, 200: 0.9},
        "none": {},
        "best": {50: 0.7, 100: 0.7, 200: 0.7},
    }
    assert ordered(means) == (["best", "tuned", "plain", "none"], (50, 100))
    assert ordered(means, lower_is_better=True)[0] == ["plain", "tuned", "best", "none"]
    assert order_note((50, 100), (50, 100)) == ()
    assert order_note((50, 100), (50, 100, 200)) == (
        "rows are ordered by their means at 50, 100 labels, the budgets that all of them have",
    )
    # Without a budget in common each is placed by its own.
    assert ordered({"a": {50: 0.5}, "b": {100: 0.6}}) == (["b", "a"], ())
    assert "no budget is common" in order_note((), (50, 100))[0]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((1, "cell"), "1 cell"),
        ((1234, "cell"), "1,234 cells"),
        ((0, "class", "classes"), "0 classes"),
        ((0.5, "GPU"), "0.5 GPUs"),
    ],
)
def test_counts_read_right_at_one(arguments: tuple[float, str], text: str) -> None:
    assert number_of(*arguments) == text
