"""What is left of the work, by the clock."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.data.dataset import Dataset
from bench.engine.forecast import Forecast, seconds_left
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
    forecast = Forecast(work)
    assert forecast.n_cells == sum(len(batch.cells) for batch in work.batches) == 12
    assert forecast.seconds_left() is None
    assert seconds_left([forecast]) is None


def test_trainings_go_on_as_they_began_and_others_by_what_they_cost(work: Work) -> None:
    forecast, jobs = Forecast(work), {job.key.n_components: job for job in work.trainings}
    forecast.training_started(jobs[10])
    forecast.epoch_done(jobs[10].key, stats(4, 8.0))
    left = forecast.left()
    assert left is not None
    # Six epochs at two seconds; the other model costs less by its size. A training that waits counts no epoch of its own.
    share = jobs[5].cost(len(work.dataset.pool)) / jobs[10].cost(len(work.dataset.pool))
    assert share < 1
    assert left.whole.training_seconds == pytest.approx(6 * 2 + 10 * 2 * share)
    assert left.whole.longest_seconds == pytest.approx(max(12, 20 * share))
    # Ten CPUs are no help where trainings run one by one.
    forecast.begun(10)
    assert forecast.training_left() == pytest.approx(12 + 20 * share)
    # Of cells nothing is known before one was measured.
    assert forecast.seconds_left() is None
    forecast.training_done(jobs[10].key, None)
    left = forecast.left()
    assert left is not None
    assert left.whole.training_seconds == pytest.approx(10 * 2 * share)


def test_models_side_by_side_take_as_long_as_their_pack(work: Work) -> None:
    """A model's seconds are its share of its pack's: both are done at once, after twelve seconds in all."""
    forecast = Forecast(work)
    jobs = [replace(job, side_by_side=len(work.trainings)) for job in work.trainings]
    assert len(jobs) == 2
    for job in jobs:
        forecast.training_started(job)
        forecast.epoch_done(job.key, stats(4, 4.0))
    left = forecast.left()
    assert left is not None
    assert left.n_training == 1
    assert left.whole.training_seconds == pytest.approx(2 * 6)
    assert left.whole.longest_seconds == left.longest_training == pytest.approx(12)
    forecast.begun(10)
    assert forecast.training_left() == pytest.approx(12)


def test_cells_take_as_long_as_those_before_them(work: Work) -> None:
    forecast = Forecast(work)
    for job in work.trainings:
        forecast.epoch_done(job.key, stats(10, 1.0))
        forecast.training_done(job.key, None)
    batch = next(batch for batch in work.batches if batch.method == "knn")
    forecast.batch_started(batch)
    assert forecast.running == {"knn": 4}
    first, *rest = failed_records(batch.cells, work, "boom")
    forecast.records_done([replace(first, status="ok", error=None, fit_seconds=2.0, predict_seconds=1.0), *rest[:1]])
    assert (forecast.n_ok, forecast.n_failed, forecast.running) == (1, 1, {"knn": 2})
    left = forecast.left()
    assert left is not None

    def guess(method: str, n: int) -> float:
        return work.methods[method].estimate_seconds(n, work.origin.n_pool)

    # As wrong as the guess of the one that was measured.
    wrong = 3.0 / guess("knn", first.n_labeled)
    others = sum(guess("knn", cell.budget.n_labeled) for cell in batch.cells[2:])
    soft = sum(guess("soft", n) for n in (20, 30)) * 4
    assert left.whole.judging_seconds == pytest.approx(wrong * (others + soft))
    forecast.begun(2)
    assert forecast.seconds_left() == pytest.approx(left.whole.makespan(2))
    assert seconds_left([forecast, forecast]) == pytest.approx(2 * left.whole.judging_seconds / 2)
