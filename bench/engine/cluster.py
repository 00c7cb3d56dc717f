"""Connecting to Ray: one function, quiet, and nothing listening that is not needed."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bench.engine.work import Work
from bench.errors import ClusterError

_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # After a shutdown nothing, such as Tune's thread, may start another Ray unasked.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # Tasks that ask for no GPU must not see one.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}


_REACH_SECONDS = 10.0


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
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # Ray is imported only now: it reads the variables above, and costs half a second that `--help` must not pay.
    import ray

    _check_reachable(address)
    options: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster answered at --address {address} ({str(error).splitlines()[0]}).\n"
            "Start one with `ray start --head`, or use --address local; for a cluster with tokens set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise at once where nothing listens: Ray itself would go on trying for many minutes."""
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


def cluster_cpus() -> float:
    """Return the CPUs of the connected cluster."""
    import ray

    return float(ray.cluster_resources().get("CPU", 1))


def with_cluster_gpus(work: Work, asked: float | None) -> Work:
    """Give every training the GPUs asked for; without a wish, one each where the cluster has any.

    Raises
    ------
    ClusterError
        If more is asked for than any cluster of this size could give.
    """
    import ray

    resources = ray.cluster_resources()
    gpus = asked if asked is not None else float(resources.get("GPU", 0) > 0)
    for name, wanted in (("CPU", max((job.cpus for job in work.trainings), default=0)), ("GPU", gpus)):
        if wanted > resources.get(name, 0):
            there = resources.get(name, 0)
            raise ClusterError(
                f"--{name.lower()}s-per-trial asks for {wanted:g}, but the cluster has {there:g} {name}s; ask for fewer"
            )
    return replace(work, trainings=tuple(replace(job, gpus=gpus) for job in work.trainings))
