"""Arrays as people have them: the usual names and shapes, files of Keras and MedMNIST, and what cannot be told apart."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.random((12, 5)).astype(np.float32)
Y = np.arange(12) % 3
GREY = RNG.integers(0, 256, (12, 6, 7), np.uint8)
COLOR = RNG.integers(0, 256, (12, 6, 7, 3), np.uint8)


def save(path: Path, **arrays: object) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return str(path)


@pytest.mark.parametrize(
    ("x", "y"),
    [("x", "y"), ("X", "Y"), ("X", "y"), ("data", "target"), ("x_train", "y_train"), ("X_train", "y_train"), ("arr_0", "arr_1"),
     ("train_images", "train_labels"), ("features", "labels"), ("embeddings", "label")],
)  # fmt: skip
def test_items_and_labels_under_the_usual_names(tmp_path: Path, x: str, y: str) -> None:
    data = load_dataset(save(tmp_path / "t.npz", **{x: X, y: Y, "more": np.zeros(3)}))
    np.testing.assert_array_equal(data.pool, X)
    np.testing.assert_array_equal(data.labels, Y)
    assert f"items {x} (12, 5), labels {y}; not read: more" in data.notices()[0]


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (Y[:, None], Y),
        (np.eye(3)[Y], Y),
        (np.where(np.arange(12)[:, None] < 3, 0, np.eye(3, dtype=int)[Y]), np.where(np.arange(12) < 3, -1, Y)),
        (Y == 1, (Y == 1).astype(int)),
        (np.array([b"a", b"b", b"c"])[Y], Y),
        (np.array(["a", "nan", "c"])[Y], np.array([0, -1, 1])[Y]),
    ],
)
def test_labels_of_every_shape(tmp_path: Path, labels: np.ndarray, codes: np.ndarray) -> None:
    np.testing.assert_array_equal(load_dataset(save(tmp_path / "t.npz", x=X, y=labels)).labels, codes)


def test_several_classes_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="12 items with several classes at once"):
        load_dataset(save(tmp_path / "t.npz", x=X, y=np.tile([1, 1, 0], (12, 1))))


def test_a_file_of_medmnist_runs_as_downloaded(tmp_path: Path) -> None:
    rows_of = {"train": slice(0, 6), "val": slice(6, 8), "test": slice(8, 12)}
    arrays = {"images": GREY, "labels": Y[:, None]}
    parts = {f"{part}_{kind}": array[rows] for part, rows in rows_of.items() for kind, array in arrays.items()}
    path = save(tmp_path / "pathmnist.npz", **parts)
    data = load_dataset(path)
    assert data.test is not None
    np.testing.assert_array_equal(data.pool, GREY[:8].reshape(8, -1))
    np.testing.assert_array_equal(data.test, GREY[8:].reshape(4, -1))
    np.testing.assert_array_equal(data.test_labels, Y[8:])
    assert data.image_shape == (6, 7)
    assert len(load_dataset(path, holdout="none").pool) == 12


def test_a_file_of_keras_runs_as_downloaded(tmp_path: Path) -> None:
    path = save(tmp_path / "mnist.npz", x_train=GREY[:8], y_train=Y[:8], x_test=GREY[8:], y_test=Y[8:])
    data = load_dataset(path)
    assert data.test is not None
    assert (len(data.pool), len(data.test)) == (8, 4)


def test_own_files_with_a_test_part_are_one_pool_as_before(tmp_path: Path) -> None:
    assert len(load_dataset(save(tmp_path / "t.npz", x=GREY, y=Y, x_test=GREY, y_test=Y)).pool) == 24


@pytest.mark.parametrize(
    ("images", "scale"),
    [
        (COLOR, 1),
        (COLOR.transpose(0, 3, 1, 2), 1),
        (COLOR.astype(np.int64), 1),
        (COLOR.astype(np.float32), 1),
        (np.concatenate([COLOR, np.full((12, 6, 7, 1), 255, np.uint8)], axis=3), 1),
        (COLOR / 255, 255),
    ],
)
def test_images_in_colour_in_every_layout(tmp_path: Path, images: np.ndarray, scale: int) -> None:
    data = load_dataset(save(tmp_path / "t.npz", x=images, y=Y))
    assert data.image_shape == (6, 7, 3)
    assert data.pool.dtype == (np.uint8 if scale == 1 else np.float32)
    np.testing.assert_allclose(data.pool * np.float32(scale), COLOR.reshape(12, -1), rtol=1e-5)
    assert data.likelihood == "bernoulli"


def test_images_from_minus_one_to_one(tmp_path: Path) -> None:
    images = GREY / np.float32(127.5) - 1
    images[0, 0, 0] = -1
    data = load_dataset(save(tmp_path / "t.npz", x=images[..., None], y=Y))
    assert data.image_shape == (6, 7)
    np.testing.assert_allclose(data.pool, (images.reshape(12, -1) + 1) / 2, rtol=1e-6)
    assert "from [-1, 1] to [0, 1]" in data.notices()[0]


def test_images_of_few_greys_stay_numbers_as_before(tmp_path: Path) -> None:
    data = load_dataset(save(tmp_path / "t.npz", x=GREY.astype(np.float64) / 16, y=Y))
    assert data.likelihood == "gaussian"


def test_arrays_that_cannot_be_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds foo \(12, 5\) float32, bar \(12,\) int64; expected .* --x and --y"):
        load_dataset(save(tmp_path / "t.npz", foo=X, bar=Y))
    data = load_dataset(str(tmp_path / "t.npz"), reading=Reading(x="foo", y="bar"))
    np.testing.assert_array_equal(data.labels, Y)
    with pytest.raises(DataError, match="has no array 'baz'; it holds foo"):
        load_dataset(str(tmp_path / "t.npz"), reading=Reading(x="baz"))
    with pytest.raises(DataError, match=r"holds x .*, x_train .*--x and --y"):
        load_dataset(save(tmp_path / "u.npz", x=X, x_train=X, y=Y))
    with pytest.raises(DataError, match=r"images of shape \(2, 6, 7\); expected 1 or 3 colours"):
        load_dataset(save(tmp_path / "v.npz", x=np.zeros((12, 2, 6, 7)), y=Y))


def test_an_array_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", X)
    data = load_dataset(str(tmp_path / "t.npy"))
    np.testing.assert_array_equal(data.pool, X)
    assert data.class_names == ()
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    for name, message in (("objects", "pickled objects, which are never read"), ("text", r"it is no \.npy file")):
        with pytest.raises(DataError, match=message):
            load_dataset(str(tmp_path / f"{name}.npy"))


def test_names_of_items_and_the_model_that_made_them(tmp_path: Path) -> None:
    data = load_dataset(save(tmp_path / "t.npz", x=X, y=Y, id=[f"{n:03}" for n in range(12)], pretrained=np.array("resnet18")))
    assert data.ids is not None
    assert (data.ids[7], data.pretrained) == ("007", "resnet18")
    assert "made by resnet18, a model trained on other data" in data.notices()


def test_labels_that_the_user_names_win(tmp_path: Path) -> None:
    fine = np.arange(8)
    path = save(tmp_path / "t.npz", x_train=X[:8], y_train=Y[:8], fine=fine, x_test=X[8:], y_test=Y[8:])
    named = load_dataset(path, reading=Reading(y="fine"))
    np.testing.assert_array_equal(named.labels, fine)
    # The labels of the test part are of another kind.
    assert named.test is None
    again = load_dataset(path, reading=Reading(x="x_train"))
    np.testing.assert_array_equal(again.labels, Y[:8])
    assert again.test is not None


def test_several_arrays_that_may_be_the_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'y' and 'labels' may both be the labels; say which with --y"):
        load_dataset(save(tmp_path / "t.npz", x=X, y=Y, labels=Y))
    with pytest.raises(DataError, match=r"holds images .*, features .*--x and --y"):
        load_dataset(save(tmp_path / "u.npz", images=GREY, features=X, y=Y))
    with pytest.raises(DataError, match=r"holds arr_0 .*--x and --y"):
        load_dataset(save(tmp_path / "v.npz", arr_0=X, arr_1=Y, arr_2=X, arr_3=Y))


def test_texts_as_bytes(tmp_path: Path) -> None:
    ids, names = np.array([f"{n:05}".encode() for n in range(12)]), np.array([b"cat", b"dog", b"fox"])
    data = load_dataset(save(tmp_path / "t.npz", x=X, y=Y, id=ids, class_names=names))
    assert ((data.ids or ())[3], data.class_names) == ("00003", ("cat", "dog", "fox"))


def test_objects_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X, y=np.array(["a", None] * 6, dtype=object))
    with pytest.raises(DataError, match=r"the array 'y' holds pickled objects, .* save it as y\.astype\(str\)"):
        load_dataset(str(tmp_path / "t.npz"))


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0)])
def test_opacity_of_arrays_is_laid_on_a_ground(tmp_path: Path, ink: int, ground: int) -> None:
    alpha = (GREY > 128).astype(np.uint8) * 255
    images = np.concatenate([np.full((12, 6, 7, 3), ink, np.uint8), alpha[..., None]], axis=3)
    data = load_dataset(save(tmp_path / "t.npz", x=images, y=Y))
    np.testing.assert_array_equal(data.pool.reshape(12, 6, 7, 3)[..., 0], np.where(alpha, ink, ground))
