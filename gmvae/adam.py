"""Adam (Kingma & Ba 2015) by torch's own kernel, without what `torch.optim.Adam` loads around it."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What is kept of a parameter."""


class Adam:
    """The steps of `torch.optim.Adam`, bit for bit, in a process that never loads torch's compiler.

    `torch.optim.Optimizer` imports that compiler at its first use: two seconds on two CPUs of 2026, which every process that
    trains would pay before its first step. Betas 0.9 and 0.999, epsilon 1e-8.

    Attributes
    ----------
    learning_rate
        Of the next step; may be set at any time, to as many numbers as at first. One for all, or one for each of several models
        that lie along the first axis of every parameter. On a GPU it is kept there, too, where a recorded step reads it.
    moments
        By parameter number: `step`, `exp_avg`, `exp_avg_sq`. Empty for a parameter that never had a gradient.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float | Sequence[float]) -> None:
        self._parameters = list(parameters)
        self._fused = all(parameter.device.type != "mps" for parameter in self._parameters)
        self._of_each = not isinstance(learning_rate, float | int)
        self._there: list[Tensor] = []
        if any(parameter.device.type == "cuda" for parameter in self._parameters):
            device = self._parameters[0].device
            self._there = [torch.zeros((), device=device) for _ in _numbers(learning_rate)]
        self.learning_rate = learning_rate
        self.moments: dict[int, dict[str, Tensor]] = {}

    @property
    def learning_rate(self) -> float | Sequence[float]:
        """Of the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | Sequence[float]) -> None:
        self._learning_rate = value
        for there, rate in zip(self._there, _numbers(value), strict=False):
            there.fill_(rate)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        numbers = [number for number, parameter in enumerate(self._parameters) if parameter.grad is not None]
        for number in numbers:
            self.moment(number, "step")
        tensors: list[list[Tensor]] = [
            [self._parameters[number] for number in numbers],
            [self._gradient(number) for number in numbers],
            *([self.moments[number][kind] for number in numbers] for kind in ("exp_avg", "exp_avg_sq", "step")),
        ]
        rates: Sequence[float | Tensor] = self._there or _numbers(self._learning_rate)
        for model, rate in enumerate(rates):
            self._move(rate, *([[tensor[model] for tensor in kind] for kind in tensors] if self._of_each else tensors))

    def _move(
        self,
        rate: float | Tensor,
        parameters: list[Tensor],
        gradients: list[Tensor],
        means: list[Tensor],
        squares: list[Tensor],
        steps: list[Tensor],
    ) -> None:
        adam(
            parameters,
            gradients,
            means,
            squares,
            [],
            steps,
            fused=self._fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def moment(self, number: int, kind: str) -> Tensor:
        """Return what is kept of a parameter, which begins at zero: `step`, `exp_avg` or `exp_avg_sq`."""
        if number not in self.moments:
            self.moments[number] = self._start(self._parameters[number])
        return self.moments[number][kind]

    def _start(self, parameter: Tensor) -> dict[str, Tensor]:
        # Where the kernel is fused it counts on the device.
        shape = (len(parameter),) if self._of_each else ()
        step = torch.zeros(shape, dtype=torch.float32, device=parameter.device if self._fused else "cpu")
        return {"step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}

    def _gradient(self, number: int) -> Tensor:
        gradient = self._parameters[number].grad
        assert gradient is not None  # noqa: S101 - asked for those that have one
        return gradient


def _numbers(learning_rate: float | Sequence[float]) -> Sequence[float]:
    return [learning_rate] if isinstance(learning_rate, float | int) else learning_rate
