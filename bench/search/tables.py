"""What a search has reached, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.search.space import Value
from bench.show.durations import format_seconds
from bench.show.grid import Grid
from bench.stats.rank_correlation import RankCorrelation

_CHOICE = ("selection", "labels_read")


@dataclass(frozen=True)
class ParameterRow:
    """One searched parameter."""

    name: str
    searched: str
    """The expression of its domain."""
    default: Value | None
    best: Value | None
    importance: float | None
    """Share of the criterion's spread that it explains."""


@dataclass(frozen=True)
class TrialRow:
    """One trial that ended."""

    number: int
    values: tuple[float | None, ...]
    """By criterion, then by watched criterion."""
    epoch: int | None
    seconds: float | None
    parameters: tuple[Value | None, ...]
    state: str = "complete"
    selection: str = ""
    labels_read: int | None = None


def value_text(value: Value | None) -> str:
    """Return a value of a parameter or a criterion as a short text."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parameters_grid(title: str, rows: Sequence[ParameterRow], best: str, notes: Sequence[str]) -> Grid:
    """Return the searched parameters: what was tried, what is best, what matters; `best` names the best trial."""
    known = any(row.importance is not None for row in rows)
    return Grid(
        title,
        ("parameter", "searched", "default", best, *(["importance"] if known else [])),
        tuple(
            (
                row.name,
                row.searched,
                value_text(row.default),
                value_text(row.best),
                *([] if not known else ["-" if row.importance is None else f"{100 * row.importance:.0f} %"]),
            )
            for row in rows
        ),
        tuple(notes),
        left=frozenset({0, 1}),
    )


def trials_grid(
    title: str, criteria: Sequence[str], parameters: Sequence[str], rows: Sequence[TrialRow], notes: Sequence[str]
) -> Grid:
    """Return trials in the order given: what they reached, what it took, and with which parameters."""
    headers = ("trial", *criteria, "epochs", "time", *parameters)
    return Grid(
        title,
        headers,
        tuple(
            (
                str(row.number),
                *map(value_text, row.values),
                value_text(row.epoch),
                "-" if row.seconds is None else format_seconds(row.seconds),
                *map(value_text, row.parameters),
            )
            for row in rows
        ),
        tuple(notes),
        data=(
            # As Optuna's data frames name them: a weight may have the name of a criterion.
            ("trial", "state", *criteria, "epochs", "seconds", *(f"params_{name}" for name in parameters), *_CHOICE),
            *(
                (row.number, row.state, *row.values, row.epoch, row.seconds, *row.parameters, row.selection, row.labels_read)
                for row in rows
            ),
        ),
    )


def correlations_grid(rows: Sequence[tuple[str, str, RankCorrelation]]) -> Grid:
    """Return how far criteria order the trials like others that know more."""
    return Grid(
        "Do they pick the same trials?",
        ("criterion", "and one that knows more", "Spearman's rho", "complete trials"),
        tuple((one, other, _rho(correlation), str(correlation.n)) for one, other, correlation in rows),
        ("complete trials, with a 95 % interval; 1: the same order of configurations, 0: none, below 0: the wrong way round",),
        left=frozenset({0, 1}),
        data=(
            ("criterion", "other", "rho", "rho_low", "rho_high", "n"),
            *(
                (one, other, correlation.rho, correlation.ci_low, correlation.ci_high, correlation.n)
                for one, other, correlation in rows
            ),
        ),
    )


def _rho(correlation: RankCorrelation) -> str:
    bounds = "" if correlation.ci_low is None else f"\n{correlation.ci_low:+.2f} to {correlation.ci_high:+.2f}"
    return f"{correlation.rho:+.2f}{bounds}"
