"""Adam (Kingma & Ba 2015) by torch's own kernel, without what `torch.optim.Adam` loads around it."""

from collections.abc import Iterable

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
        Of the next step; may be set at any time. On a GPU it is kept there, too, where a recorded step reads it.
    moments
        By parameter number: `step`, `exp_avg`, `exp_avg_sq`. Empty for a parameter that never had a gradient.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        self._parameters = list(parameters)
        self._fused = all(parameter.device.type != "mps" for parameter in self._parameters)
        self._rate: float | Tensor = learning_rate
        if any(parameter.device.type == "cuda" for parameter in self._parameters):
            self._rate = torch.zeros((), device=self._parameters[0].device)
        self.learning_rate = learning_rate
        self.moments: dict[int, dict[str, Tensor]] = {}

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = value
        if isinstance(self._rate, Tensor):
            self._rate.fill_(value)
        else:
            self._rate = value

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
        adam(
            [self._parameters[number] for number in numbers],
            [self._gradient(number) for number in numbers],
            [self.moments[number]["exp_avg"] for number in numbers],
            [self.moments[number]["exp_avg_sq"] for number in numbers],
            [],
            [self.moments[number]["step"] for number in numbers],
            fused=self._fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._rate,
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
        step = torch.zeros((), dtype=torch.float32, device=parameter.device if self._fused else "cpu")
        return {"step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}

    def _gradient(self, number: int) -> Tensor:
        gradient = self._parameters[number].grad
        assert gradient is not None  # noqa: S101 - asked for those that have one
        return gradient
