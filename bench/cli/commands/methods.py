"""`gmvae-bench methods`: what can be compared, and how items can be chosen."""

from rich.table import Table

from bench.cli.state import make_console
from bench.judge.methods import ENTRY_POINTS, all_methods
from bench.plan.samplers import ENTRY_POINTS as SAMPLER_POINTS
from bench.plan.samplers import all_samplers
from bench.plugins import origin_of

_NEEDS = {
    "nothing": "labels",
    "clusters": "labels, K",
    "model": "labels, model",
    "models": "labels, models",
    "vae": "labels, VAE",
}


def methods() -> None:
    """List methods (what each sees, whether it needs clusters or a trained model) and samplers, and where each comes from."""

    def listing(*columns: str) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name in columns:
            table.add_column(name, no_wrap=name not in ("what it is", "from"), overflow="fold")
        return table

    console = make_console()
    table = listing("method", "sees", "needs", "what it is", "from")
    for name, method in all_methods().items():
        remark = "" if method.unasked else "; only where named"
        table.add_row(name, method.sees, _NEEDS[method.needs], method.summary + remark, origin_of(name, ENTRY_POINTS))
    console.print(table)
    table = listing("sampler", "needs", "what it is", "from")
    for name, sampler in all_samplers().items():
        needs = ", ".join(["model"] * sampler.needs_model + ["all labels (oracle)"] * sampler.oracle) or "nothing"
        table.add_row(name, needs, sampler.summary, origin_of(name, SAMPLER_POINTS))
    console.print()
    console.print(table)
