import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import torchvision
from PIL import Image
from sklearn.datasets import load_digits

from bench.data import arrays
from bench.data.dataset import Dataset
from bench.data.reading import Reading
from bench.data.registry import DATASETS, load_dataset
from bench.data.vision import SOURCES
from bench.errors import DataError, SettingsError
from bench.plan.settings import make_settings
from bench.run import make_plan


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the format of the official files (magic number, sizes, data)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes())


def write_vision(folder: Path, name: str, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Write n random training images and 2 test images of a data set; return the first, upright."""
    source = SOURCES[name]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(n + 2, 28, 28))
    labels = np.arange(n + 2) % len(source.class_names)
    stored = images.transpose(0, 2, 1) if source.is_emnist else images
    files = source.files()
    parts = (stored[:n], labels[:n] + source.first_label, stored[n:], labels[n:] + source.first_label)
    for file, part in zip(files, parts, strict=True):
        write_idx(folder / file, part)
    return images, labels


@pytest.mark.parametrize("name", list(SOURCES))
def test_official_layout_is_read_upright_with_labels_from_zero(tmp_path: Path, name: str) -> None:
    images, labels = write_vision(tmp_path, name)
    data = load_dataset(name, tmp_path, holdout="official")
    np.testing.assert_array_equal(data.pool, images[:6].reshape(6, -1))
    np.testing.assert_array_equal(data.labels, labels[:6])
    assert data.test is not None
    np.testing.assert_array_equal(data.test, images[6:].reshape(2, -1))
    assert data.pool.dtype == np.uint8
    assert "not the official split" in data.note
    assert DATASETS[name].n_classes == len(data.class_names)


def test_merged_pool_holds_training_and_test_files(tmp_path: Path) -> None:
    write_vision(tmp_path, "emnist-letters")
    data = load_dataset("emnist-letters", tmp_path)
    assert data.pool.shape == (8, 784)
    assert data.test is None


def test_real_letters_are_upright(letters_dir: Path) -> None:
    data = load_dataset("emnist-letters", letters_dir)
    assert data.pool.shape == (105_526, 784)
    assert data.note == "105,526 images of emnist-letters (not the official split of 145,600)"
    mean_l = data.pool[data.labels == data.class_names.index("l")].mean(0).reshape(28, 28)
    # An l is a vertical stroke: its ink spreads over rows, not over columns.
    assert (mean_l.sum(axis=1) > mean_l.sum(axis=1).max() / 4).sum() > (mean_l.sum(axis=0) > mean_l.sum(axis=0).max() / 4).sum()
    mean_t = data.pool[data.labels == data.class_names.index("t")].mean(0).reshape(28, 28)
    # The bar of a t is above its middle.
    assert mean_t[:14].sum() > mean_t[14:].sum()


def test_absent_data_without_a_network_say_where_to_put_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", refuse)
    monkeypatch.setattr(torchvision.datasets.EMNIST, "download", refuse)
    for name in ("mnist", "emnist-letters"):
        with pytest.raises(DataError, match="could not be downloaded") as caught:
            load_dataset(name, tmp_path)
        assert SOURCES[name].files()[0].rsplit("/", 1)[-1] in str(caught.value)
        assert "--data-dir" in str(caught.value)


def test_broken_files_are_named(tmp_path: Path) -> None:
    write_vision(tmp_path, "mnist")
    (tmp_path / SOURCES["mnist"].files()[0]).write_bytes(b"\0\0\x08")
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset("mnist", tmp_path)


def test_digits_lie_in_the_unit_interval() -> None:
    data = load_dataset("digits")
    assert data.pool.shape == (1797, 64)
    assert (data.pool.min(), data.pool.max()) == (0, 1)
    assert data.likelihood == "bernoulli"


def test_a_random_share_is_held_out_the_same_every_time() -> None:
    data, again = (load_dataset("digits", holdout="0.2") for _ in range(2))
    assert data.test is not None
    assert (len(data.pool), len(data.test)) == (1438, 359)
    assert data.sha256 == again.sha256 != load_dataset("digits").sha256


@pytest.mark.parametrize("holdout", ["offical", "1.5", "0", "official"])
def test_bad_holdout(holdout: str) -> None:
    with pytest.raises(SettingsError, match="holdout"):
        load_dataset("digits", holdout=holdout)


def test_fingerprint_depends_on_every_part(small_dataset: Dataset) -> None:
    from dataclasses import replace

    labels = small_dataset.labels.copy()
    labels[0] = (labels[0] + 1) % 10
    pool = small_dataset.pool.copy()
    pool[0, 0] += 0.5
    others = [
        replace(small_dataset, labels=labels),
        replace(small_dataset, pool=pool),
        replace(small_dataset, class_names=tuple("abcdefghij")),
        replace(small_dataset, test=None, test_labels=None),
    ]
    assert len({small_dataset.sha256, *(other.sha256 for other in others)}) == 5


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


X = np.random.default_rng(0).random((6, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (np.array([3, 5, 3, -1, 5, 9]), [0, 1, 0, -1, 1, 2], ("3", "5", "9")),
        (np.array([0.0, 1.0, np.nan, 1.0, -1.0, 0.0]), [0, 1, -1, 1, -1, 0], ("0", "1")),
        (np.array(["cat", "", "dog", "cat", "dog", ""]), [0, -1, 1, 0, 1, -1], ("cat", "dog")),
        (np.array([10, 9, 10, 9, 2, 2]), [2, 1, 2, 1, 0, 0], ("2", "9", "10")),
    ],
)
def test_npz_labels_of_every_kind(tmp_path: Path, labels: np.ndarray, codes: list[int], names: tuple[str, ...]) -> None:
    data = load_dataset(str(save(tmp_path / "own.npz", x=X, y=labels)))
    np.testing.assert_array_equal(data.labels, codes)
    assert data.class_names == names
    assert data.name == "own"


def test_npz_images_test_set_and_class_names(tmp_path: Path) -> None:
    images = np.arange(6 * 6, dtype=np.uint8).reshape(6, 2, 3)
    path = save(
        tmp_path / "own.npz",
        images=images,
        labels=[0, 1, 1, 0, -1, 1],
        x_test=images[:2],
        y_test=[1, 0],
        class_names=["no", "yes"],
    )
    data = load_dataset(str(path), holdout="official")
    assert data.image_shape == (2, 3)
    assert data.pool.dtype == np.uint8
    assert data.class_names == ("no", "yes")
    assert data.test is not None
    np.testing.assert_array_equal(data.test_labels, [1, 0])


def test_masks_of_zeros_and_ones_are_not_divided_by_255(tmp_path: Path) -> None:
    data = load_dataset(str(save(tmp_path / "own.npz", x=(X > 0.5).astype(np.uint8), y=[0, 1] * 3)))
    assert (data.pool.dtype, data.pool.max()) == (np.float32, 1)


def test_values_outside_the_unit_interval_get_a_gaussian_likelihood(tmp_path: Path) -> None:
    assert load_dataset(str(save(tmp_path / "own.npz", x=X * 10, y=[0, 1] * 3))).likelihood == "gaussian"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_with_a_label_column(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"width": [1.5, 2, 3, 4], "class": ["b", "a", None, "b"], "height": [1, 2, 3, 4]})
    path = tmp_path / f"own{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    data = load_dataset(str(path))
    np.testing.assert_allclose(data.pool, [[1.5, 1], [2, 2], [3, 3], [4, 4]])
    np.testing.assert_array_equal(data.labels, [1, 0, -1, 1])
    assert data.class_names == ("a", "b")


def test_whole_numbers_with_gaps_in_a_table_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,kind\n1,3\n2,\n3,4\n4,-1\n")
    data = load_dataset(str(tmp_path / "own.csv"), reading=Reading(label_column="kind"))
    assert data.class_names == ("3", "4")
    np.testing.assert_array_equal(data.labels, [0, -1, 1, -1])


def single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, X)


def pickled(path: Path) -> None:
    save(path, x=np.array([{"a": 1}, None], dtype=object), y=[0, 1])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: save(path, x=X, y=[0, 1]), "6 items but 2 labels"),
        (lambda path: save(path, x=np.where(X > 0.9, np.nan, X), y=[0, 1] * 3), "NaN or infinity"),
        (pickled, "pickled objects, which are never read"),
        (single, "no arrays; expected an array named 'x'"),
        (lambda path: save(path, x=X, y=[0, 1] * 3, class_names="ab"), "expected a list of names"),
        (lambda path: save(path, x=X, y=[0, 1] * 3, x_test=X), "give both or neither"),
        (lambda path: save(path, x=X, y=[0, 1] * 3, x_test=X[:, :2], y_test=[0, 1] * 3), "give both in one form"),
        (lambda path: path.write_bytes(b"PK\x03\x04 truncated"), "cannot be read"),
        (lambda path: path.write_text("not a zip"), "it is no .npz archive"),
        (lambda path: save(path, items=X, y=[0, 1] * 3), "expected an array named 'x'"),
        (lambda path: save(path, x=X[0], y=[0] * 4), "items of shape"),
        (lambda path: save(path, x=X.astype(str), y=[0, 1] * 3), "expected numbers"),
        (lambda path: save(path, x=X, y=[0.5, 1] * 3), "not whole numbers"),
        (lambda path: save(path, x=X, y=[0, 7] * 3, class_names=["a", "b"]), "class 7 has no name"),
    ],
)
def test_unusable_npz(tmp_path: Path, write: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "own.npz"
    write(path)
    with pytest.raises(DataError, match=message):
        load_dataset(str(path))


def test_data_without_labels_can_be_read_but_not_compared_on(tmp_path: Path) -> None:
    save(tmp_path / "own.npz", x=X)
    (tmp_path / "own.csv").write_text("a,b\n1,2\n3,5\n")
    for name in ("own.npz", "own.csv"):
        found = load_dataset(str(tmp_path / name))
        assert (found.labels == -1).all()
        assert found.class_names == ()
        with pytest.raises(DataError, match="at least two classes are needed"):
            make_plan(make_settings({"executor": "serial"}), found)
    assert load_dataset(str(tmp_path / "own.csv")).pool.shape == (2, 2)


def test_a_column_of_ids_names_the_rows_and_is_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("Id,a,label\np7,1,x\np9,2,y\n")
    data = load_dataset(str(path))
    assert data.ids == ("p7", "p9")
    assert data.pool.shape == (2, 1)
    path.write_text("id,a,label\np7,1,0\np7,2,1\n")
    with pytest.raises(DataError, match="1 different name for 2 items in the column 'id'; each needs its own"):
        load_dataset(str(path))
    assert load_dataset(str(path), reading=Reading(label_column="id")).ids is None


def test_unusable_tables(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column 'kind' in the table, which --label-column names; it has a, b"):
        load_dataset(str(path), reading=Reading(label_column="kind"))
    path.write_text("a,label\n1,0\nb,1\n2,0\n3,1\n4,0\n5,1\n")
    with pytest.raises(DataError, match="the column 'a' holds numbers, but also 'b'; correct these values"):
        load_dataset(str(path))
    (tmp_path / "own.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset(str(tmp_path / "own.parquet"))


def test_unknown_names_and_absent_files() -> None:
    with pytest.raises(SettingsError, match="did you mean 'emnist-letters'"):
        load_dataset("emnist-leters")
    with pytest.raises(DataError, match="no file"):
        load_dataset("nowhere.npz")


def test_control_characters_in_names_never_reach_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mb\nc.npz"
    np.savez(path, x=np.zeros((4, 2), np.float32), y=np.array(["\x1b]0;title\x07", "b"] * 2))
    dataset = load_dataset(str(path))
    assert dataset.name == "a�[31mb�c"
    assert dataset.class_names == ("�]0;title�", "b")


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 784)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(64))
        archive.writestr("y.npy", header.getvalue())
    with pytest.raises(DataError, match=r"'x.npy' claims shape \(1000000000000, 784\)"):
        load_dataset(str(path))


def test_an_archive_that_unpacks_beyond_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((2000, 1000)), y=np.arange(2000) % 2)
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__)
    with pytest.raises(DataError, match=r"unpacks to 0.0 GiB; this machine has 0.0 GiB"):
        load_dataset(str(path))


def test_a_folder_of_images(tmp_path: Path) -> None:
    images = load_digits().images[:40]
    for place, image in enumerate(images):
        folder = tmp_path / "scans" / ("" if place < 5 else "unlabelled" if place < 10 else f"class {place % 2}/deep")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype(np.uint8)).save(folder / f"{place:02}.PNG")
    (tmp_path / "scans" / "notes.txt").write_text("no image")
    data = load_dataset(str(tmp_path / "scans"))
    assert (data.name, data.image_shape, data.class_names) == ("scans", (8, 8), ("class 0", "class 1"))
    assert data.ids is not None
    assert data.ids[0] == "00.PNG"
    place = data.ids.index("class 1/deep/23.PNG")
    np.testing.assert_array_equal(data.pool[place].reshape(8, 8), (images[23] * 15).astype(np.uint8))
    assert data.labels[place] == 1
    assert sorted(data.ids[item] for item in np.flatnonzero(data.labels < 0)) == sorted(
        [*(f"{n:02}.PNG" for n in range(5)), *(f"unlabelled/{n:02}.PNG" for n in range(5, 10))]
    )
    held = load_dataset(str(tmp_path / "scans"), holdout="0.5")
    assert held.ids is not None
    assert len(held.ids) == len(held.pool) == 20
    # Other sizes and colours become grey images of one size.
    Image.new("RGB", (100, 50), (255, 255, 255)).save(tmp_path / "scans" / "large.jpg")
    data = load_dataset(str(tmp_path / "scans"))
    assert data.image_shape == (32, 32)
    assert data.ids is not None
    assert (data.pool[data.ids.index("large.jpg")] > 250).all()
    (tmp_path / "scans" / "broken.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(DataError, match=r"broken\.png cannot be read as an image .*; repair or remove it"):
        load_dataset(str(tmp_path / "scans"))
    (tmp_path / "scans" / "broken.png").unlink()
    (tmp_path / "scans" / "._00.PNG").write_bytes(b"of the system")
    assert len(load_dataset(str(tmp_path / "scans")).pool) == 41
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds 0 images"):
        load_dataset(str(tmp_path / "empty"))


def test_large_arrays_are_mapped_and_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (50, 6, 7), np.uint8), rng.integers(0, 3, 50)
    path = tmp_path / "own.npz"
    np.savez(path, x=x, y=y)
    whole = load_dataset(str(path))
    monkeypatch.setattr(arrays, "_MAPPED_BYTES", 1_000)
    mapped = load_dataset(str(path))
    assert isinstance(mapped.pool, np.memmap)
    assert not isinstance(mapped.labels, np.memmap)
    assert mapped.sha256 == whole.sha256
    np.testing.assert_array_equal(mapped.pool, x.reshape(50, -1))
    # What is compressed, or in Fortran's order, is read.
    np.savez_compressed(path, x=x, y=y)
    assert not isinstance(load_dataset(str(path)).pool, np.memmap)
    np.savez(path, x=np.asfortranarray(x), y=y)
    np.testing.assert_array_equal(load_dataset(str(path)).pool, x.reshape(50, -1))
