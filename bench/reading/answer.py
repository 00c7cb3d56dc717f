"""A run's answer in words: which method, how many labels, how surely, and what to do next."""

import shlex

import numpy as np

from bench.errors import number_of
from bench.plan.samplers import RANDOM
from bench.reading.open_run import OpenRun
from bench.reading.tables.scores import macro_scores
from bench.show.page import Command, Sentence
from bench.stats.answer import Answer, is_trained
from bench.stats.efficiency import Labels
from bench.stats.intervals import Interval
from bench.stats.seeds import SeedTable

_AUDIT = 50
# Labels that a person is asked to give are round numbers.
_ROUND = 10


def sentences(run: OpenRun, found: Answer) -> tuple[Sentence, ...]:
    """Return the answer in three sentences."""
    return (
        _which(run, found),
        _how_many(found),
        _how_sure(run, found),
    )


def next_steps(run: OpenRun, found: Answer) -> tuple[Command, ...]:
    """Return the commands that put the answer to use."""
    best, labels = found.best.table, found.best.labels
    wanted = labels.n if labels is not None and labels.reached else found.n_labeled
    n = int(_ROUND * np.ceil(wanted / _ROUND))
    folder = shlex.quote(str(run.folder))
    sampler = "" if best.sampler == RANDOM else f" --sampler {best.sampler}"
    # Where all labels are known, or the models are not here, the answer is for other data.
    elsewhere = run.stored.exported or run.n_known == int(run.described["n_pool"])
    source, place = ("--data DATA", "RUN") if elsewhere else (folder, folder)
    what = "DATA is data of this kind without labels: " if elsewhere else ""
    where = "RUN is the folder that the first command names: " if elsewhere else ""
    drawn = "" if sampler else "; the numbers above are for random ones"
    return (
        Command(
            f"{what}chooses {number_of(n, 'item')} from its clusters to label{drawn}, and {_AUDIT} more at random to judge the "
            "result by; makes a page to label them in, which saves labels.csv",
            f"gmvae-bench select {source} --n {n} --audit {_AUDIT}{sampler}",
        ),
        Command(
            f"{where}names a class for every other item, says how many are right, and writes a classifier into the folder mine",
            f"gmvae-bench label {place} --labels labels.csv --method {best.method} --classifier mine",
        ),
    )


def _which(run: OpenRun, found: Answer) -> Sentence:
    best, rival = found.best, found.rival
    n, share = found.n_labeled, 100 * found.n_labeled / run.n_known
    score = "" if best.score is None else best.score.text(100, unit=" %")
    said = (
        f", the best over all numbers of labels, names {score} of the other items right with {_given(best.table, n)} "
        f"({share:.2g} % of {run.n_known:,}){_beside(run, best.table, n)}"
    )
    if rival is not None and rival.score is not None:
        without = "without a trained model" if is_trained(best.table) else "that rests on a trained model"
        said += f"; the best method {without}, {rival.table.label}, {rival.score.text(100, unit=' %')}"
    return Sentence("Which method", best.table.label, f"{said}.")


def _beside(run: OpenRun, table: SeedTable, n: int) -> str:
    """Say what accuracy is worth here: what naming the largest class gives, and the mean over classes that are unequal."""
    share = run.largest_share
    if share is None:
        return ""
    macro = macro_scores(run, "accuracy").get(table.label, {}).get(n)
    mean = "" if macro is None else f"; mean over classes: {100 * macro:.1f} %"
    return f"; always naming the largest class: {100 * share:.1f} %{mean}"


def _given(table: SeedTable, n: int) -> str:
    return number_of(n, "random label") if table.sampler == RANDOM else f"{number_of(n, 'label')} chosen by {table.sampler}"


def _how_many(found: Answer) -> Sentence:
    best, rival = found.best, found.rival
    reached = best.labels is not None and best.labels.reached
    lead = labels_in_words(best.labels) + (f" for {100 * found.target:.0f} %" if reached else "")
    said = f" with {best.table.label}"
    if rival is not None:
        said += f", and {labels_in_words(rival.labels)} with {rival.table.label}"
    if found.target < found.asked or not reached:
        most = max(best.table.scored_budgets)
        said += f"; {100 * found.asked:.0f} % is not reached by {most:,} labels, the most that were tried"
    if best.labels is not None and best.labels.ci_low is not None:
        said += "; in brackets: bootstrap over models and draws, too narrow where these are few"
    return Sentence("How many labels", lead, f"{said}.")


def labels_in_words(labels: Labels | None) -> str:
    """Return a number of labels as a sentence has it."""
    if labels is None:
        return "an unknown number of labels"
    if not labels.reached:
        return f"more than {labels.largest:,} labels"
    if labels.at_most:
        return f"{labels.smallest:,} labels, the fewest tried, or fewer"
    about = f"about {labels.n:,.0f} labels"
    if labels.ci_low is None or labels.ci_high is None:
        return about
    high = f"{labels.ci_high:,.0f}" if np.isfinite(labels.ci_high) else f"more than {labels.largest:,}"
    return f"{about} ({labels.ci_low:,.0f} to {high})"


def _how_sure(run: OpenRun, found: Answer) -> Sentence:
    best = found.best
    if best.score is None or best.score.ci_low is None or best.score.ci_high is None:
        lead, said = "nothing is known of other labels", ": one model and one draw of labels were tried, so there is no interval"
    else:
        low, high = (f"{100 * bound:.1f}" for bound in found.single)
        lead = f"{low} to {high} %"
        ends = f"{100 * best.score.ci_low:.1f} to {100 * best.score.ci_high:.1f} %"
        said = (
            f" is what single models and draws of {found.n_labeled:,} labels got ({run.over_seeds}); the mean over other models "
            f"and draws lies within {ends} (95 % interval)"
        )
    if found.runner_up is not None and found.lead is not None:
        said += f"; {_second(found.runner_up, found.lead)}"
    return Sentence("How sure", lead, f"{said}.")


def _second(runner_up: SeedTable, lead: Interval) -> str:
    points = f"{100 * abs(lead.mean):.1f} points {'behind' if lead.mean >= 0 else 'ahead'} with as many"
    if lead.ci_low is None or lead.ci_high is None:
        return f"the closest, {runner_up.label}, is {points}"
    sign = 1 if lead.mean >= 0 else -1
    low, high = sorted((100 * sign * lead.ci_low, 100 * sign * lead.ci_high))
    said = f"the closest, {runner_up.label}, is {points} ({low:.1f} to {high:.1f})"
    return said + (": the two cannot be told apart" if lead.ci_low <= 0 <= lead.ci_high else "")
