"""What trainings may ask of the nodes of a cluster, and what is said where no node has it."""

import pytest

from bench.engine import cluster, distributed
from bench.engine.cluster import gpus_per_training, trainings_at_once
from bench.engine.work import Listener, TrainingJob
from bench.errors import ClusterError
from bench.plan.cells import ModelKey
from gmvae.config import ModelConfig, TrainingConfig

NODES = [{"memory": 1e9}, {"CPU": 1.0}, {"CPU": 2.0, "GPU": 1.0}]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Resources of the living nodes."""
    there = list(NODES)
    monkeypatch.setattr(cluster, "_node_resources", lambda: there)
    return there


@pytest.mark.parametrize(
    ("cpus", "gpus", "message"),
    [
        (1, 2, "--gpus-per-trial asks for 2, but the cluster has no node with more than 1 GPU;"),
        (1, 1.5, "expected a fraction of one GPU, or a whole number of them"),
        (3, None, "--cpus-per-trial asks for 3, but the cluster has no node with more than 2 CPUs"),
    ],
)
def test_what_no_node_has_is_refused(nodes: list[dict[str, float]], cpus: float, gpus: float | None, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        gpus_per_training(cpus, gpus)
    # One node has the CPUs, another the GPUs.
    nodes[1:] = [{"CPU": 4.0}, {"CPU": 1.0, "GPU": 2.0}]
    with pytest.raises(ClusterError, match="no node has 2 CPUs and 1 GPU together"):
        gpus_per_training(2, 1)


def test_a_training_gets_a_gpu_where_there_are_some(nodes: list[dict[str, float]]) -> None:
    assert gpus_per_training(1, None) == 1
    assert (trainings_at_once(1, 0), trainings_at_once(1, 1), trainings_at_once(1, 0.5)) == (3, 1, 2)
    assert gpus_per_training(1, 0.25) == 0.25
    del nodes[2]
    assert gpus_per_training(1, None) == 0


class Notices(Listener):
    def __init__(self) -> None:
        self.told: list[str] = []

    def notice(self, text: str) -> None:
        self.told.append(text)


def test_trainings_without_a_node_say_so_once_each_time(nodes: list[dict[str, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_LOOK_SECONDS", 0.0)
    job = TrainingJob(ModelKey(10, 0), ModelConfig(n_features=4), TrainingConfig(), "cpu", cpus=1, gpus=0.5)
    listener = Notices()
    watch = distributed._Room(listener, job)
    for there in (NODES, NODES[:2], NODES[:2], NODES, NODES, []):
        nodes[:] = there
        watch.look()
    gone = (
        "no living node has 1 CPU and 0.5 GPUs for a training: trainings wait until one joins; Ctrl-C stops, and nothing is lost"
    )
    assert listener.told == [gone, "there is a node with 1 CPU and 0.5 GPUs for a training again; trainings go on", gone]
