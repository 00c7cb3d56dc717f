"""A training step recorded once and replayed: a few launches for a GPU instead of hundreds."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gmvae.errors import first_line

Step = Callable[[Tensor], None]

# Steps on a stream of their own before the recording, in which libraries get what they need and buffers come to be.
_BEFORE = 3


class RecordedStep:
    """A step that takes a batch of indices and changes tensors in place, as a CUDA graph.

    What it does must depend on tensors alone: numbers of Python are recorded as they are, and nothing may wait for the device. A
    step that cannot be recorded is taken as it is, and `why_not` says why.

    Raises
    ------
    torch.OutOfMemoryError
        If a step, or its recording, needs more memory than there is.
    """

    def __init__(self, step: Step, generators: Sequence[torch.Generator]) -> None:
        self._step, self._generators = step, generators
        self._taken = 0
        self._aside: Any = None
        self._graph: Any = None
        self._batch: Tensor | None = None
        self.why_not: str | None = None

    def __call__(self, batch: Tensor) -> None:
        """Take a step with a batch, which always has the same shape."""
        if self.why_not is None and self._taken < _BEFORE:
            self._taken += 1
            self._take_aside(batch)
            return
        if self.why_not is None and self._graph is None:
            self._record(batch)
        if self._graph is None:
            self._step(batch)
            return
        assert self._batch is not None  # noqa: S101 - made with the graph
        self._batch.copy_(batch)
        self._graph.replay()

    def _take_aside(self, batch: Tensor) -> None:
        if self._aside is None:
            self._aside = torch.cuda.Stream(batch.device)
        self._aside.wait_stream(torch.cuda.current_stream(batch.device))
        with torch.cuda.stream(self._aside):
            self._step(batch)
        torch.cuda.current_stream(batch.device).wait_stream(self._aside)

    def _record(self, batch: Tensor) -> None:
        """Record the step, or note why that fails. What the failed one held is free when this returns."""
        cause: BaseException | None = None
        try:
            self._graph = self._capture(batch)
        except Exception as error:  # noqa: BLE001 - torch's own, of several types
            # A recording that was broken off fails again at its end, and says less.
            cause = (error.__context__ or error).with_traceback(None)
        if isinstance(cause, torch.OutOfMemoryError):
            raise cause
        self.why_not = None if cause is None else first_line(cause)

    def _capture(self, batch: Tensor) -> Any:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream(batch.device)
        with warnings.catch_warnings():
            # Newer versions know the generators without being told, and say so.
            warnings.simplefilter("ignore")
            for generator in self._generators:
                getattr(graph, "register_generator_state", lambda _: None)(generator)
        self._batch = batch.clone()
        try:
            with torch.cuda.device(batch.device), torch.cuda.graph(graph):
                self._step(self._batch)
        finally:
            # A recording that fails would leave its own.
            torch.cuda.set_stream(stream)
        return graph
