"""`SAMPLERS`: which items carry labels. Every method at (sampler, model, budget, label seed) is shown the same items."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from bench.errors import SettingsError, unknown_name
from bench.plan.samplers.base import Asker, Sampler, Sight, draw
from bench.plan.samplers.blind import RandomAsker, StratifiedAsker
from bench.plan.samplers.clusters import ClusterAsker
from bench.plan.samplers.covering import CoverageAsker
from bench.plan.samplers.doubtful import EntropyAsker, MarginAsker
from bench.plan.samplers.typical import TypicalAsker
from bench.plan.seeds import derive_seed
from bench.plugins import with_plugins
from gmvae.decoding import Posterior

if TYPE_CHECKING:
    from gmvae.posteriors import Encoded

ENTRY_POINTS = "gmvae_bench.samplers"
RANDOM = "random"

SAMPLERS: dict[str, Sampler] = {
    RANDOM: Sampler(RandomAsker, "uniformly random, as in the paper"),
    "stratified": Sampler(StratifiedAsker, "random within classes, by their shares in the pool", oracle=True),
    "cluster": Sampler(
        ClusterAsker, "the most typical item of each cluster, then impure and large clusters again", needs_model=True
    ),
    "typiclust": Sampler(TypicalAsker, "typical items of k-means clusters without a label (TypiClust)", needs_model=True),
    "coverage": Sampler(CoverageAsker, "items whose neighbourhoods cover the pool (MaxHerding)", needs_model=True),
    "margin": Sampler(MarginAsker, "rounds of the smallest margins between classes", needs_model=True),
    "entropy": Sampler(EntropyAsker, "rounds of the least certain classes", needs_model=True),
}


def all_samplers() -> dict[str, Sampler]:
    """Return the built-in samplers and those that installed packages offer under `gmvae_bench.samplers`."""
    return with_plugins(SAMPLERS, ENTRY_POINTS, Sampler)


def select_samplers(names: Iterable[str]) -> dict[str, Sampler]:
    """Return the samplers of the given names, in that order."""
    known, chosen = all_samplers(), {}
    for name in names:
        if name not in known:
            raise unknown_name("sampler", name, known)
        chosen[name] = known[name]
    return chosen


def begin(
    name: str,
    candidates: Int[np.ndarray, " c"],
    n_pool: int,
    seed: int,
    encoded: "Encoded | None",
    labels: np.ndarray | None = None,
) -> Asker:
    """Return a sampler at its first question; `labels` reach it only if it is an oracle.

    Raises
    ------
    SettingsError
        If it needs a model and none is given, or reads labels that are not there.
    """
    sampler = select_samplers([name])[name]
    if sampler.needs_model and encoded is None:
        raise SettingsError(f"the sampler {name} needs a trained model")
    if sampler.oracle and labels is None:
        raise SettingsError(f"the sampler {name} reads all labels, which only a benchmark has")
    posterior, latent = (Posterior(encoded.posterior), encoded.latent) if sampler.needs_model and encoded else (None, None)
    return sampler.make(Sight(n_pool, candidates, seed, posterior, latent, labels if sampler.oracle else None))


def labeled_items(
    labels: Int[np.ndarray, " n"], sha256: str, sampler: str, label_seed: int, n_labeled: int, encoded: "Encoded | None" = None
) -> Int[np.ndarray, " s"]:
    """Return the pool indices whose labels are shown to a method, in the order in which they were asked for.

    `encoded` is what the clustering's model made of the pool, for samplers that look at it. Labels of other items are not read,
    except by oracles.
    """
    seed = derive_seed("labels", sha256, sampler, label_seed)
    asker = begin(sampler, np.flatnonzero(labels >= 0), len(labels), seed, encoded, labels)
    return np.array([pick.item for pick in draw(asker, n_labeled, lambda item: int(labels[item]))], np.int64)
