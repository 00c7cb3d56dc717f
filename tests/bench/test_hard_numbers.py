"""Numbers that float32 cannot hold, outliers, flags and items that are all the same: the differences are kept, or it is said."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

import gmvae_bench as gb
from bench.data.dataset import Dataset
from bench.data.form import Form
from bench.data.new_items import stream
from bench.data.registry import load_dataset
from bench.errors import DataError
from gmvae.estimator import GMVAE
from gmvae.rounding import coarse_columns, is_coarse, lost_in_float32

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 300)
X = (3 * RNG.normal(size=(3, 6)))[Y] + RNG.normal(size=(300, 6))

HARD: dict[str, np.ndarray] = {
    "near 1e9": 1e9 + X,
    "near 1e15": 1e15 + np.round(10 * X),
    "near -1e15": -1e15 + np.round(10 * X),
    "64-bit numbers": 2**60 + (1e5 * X).astype(np.int64),
    "1e-300": 1e-300 * X,
    "1e300": 1e300 * X,
    "both ends": 1.7e308 * np.tanh(X),
    "a column of each": X * 10.0 ** np.array([-300, -20, 0, 5, 30, 300]) + np.array([0, 0, 1e9, 0, 0, 0]),
}


def write(values: np.ndarray, suffix: str, folder: Path) -> Path:
    path, names = folder / f"hard{suffix}", np.array(["a", "b", "c"])[Y]
    if suffix == ".npz":
        np.savez(path, x=values, y=names)
        return path
    table = pd.DataFrame(values, columns=[f"f{place}" for place in range(values.shape[1])]).assign(label=names)
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


def separable(data: Dataset) -> float:
    """How well neighbours in standardised values name the class."""
    pool = data.pool.astype(np.float64)
    pool = (pool - pool.mean(axis=0)) / pool.std(axis=0)
    return float(KNeighborsClassifier(5).fit(pool[:200], data.labels[:200]).score(pool[200:], data.labels[200:]))


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("name", HARD)
def test_differences_survive_reading_and_new_items_are_read_alike(name: str, suffix: str, tmp_path: Path) -> None:
    path = write(HARD[name], suffix, tmp_path)
    data = load_dataset(str(path))
    assert np.isfinite(data.pool).all()
    assert data.likelihood == "gaussian"
    assert separable(data) > 0.95
    # Squares must not overflow or vanish either: distances are made of them.
    assert np.isfinite(np.square(data.pool).sum())
    assert (np.square(data.pool - data.pool.mean(axis=0)).sum(axis=0) > 0).all()
    form = Form.from_json(data.form.to_json())
    again = np.concatenate([block.items for block in stream(path, form)])
    np.testing.assert_allclose(again, data.pool, rtol=1e-6, atol=1e-6)
    assert data.notices()[-1].startswith("values: ")


def test_values_that_float32_holds_stay_as_they_are(tmp_path: Path) -> None:
    for values in (X, 1e6 * X, X.astype(np.float32), (100 * X).astype(np.int64), (X > 0), np.abs(X).astype(np.float16)):
        data = load_dataset(str(write(values, ".npz", tmp_path)))
        assert not data.features
        np.testing.assert_array_equal(data.pool, values.astype(np.float32))


def test_a_test_part_is_measured_from_the_same_place(tmp_path: Path) -> None:
    path = tmp_path / "parts.npz"
    np.savez(path, x_train=1e9 + X[:200], y_train=Y[:200], x_test=1e9 + X[200:], y_test=Y[200:])
    data = load_dataset(str(path))
    assert data.test is not None
    joined = np.concatenate([data.pool, data.test])
    np.testing.assert_allclose(joined - joined[0], X - X[0], atol=1e-5)
    np.savez(path, x_train=1e9 + X[:200], y_train=Y[:200], x_test=X[200:, :5], y_test=Y[200:])
    with pytest.raises(DataError, match=r"a test part of shape \(100, 5\)"):
        load_dataset(str(path))


@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_gaps_of_such_arrays_are_refused_as_those_of_others(gap: float, tmp_path: Path) -> None:
    """A table has gaps that are filled and marked; of an array nobody said so."""
    for values in (1e9 + X, 1e300 * X):
        values[5, 2] = gap
        with pytest.raises(DataError, match="NaN or infinity"):
            load_dataset(str(write(values, ".npz", tmp_path)))


def test_rounding_is_told_by_its_size() -> None:
    assert lost_in_float32(np.array([1.0, 2.5, -7.0])) == 0
    assert lost_in_float32(np.array([2.0**24 + 1, np.inf, np.nan])) == 1
    assert lost_in_float32(np.array([1e39])) == np.inf
    assert lost_in_float32(np.array([0.0, 1.0, 2.0, 1e-50])) == 1e-50
    # Their squares have no room.
    assert lost_in_float32(np.array([0.0, 1e-25, 2e-25])) == np.inf
    assert lost_in_float32(np.array([1e25, 1.0, 2e25])) == np.inf
    assert lost_in_float32(np.array([1e25, 1.0, 2.0])) == pytest.approx(1e25 * 2**-24, rel=1)
    assert not is_coarse(1.0, np.array([0.0, 1e9]))
    assert is_coarse(1.0, np.array([2.0**24, 2.0**24 + 3]))
    assert coarse_columns(np.stack([X[:, 0], 1e9 + X[:, 0]], axis=1)) == [1]


def test_the_estimator_refuses_what_it_would_round_away() -> None:
    with pytest.raises(ValueError, match=r"column 2, such as 1e\+10, differ by less than float32"):
        GMVAE(epochs=1, n_components=3).fit(X + np.array([0, 0, 1e10, 0, 0, 0]))


@pytest.mark.parametrize(("size", "shown"), [(1e20, "1e+20"), (1e300, "3.40282e+38"), (-1e300, "-3.40282e+38")])
@pytest.mark.parametrize(("suffix", "called"), [(".npz", "column 3"), (".csv", "f2")])
def test_a_value_that_hides_all_others_is_named(suffix: str, called: str, size: float, shown: str, tmp_path: Path) -> None:
    values = X.copy()
    values[17, 2] = size
    data = load_dataset(str(write(values, suffix, tmp_path)))
    (warning,) = [notice for notice in data.notices() if notice.startswith("warning")]
    assert f"all others look alike: in {called} ({shown} in row 18)" in warning
    kept = np.delete(data.pool[:, 2] - data.pool[0, 2], 17)
    np.testing.assert_allclose(kept, np.delete(X[:, 2] - X[0, 2], 17), atol=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        X,
        np.exp(2 * X),
        (RNG.random((300, 6)) < 0.003).astype(float) * 1e3,
        X * [1, 1, 1, 1, 1, 0] + 7,
        RNG.standard_cauchy((300, 6)),
    ],
    ids=["normal", "skewed", "rare counts", "a constant", "heavy tails"],
)
def test_what_is_merely_skewed_or_rare_is_not(values: np.ndarray, tmp_path: Path) -> None:
    data = load_dataset(str(write(values, ".npz", tmp_path)))
    assert not [notice for notice in data.notices() if "look alike" in notice]


@pytest.mark.parametrize("values", [np.full((300, 6), 3.0), np.repeat(X[:1], 300, axis=0)], ids=["constant", "duplicates"])
@pytest.mark.parametrize("verb", ["run", "search"])
@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_items_that_are_all_the_same_are_refused(
    values: np.ndarray, verb: str, suffix: str, command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    data, out = write(values, suffix, tmp_path), tmp_path / "out"
    code, _, messages = command(verb, "--data", str(data), "--out", str(out), "--executor", "serial")
    assert code == 2
    assert "all 300 items are the same, so that nothing tells classes apart" in " ".join(messages.split())
    assert not out.exists()


def test_few_items_that_occur_again_and_again_are_a_cluster_each(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Nothing of scikit-learn's is printed, and flags are decoded as well as others learn from them."""
    flags = RNG.random((300, 6)) < 0.5
    path = tmp_path / "flags.npz"
    np.savez(path, x=flags, y=np.array(list("abcd"))[2 * flags[:, 0] + flags[:, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = str(tmp_path / "run")
        code, _, messages = command(
            "run", "--data", str(path), "--methods", "soft,knn", "--budgets", "60", "--model-seeds", "0", "--label-seeds", "3",
            "--epochs", "60", "--executor", "serial", "--out", out,
        )  # fmt: skip
    assert code == 0, messages
    assert "K = 64" in messages
    mean = gb.load(out).records.groupby("method")["accuracy"].mean()
    assert mean["soft"] > mean["knn"] - 0.1


def test_more_values_than_items_can_tell_from_chance_are_said(tmp_path: Path) -> None:
    path = tmp_path / "wide.npz"
    np.savez(path, x=RNG.normal(size=(20, 400)), y=Y[:20])
    assert "warning: 400 values an item, and 20 items" in load_dataset(str(path)).notices()[-1]
    np.savez(path, x=RNG.normal(size=(20, 399)), y=Y[:20])
    assert "values an item" not in load_dataset(str(path)).notices()[-1]
