"""Suites: definition, plan, one run over several sets, tables, page, merging."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import besides_progress
from sklearn.metrics import cohen_kappa_score

from bench.cli import main
from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.errors import SettingsError, StoreError
from bench.store.predictions import PREDICTIONS, read_predictions
from bench.store.records import read_records
from bench.suite.definition import built_in, find_suite, make_suite
from bench.suite.figures import FIGURES, figure_of
from bench.suite.merging import merge_suites
from bench.suite.open_suite import OpenSuite
from bench.suite.plan import fitting_budgets, suite_settings
from bench.suite.report import answer, make_page
from bench.suite.store import SUITE, open_suite
from bench.suite.tables import TABLES, Ask, table_of

Command = Callable[..., tuple[int, str, str]]
TEXT = """
name = "small"
version = 3
about = "Two tables"
methods = ["soft", "knn", "logreg"]
model-seeds = 0
label-seeds = 3
label-noise = [0, 0.3]
components = 10
epochs = 2
budgets = ["1/class", "5/class", "20/class", "100/class"]

[[sets]]
data = "iris"
sha256 = "c3fc9871c67344f17d528dc01b8f858e49554d975add0be8822d07eb570515c9"

[[sets]]
name = "own"
data = "own.csv"
label-seeds = 2

[[sets]]
data = "absent.csv"
"""


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("defined")
    pd.DataFrame({"a": range(60), "b": [i * 37 % 60 for i in range(60)], "label": ["yes", "no"] * 30}).to_csv(
        folder / "own.csv", index=False
    )
    (folder / "small.toml").write_text(TEXT)
    return folder / "small.toml"


@pytest.fixture(scope="module")
def folder(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gmvae-bench", "suite", "run", str(suite_file), "--executor", "serial", "--out", str(out)])
        with pytest.raises(SystemExit) as ended:
            main.main()
    assert not ended.value.code
    return out


def test_suites_that_come_along_are_valid_and_have_fingerprints_where_data_are_embedded() -> None:
    assert set(built_in()) == {"embedded", "letters"}
    embedded = find_suite("embedded").suite
    assert all(one.sha256 for one in embedded.sets)
    assert [one.name for one in embedded.sets] == ["digits", "breast-cancer", "wine", "iris"]
    for name in built_in():
        suite_settings(find_suite(name), None, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"version": 1, "sets": [{"data": "iris"}]}, "name is missing"),
        ({"name": "a", "version": 0, "sets": [{"data": "iris"}]}, "version"),
        ({"name": "a", "version": 1, "sets": []}, "sets"),
        ({"name": "a", "version": 1, "sets": ["iris"]}, r"\[\[sets\]\]"),
        ({"name": "a", "version": 1, "sets": [{"data": "iris"}, {"data": "iris"}]}, "two sets are called 'iris'"),
        ({"name": "a", "version": 1, "epoch": 3, "sets": [{"data": "iris"}]}, "did you mean 'epochs'"),
        ({"name": "a", "version": 1, "sets": [{"data": "iris", "sha": 3}]}, "unknown key of a set 'sha'"),
        ({"name": "a", "version": 1, "device": "cpu", "sets": [{"data": "iris"}]}, "device"),
        ({"name": "a", "version": 1, "settings": 5, "sets": [{"data": "iris"}]}, "settings are a table"),
        ({"name": "a", "version": 1, "sets": [{"data": "iris", "cpus-per-trial": 2}]}, "cpus_per_trial"),
        ({"name": "../a", "version": 1, "sets": [{"data": "iris"}]}, "name"),
    ],
)
def test_what_is_wrong_with_a_suite_is_said(text: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make_suite(text, "it")


def test_a_suite_is_found_by_name_or_file(suite_file: Path, tmp_path: Path) -> None:
    found = find_suite(str(suite_file))
    assert found.suite.version == 3
    settings = suite_settings(found, None, {"label_seeds": "4"})
    assert settings["own"].data == str(suite_file.parent / "own.csv")
    assert settings["own"].label_seeds == (0, 1, 2, 3)
    assert suite_settings(found, tmp_path, {})["absent"].data == str(tmp_path / "absent.csv")
    with pytest.raises(SettingsError, match="embedded"):
        find_suite("embeded")
    with pytest.raises(SettingsError, match="method"):
        suite_settings(found, None, {"methods": "no-such"})


def test_a_fingerprint_changes_with_what_is_run_and_not_with_what_is_said() -> None:
    keys = {"name": "a", "version": 1, "epochs": 3, "sets": [{"data": "iris"}]}
    suite = make_suite(keys, "it")
    assert make_suite({**keys, "about": "other words"}, "it").fingerprint == suite.fingerprint
    assert make_suite({**keys, "epochs": 4}, "it").fingerprint != suite.fingerprint
    assert make_suite(suite.model_dump(mode="json"), "it").fingerprint == suite.fingerprint


def test_budgets_that_leave_less_than_half_to_score_on_are_left_out() -> None:
    assert fitting_budgets(("1/class", "10/class", "50/class", "40%", "60%"), 150, 3) == ("1/class", "10/class", "40%")
    with pytest.raises(SettingsError, match="budget"):
        fitting_budgets(("many",), 150, 3)


def test_every_set_is_a_run_and_what_is_absent_is_a_line(folder: Path) -> None:
    stored = open_suite(folder)
    assert set(stored.runs) == {"iris", "own"}
    assert "absent.csv" in stored.absent["absent"]
    iris, own = (read_records(folder / name) for name in ("iris", "own"))
    assert (iris["status"] == "ok").all()
    assert sorted(iris["budget"].unique()) == ["1/class", "20/class", "5/class"]
    assert len(iris) == 3 * 3 * 3 * 2
    # A set's own setting is over the suite's.
    assert own["label_seed"].nunique() == 2
    assert sorted(own["budget"].unique()) == ["1/class", "5/class"]


def test_repeating_the_command_runs_nothing_again(folder: Path, suite_file: Path, command: Command) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/models/*/*")}
    code, out, err = command("suite", "run", str(suite_file), "--executor", "serial", "--out", str(folder))
    assert code == 0
    assert "nothing to run" in err
    assert "absent is left out" in err
    assert "Ranking over data sets" in out
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/models/*/*")} == before
    code, out, _ = command("suite", "run", str(suite_file), "--executor", "serial", "--out", str(folder), "--dry-run")
    assert code == 0
    assert "would run the suite small, version 3" in out


def test_a_folder_belongs_to_one_version_of_one_suite(folder: Path, suite_file: Path, command: Command, tmp_path: Path) -> None:
    shutil.copy(suite_file.parent / "own.csv", tmp_path)
    for text, said in (
        (TEXT.replace("version = 3", "version = 4"), "version 3, and small version 4 was asked for"),
        (TEXT.replace("epochs = 2", "epochs = 3"), "changed since (epochs)"),
        (TEXT.replace('name = "own"\n', 'name = "mine"\n'), "set own, set mine"),
    ):
        (tmp_path / "other.toml").write_text(text)
        code, _, err = command("suite", "run", str(tmp_path / "other.toml"), "--executor", "serial", "--out", str(folder))
        assert code == 2
        assert said in err
    code, _, err = command("suite", "run", str(suite_file), "--out", str(tmp_path))
    assert code == 2
    assert "is not the folder of a suite" in err


def test_data_other_than_the_suites_are_left_out(suite_file: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEXT.replace("c3fc9871", "00000000").partition('[[sets]]\nname = "own"')[0])
    code, _, err = command("suite", "run", str(tmp_path / "a.toml"), "--executor", "serial", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "no set of the suite small can be run" in err
    assert "SHA-256 c3fc9871" in err
    assert not (tmp_path / "out").exists()


def test_status_counts_by_set(folder: Path, command: Command) -> None:
    code, out, _ = command("suite", "status", str(folder), "--format", "csv")
    assert code == 0
    lines = out.splitlines()
    assert lines[1] == "iris,54,0,0,0,1/1,complete"
    assert lines[3].startswith('absent,-,-,-,-,-,"left out: ')
    assert lines[4] == "all,78,0,0,0,,"
    assert command("suite", "list")[0] == 0


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("format_", ["rich", "markdown", "csv", "latex"])
def test_every_table_prints_in_every_format(folder: Path, command: Command, name: str, format_: str) -> None:
    code, out, err = command("suite", "table", str(folder), "--show", name, "--format", format_)
    assert code == 0, err
    assert "knn" in out


def test_tables_are_those_of_the_records(folder: Path) -> None:
    suite = OpenSuite(folder)
    records = {name: read_records(folder / name) for name in ("iris", "own")}
    iris = records["iris"][records["iris"]["supervision"].isna()]
    cell = iris[(iris["method"] == "logreg") & (iris["budget"] == "5/class")]["accuracy"].mean()
    i, k, b = suite.scores.sets.index("iris"), suite.scores.methods.index("logreg"), suite.scores.budgets.index("5/class")
    assert suite.scores.means[i, k, b] == pytest.approx(cell)
    assert suite.without_model == {"knn", "logreg"}
    wins = table_of("wins").make(suite, Ask())
    assert wins is not None
    assert len(wins.rows) == 3 + 2
    pairs = table_of("pairs").make(suite, Ask("logreg"))
    assert pairs is not None
    assert pairs.title == "logreg against each other method"
    assert table_of("pairs").make(OpenSuite(folder, methods="logreg"), Ask()) is None


def test_clusterings_of_the_items_need_no_model_unless_one_chose_them(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for name in ("iris", "own"):
        path = copy / name / "records.parquet"
        records = pd.read_parquet(path)
        soft = records["method"] == "soft"
        records.loc[soft, ["method", "needs"]] = ["kmeans-soft", "clusters"]
        chosen = records[soft].assign(sampler="cluster")
        pd.concat([records, chosen]).to_parquet(path)
    suite = OpenSuite(copy)
    assert set(suite.scores.methods) == {"kmeans-soft", "kmeans-soft @cluster", "knn", "logreg"}
    assert suite.without_model == {"kmeans-soft", "knn", "logreg"}


def test_who_survives_worse_labels(folder: Path, command: Command) -> None:
    suite = OpenSuite(folder)
    assert suite.supervisions == ("", "noise 0.3")
    noisy = OpenSuite(folder, supervision="noise 0.3")
    assert (noisy.scores.areas() != suite.scores.areas()).any()
    table = table_of("supervision").make(suite, Ask())
    assert table is not None
    k = suite.scores.methods.index("knn")
    said = next(row for row in table.data if row[:2] == ("knn", "noise 0.3"))
    assert said[2] == pytest.approx(noisy.scores.areas()[:, k].mean())
    assert said[3] == pytest.approx((noisy.scores.areas() - suite.scores.areas())[:, k].mean())
    code, out, _ = command("suite", "table", str(folder), "--supervision", "noise 0.3")
    assert code == 0
    assert "labels: noise" in out
    code, _, err = command("suite", "table", str(folder), "--supervision", "noise 3")
    assert code == 2
    assert "did you mean 'noise 0.3'" in err


def test_a_reader_may_ask_for_a_part(folder: Path, command: Command) -> None:
    assert OpenSuite(folder, sets="own").scores.sets == ("own",)
    assert OpenSuite(folder, methods="knn,soft").scores.methods == ("knn", "soft")
    for options, said in (
        (("--sets", "iriss"), "did you mean 'iris'"),
        (("--methods", "nothing"), "ranked method"),
        (("--show", "rank"), "table"),
        (("--metric", "fit_seconds"), "metric"),
        (("--show", "pairs", "--reference", "no"), "ranked method"),
    ):
        code, _, err = command("suite", "table", str(folder), *options)
        assert code == 2
        assert said in err
    code, _, err = command("suite", "table", str(folder / "iris"))
    assert code == 2
    assert "is not the folder of a suite" in err


def test_failures_are_seen_everywhere(folder: Path, tmp_path: Path, command: Command) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "iris" / "records.parquet"
    records = pd.read_parquet(path)
    best = records["accuracy"].where(records["supervision"].isna()).idxmax()
    method = records.loc[best, "method"]
    records.loc[best, ["status", "error", "accuracy"]] = ["failed", "MemoryError: no more", None]
    records.to_parquet(path)
    code, out, _ = command("suite", "table", str(copy))
    assert code == 0
    assert f"{method}!" in out
    assert "failed cells (1)" in out
    assert "MemoryError: no more" in make_page(OpenSuite(copy)).failures[0]
    k = OpenSuite(folder).scores.methods.index(str(method))
    before, after = (OpenSuite(of).scores.areas()[0, k] for of in (folder, copy))
    assert after < before


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn(folder: Path, name: str) -> None:
    module = figure_of(name)
    data = module.data(OpenSuite(folder))
    if name == "critical-difference":
        assert data is not None
        assert data.groups
    module.draw(data).draw_without_rendering()


def test_the_page_and_the_leaderboard(folder: Path, command: Command, tmp_path: Path) -> None:
    code, out, _ = command("suite", "report", str(folder), "--out", str(tmp_path / "page.html"))
    assert code == 0
    html = (tmp_path / "page.html").read_text()
    which, *_, sure = answer(OpenSuite(folder))
    assert f"<strong>{which.lead}</strong> has the best mean rank over" in html
    assert f"<strong>{sure.lead}</strong>" in html
    assert html.count('role="img"') == len(FIGURES)
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    code, out, _ = command("suite", "leaderboard", str(folder), "--out", str(tmp_path / "board"))
    assert code == 0
    assert {f"{name}{suffix}" for name in TABLES for suffix in (".md", ".csv", ".tex")} <= {
        path.name for path in (tmp_path / "board").iterdir()
    }
    assert str(tmp_path / "board" / "ranking.md") in out


def test_an_export_says_what_its_suite_says(folder: Path, suite_file: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, err = command("export", str(folder), str(out))
    assert (code, "2 training histories" in said) == (0, True), err
    for table in TABLES:
        assert command("suite", "table", str(out), "--show", table) == command("suite", "table", str(folder), "--show", table)
    assert command("table", str(out / "iris"))[:2] == command("table", str(folder / "iris"))[:2]
    assert not list(out.rglob("*.safetensors"))
    # Why a set is absent names the place where it was looked for.
    assert str(suite_file.parent) in (folder / SUITE).read_text()
    texts = [path.read_text() for path in out.rglob("*.json")]
    assert not any(str(place) in text for text in texts for place in (folder.parent, suite_file.parent))
    # It is written over by one of the same suite, and by nothing else.
    assert command("export", str(folder), str(out))[0] == 0
    code, _, err = command("export", str(out), str(tmp_path / "again"))
    assert (code, "is an export already" in err) == (2, True)
    assert not (tmp_path / "again").exists()
    code, _, err = command("export", str(folder), str(folder))
    assert (code, "holds a suite, not an export" in err) == (2, True)
    assert command("suite", "table", str(folder))[0] == 0


def test_a_suite_without_results_is_not_exported(folder: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "early").mkdir()
    shutil.copy(folder / SUITE, tmp_path / "early")
    code, _, err = command("export", str(tmp_path / "early"), str(tmp_path / "out"))
    assert (code, "no results yet" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_results_of_one_suite_merge(folder: Path, suite_file: Path, command: Command, tmp_path: Path) -> None:
    options = ("--executor", "serial", "--draws", "2-4", "--methods", "knn,logreg")
    assert command("suite", "run", str(suite_file), *options, "--out", str(tmp_path / "two"))[0] == 0
    code, out, err = command("merge", str(folder), str(tmp_path / "two"), "--out", str(tmp_path / "both"))
    assert code == 0, err
    assert "iris: 78 records and 1 model; 12 cells in more than one run, with the same scores" in out
    both = OpenSuite(tmp_path / "both")
    # Other draws for two of three methods: no draw that half of them have may be lacking.
    assert "soft" in both.scores.unranked
    assert np.isfinite(both.scores.scores[0]).any(axis=(0, 1)).sum() == 5
    assert "cells that were asked for are not there (iris: " in make_page(both).unfinished
    assert read_records(tmp_path / "both" / "iris")["label_seed"].nunique() == 5
    # What is there already may be merged into.
    assert command("merge", str(folder), "--out", str(tmp_path / "both"))[0] == 0
    other = json.loads((folder / SUITE).read_text())
    other["suite"]["version"] = 9
    (tmp_path / "nine").mkdir()
    (tmp_path / "nine" / SUITE).write_text(json.dumps(other))
    with pytest.raises(StoreError, match="version 9"):
        merge_suites([folder, tmp_path / "nine"], tmp_path / "no")


def test_runs_on_other_data_do_not_merge(folder: Path, command: Command, tmp_path: Path) -> None:
    code, _, err = command("merge", str(folder / "iris"), str(folder / "own"), "--out", str(tmp_path / "no"))
    assert code == 2
    assert "dataset: iris in" in err
    assert not (tmp_path / "no").exists()
    code, _, err = command("merge", str(folder), str(folder / "own"), "--out", str(tmp_path / "no"))
    assert code == 2
    assert "suites" in err
    code, _, _ = command("merge", str(folder / "iris"), str(folder / "iris"), "--out", str(tmp_path / "same"))
    assert code == 0
    pd.testing.assert_frame_equal(read_records(tmp_path / "same"), read_records(folder / "iris"))
    assert command("status", str(tmp_path / "same"))[0] == 0


def test_kept_predictions_serve_metrics_that_records_lack(command: Command, tmp_path: Path) -> None:
    options = ("run", "--data", "iris", "--methods", "knn", "--budgets", "10", "--executor", "serial", "--keep-predictions")
    assert command(*options, "--label-seeds", "2", "--out", str(tmp_path / "run"))[0] == 0
    assert command(*options, "--label-seeds", "1-2", "--out", str(tmp_path / "more"))[0] == 0
    assert command("merge", str(tmp_path / "run"), str(tmp_path / "more"), "--out", str(tmp_path / "both"))[0] == 0
    truth = load_dataset("iris").labels
    for folder, n_cells in ((tmp_path / "run", 2), (tmp_path / "both", 3)):
        kept, records = dict(read_predictions(folder, 150)), read_records(folder).set_index("cell_id")
        assert len(kept) == n_cells
        assert len(list((folder / PREDICTIONS).iterdir())) == 1
        for cell, classes in kept.items():
            rest = classes >= 0
            assert rest.sum() == 140
            assert (classes[rest] == truth[rest]).mean() == records.loc[cell, "accuracy"]
    code, out, _ = command("table", str(tmp_path / "run"), "--metric", "kappa", "--format", "csv")
    assert code == 0
    first = dict(read_predictions(tmp_path / "run", 150))
    kappas = [cohen_kappa_score(truth[of >= 0], of[of >= 0]) for of in first.values()]
    assert float(out.splitlines()[1].split(",")[5]) == pytest.approx(sum(kappas) / 2)
    # What was judged before is not judged again, and the user is told.
    plain = (*options[:-1], "--label-seeds", "1", "--out", str(tmp_path / "plain"))
    assert command(*plain)[0] == 0
    code, _, err = command("table", str(tmp_path / "plain"), "--metric", "macro_f1")
    assert code == 2
    assert "kept none; run it with --keep-predictions" in err
    _, _, err = command(*options, "--label-seeds", "2", "--out", str(tmp_path / "plain"))
    assert "predictions of 1 cell judged before were not kept" in err


def test_labels_that_cannot_be_given_fail_the_cells_that_want_them_alone(command: Command, tmp_path: Path) -> None:
    options = ("run", "--data", "iris", "--methods", "knn", "--budgets", "5,20,74", "--label-seeds", "2", "--imbalance", "30")
    assert command(*options, "--executor", "serial", "--out", str(tmp_path / "run"))[0] == 1
    records = read_records(tmp_path / "run")
    failed = records[records["status"] != "ok"]
    assert len(records) == 6
    assert failed["n_labeled"].tolist() == [74, 74]
    assert failed["error"].str.contains("labels can be given with imbalance 30, not 74").all()


def test_a_thinned_pool_names_items_by_their_number_in_the_users_data() -> None:
    thinned = load_dataset("digits", reading=Reading(max_items=50))
    whole = load_dataset("digits")
    assert thinned.ids is not None
    assert len(thinned.pool) == 50
    rows = [int(name) for name in thinned.ids]
    assert (thinned.pool == whole.pool[rows]).all()
    assert (thinned.labels == whole.labels[rows]).all()
    assert thinned.sha256 == load_dataset("digits", reading=Reading(max_items=50)).sha256


def test_readers_of_a_run_look_at_clean_labels_unless_told(folder: Path, command: Command, tmp_path: Path) -> None:
    run = str(folder / "iris")
    code, out, _ = command("table", run)
    assert code == 0
    assert "knn (noise 0.3)" in out
    for options in (
        ("table", run, "--supervision", "clean"),
        ("table", run, "--target", "0.5"),
        ("table", run, "--show", "samplers"),
    ):
        code, out, _ = command(*options)
        assert code in (0, 2)
        assert "noise" not in out
    code, out, _ = command("table", run, "--supervision", "noise 0.3", "--target", "0.5")
    assert code == 0
    assert "(noise 0.3)" in out
    code, _, err = command("table", run, "--supervision", "nois 0.3")
    assert code == 2
    assert "did you mean 'noise 0.3'" in err
    assert command("plot", run, "--out", str(tmp_path))[0] == 0
    assert command("report", run, "--out", str(tmp_path / "page.html"))[0] == 0


def test_predictions_that_are_cut_short_are_set_aside(command: Command, tmp_path: Path) -> None:
    options = ("run", "--data", "iris", "--methods", "knn", "--budgets", "10", "--executor", "serial", "--keep-predictions")
    assert command(*options, "--label-seeds", "1", "--out", str(tmp_path))[0] == 0
    (tmp_path / PREDICTIONS / "cut.parquet").write_bytes(b"PAR1")
    assert command(*options, "--label-seeds", "2", "--out", str(tmp_path))[0] == 0
    assert len(dict(read_predictions(tmp_path, 150))) == 2
    assert (tmp_path / PREDICTIONS / "cut.broken").is_file()


def test_merging_keeps_the_axes_of_labels_and_gives_the_run_an_id_of_its_own(command: Command, tmp_path: Path) -> None:
    options = ("run", "--data", "iris", "--methods", "knn", "--budgets", "10", "--label-seeds", "1", "--executor", "serial")
    for name, noise in (("clean", "0"), ("noisy", "0.2")):
        assert command(*options, "--label-noise", noise, "--out", str(tmp_path / name))[0] == 0
    assert command("merge", str(tmp_path / "clean"), str(tmp_path / "noisy"), "--out", str(tmp_path / "both"))[0] == 0
    clean, both = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("clean", "both"))
    assert both["settings"]["label_noise"] == [0.0, 0.2]
    assert both["run_id"] != clean["run_id"]
    _, out, _ = command("status", str(tmp_path / "both"), "--format", "csv")
    assert out.splitlines()[1] == "knn,2,0,0,0"


def test_a_budget_that_makes_no_sense_is_the_suites_fault(command: Command, suite_file: Path, tmp_path: Path) -> None:
    code, _, err = command("suite", "run", str(suite_file), "--budgets", "5 per class", "--out", str(tmp_path / "out"))
    assert code == 2
    assert besides_progress(err)[0].startswith("gmvae-bench: budget '5 per class'")
