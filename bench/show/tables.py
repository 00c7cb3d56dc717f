"""The comparison table in the terminal, in markdown and in LaTeX."""

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.show.grid import escape_latex
from bench.stats.comparison import Comparison, Score

_METRICS = {
    "accuracy": "accuracy in %, transductive (on the unlabelled rest of the pool)",
    "macro_accuracy": "macro accuracy in %, transductive (mean over classes)",
    "accuracy_test": "accuracy in %, inductive (on held-out items)",
    "fit_seconds": "seconds to fit",
}
# "97.4" above "96.9-98.1", and a blank.
_INTERVAL_WIDTH = 10


def heading(comparison: Comparison) -> str:
    """Return the table's title."""
    held_out = f" + {comparison.n_test:,} held out" if comparison.n_test else ""
    k = f", K = {comparison.n_components[0]}" if len(comparison.n_components) == 1 else ""
    known = f" ({comparison.n_known:,} with a label)" if comparison.n_known < comparison.n_pool else ""
    return f"{comparison.dataset}: {comparison.n_pool:,} items{known}{held_out}, {comparison.n_classes} classes{k}"


def notes(comparison: Comparison) -> list[str]:
    """Return what the numbers are, a line each."""
    seeds = f"{comparison.n_label_seeds} label seeds"
    if comparison.n_model_seeds:
        seeds = f"{comparison.n_model_seeds} model × {seeds}"  # noqa: RUF001 - the sign for "times"
    lines = [_METRICS[comparison.metric], f"mean and 95 % interval over {seeds}"]
    if comparison.n_label_seeds == 1 and comparison.n_model_seeds <= 1:
        lines[1] = "one model seed and one label seed: no interval"
    return [*lines, *comparison.selections, *([comparison.note] if comparison.note else [])]


def render(comparison: Comparison, width: int = 80) -> RenderableType:
    """Return the table for a terminal; narrow ones lose the intervals, never digits."""
    label_width = max(len(label) for label, _ in (*comparison.rows, ("labels", ()))) + 1
    with_interval = label_width + _INTERVAL_WIDTH * len(comparison.budgets) <= width
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("labels", no_wrap=True)
    for budget in comparison.budgets:
        table.add_column(budget, justify="right", no_wrap=True)
    for label, scores in comparison.rows:
        table.add_row(label, *(_rich_score(score, with_interval) for score in scores))
    return Group(Text(heading(comparison), style="bold"), *(Text(note, style="dim") for note in notes(comparison)), table)


def _rich_score(score: Score | None, with_interval: bool) -> Text:
    if score is None:
        return Text("-", style="dim")
    if score.mean is None:
        return Text("failed", style="red") if score.n_failed else Text("-", style="dim")
    text = Text(f"{score.mean:.1f}", style="bold green" if score.best else "")
    if score.n_failed:
        text.append("!", style="bold red")
    if with_interval and score.ci_low is not None and score.ci_high is not None:
        text.append(f"\n{score.ci_low:.1f}-{score.ci_high:.1f}", style="dim not bold")
    return text


def _plain_score(score: Score | None, bold: Callable[[str], str]) -> str:
    if score is None or score.mean is None:
        return "failed" if score is not None and score.n_failed else "-"
    mean = bold(f"{score.mean:.1f}") if score.best else f"{score.mean:.1f}"
    interval = f" [{score.ci_low:.1f}, {score.ci_high:.1f}]" if score.ci_low is not None and score.ci_high is not None else ""
    return mean + interval + (f" ({score.n_failed} failed)" if score.n_failed else "")


def to_markdown(comparison: Comparison) -> str:
    """Return a GitHub table, best in bold."""
    lines = [f"**{heading(comparison)}**", "", *(f"{note}  " for note in notes(comparison)), ""]
    lines.append("| labels | " + " | ".join(comparison.budgets) + " |")
    lines.append("|---|" + "---:|" * len(comparison.budgets))
    for label, scores in comparison.rows:
        lines.append(f"| {label} | " + " | ".join(_plain_score(score, lambda text: f"**{text}**") for score in scores) + " |")
    return "\n".join(lines) + "\n"


def to_latex(comparison: Comparison) -> str:
    r"""Return a booktabs table, best in bold; needs `\usepackage{booktabs}`."""
    lines = [f"% {line}" for line in (heading(comparison), *notes(comparison))]
    lines += [r"\begin{tabular}{l" + "r" * len(comparison.budgets) + "}", r"\toprule"]
    lines += [" & ".join(escape_latex(text) for text in ("labels", *comparison.budgets)) + r" \\", r"\midrule"]
    for label, scores in comparison.rows:
        values = [_plain_score(score, lambda text: rf"\textbf{{{text}}}") for score in scores]
        lines.append(" & ".join([escape_latex(label), *values]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
