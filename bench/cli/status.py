"""`gmvae-bench status`: how far a run is, while it runs or after it stopped."""

from typing import TYPE_CHECKING

import typer

from bench.cli.reading import Format, RunFolder, check_format, print_grid

if TYPE_CHECKING:
    from bench.standing import Standing

_MAX_CAUSES = 5


def status(run: RunFolder, format_: Format = "rich") -> None:
    """Say how far a run is: cells done, failed and missing, models trained and training, and whether a process is at it."""
    from bench.show.status import status_grid
    from bench.standing import standing_of
    from bench.store.folder import open_run

    check_format(format_)
    stored = open_run(run, empty=True)
    found = standing_of(stored)
    grid = status_grid(
        f"{run}: {_state(found, exported=stored.exported)}",
        [(of.method, of.done, of.running, of.failed, of.missing) for of in found.methods],
        found.progress if found.running else None,
        () if stored.exported else found.trained,
        () if stored.exported else found.untrained,
        _notes(found),
    )
    print_grid(grid, format_)
    if format_ == "rich":
        for method, error, count in found.causes[:_MAX_CAUSES]:
            typer.echo(f"failed: {method}, {count:,} cells: {error}")
        if found.causes and not stored.exported:
            typer.echo("The run's command with --retry-failed runs them again.")


def _state(found: "Standing", *, exported: bool) -> str:
    if exported:
        return "an exported run: records, without models"
    if found.running:
        who = found.progress
        return "running" if who is None else f"running (process {who.pid} on {who.host}, since {who.begun})"
    if not found.readable:
        return "stopped; what its last command asked for cannot be told here (a method that is not installed?)"
    if found.complete:
        return "complete"
    return "stopped; repeat its command to go on"


def _notes(found: "Standing") -> list[str]:
    notes = []
    if found.broken:
        notes.append(f"{found.broken} files of records cannot be read; their cells run again")
    if found.elsewhere:
        notes.append(f"and {found.elsewhere:,} records of earlier commands")
    return notes
