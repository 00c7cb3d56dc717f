"""What a GPU needs of a step: that it can be recorded once and replayed, and that its results are those of a CPU.

A recorded step runs no line of Python again. What must not be in it is looked for here without a GPU: a wait for the device, a
shape that depends on values, a constant that is copied there, a number that was recorded and changes from step to step.
"""

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gmvae import adam
from gmvae.config import PLAIN, ModelConfig, TrainingConfig, paper_configs
from gmvae.objectives import OBJECTIVES
from gmvae.pack import loop
from gmvae.pack import members as members_of_packs
from gmvae.pack.graph import RecordedStep
from gmvae.training import Member, Pack, train, train_pack

SEEDS = (3, 4, 7)
# Each of these waits for the device, or copies something to it, in every step.
UNRECORDABLE = {
    *("aten::_local_scalar_dense", "aten::item", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::is_nonzero"),
    *("aten::scalar_tensor", "aten::lift_fresh", "aten::multinomial", "aten::bincount", "aten::_unique2", "aten::unique_dim"),
    *("aten::repeat_interleave", "aten::argwhere", "aten::isin", "aten::histc", "aten::allclose"),
}


def members(objective: str, **fields: Any) -> list[Member]:
    sizes = {"n_features": 64, "n_components": 6, "latent_dim": 4, "encoder_layers": (24,), "decoder_layers": (16,)}
    config = ModelConfig.model_validate(sizes | {"image_shape": (8, 8), "inference": OBJECTIVES[objective].inference} | fields)
    return [Member(config, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def x(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return digits[0][:160]


class Recordable(TorchDispatchMode):
    """Fails at an operation that a recording could not hold."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        # On its way back torch makes its constants on the device.
        own = name == "aten::scalar_tensor" and torch._C._current_graph_task_id() != -1
        assert own or name not in UNRECORDABLE, f"{func} in a step"
        if name in ("aten::index", "aten::index_put", "aten::index_put_"):
            assert all(index is None or index.dtype == torch.int64 for index in args[1]), "a mask as an index in a step"
        if name == "aten::copy_":
            assert args[0].dtype == args[1].dtype or args[1].ndim > 0, "a constant that is copied in a step"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("objective", list(OBJECTIVES))
@pytest.mark.parametrize(
    ("model", "training"),
    [
        ({}, {}),
        ({}, PLAIN),
        ({"likelihood": "gaussian", "image_shape": None}, {}),
        ({"encoder": "conv"}, {"views": "photo"}),
        ({"batch_norm": False}, {"averaging": 0.0}),
    ],
    ids=["default", "plain", "vectors", "photographs", "bare"],
)
@pytest.mark.parametrize("warming_up", [True, False])
def test_steps_can_be_recorded(
    x: np.ndarray, objective: str, model: dict[str, Any], training: dict[str, Any], warming_up: bool
) -> None:
    settings = TrainingConfig.model_validate({"objective": objective, "epochs": 5, "batch_size": 40} | training)
    pack = Pack(x, members(objective, **model), settings, device="cpu")
    pack.model.prior.requires_grad_(not warming_up)
    batch = torch.arange(120).view(3, 40)
    pack.take_step(batch, warming_up)
    with Recordable():
        pack.take_step(batch, warming_up)


def test_the_check_sees_what_cannot_be_recorded() -> None:
    q = torch.rand(3, 4)
    for step in (
        lambda: float(q.sum()),
        lambda: q[q > 0.5],
        lambda: torch.where(q > 0.5, q, 0.0),
        lambda: torch.tensor(0.5),
        lambda: torch.multinomial(q, 1),
    ):
        with pytest.raises(AssertionError, match="in a step"), Recordable():
            step()


def test_numbers_that_change_from_step_to_step_are_set_between_steps(x: np.ndarray) -> None:
    """Rates are set by `_set_rates`: what a step does by itself, again and again, uses the same."""
    pack = Pack(x, members("bayes"), TrainingConfig(epochs=5, batch_size=40), device="cpu")
    batch = torch.arange(120).view(3, 40)
    pack._set_rates()
    before = pack.optimiser.learning_rate, pack.average.updates
    for _ in range(3):
        pack.take_step(batch, warming_up=True)
    assert (pack.optimiser.learning_rate, pack.average.updates) == before
    pack.step += 1
    pack._set_rates()
    assert pack.optimiser.learning_rate > before[0]
    assert pack.average.updates == before[1] + 1


def test_sums_moments_and_means_stay_where_they_are(x: np.ndarray) -> None:
    """A recording knows addresses: what it reads and writes must not be replaced between steps or epochs."""
    pack = Pack(x, members("bayes"), TrainingConfig(epochs=6, batch_size=40, start="alike"), device="cpu")

    def places() -> list[int]:
        moments = [tensor for entry in pack.optimiser.moments.values() for tensor in entry.values()]
        kept = [*pack.networks.state_dict().values(), *moments, *pack.average.means, pack._sums._sums, pack._sums._counts]
        return [tensor.data_ptr() for tensor in kept]

    pack.run_epoch()
    before = places()
    for _ in range(3):
        pack.run_epoch()
    assert places() == before


class Stub:
    """Stands for CUDA where there is none: what is recorded is run when it is replayed."""

    def __init__(self, step: Any) -> None:
        self.step, self.batch, self.taken = step, torch.zeros(0), 0

    def replay(self) -> None:
        self.taken += 1
        self.step(self.batch)


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[int]] = []
    step = RecordedStep(lambda batch: taken.append(batch.tolist()), [])
    monkeypatch.setattr(step, "_take_aside", step._step)

    def fail(_: torch.Tensor) -> None:
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(step, "_capture", fail)
    for number in range(6):
        step(torch.tensor([number]))
    assert taken == [[number] for number in range(6)]
    assert step.why_not == "operation not permitted when stream is capturing"


def test_memory_that_a_recording_lacks_is_no_reason_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    step = RecordedStep(lambda _: None, [])
    monkeypatch.setattr(step, "_take_aside", step._step)

    def fail(_: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(step, "_capture", fail)
    for number in range(3):
        step(torch.tensor([number]))
    with pytest.raises(torch.OutOfMemoryError):
        step(torch.tensor([3]))


def test_a_pack_is_freed_with_its_last_name(x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its recording must not hold it: the next pack would begin beside it."""
    pack = Pack(x, members("bayes"), TrainingConfig(epochs=5, batch_size=40), device="cpu")
    monkeypatch.setattr(RecordedStep, "_take_aside", lambda step, batch: step._step(batch))
    monkeypatch.setattr(RecordedStep, "_capture", lambda *_: None)
    with monkeypatch.context() as on_gpu:
        # For the length of a look, the data lie on a GPU.
        on_gpu.setattr(pack, "items", torch.empty(0, device="meta"))
        on_gpu.setattr(loop, "_ON_GPU", "meta")
        step = pack._stepper(warming_up=True)
    assert isinstance(step, RecordedStep)
    step(torch.arange(120).view(3, 40))
    gone = weakref.ref(pack)
    gc.disable()
    try:
        del pack, step
        assert gone() is None
    finally:
        gc.enable()


def test_a_recorded_step_gets_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[int]] = []
    step = RecordedStep(lambda batch: taken.append(batch.tolist()), [])
    monkeypatch.setattr(step, "_take_aside", step._step)
    stub = Stub(step._step)

    def capture(batch: torch.Tensor) -> Stub:
        step._batch = stub.batch = batch.clone()
        return stub

    monkeypatch.setattr(step, "_capture", capture)
    for number in range(6):
        step(torch.tensor([number]))
    assert taken == [[number] for number in range(6)]
    assert stub.taken == 3


class TorchOfAGpu:
    """torch, but for random numbers, whose generators cannot be made on a device that is not there."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def Generator(_: Any = None) -> torch.Generator:  # noqa: N802 - torch's
        return torch.Generator()


@pytest.mark.slow
@pytest.mark.parametrize("objective", list(OBJECTIVES))
@pytest.mark.parametrize(("views", "encoder"), [("warp", "mlp"), ("photo", "conv")])
@pytest.mark.parametrize("n_models", [1, 3])
def test_everything_in_a_step_lies_on_the_gpu(
    x: np.ndarray, objective: str, views: str, encoder: str, n_models: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With torch's fake tensors, which know a device and hold nothing: they refuse to mix two devices as real ones do."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(members_of_packs, "torch", TorchOfAGpu())
    monkeypatch.setattr(loop, "resolve_device", lambda _: torch.device("cuda", 0))
    monkeypatch.setattr(loop, "multiplies_bfloat16_fast", lambda _: False)
    # Modules are made there; fake ones cannot be moved. The way back, Adam's kernel and that of exponentials have no fakes.
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_: module)
    monkeypatch.setattr(adam, "adam", lambda *_, lr, **__: rates.append(lr))
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda tensor, generator: tensor.uniform_(generator=generator))
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: losses.append(loss))
    rates, losses = list[Any](), list[torch.Tensor]()
    settings = TrainingConfig.model_validate({"objective": objective, "batch_size": 40, "precision": "float32", "views": views})
    with FakeTensorMode(allow_non_fake_inputs=True), warnings.catch_warnings():
        # Autocast is off here, and says that it could not be on.
        warnings.filterwarnings("ignore", message=".*CUDA is not available.*")
        with torch.device("cuda"):
            pack = Pack(x, members(objective, encoder=encoder)[:n_models], settings, device="cuda")
            batch = torch.zeros((n_models, 40) if n_models > 1 else (40,), dtype=torch.int64)
        pack._set_rates()
        for warming_up in (True, False):
            pack.take_step(batch, warming_up)
    assert [loss.device.type for loss in losses] == ["cuda"] * 2
    # What changes from step to step is read there.
    assert [rate.device.type for rate in rates] == ["cuda"] * 2
    assert pack.average._newest_there is not None
    assert pack._sums._sums.device.type == "cuda"


def alike_on_gpu(objective: str, several: bool, **training: Any) -> tuple[float, float]:
    """Loss of the third epoch on CPU and on GPU, whose random numbers are others: they agree in the mean."""
    rng = np.random.default_rng(0)
    data = (rng.random((4_000, 64)) < 0.5 * (1 + np.sin(np.arange(64)))).astype(np.uint8) * 255
    settings = TrainingConfig.model_validate({"objective": objective, "epochs": 3, "precision": "float32"} | training)
    losses = []
    for device in ("cpu", "cuda"):
        if several:
            trained = train_pack(data, members(objective), settings, device=device)
            losses.append(float(np.mean([one.history[-1].loss for one in trained])))  # type: ignore[union-attr]
        else:
            member = members(objective)[0]
            one = train(data, member.config, settings, model_seed=member.model_seed, device=device)
            losses.append(one.history[-1].loss)
    return losses[0], losses[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("objective", list(OBJECTIVES))
@pytest.mark.parametrize("several", [False, True], ids=["alone", "packed"])
def test_a_gpu_trains_what_a_cpu_trains(objective: str, several: bool) -> None:
    on_cpu, on_gpu = alike_on_gpu(objective, several)
    assert on_gpu == pytest.approx(on_cpu, rel=0.05)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_steps_on_a_gpu_are_recorded(x: np.ndarray, objective: str) -> None:
    pack = Pack(x, members(objective), TrainingConfig(objective=objective, epochs=6, batch_size=40), device="cuda")  # type: ignore[arg-type]
    for _ in range(6):
        pack.run_epoch()
    assert pack.why_not_recorded is None
    assert not pack.errors


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_recorded_training_goes_on_from_its_state(x: np.ndarray) -> None:
    settings = TrainingConfig(epochs=6, batch_size=40, precision="float32")
    whole = Pack(x, members("bayes"), settings, device="cuda")
    for _ in range(3):
        whole.run_epoch()
    resumed = Pack(x, members("bayes"), settings, device="cuda")
    resumed.restore([whole.state(number) for number in range(len(whole))])
    for pack in (whole, resumed):
        while pack.epoch < 6:
            pack.run_epoch()
    for number in range(len(whole)):
        assert resumed.history(number)[-1].loss == pytest.approx(whole.history(number)[-1].loss, rel=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_papers_model_goes_through_a_step_on_a_gpu() -> None:
    model, training = paper_configs(784)
    data = np.random.default_rng(0).integers(0, 256, (600, 784), dtype=np.uint8)
    pack = Pack(data, [Member(model, 0), Member(model, 1)], training.model_copy(update={"precision": "auto"}), device="cuda")
    assert all(np.isfinite(stats.loss) for stats in pack.run_epoch().values())
    assert all(np.isfinite(stats.loss) for stats in pack.run_epoch().values())
