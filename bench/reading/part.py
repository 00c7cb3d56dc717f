"""The part of a run's records that a reader asks for: methods, numbers of components, budgets."""

from dataclasses import dataclass, replace
from typing import Any, Self

import pandas as pd

from bench.errors import SettingsError, unknown_name
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import ModelKey
from bench.plan.values import parse_integers, parse_names
from bench.store.folder import StoredRun

CLEAN, EVERY = "clean", "all"


@dataclass(frozen=True)
class Part:
    """What a reader asks for, as it was written; `None` means all."""

    methods: str | None = None
    """Names of methods, or `method@sampler`."""
    components: str | None = None
    budgets: str | None = None
    supervision: str | None = None
    """What is wrong with the labels, as records say it, `clean` or `all`; `None`: clean, or the first kind where none is."""

    def of_all_methods(self) -> Self:
        """Return the same part for every method."""
        return replace(self, methods=None)

    def has(self, key: ModelKey) -> bool:
        """Return whether a model belongs to the part: of a K that was asked for, or a plain VAE, which serves every K."""
        return self.components is None or key == key.plain_vae or key.n_components in parse_integers(self.components)

    def of(self, stored: StoredRun) -> pd.DataFrame:
        """Return the records of this part of a run.

        Raises
        ------
        SettingsError
            If there are none, or something that was asked for is not in the run.
        """
        records = stored.records
        if records.empty:
            raise SettingsError(
                f"{stored.folder} has no finished cells yet; repeat `gmvae-bench run` with the same settings to go on"
            )
        records = of_supervision(records, self.supervision)
        if self.components is not None:
            records = _of_components(records, self.components)
        if self.budgets is not None:
            records = _of_budgets(records, self.budgets, stored.dataset)
        return records if self.methods is None else _of_methods(stored.records, records, self.methods)


def of_supervision(records: pd.DataFrame, asked: str | None = None) -> pd.DataFrame:
    """Return the records of labels of one quality.

    Raises
    ------
    SettingsError
        If there are none such.
    """
    texts = records["supervision"].fillna("")
    there = sorted(texts.unique())
    if asked == EVERY or not there:
        return records
    text = there[0] if asked is None else "" if asked == CLEAN else asked
    if text not in there:
        raise unknown_name("supervision in this run", asked or CLEAN, [one or CLEAN for one in there] + [EVERY])
    return records[texts == text]


def known_labels(dataset: dict[str, Any]) -> int:
    """Return the items of the pool whose label is known, from what `dataset.json` says."""
    return int(dataset.get("n_pool_labels_known", dataset["n_pool"]))


def _of_components(records: pd.DataFrame, components: str) -> pd.DataFrame:
    there = sorted(int(k) for k in records["n_components"].dropna().unique())
    try:
        asked = parse_integers(components)
    except ValueError as error:
        raise SettingsError(f"--components got {components!r}: {error}") from error
    missing = [k for k in asked if k not in there]
    if missing or not asked:
        raise SettingsError(f"--components got {components!r}; the run has {', '.join(map(str, there)) or 'no models'}")
    return records[records["n_components"].isin(asked) | records["n_components"].isna()]


def _of_budgets(records: pd.DataFrame, budgets: str, dataset: dict[str, Any]) -> pd.DataFrame:
    asked = resolve_budgets(parse_names(budgets), known_labels(dataset), len(dataset["class_names"]))
    there = dict(zip(records["n_labeled"], records["budget"], strict=True))
    missing = [budget.asked for budget in asked if budget.n_labeled not in there]
    if missing or not asked:
        raise SettingsError(f"--budgets got {budgets!r}; the run has {', '.join(there[n] for n in sorted(there))}")
    return records[records["n_labeled"].isin([budget.n_labeled for budget in asked])]


def _of_methods(every: pd.DataFrame, records: pd.DataFrame, methods: str) -> pd.DataFrame:
    """Return the records whose method, or `method@sampler`, is named; `every` holds all records of the run."""
    # As in tables: `soft @cluster`.
    names = tuple(name.replace(" @", "@") for name in parse_names(methods))
    if not names:
        raise SettingsError("--methods names no method; leave it out for all of them")
    there = set(every["method"])
    if len(every["sampler"].unique()) > 1 or any("@" in name for name in names):
        there |= set(every["method"] + "@" + every["sampler"])
    for name in names:
        if name not in there:
            raise unknown_name("method in this run", name, there)
    chosen = records[records["method"].isin(names) | (records["method"] + "@" + records["sampler"]).isin(names)]
    if chosen.empty:
        raise SettingsError(f"--methods {methods} has no records with such --components and --budgets")
    return chosen
