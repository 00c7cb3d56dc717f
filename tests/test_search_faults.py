"""A search that is killed, with Ray and without it: no trial is lost, none is run twice, and it ends as if nothing had been."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from runs import ENVIRONMENT, GMVAE_BENCH, Ray, end, finish, wait_for

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


def going(folder: Path, number: int) -> bool:
    """Whether a trial has a checkpoint."""
    return any(folder.glob(f"checkpoints/trial-{number}/*/training.safetensors"))


def ended(folder: Path) -> list[tuple[int, object]]:
    return [(trial.number, trial.datetime_complete) for trial in trials(folder) if trial.state.is_finished()]


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_that_ends_early_is_gone_on_with(ray: Ray, command: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "search"
    assert command(*SEARCH, "--executor", "serial", "--out", str(whole))[0] == 0
    # Interrupted in the middle of the second trial.
    process = start(folder, *ray.options)
    wait_for(lambda: going(folder, 1), process)
    end(process, signal.SIGINT)
    assert process.returncode == 130
    first = ended(folder)
    # Before an interrupt is heard, that trial may end and another begin.
    assert len(trials(folder)) - 1 == len(first) >= 1
    # Killed in the middle of a later one, after a worker that trains the one before.
    process = start(folder, *ray.options)
    wait_for(lambda: going(folder, len(first)) and ray.workers(), process)
    killed = ray.workers()
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: going(folder, len(first) + 1), process)
    end(process, signal.SIGKILL)
    second = ended(folder)
    assert len(trials(folder)) - 1 == len(second) > len(first)
    # Gone on with in one process: who carries it out makes no difference.
    code, _, messages = command(*SEARCH, "--executor", "serial", "--out", str(folder))
    assert code == 0
    assert "resuming 1 interrupted trial" in messages
    assert essence(trials(folder)) == essence(trials(whole))
    # What had ended was not run again.
    assert set(first) < set(second) < set(ended(folder))
    assert not (folder / "checkpoints").exists()


@pytest.mark.ray
@pytest.mark.slow
def test_a_trial_over_its_limit_fails_and_the_search_goes_on(ray: Ray, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    options = ["--epochs", "100000", "--pruning", "none", "--trials", "1", "--trial-limit", "2"]
    _, messages = finish(start(folder, *options, *ray.options), 1)
    assert states(folder) == ["FAIL"]
    assert "it took longer than 2 seconds" in messages
    assert TrialState.RUNNING not in {trial.state for trial in trials(folder)}


@pytest.mark.ray
@pytest.mark.slow
def test_trials_of_a_pack_survive_their_worker(ray: Ray, tmp_path: Path) -> None:
    """They share a training; each has an end of its own."""
    space = ["--space", "balance=float(8,128,log)", "--space", "learning_rate=float(1e-3,1e-2,log)"]
    packed = [text for text in SEARCH if not text.startswith(("--space", "latent_dim=", "learning_rate="))]
    command = [*GMVAE_BENCH, *packed, *space, "--pack", "3", "--trials", "9", "--out", str(tmp_path / "search"), *ray.options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    folder = tmp_path / "search"
    wait_for(lambda: all(going(folder, number) for number in range(3)), process)
    for worker in ray.workers():
        os.kill(worker, signal.SIGKILL)
    finish(process)
    found = trials(folder)
    assert [trial.number for trial in found] == list(range(9))
    assert {trial.state for trial in found} == {TrialState.COMPLETE, TrialState.PRUNED}
    rungs = max((sorted(trial.intermediate_values) for trial in found), key=len)
    for trial in found:
        reached = sorted(trial.intermediate_values)
        assert reached == (rungs if trial.state == TrialState.COMPLETE else rungs[: len(reached)])
    assert not (folder / "checkpoints").exists() or not any((folder / "checkpoints").glob("trial-*"))
