"""`gmvae-bench suite`: several data sets, one ranking."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import completion, options
from bench.cli.output import check_format, print_grid
from bench.cli.settings import present
from bench.cli.state import LOADING, interrupted_before, stage
from bench.errors import SettingsError

suite = typer.Typer(no_args_is_help=True, add_completion=False)

Name = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A suite's name (see `suite list`) or TOML file.", show_default=False)
]
Folder = Annotated[Path, typer.Argument(autocompletion=completion.suites, help="Folder of a suite.", show_default=False)]
Budgets = Annotated[
    str | None,
    typer.Option(
        help="Numbers of labels: per class, counts, percentages, fractions: 5/class,291,7%. (default: the suite's)",
        metavar="N|N%|N/class,…",
        rich_help_panel="Grid",
        show_default=False,
    ),
]
Draws = Annotated[
    str | None,
    typer.Option(
        "--draws",
        "--label-seeds",
        help="How many draws of labels, or their seeds; 50 for a paper. (default: the suite's)",
        metavar="COUNT|FIRST-LAST",
        rich_help_panel="Grid",
        show_default=False,
    ),
]


@suite.callback()
def about() -> None:
    """Run several data sets as one, and rank methods over them."""


@suite.command("list")
def list_suites(format_: options.Format = "rich") -> None:
    """List the suites that come with the package."""
    check_format(format_)
    from bench.suite.tables.known import known_suites

    print_grid(known_suites(), format_)


@suite.command("run")
def run(
    name: Name,
    data_dir: options.DataDir = None,
    components: options.Components = None,
    model_seeds: options.ModelSeeds = None,
    budgets: Budgets = None,
    draws: Draws = None,
    methods: options.Methods = None,
    samplers: options.Samplers = None,
    label_noise: options.LabelNoise = None,
    imbalance: options.Imbalance = None,
    unseen: options.Unseen = None,
    variant: options.Variant = None,
    epochs: options.Epochs = None,
    set_: options.Set = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the suite. (default: results/suites/NAME-vVERSION)", show_default=False)
    ] = None,
    keep_predictions: options.KeepPredictions = None,
    dry_run: options.DryRun = False,
    retry_failed: options.RetryFailed = False,
    executor: options.ExecutorName = None,
    address: options.Address = None,
    storage: options.Storage = None,
    checkpoint_seconds: options.CheckpointSeconds = None,
    trial_limit: options.TrialLimit = None,
    cell_limit: options.CellLimit = None,
    pack: options.Pack = None,
    cpus_per_trial: options.CpusPerTrial = None,
    gpus_per_trial: options.GpusPerTrial = None,
    device: options.Device = None,
) -> None:
    """Run every set of a suite, each in a folder of its own, as one queue of work; then print the ranking.

    Repeating the command continues it. A set whose data are absent is left out, and named.
    """
    flags = present(
        components=components,
        model_seeds=model_seeds,
        budgets=budgets,
        label_seeds=draws,
        methods=methods,
        samplers=samplers,
        label_noise=label_noise,
        imbalance=imbalance,
        unseen=unseen,
        keep_predictions=keep_predictions,
        variant=variant,
        epochs=epochs,
        set=set_,
        executor=executor,
        address=address,
        storage=storage,
        checkpoint_seconds=checkpoint_seconds,
        trial_limit=trial_limit,
        cell_limit=cell_limit,
        pack=pack,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        device=device,
    )
    with interrupted_before("the work"):
        from bench.suite.definition import find_suite

        found = find_suite(name)
        with stage(LOADING, piped=True):
            # Imported late: a wrong name should not wait seconds for torch, scikit-learn and xgboost.
            from bench.cli.suites import run_suite

        run_suite(found, data_dir, flags, out, dry_run=dry_run, retry_failed=retry_failed)


@suite.command("status")
def status(folder: Folder, format_: options.Format = "rich") -> None:
    """Say how far each set of a suite is, and whether a process works on it."""
    check_format(format_)
    from bench.suite.store import open_suite
    from bench.suite.tables.status import suite_status

    print_grid(suite_status(open_suite(folder)), format_)


Supervision = Annotated[
    str | None,
    typer.Option(
        help='Only cells with these labels, e.g. "noise 0.1"; clean. (default: clean)', metavar="WORDS", show_default=False
    ),
]
Metric = Annotated[str, typer.Option(help="What the ranking is by.", metavar="accuracy|macro_accuracy|accuracy_test")]
Sets = Annotated[str | None, typer.Option("--sets", help="Only these sets of the suite.", metavar="NAME,…", show_default=False)]


@suite.command("table")
def table(
    folder: Folder,
    show: Annotated[str, typer.Option(help="Which table.", metavar="ranking|sets|wins|pairs|labels|supervision")] = "ranking",
    metric: Metric = "accuracy",
    sets: Sets = None,
    methods: options.SomeMethods = None,
    supervision: Supervision = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Method that pairs and labels compare with. (default: the first; logreg)", metavar="NAME", show_default=False
        ),
    ] = None,
    format_: options.Format = "rich",
) -> None:
    """Print the ranking of methods over the sets of a suite, or another table of it."""
    check_format(format_)
    from bench.suite.open_suite import OpenSuite
    from bench.suite.tables import Ask, table_of

    made = table_of(show)
    grid = made.make(OpenSuite(folder, sets=sets, methods=methods, metric=metric, supervision=supervision), Ask(reference))
    if grid is None:
        lacking = "only labels of one quality were run (--label-noise)" if show == "supervision" else "too few methods or budgets"
        raise SettingsError(f"{folder} has nothing for the table {show}: {lacking}")
    print_grid(grid, format_)


@suite.command("report")
def report(
    folder: Folder,
    metric: Metric = "accuracy",
    sets: Sets = None,
    methods: options.SomeMethods = None,
    supervision: Supervision = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (default: FOLDER/report.html)", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Write one self-contained HTML page: the answer, ranking, critical-difference diagram, profiles, curves of every set."""
    from bench.show.page import render_page
    from bench.store.atomic import write_text
    from bench.store.folder import REPORT
    from bench.suite.open_suite import OpenSuite
    from bench.suite.report import make_page

    path = out or folder / REPORT
    write_text(
        path, render_page(make_page(OpenSuite(folder, sets=sets, methods=methods, metric=metric, supervision=supervision)))
    )
    typer.echo(path)


@suite.command("leaderboard")
def leaderboard(
    folder: Folder,
    metric: Metric = "accuracy",
    sets: Sets = None,
    methods: options.SomeMethods = None,
    supervision: Supervision = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. (default: FOLDER/leaderboard)", file_okay=False, show_default=False)
    ] = None,
) -> None:
    """Rebuild every table from records alone, as Markdown, CSV and LaTeX, and every figure."""
    from bench.cli.leaderboard import write_leaderboard
    from bench.suite.open_suite import OpenSuite

    write_leaderboard(
        OpenSuite(folder, sets=sets, methods=methods, metric=metric, supervision=supervision), out or folder / "leaderboard"
    )
