import math
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gmvae.checkpoint import load_state, save_state
from gmvae.config import PLAIN, ModelConfig, TrainingConfig
from gmvae.errors import CheckpointError, InputError, TrainingDivergedError
from gmvae.objectives import OBJECTIVES
from gmvae.posteriors import encode
from gmvae.schedule import one_cycle
from gmvae.training import EpochStats, TrainedModel, Trainer, TrainingState, train


def configs(objective: str = "bayes", **training: Any) -> tuple[ModelConfig, TrainingConfig]:
    model = ModelConfig(
        n_features=64,
        n_components=5,
        latent_dim=4,
        encoder_layers=(32,),
        decoder_layers=(32,),
        image_shape=(8, 8),
        inference=OBJECTIVES[objective].inference,
    )
    return model, TrainingConfig.model_validate({"objective": objective, "epochs": 6, "batch_size": 25} | training)


def weights(trained: TrainedModel) -> Mapping[str, torch.Tensor]:
    return trained.model.state_dict()


@pytest.fixture(scope="module")
def x(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return digits[0]


@pytest.mark.parametrize("objective", list(OBJECTIVES))
@pytest.mark.parametrize("variant", [{}, PLAIN], ids=["invariance", "plain"])
def test_same_seed_same_weights_whatever_the_global_state(x: np.ndarray, objective: str, variant: dict[str, Any]) -> None:
    # Three epochs: one of the warm-up, one in which components have just got their places, and one after that.
    def trained(model_seed: int) -> TrainedModel:
        return train(x[:200], *configs(objective, epochs=3, **variant), model_seed=model_seed, device="cpu")

    torch.manual_seed(1)
    first = trained(3)
    torch.manual_seed(2)
    second, other = trained(3), trained(4)
    assert all(torch.equal(weights(first)[name], weights(second)[name]) for name in weights(first))
    assert not torch.equal(weights(first)["prior.means"], weights(other)["prior.means"])


def test_training_leaves_global_random_state_alone(x: np.ndarray) -> None:
    before = torch.get_rng_state()
    train(x, *configs(), model_seed=0, device="cpu")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_the_bound_rises(x: np.ndarray, objective: str) -> None:
    history = train(x, *configs(objective, epochs=20, **PLAIN), model_seed=0, device="cpu").history
    assert history[-1].loss < history[0].loss - 5
    assert [stats.epoch for stats in history] == list(range(1, 21))
    last = history[-1]
    assert last.loss == pytest.approx(-(last.reconstruction - last.kl_z - last.kl_c), rel=1e-4)


@pytest.mark.slow
def test_two_views_keep_components_in_use(x: np.ndarray) -> None:
    last = train(x, *configs(epochs=30), model_seed=0, device="cpu").history[-1]
    assert last.live_components == 5
    assert last.assignment_entropy < 0.5 * math.log(5)


def test_bytes_and_floats_train_alike(x: np.ndarray) -> None:
    as_bytes = np.round(x * 255).astype(np.uint8)
    first = train(as_bytes, *configs(precision="float32"), model_seed=0, device="cpu")
    second = train(as_bytes / np.float32(255), *configs(precision="float32"), model_seed=0, device="cpu")
    torch.testing.assert_close(weights(first)["prior.means"], weights(second)["prior.means"], atol=1e-4, rtol=1e-3)


def test_bfloat16_is_for_training_only(x: np.ndarray) -> None:
    trained = train(x, *configs(precision="bfloat16"), model_seed=0, device="cpu")
    assert all(parameter.dtype == torch.float32 for parameter in trained.model.parameters())
    posterior = encode(trained.model, x).posterior
    exact = encode(trained.model.double(), x).posterior
    np.testing.assert_allclose(posterior, exact, atol=1e-4)


def test_averaging_changes_the_weights_that_are_returned(x: np.ndarray) -> None:
    averaged = train(x, *configs(averaging=0.999), model_seed=0, device="cpu")
    last = train(x, *configs(averaging=0), model_seed=0, device="cpu")
    assert not torch.equal(weights(averaged)["prior.means"], weights(last)["prior.means"])
    assert averaged.history[-1].loss == last.history[-1].loss


def test_a_snapshot_is_the_model_that_training_would_return_and_leaves_it_alone(x: np.ndarray) -> None:
    whole = train(x, *configs(), model_seed=0, device="cpu")
    trainer = Trainer(x, *configs(), model_seed=0, device="cpu")
    for _ in range(configs()[1].epochs):
        early = trainer.snapshot()
        trainer.run_epoch()
    late = trainer.snapshot()
    assert all(torch.equal(tensor, weights(whole)[name]) for name, tensor in late.state_dict().items())
    assert not torch.equal(early.prior.means, late.prior.means)
    assert not late.training
    assert trainer.model.training


def test_part_of_an_epoch_takes_that_many_steps(x: np.ndarray) -> None:
    trainer = Trainer(x, *configs(), model_seed=0, device="cpu")
    trainer.run_epoch(max_steps=3)
    assert (trainer.step, trainer.epoch) == (3, 1)
    trainer.run_epoch()
    assert trainer.step == 3 + len(x) // 25


def test_reseeding_brings_dead_components_back(x: np.ndarray) -> None:
    """All at one place but for one far away: without help the bound never uses it."""

    def last(reseed: bool) -> EpochStats:
        model, training = configs(epochs=20, start="alike", reseed=reseed, **PLAIN)
        trainer = Trainer(x, model, training, model_seed=0, device="cpu")
        trainer.model.prior.means.data[3:] = 100.0
        return [trainer.run_epoch() for _ in range(20)][-1]

    assert last(reseed=False).live_components <= 3
    assert last(reseed=True).live_components == 5


_COMPILED = """
import numpy as np, torch
from gmvae.config import PLAIN, ModelConfig, TrainingConfig
from gmvae.training import train

x = np.random.default_rng(0).random((100, 16), dtype=np.float32)
model = ModelConfig(n_features=16, n_components=3, latent_dim=2, encoder_layers=(8,), decoder_layers=(8,))
fields = {"epochs": 4, "precision": "float32", "start": "alike"} | PLAIN
plain, compiled = (
    train(x, model, TrainingConfig(compile=choice, **fields), model_seed=0, device="cpu") for choice in (False, True)
)
# Adam turns the rounding of a gradient near zero into a whole step, so that losses are compared, not weights.
losses = [[stats.loss for stats in trained.history] for trained in (plain, compiled)]
torch.testing.assert_close(*losses, rtol=1e-4, atol=0)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_training_is_the_same_training() -> None:
    # In a process of its own: what checks shapes in these tests cannot itself be compiled.
    done = subprocess.run([sys.executable, "-c", _COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_read_only_data_are_fine_and_unchanged(x: np.ndarray) -> None:
    frozen = x.copy()
    frozen.flags.writeable = False
    train(frozen, *configs(epochs=1), model_seed=0, device="cpu")
    assert (frozen == x).all()


def test_callback_hears_every_epoch_and_can_stop(x: np.ndarray) -> None:
    class StopTrainingError(Exception):
        pass

    heard: list[EpochStats] = []

    def listen(stats: EpochStats) -> None:
        heard.append(stats)
        if stats.epoch == 2:
            raise StopTrainingError

    with pytest.raises(StopTrainingError):
        train(x, *configs(), model_seed=0, device="cpu", on_epoch=listen)
    assert [stats.epoch for stats in heard] == [1, 2]


RESUMED: dict[str, dict[str, Any]] = {
    "default": {},
    "sampled": {"objective": "sampled", "warmup": 0.5},
    "exact": {"objective": "exact"} | PLAIN,
    "no warm-up": {"warmup": 0.0},
    "no averaging": {"averaging": 0.0, "start": "alike", "schedule": "constant"},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("variant", list(RESUMED.values()), ids=list(RESUMED))
def test_a_training_that_is_stopped_after_an_epoch_goes_on_as_if_it_had_not(
    x: np.ndarray, tmp_path: Path, variant: dict[str, Any]
) -> None:
    x, (model, training) = x[:200], configs(**variant)
    files: list[Path] = []

    def keep(state: TrainingState) -> None:
        files.append(tmp_path / f"{state.epoch}.safetensors")
        save_state(state, files[-1], model, training, 3)

    whole = train(x, model, training, model_seed=3, device="cpu", on_state=keep)
    assert len(files) == training.epochs - 1
    # In the warm-up, when components have just got their places, and before the last epoch.
    for file in (files[0], files[1], files[4]):
        torch.manual_seed(11)
        told: list[EpochStats] = []
        resume = load_state(file, model, training, 3)
        again = train(x, model, training, model_seed=3, device="cpu", resume=resume, on_epoch=told.append)
        assert [stats.epoch for stats in told] == list(range(int(file.stem) + 1, training.epochs + 1))
        assert all(torch.equal(weights(whole)[name], weights(again)[name]) for name in weights(whole))
        assert [stats.loss for stats in again.history] == [stats.loss for stats in whole.history]
        assert all(before.seconds < after.seconds for before, after in pairwise(again.history))
        # The processor time goes on too.
        assert again.history[int(file.stem) - 1] == whole.history[int(file.stem) - 1]
        assert all((before.cpu_seconds or 0) < (after.cpu_seconds or 0) for before, after in pairwise(again.history))


def test_a_state_of_another_training_or_a_broken_one_is_refused(x: np.ndarray, tmp_path: Path) -> None:
    model, training = configs()
    file = tmp_path / "state.safetensors"
    train(x, model, training, model_seed=0, device="cpu", on_state=lambda state: save_state(state, file, model, training, 0))
    with pytest.raises(CheckpointError, match="other settings"):
        load_state(file, model, training, 1)
    with pytest.raises(CheckpointError, match="other settings"):
        load_state(file, model, training.model_copy(update={"epochs": 7}), 0)
    state = load_state(file, model, training, 0)
    with pytest.raises(CheckpointError, match="other settings"):
        Trainer(x, model.model_copy(update={"latent_dim": 5}), training, model_seed=0).restore(state)
    content = file.read_bytes()
    for length in (0, 5, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="no readable state"):
            load_state(file, model, training, 0)


def test_a_loss_that_is_not_finite_is_an_error(x: np.ndarray) -> None:
    with pytest.raises(TrainingDivergedError, match="lower the learning rate"):
        train(x, *configs(learning_rate=1e30, schedule="constant", start="alike"), model_seed=0, device="cpu")


def test_gaussian_likelihood_explains_real_values() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 3)) * [1, 50, 0] + [5, -100, 7]).astype(np.float32)
    model = ModelConfig(
        n_features=3, n_components=2, latent_dim=2, encoder_layers=(16,), decoder_layers=(16,), likelihood="gaussian"
    )
    trained = train(x, model, TrainingConfig(epochs=5), model_seed=0, device="cpu")
    np.testing.assert_allclose(trained.model.shift, x.mean(0), rtol=1e-4)
    assert trained.model.scale[2] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :10], "expected \\(n, 64\\)"),
        (lambda x: x[:4], "fewer components than items"),
        (lambda x: np.where(x > 0.9, np.nan, x), "NaN"),
        (lambda x: x * 2, "use 'gaussian'"),
    ],
)
def test_bad_data_are_refused(x: np.ndarray, change: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(change(x), *configs(), model_seed=0, device="cpu")


def test_objective_and_network_must_fit(x: np.ndarray) -> None:
    model, _ = configs("bayes")
    with pytest.raises(InputError, match="needs inference='structured'"):
        train(x, model, configs("exact")[1], model_seed=0, device="cpu")


def test_unknown_and_absent_devices_are_refused(x: np.ndarray) -> None:
    with pytest.raises(InputError, match="unknown device"):
        train(x, *configs(), model_seed=0, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="not available here"):
            train(x, *configs(), model_seed=0, device="cuda")


def test_one_cycle_rises_then_falls() -> None:
    rates = [one_cycle(step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.02)
    assert all(after <= before for before, after in pairwise(rates[10:]))
