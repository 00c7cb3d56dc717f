"""One trial: what it measures where, and that one which is interrupted anywhere ends as if nothing had been."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.engine.desk import Report
from bench.search import trial
from bench.search.criteria import held_out_items, resolve_criterion
from bench.search.trial import Exam, TrialJob, run_trial
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


def job() -> TrialJob:
    model = ModelConfig(
        n_features=64, n_components=6, latent_dim=3, encoder_layers=(16,), decoder_layers=(16,), image_shape=(8, 8)
    )
    return TrialJob(3, {}, model, TrainingConfig(epochs=RUNGS[-1]), "soft", 0, RUNGS, "cpu", 1, checkpoint_seconds=0)


def essence(reports: list[Report]) -> dict[int, tuple[dict[str, float], dict[str, float]]]:
    return {report.epoch: (report.values, report.watched) for report in reports}


@pytest.mark.parametrize("watched", [(), ("stability", "accuracy@40")], ids=["one model", "two models"])
def test_a_trial_that_is_interrupted_after_any_epoch_tells_the_same(
    small_dataset: Dataset, tmp_path: Path, watched: tuple[str, ...]
) -> None:
    exam = exam_of(small_dataset, *watched)
    whole: list[Report] = []
    run_trial(job(), exam, Storage(str(tmp_path / "whole")), lambda report: bool(whole.append(report)), print)
    assert [report.epoch for report in whole] == list(RUNGS)
    assert [report.final for report in whole] == [False, False, True]
    assert all(set(report.watched) == (set(watched) if report.final else set()) for report in whole)
    for last in range(1, RUNGS[-1] * exam.n_models, exam.n_models):
        told: list[Report] = []
        storage, left = Storage(str(tmp_path / str(last))), [last]

        def end(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise InterruptedHereError

        with pytest.raises(InterruptedHereError):
            run_trial(job(), exam, storage, lambda report, told=told: bool(told.append(report)), print, end)  # type: ignore[misc]
        run_trial(job(), exam, storage, lambda report, told=told: bool(told.append(report)), print)  # type: ignore[misc]
        assert essence(told) == essence(whole), last


def test_models_of_a_trial_that_train_side_by_side_go_on_together(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU. A model that was not saved catches up by itself, where it rounds otherwise."""
    monkeypatch.setattr(trial, "_side_by_side", lambda job, n_models: [tuple(range(job.model_seed, job.model_seed + n_models))])
    exam, whole = exam_of(small_dataset, "stability"), list[Report]()
    run_trial(job(), exam, Storage(str(tmp_path / "whole")), lambda report: bool(whole.append(report)), print)
    for last in (1, 3):
        told, left = list[Report](), [last]

        def end(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise InterruptedHereError

        storage = Storage(str(tmp_path / str(last)))
        with pytest.raises(InterruptedHereError):
            run_trial(job(), exam, storage, lambda report, told=told: bool(told.append(report)), print, end)  # type: ignore[misc]
        if last == 3:
            (tmp_path / "3" / "trial-3" / "k6-s1" / "training.safetensors").unlink()
        run_trial(job(), exam, storage, lambda report, told=told: bool(told.append(report)), print)  # type: ignore[misc]
        if last == 3:
            assert list(essence(told)) == list(essence(whole))
            assert told[-1].values == pytest.approx(whole[-1].values, rel=0.05)
        else:
            assert essence(told) == essence(whole)


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
