"""The whole way, by the command: in one process and on a real Ray; the same records, whatever carries it out."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from runs import ENVIRONMENT, EPOCHS, GMVAE_BENCH, RUN, Ray, besides_progress, wait_for

WORDS = ["run", "--encoder-layers", "32", "--decoder-layers", "32", "--latent-dim", "4"]
COMMAND = [*GMVAE_BENCH, *WORDS]
Command = Callable[..., tuple[int, str, str]]
SMALL = [
    "--components", "10", "--model-seeds", "0,1", "--epochs", "4", "--budgets", "25,5%", "--label-seeds", "2", "--holdout", "0.2",
]  # fmt: skip
METHODS = ["--methods", "soft,hard-fallback,latent-spreading,knn,kmeans-soft,label-spreading", "--samplers", "random,cluster"]
# For two model seeds.
ALL = [METHODS[0], f"{METHODS[1]},soft-ensemble", *METHODS[2:]]
MEASURED = ["fit_seconds", "predict_seconds", "cpu_seconds", "view_cpu_seconds", "peak_bytes"]


def run(folder: Path, *options: str, expected_code: int = 0) -> subprocess.CompletedProcess[str]:
    # Without the limit that the tests themselves run under: results must not hang on a thread count of the surroundings.
    done = subprocess.run(
        [*COMMAND, "--out", str(folder), *options], capture_output=True, text=True, timeout=240, env=ENVIRONMENT
    )
    assert done.returncode == expected_code, done.stdout + done.stderr
    return done


def records(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "records.parquet")


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serial") / "run"
    run(folder, *SMALL, *ALL, "--executor", "serial")
    return folder


@pytest.mark.ray
@pytest.mark.slow
def test_ray_and_one_process_give_the_same_records(ray: Ray, serial: Path, tmp_path: Path) -> None:
    expected = records(serial).drop(columns=MEASURED)
    # Two methods need no model and one reads both, unless a model chooses the items that they are shown.
    assert len(expected) == 4 * 2 * 2 * 2 + 3 * 2 * 2 + 7 * 2 * 2 * 2
    assert (expected["status"] == "ok").all()
    assert expected[["accuracy", "accuracy_test", "macro_accuracy"]].notna().all(axis=None)
    done = run(tmp_path / "run", *SMALL, *ALL, *ray.options)
    pd.testing.assert_frame_equal(records(tmp_path / "run").drop(columns=MEASURED), expected)
    chosen = expected[expected["sampler"] == "cluster"]
    assert chosen[["n_components", "model_seed"]].notna().all(axis=None)
    assert chosen.loc[chosen["method"] == "knn", "model"].isna().all()
    # Quiet where the output is no terminal: the table alone, and nothing from Ray.
    assert done.stdout.startswith("digits: 1,438 items + 359 held out, 10 classes, K = 10")
    assert besides_progress(done.stderr) == []


def test_a_run_folder_holds_everything(undisturbed: Path) -> None:
    assert sorted(path.name for path in undisturbed.iterdir() if path.name != ".lock") == [
        "config.json",
        "dataset.json",
        "environment.json",
        "models",
        "records.parquet",
    ]
    assert sorted(path.name for path in (undisturbed / "models").iterdir()) == ["k10-s0", "k10-s1"]
    assert sorted(path.name for path in (undisturbed / "models" / "k10-s0").iterdir()) == [
        "history.csv",
        "posterior.safetensors",
        "settings.json",
        "weights.safetensors",
    ]
    history = pd.read_csv(undisturbed / "models" / "k10-s0" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))


def test_repeating_runs_nothing_and_growing_runs_the_new_cells_only(undisturbed: Path, command: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    same = [*RUN, "--methods", "soft,hard,knn", "--executor", "serial", "--out", str(folder)]
    before = records(folder)
    weights = (folder / "models" / "k10-s0" / "weights.safetensors").stat().st_mtime_ns
    assert command(*same)[0] == 0
    pd.testing.assert_frame_equal(records(folder), before)
    assert command(*same, "--budgets", "25,50,100", "--samplers", "random,cluster")[0] == 0
    after = records(folder)
    # Items that a model chooses make cells of their own for every method and model.
    assert len(after) == len(before) * 3 // 2 + 3 * 2 * 3 * 2
    is_old = (after["n_labeled"] != 100) & (after["sampler"] == "random")
    pd.testing.assert_frame_equal(after[is_old].reset_index(drop=True), before)
    assert (folder / "models" / "k10-s0" / "weights.safetensors").stat().st_mtime_ns == weights


DIVERGING = [*SMALL, "--methods", "soft,knn", "--model-seeds", "0", "--learning-rate", "1e30"]


def test_a_training_that_diverges_is_a_failed_record_and_the_rest_is_done(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, output, messages = command(*WORDS, *DIVERGING, "--executor", "serial", "--out", str(folder))
    assert code == 1
    diverged(folder, output, messages)


@pytest.mark.ray
@pytest.mark.slow
def test_a_training_that_diverges_on_ray_too(ray: Ray, tmp_path: Path) -> None:
    done = run(tmp_path / "run", *DIVERGING, *ray.options, expected_code=1)
    diverged(tmp_path / "run", done.stdout, done.stderr)


def diverged(folder: Path, output: str, messages: str) -> None:
    frame = records(folder)
    assert (frame.loc[frame["method"] == "knn", "status"] == "ok").all()
    failed = frame[frame["method"] == "soft"]
    assert (failed["status"] == "failed").all()
    assert failed["accuracy"].isna().all()
    assert failed["error"].str.contains("the loss became nan").all()
    assert "4 of 8 cells failed" in output.replace("\n", " ")
    assert "Traceback" not in output + messages


@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupt_keeps_what_is_done_and_the_same_command_goes_on(ray: Ray, command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # One training takes one of the CPUs for hours; the cells that need no model have the others.
    long = [option if option != "4" else "100000" for option in SMALL]
    process = subprocess.Popen(
        [*COMMAND, "--out", str(folder), *long, *METHODS, "--model-seeds", "0", *ray.options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    wait_for(lambda: any((folder / "records.parts").glob("[!.]*.parquet")), process)
    os.kill(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    interrupted, advice = besides_progress(messages)
    assert interrupted.startswith("interrupted with ")
    assert str(folder) in interrupted
    assert advice == "Repeat the same command to go on."
    kept = records(folder)
    assert len(kept) > 0
    assert (kept["status"] == "ok").all()
    assert not kept["method"].isin(["soft", "hard-fallback", "latent-spreading"]).any()
    # The same command for the methods that need no model: what was kept stays as it is, the rest is added.
    same = [*WORDS, *long, "--methods", "knn,kmeans-soft,label-spreading", "--model-seeds", "0", "--executor", "serial"]
    assert command(*same, "--out", str(folder))[0] == 0
    complete = records(folder)
    assert len(complete) == 3 * 2 * 2
    together = complete.merge(kept, on=list(complete.columns), how="inner")
    assert len(together) == len(kept)


def test_batches_keep_out_of_the_way_of_trainings() -> None:
    from bench.engine.distributed import batches_at_once

    assert [batches_at_once(2, cpus) for cpus in (4, 2, 1, 0)] == [0, 0, 1, 6]
    assert batches_at_once(16, 2.5) == 13


SUITE = """
name = "two"
version = 1
methods = ["soft", "latent-spreading", "knn"]
samplers = ["random", "cluster"]
model-seeds = "0-1"
label-seeds = 2
label-noise = [0, 0.2]
budgets = ["1/class", "5/class"]
encoder-layers = [32]
decoder-layers = [32]
latent-dim = 4
components = 10
epochs = 3

[[sets]]
data = "wine"

[[sets]]
data = "digits"
max-items = 400
epochs = {epochs}
"""


def run_suite(file: Path, folder: Path, *options: str, expected_code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [*GMVAE_BENCH, "suite", "run", str(file), "--out", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=ENVIRONMENT)
    assert done.returncode == expected_code, done.stdout + done.stderr
    return done


@pytest.mark.ray
@pytest.mark.slow
def test_a_suite_on_ray_is_killed_and_ends_with_the_records_of_one_process(ray: Ray, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(SUITE.format(epochs=150))
    run_suite(file, tmp_path / "serial", "--executor", "serial")
    command = [*GMVAE_BENCH, "suite", "run", str(file), "--out", str(tmp_path / "ray"), "--checkpoint-seconds", "0", *ray.options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    # The longest trainings come first, whichever set they are of.
    wait_for(lambda: list((tmp_path / "ray" / "digits" / "checkpoints").glob("*/training.safetensors")), process)
    assert not list((tmp_path / "ray" / "wine" / "models").glob("*/weights.safetensors"))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    done = run_suite(file, tmp_path / "ray", *ray.options)
    assert "Ranking over data sets" in done.stdout
    for name in ("wine", "digits"):
        expected = records(tmp_path / "serial" / name).drop(columns=MEASURED)
        # Two budgets, draws and qualities of labels; two models, or none for random labels of the method that needs none.
        assert len(expected) == (2 * 2 * 2) * (2 * 2 * 2 + 1 + 2)
        assert (expected["status"] == "ok").all()
        pd.testing.assert_frame_equal(records(tmp_path / "ray" / name).drop(columns=MEASURED), expected)


@pytest.mark.ray
@pytest.mark.slow
def test_a_training_that_fails_in_one_set_fails_that_sets_cells_alone(ray: Ray, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(SUITE.format(epochs=3) + "learning-rate = 1e30\n")
    done = run_suite(file, tmp_path / "run", *ray.options, expected_code=1)
    wine, digits = (records(tmp_path / "run" / name) for name in ("wine", "digits"))
    assert (wine["status"] == "ok").all()
    failed = digits[digits["status"] != "ok"]
    assert set(failed["method"]) == {"soft", "latent-spreading", "knn"}
    assert failed["error"].str.contains("the loss became nan").all()
    # Random labels need no model.
    assert (digits[(digits["method"] == "knn") & (digits["sampler"] == "random")]["status"] == "ok").all()
    assert "digits, soft, 32 cells: training failed" in done.stdout
    assert "failed cells" in done.stdout
