"""What is left of the work, by the clock."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.data.dataset import Dataset
from bench.engine.outlook import Outlook, seconds_left
from bench.engine.steps import failed_records
from bench.engine.work import Work
from bench.plan.settings import make_settings
from bench.run import make_plan, make_work
from gmvae.training import EpochStats


@pytest.fixture
def work(small_dataset: Dataset, tmp_path: Path) -> Work:
    settings = make_settings(
        {"components": "5,10", "budgets": "20,30", "label_seeds": "2", "model_seeds": "0", "methods": "soft,knn", "epochs": 10}
    )
    return make_work(make_plan(settings, small_dataset), tmp_path / "run")


def stats(epoch: int, seconds: float) -> EpochStats:
    return EpochStats(epoch, -8.5, -20.0, 1.0, 3.0, 0.5, -3.0, 1.0, 5, 0.4, 1e-3, 1_234.0, seconds)


def test_nothing_is_said_before_an_epoch_was_heard_of(work: Work) -> None:
    outlook = Outlook(work)
    assert outlook.n_cells == sum(len(batch.cells) for batch in work.batches) == 12
    assert outlook.seconds_left() is None
    assert seconds_left([outlook]) is None


def test_trainings_go_on_as_they_began_and_others_by_what_they_cost(work: Work) -> None:
    outlook, jobs = Outlook(work), {job.key.n_components: job for job in work.trainings}
    outlook.training_started(jobs[10])
    outlook.epoch_done(jobs[10].key, stats(4, 8.0))
    left = outlook.remaining()
    assert left is not None
    # Six epochs at two seconds; the other model costs less by its size. A training that waits counts no epoch of its own.
    share = jobs[5].cost(len(work.dataset.pool)) / jobs[10].cost(len(work.dataset.pool))
    assert share < 1
    assert left.training_seconds == pytest.approx(6 * 2 + 10 * 2 * share)
    assert left.longest_seconds == pytest.approx(max(12, 20 * share))
    outlook.training_done(jobs[10].key, None)
    left = outlook.remaining()
    assert left is not None
    assert left.training_seconds == pytest.approx(10 * 2 * share)


def test_cells_take_as_long_as_those_before_them(work: Work) -> None:
    outlook = Outlook(work)
    for job in work.trainings:
        outlook.epoch_done(job.key, stats(10, 1.0))
        outlook.training_done(job.key, None)
    batch = next(batch for batch in work.batches if batch.method == "knn")
    outlook.batch_started(batch)
    assert outlook.running == {"knn": 4}
    first, *rest = failed_records(batch.cells, work, "boom")
    outlook.records_done([replace(first, status="ok", error=None, fit_seconds=2.0, predict_seconds=1.0), *rest[:1]])
    assert (outlook.n_ok, outlook.n_failed, outlook.running) == (1, 1, {"knn": 2})
    left = outlook.remaining()
    assert left is not None
    guess = work.methods["knn"].estimate_seconds(first.n_labeled, work.origin.n_pool)
    soft = sum(work.methods["soft"].estimate_seconds(n, work.origin.n_pool) for n in (20, 30)) * 4
    # Two more of three seconds each, and others by their guess, as wrong as the first one's.
    assert left.judging_seconds == pytest.approx(2 * 3 + soft * 3 / guess)
    outlook.begun(2)
    assert outlook.seconds_left() == pytest.approx(left.makespan(2))
    assert seconds_left([outlook, outlook]) == pytest.approx(2 * left.judging_seconds / 2)
