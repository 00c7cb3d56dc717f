"""`gmvae-bench methods`: what can be compared, and how items can be chosen."""

from collections.abc import Sequence

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
_OURS, _WIDE = "built in", 110


def methods() -> None:
    """List methods (what each sees, whether it needs clusters or a trained model) and samplers, and where each comes from."""
    console = make_console()
    methods: list[tuple[str, ...]] = []
    for name, one in all_methods().items():
        summary = one.summary + ("" if one.unasked else "; only where named")
        methods.append((name, one.sees, _NEEDS[one.needs], summary, origin_of(name, ENTRY_POINTS)))
    samplers = [
        (name, ", ".join(["model"] * one.needs_model + ["all labels (oracle)"] * one.oracle) or "nothing", one.summary,
         origin_of(name, SAMPLER_POINTS))
        for name, one in all_samplers().items()
    ]  # fmt: skip
    console.print(_listing(("method", "sees", "needs", "what it is", "from"), methods, console.width))
    console.print()
    console.print(_listing(("sampler", "needs", "what it is", "from"), samplers, console.width))


def _listing(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Return a table without what all rows share, nor, where room is scarce, what matters least."""
    left_out = set() if width >= _WIDE else {"sees"}
    if {row[-1] for row in rows} == {_OURS}:
        left_out.add("from")
    shown = [index for index, name in enumerate(columns) if name not in left_out]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for index in shown:
        table.add_column(columns[index], no_wrap=columns[index] not in ("what it is", "from"), overflow="fold")
    for row in rows:
        table.add_row(*(row[index] for index in shown))
    return table
