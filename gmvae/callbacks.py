"""scikit-learn's callbacks around a training, where its version has them (1.9 and later): a task for each epoch of a fit."""

from collections.abc import Callable
from typing import Any

from gmvae.errors import InputError
from gmvae.training import EpochStats

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Refuse callbacks."""
            if callbacks:
                raise InputError("callbacks need scikit-learn 1.9 or later")
            return self

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "with_callbacks"]


class EpochTasks:
    """Tells an estimator's callbacks that its fit began, of each epoch, and that it ended."""

    def __init__(self, estimator: Any, x: Any, n_epochs: int) -> None:
        self._about = {"estimator": estimator, "X": x, "y": None}
        begin = getattr(estimator, "_init_callback_context", None)
        self._fit = None if begin is None else begin(max_subtasks=n_epochs)
        self._left = n_epochs
        self._epoch: Any = None
        if self._fit is not None:
            self._fit.call_on_fit_task_begin(**self._about)
            self._begin()

    def epoch_done(self, _: EpochStats) -> None:
        """End the task of an epoch, and begin the next."""
        if self._epoch is None:
            return
        self._epoch.call_on_fit_task_end(**self._about)
        self._left -= 1
        self._epoch = None
        if self._left > 0:
            self._begin()

    def done(self) -> None:
        """End the fit's."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._about)

    def _begin(self) -> None:
        assert self._fit is not None  # noqa: S101 - begun only with a fit
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._about)
