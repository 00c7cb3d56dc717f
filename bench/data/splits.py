"""Pool and held-out items: the paper's merged pool, the official split, or a random share."""

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from bench.data.dataset import Dataset
from bench.data.reading import AUTO
from bench.errors import SettingsError

MERGED, OFFICIAL = "none", "official"
_SPLIT_SEED = 20260401


def apply_holdout(dataset: Dataset, holdout: str) -> Dataset:
    """Return the data set with the held-out items that `holdout` asks for.

    Parameters
    ----------
    holdout
        `none`: training and test files are one pool, as in the paper, and every score is transductive. `official`: the test file
        is held out. `auto`: `official` where files or folders come as parts called training and test, else `none`. A fraction
        such as `0.2`: that share of all items, drawn once with a fixed seed, is held out.
    """
    if holdout == AUTO:
        holdout = OFFICIAL if dataset.is_split and dataset.test is not None else MERGED
    if holdout == OFFICIAL:
        if dataset.test is None:
            raise SettingsError(f"{dataset.name} has no official test set; use --holdout 0.2 to hold out a random fifth, or none")
        return dataset
    merged = _merge(dataset)
    if holdout == MERGED:
        return merged
    pool, test = _drawn(len(merged.pool), _share(holdout))
    return replace(
        merged,
        pool=merged.pool[pool],
        labels=merged.labels[pool],
        test=merged.pool[test],
        test_labels=merged.labels[test],
        ids=None if merged.ids is None else tuple(merged.ids[item] for item in pool),
        test_ids=None if merged.ids is None else tuple(merged.ids[item] for item in test),
    )


def thinned(dataset: Dataset, max_items: int | None) -> Dataset:
    """Return the data set with at most so many items in its pool, drawn with a fixed seed; `None` keeps them all."""
    n = len(dataset.pool)
    if max_items is None or max_items >= n:
        return dataset
    rows = np.sort(np.random.default_rng(_SPLIT_SEED).choice(n, max_items, replace=False))
    said = f"{max_items:,} of {n:,} items, drawn at random"
    return replace(
        dataset,
        pool=dataset.pool[rows],
        labels=dataset.labels[rows],
        # Without names, an item's is its number in the user's data.
        ids=tuple(map(str, rows)) if dataset.ids is None else tuple(dataset.ids[row] for row in rows),
        note="; ".join(filter(None, (dataset.note, said))),
    )


def pool_rows(n: int, holdout: str) -> Int[np.ndarray, " p"]:
    """Return which of n items, read from one file, stay in the pool."""
    return np.arange(n) if holdout in (AUTO, MERGED, OFFICIAL) else _drawn(n, _share(holdout))[0]


def _share(holdout: str) -> float:
    try:
        share = float(holdout)
    except ValueError:
        share = -1
    if not 0 < share < 1:
        raise SettingsError(f"--holdout got {holdout!r}; expected auto, none, official or a fraction between 0 and 1 such as 0.2")
    return share


def _drawn(n: int, share: float) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " t"]]:
    """Draw the pool and the held-out items, the same ones every time."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(n)
    n_test = max(1, round(share * n))
    return np.sort(order[n_test:]), np.sort(order[:n_test])


def _merge(dataset: Dataset) -> Dataset:
    if dataset.test is None or dataset.test_labels is None:
        return dataset
    return replace(
        dataset,
        pool=np.concatenate([dataset.pool, dataset.test]),
        labels=np.concatenate([dataset.labels, dataset.test_labels]),
        test=None,
        test_labels=None,
        ids=None if dataset.ids is None or dataset.test_ids is None else dataset.ids + dataset.test_ids,
        test_ids=None,
    )
