"""One trial: what it measures where, and that one which is interrupted anywhere ends as if nothing had been."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.data.dataset import Dataset
from bench.engine.desk import Ear, Report
from bench.search import trial
from bench.search.criteria import held_out_items, resolve_criterion
from bench.search.trial import Exam, TrialJob, are_alike, run_trials
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig

# An interrupt may come right after a rung, or between two.
RUNGS = (1, 3, 5)


class InterruptedHereError(Exception):
    """Stands for a kill."""


def exam_of(dataset: Dataset, *watched: str) -> Exam:
    objective, *others = (resolve_criterion(name, dataset) for name in ("invariance", *watched))
    labels = {criterion.name: criterion.labels(dataset, 0) for criterion in (objective, *others)}
    return Exam(dataset.pool, held_out_items(len(dataset.pool), dataset.sha256), (objective,), tuple(others), labels)


def job(n_models: int = 1) -> TrialJob:
    model = ModelConfig(
        n_features=64, n_components=6, latent_dim=3, encoder_layers=(16,), decoder_layers=(16,), image_shape=(8, 8)
    )
    return TrialJob(
        3, {}, model, TrainingConfig(epochs=RUNGS[-1], precision="float32"), "soft", 0, RUNGS, "cpu", 1, 0, n_models=n_models
    )


def run_trial(
    job: TrialJob,
    exam: Exam,
    storage: Storage,
    report: Callable[[Report], bool],
    on_notice: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    def fail(number: int, error: str) -> None:
        raise AssertionError(f"{number}: {error}")

    run_trials([job], exam, storage, Ear(lambda _, told: report(told), fail, on_notice), check)


def essence(reports: list[Report]) -> dict[int, tuple[dict[str, float], dict[str, float]]]:
    return {report.epoch: (report.values, report.watched) for report in reports}


@pytest.mark.parametrize("watched", [(), ("stability", "accuracy@40")], ids=["one model", "two models"])
def test_a_trial_that_is_interrupted_after_any_epoch_tells_the_same(
    small_dataset: Dataset, tmp_path: Path, watched: tuple[str, ...]
) -> None:
    exam, n_models = exam_of(small_dataset, *watched), 2 if watched else 1
    whole: list[Report] = []
    run_trial(job(n_models), exam, Storage(str(tmp_path / "whole")), lambda report: bool(whole.append(report)), print)
    assert [report.epoch for report in whole] == list(RUNGS)
    assert [report.final for report in whole] == [False, False, True]
    assert all(set(report.watched) == (set(watched) if report.final else set()) for report in whole)
    for last in range(1, RUNGS[-1] * n_models, n_models):
        told: list[Report] = []
        storage, left = Storage(str(tmp_path / str(last))), [last]

        def end(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise InterruptedHereError

        with pytest.raises(InterruptedHereError):
            run_trial(job(n_models), exam, storage, lambda report, told=told: bool(told.append(report)), print, end)  # type: ignore[misc]
        run_trial(job(n_models), exam, storage, lambda report, told=told: bool(told.append(report)), print)  # type: ignore[misc]
        assert essence(told) == essence(whole), last


def test_models_of_a_trial_that_train_side_by_side_go_on_together(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU. A model that was not saved catches up."""
    monkeypatch.setattr(trial, "_side_by_side", lambda jobs: [[trial._Lane(jobs[0], key) for key in jobs[0].keys]])
    exam, whole = exam_of(small_dataset, "stability"), list[Report]()
    run_trial(job(2), exam, Storage(str(tmp_path / "whole")), lambda report: bool(whole.append(report)), print)
    for last in (1, 3):
        told, left = list[Report](), [last]

        def end(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise InterruptedHereError

        storage = Storage(str(tmp_path / str(last)))
        with pytest.raises(InterruptedHereError):
            run_trial(job(2), exam, storage, lambda report, told=told: bool(told.append(report)), print, end)  # type: ignore[misc]
        if last == 3:
            (tmp_path / "3" / "trial-3" / "k6-s1" / "training.safetensors").unlink()
        run_trial(job(2), exam, storage, lambda report, told=told: bool(told.append(report)), print)  # type: ignore[misc]
        assert essence(told) == essence(whole)


RATES = {3: 3e-3, 4: 1e-3, 5: 2e-3, 8: 3e4}


def several() -> list[TrialJob]:
    """Trials of equal shape, the last of which diverges."""
    alone, trials = job(), []
    for number, rate in RATES.items():
        model = alone.model.model_copy(update={"n_components": 4 + number % 3})
        training = alone.training.model_copy(update={"learning_rate": rate})
        trials.append(replace(alone, number=number, model=model, training=training))
    return trials


class Listener:
    """Hears of trials; stops trial 4 at the second rung, and the process after so many calls of `check`."""

    def __init__(self, left: float = float("inf")) -> None:
        self.told: list[tuple[int, int, dict[str, float]]] = []
        self.failed: dict[int, str] = {}
        self.notices: list[str] = []
        self.left = left
        self.ear = Ear(self.report, self.failed.__setitem__, self.notices.append)

    def report(self, number: int, report: Report) -> bool:
        self.told.append((number, report.epoch, report.values))
        return report.final or (number, report.epoch) == (4, RUNGS[1])

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise InterruptedHereError


@pytest.fixture
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_in_float64")
def test_trials_of_equal_shape_train_as_one_and_end_each_by_itself(small_dataset: Dataset, tmp_path: Path) -> None:
    exam, trials, together = exam_of(small_dataset), several(), Listener()
    assert all(are_alike(trials[0], other) for other in trials)
    run_trials(trials, exam, Storage(str(tmp_path / "together")), together.ear)
    assert [(number, epoch) for number, epoch, _ in together.told] == [
        (3, 1),
        (4, 1),
        (5, 1),
        (3, 3),
        (4, 3),
        (5, 3),
        (3, 5),
        (5, 5),
    ]
    assert list(together.failed) == [8]
    assert "lower the learning rate (now 30000)" in together.failed[8]
    alone = Listener()
    for one in trials[:3]:
        run_trials([one], exam, Storage(str(tmp_path / "alone")), alone.ear)
    for (number, epoch, ours), (*named, theirs) in zip(sorted(together.told, key=str), sorted(alone.told, key=str), strict=True):
        assert [number, epoch] == named
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.usefixtures("_in_float64")
@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_trials_that_trained_as_one_go_on_together(small_dataset: Dataset, tmp_path: Path, last: int) -> None:
    """One of them was not saved when the process died, and one ended before."""
    exam, trials, whole, before, after = exam_of(small_dataset), several()[:3], Listener(), Listener(last), Listener()
    run_trials(trials, exam, Storage(str(tmp_path / "whole")), whole.ear)
    storage = Storage(str(tmp_path / "storage"))
    with pytest.raises(InterruptedHereError):
        run_trials(trials, exam, storage, before.ear, before.check)
    if last == 3:
        (tmp_path / "storage" / "trial-5" / "k6-s0" / "training.safetensors").unlink()
    left = [one for one in trials if (one.number, last) != (4, 4)]
    run_trials(left, exam, storage, after.ear)
    heard = {(number, epoch): values for number, epoch, values in (*before.told, *after.told)}
    for number, epoch, values in whole.told:
        # Whoever begins again does so apart, and rounds otherwise; so do those that it was beside.
        assert heard[number, epoch] == (pytest.approx(values, rel=1e-4) if last == 3 else values)


def test_trials_of_other_shapes_are_not_alike() -> None:
    one = job()
    for update in ({"latent_dim": 4}, {"encoder_layers": (8,)}):
        assert not are_alike(one, replace(one, model=one.model.model_copy(update=update)))
    for changed in ({"batch_size": 100}, {"contrast": 0.0}):
        assert not are_alike(one, replace(one, training=one.training.model_copy(update=changed)))


def test_trials_that_do_not_fit_side_by_side_go_on_one_after_the_other(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(trial.Pack):
        def run_epoch(self, max_steps: int | None = None) -> dict[int, Any]:
            if len(self) > 1 and self.epoch == 2:
                raise torch.OutOfMemoryError
            return super().run_epoch(max_steps)

    monkeypatch.setattr(trial, "Pack", Small)
    heard = Listener()
    run_trials(several()[:3], exam_of(small_dataset), Storage(str(tmp_path)), heard.ear)
    assert {(number, epoch) for number, epoch, _ in heard.told if epoch > 1} == {(3, 3), (4, 3), (5, 3), (3, 5), (5, 5)}
    assert heard.notices == ["3 trials side by side need more memory than the device has; they go on one after the other"]


def test_a_report_may_end_the_trial(small_dataset: Dataset, tmp_path: Path) -> None:
    told: list[Report] = []
    run_trial(job(), exam_of(small_dataset), Storage(str(tmp_path)), lambda report: told.append(report) or True, print)
    assert [report.epoch for report in told] == [1]


def test_models_never_see_the_held_out_items(small_dataset: Dataset, tmp_path: Path) -> None:
    exam = exam_of(small_dataset)
    poisoned = exam.pool.copy()
    poisoned[exam.held_out] = np.random.default_rng(0).random(poisoned[exam.held_out].shape)
    seconds = resolve_criterion("accuracy@40", small_dataset)
    labels = {seconds.name: np.where(np.isin(np.arange(300), exam.held_out), -1, small_dataset.labels)}
    told: list[dict[str, float]] = []
    for pool in (exam.pool, poisoned):
        changed = Exam(pool, exam.held_out, (seconds,), (), labels)
        storage = Storage(str(tmp_path / str(len(told))))
        run_trial(job(), changed, storage, lambda report: report.final and bool(told.append(report.values)), print)
    # Judged on the items that were trained on, whose clusters are the same whatever the others are.
    assert told[0] == told[1]


def test_a_broken_checkpoint_is_named_and_the_trial_begins_anew(small_dataset: Dataset, tmp_path: Path) -> None:
    exam, storage = exam_of(small_dataset), Storage(str(tmp_path))
    whole: list[Report] = []
    run_trial(job(), exam, Storage(str(tmp_path / "whole")), lambda report: bool(whole.append(report)), print)
    place = tmp_path / "trial-3" / "k6-s0"
    place.mkdir(parents=True)
    (place / "training.safetensors").write_bytes(b"broken")
    told: list[Report] = []
    notices: list[str] = []
    run_trial(job(), exam, storage, lambda report: bool(told.append(report)), notices.append)
    assert "it starts again" in notices[0]
    assert essence(told) == essence(whole)
