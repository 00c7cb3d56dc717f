"""The comparison table: method x budget, in the terminal, markdown, CSV and LaTeX."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Format = Literal["rich", "markdown", "csv", "latex"]
_METRIC_TITLES = {
    "accuracy": "accuracy in %, transductive (on the unlabelled rest of the pool)",
    "macro_accuracy": "macro accuracy in %, transductive (mean over classes)",
    "accuracy_test": "accuracy in %, inductive (on held-out items)",
    "fit_seconds": "seconds to fit",
}


@dataclass(frozen=True)
class TableCell:
    """One mean with its interval."""

    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n_failed: int
    best: bool


@dataclass(frozen=True)
class Comparison:
    """The table's content, ready to be rendered in any format."""

    title: str
    notes: tuple[str, ...]
    budgets: tuple[str, ...]
    rows: tuple[tuple[str, tuple[TableCell | None, ...]], ...]
    """Row label and cells; the rows that do best over all budgets come first."""


def compare_methods(
    curves: pd.DataFrame, *, metric: str, dataset: dict[str, Any], n_seeds: tuple[int, int], labels: dict[int, str]
) -> Comparison:
    """Arrange curves as a table.

    Parameters
    ----------
    curves
        As `bench.stats.curves.curves` returns them.
    dataset
        What `dataset.json` says.
    n_seeds
        Model seeds and label seeds.
    labels
        Column heading of each number of labels.
    """
    budgets = sorted(curves["n_labeled"].unique())
    higher_is_better = metric != "fit_seconds"
    best = curves.groupby("n_labeled")["mean"].agg("max" if higher_is_better else "min")
    rows = []
    for (method, k), group in curves.groupby(["method", "n_components"], dropna=False, sort=False):
        by_budget = group.set_index("n_labeled")
        cells = tuple(_cell(by_budget.loc[n], best[n], metric) if n in by_budget.index else None for n in budgets)
        means = [cell.mean for cell in cells if cell is not None and cell.mean is not None]
        average = sum(means) / len(means) if means else -1.0
        rows.append((average, str(method) + ("" if pd.isna(k) else f" K={k}"), cells))
    rows.sort(key=lambda row: -row[0] if higher_is_better else row[0])
    size = f"{dataset['n_pool']:,} items" + (f" + {dataset['n_test']:,} held out" if dataset["n_test"] else "")
    notes = [f"{_METRIC_TITLES[metric]}; {_seeds(*n_seeds)}"]
    if dataset.get("note"):
        notes.append(str(dataset["note"]))
    return Comparison(
        title=f"{dataset['name']}: {size}, {len(dataset['class_names'])} classes",
        notes=tuple(notes),
        budgets=tuple(labels[n] for n in budgets),
        rows=tuple((label, cells) for _, label, cells in rows),
    )


def _seeds(n_model_seeds: int, n_label_seeds: int) -> str:
    count = f"{n_model_seeds} model × {n_label_seeds} label seeds"
    return f"mean and 95 % interval over {count}" if n_label_seeds > 1 else f"{count}: one draw of labels, so no interval"


def _cell(row: pd.Series, best: float, metric: str) -> TableCell:
    scale = 1 if metric == "fit_seconds" else 100
    mean, low, high = (None if pd.isna(row[name]) else scale * float(row[name]) for name in ("mean", "ci_low", "ci_high"))
    return TableCell(mean, low, high, int(row["n_failed"]), best=mean is not None and mean == scale * best)


def render(comparison: Comparison, width: int = 80) -> RenderableType:
    """Return the table for a terminal; narrow ones lose the intervals, never digits."""
    label_width = max([len(label) for label, _ in comparison.rows] + [len("labels")])
    with_interval = label_width + len(comparison.budgets) * 10 <= width
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("labels", no_wrap=True)
    for budget in comparison.budgets:
        table.add_column(budget, justify="right", no_wrap=True)
    for label, cells in comparison.rows:
        table.add_row(label, *(_rich_cell(cell, with_interval) for cell in cells))
    notes = [Text(note, style="dim") for note in comparison.notes]
    return Group(Text(comparison.title, style="bold"), *notes, table)


def _rich_cell(cell: TableCell | None, with_interval: bool) -> Text:
    if cell is None or cell.mean is None:
        return Text("failed" if cell is not None and cell.n_failed else "-", style="red" if cell is not None and cell.n_failed else "dim")
    text = Text(f"{cell.mean:.1f}", style="bold green" if cell.best else "")
    if cell.n_failed:
        text.append("!", style="bold red")
    if with_interval and cell.ci_low is not None and cell.ci_high is not None:
        text.append(f"\n{cell.ci_low:.1f}-{cell.ci_high:.1f}", style="dim not bold")
    return text


def _plain(cell: TableCell | None, bold: Callable[[str], str]) -> str:
    if cell is None or cell.mean is None:
        return "failed" if cell is not None and cell.n_failed else "-"
    mean = f"{cell.mean:.1f}"
    interval = f" [{cell.ci_low:.1f}, {cell.ci_high:.1f}]" if cell.ci_low is not None and cell.ci_high is not None else ""
    failed = f" ({cell.n_failed} failed)" if cell.n_failed else ""
    return (bold(mean) if cell.best else mean) + interval + failed


def to_markdown(comparison: Comparison) -> str:
    """Return a GitHub table, best in bold."""
    lines = [f"**{comparison.title}**", "", *comparison.notes, ""]
    lines.append("| labels | " + " | ".join(comparison.budgets) + " |")
    lines.append("|---|" + "---:|" * len(comparison.budgets))
    for label, cells in comparison.rows:
        lines.append(f"| {label} | " + " | ".join(_plain(cell, lambda text: f"**{text}**") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(comparison: Comparison) -> str:
    """Return a booktabs table, best in bold; needs `\\usepackage{booktabs}`."""

    def escape(text: str) -> str:
        return text.replace("\\", r"\textbackslash{}").replace("%", r"\%").replace("_", r"\_").replace("&", r"\&").replace("×", r"$\times$")

    lines = [f"% {line}" for line in (comparison.title, *comparison.notes)]
    lines += [r"\begin{tabular}{l" + "r" * len(comparison.budgets) + "}", r"\toprule"]
    lines.append(" & ".join(["labels", *map(escape, comparison.budgets)]) + r" \\")
    lines.append(r"\midrule")
    for label, cells in comparison.rows:
        values = [_plain(cell, lambda text: rf"\textbf{{{text}}}") for cell in cells]
        lines.append(" & ".join([escape(label), *values]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
