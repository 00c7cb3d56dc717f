"""`gmvae-bench table`: what a run measured."""

from typing import Annotated

import typer

from bench.cli import completion, options
from bench.cli.output import check_format, print_grid
from bench.cli.state import tell
from bench.errors import SettingsError
from bench.reading.open_run import OpenRun
from bench.reading.part import EVERY, Part
from bench.reading.tables import TABLES, Ask, table_of
from bench.stats.seeds import DERIVED, TARGET


def table(
    run: options.RunFolder,
    metric: options.Metric = "accuracy",
    format_: options.Format = "rich",
    methods: options.SomeMethods = None,
    components: options.SomeComponents = None,
    budgets: options.SomeBudgets = None,
    supervision: Annotated[
        str | None,
        typer.Option(
            help='Only cells with these labels: clean, "noise 0.1", all. (default: all for scores and differences, else clean)',
            metavar="WORDS",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Show differences to this method, on the same labels.",
            metavar="NAME",
            autocompletion=completion.methods,
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Show labels needed for this accuracy, e.g. 0.8.", min=0, max=1, show_default=False)
    ] = None,
    cost: Annotated[bool, typer.Option("--cost", help="Show CPU time and memory of trainings and methods.")] = False,
    data_dir: options.DataDir = None,
    show: Annotated[
        str | None,
        typer.Option(
            help=f"Which table: {', '.join(TABLES)}. (default: scores)",
            metavar="NAME",
            autocompletion=completion.tables,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the comparison of a run: method by budget, mean and 95 % interval.

    With --reference: differences in points, tested. With --target: labels to an accuracy, ratios, area under the curve.
    With --cost: CPU time and memory. With --show: any table by its name.
    """
    check_format(format_)
    if show is not None and (cost or target is not None or (reference is not None and show not in ("differences", "labels"))):
        raise SettingsError(f"--show {show} names a table, and so do --cost, --target and --reference; give one of them")
    name = show or ("costs" if cost else "labels" if target is not None else "differences" if reference is not None else "scores")
    made = table_of(name)
    if name == "costs" and (reference is not None or target is not None or metric != "accuracy"):
        raise SettingsError("--cost makes a table of its own; leave out --metric, --reference and --target")
    if supervision is None and name in ("scores", "differences"):
        supervision = EVERY
    opened = OpenRun(run, Part(methods, components, budgets, supervision), data_dir=data_dir, tell=tell)
    if metric in DERIVED:
        from bench.reading.derived import derive

        derive(opened, metric)
    grid = made.make(opened, Ask(metric, TARGET if target is None else target, reference))
    if grid is None:
        raise SettingsError(f"{run} has nothing for the table {name}: no such methods or models, or no --reference among them")
    print_grid(grid, format_)
