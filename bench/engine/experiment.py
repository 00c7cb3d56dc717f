"""What all Tune experiments here share: where they live, their thread, restarts of dead processes, limits, causes of death."""

import faulthandler
import gc
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray
from ray import tune
from ray.tune.execution.class_cache import ENV_VARS_TO_PROPAGATE
from ray.tune.experiment import Trial

from bench.errors import BenchError, number_of
from bench.store.storage import Storage

# How often a trial whose process or node dies is restarted from its checkpoint.
RESTARTS = 3
# A trial that holds Python's lock this long after its limit is killed.
_GRACE_SECONDS = 5.0
_LEAVE_SECONDS = 15.0
# Ray retries a lost transfer less and less often, in the end every few minutes; a new call asks at once.
_FETCH_SECONDS = 30.0


def fit(
    trainable: Callable[[dict[str, Any]], None],
    storage: Storage,
    *,
    cpus: float,
    gpus: float,
    callbacks: list[tune.Callback] | None = None,
    param_space: dict[str, Any] | None = None,
    stop: tune.Stopper | None = None,
    **config: Any,
) -> None:
    """Run an experiment to its end; `config` goes to `TuneConfig`."""
    # Ray writes what it propagates to its workers into its logs, and these are keys of object stores.
    ENV_VARS_TO_PROPAGATE.difference_update({name for name in ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")})
    system, root = storage.inner("tune").resolved()
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
        param_space=param_space,
        # A process per trial would load torch each time: seconds, for trainings that may take less. A trial leaves nothing in its
        # process but loaded modules.
        tune_config=tune.TuneConfig(reuse_actors=True, **config),
        run_config=tune.RunConfig(
            # A new name: Tune would mix in what it finds under an old one.
            name=uuid.uuid4().hex[:8],
            storage_path=root,
            storage_filesystem=None if system.type_name == "local" else system,
            failure_config=tune.FailureConfig(max_failures=RESTARTS),
            verbose=0,
            stop=stop,
            callbacks=callbacks or [],
        ),
    ).fit()


class _LeftError(BaseException):
    """Raised in Tune's thread. After an `Exception` Tune would tidy up, and wait for trials in the middle of an epoch."""


class _Leave(tune.Stopper):
    """Ends the experiment at its next step once asked to."""

    def __init__(self) -> None:
        self.asked = False

    def __getstate__(self) -> dict[str, Any]:
        # Tune writes it into its own state file, which nothing reads.
        return {"asked": False}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's
        """Stop no trial by itself."""
        return False

    def stop_all(self) -> bool:
        """Raise if the experiment is to be left."""
        if self.asked:
            raise _LeftError
        return False


class Experiment:
    """An experiment in a thread beside the driver's own, for the time of a `with` block.

    If Tune calls Ray after Ray's end, Ray ends the whole process with an exit code of its own: wait for the experiment, or leave
    it, before ending Ray.

    Parameters
    ----------
    conduct
        Calls `fit` with the stopper that it is given.
    """

    def __init__(self, conduct: Callable[[tune.Stopper], None]) -> None:
        self._conduct, self._stop = conduct, _Leave()
        self._thread = threading.Thread(target=self._run, name="tune", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the experiment if it has not ended; its trials end with Ray."""
        self._stop.asked = True
        self.wait(_LEAVE_SECONDS)

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for its end; return whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with suppress(_LeftError):
            self._conduct(self._stop)
        # Tune's leftovers return their resources when collected, which must not happen after Ray's end either.
        gc.collect()


def fetch(reference: Any) -> Any:
    """Return what a reference holds, as `ray.get` does, asking again if the answer takes long."""
    patience = _FETCH_SECONDS
    while True:
        try:
            return ray.get(reference, timeout=patience)
        except ray.exceptions.GetTimeoutError:
            # Longer each time: a large transfer may take long.
            patience *= 2


def cause_of_death(trial: Trial) -> str:
    """Say why a trial's process died for good."""
    path = Path(trial.error_file) if trial.error_file else None
    lines = path.read_text(errors="replace").strip().splitlines() if path and path.is_file() else []
    return f"its process died {RESTARTS + 1} times ({lines[-1] if lines else 'no message was left'})"


class OverdueError(Exception):
    """An earlier attempt exceeded its limit."""


@contextmanager
def limited(limit: float | None, storage: Storage, note: str) -> Iterator[None]:
    """End this process `limit` seconds after a block began, leaving a note in the storage for the next attempt.

    Raises
    ------
    OverdueError
        If an earlier attempt left that note.
    """
    if limit is None:
        yield
        return
    if storage.has(note):
        raise OverdueError(f"it took longer than {number_of(limit, 'second')}")
    watch = threading.Timer(limit, _end, (storage, note))
    watch.daemon = True
    watch.start()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - of the standard library's interfaces only this one is a file
        # The timer needs Python's lock; this does not.
        faulthandler.dump_traceback_later(limit + _GRACE_SECONDS, exit=True, file=nowhere)
        try:
            yield
        finally:
            watch.cancel()
            faulthandler.cancel_dump_traceback_later()


def _end(storage: Storage, note: str) -> None:
    with suppress(BenchError):
        storage.write(note, b"")
    os._exit(1)
