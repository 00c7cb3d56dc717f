"""The command line as a user meets it: output, exit codes, and errors that say how to mend them."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tensorboardX.proto import event_pb2

from bench.cli import main as cli
from bench.engine import speed
from bench.judge.record import Origin, Outcome, make_record
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.store.records import append_records

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A small run, without having run it."""
    from bench.data.registry import load_dataset
    from bench.store.folder import claim

    folder = tmp_path / "run"
    data = load_dataset("digits")
    claim(folder, {"epochs": 1}, {}, data)
    origin = Origin("digits", data.sha256, 1_797, 1_797, "0.1.0")
    for method, base, key in (("soft", 0.8, ModelKey(50, 0)), ("xgboost", 0.5, None)):
        records = [
            make_record(
                Cell(method, Budget(n, str(n)), "random", seed, key),
                origin,
                sees="pixels",
                model=None,
                host="h",
                outcome=Outcome(accuracy=base + n / 2_000 + seed / 100),
            )
            for n in (25, 100)
            for seed in (0, 1)
        ]
        append_records(folder, records)
    return folder


BAD_INPUT = [
    (("run", "--data", "digts"), "did you mean 'digits'"),
    (("run", "--methods", "soft,xgbost"), "did you mean 'xgboost'"),
    (("run", "--objective", "exakt"), "did you mean 'exact'"),
    (("run", "--objective", "exact", "--variant", "invariance"), "--objective bayes"),
    (("run", "--executor", "dask"), "--executor got 'dask'"),
    (("run", "--budgets", "5000"), "only 1,797 are known"),
    (("run", "--budgets", "many"), "no count (291), count per class"),
    (("run", "--components", "5000"), "use fewer components"),
    (("run", "--components", "ten"), "--components got 'ten'"),
    (("run", "--preset", "papper"), "did you mean 'paper'"),
    (("run", "--config", "absent.toml"), "cannot read the configuration"),
    (("run", "--data", "absent.npz"), "no file absent.npz"),
    (("run", "--holdout", "official"), "no official test set"),
    (("run", "--data-dir", "."), "the data are digits, embedded in a package; name a set that lies there"),
    (("datasets", "describe", "absent.npz", "--data-dir", "."), "the data are absent.npz, a file or folder of its own"),
    (("run", "--device", "abacus"), "unknown device 'abacus'"),
    (("run", "--cpus-per-trial", "inf"), "--cpus-per-trial got inf"),
    (("run", "--batch-size", "1"), "--batch-size got 1"),
    (("run", "--set", "contrst=0"), "did you mean 'contrast'"),
    (("run", "--set", "contrast=much"), "--set contrast got 'much'"),
    (("run", "--set", "contrast"), "not of the form name=value"),
    (("speed", "--components", "1"), "--components got 1"),
    (("speed", "--device", "abacus"), "unknown device 'abacus'"),
    (("speed", "--pack", "0,2"), "--pack got '0,2'; expected numbers of models from 1"),
    (("run", "--pack", "many"), "'many' is neither auto nor a whole number from 1"),
    (("table", "nowhere"), "not the folder of a run"),
    (("plot", "nowhere"), "not the folder of a run"),
    (("coverage", "--confidence", "2"), "between 0 and 1"),
    (("coverage", "--labels", "x"), "not a whole number"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD_INPUT, ids=lambda value: "_".join(value) if isinstance(value, tuple) else None
)
def test_bad_input_is_explained_in_a_line_or_two(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) <= 2
    assert "Traceback" not in err + out
    assert not any(tmp_path.iterdir())


def test_a_folder_that_a_configuration_names_may_be_for_other_data(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'data = "emnist-letters"\ndata-dir = "{tmp_path}"\n')
    asked = ["run", "--config", str(tmp_path / "mine.toml"), "--data", "digits", "--dry-run", "--out", str(tmp_path / "run")]
    assert command(*asked)[0] == 0


def test_an_unknown_key_of_a_configuration_file_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("compnents = [5]\n")
    code, _, err = command("run", "--config", str(tmp_path / "mine.toml"))
    assert (code, "did you mean 'components'" in err) == (2, True)


def test_a_folder_of_another_configuration_is_refused(command: Command, run_folder: Path) -> None:
    code, _, err = command("run", "--out", str(run_folder))
    assert code == 2
    assert "different configuration" in err
    assert "--out" in err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.errors import StoreError

    monkeypatch.setattr(sys, "argv", ["gmvae-bench", "--debug", "table", "nowhere"])
    with pytest.raises(StoreError):
        cli.main()
    cli.STATE.debug = False


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("rich", "soft      81.8  85.5"),
        ("markdown", "| soft | **81.8** ["),
        ("latex", r"soft & \textbf{81.8} ["),
        ("csv", "method,sampler,n_components,n_labeled,labeled_fraction,mean,ci_low,ci_high,n_ok,n_failed"),
    ],
)
def test_table_in_every_format(
    command: Command, monkeypatch: pytest.MonkeyPatch, run_folder: Path, format_: str, expected: str
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    code, out, _ = command("table", str(run_folder), "--format", format_)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert any(" ".join(expected.split()) in line for line in lines)


def test_table_of_some_methods(command: Command, run_folder: Path) -> None:
    _, out, _ = command("table", str(run_folder), "--methods", "xgboost", "--format", "markdown")
    assert "xgboost" in out
    assert "soft" not in out
    code, _, err = command("table", str(run_folder), "--methods", "sof")
    assert (code, "did you mean 'soft'" in err) == (2, True)
    code, _, err = command("table", str(run_folder), "--format", "latx")
    assert (code, "did you mean 'latex'" in err) == (2, True)
    code, _, err = command("table", str(run_folder), "--metric", "acuracy")
    assert (code, "unknown metric" in err) == (2, True)


def test_plot_writes_png_and_svg(command: Command, run_folder: Path) -> None:
    code, out, _ = command("plot", str(run_folder))
    assert code == 0
    png, svg, pdf = (Path(line) for line in out.split())
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    assert png.parent == run_folder / "figures"
    assert pdf.read_bytes().startswith(b"%PDF")


def test_coverage_prints_the_study_numbers(command: Command) -> None:
    code, out, _ = command("coverage", "--components", "100", "--n", "145600")
    assert code == 0
    for number in ("519 (0.36 %)", "757 (0.52 %)", "917 (0.63 %)", "754 (0.52 %)", "52.0 of 100"):
        assert number in out


def test_methods_and_datasets_are_listed(command: Command, tmp_path: Path) -> None:
    from bench.judge.methods import METHODS

    _, out, _ = command("methods")
    assert all(f"{name} " in out for name in METHODS)
    _, out, _ = command("datasets", "--data-dir", str(tmp_path))
    assert "emnist-letters" in out
    assert out.count("no, downloads") == 6


def test_own_data_run_from_end_to_end(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = rng.normal(size=(240, 6)) + 4 * np.eye(6)[y]
    labels = np.array(["ash", "oak", "elm"])[y]
    labels[::5] = ""
    np.savez(tmp_path / "trees.npz", x=x, y=labels)
    out_folder = tmp_path / "run"
    code, out, _ = command("run", "--data", str(tmp_path / "trees.npz"), "--executor", "serial", "--components", "4",
        "--model-seeds", "0", "--label-seeds", "2", "--budgets", "10%,30", "--epochs", "40", "--methods", "soft,knn",
        "--out", str(out_folder),
    )  # fmt: skip
    assert code == 0
    assert "trees: 240 items (192 with a label), 3 classes, K = 4" in out
    assert str(out_folder) in out


def test_a_run_within_limits(command: Command, tmp_path: Path) -> None:
    path, folder = tmp_path / "limits.toml", tmp_path / "run"
    path.write_text("""
methods = ["knn", "latent-logreg", "logreg"]
budgets = [20, 50]
label_seeds = 2
[[limits]]
methods = ["latent-logreg"]
components = [20]
[[limits]]
methods = ["logreg"]
most-labels = 20
label-seeds = "1-1"
""")
    run = ("run", "--executor", "serial", "--config", str(path), "--components", "10", "--out", str(folder))
    code, out, _ = command(*run, "--dry-run")
    assert (code, "would run 5 cells" in out) == (0, True)
    assert "no cell of the grid is within the limits of latent-logreg" in out
    code, out, err = command(*run)
    assert (code, "no cell of the grid is within the limits of latent-logreg" in err) == (0, True)
    records = pd.read_parquet(folder / "records.parquet")
    assert records.groupby("method").size().to_dict() == {"knn": 4, "logreg": 1}
    assert records.set_index("method").loc["logreg", ["n_labeled", "label_seed"]].tolist() == [20, 1]
    assert "complete" in command("status", str(folder))[1]
    # Without the limits the same command adds what they had left out.
    path.write_text('methods = ["knn", "logreg"]\nbudgets = [20, 50]\nlabel_seeds = 2\n')
    assert command(*run)[0] == 0
    assert len(pd.read_parquet(folder / "records.parquet")) == 8


@pytest.mark.slow
def test_variants_and_a_plain_vae_side_by_side_with_event_files(command: Command, tmp_path: Path) -> None:
    out_folder = tmp_path / "run"
    code, out, _ = command("run", "--executor", "serial", "--components", "10,20", "--model-seeds", "0,1", "--label-seeds", "2",
        "--budgets", "50,200", "--epochs", "3", "--methods", "soft,vae-gmm-soft", "--set", "contrast=0", "--set", "encoder=conv",
        "--tensorboard", "--out", str(out_folder),
    )  # fmt: skip
    assert code == 0
    assert "vae-gmm-soft" in out
    records = pd.read_parquet(out_folder / "records.parquet")
    assert (records["status"] == "ok").all()
    assert records.groupby("method")["model"].unique().map(list).to_dict() == {
        "soft": ["gmvae+invariance[contrast=0,encoder=conv]"],
        "vae-gmm-soft": ["vae"],
    }
    # One plain VAE per seed serves every K.
    assert {path.name for path in (out_folder / "models").iterdir()} == {
        "k10-s0", "k10-s1", "k20-s0", "k20-s1", "vae-s0", "vae-s1"
    }  # fmt: skip
    history = pd.read_csv(out_folder / "models" / "vae-s1" / "history.csv")
    events = _scalars(next((out_folder / "tensorboard" / "vae-s1").iterdir()))
    for name in ("reconstruction", "kl_z", "live_components", "assignment_entropy", "learning_rate", "images_per_second"):
        np.testing.assert_allclose(events[name], history[name], rtol=1e-6)


def _scalars(path: Path) -> dict[str, list[float]]:
    """Read an event file: a record is its length, a checksum, an event, and another checksum."""
    content, at = path.read_bytes(), 0
    scalars: dict[str, list[float]] = {}
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        event = event_pb2.Event.FromString(content[at + 12 : at + 12 + length])
        for value in event.summary.value:
            scalars.setdefault(value.tag, []).append(value.simple_value)
        at += length + 16
    return scalars


@pytest.mark.slow
def test_speed_is_measured_for_every_objective_and_the_default(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(speed, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(speed, "_PASS_ITEMS", 64)
    path = tmp_path / "speed.json"
    code, out, _ = command("speed", "--data", "digits", "--components", "2,3", "--model-seeds", "0-4", "--epochs", "10",
        "--n", "1000", "--json", str(path), "--pack", "1,2",
    )  # fmt: skip
    assert code == 0
    assert "K = 2, 3 x 5 model seeds on 1,000 items" in out
    assert "models: trained side by side; images/s and peak MB are of all of them" in out
    found = json.loads(path.read_text())
    assert found["n_components"] == 3
    assert set(found["objectives"]) == {"exact", "sampled", "bayes"}
    assert [one["pack"] for one in found["all"]] == [1, 2] * 8
    pairs = list(zip(found["all"][::2], found["all"][1::2], strict=True))
    assert all(one["flop_per_image"] == pytest.approx(two["flop_per_image"]) for one, two in pairs)
    # A step of two models asks for hardly more than that of one, which asks for hundreds of operations.
    for one, two in pairs:
        assert one["launches_per_step"] > 100
        assert two["launches_per_step"] == pytest.approx(one["launches_per_step"], rel=0.1)
    for measured in (*found["objectives"].values(), found["default"]):
        assert measured["images_per_second"] > 0
        assert measured["posterior_images_per_second"] > 0
        gflops = measured["images_per_second"] * measured["flop_per_image"] / 1e9
        matrix = found["matrix_gflops_by_precision"][measured["precision"]]
        assert measured["matrix_share"] == pytest.approx(gflops / matrix)
    # Three decodes of an item through 100-512-768-768-64 and back, six operations per weight; the encoder comes on top.
    decoder = 100 * 512 + 512 * 768 + 768 * 768 + 768 * 64
    encoder = 64 * 768 + 3 * 768 * 768 + 768 * 3 * (1 + 2 * 100)
    expected = 6 * (3 * decoder + encoder) - 2 * 64 * 768
    assert found["objectives"]["exact"]["flop_per_image"] == pytest.approx(expected, rel=1e-6)


def test_a_sweep_takes_as_long_as_its_busiest_place() -> None:
    assert speed.sweep_hours([3, 1, 1, 1], 1) == 6
    assert speed.sweep_hours([1, 1, 3, 1], 2) == 3
    assert speed.sweep_hours([2.5], 8) == 2.5


def test_an_address_where_nothing_listens_is_named_at_once(command: Command, tmp_path: Path) -> None:
    for address, message in (
        ("127.0.0.1:1", "nothing answers at --address 127.0.0.1:1"),
        ("nowhere", "expected local, auto or HOST:PORT"),
    ):
        code, _, err = command("run", "--address", address, "--out", str(tmp_path / "run"))
        assert code == 2
        assert message in err


def test_a_folder_in_use_is_refused(command: Command, tmp_path: Path) -> None:
    from bench.store.lock import locked

    with locked(tmp_path / "run"):
        code, _, err = command("run", "--out", str(tmp_path / "run"))
    assert (code, "another process is running" in err) == (2, True)


def test_several_k_beside_methods_without_clusters(command: Command, run_folder: Path) -> None:
    cell = Cell("soft", Budget(25, "25"), "random", 0, ModelKey(100, 0))
    origin = Origin("digits", "x", 1_797, 1_797, "0.1.0")
    append_records(
        run_folder, [make_record(cell, origin, sees="posterior", model="gmvae", host="h", outcome=Outcome(accuracy=0.9))]
    )
    _, out, _ = command("table", str(run_folder), "--format", "markdown")
    for label in ("| soft K=50 |", "| soft K=100 |", "| xgboost |"):
        assert label in out


def test_a_metric_that_the_run_does_not_have(command: Command, run_folder: Path) -> None:
    code, _, err = command("plot", str(run_folder), "--metric", "accuracy_test")
    assert (code, "needs a run with --holdout" in err) == (2, True)


def test_help_names_every_command() -> None:
    done = subprocess.run([sys.executable, "-m", "bench.cli.main", "--help"], capture_output=True, text=True, check=True)
    for command in ("run", "table", "plot", "coverage", "speed", "methods", "datasets"):
        assert command in done.stdout
