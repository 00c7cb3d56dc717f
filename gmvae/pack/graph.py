"""A training step recorded once and replayed: one launch for a GPU instead of hundreds."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Tensor], None]

# Steps on a stream of their own before the recording, in which libraries get what they need and buffers come to be.
_BEFORE = 3


class RecordedStep:
    """A step that takes a batch of indices and changes tensors in place, as a CUDA graph.

    What it does must depend on tensors alone: numbers of Python are recorded as they are, and nothing may wait for the device. A
    step that cannot be recorded is taken as it is, and `why_not` says why.
    """

    def __init__(self, step: Step, generators: Sequence[torch.Generator]) -> None:
        self._step, self._generators = step, generators
        self._taken = 0
        self._graph: Any = None
        self._batch: Tensor | None = None
        self.why_not: str | None = None

    def __call__(self, batch: Tensor) -> None:
        """Take a step with a batch, which always has the same shape."""
        if self.why_not is not None:
            self._step(batch)
        elif self._taken < _BEFORE:
            self._taken += 1
            self._take_aside(batch)
        else:
            self._replay(batch)

    def _take_aside(self, batch: Tensor) -> None:
        aside = torch.cuda.Stream(batch.device)
        aside.wait_stream(torch.cuda.current_stream(batch.device))
        with torch.cuda.stream(aside):
            self._step(batch)
        torch.cuda.current_stream(batch.device).wait_stream(aside)

    def _replay(self, batch: Tensor) -> None:
        if self._graph is None:
            try:
                self._record(batch)
            except RuntimeError as error:
                self.why_not = str(error).partition("\n")[0]
                self._step(batch)
                return
        assert self._batch is not None  # noqa: S101 - made with the graph
        self._batch.copy_(batch)
        self._graph.replay()

    def _record(self, batch: Tensor) -> None:
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        self._batch = batch.clone()
        with torch.cuda.device(batch.device), torch.cuda.graph(graph):
            self._step(self._batch)
        self._graph = graph
