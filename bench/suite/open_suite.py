"""A suite opened for reading: its records alone, without models or data."""

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import SettingsError, number_of, unknown_name
from bench.plan.budgets import resolve_budget
from bench.plan.samplers import SAMPLERS, all_samplers
from bench.plan.values import parse_names
from bench.plugins import available
from bench.reading.part import CLEAN, known_labels
from bench.stats.over_sets import OfSet, SuiteScores, suite_scores
from bench.stats.seeds import curve_label
from bench.stats.selections import selection_notes
from bench.store.atomic import read_json
from bench.store.folder import CONFIG, DATASET
from bench.store.records import read_records
from bench.suite.ranked import Ranking, rank_methods
from bench.suite.store import open_suite

# What says on what a score rests, besides labels.
_TRAITS = ("pretrained", "selection", "selection_labels")
# Part of a name where a set has models of several K.
_WITH_K = re.compile(r" K=\d+")


class OpenSuite:
    """A suite's folder, opened once.

    Parameters
    ----------
    folder
        Of a suite.
    sets
        Names of the sets to be looked at, with commas; `None` for all.
    methods
        Names of methods, or `method @sampler`, with commas; `None` for all.
    metric
        A column of records that is a share: `accuracy`, `macro_accuracy`, `accuracy_test`.
    supervision
        What is wrong with the labels, as records say it; `None` for clean labels, or for the first kind where there are none.

    Raises
    ------
    StoreError
        If it is not the folder of a suite, or broken.
    SettingsError
        If nothing has been judged yet, or there is no such set.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sets: str | None = None,
        methods: str | None = None,
        metric: str = "accuracy",
        supervision: str | None = None,
    ) -> None:
        self.stored = open_suite(folder)
        self.folder, self.metric, self._supervision = folder, metric, supervision
        names = [one.name for one in self.stored.suite.sets]
        asked = parse_names(sets) if sets is not None else tuple(names)
        if not asked:
            raise SettingsError("--sets names no set; leave it out for all of them")
        for name in asked:
            if name not in names:
                raise unknown_name("set in this suite", name, names)
        self.names = tuple(name for name in names if name in asked)
        self._methods = (
            None if methods is None else tuple(name.replace("@", " @").replace("  @", " @") for name in parse_names(methods))
        )

    @property
    def measure(self) -> str:
        """The metric in words."""
        return self.metric.replace("_", " ")

    @cached_property
    def runs(self) -> dict[str, OfSet]:
        """What each set with records contributes."""
        found = {name: self._of_set(self.stored.runs[name]) for name in self.names if name in self.stored.runs}
        left = {name: of_set for name, of_set in found.items() if len(of_set.records)}
        if not left:
            raise SettingsError(f"{self.folder} has no finished cells yet; repeat the suite's command to go on")
        return left

    def _of_set(self, folder: Path) -> OfSet:
        settings, dataset = read_json(folder / CONFIG).get("settings", {}), read_json(folder / DATASET)
        counts = dataset.get("class_counts") or [1]
        n_known, n_classes = known_labels(dataset), len(dataset["class_names"])
        budgets = {resolve_budget(text, n_known, n_classes).n_labeled: text for text in settings.get("budgets") or ()}
        return OfSet(
            folder.name,
            read_records(folder, tolerant=True, columns=(self.metric, "error", *_TRAITS)),
            budgets,
            self._chance(counts),
        )

    def _chance(self, counts: Sequence[int]) -> float:
        """Return the score of always naming the largest class."""
        return 1 / len(counts) if self.metric == "macro_accuracy" else max(counts) / max(1, sum(counts))

    @cached_property
    def supervisions(self) -> tuple[str, ...]:
        """Qualities of labels in the records, clean ones (an empty text) first."""
        columns = [of_set.records["supervision"] for of_set in self.runs.values()]
        clean = {""} if any(column.hasnans for column in columns) else set()
        return tuple(sorted(clean | {str(text) for column in columns for text in column.dropna().unique()}))

    @property
    def supervision(self) -> str:
        """The quality of labels that is looked at."""
        if self._supervision is None:
            return self.supervisions[0]
        asked = "" if self._supervision == CLEAN else self._supervision
        if asked not in self.supervisions:
            raise unknown_name("supervision in this suite", asked, [text or CLEAN for text in self.supervisions])
        return asked

    @cached_property
    def scores_by_supervision(self) -> dict[str, SuiteScores]:
        """Scores by quality of labels, where some method was judged everywhere."""
        scores = {}
        for text in self.supervisions:
            with suppress(SettingsError):
                scores[text] = self.every_score if text == self.supervision else self.scores_under(text)
        return scores

    def scores_under(self, supervision: str) -> SuiteScores:
        """Return the scores, with labels of one quality, of all methods that were judged everywhere."""
        return suite_scores(list(self.runs.values()), self.metric, supervision)

    @cached_property
    def every_score(self) -> SuiteScores:
        """Scores of all methods that were judged everywhere, with the labels looked at."""
        return self.scores_under(self.supervision)

    @cached_property
    def scores(self) -> SuiteScores:
        """Scores of the methods asked for."""
        return self.every_score if self._methods is None else self.every_score.of(self._methods)

    @cached_property
    def ranking(self) -> Ranking:
        """The ranking of the methods asked for."""
        return rank_methods(self.scores)

    @cached_property
    def every_ranking(self) -> Ranking:
        """The ranking of all methods."""
        return self.ranking if self._methods is None else rank_methods(self.every_score)

    @cached_property
    def without_model(self) -> frozenset[str]:
        """Methods that see the items alone, and that neither a model nor an oracle chose items for."""
        columns = ["method", "sampler", "needs", "oracle"]
        every = pd.concat([of_set.records[[*columns, "n_components"]] for of_set in self.runs.values()])
        # Chosen items give every method a number of components, also one that needs no clusters.
        looking = set(every.loc[(every["needs"] == "nothing") & every["n_components"].notna(), "sampler"])
        looking |= {name for name, sampler in available(all_samplers, SAMPLERS).items() if sampler.needs_model}
        alone = every[columns].drop_duplicates()
        alone = alone[alone["needs"].isin(["nothing", "clusters"]) & ~alone["oracle"] & ~alone["sampler"].isin(looking)]
        named = zip(alone["method"], alone["sampler"], strict=True)
        curves = {curve_label(method, sampler, None) for method, sampler in named}
        return frozenset(name for name in self.every_score.methods if _WITH_K.sub("", name) in curves)

    @cached_property
    def described(self) -> dict[str, dict[str, Any]]:
        """What `dataset.json` says of each set."""
        return {name: read_json(self.stored.runs[name] / DATASET) for name in self.runs}

    def about(self) -> tuple[str, ...]:
        """Say what the numbers rest on: sets, budgets, draws, models; what is missing; what failed."""
        scores, suite = self.scores, self.stored.suite
        sizes = f"{number_of(len(scores.sets), 'set')}, {number_of(len(scores.budgets), 'budget')}, {self._seeds()}"
        lines = [
            f"{suite.name}, version {suite.version}: {sizes}" + (f"; labels: {self.supervision}" if self.supervision else "")
        ]
        missing = [name for name in self.names if name not in self.runs]
        if missing:
            lines.append(f"without results, and left out: {', '.join(missing)}")
        lines += self._rests_on()
        n_failed = int(scores.failed.sum())
        if n_failed:
            lines.append(f"!: failed cells ({n_failed:,}) count as the worst score of all with the same labels")
        if scores.unranked:
            n_all = int(scores.there.sum())
            named = ", ".join(f"{label} ({n} of {n_all})" for label, n in scores.unranked.items())
            lines.append(f"not ranked, for lack of cells or draws at some set and budget: {named}")
        return tuple(lines)

    def _rests_on(self) -> list[str]:
        """Say where scores rest on what no user has, on other data, or on labels that chose settings."""
        records = pd.concat([of_set.records[["method", "sampler", "oracle", *_TRAITS]] for of_set in self.runs.values()])
        oracles = sorted(records[records["oracle"]]["sampler"].unique())
        lines = [f"reads labels that no user has: @{', @'.join(oracles)}"] if oracles else []
        pretrained = sorted(records["pretrained"].dropna().unique())
        if pretrained:
            lines.append(f"items of some sets were made by models trained on other data: {', '.join(pretrained)}")
        return [*lines, *selection_notes(records)]

    def _seeds(self) -> str:
        records = pd.concat([of_set.records[["model_seed"]] for of_set in self.runs.values()])
        models = int(records["model_seed"].dropna().nunique())
        draws = int(np.isfinite(self.scores.scores).any(axis=(1, 2)).sum(axis=1).max())
        return f"{number_of(draws, 'draw')} of labels, {number_of(models, 'model')}"
