"""Connecting to Ray: quietly, and with nothing listening that is not needed."""

import builtins
import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType
from typing import Any

from bench.engine.guard import guarded
from bench.engine.home import ensure_home
from bench.engine.private import RAYS, own_token, private_folder, remove, scratch_in
from bench.engine.work import Work
from bench.errors import ClusterError, number_of
from bench.store.sources import fingerprint, package_version
from bench.store.storage import Storage
from gmvae.errors import first_line

_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # After a shutdown nothing, such as Tune's thread, may start Ray again.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # Tasks that ask for no GPU must not see one.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    # Tune looks for trackers, and MLflow would write an id of this machine at the sight.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # What ran on a node that left runs elsewhere. Ray would print a page about each task that nobody asks for any more.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}
# A private instance talks to itself alone: it listens on the loopback interface, as Ray does by default on macOS and Windows.
# Where shared memory is small, as in containers, objects go to its folder.
_PRIVATE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1"}
# Seconds without GCS or this node's raylet: of a cluster, whose head may start again, and of an instance of our own.
_PATIENCE, _PATIENCE_ALONE = 12, 3
# A cluster's GPUs may all be in use.
_GPU_SECONDS = 30.0
# Ray prints these at length for every worker and node that dies; here its cells are judged again or fail with that cause.
_DEATHS = ("A worker died or was killed", "worker(s) were killed due to", "ServeController.graceful_shutdown")
_NODE_DEATHS = ("Raylet is terminated", "has been marked dead")

_REACH_SECONDS, _ANSWER_SECONDS = 10.0, 25.0
_FAULTS_SHOWN = 3


@contextmanager
def connected(address: str = "local") -> Iterator[None]:
    """Connect to Ray for the time of a `with` block.

    Parameters
    ----------
    address
        `local` starts a private instance with all CPUs and GPUs of this machine and ends it afterwards; `auto` or `HOST:PORT`
        joins a running cluster.

    Raises
    ------
    ClusterError
        If there is no cluster at the address, or it does not let us in.
    """
    for name, value in (_QUIET | (_PRIVATE if address == "local" else {})).items():
        os.environ.setdefault(name, value)
    # Imported late: Ray reads the variables above, and `--help` must not wait half a second for it.
    import ray

    _check_reachable(address)
    with _joined(ray, address) if address != "local" else _started(ray):
        yield


@contextmanager
def _joined(ray: Any, address: str) -> Iterator[None]:
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster answered at --address {address} ({first_line(error)}).\n"
            "Start one with `ray start --head`, or use --address local; for a cluster with tokens set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH."
        ) from error
    try:
        _silence_deaths(ray, _DEATHS + _NODE_DEATHS)
        with guarded(_indispensable(ray), lambda: None, _PATIENCE):
            yield
    finally:
        ray.shutdown()


@contextmanager
def _started(ray: Any) -> Iterator[None]:
    ensure_home()
    with private_folder() as folder, own_token():
        try:
            with scratch_in(folder):
                ray.init(
                    address="local",
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    include_dashboard=False,
                    _temp_dir=str(folder / RAYS),
                )
        except (OSError, RuntimeError, ValueError) as error:
            raise ClusterError(
                f"Ray does not start here ({first_line(error)}); free memory or disk, or use --executor serial"
            ) from error
        try:
            _silence_deaths(ray, _DEATHS)
            with guarded(_indispensable(ray), lambda: remove(folder), _PATIENCE_ALONE):
                yield
        finally:
            ray.shutdown()


def _indispensable(ray: Any) -> list[tuple[str, int]]:
    """Return where the processes listen without which nothing goes on: the cluster's own, and this node's."""
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    own = context.get_node_id()
    nodes = [(node["NodeManagerAddress"], node["NodeManagerPort"]) for node in ray.nodes() if node["NodeID"] == own]
    return [(host.strip("[]"), int(port)), *nodes]


def _silence_deaths(ray: Any, deaths: tuple[str, ...]) -> None:
    """Keep Ray from printing a page for everything that dies; it has no option for that."""
    inner = getattr(ray._private, "worker", None)
    tell = getattr(inner, "print_to_stdstream", None)
    if tell is None or hasattr(tell, "told"):
        return

    def told(data: dict[str, Any], *rest: Any, **options: Any) -> None:
        if not any(death in line for line in data.get("lines", ()) for death in deaths):
            tell(data, *rest, **options)

    told.told = tell  # type: ignore[attr-defined]
    inner.print_to_stdstream = told  # type: ignore[union-attr]


def _check_reachable(address: str) -> None:
    """Raise at once if nothing listens: Ray itself would keep trying for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        if address not in ("local", "auto"):
            raise ClusterError(f"--address got {address!r}; expected local, auto or HOST:PORT")
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"nothing answers at --address {address} ({error}); start a cluster there with `ray start --head`, "
            "or use --address local"
        ) from error


def check_nodes(storage: Storage) -> None:
    """Make sure that every node runs the same sources as this process and sees the storage.

    Raises
    ------
    ClusterError
        If one does not, or does not answer in time; StoreError if this process itself cannot use the storage.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder = f"seen-{uuid.uuid4().hex[:8]}"
    token = f"{folder}/token"
    storage.write(token, b"")
    # Sent by value: a node that lacks the package must be able to say so.
    ask: Any = ray.remote(num_cpus=0, max_retries=0)(_as_value(_answer))
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[ask.options(scheduling_strategy=strategy).remote(storage.location, token)] = node["NodeManagerAddress"]
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS)
    faults = [f"node {asked[reference]} does not answer" for reference in silent]
    for reference in answered:
        try:
            faults += _faults(asked[reference], storage, *ray.get(reference))
        except ray.exceptions.TaskUnschedulableError:
            # The node has just left: Ray lists it for a moment longer.
            continue
        except ray.exceptions.RayError as error:
            faults.append(f"node {asked[reference]}: {str(error).strip().splitlines()[-1]}")
    storage.clear(folder)
    if faults:
        more = [f"and {number_of(len(faults) - _FAULTS_SHOWN, 'more node')}"] if len(faults) > _FAULTS_SHOWN else []
        raise ClusterError("\n".join([*sorted(faults)[:_FAULTS_SHOWN], *more]))


def _answer(location: str, token: str) -> tuple[str | None, str | None, bool | str]:
    """Return version and sources of the package on a node, and whether the storage shows it the token, or why it does not."""
    try:
        from bench.store.sources import fingerprint, package_version
        from bench.store.storage import Storage
    except ImportError:
        return None, None, False
    try:
        return package_version(), fingerprint(), Storage(location).has(token)
    except OSError as error:
        return package_version(), fingerprint(), str(error)


def _faults(node: str, storage: Storage, version: str | None, sources: str | None, sees: bool | str) -> list[str]:
    own = package_version()
    if version is None:
        return [f"node {node} lacks the package; `pip install gmvae-bench=={own}` there, in the environment that runs Ray"]
    if sources != fingerprint():
        return [f"node {node} has other sources ({version}) than this process ({own}); install the same version on all nodes"]
    if sees is not True:
        why = f": {sees}" if sees else ""
        return [
            f"node {node} does not see {storage.location}, where trainings keep checkpoints{why}; give --storage a folder that "
            "all nodes share, or s3://bucket/folder"
        ]
    return []


def _as_value(function: Any) -> FunctionType:
    """Return a copy of a function that pickles with its code, not as a name in a module."""
    copy = FunctionType(function.__code__, {"__builtins__": builtins}, function.__name__)
    copy.__module__ = "__main__"
    return copy


def living_nodes() -> frozenset[str]:
    """Return the ids of the nodes that Ray considers alive; one behind a cut link stays among them for a minute."""
    import ray

    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def cluster_cpus() -> float:
    """Return the CPUs of the connected cluster."""
    import ray

    return float(ray.cluster_resources().get("CPU", 1))


def with_cluster_gpus(work: Work, asked: float | None) -> Work:
    """Give every training the GPUs that `gpus_per_training` says.

    Raises
    ------
    ClusterError
        If more is asked for than any node has.
    """
    gpus = gpus_per_training(max((job.cpus for job in work.trainings), default=0.0), asked)
    return replace(work, trainings=tuple(replace(job, gpus=gpus) for job in work.trainings))


def gpus_per_training(cpus: float, asked: float | None) -> float:
    """Return the GPUs per training: as asked, else one if the cluster has any.

    Raises
    ------
    ClusterError
        If more is asked for than any node has.
    """
    nodes = _node_resources()
    gpus = asked if asked is not None else float(any(node.get("GPU", 0) > 0 for node in nodes))
    if gpus > 1 and gpus != int(gpus):
        raise ClusterError(f"--gpus-per-trial got {gpus:g}; expected a fraction of one GPU, or a whole number of them")
    for name, wanted in (("CPU", cpus), ("GPU", gpus)):
        most = max((node.get(name, 0) for node in nodes), default=0)
        if wanted > most:
            raise ClusterError(
                f"--{name.lower()}s-per-trial asks for {wanted:g}, but the cluster has no node with more than "
                f"{number_of(most, name)}; ask for fewer"
            )
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        raise ClusterError(
            f"no node has {number_of(cpus, 'CPU')} and {number_of(gpus, 'GPU')} together, as a training would take; ask for fewer"
        )
    return gpus


def gpu_bytes_per_training(gpus: float) -> int | None:
    """Return the memory that a training on so many GPUs has on one of them.

    `None` if it gets none, if only Ray believes in them, or if others have them all.
    """
    if not gpus:
        return None
    import ray

    from bench.engine.packing import gpu_bytes

    # Asked where there is one: the driver may have none.
    asked = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=0)(gpu_bytes).remote("auto")
    try:
        memory: int | None = ray.get(asked, timeout=_GPU_SECONDS)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(asked)
        return None
    except ray.exceptions.RayError:
        # The trainings will say what is wrong with the GPU.
        return None
    return None if memory is None else int(memory * min(1.0, gpus))


def trainings_at_once(cpus: float, gpus: float) -> int:
    """Return how many trainings of this size the cluster has room for."""
    return sum(
        int(min(node.get(name, 0) / wanted for name, wanted in (("CPU", cpus), ("GPU", gpus)) if wanted > 0))
        for node in _node_resources()
    )


def _node_resources() -> list[dict[str, float]]:
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
