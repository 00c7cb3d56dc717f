"""`gmvae-bench datasets`: data by name."""

from rich.table import Table

from bench.cli import options
from bench.cli.state import make_console
from bench.data.files import suffixes
from bench.data.registry import all_datasets, default_data_dir


def datasets(
    data_dir: options.DataDir = None,
) -> None:
    """List the data sets: size, classes, and whether they are on disk."""
    folder = data_dir or default_data_dir()
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
        f"\nfolder: {folder}\nown data: --data with a {suffixes()} file, or a folder of images", style="dim", soft_wrap=True
    )
