"""What an epoch's batches add up to, kept on the device."""

import torch
from torch import Tensor

from gmvae.consistency import ConsistencyTerms
from gmvae.model import ElboTerms
from gmvae.reseeding import LIVE_SHARE


class EpochSums:
    """Sums over an epoch, kept on the device: reading them back in every step would stall it."""

    _NAMES = ("loss", "reconstruction", "kl_z", "kl_c", "assignment_entropy", "invariance", "balance", "contrast")

    def __init__(self, n_components: int, device: torch.device) -> None:
        self._sums = torch.zeros(len(self._NAMES), device=device)
        self.counts = torch.zeros(n_components, device=device)
        self.items = 0
        self._batches = 0

    @torch.no_grad()
    def add(self, terms: ElboTerms, loss: Tensor, agreement: ConsistencyTerms | None) -> None:
        """Take a batch in: terms (n,) in nats per item, the loss that was minimised, and what two views said of each other."""
        q = terms.log_q.exp()
        entropy = -torch.where(q > 0, q * terms.log_q, 0.0).sum(-1)
        values = [loss, terms.reconstruction.mean(), terms.kl_z.mean(), terms.kl_c.mean(), entropy.mean()]
        if agreement is not None:
            values += [agreement.invariance, agreement.balance, agreement.contrast]
        self._sums[: len(values)] += torch.stack(values)
        self.counts.index_add_(0, terms.log_q.argmax(-1), torch.ones_like(entropy))
        self._batches += 1
        self.items += len(q)

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the batches."""
        return dict(zip(self._NAMES, (self._sums / self._batches).tolist(), strict=True))

    def live_components(self) -> int:
        """Return the number of components that hold at least a tenth of an even share of the items."""
        return int((self.counts >= LIVE_SHARE * self.items / len(self.counts)).sum())
