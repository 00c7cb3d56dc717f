"""A run's answer in words: which method, how many labels, how surely, and what to do next."""

import shlex

import numpy as np

from bench.errors import number_of
from bench.plan.samplers import RANDOM
from bench.reading.open_run import OpenRun
from bench.reading.tables.scores import macro_scores
from bench.show.page import Command, Sentence
from bench.show.texts import labels_in_words
from bench.stats.answer import Answer, is_trained
from bench.stats.intervals import Interval
from bench.stats.seeds import SeedTable

_AUDIT = 50
# Labels that a person is asked to give are round numbers.
_ROUND = 10
# Below that many there is nothing to choose from.
_WORTH_LABELLING = 30


def sentences(run: OpenRun, found: Answer) -> tuple[Sentence, ...]:
    """Return the answer in three sentences."""
    return (
        _which(run, found),
        _how_many(found),
        _how_sure(found),
    )


def next_steps(run: OpenRun, found: Answer) -> tuple[Command, ...]:
    """Return the commands that put the answer to use; none where it is no use."""
    best, labels = found.best.table, found.best.labels
    if _no_use(run, found):
        return ()
    wanted = round(labels.n) if labels is not None and labels.reached else found.n_labeled
    n, audit = int(_ROUND * np.ceil(wanted / _ROUND)), _AUDIT
    unlabeled = int(run.described["n_pool"]) - run.n_known
    # Where nothing is left to label, or the models are not here, the answer is for other data.
    here = not run.stored.exported and unlabeled >= _WORTH_LABELLING and bool(run.trained_alone)
    if here:
        audit = min(audit, unlabeled // 3)
        n = min(n, unlabeled - audit)
    folder = shlex.quote(str(run.folder))
    source, place = (folder, folder) if here else ("--data DATA", "RUN")
    what = "" if here else "DATA is data of this kind without labels: "
    where = "" if here else "RUN is the folder that the first command names: "
    sampler = "" if best.sampler == RANDOM else f" --sampler {best.sampler}"
    drawn = "" if sampler else "; the numbers above are for random ones"
    model = f" --model {run.models[0].id}" if here and run.models and len({key.n_components for key in run.models}) > 1 else ""
    return (
        Command(
            f"{what}chooses {number_of(n, 'item')} from its clusters to label{drawn}, and {audit} more at random to judge the "
            "result by; makes a page to label them in, which saves labels.csv",
            f"gmvae-bench select {source} --n {n} --audit {audit}{sampler}{model}",
        ),
        Command(
            f"{where}names a class for every other item, says how many are right, and writes a classifier into the folder mine",
            f"gmvae-bench label {place} --labels labels.csv --method {best.method} --classifier mine{model}",
        ),
    )


def _no_use(run: OpenRun, found: Answer) -> bool:
    """Say whether the best method is no better than always naming the largest class."""
    share, score = run.largest_share, found.best.score
    return share is not None and score is not None and score.mean <= share


def _which(run: OpenRun, found: Answer) -> Sentence:
    best, rival = found.best, found.rival
    n, share = found.n_labeled, 100 * found.n_labeled / run.n_known
    score = "" if best.score is None else best.score.text(100, unit=" %")
    several = best.table.n_components is not None and run.records["n_components"].nunique() > 1
    k = f" with K = {best.table.n_components}, the one of several that most methods have" if several else ""
    said = (
        f"{k}, {_decided(found)}, names {score} of the other items right with {_given(best.table, n)} "
        f"({share:.2g} % of {run.n_known:,}){_beside(run, best.table, n)}"
    )
    if rival is not None and rival.score is not None:
        without = "without a trained model" if is_trained(best.table) else "that rests on a trained model"
        said += f"; the best method {without}, {rival.table.label}, {rival.score.text(100, unit=' %')}"
    lead = f"none that is worth it: {best.table.label}" if _no_use(run, found) else best.table.label
    return Sentence("Which method", lead, f"{said}.")


def _decided(found: Answer) -> str:
    """Say over which numbers of labels the best method is the best."""
    shared = found.decided_by
    if not shared:
        return "the best by the means of what each method was given"
    if shared == found.best.table.scored_budgets:
        return "the best over all numbers of labels"
    return f"the best over {shared[0]:,} to {shared[-1]:,} labels" if len(shared) > 1 else f"the best with {shared[0]:,} labels"


def _beside(run: OpenRun, table: SeedTable, n: int) -> str:
    """Say what accuracy is worth here: what naming the largest class gives, and the mean over classes that are unequal."""
    share = run.largest_share
    if share is None:
        return ""
    macro = macro_scores(run, run.chief_records).get(table.label, {}).get(n)
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


def _how_sure(found: Answer) -> Sentence:
    best = found.best
    if best.score is None or best.score.ci_low is None or best.score.ci_high is None:
        lead, said = "nothing is known of other labels", ": one draw of them was tried, so there is no interval"
    else:
        low, high = (f"{100 * bound:.1f}" for bound in found.single)
        ends = f"{100 * best.score.ci_low:.1f} to {100 * best.score.ci_high:.1f} %"
        draws = f"{number_of(found.n_draws, 'draw')} of {found.n_labeled:,} labels"
        models = f"{number_of(found.n_models, 'model')} and " if found.n_models else ""
        others = "other models and draws" if found.n_models > 1 else "other draws"
        alone = ", with this one model," if found.n_models == 1 else ""
        lead = f"{low} to {high} %"
        said = f" is what {models}{draws} got one by one; the mean over {others}{alone} lies within {ends} (95 % interval)"
    if found.runner_up is not None and found.lead is not None:
        said += f"; {_second(found.runner_up, found.lead, found.n_compared)}"
    return Sentence("How sure", lead, f"{said}.")


def _second(runner_up: SeedTable, lead: Interval, n_compared: int) -> str:
    points = f"{100 * abs(lead.mean):.1f} points {'behind' if lead.mean >= 0 else 'ahead'} with as many"
    if lead.ci_low is None or lead.ci_high is None:
        return f"the closest, {runner_up.label}, is {points}"
    sign = 1 if lead.mean >= 0 else -1
    low, high = sorted((100 * sign * lead.ci_low, 100 * sign * lead.ci_high))
    said = f"the closest, {runner_up.label}, is {points} ({low:.1f} to {high:.1f})"
    if lead.ci_low <= 0 <= lead.ci_high:
        return f"{said}: the two cannot be told apart"
    return f"{said}, not corrected for being the closest of {n_compared}"
