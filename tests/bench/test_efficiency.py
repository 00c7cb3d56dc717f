"""Statistics over curves and pairs, against closed forms, published values and loops."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.stats.efficiency import (
    Labels,
    area_under_curve,
    efficiency_ratio,
    labels_to_target,
    rank_test,
)
from bench.stats.paired import holm, paired_differences, wilcoxon
from bench.stats.ranks import average_ranks
from bench.stats.seeds import SeedTable, seed_tables, shared_budgets


def table(
    scores: object, budgets: tuple[int, ...] = (10, 100, 1000), method: str = "soft", k: int | None = 50, first_model: int = 0
) -> SeedTable:
    values = np.asarray(scores, float)
    models = (-1,) if k is None else tuple(range(first_model, first_model + values.shape[1]))
    return SeedTable(method, k, budgets, models, tuple(range(values.shape[2])), values, method)


def flat(*means: float, m: int = 1, s: int = 1) -> np.ndarray:
    return np.tile(np.array(means)[:, None, None], (1, m, s))


def needed(of: SeedTable, target: float = 0.8, seed: int = 0) -> Labels:
    found = labels_to_target(of, target, seed)
    assert found is not None
    return found


def test_records_become_tables_whatever_their_order_and_failures() -> None:
    rows = [
        {"method": method, "n_components": k, "model_seed": model, "label_seed": label, "n_labeled": n, "status": "ok",
         "sampler": "random",
         "accuracy": n / 1000 + (model or 0) / 100 + label / 10}
        for method, k, models in (("soft", 50, (3, 1)), ("knn", None, (None,)))
        for model in models for label in (2, 0) for n in (200, 100)
    ]  # fmt: skip
    rows[0] |= {"status": "failed", "accuracy": None}
    soft, knn = seed_tables(pd.DataFrame(rows), "accuracy")
    assert (soft.label, knn.label) == ("soft", "knn")
    assert (soft.budgets, soft.model_seeds, soft.label_seeds, knn.model_seeds) == ((100, 200), (1, 3), (0, 2), (-1,))
    assert np.isnan(soft.scores[1, 1, 1])
    assert soft.scores[0, 1, 0] == pytest.approx(0.13)
    assert knn.scores[1, 0, 1] == pytest.approx(0.4)


def test_labels_to_a_target_interpolate_in_the_logarithm() -> None:
    labels = needed(table(flat(0.5, 0.7, 0.9)))
    assert labels.n == pytest.approx(10**2.5)
    assert (labels.ci_low, labels.ci_high, labels.reached) == (None, None, True)


def test_labels_to_a_target_at_the_ends() -> None:
    assert needed(table(flat(0.9, 0.9, 0.9))).at_most
    never = needed(table(flat(0.1, 0.2, 0.3)))
    assert (never.reached, never.largest) == (False, 1000)


def test_a_dip_is_smoothed_before_the_target_is_looked_for() -> None:
    """Isotonic regression pools 0.82 and 0.70 to 0.76, so that the chance peak does not count."""
    assert needed(table(flat(0.82, 0.7, 0.9))).n == pytest.approx(10 ** (2 + 0.04 / 0.14))


def test_interval_of_labels_covers_about_as_often_as_it_says() -> None:
    """Five models and twenty draws around a straight line that crosses 0.8 at 100 labels."""
    rng = np.random.default_rng(0)
    line = np.array([0.7, 0.8, 0.9])[:, None, None]
    covered = 0
    for trial in range(100):
        scores = line + rng.normal(0, 0.01, (1, 5, 1)) + rng.normal(0, 0.03, (1, 1, 20)) + rng.normal(0, 0.01, (3, 5, 20))
        labels = needed(table(scores), seed=trial)
        assert labels.ci_low is not None
        assert labels.ci_high is not None
        covered += labels.ci_low <= 100 <= labels.ci_high
    assert 85 <= covered <= 100


def test_efficiency_ratio_of_shifted_curves_is_exact_and_certain() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, (1, 1, 8))
    budgets = tuple(10 * 2**i for i in range(10))
    line = np.linspace(0.5, 0.95, 10)[:, None, None] + noise
    better = table(line, budgets)
    worse = table(line, tuple(4 * n for n in budgets), "xgboost", None)
    ratio = efficiency_ratio(needed(better), needed(worse))
    assert ratio is not None
    # Paired label draws: the same noise moves both crossings alike.
    assert (ratio.value, ratio.ci_low, ratio.ci_high, ratio.bound) == (*[pytest.approx(4)] * 3, "")


def test_a_ratio_is_only_a_bound_where_a_curve_never_crosses() -> None:
    """Crosses at 100 labels; is there from the first budget on; never gets there."""
    crosses, early, never = (table(flat(*means)) for means in ((0.7, 0.8, 0.9), (0.9, 0.9, 0.9), (0.1, 0.2, 0.3)))

    def ratio(ours: SeedTable, reference: SeedTable) -> tuple[float, str] | None:
        found = efficiency_ratio(needed(ours), needed(reference))
        return None if found is None else (pytest.approx(found.value), found.bound)

    assert ratio(crosses, never) == (10, ">")
    assert ratio(never, crosses) == (0.1, "<")
    assert ratio(early, crosses) == (10, ">")
    assert ratio(crosses, early) == (0.1, "<")
    assert ratio(early, never) == (100, ">")
    assert ratio(never, never) is None
    assert ratio(early, early) is None


def test_budgets_without_scores_do_not_count() -> None:
    scores = flat(np.nan, 0.9, 0.9)
    labels = needed(table(scores, (10, 291, 1019)))
    assert (labels.n, labels.smallest, labels.at_most) == (291, 291, True)
    assert needed(table(flat(0.1, 0.2, np.nan))).largest == 100
    assert labels_to_target(table(flat(np.nan, np.nan, np.nan)), 0.8) is None


def test_area_under_a_straight_line_is_its_middle() -> None:
    scores = flat(0.5, 0.7, 0.9, m=2, s=3)
    area = area_under_curve(table(scores), (10, 100, 1000))
    assert area is not None
    assert (area.mean, area.ci_low, area.ci_high) == pytest.approx((0.7, 0.7, 0.7))
    uneven = area_under_curve(table(flat(0.0, 1.0, 1.0), budgets=(1, 10, 1000)), (1, 10, 1000))
    assert uneven is not None
    assert uneven.mean == pytest.approx((0.5 * 1 + 1 * 2) / 3)


def test_areas_and_ranks_are_over_what_all_methods_have() -> None:
    whole, part = table(flat(0.1, 0.5, 0.7)), table(flat(0.5, 0.7), (100, 1000), "hard")
    budgets = shared_budgets([whole, part])
    assert budgets == (100, 1000)
    assert area_under_curve(whole, budgets) == area_under_curve(part, budgets)
    assert area_under_curve(part, (10, 100)) is None
    assert average_ranks([whole, table(flat(0.5), (7,), "hard")]) == {}
    seconds = [table(flat(1.0), (10,)), table(flat(9.0), (10,), "xgboost")]
    assert average_ranks(seconds, lower_is_better=True) == {"soft": 1.0, "xgboost": 2.0}


def test_average_ranks_share_ties_and_put_failures_last() -> None:
    first, second = table([[[0.9, 0.8]]], (10,)), table([[[0.5, 0.8]]], (10,), "hard")
    third = table([[[np.nan, 0.1]]], (10,), "knn", None)
    assert average_ranks([first, second, third]) == {"soft": (1 + 1.5) / 2, "hard": (2 + 1.5) / 2, "knn": 3.0}


def test_rank_test_gives_the_published_critical_difference() -> None:
    """Demsar (2006), sec. 3.2.4: 4 classifiers on 14 data sets differ by 1.25 (q = 2.569)."""
    scores = np.random.default_rng(0).normal(size=(14, 4)) + np.arange(4)
    found = rank_test(scores, "abcd")
    assert found is not None
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), abs=2e-3)
    assert found.p == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue)
    assert found.ranks["d"] < found.ranks["a"]
    assert rank_test(scores[:1], "abcd") is None


def test_holm_against_a_worked_example() -> None:
    """Holm (1979) by hand: 0.01 x 4, 0.013 x 3, then the largest so far."""
    assert holm([0.03, 0.01, None, 0.04, 0.013]) == (
        pytest.approx(0.06), pytest.approx(0.04), None, pytest.approx(0.06), pytest.approx(0.04)
    )  # fmt: skip


def test_paired_differences_lose_the_noise_that_both_share() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (1, 1, 10))
    soft, hard = (
        table(0.8 + noise + rng.normal(0, 1e-3, (1, 3, 10)), (73,)),
        table(0.6 + np.tile(noise, (1, 3, 1)), (73,), "hard"),
    )
    (difference,) = paired_differences([soft, hard], [hard])
    assert difference.interval.mean == pytest.approx(0.2, abs=2e-3)
    assert difference.interval.ci_low is not None
    assert difference.interval.ci_low > 0.19
    # Ten positive differences: the smallest two-sided p there is, 2 / 2^10.
    assert difference.p == pytest.approx(2 / 2**10)


def test_paired_differences_with_a_method_that_has_no_models() -> None:
    soft, knn = table(flat(0.8, m=3, s=4), (10,)), table(flat(0.5, s=4), (10,), "knn", None)
    for tables, reference, sign in (((soft,), knn, 1), ((knn,), soft, -1)):
        (difference,) = paired_differences(tables, [reference])
        assert difference.interval.mean == pytest.approx(0.3 * sign)
    assert paired_differences([soft], [soft]) == ()


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [1, -2, 3, 4, 5], [-0.5, 2, 3, -4, 5, 6, 7]])
def test_wilcoxon_without_ties_is_scipys_exact_one(values: list[float]) -> None:
    assert wilcoxon(np.array(values)) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


def test_wilcoxon_with_ties_enumerates_signs() -> None:
    assert wilcoxon(np.full(5, 0.1)) == pytest.approx(2 / 32)
    assert wilcoxon(np.array([0.1, 0.1, 0.0])) == pytest.approx(0.5)
    assert wilcoxon(np.array([0.1, 0.0])) == 1.0
    # |d| = 1, 1, 2: ranks 1.5, 1.5, 3; sums with signs of (1, 1, -1): 0, the smallest there is.
    assert wilcoxon(np.array([1.0, 1.0, -2.0])) == pytest.approx(1.0)
    assert wilcoxon(np.linspace(1, 2, 30)) == pytest.approx(stats.wilcoxon(np.linspace(1, 2, 30), method="approx").pvalue)


def test_models_that_are_not_the_same_are_no_pairs() -> None:
    """Six models' spread must stay in the interval: they are not each other's twins."""
    ours, theirs = (
        table(np.tile(np.array(means)[None, :, None], (1, 1, 4)), (10,), name, first_model=first)
        for name, first, means in (("soft", 0, (0.4, 0.5, 0.6)), ("hard", 5, (0.5, 0.6, 0.4)))
    )
    (difference,) = paired_differences([ours], [theirs])
    assert difference.interval.ci_low is not None
    assert difference.interval.ci_high is not None
    assert difference.interval.ci_high - difference.interval.ci_low > 0.1


def test_a_reference_with_several_k_is_compared_k_by_k() -> None:
    soft = [table(flat(0.8, s=4), (10,), k=k) for k in (50, 100)]
    hard = [table(flat(score, s=4), (10,), "hard", k) for k, score in ((50, 0.7), (100, 0.5))]
    knn = table(flat(0.9, s=4), (10,), "knn", None)
    found = paired_differences([*soft, *hard, knn], hard)
    assert [difference.interval.mean for difference in found] == pytest.approx([0.1, 0.3, 0.2])


def test_no_test_where_nothing_differs() -> None:
    soft, hard = table(flat(0.8, s=4), (10,)), table(flat(0.8, s=4), (10,), "hard")
    (difference,) = paired_differences([soft], [hard])
    assert (difference.p, difference.p_holm) == (None, None)
