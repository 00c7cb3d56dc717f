"""`gmvae-bench datasets`: data by name, and what is understood of the user's own."""

from typing import Annotated, Any

import typer
from rich.table import Table

from bench.cli import options
from bench.cli.state import make_console
from bench.data.files import suffixes
from bench.data.registry import all_datasets, default_data_dir
from bench.errors import SettingsError

_DESCRIBE = "describe"


@options.reads_data
def datasets(
    action: Annotated[
        str | None, typer.Argument(help="describe: say what is understood of data.", metavar="[describe]", show_default=False)
    ] = None,
    data: Annotated[
        str | None, typer.Argument(help="A name, file or folder to describe.", metavar="[DATA]", show_default=False)
    ] = None,
    data_dir: options.DataDir = None,
    holdout: options.Holdout = None,
    reading: options.Given = None,
) -> None:
    """List the data sets; or, with `describe FILE`, say what a run would read in a file or folder, without training."""
    if action is None:
        _list(data_dir or default_data_dir())
        return
    if action != _DESCRIBE or data is None:
        raise SettingsError(
            f"datasets got {' '.join(filter(None, (action, data)))!r}; expected nothing, or `describe` and a file"
        )
    from bench.cli.describing import describe_data

    given: dict[str, Any] = {"data": data, "data_dir": data_dir, "holdout": holdout, **(reading or {})}
    describe_data({name: value for name, value in given.items() if value is not None})


def _list(folder: Any) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, justify in (
        ("data set", "left"),
        ("items", "right"),
        ("classes", "right"),
        ("on disk", "left"),
        ("what it is", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=name != "what it is")  # type: ignore[arg-type]
    for name, source in all_datasets().items():
        there = "yes" if source.on_disk(folder) else "no, downloads"
        table.add_row(name, f"{source.n_items:,}", str(source.n_classes), there, source.summary)
    console = make_console()
    console.print(table)
    console.print(
        f"\nfolder: {folder}\nown data: --data with a {suffixes()} file, or a folder of images; "
        "`gmvae-bench datasets describe FILE` says what is understood of it",
        style="dim",
        soft_wrap=True,
    )
