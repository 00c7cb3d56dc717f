"""New items are read as the pool was: the pool's own file gives its items again, whatever the format and the size of blocks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.data import new_items, tables
from bench.data.dataset import Dataset
from bench.data.form import Form
from bench.data.new_columns import Strange
from bench.data.new_items import as_pool, stream
from bench.data.new_rows import rows_of_frame
from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.errors import DataError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ROWS", 17)
    monkeypatch.setattr(new_items, "_ROWS", 17)
    monkeypatch.setattr(new_items, "_PICTURES", 7)


def again(dataset: Dataset, path: Path) -> np.ndarray:
    """The items of a file, read with the form that the dataset's own reading left, which is kept as JSON."""
    form = Form.from_json(dataset.form.to_json())
    assert form == dataset.form
    return np.concatenate([block.items for block in stream(path, form)])


def frame(n: int = 100) -> pd.DataFrame:
    """Every kind of column: numbers with gaps, heavy tails, categories, dates, more digits than float32 has, and lists."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=n).round(3)
    return pd.DataFrame(
        {
            "id": [f"r{row:03d}" for row in range(n)],
            "size": numbers,
            "gappy": np.where(rng.random(n) < 0.2, np.nan, numbers * 2),
            "bytes": 1 / (1.001 - np.linspace(0, 1, n)) ** 2,
            "color": rng.choice(["red", "green", "blue"], n),
            "code": [str(value) for value in rng.choice([1, 2, 3, "x"], n)],
            "two": rng.choice(["yes", "no"], n),
            "worded": rng.choice(["red", "green", "NA"], n),
            "truth": rng.choice([True, False], n),
            "flag": rng.choice(["TRUE", "FALSE", ""], n),
            "when": [f"2024-{1 + row % 12:02d}-{1 + row % 28:02d}" for row in range(n)],
            "stamp": 1.7e15 + rng.integers(0, 1_000, n),
            "vector": [f"[{a:.2f}, {b:.2f}]" for a, b in rng.normal(size=(n, 2))],
            "label": rng.choice(["cat", "dog", "NA"], n, p=[0.45, 0.45, 0.1]),
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".feather"])
def test_tables_give_their_items_again(suffix: str, tmp_path: Path) -> None:
    path, table = tmp_path / f"t{suffix}", frame()
    if suffix == ".parquet":
        table["when"] = pd.to_datetime(table["when"])
        table["vector"] = [[float(part) for part in text.strip("[]").split(",")] for text in table["vector"]]
        table.to_parquet(path)
    elif suffix == ".feather":
        table.to_feather(path)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    dataset = load_dataset(str(path))
    assert {feature.kind for feature in dataset.features} == {"number", "log", "levels", "date", "list"}
    np.testing.assert_array_equal(again(dataset, path), dataset.pool)
    blocks = list(stream(path, dataset.form))
    assert len(blocks) > 4
    assert [name for block in blocks for name in block.ids or ()] == list(dataset.ids or ())
    said = [label for block in blocks for label in block.labels or ()]
    assert said == [None if text == "NA" else text for text in table["label"]]


def test_another_format_and_another_order_of_columns_are_the_same_rows(tmp_path: Path) -> None:
    table = frame()
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    other = table[[*reversed(table.columns)]].rename(columns={"size": "Size"}).assign(more=1)
    other.to_parquet(tmp_path / "t.parquet")
    other.to_csv(tmp_path / "u.csv", index=False, sep=";")
    for name in ("t.parquet", "u.csv"):
        np.testing.assert_array_equal(again(dataset, tmp_path / name), dataset.pool)


def test_new_rows_need_no_labels_and_may_have_gaps_and_new_categories(tmp_path: Path) -> None:
    table = frame()
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    new = table.drop(columns=["label", "id"]).head(30)
    new.loc[3, "color"] = "purple"
    new["size"] = new["size"].astype(object)
    new.loc[4, "size"] = "?"
    new.to_csv(tmp_path / "n.csv", index=False)
    strange = Strange()
    blocks = list(stream(tmp_path / "n.csv", dataset.form, strange))
    items = np.concatenate([block.items for block in blocks])
    assert all(block.labels is None and block.ids is None for block in blocks)
    names = [name for feature in dataset.features for name in feature.names]
    assert items[3][[names.index(f"color={color}") for color in ("red", "green", "blue")]].tolist() == [0, 0, 0]
    assert items[4][names.index("size")] == np.float32(dataset.features[0].fill)
    assert strange.notes() == ("color: 1 rows with 1 categories that the training data do not have: 'purple'",)


def test_labels_are_found_by_their_usual_names_where_the_pool_had_none(tmp_path: Path) -> None:
    table = frame()
    table.drop(columns="label").to_csv(tmp_path / "t.csv", index=False)
    form = load_dataset(str(tmp_path / "t.csv"), reading=Reading(label_column="none")).form
    table.rename(columns={"label": "Class"}).to_csv(tmp_path / "n.csv", index=False)
    said = [label for block in stream(tmp_path / "n.csv", form) for label in block.labels or ()]
    assert said == [None if text == "NA" else text for text in table["label"]]


def test_gaps_and_truth_values_are_read_however_they_are_written(tmp_path: Path) -> None:
    table = frame()
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    names = [name for feature in dataset.features for name in feature.names]
    new = table.astype(object)
    new.loc[0, "truth"] = None
    new["flag"] = new["flag"].str.lower()
    new.loc[1, "worded"] = "n/a"
    new.loc[2, "stamp"] = "?"
    new.to_csv(tmp_path / "n.csv", index=False)
    items = again(dataset, tmp_path / "n.csv")
    same = np.delete(np.arange(len(table)), [0, 1, 2])
    np.testing.assert_array_equal(items[same], dataset.pool[same])
    assert items[1, names.index("worded=(none)")] == 1
    # Of large numbers the others lose nothing to a gap.
    stamp = names.index("stamp")
    feature = next(feature for feature in dataset.features if feature.column == "stamp")
    assert items[2, stamp] == feature.fill - feature.origin
    rows = rows_of_frame(pd.read_csv(tmp_path / "t.csv", dtype={"id": str}), dataset.form, Strange()).items
    np.testing.assert_array_equal(rows, dataset.pool)


def test_rows_that_are_too_short_are_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(30) / 7, "b": np.arange(30) % 5, "c": np.arange(30) / 3})
    table.to_csv(tmp_path / "t.csv", index=False)
    form = load_dataset(str(tmp_path / "t.csv")).form
    (tmp_path / "n.csv").write_text("a,b,c\n1,2,3\n1,2\n")
    with pytest.raises(DataError, match="line 3: 2 values where the header has 3 columns"):
        list(stream(tmp_path / "n.csv", form))


def test_arrays_for_tables_of_numbers_are_their_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.normal(size=60), "tail": 1 / (1.001 - np.linspace(0, 1, 60)) ** 2, "stamp": 1.7e15 + rng.integers(0, 500, 60)}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    assert {feature.kind for feature in dataset.features} == {"number", "log"}
    np.testing.assert_array_equal(as_pool(table.to_numpy(), dataset.form), dataset.pool)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(size=1e39), "infinity, or a number too large, in the column 'size'"),
        (lambda t: t.assign(size="inf"), "infinity, or a number too large, in the column 'size'"),
        (lambda t: t.assign(when=123456), "the column 'when' holds '123456'; the classifier reads dates there"),
        (lambda t: t.assign(size="2024-01-01"), "the column 'size' holds '2024-01-01'; the classifier reads numbers there"),
        (lambda t: t.drop(columns=["bytes", "two"]), "lacks the columns bytes, two, which the classifier reads; it has id, size"),
        (lambda t: t.assign(size="much"), "the column 'size' holds 'much'; the classifier reads numbers there"),
        (lambda t: t.assign(when="today"), "the column 'when' holds 'today'; the classifier reads dates there"),
        (lambda t: t.assign(vector="[1, 2, 3]"), "the column 'vector' holds lists of 3 values, not 2"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change: Callable[[pd.DataFrame], pd.DataFrame], said: str, tmp_path: Path) -> None:
    table = frame()
    table.to_csv(tmp_path / "t.csv", index=False)
    form = load_dataset(str(tmp_path / "t.csv")).form
    change(table).to_csv(tmp_path / "n.csv", index=False)
    with pytest.raises(DataError, match=said.replace("[", r"\[")):
        list(stream(tmp_path / "n.csv", form))


ARRAYS: dict[str, np.ndarray] = {
    "bytes": RNG.integers(0, 256, (50, 6, 5)).astype(np.uint8),
    "whole": RNG.integers(0, 256, (50, 6, 5)).astype(np.int64),
    "unit": RNG.random((50, 6, 5)),
    "signed": np.concatenate([-np.ones((1, 6, 5)), RNG.random((49, 6, 5)) * 2 - 1]),
    "colour": RNG.integers(0, 256, (50, 6, 5, 3)).astype(np.uint8),
    "first": RNG.integers(0, 256, (50, 3, 6, 5)).astype(np.uint8),
    "vectors": RNG.normal(size=(50, 7)),
    "counts": RNG.integers(0, 9, (50, 7)),
    "mask": RNG.integers(0, 2, (50, 6, 5)).astype(np.uint8),
    "columns": np.asfortranarray(RNG.normal(size=(50, 7))),
}


@pytest.mark.parametrize("kind", list(ARRAYS))
@pytest.mark.parametrize("suffix", [".npy", ".npz", "compressed"])
def test_arrays_give_their_items_again(kind: str, suffix: str, tmp_path: Path) -> None:
    x, y = ARRAYS[kind], np.array(["a", "b"])[RNG.integers(0, 2, 50)]
    path = tmp_path / ("x.npy" if suffix == ".npy" else "x.npz")
    if suffix == ".npy":
        np.save(path, x)
    else:
        (np.savez if suffix == ".npz" else np.savez_compressed)(path, x=x, y=y)
    dataset = load_dataset(str(path))
    np.testing.assert_array_equal(again(dataset, path), dataset.pool)
    if suffix != ".npy":
        assert [label for block in stream(path, dataset.form) for label in block.labels or ()] == y.tolist()


def test_bytes_and_values_between_0_and_1_are_the_same_images(tmp_path: Path) -> None:
    np.save(tmp_path / "u.npy", ARRAYS["unit"].astype(np.float32))
    form = load_dataset(str(tmp_path / "u.npy")).form
    images = ARRAYS["bytes"]
    np.testing.assert_allclose(as_pool(images, form), images.reshape(50, -1) / 255, atol=1e-6)


def test_pictures_are_refused_where_values_are_of_another_kind(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", RNG.random((50, 6, 5)) * 16)
    form = load_dataset(str(tmp_path / "s.npy")).form
    with pytest.raises(DataError, match="bytes, 0 to 255; the images of the training data have values of another kind"):
        as_pool(ARRAYS["bytes"], form)


HEADERS = [(5, -64), (1, 2**62, 8), (3,), (), (2, 3, 4, 5, 6)]


@pytest.mark.parametrize("shape", HEADERS)
def test_headers_that_lie_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", ARRAYS["vectors"])
    form = load_dataset(str(tmp_path / "v.npy")).form
    with (tmp_path / "lie.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.write(bytes(64))
    with pytest.raises(DataError, match="an array of shape"):
        list(stream(tmp_path / "lie.npy", form))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((3, 6, 4), np.uint8), r"of shape \(3, 6, 4\); the classifier was made from images of 6 x 5 pixels"),
        (np.zeros((3, 29), np.uint8), "made from images of 6 x 5 pixels"),
        (np.full((3, 6, 5), 300), "values from 0 to 300; the classifier reads bytes"),
        (np.full((3, 6, 5), 0.5), "numbers with a point; the classifier reads bytes"),
        (np.full((3, 6, 5), "a"), "expected numbers"),
        (np.zeros((6, 5), np.uint8), "one image of shape"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(values: np.ndarray, said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", ARRAYS["bytes"])
    form = load_dataset(str(tmp_path / "b.npy")).form
    with pytest.raises(DataError, match=said):
        as_pool(values, form)


def test_a_broken_array_is_refused_where_it_ends(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", ARRAYS["bytes"])
    form = load_dataset(str(tmp_path / "b.npy")).form
    content = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(content[:-100])
    with pytest.raises(DataError, match="ends after 46 of 50 items; it is cut short"):
        list(stream(tmp_path / "cut.npy", form))
    (tmp_path / "none.npy").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        list(stream(tmp_path / "none.npy", form))
    np.save(tmp_path / "o.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(DataError, match="pickled"):
        list(stream(tmp_path / "o.npy", form))
    (tmp_path / "n.npz").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(DataError, match="cannot be read"):
        list(stream(tmp_path / "n.npz", form))
    with pytest.raises(DataError, match="no file"):
        stream(tmp_path / "absent.npy", form)
    (tmp_path / "x.doc").write_text("a")
    with pytest.raises(DataError, match="no picture, array or table"):
        stream(tmp_path / "x.doc", form)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is a table; the classifier was made from images of 6 x 5 pixels"):
        stream(tmp_path / "t.csv", form)


def pictures(folder: Path, mode: str, sizes: tuple[int, ...] = (9,), n: int = 20) -> Path:
    for row in range(n):
        size = sizes[row % len(sizes)]
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
        values = RNG.integers(0, 256, (size, size, channels)).astype(np.uint8)
        path = folder / ("cat" if row % 2 else "dog") / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values[..., 0] if mode == "L" else values, mode).save(path)
    return folder


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize(("mode", "sizes"), [("L", (9,)), ("RGB", (9,)), ("RGBA", (9, 12, 40))])
def test_pictures_give_their_items_again(mode: str, sizes: tuple[int, ...], tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p", mode, sizes)
    dataset = load_dataset(str(folder))
    np.testing.assert_array_equal(again(dataset, folder), dataset.pool)
    blocks = list(stream(folder, dataset.form))
    assert [name for block in blocks for name in block.ids or ()] == list(dataset.ids or ())
    assert {label for block in blocks for label in block.labels or ()} == {"cat", "dog"}
    # A single picture, too.
    one = folder / "cat" / "03.png"
    (block,) = stream(one, dataset.form)
    assert dataset.ids is not None
    np.testing.assert_array_equal(block.items[0], dataset.pool[dataset.ids.index("cat/03.png")])


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
def test_pictures_for_what_was_made_from_arrays_of_images(tmp_path: Path) -> None:
    np.save(tmp_path / "u.npy", ARRAYS["unit"])
    form = load_dataset(str(tmp_path / "u.npy")).form
    (block, *_) = stream(pictures(tmp_path / "p", "L"), form)
    assert block.items.shape == (7, 30)
    assert block.items.dtype == np.float32
    assert 0 <= block.items.min() <= block.items.max() <= 1
    np.save(tmp_path / "v.npy", ARRAYS["vectors"])
    with pytest.raises(DataError, match="is a picture; the classifier was made from arrays of 7 values an item"):
        list(stream(tmp_path / "p", load_dataset(str(tmp_path / "v.npy")).form))
