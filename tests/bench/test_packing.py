"""Which models train side by side, and what becomes of each."""

import threading
import weakref
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench.data.dataset import Dataset
from bench.engine import steps
from bench.engine.forecast import Forecast
from bench.engine.packing import TrialPacks, packed
from bench.engine.serial import SerialExecutor
from bench.engine.steps import Hearers, train_models
from bench.engine.watch import ProgressFile
from bench.engine.work import Failure, Listener, Work
from bench.errors import SettingsError
from bench.plan.cells import ModelKey
from bench.plan.settings import make_settings
from bench.run import make_plan, make_work
from bench.search.trial import TrialJob
from bench.store.models import is_published, keep_state
from bench.store.presence import is_trained
from bench.store.progress import read_progress
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.errors import TrainingDivergedError
from gmvae.pack.memory import model_bytes
from gmvae.training import EpochStats, Pack, Trainer

GIB = 2**30


@pytest.fixture
def work(small_dataset: Dataset, tmp_path: Path) -> Work:
    """Twelve models, three of each K."""
    chosen: dict[str, Any] = {"components": (4, 6, 8, 10), "methods": ("soft",), "budgets": ("20",), "epochs": 3}
    plan = make_plan(make_settings(chosen | {"encoder_layers": (8,), "decoder_layers": (8,), "latent_dim": 2}), small_dataset)
    return make_work(plan, tmp_path)


def sizes(work: Work) -> list[int]:
    return sorted(len(jobs) for jobs in work.packs)


def test_packs_hold_at_most_so_many_and_all_gpus_get_one(work: Work) -> None:
    assert sizes(packed(work, 1, slots=1)) == [1] * 12
    assert sizes(packed(work, 5, slots=1)) == [4, 4, 4]
    assert sizes(packed(work, 100, slots=1)) == [12]
    assert sizes(packed(work, 100, slots=8)) == [1, 1, 1, 1, 2, 2, 2, 2] or sizes(packed(work, 100, slots=8)) == [2] * 6
    assert sizes(packed(work, 100, slots=50)) == [1] * 12
    kept = packed(work, 5, slots=1)
    assert sorted(job.key.id for job in kept.trainings) == sorted(job.key.id for job in work.trainings)
    for jobs in kept.packs:
        assert {job.side_by_side for job in jobs} == {len(jobs)}
        ks = [job.key.n_components for job in jobs]
        assert ks == sorted(ks)


def test_auto_packs_what_a_gpu_holds_and_nothing_on_a_cpu(work: Work) -> None:
    assert sizes(packed(work, "auto", slots=1)) == [1] * 12
    assert sizes(packed(work, "auto", slots=1, memory=80 * GIB)) == [12]
    largest = max(model_bytes(job.model, job.training) for job in work.trainings)
    three = int((3.5 * largest + work.dataset.pool.nbytes) / 0.8)
    assert sizes(packed(work, "auto", slots=1, memory=three)) == [3, 3, 3, 3]
    assert sizes(packed(work, "auto", slots=1, memory=1)) == [1] * 12


def test_a_tenth_of_the_trials_of_a_search_run_at_once_on_a_gpu_and_each_alone_on_a_cpu() -> None:
    job = TrialJob(0, {}, ModelConfig(n_features=784), TrainingConfig(), "soft", 0, (4,), "cpu", 1, n_models=2)
    assert job.bytes == 2 * model_bytes(job.model, job.training)
    assert TrialPacks("auto", 0, 1_000).most(1, None) is None
    assert TrialPacks(1, 0, 1_000).most(1, 80 * GIB) is None
    for pack, n_trials, slots, memory, expected in [
        ("auto", 100, 1, 80 * GIB, 10),
        ("auto", 100, 4, 80 * GIB, 3),
        ("auto", 5, 4, 80 * GIB, 1),
        ("auto", 100, 1, int(3.5 * job.bytes / 0.8), 3),
        ("auto", 100, 1, 1, 1),
        (7, 10, 4, None, 7),
    ]:
        most = TrialPacks(pack, 0, n_trials).most(slots, memory)
        assert most is not None
        assert most(job) == expected, (pack, n_trials, slots)


def test_what_is_packed_is_said(work: Work) -> None:
    (notice,) = packed(work, 5, slots=1).notices
    assert notice == "12 models train in 3 packs, up to 4 side by side; --pack 1 trains each alone"
    assert packed(work, "auto", slots=1).notices == ()


def test_only_models_of_one_form_are_packed(work: Work) -> None:
    jobs = list(work.trainings)
    jobs[0] = replace(jobs[0], training=jobs[0].training.model_copy(update={"learning_rate": 1e-4}))
    exact = [
        replace(job, model=job.model.model_copy(update={"inference": "structured"}), training=TrainingConfig(objective="exact"))
        for job in jobs[6:]
    ]
    assert sizes(packed(replace(work, trainings=(*jobs[:6], *exact)), 100, slots=1)) == [1, 3, 3, 5]


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_other_words_for_packs_are_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"neither auto nor a whole number from 1"):
        make_settings({"pack": value})
    assert make_settings({"pack": "4"}).pack == 4
    assert make_settings({}).pack == "auto"


class Heard:
    """What was told of trainings."""

    def __init__(self) -> None:
        self.epochs: dict[str, list[int]] = {}
        self.notices: list[str] = []

    @property
    def hearers(self) -> Hearers:
        return Hearers(self._epoch, self.notices.append)

    def _epoch(self, key: ModelKey, stats: EpochStats) -> None:
        self.epochs.setdefault(key.id, []).append(stats.epoch)


def test_each_model_goes_on_from_where_it_was(work: Work) -> None:
    jobs, storage, heard = work.trainings[:3], work.storage, Heard()
    trainer = Trainer(work.dataset.pool, jobs[0].model, jobs[0].training, model_seed=jobs[0].key.model_seed, device="cpu")
    trainer.run_epoch()
    keep_state(storage, jobs[0].key, trainer.state(), jobs[0].model, jobs[0].training)
    storage.write(f"{jobs[1].key.id}/training.safetensors", b"nonsense")
    assert train_models(jobs, work.dataset, storage, heard.hearers) == {}
    first, second, third = (job.key.id for job in jobs)
    assert heard.epochs == {first: [2, 3], second: [1, 2, 3], third: [1, 2, 3]}
    notice, apart = heard.notices
    assert apart.startswith("models of a pack are not equally far")
    assert notice.startswith(f"{second}: training.safetensors is no readable state of a training")
    assert all(is_published(storage, job.key) for job in jobs)
    # A process that dies before the last model of a pack is saved trains that one alone.
    storage.clear(second)
    again = Heard()
    assert train_models(jobs, work.dataset, storage, again.hearers) == {}
    assert again.epochs == {second: [1, 2, 3]}


def test_a_model_that_diverges_fails_alone(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, heard = work.trainings[:3], Heard()
    run_epoch = Pack.run_epoch

    def spoilt(pack: Pack, max_steps: int | None = None) -> dict[int, EpochStats]:
        if pack.epoch == 1:
            pack.networks.get_parameter("0.prior.means").data[1] = float("nan")
        return run_epoch(pack, max_steps)

    monkeypatch.setattr(Pack, "run_epoch", spoilt)
    failures = train_models(jobs, work.dataset, work.storage, heard.hearers)
    assert list(failures) == [jobs[1].key]
    assert failures[jobs[1].key].startswith(f"{TrainingDivergedError.__name__}: the loss became nan in epoch 2")
    assert [is_published(work.storage, job.key) for job in jobs] == [True, False, True]


def test_a_pack_that_does_not_fit_is_halved(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, heard, tried = work.trainings[:4], Heard(), []
    train_pack = steps.train_pack

    held: list[weakref.ref[Pack]] = []

    def small(data: np.ndarray, members: Any, *args: Any, **options: Any) -> Any:
        tried.append(len(members))
        assert not any(pack() for pack in held), "memory of a pack that failed"
        if len(members) > 1:
            pack = Pack(data, members, *args, device="cpu")
            held.append(weakref.ref(pack))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return train_pack(data, members, *args, **options)

    monkeypatch.setattr(steps, "train_pack", small)
    assert train_models(jobs, work.dataset, work.storage, heard.hearers) == {}
    assert tried == [4, 2, 1, 1, 2, 1, 1]
    assert heard.notices[0] == "4 models side by side need more memory than there is: 2 are tried"


def test_models_that_were_published_are_kept_whatever_becomes_of_the_others(
    work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish, last = steps.publish_model, work.trainings[3].key

    def fails(storage: Storage, key: ModelKey, *args: Any) -> None:
        if key == last:
            raise ValueError("no")
        publish(storage, key, *args)

    monkeypatch.setattr(steps, "publish_model", fails)
    some = replace(packed(work, 4, slots=1), trainings=tuple(replace(job, side_by_side=4) for job in work.trainings[:4]))
    failed = SerialExecutor()._train(some.packs[0], some, Listener())
    assert failed == {last: "training failed: ValueError: no"}
    assert [is_trained(some.folder, job.key) for job in some.trainings] == [True, True, True, False]


def test_what_others_read_of_a_pack_is_told_by_the_clock(work: Work) -> None:
    """A model's seconds are its share of its pack's; how long it takes is not."""
    side_by_side = packed(work, 12, slots=1)
    key = work.trainings[0].key
    # It writes at most once a second.
    told = ProgressFile(side_by_side, Forecast(side_by_side))
    told._written = 0.0
    told.epoch_done(key, epoch_stats(1, seconds=2.0))
    progress = read_progress(work.folder)
    assert progress is not None
    assert progress.trainings[key.id].seconds == 24


def epoch_stats(epoch: int, seconds: float) -> EpochStats:
    return EpochStats(epoch, -8.5, -20.0, 1.0, 3.0, 0.5, -3.0, 1.0, 5, 0.4, 1e-3, 1_234.0, seconds)


def test_a_trials_reports_reach_each_model_of_its_pack(work: Work) -> None:
    from bench.engine.tuning import _Relay

    heard: list[tuple[str, int]] = []
    ended: list[dict[int, Failure]] = []

    class Ear(Listener):
        def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
            heard.append((key.id, stats.epoch))

    jobs = work.trainings[:3]
    relay = _Relay([(jobs, Ear())], threading.Event(), lambda _, failures: ended.append(dict(failures)))
    trial: Any = SimpleNamespace(config={"pack": 0})
    epochs = [{"model": place} | asdict(epoch_stats(1, 2.0)) for place in (0, 2)]
    relay.on_trial_result(0, [], trial, {"epochs": epochs})
    relay.on_trial_result(0, [], trial, {"epochs": [], "failures": [{"model": 1, "error": "the loss became nan"}]})
    relay.on_trial_complete(0, [], trial)
    assert heard == [(jobs[0].key.id, 1), (jobs[2].key.id, 1)]
    assert ended == [{1: Failure("the loss became nan")}]


@pytest.mark.parametrize("objective", ["bayes", "sampled", "exact"])
@pytest.mark.parametrize("n_views", [1, 2])
def test_predicted_memory_is_about_what_a_step_keeps(objective: str, n_views: int) -> None:
    """Counted: weights, gradients, moments and mean, and what the way back needs of a step's way there."""
    structured = "shared" if objective == "bayes" else "structured"
    model = ModelConfig(n_features=784, n_components=20, inference=structured, image_shape=(28, 28))
    compared = {} if n_views == 2 else {"invariance": 0, "balance": 0, "contrast": 0}
    fields = {"objective": objective, "start": "alike", "batch_size": 128, "precision": "float32"} | compared
    training = TrainingConfig.model_validate(fields)
    trainer = Trainer(np.zeros((400, 784), np.uint8), model, training, model_seed=0, device="cpu")
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        trainer.run_epoch(1)
    own = {parameter.untyped_storage().data_ptr() for parameter in trainer.model.parameters()}
    activations = sum(size for place, size in kept.items() if place not in own)
    weights = 4 * sum(parameter.numel() for parameter in trainer.model.parameters())
    assert 0.7 < model_bytes(model, training) / (5 * weights + activations) < 2
