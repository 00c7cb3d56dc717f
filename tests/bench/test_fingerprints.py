"""What was read rightly before is read the same: fingerprints of version 0.1, before columns were described."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets

from bench.data.registry import load_dataset

KNOWN = {
    ("wine.csv", "none"): "088ebd98b6729a29d086ec5fbac22f531bdfef8d475f365c809501c4a705968b",
    ("breast_cancer.csv", "0.2"): "f69a4ce038a8df1bdb45ee9d001d81e7e15607f4cfd9f462d81aaa82fc02c248",
    ("iris.parquet", "none"): "7053ae5c2ce195cc1125f1f852570668ea5205752c9366471d1d975bf2672910",
    ("digits.csv", "none"): "800d7cc3cb08194ce01d621accc4e63a7bf141684c965ff02480cc90174104c3",
    ("grey.npz", "none"): "f426178f8c2b7dc2b7ad669548e116d5720bbafd6906a0d35d150e855d7736d4",
    ("float.npz", "0.2"): "fdb08e68cd41815e736a9d076652ce10089e7494cc955385e0084acf1ad254d8",
    ("pics", "none"): "f6fb7abc5f342aeb57fa23b10fa2d75fd36e4437df67781dc5f534c71df0378d",
    ("digits", "none"): "e0393dbabb18d0721b727adcc9bcc8476c4229afaea85731156fb46ed01ec692",
}


def table(name: str, path: Path) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame.rename(columns={"target": "label"})
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)


def write(path: Path) -> None:
    if path.suffix in (".csv", ".parquet"):
        table(path.stem, path)
        return
    digits = datasets.load_digits()
    if path.name == "grey.npz":
        np.savez(path, x=(digits.images * 15).astype(np.uint8), y=digits.target)
    elif path.name == "float.npz":
        np.savez(path, x=digits.images, y=digits.target.astype(float))
    else:
        for place in range(60):
            folder = path / str(digits.target[place])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[place] * 15).astype(np.uint8)).save(folder / f"{place}.png")


@pytest.mark.parametrize(("name", "holdout"), list(KNOWN))
def test_fingerprints_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, holdout: str) -> None:
    if name != "digits":
        write(tmp_path / name)
        name = str(tmp_path / name)
    assert load_dataset(name, holdout=holdout).sha256 == KNOWN[Path(name).name, holdout]
