"""Commands that list what there is: `methods`, `datasets`."""

from bench.cli import options
from bench.cli.state import make_console
from bench.plugins import origin_of


def methods() -> None:
    """List methods (what each sees, whether it needs clusters or a trained model) and samplers, and where each comes from."""
    from rich.table import Table

    from bench.judge.methods import ENTRY_POINTS, all_methods
    from bench.plan.samplers import ENTRY_POINTS as SAMPLER_POINTS
    from bench.plan.samplers import all_samplers

    def listing(*columns: str) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name in columns:
            table.add_column(name, no_wrap=name not in ("what it is", "from"), overflow="fold")
        return table

    console = make_console()
    table = listing("method", "sees", "needs", "what it is", "from")
    for name, method in all_methods().items():
        needs = {"nothing": "labels", "clusters": "labels, K", "model": "labels, model", "vae": "labels, VAE"}[method.needs]
        remark = "; only where named" if method.tuned else ""
        table.add_row(name, method.sees, needs, method.summary + remark, origin_of(name, ENTRY_POINTS))
    console.print(table)
    table = listing("sampler", "needs", "what it is", "from")
    for name, sampler in all_samplers().items():
        needs = ", ".join(["model"] * sampler.needs_model + ["all labels (oracle)"] * sampler.oracle) or "nothing"
        table.add_row(name, needs, sampler.summary, origin_of(name, SAMPLER_POINTS))
    console.print()
    console.print(table)


def datasets(
    data_dir: options.DataDir = None,
) -> None:
    """List the data sets: size, classes, and whether they are on disk."""
    from rich.table import Table

    from bench.data.registry import all_datasets, default_data_dir

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
        f"\nfolder: {folder}\nown data: --data FILE.npz, .csv or .parquet, or a folder of images", style="dim", soft_wrap=True
    )
