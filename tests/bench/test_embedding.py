"""Embedding: any model that makes vectors, batches, labels and names carried over, and a mark that stays with the records."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.data.reading import Reading, no_progress
from bench.data.registry import load_dataset
from bench.embedding import embed as embedding
from bench.embedding.embed import embed_items
from bench.embedding.items import Source, open_source
from bench.embedding.models import Embedder, load_embedder
from bench.errors import DataError, SettingsError

Command = Callable[..., tuple[int, str, str]]
TEXTS = [f"a text of {n} words" for n in range(23)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    pd.DataFrame({"id": [f"{n:03}" for n in range(23)], "text": TEXTS, "class": ["a", "b", ""] * 7 + ["a", "b"]}).to_csv(
        path, index=False
    )
    return path


def lengths(texts: Sequence[Any]) -> np.ndarray:
    return np.array([[len(text), text.count("1")] for text in texts], np.float32)


def open_table(path: Path, text_column: str | None = None) -> Source:
    return open_source(str(path), None, Reading(), text_column, no_progress)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_vectors_labels_names_and_the_mark(table: Path, tmp_path: Path, suffix: str) -> None:
    done: list[int] = []
    embed_items(
        open_table(table), Embedder("lengths", "texts", lengths), tmp_path / f"v{suffix}", batch_size=4, on_done=done.append
    )
    data = load_dataset(str(tmp_path / f"v{suffix}"))
    np.testing.assert_array_equal(data.pool, lengths(TEXTS))
    assert (data.class_names, data.pretrained, done[-1]) == (("a", "b"), "lengths", 23)
    assert data.ids == tuple(f"{n:03}" for n in range(23))
    np.testing.assert_array_equal(data.labels, [0, 1, -1] * 7 + [0, 1])


def test_a_repeated_command_goes_on(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_PART", 8)
    seen: list[str] = []

    def stops(texts: Sequence[Any]) -> np.ndarray:
        if len(seen) >= 16:
            raise KeyboardInterrupt
        seen.extend(texts)
        return lengths(texts)

    def goes_on(texts: Sequence[Any]) -> np.ndarray:
        seen.extend(texts)
        return lengths(texts)

    out = tmp_path / "v.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_items(open_table(table), Embedder("m", "texts", stops), out, batch_size=8, on_done=lambda _: None)
    assert not out.exists()
    embed_items(open_table(table), Embedder("m", "texts", goes_on), out, batch_size=8, on_done=lambda _: None)
    assert seen == TEXTS
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_is_no_vector_is_refused(table: Path, tmp_path: Path) -> None:
    for made in (lambda texts: np.zeros(len(texts)), lambda texts: np.full((len(texts), 2), np.nan)):
        with pytest.raises(DataError, match="expected a vector of finite numbers for each"):
            embed_items(open_table(table), Embedder("m", "texts", made), tmp_path / "v.npz", batch_size=8, on_done=lambda _: None)


def test_the_column_of_texts(table: Path, tmp_path: Path) -> None:
    assert open_table(table, "text").batch(0, 2) == TEXTS[:2]
    assert open_table(table, "Text").notes[0] == "t.csv: texts of the column text"
    with pytest.raises(DataError, match="no column 'words' in the table, which --text-column names"):
        open_table(table, "words")
    (tmp_path / "n.csv").write_text("a,label\n1,x\n2,y\n")
    with pytest.raises(DataError, match="no column of texts to embed"):
        open_table(tmp_path / "n.csv")


def test_pictures_of_a_folder_and_of_a_data_set(tmp_path: Path) -> None:
    for place in range(4):
        folder = tmp_path / "pics" / "ab"[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (9, 5), (200, 10, 10, 0 if place == 3 else 255)).save(folder / f"{place}.png")
    source = open_source(str(tmp_path / "pics"), None, Reading(), None, no_progress)
    first, *_, last = source.batch(0, 4)
    assert (first.mode, first.size, first.getpixel((0, 0)), last.getpixel((0, 0))) == (
        "RGB",
        (9, 5),
        (200, 10, 10),
        (255, 255, 255),
    )
    assert (source.kind, source.ids, source.labels.names) == ("images", ("a/0.png", "a/2.png", "b/1.png", "b/3.png"), ("a", "b"))
    digits = open_source("digits", None, Reading(), None, no_progress)
    assert (len(digits), digits.batch(0, 1)[0].size) == (1797, (8, 8))


def test_models_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"torchvision has no model 'resnet1800', e.g. resnet18"):
        load_embedder("resnet1800", "images")
    monkeypatch.setattr("bench.embedding.models.find_spec", lambda _: None)
    for name, kind, package in (
        ("timm/vit", "images", "timm"),
        ("m.onnx", "images", "onnxruntime"),
        ("m", "texts", "sentence-transformers"),
    ):
        with pytest.raises(SettingsError, match=f"pip install {package}"):
            load_embedder(name, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit_b_32", "convnext_tiny"])
def test_torchvisions_models_give_features_not_classes(name: str) -> None:
    import torch
    from torchvision import models

    from bench.embedding.models import _drop_head

    network = models.get_model(name, weights=None).eval()
    _drop_head(network)
    with torch.inference_mode():
        vectors = network(torch.zeros(1, 3, 224, 224)).flatten(1)
    assert vectors.shape[1] == {"resnet18": 512, "mobilenet_v3_small": 1024, "vit_b_32": 768, "convnext_tiny": 768}[name]


def test_onnx(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    entry, exit_ = helper.make_tensor_value_info("x", kind, ["n", 3, 8, 8]), helper.make_tensor_value_info("y", kind, ["n", 3])
    model = helper.make_model(helper.make_graph(nodes, "g", [entry], [exit_]), opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "mean.onnx")
    embedder = load_embedder(str(tmp_path / "mean.onnx"), "images")
    assert embedder.name == "mean.onnx"
    vectors = embedder.embed([Image.new("RGB", (20, 20), (255, 0, 51))])
    np.testing.assert_allclose(vectors[0], (np.array([1, 0, 0.2]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rtol=1e-5)


def test_embed_and_run_are_two_commands(command: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("sentence_transformers")

    class Transformer:
        def __init__(self, name: str, **_: object) -> None:
            self.name = name

        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return lengths(texts)

    module.SentenceTransformer = Transformer  # type: ignore[attr-defined]
    monkeypatch.setattr("bench.embedding.models._need", lambda *_: module)
    monkeypatch.setitem(sys.modules, "transformers.utils.logging", ModuleType("none"))
    sys.modules["transformers.utils.logging"].disable_progress_bar = lambda: None  # type: ignore[attr-defined]
    code, output, _ = command("embed", str(table), "--model", "tiny", "--out", str(tmp_path / "v.npz"))
    assert code == 0
    assert "23 items (texts) as 2 numbers each by tiny; 16 labels of 2 classes" in output
    options = (
        "--methods",
        "logreg",
        "--budgets",
        "6",
        "--label-seeds",
        "1",
        "--executor",
        "serial",
        "--out",
        str(tmp_path / "run"),
    )
    code, output, _ = command("run", "--data", str(tmp_path / "v.npz"), *options)
    assert code == 0
    assert "logreg (pretrained)" in output
    records = pd.read_parquet(tmp_path / "run" / "records.parquet")
    assert records["pretrained"].tolist() == ["tiny"]
    assert command("embed", str(table), "--model", "tiny", "--out", str(tmp_path / "v.txt"))[0] == 2
