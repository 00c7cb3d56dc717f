"""The methods `…-ensemble`: the mean over the models of a run, one cell for all of them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import RUN

from bench.data.registry import load_dataset
from bench.engine.steps import represent
from bench.judge.ensemble import EnsembleLearner
from bench.judge.identity import cell_id
from bench.judge.methods import METHODS
from bench.judge.record import Origin
from bench.judge.representations import View, side_by_side
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell, Ensemble, ModelKey
from bench.plan.samplers import SAMPLERS, labeled_items
from bench.reading.open_run import OpenRun
from bench.stats.costs import method_costs
from bench.stats.seeds import seed_tables
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
    ensemble = EnsembleLearner(lambda _: SoftDecoder(10)).fit(view.pool, y)
    alone = {name: SoftDecoder(10).fit(part, y) for name, part in view.pool.views.items()}
    expected = sum(learner.predict_proba(view.pool.views[name]) for name, learner in alone.items()) / 2
    np.testing.assert_allclose(ensemble.label_distributions_, expected)
    np.testing.assert_array_equal(ensemble.transduction_, expected.argmax(axis=1))
    new = sum(learner.predict_proba(view.test.views[name]) for name, learner in alone.items()) / 2
    np.testing.assert_array_equal(ensemble.predict(view.test), new.argmax(axis=1))
    members = [learner.predict_proba(view.pool.views[name]).argmax(axis=1) for name, learner in alone.items()]
    assert any((ensemble.transduction_ != member).any() for member in members)


def test_chance_differs_between_members() -> None:
    seeds: list[int] = []

    def make(seed: int) -> SoftDecoder:
        seeds.append(seed)
        return SoftDecoder(10)

    for random_state in (3, 3, 4):
        EnsembleLearner(make, random_state).fit(two_models().pool, example().shown(40))
    assert seeds[:2] == seeds[2:4]
    assert len(set(seeds)) == 4


def test_an_ensemble_of_more_models_is_another_cell() -> None:
    method, origin = METHODS["soft-ensemble"], Origin("digits", "abc", 100, 100, "1", "of-training")
    keys = [ModelKey(10, seed) for seed in range(3)]
    (budget,) = resolve_budgets(("20",), 100, 10)
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
    assert set(of_ensemble["models"]) == {"0,1"}
    assert "nothing to run" in command(*RUN, *grid, "--model-seeds", "1,0", "--out", str(folder), "--dry-run")[1]
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


def test_a_run_of_ensembles_alone_has_models(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    (folder / "records.parquet").unlink()
    assert command(*RUN, "--methods", "soft-ensemble,knn", "--executor", "serial", "--out", str(folder))[0] == 0
    run = OpenRun(folder)
    assert run.models == (ModelKey(10, 0), ModelKey(10, 1))
    for words in (["explain", str(folder)], ["coverage", str(folder)], ["export", str(folder), str(tmp_path / "small")]):
        assert command(*words)[0] == 0
    assert command("report", str(folder), "--out", str(tmp_path / "report.html"))[0] == 0
    assert command("coverage", str(tmp_path / "small"))[0] == 0


def test_ensembles_of_other_models_are_other_curves(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    words = [*RUN, "--methods", "soft-ensemble", "--executor", "serial", "--out", str(folder)]
    assert command(*words, "--budgets", "25,50", "--model-seeds", "0-2")[0] == 0
    assert command(*words, "--budgets", "25", "--model-seeds", "0,1")[0] == 0
    labels = {table.label: table.budgets for table in seed_tables(OpenRun(folder).records, "accuracy")}
    assert labels["soft-ensemble of 0+1"] == (25,)
    assert labels["soft-ensemble of 0+1+2"] == (50,)


def test_what_an_ensemble_sees_counts_once(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    grid = ["--methods", "latent-spreading-ensemble", "--samplers", "random,coverage"]
    assert command(*RUN, *grid, "--executor", "serial", "--out", str(folder))[0] == 0
    records = pd.read_parquet(folder / "records.parquet")
    records = records[records["method"] == "latent-spreading-ensemble"]
    (cost,) = method_costs(records)
    seen = records["view_cpu_seconds"].max()
    assert seen > 0
    assert cost.total_seconds == pytest.approx(records["cpu_seconds"].sum() + seen)


def test_students_of_several_models_see_the_same_items() -> None:
    found, dataset = example(), example().dataset
    clustering = Ensemble((ModelKey(12, 0), ModelKey(12, 1)))
    pair = found.source.encoded
    assert pair is not None
    view = represent(METHODS["latent-student-ensemble"], clustering, dataset, None, pair, pair)
    one, other = view.pool.views.values()
    assert one.items is other.items
    assert list(view.pool.views) == list(view.test.views) == ["k12-s0", "k12-s1"]
    alone = found.view("teachable")
    np.testing.assert_array_equal(one.latent, alone.pool.latent)
    np.testing.assert_array_equal(view.test.views["k12-s1"].items, alone.test.items)


def test_an_ensemble_labels_a_pool(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    truth = load_dataset("digits").labels
    have = tmp_path / "have.csv"
    have.write_text("item,label\n" + "".join(f"{item},{truth[item]}\n" for item in range(60)))
    words = ["label", "--labels", str(have), "--method", "soft-ensemble", "--out", str(tmp_path / "said.csv")]
    code, output, _ = command(*words, str(undisturbed))
    assert code == 0
    assert "labelled by soft-ensemble (k10-s0, k10-s1) from 60 labels" in output
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
