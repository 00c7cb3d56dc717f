"""Tables of a finished run, by the command."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.reading.open_run import OpenRun
from bench.reading.part import Part
from bench.reading.tables import Ask, samplers, scores
from bench.show.grid import Grid, to_text

Command = Callable[..., tuple[int, str, str]]


def test_tables_of_some_components_and_samplers(command: Command, run_folder: Path, tmp_path: Path) -> None:
    def labels(*options: str) -> list[str]:
        code, out, _ = command("table", str(run_folder), "--format", "csv", *options)
        assert code == 0
        return sorted(set(pd.read_csv(io.StringIO(out))["label"]))

    assert labels("--components", "20") == ["hard", "hard-fallback", "knn", "logreg", "soft"]
    assert labels("--methods", "soft@random,knn") == ["knn", "soft K=10", "soft K=20"]
    assert labels("--methods", "soft,knn", "--components", "10,20") == ["knn", "soft K=10", "soft K=20"]
    code, out, _ = command("table", str(run_folder), "--format", "csv", "--methods", "knn", "--budgets", "200,20")
    assert (code, sorted(pd.read_csv(io.StringIO(out))["n_labeled"])) == (0, [20, 200])
    for wrong in ("30", ""):
        code, _, err = command("table", str(run_folder), "--budgets", wrong)
        assert (code, f"--budgets got {wrong!r}; the run has 20, 60, 200" in err) == (2, True)
    for options in (("--reference", "knn"), ("--target", "0.8")):
        code, out, _ = command("table", str(run_folder), "--components", "10", "--methods", "hard", *options)
        assert (code, "hard" in out, "K=" in out) == (0, True, False)
    for wrong in ("30", "ten", ""):
        code, _, err = command("table", str(run_folder), "--components", wrong)
        assert (code, f"--components got {wrong!r}" in err) == (2, True)
    code, _, err = command("table", str(run_folder), "--methods", "soft@cluster")
    assert (code, "unknown method in this run 'soft@cluster'" in err) == (2, True)
    assert labels("--methods", "soft @random", "--components", "10") == ["soft"]
    code, _, err = command("compare", str(run_folder), str(run_folder), "--components", "30")
    assert (code, f"{run_folder}: --components got '30'" in err) == (2, True)
    code, _, _ = command("plot", str(run_folder), "--components", "10", "--figures", "label-efficiency", "--out", str(tmp_path))
    assert code == 0
    assert "K=" not in (tmp_path / "label-efficiency.svg").read_text()


def test_costs_that_records_do_not_tell() -> None:
    from bench.stats.costs import method_costs

    records = pd.DataFrame({
        "method": "knn", "sampler": "cluster", "dataset": "digits", "n_components": [10, 10, 20, 20], "model_seed": 0,
        "status": ["ok", "ok", "ok", "timeout"], "fit_seconds": [3.0, 1.0, 1.0, None], "predict_seconds": [1.0, 1.0, 1.0, None],
        "cpu_seconds": [None, 1.5, 1.0, None], "view_cpu_seconds": [None, 100.0, 100.0, None], "peak_bytes": [None, 7, 5, None],
    })  # fmt: skip
    (cost,) = method_costs(records.assign(needs="nothing"))
    (of_models,) = method_costs(records.assign(needs="model"))
    assert of_models.total_seconds == 206.5
    assert cost.cell_seconds == (1.0, 1.5, 4.0)
    # What knn sees is the same whichever model chose the items.
    assert (cost.view_seconds, cost.total_seconds) == (100.0, 106.5)
    assert (cost.n_cells, cost.n_by_clock, cost.n_failed, cost.peak_bytes) == (3, 1, 1, 7)


def test_costs_of_trainings_with_and_without_processor_time() -> None:
    from bench.reading.tables.costs import costs_grid
    from bench.stats.costs import training_costs

    clock = pd.DataFrame({"epoch": [1, 2], "seconds": [10.0, 30.0]})
    told = clock.assign(cpu_seconds=[9.0, 20.0])
    on_gpu = clock.assign(cpu_seconds=[None, None])
    notes = {
        "of a training: CPU seconds, and hours of all": {50: [told, told]},
        "of a training: seconds and hours by the clock, waiting beside other work included": {50: [clock], 20: [on_gpu]},
        "of a training: CPU seconds, and hours of all; by the clock, waiting beside other work included: 1 of K = 50": {
            50: [told, clock],
            20: [told],
        },
    }
    for note, histories in notes.items():
        assert note in costs_grid((), training_costs(histories), "digits").notes
    mixed, alone = training_costs(histories)
    assert (mixed.model_seconds, mixed.total_seconds, mixed.n_by_clock) == ((20.0, 25.0, 30.0), 50.0, 1)
    assert (alone.n_components, alone.n_models, alone.total_seconds, alone.n_by_clock) == (20, 1, 20.0, 0)


def test_costs_are_of_the_trainings_asked_for(command: Command, tmp_path: Path) -> None:
    published = Path(__file__).parents[2] / "results" / "reference"
    code, out, _ = command("table", str(published), "--cost", "--components", "26,100", "--methods", "knn", "--format", "csv")
    assert code == 0
    trained = pd.read_csv(io.StringIO(out))["method"].tolist()
    assert sorted(trained) == ["knn", "training K=100", "training K=26"]


def test_costs_of_a_run(command: Command, run_folder: Path) -> None:
    code, out, _ = command("table", str(run_folder), "--cost", "--format", "csv")
    assert code == 0
    costs = pd.read_csv(io.StringIO(out), index_col="method")
    records = pd.read_parquet(run_folder / "records.parquet")
    for method, cells in records.groupby("method"):
        row = costs.loc[method]
        assert row["cells"] == len(cells)
        assert row["seconds_least"] == pytest.approx(cells["cpu_seconds"].min())
        assert row["seconds_most"] == pytest.approx(cells["cpu_seconds"].max())
        views = cells.groupby(["n_components", "model_seed"], dropna=False)["view_cpu_seconds"].max().sum()
        assert (row["measured_by"], row["n_failed"]) == ("cpu", 0)
        assert row["hours"] * 3600 == pytest.approx(cells["cpu_seconds"].sum() + views)
    seconds = [pd.read_csv(path)["cpu_seconds"].iloc[-1] for path in run_folder.glob("models/k20-*/history.csv")]
    assert costs.loc["training K=20", "hours"] * 3600 == pytest.approx(sum(seconds))
    assert costs.loc["training K=20", "measured_by"] == "cpu"
    code, _, err = command("table", str(run_folder), "--cost", "--target", "0.8")
    assert (code, "--cost makes a table of its own" in err) == (2, True)


def test_claims_of_other_data_are_not_judged(command: Command, run_folder: Path) -> None:
    code, out, _ = command("claims", str(run_folder), "--format", "csv")
    assert code == 0
    verdicts = pd.read_csv(pd.io.common.StringIO(out))["verdict"]
    assert (verdicts == "cannot be judged").sum() == len(verdicts) - 1


def test_differences_and_labels_to_a_target(command: Command, run_folder: Path) -> None:
    code, out, _ = command("table", str(run_folder), "--reference", "knn")
    assert code == 0
    assert "Accuracy minus that of knn, in points" in out
    assert {"soft K=10", "soft K=20", "logreg"} <= {line[:10].strip() for line in out.splitlines()}
    code, out, _ = command("table", str(run_folder), "--target", "0.8", "--reference", "logreg")
    assert code == 0
    assert "logreg / it" in out
    code, _, err = command("table", str(run_folder), "--reference", "knm")
    assert (code, "did you mean 'knn'" in err) == (2, True)


def test_tables_fit_eighty_columns(command: Command, monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for options in ((), ("--reference", "knn"), ("--target", "0.8")):
        _, out, _ = command("table", str(run_folder), *options)
        assert max(map(len, out.splitlines())) <= 80
        assert "…" not in out


def test_coverage_of_a_run(command: Command, run_folder: Path) -> None:
    code, out, _ = command("coverage", str(run_folder))
    assert code == 0
    for text in ("k10-s0", "k20-s1", "without replacement", "Clusters that held a label"):
        assert text in out


def test_two_runs_beside_each_other(command: Command, run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    shutil.copytree(run_folder, copy)
    code, out, _ = command("compare", str(run_folder), str(copy), "--methods", "knn", "--format", "markdown")
    assert code == 0
    rows = [line for line in out.splitlines() if line.startswith("| knn")]
    assert [row.split("|")[2].strip() for row in rows] == ["run", "other"]
    assert rows[0].split("|")[3:] == rows[1].split("|")[3:]
    code, _, err = command("compare", str(run_folder))
    assert (code, "compare got 1 run" in err) == (2, True)


def test_a_grid_in_every_format() -> None:
    grid = Grid("title", ("method", "50 %"), (("a|b_c", "1"),), ("note",))
    assert to_text(grid, "markdown") == "**title**\n\nnote  \n\n| method | 50 % |\n|---|---:|\n| a\\|b_c | 1 |\n"
    assert to_text(grid, "csv") == "method,50 %\na|b_c,1\n"
    latex = to_text(grid, "latex")
    assert "method & 50 \\% \\\\" in latex
    assert "a|b\\_c & 1 \\\\" in latex


@pytest.mark.parametrize(("metric", "best"), [("accuracy", "soft"), ("fit_seconds", "knn")])
def test_the_best_of_a_column_is_marked(run_folder: Path, metric: str, best: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    records = pd.read_parquet(copy / "records.parquet")
    for name, of_knn, of_others in (("accuracy", 0.5, 0.9), ("fit_seconds", 0.5, 2.0)):
        records[name] = records["method"].map({"knn": of_knn}).fillna(of_others)
    records.to_parquet(copy / "records.parquet")
    grid = scores.make(OpenRun(copy, Part(methods="soft,knn", components="20")), Ask(metric))
    marked = [(row[0].text, cell.best) for row in grid.cells for cell in row[1:]]
    assert {name for name, is_best in marked if is_best} == {best}
    assert sum(is_best for _, is_best in marked) == 3


def test_a_table_by_name_and_names_that_contradict(command: Command, run_folder: Path) -> None:
    code, out, _ = command("table", str(run_folder), "--show", "covered", "--format", "csv")
    assert code == 0
    assert out.startswith("K,labels,predicted,observed")
    for options in (("--show", "scores", "--target", "0.8"), ("--show", "labels", "--cost")):
        code, _, err = command("table", str(run_folder), *options)
        assert (code, "names a table, and so do --cost, --target and --reference" in err) == (2, True)
    code, _, err = command("table", str(run_folder), "--show", "score")
    assert (code, "did you mean 'scores'" in err) == (2, True)


def test_unequal_classes_bring_macro_accuracy_beside_accuracy(run_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run_folder, tmp_path / "run")
    assert not any("/" in cell.text for row in scores.make(OpenRun(folder), Ask()).cells for cell in row)
    described = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(described | {"class_counts": [1020, *([86] * 9)]}))
    run = OpenRun(folder)
    records = run.records[(run.records["method"] == "knn") & (run.records["n_labeled"] == 200)]
    grid = scores.make(run, Ask())
    (row,) = [row for row in grid.cells if row[0].text == "knn"]
    assert row[3].text == f"{100 * records['accuracy'].mean():.1f}/{100 * records['macro_accuracy'].mean():.1f}"
    assert f"to always name the largest class: {100 * 1020 / 1794:.1f} %" in grid.said
    assert not any("/" in cell.text for row in scores.make(run, Ask("macro_accuracy")).cells for cell in row)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ({"soft": (3, 20), "xgboost": (0, 5)}, "mean and 95 % interval over 3 models and 5 to 20 draws of labels"),
        ({"soft": (1, 4), "logreg": (0, 4)}, "mean and 95 % interval over 1 model and 4 draws of labels"),
        ({"logreg": (0, 4)}, "mean and 95 % interval over 4 draws of labels"),
        ({"soft": (3, 1), "student": (2, 1)}, "mean and 95 % interval over 2 to 3 models and 1 draw of labels"),
        ({"soft": (1, 1), "logreg": (0, 1)}, "one model and one draw of labels: no interval"),
    ],
)
def test_what_means_are_over(seeds: dict[str, tuple[int, int]], said: str) -> None:
    rows = [
        {"method": method, "sampler": "random", "n_components": 10 if models else None, "model_seed": model, "label_seed": draw}
        for method, (models, draws) in seeds.items()
        for model in (range(models) if models else [None])
        for draw in range(draws)
    ]
    (note,) = scores.seeds_notes(pd.DataFrame(rows))
    assert (note if isinstance(note, str) else note.text) == said


def test_samplers_stand_under_each_method_that_ran_with_several(run_folder: Path, tmp_path: Path) -> None:
    run = OpenRun(shutil.copytree(run_folder, tmp_path / "run"))
    assert samplers.make(run, Ask()) is None
    records = run.records
    chosen = records[records["method"] == "soft"].assign(sampler="coverage", accuracy=lambda frame: frame["accuracy"] + 0.1)
    run.records = pd.concat([records, chosen])
    # A method without a model has a K only where a model chose the labels: beside each of these stand its random ones.
    knn = records[records["method"] == "knn"].assign(sampler="coverage")
    with_knn = OpenRun(run.folder)
    with_knn.records = pd.concat([records, *(knn.assign(n_components=k, model_seed=0) for k in (10, 20))])
    labels = [(row[0].text, row[1].text) for row in samplers.make(with_knn, Ask()).cells]
    assert {name for name, _ in labels} - {""} == {"knn, K = 10", "knn, K = 20"}
    assert sorted(sampler for _, sampler in labels) == ["coverage"] * 2 + ["random"] * 2
    grid = samplers.make(run, Ask())
    names = [(row[0].text, row[1].text) for row in grid.cells]
    assert names == [("soft, K = 20", "coverage"), ("", "random"), ("soft, K = 10", "coverage"), ("", "random")]
    for better, worse in zip(grid.cells[::2], grid.cells[1::2], strict=True):
        assert [float(cell.text) for cell in better[2:]] == pytest.approx([float(cell.text) + 10 for cell in worse[2:]], abs=0.11)
        assert all(cell.best for cell in better[2:])
        assert not any(cell.best for cell in worse[2:])


def test_clusters_are_told_as_they_are(run_folder: Path, command: Command) -> None:
    code, out, _ = command("table", str(run_folder), "--show", "clusters", "--format", "csv")
    assert code == 0
    table = pd.read_csv(io.StringIO(out))
    run = OpenRun(run_folder)
    assignment, truth = run.encoded(run.trained[0]).posterior.argmax(axis=1), run.data.labels
    assert table["items"].sum() == len(truth)
    for component, size, name, purity in table.itertuples(index=False, name=None):
        members = truth[assignment == component]
        counts = np.bincount(members, minlength=10)
        assert (size, purity) == (len(members), pytest.approx(counts.max() / len(members)))
        assert counts[run.data.class_names.index(str(name))] == counts.max()
