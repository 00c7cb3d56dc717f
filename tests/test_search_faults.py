"""A search that is killed, with Ray and without it: no trial is lost, none is run twice, and it ends as if nothing had been."""

import os
import signal
import subprocess
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from runs import ENVIRONMENT, GMVAE_BENCH, descendants, end, finish, wait_for

SEARCH = [
    "search", "--components", "10", "--encoder-layers", "32", "--decoder-layers", "32", "--epochs", "24", "--trials", "6",
    "--space", "latent_dim=int(2,8)", "--space", "learning_rate=float(1e-3,1e-2,log)", "--checkpoint-seconds", "0",
    "--workers", "1",
]  # fmt: skip


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*GMVAE_BENCH, *SEARCH, "--out", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )


def trials(folder: Path) -> list[FrozenTrial]:
    path = folder / "study.journal"
    if not path.exists():
        return []
    try:
        return optuna.load_study(study_name="gmvae-bench", storage=JournalStorage(JournalFileBackend(str(path)))).trials
    except KeyError:
        # The study is being made.
        return []


def essence(found: list[FrozenTrial]) -> list[tuple[object, ...]]:
    return [(trial.number, trial.state, trial.params, trial.value, trial.intermediate_values) for trial in found]


def states(folder: Path) -> list[str]:
    return [trial.state.name for trial in trials(folder)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "search"
    finish(start(folder, "--executor", "serial"))
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=str)
def test_a_search_that_ends_early_is_gone_on_with(undisturbed: Path, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "search"
    process = start(folder)
    if number == signal.SIGKILL:
        # Before that a worker dies, in the middle of the second trial.
        wait_for(lambda: any(folder.glob("checkpoints/trial-1/*/training.safetensors")), process)
        workers = descendants(process.pid, "ray::ImplicitFunc")
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    # In the middle of the third trial, after a checkpoint of it.
    wait_for(lambda: any(folder.glob("checkpoints/trial-2/*/training.safetensors")), process)
    end(process, number)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    before = trials(folder)
    # Before an interrupt is heard, the third may end and another begin.
    ended = [trial for trial in before if trial.state.is_finished()]
    assert len(before) - 1 == len(ended) >= 2
    _, messages = finish(start(folder))
    assert "resuming 1 interrupted trial" in messages
    after = trials(folder)
    assert essence(after) == essence(trials(undisturbed))
    # What had ended was not run again.
    assert [trial.datetime_complete for trial in after[: len(ended)]] == [trial.datetime_complete for trial in ended]
    assert not (folder / "checkpoints").exists()


def test_a_trial_over_its_limit_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    options = ["--epochs", "100000", "--pruning", "none", "--trials", "1", "--trial-limit", "2"]
    _, messages = finish(start(folder, *options), 1)
    assert states(folder) == ["FAIL"]
    assert "it took longer than 2 seconds" in messages
    assert TrialState.RUNNING not in {trial.state for trial in trials(folder)}
