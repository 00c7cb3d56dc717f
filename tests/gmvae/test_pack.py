"""Each model of a pack is what its training alone makes of it.

In float64, where rounding stays rounding: in float32 Adam makes a whole step of a gradient that is zero but for it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from gmvae.config import PLAIN, ModelConfig, TrainingConfig
from gmvae.errors import CheckpointError, InputError, TrainingDivergedError
from gmvae.objectives import OBJECTIVES
from gmvae.training import EpochStats, Member, Pack, TrainedModel, Trainer, TrainingState, train, train_pack

SEEDS = (3, 4, 7)
ALONE = PLAIN | {"averaging": 0.0, "reseed": False, "start": "alike", "schedule": "constant"}


def model_config(objective: str = "bayes", **fields: Any) -> ModelConfig:
    sizes = {"n_features": 64, "n_components": 6, "latent_dim": 4, "encoder_layers": (24, 20), "decoder_layers": (16,)}
    return ModelConfig.model_validate(sizes | {"image_shape": (8, 8), "inference": OBJECTIVES[objective].inference} | fields)


def training_config(**fields: Any) -> TrainingConfig:
    # Twelve steps: a warm-up, a start at clusters, and reseeding in the second epoch.
    return TrainingConfig.model_validate({"epochs": 3, "batch_size": 40, "precision": "float32", "warmup": 0.3} | fields)


@pytest.fixture(autouse=True)
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def x(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return digits[0][:160]


def assert_alike(packed: TrainedModel, alone: TrainedModel) -> None:
    """Weights, running statistics and history are the same but for rounding."""
    other = alone.model.state_dict()
    for name, tensor in packed.model.state_dict().items():
        torch.testing.assert_close(tensor, other[name], atol=5e-6, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    assert packed.model.config == alone.model.config
    assert (packed.training, packed.model_seed) == (alone.training, alone.model_seed)
    for one, two in zip(packed.history, alone.history, strict=True):
        assert one.loss == pytest.approx(two.loss, rel=1e-9)
        assert (one.epoch, one.learning_rate) == (two.epoch, two.learning_rate)
        # Where components begin alike, items are torn between equals.
        assert abs(one.live_components - two.live_components) <= 1


def packed(data: np.ndarray, members: list[Member], training: TrainingConfig, **options: Any) -> list[TrainedModel]:
    trained = train_pack(data, members, training, device="cpu", **options)
    assert all(isinstance(one, TrainedModel) for one in trained)
    return [one for one in trained if isinstance(one, TrainedModel)]


def compare(data: np.ndarray, configs: list[ModelConfig], training: TrainingConfig) -> None:
    members = [Member(config, seed) for config, seed in zip(configs, SEEDS, strict=True)]
    for one, member in zip(packed(data, members, training), members, strict=True):
        assert_alike(one, train(data, member.config, training, model_seed=member.model_seed, device="cpu"))


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "plain": ({}, PLAIN),
    "paper": ({"batch_norm": False}, ALONE),
    "gaussian": ({"likelihood": "gaussian", "image_shape": None}, {}),
    "convolutions": ({"encoder": "conv"}, {}),
    "photographs": ({"encoder": "conv", "batch_norm": False}, {"views": "photo"}),
    "alike": ({}, {"start": "alike", "schedule": "constant"}),
    "no-warmup": ({}, {"warmup": 0.0, "averaging": 0.0}),
}
# Where components begin alike, rounding decides which are the likeliest, and so which get which noise.
TORN = {("sampled", "alike"), ("sampled", "no-warmup")}


@pytest.mark.parametrize(("objective", "variant"), sorted({(one, two) for one in OBJECTIVES for two in VARIANTS} - TORN))
def test_each_model_of_a_pack_is_that_of_its_training_alone(x: np.ndarray, objective: str, variant: str) -> None:
    model, training = VARIANTS[variant]
    compare(x, [model_config(objective, **model)] * 3, training_config(objective=objective, **training))


def test_colours_and_narrow_tables_are_packed_too(x: np.ndarray) -> None:
    colours = x[:, :48]
    compare(colours, [model_config(n_features=48, image_shape=(4, 4, 3), encoder="conv")] * 3, training_config())
    narrow = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    compare(narrow, [model_config(n_features=2, image_shape=None, likelihood="gaussian")] * 3, training_config())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_in_less_precision_the_first_steps_are_the_same_too(x: np.ndarray, precision: str) -> None:
    torch.set_default_dtype(torch.float32)
    config, training = model_config(), training_config(precision=precision)
    pack = Pack(x, [Member(config, seed) for seed in SEEDS], training, device="cpu")
    first = pack.run_epoch(3)
    for number, seed in enumerate(SEEDS):
        alone = Trainer(x, config, training, model_seed=seed, device="cpu").run_epoch(3)
        assert first[number].loss == pytest.approx(alone.loss, rel=1e-5 if precision == "float32" else 1e-2)


def test_models_with_fewer_components_are_filled_up(x: np.ndarray) -> None:
    """K of 2, 9 and 5 side by side: a component that a model does not have draws nothing and gets nothing."""
    compare(x, [model_config(n_components=k) for k in (2, 9, 5)], training_config())


@pytest.mark.parametrize("variant", ["default", "gaussian", "photographs", "no-warmup"])
def test_each_model_may_have_its_own_rate_weights_and_strength_of_views(x: np.ndarray, variant: str) -> None:
    model, training = VARIANTS[variant]
    own: list[dict[str, float]] = [
        {},
        {"learning_rate": 1e-3, "invariance": 4.0, "augmentation": 0.5},
        {"balance": 8.0, "contrast": 5.0, "augmentation": 1.5},
    ]
    config, trainings = model_config(**model), [training_config(**training, **fields) for fields in own]
    members = [Member(config, seed, of_it) for seed, of_it in zip(SEEDS, trainings, strict=True)]
    for one, member, of_it in zip(packed(x, members, trainings[0]), members, trainings, strict=True):
        assert_alike(one, train(x, config, of_it, model_seed=member.model_seed, device="cpu"))


def test_narrow_tables_go_their_own_share_of_the_way(x: np.ndarray) -> None:
    narrow = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    config = model_config(n_features=2, image_shape=None, likelihood="gaussian")
    trainings = [training_config(augmentation=strength) for strength in (0.5, 8.0)]
    members = [Member(config, seed, training) for seed, training in zip(SEEDS, trainings, strict=False)]
    for one, member, training in zip(packed(narrow, members, trainings[0]), members, trainings, strict=True):
        assert_alike(one, train(narrow, config, training, model_seed=member.model_seed, device="cpu"))


@pytest.mark.parametrize("fields", [{"epochs": 4}, {"batch_size": 20}, {"contrast": 0.0}, {"augmentation": 0.0}])
def test_trainings_of_other_steps_are_refused(x: np.ndarray, fields: dict[str, Any]) -> None:
    members = [Member(model_config(), 0), Member(model_config(), 1, training_config(**fields))]
    with pytest.raises(InputError, match="and in nothing else"):
        Pack(x, members, training_config(), device="cpu")


def test_models_go_on_in_a_smaller_pack_with_their_own_rates(x: np.ndarray) -> None:
    """What a search does when it stops one of three."""
    config, trainings = model_config(), [training_config(learning_rate=rate) for rate in (3e-3, 1e-3, 2e-3)]
    members = [Member(config, seed, training) for seed, training in zip(SEEDS, trainings, strict=True)]
    pack = Pack(x, members, trainings[0], device="cpu")
    pack.run_epoch()
    rest = Pack(x, members[1:], trainings[0], device="cpu")
    rest.restore([pack.state(1), pack.state(2)])
    last = Pack(x, members[2:], trainings[0], device="cpu")
    while rest.epoch < 2:
        rest.run_epoch()
    last.restore([rest.state(1)])
    last.run_epoch()
    alone = train(x, config, trainings[2], model_seed=SEEDS[2], device="cpu")
    assert_alike(replace(last.trained(), side_by_side=1), replace(alone, side_by_side=1))


def test_exact_goes_through_its_components_in_parts(x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmvae.objectives.exact.MAX_ROWS", 80)
    compare(x, [model_config("exact")] * 3, training_config(objective="exact", **PLAIN))


def test_reseeding_happens_in_each_model_by_itself(x: np.ndarray) -> None:
    """Components far from everything die at once, in one model of two; both trainings alone do the same."""
    config, training = model_config(), training_config(start="alike", epochs=8, reseed=True)
    pack = Pack(x, [Member(config, 3), Member(config, 4)], training, device="cpu")
    alone = Trainer(x, config, training, model_seed=4, device="cpu")
    far = torch.full((3, 4), 100.0)
    assert isinstance(pack.model.prior.means, torch.Tensor)
    pack.model.prior.means.data[1, 3:] = far
    alone.model.prior.means.data[3:] = far
    for _ in range(3):
        pack.run_epoch()
        alone.run_epoch()
    assert alone.snapshot().prior.means.abs().max() < 50
    torch.testing.assert_close(pack.snapshot(1).prior.means, alone.snapshot().prior.means, atol=1e-3, rtol=1e-3)


def test_a_model_that_diverges_leaves_the_others_alone(x: np.ndarray) -> None:
    config, training = model_config(), training_config()
    members = [Member(config, seed) for seed in SEEDS]
    heard: list[tuple[int, int]] = []

    def spoil(number: int, stats: EpochStats) -> None:
        heard.append((number, stats.epoch))

    pack = Pack(x, members, training, device="cpu")
    pack.run_epoch()
    # As an overflow would.
    pack.networks.get_parameter("0.decoder.layers.0.weight").data[1, 0, 0] = float("nan")
    while pack.epoch < training.epochs:
        assert set(pack.run_epoch()) == {0, 2}
    assert set(pack.errors) == {1}
    with pytest.raises(TrainingDivergedError, match="the loss became nan in epoch 2"):
        pack.trained(1)
    assert len(pack.history(1)) == 1
    for number in (0, 2):
        assert_alike(pack.trained(number), train(x, config, training, model_seed=SEEDS[number], device="cpu"))
    hopeless = training_config(learning_rate=1e30, schedule="constant", start="alike")
    ended = train_pack(x, members, hopeless, device="cpu", on_epoch=spoil)
    assert [type(one) for one in ended] == [TrainingDivergedError] * 3
    assert heard == []


def test_a_model_that_diverges_in_the_warm_up_leaves_the_others_alone(x: np.ndarray) -> None:
    """In its last step: the loss was still finite, but k-means finds no places among latent means that are not."""
    config, training = model_config(), training_config()
    pack = Pack(x, [Member(config, seed) for seed in SEEDS], training, device="cpu")
    after_steps = pack._after_steps

    def spoil(warming_up: bool) -> None:
        pack.networks.get_parameter("0.encoder.head.bias").data[1, 0] = float("nan")
        after_steps(warming_up)

    pack._after_steps = spoil  # type: ignore[method-assign]
    assert set(pack.run_epoch()) == {0, 2}
    assert "latent means are not finite" in str(pack.errors[1])


def test_a_state_without_its_moments_is_refused(x: np.ndarray) -> None:
    config, training = model_config(), training_config()
    trainer = Trainer(x, config, training, model_seed=3, device="cpu")
    trainer.run_epoch()
    state = trainer.state()
    tensors = {name: tensor for name, tensor in state.tensors.items() if not name.endswith("exp_avg_sq")}
    broken = TrainingState(tensors, state.step, state.seconds, state.averaged_steps, state.history)
    with pytest.raises(CheckpointError, match="other settings"):
        Trainer(x, config, training, model_seed=3, device="cpu").restore(broken)
    with pytest.raises(CheckpointError, match="states of 2 trainings for 1 model"):
        Pack(x, [Member(config, 3)], training, device="cpu").restore([state, state])


@pytest.mark.parametrize("stop", [1, 2])
@pytest.mark.parametrize("objective", ["bayes", "sampled"])
def test_a_pack_goes_on_from_what_it_or_a_training_alone_left(x: np.ndarray, objective: str, stop: int) -> None:
    config, training = model_config(objective), training_config(objective=objective)
    members = [Member(config, seed) for seed in SEEDS]
    whole = packed(x, members, training)
    kept: list[TrainingState] = []

    def keep(pack: Pack) -> None:
        if pack.epoch == stop:
            kept.extend(copied(pack.state(number)) for number in range(len(pack)))

    packed(x, members, training, on_states=keep)
    alone = Trainer(x, config, training, model_seed=SEEDS[0], device="cpu")
    for _ in range(stop):
        alone.run_epoch()
    # A model may have trained alone before it joins others, and the other way round.
    mixed = [alone.state(), kept[2]]
    for one, before in zip(packed(x, [members[0], members[2]], training, resume=mixed), [whole[0], whole[2]], strict=True):
        assert_alike(one, before)
    for one, before in zip(packed(x, members, training, resume=kept), whole, strict=True):
        assert all(torch.equal(one.model.state_dict()[name], tensor) for name, tensor in before.model.state_dict().items())
    single = train(x, config, training, model_seed=SEEDS[1], device="cpu", resume=kept[1])
    assert_alike(single, whole[1])


def copied(state: TrainingState) -> TrainingState:
    tensors = {name: tensor.clone() for name, tensor in state.tensors.items()}
    return TrainingState(tensors, state.step, state.seconds, state.averaged_steps, state.history)


@pytest.mark.parametrize("reached", [(2, 1, 2), (3, 0, 1), (1, 0, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_models_that_were_left_behind_catch_up_to_the_last_bit(
    x: np.ndarray, dtype: torch.dtype, reached: tuple[int, ...]
) -> None:
    torch.set_default_dtype(dtype)
    training = training_config(epochs=4)
    rates = (3e-3, 1e-3, 2e-3)
    for own in ([None] * 3, [training.model_copy(update={"learning_rate": rate}) for rate in rates]):
        members = [
            Member(model_config(n_components=k), seed, of_it) for k, seed, of_it in zip((6, 3, 6), SEEDS, own, strict=True)
        ]
        kept: dict[tuple[int, int], TrainingState] = {}

        def keep(pack: Pack, kept: dict[tuple[int, int], TrainingState] = kept) -> None:
            kept |= {(number, pack.epoch): copied(pack.state(number)) for number in range(len(pack))}

        whole = packed(x, members, training, on_states=keep)
        resume = [kept.get((number, epoch)) for number, epoch in enumerate(reached)]
        for one, before in zip(packed(x, members, training, resume=resume), whole, strict=True):
            assert all(torch.equal(one.model.state_dict()[name], tensor) for name, tensor in before.model.state_dict().items())
            assert [epoch.loss for epoch in one.history] == [epoch.loss for epoch in before.history]


def test_states_of_other_trainings_are_refused(x: np.ndarray) -> None:
    training = training_config()
    trainer = Trainer(x, model_config(), training, model_seed=3, device="cpu")
    trainer.run_epoch()
    smaller = [Member(model_config(n_components=5), 3), Member(model_config(n_components=5), 4)]
    with pytest.raises(CheckpointError, match="other settings"):
        Pack(x, smaller, training, device="cpu").restore([trainer.state()] * 2)


def test_models_of_different_forms_are_refused(x: np.ndarray) -> None:
    others = [model_config(latent_dim=5), model_config(encoder_layers=(24,))]
    for other in others:
        with pytest.raises(InputError, match="may differ in seed"):
            Pack(x, [Member(model_config(), 0), Member(other, 1)], training_config(), device="cpu")
    exact = [Member(model_config("exact", n_components=k), 0) for k in (4, 5)]
    with pytest.raises(InputError, match="may differ in seed"):
        Pack(x, exact, training_config(objective="exact"), device="cpu")


def test_time_is_shared_and_the_rate_is_that_of_all(x: np.ndarray) -> None:
    pack = Pack(x, [Member(model_config(), seed) for seed in SEEDS], training_config(), device="cpu")
    first, second, third = pack.run_epoch().values()
    assert first.seconds == second.seconds == third.seconds
    assert first.images_per_second == pytest.approx(160 / first.seconds)
    assert first.cpu_seconds is not None
