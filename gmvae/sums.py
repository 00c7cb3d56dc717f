"""What an epoch's batches add up to, kept on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gmvae.consistency import ConsistencyTerms
from gmvae.model import ElboTerms
from gmvae.reseeding import LIVE_SHARE


class EpochSums:
    """Sums over an epoch, for each model, kept on the device: reading them back in every step would stall it.

    Parameters
    ----------
    models
        Shape of what is in front of the items: () for one model, (m,) for several side by side.
    n_components
        Most components that any of them has.
    """

    _NAMES = ("loss", "reconstruction", "kl_z", "kl_c", "assignment_entropy", "invariance", "balance", "contrast")

    def __init__(self, models: Sequence[int], n_components: int, device: torch.device) -> None:
        self._sums = torch.zeros(len(self._NAMES), *models, device=device)
        self._counts = torch.zeros(*models, n_components, device=device)
        self.items = self._batches = 0

    def restart(self) -> None:
        """Forget everything, in place."""
        self._sums.zero_()
        self._counts.zero_()
        self.items = self._batches = 0

    @torch.no_grad()
    def add(self, terms: ElboTerms, loss: Tensor, agreement: ConsistencyTerms | None) -> None:
        """Take a batch in: terms per item in nats, the loss that was minimised, and what two views said of each other."""
        q = terms.log_q.exp()
        entropy = -(q * terms.log_q).masked_fill(q == 0, 0.0).sum(-1)
        of_items = (terms.reconstruction, terms.kl_z, terms.kl_c, entropy)
        values = [loss, *(values.mean(-1) for values in of_items)]
        if agreement is not None:
            values += [agreement.invariance, agreement.balance, agreement.contrast]
        self._sums[: len(values)] += torch.stack(values)
        self._counts.scatter_add_(-1, terms.log_q.argmax(-1), torch.ones_like(entropy))

    def count(self, n_items: int) -> None:
        """Note that a batch of so many items was added; apart from it, since a recorded step runs no such lines again."""
        self._batches += 1
        self.items += n_items

    def means(self) -> list[dict[str, float]]:
        """Return the mean of each term over the batches, for each model."""
        means = (self._sums / self._batches).view(len(self._NAMES), -1).T.tolist()
        return [dict(zip(self._NAMES, of_model, strict=True)) for of_model in means]

    def counts(self, n_components: Sequence[int]) -> list[Tensor]:
        """Return the items of each component (k,), for each model of so many components."""
        counts = self._counts.view(len(n_components), -1).cpu()
        return [of_model[:k] for of_model, k in zip(counts, n_components, strict=True)]

    def live_components(self, n_components: Sequence[int]) -> list[int]:
        """Return the number of components that hold at least a tenth of an even share of the items, for each model."""
        return [int((counts >= LIVE_SHARE * self.items / len(counts)).sum()) for counts in self.counts(n_components)]
