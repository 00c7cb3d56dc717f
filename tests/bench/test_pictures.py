"""Pictures as every viewer shows them, and folders as people keep them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.errors import DataError, SettingsError

RNG = np.random.default_rng(0)


def folder_of(
    path: Path, images: list[Image.Image], suffix: str = ".png", classes: tuple[str, ...] = ("bar", "box"), **how: object
) -> str:
    for place, image in enumerate(images):
        into = path / classes[place % len(classes)]
        into.mkdir(parents=True, exist_ok=True)
        image.save(into / f"{place:02}{suffix}", **how)
    return str(path)


def strokes(n: int = 6, size: int = 12) -> list[np.ndarray]:
    """Opacity of n different strokes."""
    masks = []
    for place in range(n):
        mask = np.zeros((size, size), np.uint8)
        mask[place : place + 3, 2:-2] = 255
        masks.append(mask)
    return masks


@pytest.mark.parametrize(("ink", "dark"), [(0, True), (255, False), (90, True)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pictures_keep_their_contrast(tmp_path: Path, ink: int, dark: bool, mode: str) -> None:
    images = []
    for mask in strokes():
        grey = np.full_like(mask, ink)
        image = Image.merge("RGBA", [*map(Image.fromarray, (grey, grey, grey)), Image.fromarray(mask)])
        images.append(image.convert("LA") if mode == "LA" else image.quantize(4) if mode == "P" else image)
    data = load_dataset(folder_of(tmp_path / "t", images))
    assert data.image_shape == (12, 12)
    assert len(np.unique(data.pool, axis=0)) == 6
    for item, name in zip(data.pool.reshape(-1, 12, 12), data.ids or (), strict=True):
        mask = strokes()[int(Path(name).stem)] > 0
        assert (item[mask].mean() < item[~mask].mean()) == dark
        assert abs(float(item[mask].mean()) - float(item[~mask].mean())) > 100
    assert f"6 images with transparent parts, on {'white' if dark else 'black'}" in data.notices()


@pytest.mark.parametrize("most", [255 * 257, 4095, 1000])
def test_more_than_eight_bits(tmp_path: Path, most: int) -> None:
    values = [(RNG.random((8, 8)) * most).astype(np.uint16) for _ in range(6)]
    values[0][0, 0] = most
    data = load_dataset(folder_of(tmp_path / "t", [Image.fromarray(value) for value in values]))
    white = {255 * 257: 65_535, 4095: 4095, 1000: 1023}[most]
    assert f"images of more than 8 bits: {white:,} is white" in data.notices()
    place = (data.ids or ()).index("bar/00.png")
    np.testing.assert_array_equal(data.pool[place], np.round(values[0].astype(float) * 255 / white).ravel())


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    grey = np.arange(8 * 4, dtype=np.uint8).reshape(8, 4) * 7
    exif = Image.Exif()
    exif[274] = 6
    data = load_dataset(folder_of(tmp_path / "t", [Image.fromarray(grey)] * 4, exif=exif))
    assert data.image_shape == (4, 8)
    np.testing.assert_array_equal(data.pool[0].reshape(4, 8), np.rot90(grey, -1))


def test_colours_stay_and_grey_can_be_asked_for(tmp_path: Path) -> None:
    values = [RNG.integers(0, 256, (96, 90, 3), np.uint8) for _ in range(4)]
    path = folder_of(tmp_path / "t", [Image.fromarray(value) for value in values])
    data = load_dataset(path)
    assert data.image_shape == (96, 90, 3)
    np.testing.assert_array_equal(data.pool[0].reshape(96, 90, 3), values[0])
    grey = load_dataset(path, reading=Reading(color="grey", image_size=20))
    assert grey.image_shape == (20, 20)
    np.testing.assert_array_equal(
        grey.pool[0].reshape(20, 20), np.asarray(Image.fromarray(values[0]).convert("L").resize((20, 20), Image.Resampling.BOX))
    )
    with pytest.raises(SettingsError, match="--image-size got 2"):
        load_dataset(path, reading=Reading(image_size=2))


def test_grey_pictures_saved_in_colour_are_grey(tmp_path: Path) -> None:
    images = [Image.fromarray(np.repeat(RNG.integers(0, 256, (8, 8, 1), np.uint8), 3, axis=2)) for _ in range(4)]
    assert load_dataset(folder_of(tmp_path / "t", images)).image_shape == (8, 8)


def test_cmyk(tmp_path: Path) -> None:
    images = [Image.new("RGB", (8, 8), color).convert("CMYK") for color in ("red", "blue", "red", "blue")]
    data = load_dataset(folder_of(tmp_path / "t", images, ".tif"))
    assert data.image_shape == (8, 8, 3)
    np.testing.assert_array_equal(data.pool[0].reshape(8, 8, 3)[0, 0], [255, 0, 0])


def test_several_pages_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(RNG.integers(0, 256, (8, 8), np.uint8)) for _ in range(3)]
    path = folder_of(tmp_path / "t", frames[:2])
    frames[0].save(tmp_path / "t" / "bar" / "many.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"many\.gif holds 3 pages; save the one that is meant"):
        load_dataset(path)


def test_parts_of_a_split_are_no_classes(tmp_path: Path) -> None:
    images = [Image.fromarray(RNG.integers(0, 256, (8, 8), np.uint8)) for _ in range(6)]
    for part, some in (("train", images[:4]), ("val", images[4:])):
        folder_of(tmp_path / "t" / part, some)
    data = load_dataset(str(tmp_path / "t"))
    assert (data.class_names, len(data.pool), data.test) == (("bar", "box"), 6, None)
    assert "train, val are parts of a split, not classes" in data.notices()[0]
    folder_of(tmp_path / "t" / "test", images[:2])
    held = load_dataset(str(tmp_path / "t"))
    assert held.test is not None
    assert (len(held.pool), len(held.test)) == (6, 2)
    whole = load_dataset(str(tmp_path / "t"), holdout="none")
    assert len(whole.ids or ()) == len(whole.pool) == 8
    # Folders of images that are called like parts are classes.
    classes = folder_of(tmp_path / "u", images, classes=("test", "train"))
    assert load_dataset(classes).class_names == ("test", "train")


def test_a_built_in_name_hides_no_folder_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "digits", [Image.fromarray(RNG.integers(0, 256, (5, 5), np.uint8)) for _ in range(4)])
    data = load_dataset("digits")
    assert len(data.pool) == 1797
    assert "digits is the data set that comes by this name; for the folder say --data ./digits" in data.notices()
    assert len(load_dataset("./digits").pool) == 4


def test_items_that_are_all_the_same_are_told(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "t", [Image.new("L", (5, 5), 7)] * 6)
    assert any("83% of the items are the same as others" in line for line in load_dataset(path).notices())


def test_dicom(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    def write(path: Path, values: np.ndarray, interpretation: str) -> None:
        file = pydicom.dataset.FileDataset(str(path), {}, file_meta=pydicom.dataset.FileMetaDataset(), preamble=bytes(128))
        file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = SecondaryCaptureImageStorage
        file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = generate_uid()
        file.Rows, file.Columns = values.shape
        file.SamplesPerPixel, file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 1, 16, 12, 11, 0
        file.PhotometricInterpretation = interpretation
        file.PixelData = values.astype(np.uint16).tobytes()
        file.save_as(path, enforce_file_format=True)

    (tmp_path / "t" / "sick").mkdir(parents=True)
    values = np.arange(64).reshape(8, 8) * 50
    write(tmp_path / "t" / "sick" / "a.dcm", values, "MONOCHROME2")
    write(tmp_path / "t" / "sick" / "b.dcm", values, "MONOCHROME1")
    data = load_dataset(str(tmp_path / "t"))
    np.testing.assert_array_equal(data.pool[0], np.round(values * (255 / values.max())).ravel())
    np.testing.assert_array_equal(data.pool[1], np.round(255 - values * (255 / values.max())).ravel())


@pytest.mark.parametrize(
    "others", [("test/1.png",), ("extra/a/1.png", "extra/b/2.png"), ("preview.png", "test/a/1.png", "test/b/2.png")]
)
def test_folders_that_may_be_parts_of_a_split_or_classes_are_refused(tmp_path: Path, others: tuple[str, ...]) -> None:
    for name in ("train/a/1.png", "train/a/2.png", "train/b/3.png", *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (5, 5), np.uint8)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"a part of a split, or a class.*Give the folder whose folders are the classes"):
        load_dataset(str(tmp_path))
    assert load_dataset(str(tmp_path / "train")).class_names == ("a", "b")


def test_names_of_parts_with_an_ending(tmp_path: Path) -> None:
    images = [Image.fromarray(RNG.integers(0, 256, (5, 5), np.uint8)) for _ in range(6)]
    for part in ("training_set", "test_set"):
        folder_of(tmp_path / part, images)
    (tmp_path / "notes.heic").write_text("")
    data = load_dataset(str(tmp_path))
    assert data.test is not None
    assert (len(data.pool), len(data.test)) == (6, 6)
    assert "not read: 1 .heic" in data.notices()
