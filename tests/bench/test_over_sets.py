"""Statistics over data sets: against slow loops, closed forms and other libraries."""

import baycomp
import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.errors import SettingsError
from bench.stats.aggregate import interquartile_mean, interquartile_means, normalised_areas, performance_profiles
from bench.stats.efficiency import rank_test
from bench.stats.over_sets import OfSet, SuiteScores, suite_scores
from bench.stats.paired import holm
from bench.stats.practical import signed_rank, win_tie_loss
from bench.suite.ranked import rank_methods

BUDGETS = {4: "2/class", 20: "10/class"}


def records(scores: dict[str, list[list[float | None]]], *, models: int = 1) -> pd.DataFrame:
    """Records of methods: scores by budget and draw; `None` failed."""
    rows = [
        {
            "method": method,
            "sampler": "random",
            "n_components": 10 if method == "soft" else None,
            "model_seed": model if method == "soft" else None,
            "n_labeled": n,
            "label_seed": seed,
            "supervision": None,
            "accuracy": score,
            "macro_accuracy": None,
            "accuracy_test": None,
            "status": "ok" if score is not None else "failed",
        }
        for method, by_budget in scores.items()
        for n, by_draw in zip(BUDGETS, by_budget, strict=False)
        for seed, score in enumerate(by_draw)
        for model in range(models if method == "soft" else 1)
    ]
    return pd.DataFrame(rows).astype({"n_components": "Int64", "model_seed": "Int64", "accuracy": "Float64"})


def asked(name: str, budgets: dict[int, str]) -> OfSet:
    """A set with other budgets than the others; its scores rise with the log of the number of labels."""
    of_budgets = [records({"knn": [[float(np.log(n)) / 10, float(np.log(n)) / 10]]}).assign(n_labeled=n) for n in budgets]
    return OfSet(name, pd.concat(of_budgets), budgets, 0.0)


def of_set(name: str, scores: dict[str, list[list[float | None]]], chance: float = 0.2, models: int = 1) -> OfSet:
    return OfSet(name, records(scores, models=models), BUDGETS, chance)


def random_scores(n_sets: int = 6, n_methods: int = 4, n_budgets: int = 3, n_draws: int = 5) -> SuiteScores:
    rng = np.random.default_rng(3)
    shape = (n_sets, n_methods, n_budgets, n_draws)
    return SuiteScores(
        tuple(f"set{i}" for i in range(n_sets)),
        tuple(f"method{k}" for k in range(n_methods)),
        tuple(f"{b}/class" for b in range(1, n_budgets + 1)),
        np.clip(0.6 + 0.05 * np.arange(n_methods)[:, None, None] + 0.1 * rng.normal(size=shape), 0, 1),
        np.tile(10 * 2 ** np.arange(n_budgets), (n_sets, 1)),
        np.zeros(shape[:3], int),
        np.full(n_sets, 0.3),
        {},
    )


def test_scores_by_set_method_budget_and_draw() -> None:
    one = of_set("one", {"soft": [[0.5, 0.7], [0.8, 0.9]], "knn": [[0.4, 0.4], [0.6, 0.8]]}, models=2)
    two = of_set("two", {"knn": [[0.1, 0.3], [0.5, 0.5]], "soft": [[0.2, 0.2], [0.9, 0.7]]}, models=2)
    scores = suite_scores([one, two])
    assert (scores.sets, scores.methods, scores.budgets) == (("one", "two"), ("soft", "knn"), ("2/class", "10/class"))
    np.testing.assert_allclose(scores.scores[1, 1], [[0.1, 0.3], [0.5, 0.5]])
    np.testing.assert_allclose(scores.means[0, 0], [0.6, 0.85])
    area = np.trapezoid([0.6, 0.85], np.log([4, 20])) / np.log(5)
    assert scores.areas()[0, 0] == pytest.approx(area)


def test_a_failed_cell_is_the_worst_of_its_draw_and_no_better_than_chance() -> None:
    good: list[list[float | None]] = [[0.9, 0.8], [0.9, 0.8]]
    scores = suite_scores(
        [of_set("one", {"soft": [[None, 0.8], [0.9, 0.8]], "knn": [[0.1, 0.7], [0.5, 0.5]], "mlp": good}, models=1)]
    )
    np.testing.assert_allclose(scores.scores[0, 0], [[0.1, 0.8], [0.9, 0.8]])
    assert scores.failed[0, 0].tolist() == [1, 0]
    chance = suite_scores([of_set("one", {"soft": [[None], [0.9]], "knn": [[0.6], [0.5]]}, chance=0.2)])
    assert chance.scores[0, 0, 0, 0] == 0.2
    # One of two models failed: half of the mean is the worst.
    half = records({"soft": [[0.8], [0.9]], "knn": [[0.6], [0.5]]}, models=2)
    half.loc[half.index[0], ["status", "accuracy"]] = ["failed", None]
    assert suite_scores([OfSet("one", half, BUDGETS, 0.7)]).scores[0, 0, 0, 0] == pytest.approx((0.8 + 0.6) / 2)


def test_methods_that_lack_cells_are_named_and_not_ranked() -> None:
    one = of_set("one", {"soft": [[0.5], [0.8]], "new": [[0.4]], "knn": [[0.4], [0.6]]})
    scores = suite_scores([one])
    assert scores.methods == ("soft", "knn")
    assert scores.unranked == {"new": 1}
    with pytest.raises(SettingsError, match="at every budget of every set"):
        suite_scores([one, of_set("two", {"other": [[0.1], [0.2]]})])
    with pytest.raises(SettingsError, match="metric"):
        suite_scores([one], "fit_seconds")


def test_normalised_scores_are_0_at_chance_and_1_at_the_best_mean() -> None:
    scores = suite_scores([of_set("one", {"soft": [[0.5, 0.7], [1.0, 1.0]], "knn": [[0.1, 0.2], [0.6, 0.6]]}, chance=0.2)])
    np.testing.assert_allclose(scores.normalised()[0, :, 0], [[0.75, 1.25], [0, 0]])
    np.testing.assert_allclose(scores.normalised()[0, :, 1], [[1, 1], [0.5, 0.5]])


def test_a_set_without_a_budget_counts_by_those_that_it_has() -> None:
    small = OfSet("small", records({"soft": [[0.5]], "knn": [[0.4]]}), {4: "2/class"}, 0.2)
    scores = suite_scores([of_set("one", {"soft": [[0.6], [0.8]], "knn": [[0.4], [0.6]]}), small])
    assert scores.there.tolist() == [[True, True], [True, False]]
    np.testing.assert_allclose(scores.areas()[1], [0.5, 0.4])
    assert np.isnan(scores.means[1, :, 1]).all()
    assert np.isfinite(normalised_areas(scores)).all()


def test_areas_and_profiles_are_those_of_slow_loops() -> None:
    scores = random_scores()
    areas, levels = normalised_areas(scores), np.array([0.0, 0.5, 0.9])
    profiles = performance_profiles(scores, levels)
    for k in range(4):
        reached = []
        for i in range(6):
            best = scores.means[i].max(axis=0)
            for s in range(5):
                y = [max(0, (scores.scores[i, k, b, s] - 0.3) / (best[b] - 0.3)) for b in range(3)]
                x = np.log(scores.n_labeled[i])
                area = sum((x[b + 1] - x[b]) * (y[b] + y[b + 1]) / 2 for b in range(2)) / (x[-1] - x[0])
                assert areas[i, k, s] == pytest.approx(area)
                reached += [[value >= level for level in levels] for value in y]
        np.testing.assert_allclose(profiles[k], np.mean(reached, axis=0))


@pytest.mark.parametrize("n_draws", [5, 20])
def test_the_interval_of_an_interquartile_mean_covers_as_often_as_it_says(n_draws: int) -> None:
    """Two methods with normal scores and fixed means by set: the truth is the interquartile mean of many draws."""
    rng = np.random.default_rng(0)
    base = random_scores(n_sets=5, n_methods=2, n_budgets=1, n_draws=n_draws)
    centre = np.array([0.5, 0.6, 0.7, 0.8, 0.9])[:, None, None, None] - np.array([0, 0.1])[None, :, None, None]

    def draw(n: int) -> SuiteScores:
        noisy = centre + 0.03 * rng.normal(size=(5, 2, 1, n))
        return SuiteScores(*(vars(base) | {"scores": noisy, "chance": np.zeros(5)}).values())

    many = centre + 0.03 * rng.normal(size=(5, 2, 1, 20_000))
    truth = interquartile_mean((many / centre[:, :1])[:, 1, 0].reshape(1, -1))[0]
    hits = []
    for _ in range(120):
        interval = interquartile_means(draw(n_draws))[1]
        assert interval.ci_low is not None
        assert interval.ci_high is not None
        hits.append(interval.ci_low <= truth <= interval.ci_high)
    assert 0.89 < np.mean(hits) < 0.99


@pytest.mark.parametrize(("centre", "spread", "n"), [(0.01, 0.02, 9), (0.0, 0.005, 20), (-0.004, 0.01, 6)])
def test_the_signed_rank_test_is_baycomps(centre: float, spread: float, n: int) -> None:
    differences = np.random.default_rng(1).normal(centre, spread, n)
    said = signed_rank(differences)
    theirs = baycomp.two_on_multiple(differences, np.zeros(n), rope=0.005)
    assert [said.better, said.equal, said.worse] == pytest.approx([float(p) for p in theirs], abs=0.02)
    assert said.better + said.equal + said.worse == pytest.approx(1)


def test_differences_within_half_a_point_are_none() -> None:
    assert signed_rank(np.full(8, 0.004)).equal > 0.99
    assert signed_rank(np.full(8, 0.1)).better > 0.99
    counts = win_tie_loss(np.array([0.006, 0.005, -0.005, -0.01, np.nan]))
    assert (counts.wins, counts.ties, counts.losses) == (1, 2, 1)
    with pytest.raises(ValueError, match="no data set"):
        signed_rank(np.array([]))


def test_ranks_are_tested_as_elsewhere() -> None:
    areas = random_scores().areas()
    test = rank_test(areas, [str(k) for k in range(4)])
    assert test is not None
    assert test.p == pytest.approx(stats.friedmanchisquare(*areas.T).pvalue)
    p = scikit_posthocs.posthoc_nemenyi_friedman(areas).to_numpy()
    ranks = [test.ranks[str(k)] for k in range(4)]
    for i in range(4):
        for j in range(i):
            assert (abs(ranks[i] - ranks[j]) > test.critical_difference) == (p[i, j] < 0.05)


def test_holm_is_statsmodels() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_groups_of_a_ranking_are_runs_that_no_other_holds() -> None:
    scores = random_scores(n_sets=40, n_methods=5)
    ranking = rank_methods(scores)
    assert ranking.test is not None
    names = [one.method for one in ranking.standings]
    ranks = {one.method: one.rank for one in ranking.standings}
    for group in ranking.groups:
        assert list(group) == names[names.index(group[0]) : names.index(group[-1]) + 1]
        assert ranks[group[-1]] - ranks[group[0]] <= ranking.test.critical_difference
        assert not any(set(group) < set(other) for other in ranking.groups)
    assert [one.rank for one in ranking.standings] == sorted(ranks.values())


def test_methods_are_compared_on_the_same_draws() -> None:
    three: list[list[float | None]] = [[0.5, 0.6, 0.7], [0.8, 0.8, 0.8]]
    scores = suite_scores(
        [of_set("one", {"soft": three, "knn": three, "new": [[0.9], [0.9]], "more": [[*three[0], 0.1], [*three[1], 0.1]]})]
    )
    # Draws that others have are lacking: not ranked. Draws that others lack do not count.
    assert scores.unranked == {"new": 0}
    assert scores.methods == ("soft", "knn", "more")
    np.testing.assert_allclose(scores.means[0, 0], scores.means[0, 2])
    assert len(interquartile_means(scores)) == 3
    late = records({"knn": three}).assign(label_seed=lambda frame: frame["label_seed"] + 3)
    with pytest.raises(SettingsError, match="with the draws that the others have"):
        suite_scores([OfSet("one", pd.concat([records({"soft": three}), late]), BUDGETS, 0.2)])


def test_a_metric_that_no_cell_has_is_an_error() -> None:
    with pytest.raises(SettingsError, match="accuracy_test"):
        suite_scores([of_set("one", {"soft": [[0.5], [0.8]], "knn": [[0.4], [0.6]]})], "accuracy_test")


def test_k_is_in_all_names_or_in_none() -> None:
    one, two = (records({"soft": [[0.5], [0.8]], "knn": [[0.4], [0.6]]}) for _ in range(2))
    more = one[one["method"] == "soft"].assign(n_components=20)
    scores = suite_scores(
        [OfSet("one", pd.concat([one, more]).astype({"n_components": "Int64"}), BUDGETS, 0.2), OfSet("two", two, BUDGETS, 0.2)]
    )
    assert scores.methods == ("soft K=10", "knn")


def test_budgets_are_in_order_where_a_set_of_many_classes_lacks_the_largest() -> None:
    few = asked("few", {5: "1/class", 100: "20/class", 250: "50/class"})
    many = asked("many", {77: "1/class", 1540: "20/class"})
    scores = suite_scores([few, many])
    assert scores.budgets == ("1/class", "20/class", "50/class")
    # Scores are linear in the log of the number of labels, so that their mean over it is the one in the middle.
    np.testing.assert_allclose(scores.areas()[:, 0], [np.log(5 * 250) / 20, np.log(77 * 1540) / 20])


def test_what_a_set_says_does_not_depend_on_how_budgets_of_other_sets_compare() -> None:
    one = asked("one", {50: "5/class", 100: "100", 400: "1%"})
    two = asked("two", {30: "1%", 100: "100", 385: "5/class"})
    scores = suite_scores([one, two])
    np.testing.assert_allclose(scores.areas()[:, 0], [np.log(50 * 400) / 20, np.log(30 * 385) / 20])
    assert [scores.n_labeled[i, scores.rising(i)].tolist() for i in range(2)] == [[50, 100, 400], [30, 100, 385]]
    areas = normalised_areas(scores)
    # The only method is the best one everywhere.
    np.testing.assert_allclose(areas, 1.0)
    (interval,) = interquartile_means(scores)
    assert interval.mean == pytest.approx(1.0)


def test_a_method_with_chosen_items_is_named_as_in_a_command() -> None:
    one = of_set("one", {"soft": [[0.5, 0.7], [0.8, 0.9]]})
    there = OfSet("one", pd.concat([one.records, one.records.assign(sampler="coverage")]), BUDGETS, 0.2)
    scores = suite_scores([there])
    assert scores.methods == ("soft", "soft @coverage")
    assert scores.of(["soft@coverage", "soft@random"]).methods == ("soft @coverage", "soft")
    with pytest.raises(SettingsError, match="soft@coverage"):
        scores.of(["soft@cluster"])
