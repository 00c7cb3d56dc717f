"""Everything that is made of a finished run: tables, figures, an explanation, and a page that a real browser opens."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from bench.show.grid import Grid, to_text

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, two K, two model seeds, three label draws: small, and real."""
    from bench.cli import main as cli

    folder = tmp_path_factory.mktemp("finished") / "run"
    arguments = [
        "run", "--executor", "serial", "--components", "10,20", "--model-seeds", "0,1", "--label-seeds", "3", "--epochs", "12",
        "--budgets", "20,60,200", "--methods", "soft,hard,hard-fallback,logreg,knn", "--encoder-layers", "64",
        "--decoder-layers", "64", "--out", str(folder),
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gmvae-bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return folder


@pytest.fixture(scope="module")
def page(run_folder: Path) -> Path:
    from bench.cli import main as cli

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gmvae-bench", "report", str(run_folder)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return run_folder / "report.html"


def test_every_figure_is_drawn_and_not_empty(command: Command, run_folder: Path, tmp_path: Path) -> None:
    from bench.gallery import FIGURES

    code, out, _ = command("plot", str(run_folder), "--out", str(tmp_path))
    assert code == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES)
    assert len(out.splitlines()) == 2 * len(FIGURES)
    for path in tmp_path.glob("*.png"):
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].std() > 0.02
    assert all("<svg" in path.read_text() for path in tmp_path.glob("*.svg"))


def test_some_figures_and_unknown_ones(command: Command, run_folder: Path, tmp_path: Path) -> None:
    code, _, _ = command("plot", str(run_folder), "--figures", "confusion", "--out", str(tmp_path))
    assert code == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["confusion.png", "confusion.svg"]
    code, _, err = command("plot", str(run_folder), "--figures", "confusoin")
    assert (code, "did you mean 'confusion'" in err) == (2, True)
    code, _, err = command("plot", str(run_folder), "--figures", "clusters", "--methods", "knn", "--out", str(tmp_path))
    assert (code, "nothing to draw clusters from" in err) == (2, True)


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
    (cost,) = method_costs(records, {"knn"})
    (of_models,) = method_costs(records, ())
    assert of_models.total_seconds == 206.5
    assert cost.cell_seconds == (1.0, 1.5, 4.0)
    # What knn sees is the same whichever model chose the items.
    assert (cost.view_seconds, cost.total_seconds) == (100.0, 106.5)
    assert (cost.n_cells, cost.n_by_clock, cost.n_failed, cost.peak_bytes) == (3, 1, 1, 7)


def test_costs_of_trainings_with_and_without_processor_time() -> None:
    from bench.show.statistics import costs_grid
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


def test_a_figure_of_too_many_lines_draws_one_k(
    command: Command, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn() -> str:
        assert command("plot", str(run_folder), "--figures", "label-efficiency", "--out", str(tmp_path))[0] == 0
        return (tmp_path / "label-efficiency.svg").read_text()

    assert "<!-- soft K=10 -->" in drawn()
    monkeypatch.setattr("bench.gallery._MANY_LINES", 7)
    figure = drawn()
    assert "<!-- soft -->" in figure
    assert "; K = 20 -->" in figure


@pytest.fixture(scope="module")
def exported(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bench.cli import main as cli

    folder = tmp_path_factory.mktemp("published") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gmvae-bench", "export", str(run_folder), str(folder)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return folder


@pytest.mark.parametrize("arguments", [("table",), ("table", "--target", "0.8"), ("table", "--cost"), ("claims",), ("coverage",)])
def test_an_export_says_what_its_run_says(command: Command, run_folder: Path, exported: Path, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    of_run, of_export = (command(name, str(folder), *options) for folder in (run_folder, exported))
    assert of_export == of_run
    assert of_run[0] == 0


def test_an_export_names_no_place_and_holds_no_model(
    command: Command, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import platform

    from bench.store import export

    # As if it were the run of a file, somewhere on a cluster, with a failure that tells where.
    run, secret = tmp_path / "run", "/home/alice"
    shutil.copytree(run_folder, run)
    config = json.loads((run / "config.json").read_text())
    config["settings"] |= {
        "data": f"{secret}/scans.npz", "data_dir": secret, "storage": f"{secret}/ck", "address": "10.1.2.3:6379",
    }  # fmt: skip
    config["earlier_settings"] = [{"data_dir": secret}]
    (run / "config.json").write_text(json.dumps(config))
    records = pd.read_parquet(run / "records.parquet")
    records.loc[0, ["status", "error", "accuracy"]] = ["failed", f"FileNotFoundError: {secret} on 10.1.2.3", None]
    records.to_parquet(run / "records.parquet")

    def told(folder: Path) -> str:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not any(path.suffix == ".safetensors" for path in files)
        assert sum(path.stat().st_size for path in files) < 200_000
        texts = [path.read_text() for path in files if path.suffix in (".json", ".csv")]
        return "\n".join([*texts, pd.read_parquet(folder / "records.parquet").to_csv()])

    assert command("export", str(run), str(tmp_path / "out"))[0] == 0
    text = told(tmp_path / "out")
    for place in (secret, "10.1.2.3", str(tmp_path), *([platform.node()] if platform.node() else [])):
        assert place not in text
    assert "FileNotFoundError" in text
    assert '"data": "scans.npz"' in text
    # The test can see what it looks for.
    monkeypatch.setattr(export, "_PLACES", ())
    assert command("export", str(run), str(tmp_path / "other"))[0] == 0
    assert secret in told(tmp_path / "other")


def test_any_reader_opens_published_records(exported: Path, run_folder: Path) -> None:
    import pyarrow.parquet as pq

    for folder in (exported, run_folder):
        path = folder / "records.parquet"
        assert len(pd.read_parquet(path)) == len(pq.read_table(path)) > 0


def test_what_an_export_can_draw(command: Command, exported: Path, tmp_path: Path) -> None:
    code, _, err = command("plot", str(exported), "--out", str(tmp_path))
    assert (code, "is an exported run, without models" in err) == (0, True)
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    assert drawn == {"label-efficiency", "soft-minus-hard", "accuracy-by-components", "coverage", "training"}
    code, _, err = command("explain", str(exported))
    assert (code, "is an exported run, without models" in err) == (2, True)
    code, out, _ = command("status", str(exported))
    assert (code, "an exported run" in out) == (0, True)


def test_an_export_takes_no_one_s_place(command: Command, run_folder: Path, exported: Path, tmp_path: Path) -> None:
    import json

    code, _, err = command("export", str(run_folder), str(run_folder))
    assert (code, "holds a run, not an export" in err) == (2, True)
    (tmp_path / "note.txt").write_text("mine")
    code, _, err = command("export", str(run_folder), str(tmp_path))
    assert (code, "is there and is not an export; name another folder" in err) == (2, True)
    before = (exported / "records.parquet").read_bytes()
    stale = exported / "models" / "k99-s0"
    stale.mkdir()
    assert command("export", str(run_folder), str(exported))[0] == 0
    assert (exported / "records.parquet").read_bytes() == before
    assert not stale.exists()
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"run_id": "another"}))
    code, _, err = command("export", str(other), str(exported))
    assert (code, "holds an export of another run" in err) == (2, True)
    code, _, err = command("export", str(exported), str(tmp_path / "again"))
    assert (code, "is an export already" in err) == (2, True)


def test_an_export_is_only_read(command: Command, exported: Path) -> None:
    before = (exported / "config.json").read_bytes()
    arguments = ("run", "--executor", "serial", "--components", "10", "--epochs", "12", "--out", str(exported))
    for more in ((), ("--dry-run",)):
        code, _, err = command(*arguments, *more)
        assert (code, "is an exported run, which is only read; give another --out" in err) == (2, True)
    assert (exported / "config.json").read_bytes() == before
    code, _, _ = command("report", str(exported), "--out", str(exported.parent / "report.html"))
    assert code == 0
    assert (exported.parent / "report.html").stat().st_size > 50_000


def test_what_is_broken_or_missing_in_an_export_is_said(
    command: Command, run_folder: Path, exported: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(exported, broken)
    model = broken / "models" / "k20-s0"
    for content in ("{}", '{"sizes": [1]}', '{"sizes": ["a"]}'):
        (model / "clusters.json").write_text(content)
        code, _, err = command("coverage", str(broken))
        assert (code, "clusters.json does not hold the sizes of 20 clusters" in err) == (2, True)
    for content in ("", "epoch,seconds\n", "\x00"):
        (model / "history.csv").write_text(content)
        code, _, err = command("table", str(broken), "--cost")
        assert (code, "history.csv" in err) == (2, True), content
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    (run / "models" / "k20-s1" / "history.csv").unlink()
    code, _, err = command("export", str(run), str(tmp_path / "out"))
    assert (code, "not in the export" in err, "k20-s1" in err) == (0, True, True)
    # Clusters of pixels have a K and a seed, but no model that could be missing.
    records = pd.read_parquet(run_folder / "records.parquet")
    pixels = records[records["method"] == "soft"].assign(method="kmeans-soft", model=None, model_seed=7)
    whole = tmp_path / "whole"
    shutil.copytree(run_folder, whole)
    pd.concat([records, pixels]).to_parquet(whole / "records.parquet")
    assert command("export", str(whole), str(tmp_path / "all"))[2] == ""


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


def test_explain_an_item_of_ones_choice(command: Command, run_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "item.png"
    code, out, _ = command("explain", str(run_folder), "--sample", "5", "--out", str(path))
    assert code == 0
    assert "item 5 is 5: hard decoding says" in out
    assert path.stat().st_size > 5_000
    code, _, err = command("explain", str(run_folder), "--sample", "1797")
    assert (code, "--sample got 1797" in err) == (2, True)


def test_the_chosen_item_is_one_that_soft_saves(command: Command, run_folder: Path) -> None:
    code, out, _ = command("explain", str(run_folder), "--labels", "20")
    assert code == 0
    assert re.search(r"hard decoding says \d \(wrong\), soft decoding \d \(right\)", out)


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


def test_without_its_data_a_run_still_has_its_figures(command: Command, run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    for path in (copy / "config.json", copy / "dataset.json"):
        path.write_text(path.read_text().replace('"digits"', '"gone.npz"'))
    code, out, err = command("plot", str(copy), "--out", str(tmp_path / "figures"))
    assert code == 0
    assert "figures that need the data are left out" in err
    assert "label-efficiency.png" in out
    assert "confusion" not in out
    code, _, err = command("explain", str(copy))
    assert (code, "--data-dir" in err) == (2, True)


def test_the_page_holds_everything_and_asks_for_nothing(page: Path) -> None:
    html = page.read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert html.count("<img ") == 10
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in re.findall(r"<img [^>]*>", html))
    for text in ("The study&#39;s claims", "With 60 of 1,797 labels", "All 126 cells finished", "encoder_layers", "sha256"):
        assert text in html


def test_a_page_of_a_part_judges_the_claims_on_the_whole(
    command: Command, run_folder: Path, exported: Path, page: Path, tmp_path: Path
) -> None:
    path = tmp_path / "part.html"
    # Of an export: it has fewer figures, and is drawn in less time.
    chosen = ("--components", "10", "--methods", "soft,hard", "--budgets", "20,60", "--out", str(path))
    assert command("report", str(exported), *chosen)[0] == 0
    part, whole = path.read_text(), page.read_text()
    for text in ("Shown are 24 of the run&#39;s 126 records; the claims are judged on all", "All 126 cells finished"):
        assert text in part
    assert "soft decoding of 10 clusters" in part
    assert "soft decoding of 20 clusters" in whole
    claims, table = (
        [re.findall(rf'<section id="{name}".*?</section>', page, re.DOTALL)[0] for page in (part, whole)]
        for name in ("claims", "accuracy")
    )
    assert claims[0] == claims[1]
    table = table[0]
    assert "soft" in table
    assert "knn" not in table
    assert not re.search(r"K\s*=\s*20", table)


def test_what_users_wrote_is_shown_and_never_run(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = np.array(["<script>alert(1)</script>", "b&b"])[np.arange(120) % 2]
    names[::5] = ""
    np.savez(tmp_path / "own.npz", x=rng.random((120, 6)).astype(np.float32), y=names)
    folder = tmp_path / "run"
    code, *_ = command(
        "run", "--data", str(tmp_path / "own.npz"), "--executor", "serial", "--components", "4", "--epochs", "2",
        "--model-seeds", "0", "--label-seeds", "1", "--budgets", "20", "--methods", "soft,hard", "--out", str(folder),
    )  # fmt: skip
    assert code == 0
    code, *_ = command("report", str(folder))
    assert code == 0
    html = (folder / "report.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    # Labels can only be drawn from the 96 items that have one.
    assert "without replacement from 96;" in html


def test_an_unfinished_run_says_so(command: Command, run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    records = pd.read_parquet(copy / "records.parquet")
    records.loc[records.index[0], ["status", "error", "accuracy"]] = ["failed", "ValueError: broken", None]
    records.iloc[:-7].to_parquet(copy / "records.parquet")
    assert command("report", str(copy))[0] == 0
    html = (copy / "report.html").read_text()
    assert "7 of 126 cells are not there yet" in html
    assert "1 cells: ValueError: broken" in html


def test_a_grid_in_every_format() -> None:
    grid = Grid("title", ("method", "50 %"), (("a|b_c", "1"),), ("note",))
    assert to_text(grid, "markdown") == "**title**\n\nnote  \n\n| method | 50 % |\n|---|---:|\n| a\\|b_c | 1 |\n"
    assert to_text(grid, "csv") == "method,50 %\na|b_c,1\n"
    latex = to_text(grid, "latex")
    assert "method & 50 \\% \\\\" in latex
    assert "a|b\\_c & 1 \\\\" in latex


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A real headless Chromium that logs what it says and asks for."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver here")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=400,900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def test_a_browser_finds_nothing_wrong_and_sorts(browser: Any, page: Path) -> None:
    import json

    browser.get(page.as_uri())
    assert browser.get_log("browser") == []
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {event["params"]["request"]["url"][:5] for event in asked if event["method"] == "Network.requestWillBeSent"}
    # The browser's own first page has an address of its own.
    assert urls <= {"file:", "data:", "chrom"}
    # A phone's width: the page itself never scrolls sideways, wide tables do so inside.
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    cells = "return [...document.querySelectorAll('#accuracy tbody tr')].map(row => parseFloat(row.cells[1].innerText))"
    button = browser.find_elements("css selector", "#accuracy th button")[1]
    before = browser.execute_script(cells)
    browser.execute_script("arguments[0].focus()", button)
    button.send_keys("\ue007")  # Enter
    assert browser.execute_script(cells) == sorted(before, reverse=True)
    button.send_keys("\ue007")
    assert browser.execute_script(cells) == sorted(before)
    assert browser.execute_script("return [...document.images].every(image => image.complete || image.loading === 'lazy')")
