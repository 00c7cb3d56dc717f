"""What tables that compare with a reference share: the curves shown, and those of the reference."""

from bench.errors import unknown_name
from bench.reading.open_run import OpenRun
from bench.stats.seeds import CURVE, LOWER_IS_BETTER, METRICS, SeedTable, reference_tables, seed_tables


def references(run: OpenRun, metric: str, reference: str, *, required: bool = True) -> tuple[list[SeedTable], list[SeedTable]]:
    """Return the seed tables of the methods shown, and those of the reference: a method's name, or with its K (`soft K=50`).

    Raises
    ------
    SettingsError
        For a metric that cannot be compared like this, or a `required` reference that the run does not have.
    """
    if metric not in METRICS or metric in LOWER_IS_BETTER:
        raise unknown_name("metric for this table", metric, [name for name in METRICS if name not in LOWER_IS_BETTER])
    tables = seed_tables(run.records_of_all_methods, metric)
    bases = reference_tables(tables, reference)
    if not bases and required:
        raise unknown_name("method in this run", reference, [table.label for table in tables])
    curves = run.records[list(CURVE)].drop_duplicates().fillna({"n_components": 0, "supervision": ""})
    chosen = set(curves.itertuples(index=False, name=None))

    def is_chosen(table: SeedTable) -> bool:
        return (table.method, table.sampler, table.n_components or 0, table.supervision) in chosen

    return [table for table in tables if is_chosen(table) or (table in bases and required)], bases
