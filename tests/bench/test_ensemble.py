"""The methods `…-ensemble`: the mean over the models of a run, one cell for all of them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import RUN

from bench.data.registry import load_dataset
from bench.judge.ensemble import EnsembleLearner
from bench.judge.identity import cell_id
from bench.judge.methods import METHODS
from bench.judge.record import Origin
from bench.judge.representations import View, side_by_side
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell, Ensemble, ModelKey
from bench.plan.samplers import SAMPLERS, labeled_items
from bench.store.models import load_encoded
from bench.testing.conformance import example
from gmvae.decoding import Posterior, SoftDecoder

Command = Callable[..., tuple[int, str, str]]


def two_models() -> View:
    """A fair model and one that confuses two clusters."""
    fair = example().view("posterior")
    merged = [part.q.copy() for part in (fair.pool, fair.test)]
    for q in merged:
        q[:, 1] += q[:, 7]
        q[:, 7] = 0
    return side_by_side({"k12-s0": fair, "k12-s1": View(*map(Posterior, merged))})


def test_an_ensemble_says_what_its_members_say_on_average() -> None:
    view, y = two_models(), example().shown(40)
    ensemble = EnsembleLearner(partial(SoftDecoder, 10)).fit(view.pool, y)
    alone = {name: SoftDecoder(10).fit(part, y) for name, part in view.pool.views.items()}
    expected = sum(learner.predict_proba(view.pool.views[name]) for name, learner in alone.items()) / 2
    np.testing.assert_allclose(ensemble.label_distributions_, expected)
    np.testing.assert_array_equal(ensemble.transduction_, expected.argmax(axis=1))
    new = sum(learner.predict_proba(view.test.views[name]) for name, learner in alone.items()) / 2
    np.testing.assert_array_equal(ensemble.predict(view.test), new.argmax(axis=1))
    members = [learner.predict_proba(view.pool.views[name]).argmax(axis=1) for name, learner in alone.items()]
    assert any((ensemble.transduction_ != member).any() for member in members)


def test_an_ensemble_of_more_models_is_another_cell() -> None:
    method, origin = METHODS["soft-ensemble"], Origin("digits", "abc", 100, 100, "1", "of-training")
    keys = [ModelKey(10, seed) for seed in range(3)]
    (budget,) = resolve_budgets(("20",), 100)
    two, three = (Cell("soft-ensemble", budget, "random", 0, Ensemble(tuple(keys[:n]))) for n in (2, 3))
    ids = {cell_id(cell, method, SAMPLERS["random"], origin) for cell in (two, three)}
    assert two.key == three.key
    assert len(ids) == 2
    assert cell_id(two, method, SAMPLERS["random"], replace(origin, training="of-another")) not in ids


def test_a_run_judges_its_ensembles(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    grid = ["--methods", "soft,soft-ensemble", "--samplers", "random,coverage"]
    assert command(*RUN, *grid, "--executor", "serial", "--out", str(folder))[0] == 0
    records = pd.read_parquet(folder / "records.parquet")
    of_ensemble = records[records["method"] == "soft-ensemble"]
    assert (of_ensemble["status"] == "ok").all()
    assert (of_ensemble["n_components"] == 10).all()
    random, chosen = (of_ensemble[of_ensemble["sampler"] == name] for name in ("random", "coverage"))
    assert random["model_seed"].isna().all()
    assert set(chosen["model_seed"]) == {0, 1}
    # What a model chose is shown to the ensemble as it is to the model alone.
    soft = records[(records["method"] == "soft") & (records["sampler"] == "coverage")]
    keys = ["model_seed", "n_labeled", "label_seed"]
    pd.testing.assert_series_equal(chosen.set_index(keys)["shown"].sort_index(), soft.set_index(keys)["shown"].sort_index())
    # The same numbers by hand.
    cell = random.iloc[0]
    assert cell["accuracy"] == pytest.approx(by_hand(folder, int(cell["n_labeled"]), int(cell["label_seed"])))
    code, output, _ = command("status", str(folder))
    assert code == 0
    assert "soft-ensemble" in output
    for read in (["table", str(folder)], ["table", str(folder), "--reference", "soft"], ["table", str(folder), "--cost"]):
        code, output, _ = command(*read)
        assert code == 0
        assert "soft-ensemble" in output


def by_hand(folder: Path, n_labeled: int, label_seed: int) -> float:
    dataset = load_dataset("digits")
    y = dataset.shown(labeled_items(dataset.labels, dataset.sha256, "random", label_seed, n_labeled))
    proba = np.zeros((len(y), 10))
    for seed in (0, 1):
        q = Posterior(load_encoded(folder, ModelKey(10, seed))[0].posterior)
        proba += SoftDecoder(10).fit(q, y).predict_proba(q)
    rest = y < 0
    return float((proba.argmax(axis=1)[rest] == dataset.labels[rest]).mean())


def test_an_ensemble_labels_a_pool(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    truth = load_dataset("digits").labels
    have = tmp_path / "have.csv"
    have.write_text("item,label\n" + "".join(f"{item},{truth[item]}\n" for item in range(60)))
    words = ["label", "--labels", str(have), "--method", "soft-ensemble", "--out", str(tmp_path / "said.csv")]
    assert command(*words, str(undisturbed))[0] == 0
    said = pd.read_csv(tmp_path / "said.csv")
    assert (said["class"] == truth)[60:].mean() > 0.5
    alone = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    shutil.rmtree(alone / "models" / "k10-s1")
    code, _, error = command(*words, str(alone))
    assert code == 2
    assert "has one model of K = 10, and an ensemble is a mean over several" in error


def test_a_mean_over_one_model_is_refused(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    code, _, error = command("run", "--methods", "soft-ensemble", "--model-seeds", "0", "--out", str(tmp_path / "run"))
    assert code == 2
    assert "at least two, such as 0-2" in error
