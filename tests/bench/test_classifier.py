"""Classifiers that are taken away: they say what the method says, survive their folder, and know what is new to them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from classifiers import KEYS, N_LABELED, data, model, taken
from sklearn.datasets import load_breast_cancer, load_wine

from baselines import tuning
from bench.classifier.card import model_card
from bench.classifier.classifier import Classifier
from bench.classifier.distances import nearest_distances
from bench.classifier.make import make_network
from bench.classifier.novelty import Distance
from bench.classifier.onnx import export_onnx
from bench.classifier.sight import Items
from bench.classifier.store import load, save
from bench.classifier.take import check_takeable
from bench.data.registry import load_dataset
from bench.engine.steps import represent
from bench.errors import DataError, SettingsError, StoreError
from bench.judge.judging import judge
from bench.judge.methods import METHODS
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, Clustering
from bench.stats.calibration import tempered
from gmvae import student
from gmvae.decoding import SoftDecoder
from gmvae.student import StudentConfig


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "N_TRIALS", 3)
    monkeypatch.setattr(tuning, "_FOLDS_FEW", 2)
    monkeypatch.setattr(student, "DEFAULT", StudentConfig(min_steps=60, pool_batch=100, averaging=0.9))


def cell_of(name: str, clustering: Clustering, n_labeled: int = N_LABELED) -> Cell:
    return Cell(name, Budget(n_labeled, str(n_labeled)), "random", 0, clustering)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_is_taken_away_as_it_is(name: str, tmp_path: Path) -> None:
    _, said, proba, classifier = taken("digits", name)
    save(classifier, tmp_path / "one")
    again = load(tmp_path / "one").classify(data("digits").test)
    assert (again.said == said).all()
    np.testing.assert_allclose(again.proba, tempered(proba, 1.0), atol=2e-5)


@pytest.mark.parametrize("name", ["soft", "joint-spreading", "kmeans-soft", "vae-gmm-soft", "mlp", "knn", "xgboost", "logreg"])
@pytest.mark.parametrize("of", ["wine", "breast-cancer"])
def test_so_it_is_of_tables(name: str, of: str) -> None:
    _, said, proba, classifier = taken(of, name)
    told = classifier.classify_read(data(of).test)
    assert (told.said == said).all()
    np.testing.assert_allclose(told.proba, tempered(proba, 1.0), atol=2e-5)
    # Raw values, as a user has them, become such items.
    raw = {"wine": load_wine, "breast-cancer": load_breast_cancer}[of]().data
    whole = load_dataset(of)
    assert (classifier.classify(raw).said == classifier.classify_read(whole.pool).said).all()


@pytest.mark.parametrize("name", ["soft", "latent-spreading", "logreg", "xgboost"])
def test_accuracy_on_held_out_items_is_what_the_benchmark_says(name: str) -> None:
    dataset, method = data("digits"), METHODS[name]
    view = represent(method, KEYS[0], dataset, None, model("digits", KEYS[0])[1:])
    cell = cell_of(name, KEYS[0])
    order = np.random.default_rng(0).permutation(len(dataset.pool))
    outcome = judge(cell, method, view, dataset, order)
    # A method's own seed is the cell's.
    y = dataset.shown(order[:N_LABELED])
    learner = method.make(dataset.n_classes, 1, cell.method_seed).fit(view.pool, y)
    network = make_network(method, learner, view.pool, KEYS[0], KEYS[0], {KEYS[0]: model("digits", KEYS[0])[:2]}, dataset)
    told = network.run(torch.as_tensor(dataset.test))[0].argmax(dim=1).numpy()
    assert outcome.accuracy_test == pytest.approx((told == dataset.test_labels).mean(), abs=1e-12)


@pytest.mark.parametrize("name", ["soft", "latent-spreading", "logreg", "xgboost", "latent-student", "fixmatch", "knn"])
def test_one_class_or_two_are_all_that_it_names(name: str, tmp_path: Path) -> None:
    dataset = data("digits")
    for classes in ([3], [3, 7]):
        items = np.flatnonzero(np.isin(dataset.labels, classes))[:20]
        _, said, _, classifier = taken("digits", name, dataset.shown(items))
        save(classifier, tmp_path / "few")
        told = load(tmp_path / "few").classify(data("digits").test)
        assert (told.said == said).all()
        assert set(told.said) <= set(classes)


def test_probabilities_are_tempered() -> None:
    _, _, proba, classifier = taken("digits", "soft")
    warm = replace(classifier, network=replace_temperature(classifier, 1.7))
    np.testing.assert_allclose(warm.predict_proba(data("digits").test), tempered(proba, 1.7), atol=2e-5)


def replace_temperature(classifier: Classifier, temperature: float) -> torch.nn.Module:
    network = classifier.network
    return type(network)(**network.parts(), **network.plain() | {"temperature": temperature}).eval()


def test_names_clusters_and_abstaining() -> None:
    _, said, _, classifier = taken("digits", "soft")
    dataset = data("digits")
    told = classifier.classify(dataset.test)
    assert (classifier.predict(dataset.test) == np.array(dataset.class_names, object)[said]).all()
    assert (told.cluster == model("digits", KEYS[0])[2].posterior.argmax(axis=1)).all()
    names = classifier.named(told, 0.5)
    assert [name is None for name in names] == (told.probability < 0.5).tolist()
    # One at a time, or as images, they are told the same.
    assert (classifier.predict(dataset.test.reshape(-1, 8, 8)) == classifier.predict(dataset.test)).all()
    assert classifier.predict(dataset.test[:1])[0] == classifier.predict(dataset.test)[0]


def test_items_of_another_kind_are_refused() -> None:
    _, _, _, classifier = taken("digits", "soft")
    with pytest.raises(DataError, match=r"made from images of 8 x 8 pixels"):
        classifier.predict(np.zeros((3, 63), np.float32))
    with pytest.raises(DataError, match=r"values from 0 to 16; those of the training data lie in 0 to 1"):
        classifier.predict(np.full((3, 64), 16, np.float32) * np.arange(3)[:, None] / 2)
    with pytest.raises(DataError, match="NaN or infinity in 1 items, the first in row 2"):
        classifier.predict(np.vstack([np.zeros((2, 64)), np.full((1, 64), np.nan)]).astype(np.float32))
    with pytest.raises(DataError, match="one image"):
        classifier.predict(np.zeros((8, 8), np.float32))


def test_a_foreign_learner_cannot_be_taken_away() -> None:
    class Foreign:
        def fit(self, *_: object) -> "Foreign":
            return self

    with pytest.raises(SettingsError, match=r"mine cannot be taken away: its learner, Foreign, does not come with gmvae-bench"):
        check_takeable(Foreign(), "mine")  # type: ignore[arg-type]
    for name, method in METHODS.items():
        check_takeable(method.make(10, 1, 0), name)

    class Squared(SoftDecoder):
        """A decoder of a plug-in, which inherits from one of ours and says something else."""

    with pytest.raises(SettingsError, match="Squared, does not come with gmvae-bench"):
        check_takeable(Squared(10), "squared")


def test_the_folder_is_plain_and_checks_itself(tmp_path: Path) -> None:
    _, _, _, classifier = taken("digits", "joint-spreading")
    folder = tmp_path / "one"
    save(classifier, folder)
    assert {path.name for path in folder.iterdir()} == {"README.md", "classifier.json", "weights.safetensors"}
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    settings = json.loads((folder / "classifier.json").read_text())
    assert settings["about"]["dataset_sha256"] == data("digits").sha256
    assert settings["class_names"] == list("0123456789")
    card = (folder / "README.md").read_text()
    assert card == model_card(classifier)
    assert "images of 8 x 8 pixels" in card
    assert "150 labels" in card
    # The same again replaces it; anything else is kept.
    save(classifier, folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match=r"holds mine\.txt, which is no classifier"):
        save(classifier, folder)
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: shutil.rmtree(folder), "holds no classifier"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors is not there"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"x"), "is not the one that"),
        (lambda folder: (folder / "classifier.json").write_text("{"), "no readable classifier"),
        (lambda folder: (folder / "classifier.json").write_text("[]"), "no readable classifier"),
        (lambda folder: edited(folder, format=99), "of format 99; this version reads 1"),
        (lambda folder: edited(folder, network={"kind": "Nothing"}), "no readable classifier"),
        (lambda folder: edited(folder, network={"kind": "Items"}), "describes no classifier"),
    ],
)
def test_broken_folders_are_refused(spoil: object, said: str, tmp_path: Path) -> None:
    _, _, _, classifier = taken("digits", "soft")
    save(classifier, tmp_path / "one")
    spoil(tmp_path / "one")  # type: ignore[operator]
    with pytest.raises(StoreError, match=said):
        load(tmp_path / "one")


def edited(folder: Path, **changes: object) -> None:
    settings = json.loads((folder / "classifier.json").read_text())
    (folder / "classifier.json").write_text(json.dumps(settings | changes))


class Points:
    """Stands for what a classifier sees: the points themselves."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = torch.as_tensor(points)

    def by(self, _: object) -> torch.Tensor:
        return self.points


def test_novelty_is_the_share_of_training_items_that_are_as_far_from_the_others() -> None:
    rng = np.random.default_rng(0)
    pool, new = rng.normal(size=(60, 3)).astype(np.float32), rng.normal(size=(20, 3)).astype(np.float32)
    distance = Distance.fitted(Items(), pool)
    own = [min(float(np.linalg.norm(a - b)) for j, b in enumerate(pool) if i != j) for i, a in enumerate(pool)]
    for point, p in zip(new, distance(Points(new)).tolist(), strict=True):
        nearest = min(float(np.linalg.norm(point - other)) for other in pool)
        assert p == pytest.approx((1 + sum(one >= nearest for one in own)) / 61, abs=1e-6)


def test_copies_are_at_distance_zero_far_from_the_origin() -> None:
    points = torch.as_tensor(1_000 + np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32))
    assert (nearest_distances(points, points) == 0).all()
    assert (nearest_distances(points, points, own=torch.arange(50)) > 0).all()


def test_p_values_of_more_of_the_same_are_even_and_those_of_others_small() -> None:
    rng = np.random.default_rng(1)
    draw = lambda n: rng.normal(size=(n, 5)).astype(np.float32)  # noqa: E731
    distance = Distance.fitted(Items(), draw(2_000))
    same, other = distance(Points(draw(4_000))).numpy(), distance(Points(4 + draw(500))).numpy()
    for level in (0.05, 0.25, 0.5, 0.9):
        assert (same < level).mean() == pytest.approx(level, abs=0.03)
    assert (other < 0.01).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hard", "latent-student", "kmeans-soft", "gmm-soft", "knn"])
def test_onnx_says_the_same(name: str, tmp_path: Path) -> None:
    from onnxruntime import InferenceSession

    _, _, _, classifier = taken("digits", name)
    save(classifier, tmp_path / "one")
    path = export_onnx(classifier, tmp_path / "one", data("digits").pool)
    session = InferenceSession(path)
    assert session.get_modelmeta().custom_metadata_map["class_names"] == json.dumps(list("0123456789"))
    test = data("digits").test
    assert test is not None
    for items in (test, test[:1]):
        proba, _, _ = session.run(None, {"items": items})
        np.testing.assert_allclose(proba, classifier.predict_proba(items), atol=1e-5)
    # Saved again, the folder is the classifier's alone.
    save(classifier, tmp_path / "one")
    assert not path.exists()


def test_trees_stay_in_their_own_form() -> None:
    check_takeable(METHODS["logreg"].make(10, 1, 0), "logreg", onnx=True)
    for name in ("xgboost", "xgboost-tuned"):
        with pytest.raises(SettingsError, match="cannot be written as ONNX"):
            check_takeable(METHODS[name].make(10, 1, 0), name, onnx=True)
