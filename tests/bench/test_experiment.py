"""Tune's thread: it can be left at any moment, and is, before Ray ends."""

import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pandas as pd
import pytest
import ray
from ray import tune

from bench.data.dataset import Dataset
from bench.engine.experiment import Experiment, fetch
from bench.engine.work import Assignment, Listener, Work
from bench.judge.record import Record
from bench.plan.settings import RunSettings
from bench.run import carry_out, make_plan, make_work


def steps(stop: tune.Stopper) -> None:
    """Do what Tune does: step by step until the stopper says so, and tidy up for long after an error."""
    try:
        while not stop.stop_all():
            time.sleep(0.01)
    except Exception:  # noqa: BLE001 - Tune's way
        time.sleep(60)


def test_an_experiment_that_is_left_ends_at_its_next_step_without_tidying_up() -> None:
    with Experiment(steps) as experiment:
        assert not experiment.wait(0.05)
    assert experiment.wait(0)


def test_an_experiment_that_ended_is_left_at_once() -> None:
    with Experiment(lambda _: None) as experiment:
        assert experiment.wait(30)


def test_what_a_lost_transfer_holds_up_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def get(reference: str, timeout: float) -> str:
        waits.append(timeout)
        if len(waits) < 3:
            raise ray.exceptions.GetTimeoutError
        return reference

    monkeypatch.setattr(ray, "get", get)
    assert fetch("it") == "it"
    assert waits == [30, 60, 120]


class Full:
    """An executor whose first records cannot be saved."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def run(self, assignments: Sequence[Assignment]) -> Generator[tuple[Work, list[Record]], None, None]:
        try:
            yield assignments[0].work, []
            yield assignments[0].work, []
        finally:
            self.closed.set()


@pytest.fixture
def work(small_dataset: Dataset, tmp_path: Path) -> Work:
    settings = RunSettings(methods=("knn", "soft"), budgets=("20",), label_seeds=(0,), model_seeds=(0,), components=(10,))
    return make_work(make_plan(settings, small_dataset), tmp_path)


def test_what_carries_work_out_is_closed_before_an_error_goes_on(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Full()

    def full(folder: Path, records: list[Record]) -> pd.DataFrame:
        raise OSError("no space")

    monkeypatch.setattr("bench.run.append_records", full)
    try:
        carry_out(work, executor, Listener())
    except OSError:
        # While it is handled, the traceback still holds what the error came from.
        assert executor.closed.is_set()
    else:
        pytest.fail("no error")
