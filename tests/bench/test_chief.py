"""What stands for a whole run: one K, a few methods; and names that do not cover each other."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.show.axes import _spread
from bench.stats.chief import chief_components, chief_tables, of_components
from bench.stats.seeds import SeedTable


def _records(*rows: tuple[str, int | None, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["method", "n_components", "n_labeled"])
    return frame.assign(sampler="random").astype({"n_components": "Int64"})


def test_the_k_of_most_methods_then_most_budgets_then_the_largest() -> None:
    few = _records(("soft", 200, 10), ("soft", 100, 10), ("hard", 100, 10), ("knn", None, 10))
    assert chief_components(few) == 100
    assert chief_components(_records(("soft", 200, 10), ("soft", 100, 10), ("soft", 100, 20))) == 100
    assert chief_components(_records(("soft", 100, 10), ("soft", 200, 10))) == 200
    assert chief_components(_records(("knn", None, 10))) is None
    assert of_components(few, 100)["method"].tolist() == ["soft", "hard", "knn"]
    assert len(of_components(few, None)) == 4


def _table(method: str, score: float, needs: str = "model", sampler: str = "random") -> SeedTable:
    label = method if sampler == "random" else f"{method} @{sampler}"
    return SeedTable(method, None, (10,), (0,), (0,), np.full((1, 1, 1), score), label, sampler, needs)


def test_chief_methods_are_the_best_and_the_ones_to_compare_with() -> None:
    tables = [_table(f"m{i}", 0.9 - i / 100) for i in range(10)]
    tables += [_table("knn", 0.5, "nothing"), _table("logreg", 0.4, "nothing"), _table("xgboost", 0.1, "nothing")]
    tables += [_table("hard", 0.2), _table("soft", 0.3), _table("knn", 0.99, "nothing", "cluster")]
    shown = [table.label for table in chief_tables(tables)]
    # The best, the best that needs nothing, the paper's three; then the next best. A sampler's items are a model's.
    assert shown == ["knn @cluster", "m0", "m1", "m2", "knn", "soft", "hard", "xgboost"]
    assert [table.label for table in chief_tables(tables[:3])] == ["m0", "m1", "m2"]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8).map(sorted))
def test_names_are_apart_and_inside(values: list[float]) -> None:
    placed = _spread(values, 5.0, 0.0, 100.0)
    assert all(b - a >= 5.0 - 1e-9 for a, b in pairwise(placed))
    assert min(placed) >= -1e-9
    assert max(placed) <= 100 + 1e-9


def test_names_that_have_room_stay_where_they_are() -> None:
    assert _spread([10.0, 50.0, 90.0], 5.0, 0.0, 100.0) == [10.0, 50.0, 90.0]
    assert _spread([50.0, 50.0], 4.0, 0.0, 100.0) == pytest.approx([48.0, 52.0])
