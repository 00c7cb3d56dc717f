"""`gmvae-bench merge`: several runs, or results of one suite, as one."""

from pathlib import Path
from typing import Annotated

import typer

from bench.errors import SettingsError
from bench.store.merging import merge_runs, merged_text
from bench.suite.merging import merge_suites
from bench.suite.store import is_suite


def merge(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, or of one suite's results.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder for the result; it may hold one already.", show_default=False)] = None,
) -> None:
    """Unite runs on the same data with the same training, or results of the same suite: two machines, two people.

    Others are refused, and what differs is named. Of a cell that several finished, the last one counts.
    """
    if out is None:
        raise SettingsError("merge needs --out, a folder for the result")
    if len(folders) < 2 and not out.exists():
        raise SettingsError("merge needs at least two folders")
    of_suites = [is_suite(folder) for folder in folders]
    if all(of_suites):
        for name, merged in merge_suites(folders, out).items():
            typer.echo(f"{name}: {merged_text(merged)}")
    elif any(of_suites):
        raise SettingsError("some of the folders are of suites, others of runs; merge those of one kind")
    else:
        typer.echo(merged_text(merge_runs(folders, out)))
    typer.echo(out)
